//! The HEADERS frame that opens a call: what a client sends and what a server makes of it.

use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST, TE, USER_AGENT};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri, request};

use super::{ContentType, GRPC_ACCEPT_ENCODING, GRPC_ENCODING, GRPC_TIMEOUT, timeout};
use crate::compression::Coding;
use crate::metadata::Metadata;
use crate::method_name::MethodName;
use crate::status::Status;

/// What a server knows of a call before its first message.
#[derive(Debug)]
pub(crate) struct RequestHead {
    uri: Uri,
    /// The time the client gives the call; zero if none is left.
    pub(crate) timeout: Option<Duration>,
    /// How the client compresses, if it says so and it is not `identity`.
    pub(crate) encoding: Option<HeaderValue>,
    /// The encodings that the client accepts, as it wrote them.
    pub(crate) accepted: Vec<HeaderValue>,
    /// The format of the messages, if the client names it.
    subtype: Option<Box<[u8]>>,
    pub(crate) metadata: Metadata,
}

/// Why a request is not dispatched.
#[derive(Debug)]
pub(crate) enum Rejection {
    /// It is not gRPC; it is answered with this HTTP status, see `response_head::http_reject`.
    Http(StatusCode),
    /// It is gRPC and fails at once, see `response_head::trailers_only`.
    Grpc(Status),
}

impl RequestHead {
    /// The path, `/package.Service/Method`.
    pub(crate) fn path(&self) -> &str {
        self.uri.path_and_query().map_or("", PathAndQuery::as_str)
    }

    /// Fails when the client names a format of messages that is not the method's.
    ///
    /// # Errors
    ///
    /// UNIMPLEMENTED.
    pub(crate) fn check_subtype(&self, expected: Option<&str>) -> Result<(), Status> {
        match (&self.subtype, expected) {
            (Some(named), Some(expected)) if !named.eq_ignore_ascii_case(expected.as_bytes()) => {
                let named = String::from_utf8_lossy(named);
                Err(Status::unimplemented(format!(
                    "the messages of this method are {expected:?}, not {named:?} (content-type application/grpc+{expected})"
                )))
            }
            _ => Ok(()),
        }
    }
}

/// Reads the head of a request.
///
/// # Errors
///
/// A [`Rejection`] for what is not a gRPC request or cannot be served whatever its method is. `te` is not required:
/// many proxies drop it.
pub(crate) fn parse(parts: request::Parts) -> Result<RequestHead, Rejection> {
    let headers = parts.headers;
    if parts.method != Method::POST {
        return Err(Rejection::Http(StatusCode::METHOD_NOT_ALLOWED));
    }
    let fields = Fields::find(&headers);
    let subtype = match ContentType::of(fields.content_type) {
        ContentType::Grpc => None,
        ContentType::Subtype(subtype) => Some(subtype.into()),
        ContentType::Foreign => {
            return Err(Rejection::Http(StatusCode::UNSUPPORTED_MEDIA_TYPE));
        }
    };
    let uri = parts.uri;
    // It says exactly once for which host it is.
    let names_one_authority = if uri.authority().is_some() { fields.hosts <= 1 } else { fields.hosts == 1 };
    if !names_one_authority || uri.path_and_query().is_none() {
        return Err(Rejection::Http(StatusCode::BAD_REQUEST));
    }
    let timeout = match fields.timeout {
        None => None,
        Some(value) => match timeout::decode(value.as_bytes()) {
            Ok(timeout) => Some(timeout),
            Err(error) => return Err(Rejection::Grpc(Status::internal(error.to_string()))),
        },
    };
    Ok(RequestHead {
        uri,
        timeout,
        encoding: fields.encoding.filter(|value| *value != "identity").cloned(),
        accepted: fields.accepted,
        subtype,
        metadata: Metadata::from_headers(headers),
    })
}

/// The fields of a request that mean something here, found in one pass: most requests have few fields, and half of these would be looked
/// for in vain.
#[derive(Default)]
struct Fields<'a> {
    content_type: Option<&'a HeaderValue>,
    timeout: Option<&'a HeaderValue>,
    encoding: Option<&'a HeaderValue>,
    accepted: Vec<HeaderValue>,
    hosts: usize,
}

impl<'a> Fields<'a> {
    fn find(headers: &'a HeaderMap) -> Self {
        let mut found = Self::default();
        for (name, value) in headers {
            if *name == CONTENT_TYPE {
                found.content_type.get_or_insert(value);
            } else if *name == HOST {
                found.hosts += 1;
            } else if *name == GRPC_TIMEOUT {
                found.timeout.get_or_insert(value);
            } else if *name == GRPC_ENCODING {
                found.encoding.get_or_insert(value);
            } else if *name == GRPC_ACCEPT_ENCODING {
                found.accepted.push(value.clone());
            }
        }
        found
    }
}

/// The request that opens a call.
///
/// # Errors
///
/// INTERNAL when `path` cannot be the path of a URI, which generated code rules out.
pub(crate) fn build(
    scheme: &Scheme,
    authority: &Authority,
    path: &MethodName,
    timeout: Option<Duration>,
    user_agent: &HeaderValue,
    coding: &Coding,
    metadata: Metadata,
) -> Result<Request<()>, Status> {
    let path_bytes = match path {
        MethodName::Static(path) => Bytes::from_static(path.as_bytes()),
        MethodName::Shared(path) => Bytes::copy_from_slice(path.as_bytes()),
    };
    let path = path.as_str();
    let Ok(path_and_query) = PathAndQuery::from_maybe_shared(path_bytes) else {
        return Err(Status::internal(format!("{path:?} is no method path")));
    };
    let mut uri = http::uri::Parts::default();
    uri.scheme = Some(scheme.clone());
    uri.authority = Some(authority.clone());
    uri.path_and_query = Some(path_and_query);
    let Ok(uri) = Uri::from_parts(uri) else {
        return Err(Status::internal(format!("{path:?} is no method path")));
    };

    // The specification wants the timeout right behind the pseudo-headers and the call's definition before metadata. A
    // header map keeps the order in which it was filled.
    let custom = metadata.into_headers();
    let mut headers = HeaderMap::with_capacity(6 + custom.keys_len());
    if let Some(timeout) = timeout {
        headers.insert(GRPC_TIMEOUT.clone(), timeout::encode(timeout));
    }
    headers.insert(TE, HeaderValue::from_static("trailers"));
    headers.insert(CONTENT_TYPE, coding.content_type());
    if let Some(encoding) = coding.send {
        headers.insert(GRPC_ENCODING.clone(), encoding.header_value());
    }
    if let Some(list) = coding.accept_list() {
        headers.insert(GRPC_ACCEPT_ENCODING.clone(), list);
    }
    headers.insert(USER_AGENT, user_agent.clone());
    // `extend` replaces what is there; a user-agent among the metadata, as one that was received and is passed on, must
    // not replace ours.
    if !custom.is_empty() {
        let mut custom = custom;
        custom.remove(USER_AGENT);
        headers.extend(custom);
    }

    let mut request = Request::new(());
    *request.method_mut() = Method::POST;
    *request.uri_mut() = uri;
    *request.version_mut() = http::Version::HTTP_2;
    *request.headers_mut() = headers;
    Ok(request)
}

/// Brings the timeout of a request up to date that has waited to be sent: `left` is what the call has now.
pub(crate) fn set_timeout(request: &mut Request<()>, left: Duration) {
    // A header map leaves a field whose value is replaced where it stands.
    if let Some(value) = request.headers_mut().get_mut(&GRPC_TIMEOUT) {
        *value = timeout::encode(left);
    }
}

/// The `user-agent` of this crate, behind the one of the application if there is one.
///
/// An application's text that cannot be a header value is left out.
pub(crate) fn user_agent(application: Option<&str>) -> HeaderValue {
    const OWN: &str = concat!("grpc-rust-stolid/", env!("CARGO_PKG_VERSION"));
    let application = application.map_or("", str::trim);
    let both = (!application.is_empty()).then(|| HeaderValue::try_from(format!("{application} {OWN}")).ok()).flatten();
    both.unwrap_or_else(|| HeaderValue::from_static(OWN))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::code::Code;
    use crate::compression::Accept;

    fn request(method: &str, uri: &str, fields: &[(&str, &str)]) -> request::Parts {
        let mut builder = Request::builder().method(method).uri(uri);
        for (name, value) in fields {
            builder = builder.header(*name, *value);
        }
        builder.body(()).unwrap().into_parts().0
    }

    fn parse_fields(fields: &[(&str, &str)]) -> Result<RequestHead, Rejection> {
        parse(request("POST", "http://host/pkg.Svc/Method", fields))
    }

    #[track_caller]
    fn rejected(result: Result<RequestHead, Rejection>) -> StatusCode {
        match result {
            Err(Rejection::Http(status)) => status,
            other => panic!("not rejected by HTTP: {other:?}"),
        }
    }

    #[test]
    fn a_plain_request() {
        let head = parse_fields(&[
            ("content-type", "application/grpc"),
            ("te", "trailers"),
            ("grpc-timeout", "250m"),
            ("grpc-encoding", "gzip"),
            ("grpc-accept-encoding", "gzip,identity"),
            ("x-token", "t"),
        ])
        .unwrap();
        assert_eq!(head.path(), "/pkg.Svc/Method");
        assert_eq!(head.timeout, Some(Duration::from_millis(250)));
        assert_eq!(head.encoding, Some(HeaderValue::from_static("gzip")));
        assert_eq!(head.metadata.len(), 1);
        assert_eq!(head.metadata.get("x-token"), Some("t"));
    }

    #[test]
    fn what_may_be_missing() {
        let head = parse_fields(&[("content-type", "application/grpc+proto"), ("grpc-encoding", "identity")]).unwrap();
        assert_eq!(head.timeout, None);
        assert_eq!(head.encoding, None);
        assert!(head.metadata.is_empty());
    }

    #[test]
    fn the_path_is_taken_as_it_is() {
        let grpc = [("content-type", "application/grpc")];
        for path in ["//", "/", "/Svc", "/Svc/Method?x=1", "/a/b/c"] {
            let head = parse(request("POST", &format!("http://host{path}"), &grpc)).unwrap();
            assert_eq!(head.path(), path);
        }
    }

    #[test]
    fn what_is_not_grpc_is_rejected_by_http() {
        let grpc = [("content-type", "application/grpc")];
        for method in ["GET", "PUT", "OPTIONS"] {
            let status = rejected(parse(request(method, "http://host/a/b", &grpc)));
            assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED);
        }
        for content_type in ["application/grpcfoo", "application/grpc-web", "text/html", ""] {
            let status = rejected(parse_fields(&[("content-type", content_type)]));
            assert_eq!(status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{content_type}");
        }
        assert_eq!(rejected(parse_fields(&[])), StatusCode::UNSUPPORTED_MEDIA_TYPE);
    }

    #[test]
    fn one_authority_is_needed() {
        let grpc = ("content-type", "application/grpc");
        let host = ("host", "h");
        let none = parse(request("POST", "/a/b", &[grpc]));
        assert_eq!(rejected(none), StatusCode::BAD_REQUEST);
        let two = parse(request("POST", "/a/b", &[grpc, host, host]));
        assert_eq!(rejected(two), StatusCode::BAD_REQUEST);
        assert!(parse(request("POST", "/a/b", &[grpc, host])).is_ok());
        assert!(parse(request("POST", "http://h/a/b", &[grpc, host])).is_ok());
    }

    #[test]
    fn what_grpc_cannot_serve_fails_with_a_status() {
        match parse_fields(&[("content-type", "application/grpc"), ("grpc-timeout", "1.5S")]) {
            Err(Rejection::Grpc(status)) => assert_eq!(status.code(), Code::Internal),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_format_that_the_client_names_must_be_the_methods() {
        for (content_type, proto, json, any) in [
            ("application/grpc", true, true, true),
            ("application/grpc+proto", true, false, true),
            ("application/grpc+PROTO", true, false, true),
            ("application/grpc+json", false, true, true),
            ("application/grpc+thrift;x=1", false, false, true),
        ] {
            let head = parse_fields(&[("content-type", content_type)]).unwrap();
            for (expected, fits) in [(Some("proto"), proto), (Some("json"), json), (None, any)] {
                let checked = head.check_subtype(expected);
                assert_eq!(checked.is_ok(), fits, "{content_type} for {expected:?}");
                if let Err(status) = checked {
                    assert_eq!(status.code(), Code::Unimplemented);
                }
            }
        }
    }

    fn built(timeout: Option<Duration>, metadata: Metadata) -> Request<()> {
        build(
            &Scheme::HTTP,
            &Authority::from_static("host:1"),
            &MethodName::Static("/pkg.Svc/Method"),
            timeout,
            &user_agent(Some("app/2")),
            &Coding::new(Accept::Only(Vec::new()), "proto"),
            metadata,
        )
        .unwrap()
    }

    #[test]
    fn headers_come_in_the_order_of_the_specification() {
        let mut metadata = Metadata::new();
        metadata.append("x-a", "1").unwrap();
        metadata.append("x-a", "2").unwrap();
        metadata.insert("user-agent", "passed on").unwrap();
        let request = built(Some(Duration::from_secs(1)), metadata);
        assert_eq!(request.method(), Method::POST);
        assert_eq!(request.uri(), "http://host:1/pkg.Svc/Method");
        let fields: Vec<(&str, &str)> =
            request.headers().iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
        let agent = concat!("app/2 grpc-rust-stolid/", env!("CARGO_PKG_VERSION"));
        assert_eq!(
            fields,
            [
                ("grpc-timeout", "1000000u"),
                ("te", "trailers"),
                ("content-type", "application/grpc"),
                ("user-agent", agent),
                ("x-a", "1"),
                ("x-a", "2"),
            ]
        );
    }

    #[test]
    fn a_timeout_is_brought_up_to_date_in_its_place() {
        let mut request = built(Some(Duration::from_secs(2)), Metadata::new());
        set_timeout(&mut request, Duration::from_secs(1));
        assert_eq!(request.headers().iter().next(), Some((&GRPC_TIMEOUT, &HeaderValue::from_static("1000000u"))));
        let mut unlimited = built(None, Metadata::new());
        set_timeout(&mut unlimited, Duration::from_secs(1));
        assert!(!unlimited.headers().contains_key("grpc-timeout"));
    }

    #[test]
    fn what_is_built_can_be_parsed() {
        let mut metadata = Metadata::new();
        metadata.insert_bin("x-bin", [1, 2, 3]).unwrap();
        let request = built(Some(Duration::from_millis(7)), metadata);
        let head = parse(request.into_parts().0).unwrap();
        assert_eq!(head.path(), "/pkg.Svc/Method");
        assert_eq!(head.timeout, Some(Duration::from_millis(7)));
        assert_eq!(head.metadata.get_bin("x-bin").as_deref(), Some(&[1, 2, 3][..]));
    }

    #[test]
    fn received_metadata_can_be_sent_on() {
        let received = parse_fields(&[
            ("content-type", "application/grpc"),
            ("te", "trailers"),
            ("grpc-timeout", "1S"),
            ("x", "1"),
        ])
        .unwrap();
        let request = built(None, received.metadata);
        assert!(!request.headers().contains_key("grpc-timeout"));
        assert_eq!(request.headers().get_all("te").iter().count(), 1);
        assert_eq!(request.headers().get("x"), Some(&"1".parse().unwrap()));
    }

    #[test]
    fn a_path_that_is_none_is_an_error() {
        let status = build(
            &Scheme::HTTP,
            &Authority::from_static("host"),
            &MethodName::Static("no path\n"),
            None,
            &user_agent(None),
            &Coding::new(Accept::Only(Vec::new()), "proto"),
            Metadata::new(),
        )
        .unwrap_err();
        assert_eq!(status.code(), Code::Internal);
    }

    #[test]
    fn user_agents() {
        let own = concat!("grpc-rust-stolid/", env!("CARGO_PKG_VERSION"));
        assert_eq!(user_agent(None), own);
        assert_eq!(user_agent(Some(" ")), own);
        assert_eq!(user_agent(Some("a\nb")), own);
        assert_eq!(user_agent(Some("app/1 (x)")), format!("app/1 (x) {own}"));
    }
}
