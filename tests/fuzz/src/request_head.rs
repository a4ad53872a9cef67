//! The head of a request: which are taken for calls, what a server makes of them, and the way back.

use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri, request};
use stolid::Code;
use stolid::fuzzing::{Rejection, build_request, decode_timeout, request_head};

use crate::header_lines::{headers, lines, text};
use crate::metadata;

/// Takes the first line of the input for `METHOD path authority`, the others for fields.
pub fn check(data: &[u8]) {
    let mut lines = lines(data);
    let first = String::from_utf8_lossy(lines.next().unwrap_or_default()).into_owned();
    let fields = headers(lines);
    let Some(parts) = parts(&first, fields.clone()) else {
        return;
    };
    let (method, uri) = (parts.method.clone(), parts.uri.clone());
    let expected = verdict(&method, &uri, &fields);
    let head = match request_head(parts) {
        Ok(head) => head,
        Err(Rejection::Http(status)) => return assert_eq!(expected, Verdict::Http(status), "{fields:?}"),
        Err(Rejection::Grpc(status)) => return assert_eq!(expected, Verdict::Grpc(status.code()), "{fields:?}"),
    };
    assert_eq!(expected, Verdict::Call, "{fields:?}");
    assert_eq!(Some(head.path.as_str()), uri.path_and_query().map(PathAndQuery::as_str));
    let sent_timeout = fields.get("grpc-timeout").map(HeaderValue::as_bytes);
    assert_eq!(head.timeout, sent_timeout.and_then(decode_timeout));
    let encoding = fields.get("grpc-encoding").filter(|value| value.as_bytes() != b"identity");
    assert_eq!(head.encoding.as_ref(), encoding);
    assert!(head.accepted.iter().eq(fields.get_all("grpc-accept-encoding")));
    let format = codec(&fields).unwrap_or_default();
    assert_eq!(head.formats, (["", "proto"].contains(&&*format), ["", "json"].contains(&&*format)));
    metadata::received(fields.clone());
    sent_on(head.timeout, head.metadata, &fields);
}

/// What a server should do with a request.
#[derive(Debug, PartialEq)]
enum Verdict {
    Http(StatusCode),
    Grpc(Code),
    Call,
}

/// What h2 makes of the pseudo-header fields; `None` for what it refuses.
fn parts(line: &str, fields: HeaderMap) -> Option<request::Parts> {
    let mut words = line.split(' ');
    let method = Method::from_bytes(words.next()?.as_bytes()).ok()?;
    let path = words.next().filter(|path| !path.is_empty());
    let authority = words.next().filter(|authority| !authority.is_empty());
    let mut uri = http::uri::Parts::default();
    uri.authority = authority.map(str::parse).transpose().ok()?;
    uri.path_and_query = path.map(str::parse).transpose().ok()?;
    uri.scheme = uri.authority.is_some().then_some(Scheme::HTTP);
    let mut request = Request::new(());
    *request.method_mut() = method;
    *request.uri_mut() = Uri::from_parts(uri).ok()?;
    *request.headers_mut() = fields;
    Some(request.into_parts().0)
}

fn verdict(method: &Method, uri: &Uri, fields: &HeaderMap) -> Verdict {
    if method != "POST" {
        return Verdict::Http(StatusCode::METHOD_NOT_ALLOWED);
    }
    if codec(fields).is_none() {
        return Verdict::Http(StatusCode::UNSUPPORTED_MEDIA_TYPE);
    }
    let hosts = fields.get_all("host").iter().count();
    if hosts > 1 || (hosts == 0 && uri.authority().is_none()) || uri.path().is_empty() {
        return Verdict::Http(StatusCode::BAD_REQUEST);
    }
    let timeout = fields.get("grpc-timeout").map(HeaderValue::as_bytes);
    if timeout.is_some_and(|value| decode_timeout(value).is_none()) {
        return Verdict::Grpc(Code::Internal);
    }
    Verdict::Call
}

/// The format of the messages, in lower case and empty if it is not named; `None` if the content is not gRPC's.
pub fn codec(fields: &HeaderMap) -> Option<String> {
    let value = text(fields, "content-type")?.to_ascii_lowercase();
    let kind = value.split(';').next()?.trim_ascii_end().strip_prefix("application/grpc")?.to_owned();
    match kind.strip_prefix('+') {
        _ if kind.is_empty() => Some(String::new()),
        Some(codec) if !codec.is_empty() => Some(codec.to_owned()),
        _ => None,
    }
}

/// A call made with what came arrives as it was, with the names that belong to gRPC replaced by our own.
fn sent_on(timeout: Option<std::time::Duration>, metadata: stolid::Metadata, fields: &HeaderMap) {
    let agent = HeaderValue::from_static("fuzz/1");
    let authority = Authority::from_static("127.0.0.1:50051");
    let path = "/chat.v1.Chat/GetRoom";
    let request = build_request(&authority, path, timeout, &agent, metadata).expect("the path is one");
    assert_eq!(request.headers()["content-type"], "application/grpc");
    let order = Vec::from_iter(request.headers().keys().map(http::HeaderName::as_str));
    let own = [
        timeout.map(|_| "grpc-timeout"),
        Some("te"),
        Some("content-type"),
        Some("grpc-accept-encoding"),
        Some("user-agent"),
    ];
    let own = Vec::from_iter(own.into_iter().flatten());
    assert_eq!(order[..own.len()], own, "reserved fields come before metadata");
    assert_eq!(request.headers()["user-agent"], agent);

    let head = request_head(request.into_parts().0).expect("what is sent is a call");
    assert_eq!((head.path.as_str(), head.encoding), (path, None));
    assert_eq!(head.timeout.is_some(), timeout.is_some());
    assert!(head.timeout >= timeout, "the peer would give up first");
    for name in fields.keys().filter(|name| !metadata::is_hidden(name.as_str()) && *name != "user-agent") {
        let came = Vec::from_iter(fields.get_all(name));
        let arrived = stolid::fuzzing::sent_metadata(head.metadata.clone());
        assert_eq!(Vec::from_iter(arrived.get_all(name)), came);
    }
}
