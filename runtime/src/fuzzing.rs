//! The readers and writers of what travels between peers, as plain functions for the fuzz targets in `tests/fuzz` and for
//! the small measurements in `tests/benches/micro`.
//!
//! cargo-fuzz sets `--cfg fuzzing`; without it this module does not exist. Nothing is decided here.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use http::uri::{Authority, Scheme};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, request, response};
use prost::Message;

use crate::codec::{self, Codec, ProstCodec};
use crate::compression::{self, Accept, Coding, CompressionEncoding, NotDecompressed};
use crate::metadata::{InvalidMetadata, Metadata, binary, key};
use crate::method_name::MethodName;
use crate::protocol::{percent, request_head, response_head, timeout, trailers};
use crate::status::Status;
use crate::stream::outbox;

/// `codec::encode_message`.
///
/// # Errors
/// As there.
pub fn encode_message<M: Message>(message: &M, limit: usize, out: &mut BytesMut) -> Result<(), Status> {
    codec::encode_message(message, limit, out)
}

/// `outbox::Outbox`, as that of a call which is not retried.
#[derive(Debug)]
pub struct Outbox(outbox::Outbox);

impl Default for Outbox {
    fn default() -> Self {
        Self(outbox::Outbox::new(Arc::default()))
    }
}

impl Outbox {
    /// `outbox::Outbox::push`: whether the envelope was queued.
    pub fn push(&mut self, envelope: &mut BytesMut) -> bool {
        self.0.push(envelope, None).is_ok()
    }

    /// `outbox::Outbox::take`.
    pub fn take(&mut self, limit: usize) -> Bytes {
        self.0.take(limit)
    }
}

/// `codec::Assembler`.
#[derive(Debug)]
pub struct Assembler(codec::Assembler);

/// `codec::Batch`.
#[derive(Debug, Default)]
pub struct Batch(codec::Batch);

/// `codec::BrokenEnvelope`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    /// The size and the limit.
    TooLarge(u32, usize),
    /// The flag.
    BadFlag(u8),
    /// How many bytes have come, and how many should have.
    Cut(usize, Option<usize>),
}

impl From<codec::BrokenEnvelope> for Broken {
    fn from(broken: codec::BrokenEnvelope) -> Self {
        match broken {
            codec::BrokenEnvelope::TooLarge { size, limit } => Self::TooLarge(size, limit),
            codec::BrokenEnvelope::BadFlag(flag) => Self::BadFlag(flag),
            codec::BrokenEnvelope::Cut { have, want } => Self::Cut(have, want),
        }
    }
}

impl Assembler {
    /// `codec::Assembler::new`.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self(codec::Assembler::new(limit))
    }

    /// `codec::Assembler::push`.
    ///
    /// # Errors
    /// As there.
    pub fn push(&mut self, data: Bytes) -> Result<usize, Broken> {
        Ok(self.0.push(data)?)
    }

    /// `codec::Assembler::take`.
    pub fn take(&mut self, into: &mut Batch) -> usize {
        self.0.take(&mut into.0)
    }

    /// `codec::Assembler::complete_messages`.
    #[must_use]
    pub fn complete_messages(&self) -> usize {
        self.0.complete_messages()
    }

    /// `codec::Assembler::partial_bytes`.
    #[must_use]
    pub fn partial_bytes(&self) -> usize {
        self.0.partial_bytes()
    }

    /// `codec::Assembler::end`.
    ///
    /// # Errors
    /// As there.
    pub fn end(&self) -> Result<(), Broken> {
        Ok(self.0.end()?)
    }
}

impl Batch {
    /// `codec::Batch::next`: the flag, the message, and the bytes on the wire. The message is read as a decoder does it,
    /// `step` bytes at a time.
    pub fn next(&mut self, step: usize) -> Option<(bool, Vec<u8>, usize)> {
        let mut envelope = self.0.next()?;
        let mut body = Vec::with_capacity(envelope.body.remaining());
        while envelope.body.has_remaining() {
            let count = step.max(1).min(envelope.body.remaining());
            body.extend_from_slice(&envelope.body.copy_to_bytes(count));
        }
        Some((envelope.compressed, body, envelope.wire_len))
    }

    /// `codec::Batch::next_message`: the message, if it is not compressed and can be decoded, and the bytes on the wire.
    pub fn next_message<M: Message + Default>(&mut self) -> Option<(Option<M>, usize)> {
        let received = self.0.next_message::<M>(<ProstCodec as Codec<M>>::decode)?;
        Some((received.message.ok(), received.wire_len))
    }
}

/// `request_head::RequestHead`.
#[derive(Debug)]
pub struct RequestHead {
    /// The method.
    pub path: String,
    /// The time the call has.
    pub timeout: Option<Duration>,
    /// `grpc-encoding`, unless it is `identity`.
    pub encoding: Option<HeaderValue>,
    /// Every `grpc-accept-encoding`.
    pub accepted: Vec<HeaderValue>,
    /// Whether the method may be one of protobuf, and of another format.
    pub formats: (bool, bool),
    /// The rest.
    pub metadata: Metadata,
}

/// `request_head::Rejection`.
#[derive(Debug)]
pub enum Rejection {
    /// Not gRPC.
    Http(StatusCode),
    /// A call that fails.
    Grpc(Status),
}

/// `request_head::parse`.
///
/// # Errors
/// As there.
pub fn request_head(parts: request::Parts) -> Result<RequestHead, Rejection> {
    match request_head::parse(parts) {
        Ok(head) => Ok(RequestHead {
            path: head.path().to_owned(),
            timeout: head.timeout,
            formats: (head.check_subtype(Some("proto")).is_ok(), head.check_subtype(Some("json")).is_ok()),
            accepted: head.accepted,
            encoding: head.encoding,
            metadata: head.metadata,
        }),
        Err(request_head::Rejection::Http(status)) => Err(Rejection::Http(status)),
        Err(request_head::Rejection::Grpc(status)) => Err(Rejection::Grpc(status)),
    }
}

/// `request_head::build`.
///
/// # Errors
/// As there.
pub fn build_request(
    authority: &Authority,
    path: &'static str,
    timeout: Option<Duration>,
    user_agent: &HeaderValue,
    metadata: Metadata,
) -> Result<Request<()>, Status> {
    let path = MethodName::Static(path);
    request_head::build(&Scheme::HTTP, authority, &path, timeout, user_agent, &coding(), metadata)
}

/// How a call with defaults writes and reads its messages.
fn coding() -> Coding {
    Coding::new(Accept::All, <ProstCodec as Codec<()>>::SUBTYPE)
}

/// `response_head::ResponseHead`.
#[derive(Debug)]
pub enum ResponseHead {
    /// Messages follow.
    Headers(Metadata, Option<HeaderValue>),
    /// The call is over.
    TrailersOnly(Result<Metadata, Status>),
    /// The status of a call that something else answered, with this body.
    NotGrpc(Status),
}

/// `response_head::parse`.
#[must_use]
pub fn response_head(parts: response::Parts, end_stream: bool, body: &[u8]) -> ResponseHead {
    match response_head::parse(parts, end_stream) {
        response_head::ResponseHead::Headers { metadata, encoding } => ResponseHead::Headers(metadata, encoding),
        response_head::ResponseHead::TrailersOnly(outcome) => ResponseHead::TrailersOnly(outcome),
        response_head::ResponseHead::NotGrpc(answer) => ResponseHead::NotGrpc(answer.into_status(body)),
    }
}

/// `response_head::build`.
#[must_use]
pub fn build_response(metadata: Metadata) -> Response<()> {
    response_head::build(metadata, &coding())
}

/// `response_head::trailers_only`.
#[must_use]
pub fn trailers_only(status: &Status, metadata: &Metadata) -> Response<()> {
    response_head::trailers_only(status, metadata, &coding())
}

/// `trailers::parse`.
///
/// # Errors
/// As there.
pub fn trailers(headers: HeaderMap) -> Result<Metadata, Status> {
    trailers::parse(headers)
}

/// `trailers::build`.
#[must_use]
pub fn build_trailers(outcome: &Result<(), Status>, metadata: Metadata) -> HeaderMap {
    trailers::build(outcome, metadata)
}

/// `timeout::encode`.
#[must_use]
pub fn encode_timeout(timeout: Duration) -> HeaderValue {
    timeout::encode(timeout)
}

/// `timeout::decode`.
#[must_use]
pub fn decode_timeout(value: &[u8]) -> Option<Duration> {
    timeout::decode(value).ok()
}

/// `percent::encode`.
#[must_use]
pub fn encode_percent(message: &str, limit: usize) -> HeaderValue {
    percent::encode(message, limit)
}

/// `percent::decode`.
#[must_use]
pub fn decode_percent(value: &[u8]) -> String {
    percent::decode(value)
}

/// `binary::encode`.
#[must_use]
pub fn encode_binary(value: &[u8]) -> HeaderValue {
    binary::encode(value)
}

/// `binary::decode`.
#[must_use]
pub fn decode_binary(piece: &[u8]) -> Option<Bytes> {
    binary::decode(piece)
}

/// `binary::decode_all`.
#[must_use]
pub fn decode_all_binary(field: &HeaderValue) -> Vec<Bytes> {
    binary::decode_all(field).collect()
}

/// `key::parse`.
///
/// # Errors
/// As there.
pub fn metadata_key(key: &str, binary: bool) -> Result<HeaderName, InvalidMetadata> {
    key::parse(key, binary)
}

/// `Metadata::from_headers`.
#[must_use]
pub fn received_metadata(headers: HeaderMap) -> Metadata {
    Metadata::from_headers(headers)
}

/// `Metadata::into_headers`.
#[must_use]
pub fn sent_metadata(metadata: Metadata) -> HeaderMap {
    metadata.into_headers()
}

/// `compression::compress`.
#[must_use]
pub fn compress(encoding: CompressionEncoding, message: &[u8]) -> Option<Bytes> {
    let mut out = BytesMut::new();
    compression::compress(encoding, message, &mut out).ok()?;
    Some(out.freeze())
}

/// `compression::decompress`: the message, or whether it was over the limit.
///
/// # Errors
/// As there.
pub fn decompress(encoding: CompressionEncoding, message: impl Buf, limit: usize) -> Result<Bytes, bool> {
    let decompressed = compression::decompress(encoding, message, limit);
    decompressed.map_err(|error| matches!(error, NotDecompressed::TooLarge { .. }))
}
