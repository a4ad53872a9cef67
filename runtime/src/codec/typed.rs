//! `Codec`: how the messages of a method become bytes and back.

use std::error::Error as StdError;

use bytes::{Buf, Bytes, BytesMut};
use prost::Message;

use super::batch::Body;
use super::{PREFIX_LEN, Unfinished, encode_message};
use crate::status::Status;

/// What a codec fails with.
pub type BoxError = Box<dyn StdError + Send + Sync>;

/// How the messages of a method become bytes and back. Implemented by a type without values; nothing is kept from one
/// message to the next.
///
/// [`ProstCodec`] is the one that generated code uses unless told otherwise, [`BytesCodec`] leaves messages as they are
/// on the wire.
///
/// # Examples
/// A codec of one's own:
/// ```
/// use bytes::{Buf, BufMut, BytesMut};
/// use stolid::codec::{BoxError, Codec, DecodeBuf};
///
/// /// Numbers as decimal text.
/// #[derive(Debug, Clone, Copy)]
/// struct Decimal;
///
/// impl Codec<u64> for Decimal {
///     const SUBTYPE: &'static str = "decimal";
///
///     fn encode(message: &u64, buffer: &mut BytesMut) -> Result<(), BoxError> {
///         buffer.put_slice(message.to_string().as_bytes());
///         Ok(())
///     }
///
///     fn decode(mut buffer: DecodeBuf<'_>) -> Result<u64, BoxError> {
///         let text = buffer.copy_to_bytes(buffer.remaining());
///         Ok(std::str::from_utf8(&text)?.parse()?)
///     }
/// }
/// ```
pub trait Codec<T>: Send + Sync + 'static {
    /// What the format is called in the content-type, `application/grpc+SUBTYPE` (gRPC over HTTP/2, "Content-Type"):
    /// lower-case letters, digits, `-` and `.`. For `"proto"` the content-type is plain `application/grpc`.
    ///
    /// A server refuses a call that names another subtype with UNIMPLEMENTED; a call that names none is served.
    const SUBTYPE: &'static str;

    /// Appends the bytes of `message` to `buffer`. What is in the buffer already belongs to somebody else.
    ///
    /// # Errors
    /// The call fails with INTERNAL and the text of the error.
    fn encode(message: &T, buffer: &mut BytesMut) -> Result<(), BoxError>;

    /// Reads a message from all the bytes of `buffer`.
    ///
    /// # Errors
    /// The call fails with INTERNAL and the text of the error.
    fn decode(buffer: DecodeBuf<'_>) -> Result<T, BoxError>;

    /// Appends a whole envelope.
    #[doc(hidden)]
    fn encode_envelope(message: &T, limit: usize, out: &mut BytesMut) -> Result<(), Status> {
        let mut envelope = Unfinished::begin(out);
        envelope.append(|out| {
            let start = out.len();
            out.extend_from_slice(&[0; PREFIX_LEN]);
            Self::encode(message, out).map_err(cannot_encode)?;
            let Some(size) = out.len().checked_sub(start + PREFIX_LEN) else {
                return Err(Status::internal("the codec took bytes out of the buffer that it should append to"));
            };
            let length = super::check_size(size, limit)?;
            out[start] = 0;
            out[start + 1..start + PREFIX_LEN].copy_from_slice(&length.to_be_bytes());
            Ok(())
        })
    }
}

fn cannot_encode(error: BoxError) -> Status {
    Status::internal(format!("the message cannot be encoded: {error}")).with_source(error)
}

/// The bytes of one received message, to be read through [`bytes::Buf`].
#[derive(Debug)]
pub struct DecodeBuf<'a>(pub(super) Source<'a>);

#[derive(Debug)]
pub(super) enum Source<'a> {
    /// Small messages are read where they lie.
    Slice(&'a [u8]),
    Body(Body),
}

impl<'a> DecodeBuf<'a> {
    /// A message that lies in `bytes`, to test a codec.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(Source::Slice(bytes))
    }
}

impl Buf for DecodeBuf<'_> {
    fn remaining(&self) -> usize {
        match &self.0 {
            Source::Slice(slice) => slice.len(),
            Source::Body(body) => body.remaining(),
        }
    }

    fn chunk(&self) -> &[u8] {
        match &self.0 {
            Source::Slice(slice) => slice,
            Source::Body(body) => body.chunk(),
        }
    }

    fn advance(&mut self, count: usize) {
        match &mut self.0 {
            Source::Slice(slice) => slice.advance(count),
            Source::Body(body) => body.advance(count),
        }
    }

    fn copy_to_bytes(&mut self, count: usize) -> Bytes {
        match &mut self.0 {
            Source::Slice(slice) => slice.copy_to_bytes(count),
            Source::Body(body) => body.copy_to_bytes(count),
        }
    }
}

/// Protocol Buffers by `prost`.
#[derive(Debug, Clone, Copy, Default)]
pub struct ProstCodec;

impl<M: Message + Default> Codec<M> for ProstCodec {
    const SUBTYPE: &'static str = "proto";

    fn encode(message: &M, buffer: &mut BytesMut) -> Result<(), BoxError> {
        Ok(message.encode(buffer)?)
    }

    fn decode(buffer: DecodeBuf<'_>) -> Result<M, BoxError> {
        // One slice is by far the usual case, and the decoder is at its fastest on it.
        let decoded = match buffer.0 {
            Source::Slice(slice) => M::decode(slice),
            Source::Body(Body::Whole(bytes)) => M::decode(bytes),
            Source::Body(Body::Chain(chunks)) => M::decode(*chunks),
        };
        Ok(decoded?)
    }

    fn encode_envelope(message: &M, limit: usize, out: &mut BytesMut) -> Result<(), Status> {
        encode_message(message, limit, out)
    }
}

/// Messages as they are on the wire: for proxies, recorders, and calls to services whose `.proto` is not known.
///
/// # Examples
/// ```no_run
/// use bytes::Bytes;
/// use stolid::{Channel, Request, client::Grpc, codec::BytesCodec};
///
/// let grpc = Grpc::new(Channel::connect("http://127.0.0.1:50051")?).with_codec::<BytesCodec>();
/// let answer = grpc.unary("/demo.Echo/Say", Request::new(Bytes::from_static(b"\x0a\x02hi")))?;
/// let bytes: Bytes = answer.into_inner();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct BytesCodec;

impl Codec<Bytes> for BytesCodec {
    const SUBTYPE: &'static str = "proto";

    fn encode(message: &Bytes, buffer: &mut BytesMut) -> Result<(), BoxError> {
        buffer.extend_from_slice(message);
        Ok(())
    }

    fn decode(mut buffer: DecodeBuf<'_>) -> Result<Bytes, BoxError> {
        Ok(buffer.copy_to_bytes(buffer.remaining()))
    }
}

/// Appends the envelope of a message, not compressed.
pub(crate) type EncodeFn<T> = fn(&T, usize, &mut BytesMut) -> Result<(), Status>;

/// Reads a message.
pub(crate) type DecodeFn<T> = fn(DecodeBuf<'_>) -> Result<T, BoxError>;

#[cfg(test)]
mod tests {
    use bytes::BufMut;

    use super::*;
    use crate::code::Code;

    /// Texts with an exclamation mark; has a fault for each way to fail.
    struct Loud;

    impl Codec<String> for Loud {
        const SUBTYPE: &'static str = "loud";

        fn encode(message: &String, buffer: &mut BytesMut) -> Result<(), BoxError> {
            match message.as_str() {
                "fail" => return Err("cannot shout that".into()),
                "clear" => buffer.clear(),
                "panic" => panic!("in the codec"),
                _ => {}
            }
            buffer.put_slice(message.as_bytes());
            buffer.put_u8(b'!');
            Ok(())
        }

        fn decode(mut buffer: DecodeBuf<'_>) -> Result<String, BoxError> {
            let bytes = buffer.copy_to_bytes(buffer.remaining());
            Ok(String::from_utf8(bytes.strip_suffix(b"!").ok_or("too quiet")?.to_vec())?)
        }
    }

    #[test]
    fn an_envelope_of_a_codec_of_ones_own() {
        let mut out = BytesMut::from(&b"before"[..]);
        Loud::encode_envelope(&"hey".to_owned(), 4, &mut out).unwrap();
        assert_eq!(out, &b"before\0\0\0\0\x04hey!"[..]);
        assert_eq!(Loud::decode(DecodeBuf::new(&out[11..])).unwrap(), "hey");
        assert_eq!(Loud::decode(DecodeBuf::new(b"x")).unwrap_err().to_string(), "too quiet");
    }

    #[test]
    fn an_encoder_that_fails_leaves_no_trace() {
        for (text, code, says) in [
            ("fail", Code::Internal, "cannot shout that"),
            ("clear", Code::Internal, "took bytes out"),
            ("four", Code::ResourceExhausted, "5 bytes, the limit is 4"),
        ] {
            let mut out = BytesMut::from(&b"before"[..]);
            let status = Loud::encode_envelope(&text.to_owned(), 4, &mut out).unwrap_err();
            assert_eq!(status.code(), code, "{text}");
            assert!(status.message().contains(says), "{status}");
            if text != "clear" {
                assert_eq!(out, &b"before"[..], "{text}");
            }
        }
        let mut out = BytesMut::from(&b"before"[..]);
        let text = "panic".to_owned();
        let encode = std::panic::AssertUnwindSafe(|| Loud::encode_envelope(&text, 9, &mut out));
        assert!(std::panic::catch_unwind(encode).is_err());
        assert_eq!(out, &b"before"[..]);
    }

    #[test]
    fn a_buffer_reads_the_same_whatever_it_lies_in() {
        let mut slice = DecodeBuf::new(b"abc");
        let mut whole = DecodeBuf(Source::Body(Body::Whole(Bytes::from_static(b"abc"))));
        for buffer in [&mut slice, &mut whole] {
            assert_eq!((buffer.remaining(), buffer.chunk()), (3, &b"abc"[..]));
            buffer.advance(1);
            assert_eq!(buffer.copy_to_bytes(2), "bc");
            assert!(!buffer.has_remaining());
        }
    }
}
