//! `Batch`: complete envelopes on their way from the connection to the application.

use bytes::{Buf, Bytes};

use super::PREFIX_LEN;
use super::chunks::Chunks;
use super::typed::{BoxError, DecodeBuf, DecodeFn, Source};

/// Messages up to this size are decoded where they lie. The `bytes` fields of larger ones are slices of what was
/// received; for a small one a copy costs no more, and does not keep a whole payload alive.
const DECODED_IN_PLACE: usize = 2 * 1024;

/// Envelopes that are complete, in the order of their arrival.
///
/// The thread that owns a batch slices the messages out of it one by one; whoever filled it did no work per message.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    /// Holds whole envelopes only, with flags and lengths that the assembler has checked.
    pub(super) chunks: Chunks,
}

/// One received envelope.
#[derive(Debug)]
pub(crate) struct Envelope {
    /// The compressed flag.
    pub(crate) compressed: bool,
    /// The message.
    pub(crate) body: Body,
    /// The bytes that the envelope took on the wire, prefix included.
    pub(crate) wire_len: usize,
}

/// The bytes of a message: one slice, or several if the message came in more than one large DATA frame.
#[derive(Debug)]
pub(crate) enum Body {
    Whole(Bytes),
    /// In a box, because a rare case should not make every envelope larger.
    Chain(Box<Chunks>),
}

/// One received message.
#[derive(Debug)]
pub(crate) struct Received<M> {
    pub(crate) message: Result<M, NotDecoded>,
    /// The bytes that the envelope took on the wire, prefix included.
    pub(crate) wire_len: usize,
}

/// Why there is an envelope but no message.
#[derive(Debug)]
pub(crate) enum NotDecoded {
    /// The bytes are not a message of the type that was expected.
    Invalid(BoxError),
    /// The message is compressed; these are its bytes.
    Compressed(Body),
}

impl Batch {
    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }

    /// The bytes that the envelopes in here took on the wire.
    #[cfg(test)]
    pub(crate) fn wire_bytes(&self) -> usize {
        self.chunks.len()
    }

    /// The next envelope.
    pub(crate) fn next(&mut self) -> Option<Envelope> {
        let front = self.chunks.front();
        let Some((prefix, behind)) = front.split_first_chunk::<PREFIX_LEN>() else {
            return self.next_across_chunks();
        };
        let (compressed, size) = read_prefix(prefix);
        if size > behind.len() {
            return self.next_across_chunks();
        }
        let wire_len = PREFIX_LEN + size;
        let mut body = self.chunks.split_front(wire_len);
        body.advance(PREFIX_LEN);
        Some(Envelope { compressed, body: Body::Whole(body), wire_len })
    }

    /// The next envelope with its message decoded, unless it is compressed. This is the fastest way to read many small
    /// messages.
    pub(crate) fn next_message<M>(&mut self, decode: DecodeFn<M>) -> Option<Received<M>> {
        if let Some((prefix, behind)) = self.chunks.front().split_first_chunk::<PREFIX_LEN>()
            && let (false, size) = read_prefix(prefix)
            && size <= DECODED_IN_PLACE
            && let Some(body) = behind.get(..size)
        {
            let message = decode(DecodeBuf(Source::Slice(body))).map_err(NotDecoded::Invalid);
            let wire_len = PREFIX_LEN + size;
            self.chunks.advance(wire_len);
            return Some(Received { message, wire_len });
        }
        let Envelope { compressed, body, wire_len } = self.next()?;
        let message = if compressed {
            Err(NotDecoded::Compressed(body))
        } else {
            decode(body.into()).map_err(NotDecoded::Invalid)
        };
        Some(Received { message, wire_len })
    }

    /// As `next`, for an envelope that does not lie in one slice.
    #[cold]
    fn next_across_chunks(&mut self) -> Option<Envelope> {
        if self.chunks.len() < PREFIX_LEN {
            debug_assert!(self.chunks.is_empty(), "a batch holds whole envelopes");
            return None;
        }
        let mut prefix = [0; PREFIX_LEN];
        self.chunks.copy_to_slice(&mut prefix);
        let (compressed, size) = read_prefix(&prefix);
        debug_assert!(size <= self.chunks.len(), "a batch holds whole envelopes");
        let body = if size <= self.chunks.front().len() {
            Body::Whole(self.chunks.split_front(size))
        } else {
            let mut chain = Box::<Chunks>::default();
            self.chunks.move_to(size, &mut chain);
            Body::Chain(chain)
        };
        Some(Envelope { compressed, wire_len: PREFIX_LEN + size, body })
    }
}

impl Buf for Body {
    fn remaining(&self) -> usize {
        match self {
            Self::Whole(bytes) => bytes.remaining(),
            Self::Chain(chunks) => chunks.remaining(),
        }
    }

    fn chunk(&self) -> &[u8] {
        match self {
            Self::Whole(bytes) => bytes.chunk(),
            Self::Chain(chunks) => chunks.chunk(),
        }
    }

    fn advance(&mut self, count: usize) {
        match self {
            Self::Whole(bytes) => bytes.advance(count),
            Self::Chain(chunks) => chunks.advance(count),
        }
    }

    fn copy_to_bytes(&mut self, count: usize) -> Bytes {
        match self {
            Self::Whole(bytes) => bytes.copy_to_bytes(count),
            Self::Chain(chunks) => chunks.copy_to_bytes(count),
        }
    }
}

impl From<Body> for DecodeBuf<'_> {
    fn from(body: Body) -> Self {
        Self(Source::Body(body))
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self::Whole(bytes)
    }
}

/// The compressed flag and the size of the message.
fn read_prefix(prefix: &[u8; PREFIX_LEN]) -> (bool, usize) {
    let &[flag, a, b, c, d] = prefix;
    (flag == 1, u32::from_be_bytes([a, b, c, d]) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{Codec, ProstCodec};

    fn batch(parts: &[&'static [u8]]) -> Batch {
        let mut batch = Batch::default();
        for part in parts {
            batch.chunks.push(Bytes::from_static(part));
        }
        batch
    }

    #[test]
    fn envelopes_in_one_slice() {
        let mut batch = batch(&[b"\0\0\0\0\x02ab\x01\0\0\0\0\0\0\0\0\x01c"]);
        assert_eq!(batch.wire_bytes(), 18);
        for (compressed, text) in [(false, "ab"), (true, ""), (false, "c")] {
            let mut envelope = batch.next().unwrap();
            assert_eq!(envelope.compressed, compressed);
            assert_eq!(envelope.wire_len, 5 + text.len());
            assert!(matches!(envelope.body, Body::Whole(_)));
            assert_eq!(envelope.body.copy_to_bytes(text.len()), text);
            assert!(!envelope.body.has_remaining());
        }
        assert!(batch.next().is_none() && batch.is_empty());
    }

    #[test]
    fn messages() {
        // A string is read as a message whose field 1 is a string.
        let large = format!("\n\u{2}ok{}", "\n\u{0}".repeat(DECODED_IN_PLACE));
        let mut wire = vec![0, 0, 0, 0, 4, 10, 2, b'h', b'i'];
        wire.extend([0, 0, 0, 0, 1, 0xff]);
        wire.extend([1, 0, 0, 0, 1, 7]);
        wire.extend([0, 0, 0, 0, 0]);
        wire.push(0);
        wire.extend(u32::try_from(large.len()).unwrap().to_be_bytes());
        wire.extend(large.as_bytes());
        let length = wire.len();
        for cut in 0..length {
            let mut batch = Batch::default();
            batch.chunks.push(Bytes::copy_from_slice(&wire[..cut]));
            batch.chunks.push(Bytes::copy_from_slice(&wire[cut..]));
            let mut read = Vec::new();
            let mut bytes = 0;
            while let Some(received) = batch.next_message::<String>(ProstCodec::decode) {
                bytes += received.wire_len;
                read.push(match received.message {
                    Ok(text) => text,
                    Err(NotDecoded::Invalid(_)) => "invalid".to_owned(),
                    Err(NotDecoded::Compressed(_)) => "compressed".to_owned(),
                });
            }
            assert_eq!(read, ["hi", "invalid", "compressed", "", ""]);
            assert_eq!(bytes, length);
        }
    }

    #[test]
    fn envelopes_across_slices() {
        let mut batch = batch(&[b"\0\0", b"\0\0\x04ab", b"c", b"d\0\0\0\0", b"\x02", b"ef"]);
        let mut chained = batch.next().unwrap();
        assert!(matches!(chained.body, Body::Chain(_)));
        assert_eq!(chained.body.remaining(), 4);
        assert_eq!(chained.body.chunk(), b"ab");
        chained.body.advance(1);
        assert_eq!(chained.body.copy_to_bytes(3), "bcd");
        let whole = batch.next().unwrap();
        assert!(matches!(whole.body, Body::Whole(bytes) if bytes == "ef"));
        assert!(batch.next().is_none());
    }
}
