//! What HTTP, HTTP/2 and broken envelopes mean as a `Status`.

use std::error::Error as StdError;
use std::fmt;

use h2::Reason;
use http::{HeaderValue, StatusCode};

use crate::code::Code;
use crate::codec::{BoxError, BrokenEnvelope};
use crate::compression::NotDecompressed;
use crate::status::Status;

/// On which side of a call this process is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Client,
    Server,
}

/// The code for an answer without `grpc-status`. The table works in this direction only.
pub(crate) fn http_status(status: StatusCode) -> Code {
    match status.as_u16() {
        400 | 431 => Code::Internal,
        401 => Code::Unauthenticated,
        403 => Code::PermissionDenied,
        404 => Code::Unimplemented,
        429 | 502 | 503 | 504 => Code::Unavailable,
        _ => Code::Unknown,
    }
}

/// The status of a call whose stream the peer reset.
///
/// On a client a CANCEL after the call's own deadline is a DEADLINE_EXCEEDED; the caller knows the deadline. On a
/// server the two reasons with which clients abandon a call are a cancellation, whatever the client meant.
pub(crate) fn reset(reason: Reason, side: Side) -> Status {
    let code = match (reason, side) {
        (Reason::CANCEL, _) | (Reason::NO_ERROR, Side::Server) => Code::Cancelled,
        (Reason::REFUSED_STREAM, _) => Code::Unavailable,
        (Reason::ENHANCE_YOUR_CALM, _) => Code::ResourceExhausted,
        (Reason::INADEQUATE_SECURITY, _) => Code::PermissionDenied,
        _ => Code::Internal,
    };
    let peer = side.peer();
    Status::new(code, format!("the {peer} reset the stream: {}", Named(reason)))
}

/// The status of a client's call whose stream was reset on this side, because what the server sent is against HTTP/2 or over a limit.
pub(crate) fn violation(reason: Reason) -> Status {
    Status::internal(format!("the stream was reset on this side for what the server sent: {}", Named(reason)))
}

/// The status of a call whose connection was lost; `connection` names it, for example by the peer's address.
pub(crate) fn lost(
    side: Side,
    connection: impl fmt::Display,
    cause: Option<Box<dyn StdError + Send + Sync>>,
) -> Status {
    let code = match side {
        Side::Client => Code::Unavailable,
        Side::Server => Code::Cancelled,
    };
    let peer = side.peer();
    let message = format!("the connection to the {peer} {connection} was lost");
    match cause {
        Some(cause) => Status::new(code, format!("{message}: {cause}")).with_source(cause),
        None => Status::new(code, message),
    }
}

/// The status of a call whose peer sent what is not a sequence of envelopes.
pub(crate) fn broken_envelope(broken: BrokenEnvelope) -> Status {
    let code = match broken {
        BrokenEnvelope::TooLarge { .. } => Code::ResourceExhausted,
        BrokenEnvelope::BadFlag(_) | BrokenEnvelope::Cut { .. } => Code::Internal,
    };
    Status::new(code, broken.to_string())
}

/// The status of a call whose peer sent bytes that are not a message of the method's type.
pub(crate) fn undecodable(error: BoxError, side: Side) -> Status {
    let message = format!("the message of the {} cannot be decoded: {error}", side.peer());
    Status::internal(message).with_source(error)
}

/// The status of a call with a compressed message that this side cannot read; `encoding` is the `grpc-encoding` it came
/// with. A server that answers UNIMPLEMENTED has to list what it supports, see `response_head::trailers_only`.
pub(crate) fn compressed(encoding: Option<&HeaderValue>, side: Side) -> Status {
    let peer = side.peer();
    match encoding {
        None => Status::internal(format!("the {peer} sent a compressed message without grpc-encoding")),
        Some(encoding) => {
            let code = match side {
                Side::Client => Code::Internal,
                Side::Server => Code::Unimplemented,
            };
            let encoding = String::from_utf8_lossy(encoding.as_bytes());
            Status::new(code, format!("the {peer} sent a message compressed with {encoding:?}, which is not supported"))
        }
    }
}

/// The status of a call with a compressed message that does not decompress.
pub(crate) fn not_decompressed(error: NotDecompressed) -> Status {
    let code = match &error {
        NotDecompressed::TooLarge { .. } => Code::ResourceExhausted,
        NotDecompressed::Corrupt(_) => Code::Internal,
    };
    Status::new(code, error.to_string()).with_source(error)
}

/// The status of a call in which the peer should have sent exactly one message and sent none. UNIMPLEMENTED, as the
/// status code list has it for a wrong number of messages.
pub(crate) fn no_message(side: Side) -> Status {
    let message = match side {
        Side::Client => "the server sent no message, the method has one response",
        Side::Server => "the client sent no message, the method has one request",
    };
    Status::from_static(Code::Unimplemented, message)
}

/// As `no_message`, for a peer that sent more than one.
pub(crate) fn second_message(side: Side) -> Status {
    let message = match side {
        Side::Client => "the server sent a second message, the method has one response",
        Side::Server => "the client sent a second message, the method has one request",
    };
    Status::from_static(Code::Unimplemented, message)
}

impl Side {
    fn peer(self) -> &'static str {
        match self {
            Self::Client => "server",
            Self::Server => "client",
        }
    }
}

impl fmt::Display for BrokenEnvelope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::TooLarge { size, limit } => {
                write!(f, "the received message has {size} bytes, the limit is {limit} bytes")
            }
            Self::BadFlag(flag) => write!(f, "a received message begins with flag {flag}; only 0 and 1 are defined"),
            Self::Cut { have, want: Some(want) } => {
                write!(f, "the stream ended in the middle of a message, after {have} of {want} bytes")
            }
            Self::Cut { have, want: None } => {
                write!(f, "the stream ended in the middle of a message's prefix, after {have} of 5 bytes")
            }
        }
    }
}

/// A reason with the name RFC 9113 §7 gives it.
struct Named(Reason);

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.0 {
            Reason::NO_ERROR => "NO_ERROR",
            Reason::PROTOCOL_ERROR => "PROTOCOL_ERROR",
            Reason::INTERNAL_ERROR => "INTERNAL_ERROR",
            Reason::FLOW_CONTROL_ERROR => "FLOW_CONTROL_ERROR",
            Reason::SETTINGS_TIMEOUT => "SETTINGS_TIMEOUT",
            Reason::STREAM_CLOSED => "STREAM_CLOSED",
            Reason::FRAME_SIZE_ERROR => "FRAME_SIZE_ERROR",
            Reason::REFUSED_STREAM => "REFUSED_STREAM",
            Reason::CANCEL => "CANCEL",
            Reason::COMPRESSION_ERROR => "COMPRESSION_ERROR",
            Reason::CONNECT_ERROR => "CONNECT_ERROR",
            Reason::ENHANCE_YOUR_CALM => "ENHANCE_YOUR_CALM",
            Reason::INADEQUATE_SECURITY => "INADEQUATE_SECURITY",
            Reason::HTTP_1_1_REQUIRED => "HTTP_1_1_REQUIRED",
            other => return write!(f, "error code {}", u32::from(other)),
        };
        f.write_str(name)
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn http_statuses() {
        for (status, code) in [
            (400, Code::Internal),
            (401, Code::Unauthenticated),
            (403, Code::PermissionDenied),
            (404, Code::Unimplemented),
            (429, Code::Unavailable),
            (431, Code::Internal),
            (502, Code::Unavailable),
            (503, Code::Unavailable),
            (504, Code::Unavailable),
            (200, Code::Unknown),
            (204, Code::Unknown),
            (302, Code::Unknown),
            (415, Code::Unknown),
            (500, Code::Unknown),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(http_status(status), code, "{status}");
        }
    }

    #[test]
    fn resets() {
        for (number, code) in [
            (0, Code::Internal),
            (1, Code::Internal),
            (2, Code::Internal),
            (3, Code::Internal),
            (4, Code::Internal),
            (5, Code::Internal),
            (6, Code::Internal),
            (7, Code::Unavailable),
            (8, Code::Cancelled),
            (9, Code::Internal),
            (10, Code::Internal),
            (11, Code::ResourceExhausted),
            (12, Code::PermissionDenied),
            (13, Code::Internal),
            (99, Code::Internal),
        ] {
            let status = reset(Reason::from(number), Side::Client);
            assert_eq!(status.code(), code, "{number}");
        }
        assert_eq!(
            reset(Reason::REFUSED_STREAM, Side::Client).message(),
            "the server reset the stream: REFUSED_STREAM"
        );
        assert_eq!(reset(Reason::from(99), Side::Server).message(), "the client reset the stream: error code 99");
        assert_eq!(reset(Reason::NO_ERROR, Side::Server).code(), Code::Cancelled);
    }

    #[test]
    fn lost_connections() {
        let cause = || io::Error::from(io::ErrorKind::ConnectionReset).into();
        let status = lost(Side::Client, "10.0.0.1:80", Some(cause()));
        assert_eq!(
            status.to_string(),
            "UNAVAILABLE: the connection to the server 10.0.0.1:80 was lost: connection reset"
        );
        assert!(StdError::source(&status).is_some());
        let status = lost(Side::Server, "10.0.0.1:80", None);
        assert_eq!(status.code(), Code::Cancelled);
    }

    #[test]
    fn messages_that_cannot_be_used() {
        let Err(error) = <String as prost::Message>::decode(&b"\xff"[..]) else {
            panic!("0xff was taken for a message");
        };
        let status = undecodable(error.into(), Side::Server);
        assert_eq!(status.code(), Code::Internal);
        assert!(status.message().contains("client"), "{status}");
        assert!(StdError::source(&status).is_some());

        let gzip = HeaderValue::from_static("gzip");
        for (encoding, side, code) in [
            (None, Side::Client, Code::Internal),
            (None, Side::Server, Code::Internal),
            (Some(&gzip), Side::Client, Code::Internal),
            (Some(&gzip), Side::Server, Code::Unimplemented),
        ] {
            let status = compressed(encoding, side);
            assert_eq!(status.code(), code);
            assert_eq!(status.message().contains("gzip"), encoding.is_some());
        }
        for side in [Side::Client, Side::Server] {
            assert_eq!(no_message(side).code(), Code::Unimplemented);
            assert_eq!(second_message(side).code(), Code::Unimplemented);
            assert_ne!(no_message(side).message(), second_message(side).message());
        }
    }

    #[test]
    fn broken_envelopes() {
        for (broken, text) in [
            (
                BrokenEnvelope::TooLarge { size: 5, limit: 4 },
                "RESOURCE_EXHAUSTED: the received message has 5 bytes, the limit is 4 bytes",
            ),
            (BrokenEnvelope::BadFlag(2), "INTERNAL: a received message begins with flag 2; only 0 and 1 are defined"),
            (
                BrokenEnvelope::Cut { have: 7, want: Some(9) },
                "INTERNAL: the stream ended in the middle of a message, after 7 of 9 bytes",
            ),
            (
                BrokenEnvelope::Cut { have: 3, want: None },
                "INTERNAL: the stream ended in the middle of a message's prefix, after 3 of 5 bytes",
            ),
        ] {
            assert_eq!(broken_envelope(broken).to_string(), text);
        }
    }
}
