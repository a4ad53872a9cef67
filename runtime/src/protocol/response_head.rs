//! The HEADERS frame that answers a call: what a server sends and what a client makes of it.

use http::header::{ALLOW, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Response, StatusCode, response};

use super::{ContentType, GRPC_ACCEPT_ENCODING, GRPC_ENCODING, mapping, trailers};
use crate::code::Code;
use crate::compression::Coding;
use crate::metadata::Metadata;
use crate::status::Status;

/// How much of the body of an answer that is not gRPC goes into the message of the status, in bytes.
pub(crate) const BODY_SHOWN: usize = 256;

/// What a client finds in the first HEADERS frame of an answer.
#[derive(Debug)]
pub(crate) enum ResponseHead {
    /// Messages and trailers follow.
    Headers {
        metadata: Metadata,
        /// How the server compresses, if it says so and it is not `identity`.
        encoding: Option<HeaderValue>,
    },
    /// The call is over; its metadata counts as trailers.
    TrailersOnly(Result<Metadata, Status>),
    /// Something other than a gRPC server answered.
    NotGrpc(NotGrpc),
}

/// An answer that is not gRPC, as a proxy's or web server's error page.
#[derive(Debug)]
pub(crate) struct NotGrpc {
    status: StatusCode,
    content_type: Option<HeaderValue>,
    metadata: Metadata,
}

/// The head of a response whose messages follow.
pub(crate) fn build(metadata: Metadata, coding: &Coding) -> Response<()> {
    let custom = metadata.into_headers();
    let mut headers = coding.response_fields().clone();
    if let Some(encoding) = coding.send {
        headers.insert(GRPC_ENCODING.clone(), encoding.header_value());
    }
    if !custom.is_empty() {
        headers.extend(custom);
    }
    let mut response = Response::new(());
    *response.headers_mut() = headers;
    response
}

/// The answer to a call that fails before its first message and headers: status, and nothing else, in one frame.
pub(crate) fn trailers_only(status: &Status, metadata: &Metadata, coding: &Coding) -> Response<()> {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, coding.content_type());
    // The answer to a call in an unsupported compression has to list the supported ones, and it does no harm elsewhere.
    let list = coding.accept_list().unwrap_or(HeaderValue::from_static("identity"));
    headers.insert(GRPC_ACCEPT_ENCODING.clone(), list);
    headers.extend(trailers::build_error(status, metadata));
    let mut response = Response::new(());
    *response.headers_mut() = headers;
    response
}

/// The answer to a request that is not gRPC. The HTTP status keeps other clients from taking it for a success; the gRPC
/// status tells a gRPC client what it got wrong.
pub(crate) fn http_reject(status: StatusCode, coding: &Coding) -> Response<()> {
    let why = match status {
        StatusCode::METHOD_NOT_ALLOWED => "a gRPC request is a POST",
        StatusCode::UNSUPPORTED_MEDIA_TYPE => "a gRPC request has content-type application/grpc",
        StatusCode::BAD_REQUEST => "a gRPC request has a path and names one authority",
        _ => "this is not a gRPC request",
    };
    let error = Status::from_static(Code::Internal, why);
    let mut response = trailers_only(&error, &Metadata::new(), coding);
    *response.status_mut() = status;
    if status == StatusCode::METHOD_NOT_ALLOWED {
        // RFC 9110 §15.5.6 requires the list of allowed methods.
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
    }
    response
}

/// Reads the first HEADERS frame of an answer; `end_stream` says whether it is the last one too.
///
/// A `grpc-status` wins over the HTTP status.
pub(crate) fn parse(parts: response::Parts, end_stream: bool) -> ResponseHead {
    let response::Parts { status, headers, .. } = parts;
    let is_success = status == StatusCode::OK;
    if trailers::has_status(&headers) && (end_stream || !is_success) {
        return ResponseHead::TrailersOnly(trailers::parse(headers));
    }
    let content_type = headers.get(CONTENT_TYPE);
    if !is_success || ContentType::of(content_type) == ContentType::Foreign {
        return ResponseHead::NotGrpc(NotGrpc {
            status,
            content_type: content_type.cloned(),
            metadata: Metadata::from_headers(headers),
        });
    }
    if end_stream {
        return ResponseHead::TrailersOnly(trailers::parse(headers));
    }
    ResponseHead::Headers {
        encoding: headers.get(&GRPC_ENCODING).filter(|value| *value != "identity").cloned(),
        metadata: Metadata::from_headers(headers),
    }
}

impl NotGrpc {
    /// The status of the call, given what has come of the body; the first [`BODY_SHOWN`] bytes of it are enough.
    pub(crate) fn into_status(self, body: &[u8]) -> Status {
        let mut message = format!("the answer is not gRPC: HTTP status {}", self.status);
        match &self.content_type {
            Some(value) => {
                let value = String::from_utf8_lossy(value.as_bytes());
                let value: String = value.chars().take(100).collect();
                message.push_str(&format!(", content-type {value:?}"));
            }
            None => message.push_str(", no content-type"),
        }
        if !body.is_empty() {
            let shown = String::from_utf8_lossy(&body[..body.len().min(BODY_SHOWN)]);
            message.push_str(&format!(", body {:?}", shown.trim_end_matches('\u{fffd}')));
        }
        Status::received(mapping::http_status(self.status), message, bytes::Bytes::new(), self.metadata)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compression::Accept;

    fn plain() -> Coding {
        Coding::new(Accept::Only(Vec::new()), "proto")
    }

    fn parts(status: u16, fields: &[(&str, &str)]) -> response::Parts {
        let mut builder = Response::builder().status(status);
        for (name, value) in fields {
            builder = builder.header(*name, *value);
        }
        builder.body(()).unwrap().into_parts().0
    }

    const GRPC: (&str, &str) = ("content-type", "application/grpc");

    #[test]
    fn a_response_with_messages() {
        let mut metadata = Metadata::new();
        metadata.insert("x", "1").unwrap();
        let response = build(metadata, &plain());
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["content-type"], "application/grpc");
        match parse(response.into_parts().0, false) {
            ResponseHead::Headers { metadata, encoding } => {
                assert_eq!((metadata.get("x"), metadata.len()), (Some("1"), 1));
                assert_eq!(encoding, None);
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_encoding_is_shown_unless_it_is_identity() {
        for (sent, seen) in [("gzip", Some("gzip")), ("identity", None)] {
            match parse(parts(200, &[GRPC, ("grpc-encoding", sent)]), false) {
                ResponseHead::Headers { encoding, .. } => {
                    assert_eq!(encoding.as_ref().map(HeaderValue::as_bytes), seen.map(str::as_bytes));
                }
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn trailers_only_both_ways() {
        let mut metadata = Metadata::new();
        metadata.insert("x", "1").unwrap();
        let response = trailers_only(&Status::not_found("no room"), &metadata, &plain());
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["content-type"], "application/grpc");
        match parse(response.into_parts().0, true) {
            ResponseHead::TrailersOnly(Err(status)) => {
                assert_eq!(status.code(), Code::NotFound);
                assert_eq!(status.message(), "no room");
                assert_eq!(status.metadata().get("x"), Some("1"));
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_empty_success_may_be_trailers_only() {
        match parse(parts(200, &[GRPC, ("grpc-status", "0"), ("x", "1")]), true) {
            ResponseHead::TrailersOnly(Ok(metadata)) => assert_eq!(metadata.get("x"), Some("1")),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn grpc_status_wins_over_the_http_status() {
        for end_stream in [false, true] {
            match parse(parts(503, &[("grpc-status", "5")]), end_stream) {
                ResponseHead::TrailersOnly(Err(status)) => {
                    assert_eq!(status.code(), Code::NotFound);
                }
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn a_status_ahead_of_the_messages_does_not_count() {
        let head = parse(parts(200, &[GRPC, ("grpc-status", "5")]), false);
        assert!(matches!(head, ResponseHead::Headers { metadata, .. } if metadata.is_empty()));
    }

    #[test]
    fn an_end_without_status_is_unknown() {
        match parse(parts(200, &[GRPC]), true) {
            ResponseHead::TrailersOnly(Err(status)) => assert_eq!(status.code(), Code::Unknown),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_is_not_grpc_is_described() {
        for (http, code) in [
            (200, Code::Unknown),
            (400, Code::Internal),
            (401, Code::Unauthenticated),
            (403, Code::PermissionDenied),
            (404, Code::Unimplemented),
            (503, Code::Unavailable),
        ] {
            let answer = parts(http, &[("content-type", "text/html"), ("x", "1")]);
            let ResponseHead::NotGrpc(answer) = parse(answer, false) else {
                panic!("{http} was taken for gRPC");
            };
            // The 256th byte is the first half of a character.
            let body = format!("<html >{}", "ü".repeat(1000));
            let status = answer.into_status(body.as_bytes());
            assert_eq!(status.code(), code);
            for part in [&http.to_string(), "text/html", "<html >ü"] {
                assert!(status.message().contains(part), "{status}");
            }
            assert!(status.message().len() < 400, "{status}");
            assert!(!status.message().contains('\u{fffd}'), "{status}");
            assert_eq!(status.metadata().get("x"), Some("1"));
        }
        let ResponseHead::NotGrpc(bare) = parse(parts(204, &[]), true) else {
            panic!("204 was taken for gRPC");
        };
        let text = bare.into_status(b"").to_string();
        assert!(text.contains("204 No Content, no content-type"), "{text}");
    }

    #[test]
    fn other_http_clients_see_a_rejection() {
        for (http, part) in [
            (StatusCode::UNSUPPORTED_MEDIA_TYPE, "content-type"),
            (StatusCode::METHOD_NOT_ALLOWED, "POST"),
            (StatusCode::BAD_REQUEST, "authority"),
        ] {
            let response = http_reject(http, &plain());
            assert_eq!(response.status(), http);
            assert_eq!(response.headers().contains_key("allow"), http == StatusCode::METHOD_NOT_ALLOWED);
            match parse(response.into_parts().0, true) {
                ResponseHead::TrailersOnly(Err(status)) => {
                    assert_eq!(status.code(), Code::Internal);
                    assert!(status.message().contains(part), "{status}");
                }
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn supported_encodings_are_listed() {
        let status = Status::unimplemented("no gzip");
        let response = trailers_only(&status, &Metadata::new(), &plain());
        assert_eq!(response.headers()["grpc-accept-encoding"], "identity");
        assert_eq!(response.headers()["grpc-status"], "12");
    }
}
