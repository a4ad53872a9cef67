//! From messages to the bytes of DATA frames and back: [`Codec`] and what ships with it.
//!
//! An envelope is what gRPC calls a Length-Prefixed-Message: a flag, a length, and the bytes that a codec made.

// `encode_message` packs envelopes, `envelope` finds them in what was received, `batch` hands them out.
mod batch;
mod chunks;
mod envelope;
pub(crate) mod spare;
mod typed;

use bytes::{BufMut, BytesMut};
use prost::Message;

use crate::compression::{self, CompressionEncoding};
use crate::status::Status;

pub(crate) use self::batch::{Batch, Body, NotDecoded, Received};
pub(crate) use self::chunks::Chunks;
pub(crate) use self::envelope::{Assembler, BrokenEnvelope};
pub use self::typed::{BoxError, BytesCodec, Codec, DecodeBuf, ProstCodec};
pub(crate) use self::typed::{DecodeFn, EncodeFn};

/// The length of an envelope's prefix: one byte of flags and four of length.
pub(crate) const PREFIX_LEN: usize = 5;

/// Messages up to this size are encoded into a slice, for which the room has to be cleared first. Encoders are several
/// times faster on a slice than on a buffer that may grow; clearing costs next to nothing below this size.
const ENCODED_IN_PLACE: usize = 32 * 1024;

/// Envelopes shorter than this are not worth a compressor: gzip's frame alone takes 18 bytes.
const COMPRESSED_FROM: usize = 48;

/// Appends the envelope of `message`, not compressed, to `out`.
///
/// # Errors
///
/// RESOURCE_EXHAUSTED when the message is larger than `limit` bytes or than a length prefix can say; INTERNAL when it
/// encodes itself to less than it announced. `out` is then as it was.
///
/// # Panics
///
/// When a hand-written message encodes itself to more than it announced. `out` is then as it was, too.
pub(crate) fn encode_message<M: Message>(message: &M, limit: usize, out: &mut BytesMut) -> Result<(), Status> {
    let size = message.encoded_len();
    let length = check_size(size, limit)?;
    let mut envelope = Unfinished::begin(out);
    let missing = if size <= ENCODED_IN_PLACE {
        encode_into_slice(message, size, length, envelope.out)
    } else {
        encode_into_buffer(message, size, length, envelope.out)
    };
    if missing == 0 {
        envelope.finished = true;
        Ok(())
    } else {
        Err(Status::internal(format!("the message announced {size} bytes and encoded itself to {missing} fewer")))
    }
}

/// Appends the envelope of `message` as `encode` makes it, and compresses it if that makes it shorter.
///
/// # Errors
///
/// As the encoder; INTERNAL when the compressor fails. `out` is then as it was.
pub(crate) fn encode<T>(
    encode: EncodeFn<T>,
    message: &T,
    limit: usize,
    compression: Option<CompressionEncoding>,
    out: &mut BytesMut,
) -> Result<(), Status> {
    let start = out.len();
    encode(message, limit, out)?;
    // What is this short only grows.
    let Some(encoding) = compression.filter(|_| out.len() - start >= COMPRESSED_FROM) else { return Ok(()) };
    let mut envelope = BytesMut::from(&[1, 0, 0, 0, 0][..]);
    if let Err(error) = compression::compress(encoding, &out[start + PREFIX_LEN..], &mut envelope) {
        out.truncate(start);
        return Err(Status::internal(format!("the message cannot be compressed: {error}")).with_source(error));
    }
    if envelope.len() < out.len() - start
        && let Ok(length) = u32::try_from(envelope.len() - PREFIX_LEN)
    {
        envelope[1..PREFIX_LEN].copy_from_slice(&length.to_be_bytes());
        out.truncate(start);
        out.extend_from_slice(&envelope);
    }
    Ok(())
}

/// The size as a prefix says it.
///
/// # Errors
///
/// RESOURCE_EXHAUSTED when it is over `limit` bytes, or more than a length prefix can say.
fn check_size(size: usize, limit: usize) -> Result<u32, Status> {
    if size > limit {
        return Err(Status::resource_exhausted(format!(
            "the message to be sent has {size} bytes, the limit is {limit} bytes"
        )));
    }
    u32::try_from(size).map_err(|_| {
        let most = u32::MAX;
        Status::resource_exhausted(format!("the message to be sent has {size} bytes, gRPC allows {most} bytes"))
    })
}

/// Returns how many bytes fewer than announced the message has.
fn encode_into_slice<M: Message>(message: &M, size: usize, length: u32, out: &mut BytesMut) -> usize {
    let start = out.len();
    out.resize(start + PREFIX_LEN + size, 0);
    let (prefix, mut body) = out[start..].split_at_mut(PREFIX_LEN);
    prefix[1..].copy_from_slice(&length.to_be_bytes());
    // `Message::encode` would compute the length a second time.
    message.encode_raw(&mut body);
    body.len()
}

/// As `encode_into_slice`.
fn encode_into_buffer<M: Message>(message: &M, size: usize, length: u32, out: &mut BytesMut) -> usize {
    spare::reserve(out, PREFIX_LEN + size);
    out.put_u8(0);
    out.put_u32(length);
    let mut body = out.limit(size);
    message.encode_raw(&mut body);
    body.remaining_mut()
}

/// Takes an envelope back that was not finished, even if the message's encoder panicked.
struct Unfinished<'a> {
    out: &'a mut BytesMut,
    start: usize,
    finished: bool,
}

impl<'a> Unfinished<'a> {
    fn begin(out: &'a mut BytesMut) -> Self {
        Self { start: out.len(), out, finished: false }
    }

    /// Appends, and takes it back if that fails.
    fn append(&mut self, work: impl FnOnce(&mut BytesMut) -> Result<(), Status>) -> Result<(), Status> {
        let outcome = work(self.out);
        self.finished = outcome.is_ok();
        outcome
    }
}

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        if !self.finished {
            self.out.truncate(self.start);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use bytes::Bytes;

    use super::*;
    use crate::code::Code;
    use crate::codec::batch::Envelope;

    fn taken(wire: BytesMut) -> Vec<Envelope> {
        let mut assembler = Assembler::new(1 << 20);
        assembler.push(wire.freeze()).unwrap();
        let mut batch = Batch::default();
        assembler.take(&mut batch);
        std::iter::from_fn(|| batch.next()).collect()
    }

    #[test]
    fn messages_survive_the_trip() {
        let mut wire = BytesMut::new();
        for text in ["", "a", "hello"] {
            encode_message(&text.to_owned(), 100, &mut wire).unwrap();
        }
        assert_eq!(wire[..6], [0, 0, 0, 0, 0, 0]);
        let texts: Vec<String> = taken(wire).into_iter().map(|envelope| read(envelope.body).unwrap()).collect();
        assert_eq!(texts, ["", "a", "hello"]);
    }

    #[test]
    fn a_message_over_the_limit_is_refused_and_leaves_no_trace() {
        let message = Bytes::from(vec![7; 100]);
        let size = message.encoded_len();
        let mut wire = BytesMut::from(&b"before"[..]);
        let status = encode_message(&message, size - 1, &mut wire).unwrap_err();
        assert_eq!(status.code(), Code::ResourceExhausted);
        for number in [size, size - 1] {
            assert!(status.message().contains(&number.to_string()), "{status}");
        }
        assert_eq!(wire, "before");
        encode_message(&message, size, &mut wire).unwrap();
        assert_eq!(wire.len(), 6 + PREFIX_LEN + size);
    }

    /// A message whose announced length and whose content are not related.
    #[derive(Debug, Default)]
    struct Liar {
        announced: usize,
        written: usize,
    }

    impl Message for Liar {
        fn encode_raw(&self, out: &mut impl BufMut) {
            out.put_bytes(1, self.written);
        }

        fn merge_field(
            &mut self,
            _tag: u32,
            _wire_type: prost::encoding::WireType,
            _buf: &mut impl bytes::Buf,
            _context: prost::encoding::DecodeContext,
        ) -> Result<(), prost::DecodeError> {
            Ok(())
        }

        fn encoded_len(&self) -> usize {
            self.announced
        }

        fn clear(&mut self) {}
    }

    #[test]
    fn a_message_larger_than_the_prefix_can_say_is_refused() {
        let Some(announced) = usize::try_from(1_u64 << 32).ok() else {
            return;
        };
        let mut wire = BytesMut::new();
        let liar = Liar { announced, written: 1 };
        let status = encode_message(&liar, usize::MAX, &mut wire).unwrap_err();
        assert_eq!(status.code(), Code::ResourceExhausted);
        assert!(status.message().contains("4294967295"), "{status}");
        assert!(wire.is_empty());
    }

    #[test]
    fn a_message_that_lies_about_its_length_is_not_sent() {
        for announced in [3, ENCODED_IN_PLACE + 1] {
            let mut wire = BytesMut::from(&b"before"[..]);
            let short = Liar { announced, written: announced - 1 };
            let status = encode_message(&short, usize::MAX, &mut wire).unwrap_err();
            assert_eq!(status.code(), Code::Internal);
            assert_eq!(wire, "before");

            let long = Liar { announced, written: announced + 1 };
            let panicked = catch_unwind(AssertUnwindSafe(|| {
                let _ = encode_message(&long, usize::MAX, &mut wire);
            }));
            assert!(panicked.is_err());
            assert_eq!(wire, "before");
        }
    }

    #[test]
    fn both_ways_of_encoding_agree() {
        for size in [ENCODED_IN_PLACE - 4, ENCODED_IN_PLACE + 4] {
            let message = Bytes::from(vec![7; size]);
            let mut wire = BytesMut::from(&b"before"[..]);
            encode_message(&message, usize::MAX, &mut wire).unwrap();
            let mut expected = b"before\0".to_vec();
            expected.extend(u32::try_from(message.encoded_len()).unwrap().to_be_bytes());
            expected.extend(message.encode_to_vec());
            assert!(wire == expected);
        }
    }

    fn read(body: Body) -> Result<String, BoxError> {
        ProstCodec::decode(body.into())
    }

    #[test]
    fn garbage_is_an_error() {
        assert!(read(Body::from(Bytes::from_static(b"\x0a\xff"))).is_err());
    }
}
