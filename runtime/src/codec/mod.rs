//! From messages to the bytes of DATA frames and back.
//!
//! `encode_message` packs envelopes, `envelope` finds them in what was received, `batch` hands them out, and
//! `decode_message` reads one.

mod batch;
mod chunks;
mod envelope;

use bytes::{BufMut, BytesMut};
use prost::{DecodeError, Message};

use crate::status::Status;

pub(crate) use self::batch::{Batch, Body, NotDecoded, Received};
pub(crate) use self::envelope::{Assembler, BrokenEnvelope};

/// The length of an envelope's prefix: one byte of flags and four of length.
pub(crate) const PREFIX_LEN: usize = 5;

/// Messages up to this size are encoded into a slice, for which the room has to be cleared first. Encoders are several
/// times faster on a slice than on a buffer that may grow; clearing costs next to nothing below this size.
const ENCODED_IN_PLACE: usize = 32 * 1024;

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
    if size > limit {
        return Err(Status::resource_exhausted(format!(
            "the message to be sent has {size} bytes, the limit is {limit} bytes"
        )));
    }
    let Ok(length) = u32::try_from(size) else {
        return Err(Status::resource_exhausted(format!(
            "the message to be sent has {size} bytes, gRPC allows {} bytes",
            u32::MAX
        )));
    };
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
    out.reserve(PREFIX_LEN + size);
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
}

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        if !self.finished {
            self.out.truncate(self.start);
        }
    }
}

/// Reads the message in an envelope.
///
/// # Errors
///
/// When the bytes are not a message of this type.
pub(crate) fn decode_message<M: Message + Default>(body: Body) -> Result<M, DecodeError> {
    match body {
        // One slice is by far the usual case, and the decoder is at its fastest on it.
        Body::Whole(bytes) => M::decode(bytes),
        Body::Chain(chunks) => M::decode(*chunks),
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
        let texts: Vec<String> =
            taken(wire).into_iter().map(|envelope| decode_message(envelope.body).unwrap()).collect();
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
        ) -> Result<(), DecodeError> {
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

    #[test]
    fn garbage_is_an_error() {
        assert!(decode_message::<String>(Body::from(Bytes::from_static(b"\x0a\xff"))).is_err());
    }
}
