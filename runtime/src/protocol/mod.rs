//! The rules of gRPC over HTTP/2 that need no socket, thread, lock or clock: headers in, decisions out, and back.

pub(crate) mod mapping;
pub(crate) mod percent;
pub(crate) mod request_head;
pub(crate) mod response_head;
pub(crate) mod timeout;
pub(crate) mod trailers;

use http::{HeaderName, HeaderValue};

pub(crate) static GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
pub(crate) static GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
pub(crate) static GRPC_STATUS_DETAILS: HeaderName = HeaderName::from_static("grpc-status-details-bin");
pub(crate) static GRPC_TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");
pub(crate) static GRPC_ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");
pub(crate) static GRPC_ACCEPT_ENCODING: HeaderName = HeaderName::from_static("grpc-accept-encoding");

/// What a `content-type` says about a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ContentType<'a> {
    /// gRPC; the format of the messages is what the method's is.
    Grpc,
    /// gRPC with messages in this format.
    Subtype(&'a [u8]),
    /// Not gRPC.
    Foreign,
}

impl<'a> ContentType<'a> {
    /// Reads a header value. Media types are case-insensitive (RFC 9110 §8.3.1), parameters are ignored.
    fn of(value: Option<&'a HeaderValue>) -> Self {
        const PREFIX: &[u8] = b"application/grpc";

        let value = value.map_or(&[][..], HeaderValue::as_bytes);
        if value == PREFIX {
            return Self::Grpc;
        }
        let Some((start, rest)) = value.split_at_checked(PREFIX.len()) else {
            return Self::Foreign;
        };
        if !start.eq_ignore_ascii_case(PREFIX) {
            return Self::Foreign;
        }
        let (subtype, _parameters) = match rest.iter().position(|&byte| byte == b';') {
            Some(end) => rest.split_at(end),
            None => (rest, &[][..]),
        };
        let subtype = subtype.trim_ascii_end();
        match subtype.strip_prefix(b"+") {
            None if subtype.is_empty() => Self::Grpc,
            None | Some(b"") => Self::Foreign,
            Some(subtype) => Self::Subtype(subtype),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_types() {
        let cases: [(&str, ContentType<'_>); 16] = [
            ("application/grpc", ContentType::Grpc),
            ("Application/GRPC", ContentType::Grpc),
            ("application/grpc+proto", ContentType::Subtype(b"proto")),
            ("application/grpc+PROTO", ContentType::Subtype(b"PROTO")),
            ("application/grpc;charset=utf-8", ContentType::Grpc),
            ("application/grpc ; charset=utf-8", ContentType::Grpc),
            ("application/grpc+proto; x=1", ContentType::Subtype(b"proto")),
            ("application/grpc+json", ContentType::Subtype(b"json")),
            ("application/grpc+", ContentType::Foreign),
            ("application/grpcfoo", ContentType::Foreign),
            ("application/grpc-web", ContentType::Foreign),
            ("application/grpc-web+proto", ContentType::Foreign),
            ("application/json", ContentType::Foreign),
            ("text/html", ContentType::Foreign),
            ("application/grp", ContentType::Foreign),
            ("", ContentType::Foreign),
        ];
        for (value, expected) in cases {
            let value = HeaderValue::from_static(value);
            assert_eq!(ContentType::of(Some(&value)), expected, "{value:?}");
        }
        assert_eq!(ContentType::of(None), ContentType::Foreign);
    }
}
