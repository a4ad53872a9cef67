//! The head and the trailers of a response: what a client makes of any of them, and the way of a status to the peer.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, StatusCode, response};
use stolid::fuzzing::{
    ResponseHead, build_response, build_trailers, decode_all_binary, decode_percent, response_head, sent_metadata,
    trailers, trailers_only,
};
use stolid::{Code, Metadata, Status};

use crate::header_lines::{headers, lines, text};
use crate::{metadata, request_head};

/// The header list that every peer has to take, in bytes as RFC 9113 §6.5.2 counts them.
const HEADER_LIST: usize = 8 * 1024;

/// Takes the first line of the input for the HTTP status, with `end` behind it if the stream is over; the lines up to an
/// empty one for fields, and what is behind that for the body.
pub fn check(data: &[u8]) {
    let mut lines = lines(data);
    let first = String::from_utf8_lossy(lines.next().unwrap_or_default()).into_owned();
    let fields = headers(lines.by_ref().take_while(|line| !line.is_empty()));
    let body = lines.next().unwrap_or_default();
    let (status, end) = first.split_once(' ').unwrap_or((&first, ""));
    let Ok(status) = StatusCode::from_bytes(status.as_bytes()) else {
        return;
    };
    received(status, &fields, end == "end", body);
    same_outcome(&trailers(fields.clone()), &fields);
    metadata::received(fields.clone());
    sent(&fields, body);
}

fn parts(status: StatusCode, fields: &HeaderMap) -> response::Parts {
    let mut response = Response::new(());
    *response.status_mut() = status;
    *response.headers_mut() = fields.clone();
    response.into_parts().0
}

fn received(status: StatusCode, fields: &HeaderMap, end: bool, body: &[u8]) {
    let is_grpc = status == 200 && request_head::codec(fields).is_some();
    let has_status = fields.contains_key("grpc-status");
    match response_head(parts(status, fields), end, body) {
        ResponseHead::TrailersOnly(outcome) => {
            assert!(if has_status { end || status != 200 } else { end && is_grpc }, "{status} {fields:?}");
            same_outcome(&outcome, fields);
        }
        ResponseHead::Headers(metadata, encoding) => {
            assert!(is_grpc && !end);
            assert_eq!(encoding.as_ref(), fields.get("grpc-encoding").filter(|value| *value != "identity"));
            assert_eq!(sent_metadata(metadata).len(), visible(fields));
        }
        ResponseHead::NotGrpc(error) => {
            assert!(!is_grpc && !(has_status && (end || status != 200)));
            let code = match status.as_u16() {
                400 | 431 => Code::Internal,
                401 => Code::Unauthenticated,
                403 => Code::PermissionDenied,
                404 => Code::Unimplemented,
                429 | 502..=504 => Code::Unavailable,
                _ => Code::Unknown,
            };
            assert_eq!(error.code(), code);
            assert!(error.message().contains(status.as_str()));
            // 256 bytes of the body, each of which may be shown as `\u{..}`, and 100 characters of a content type.
            assert!(error.message().len() < 256 * 10 + 100 * 10 + 200, "{}", error.message().len());
        }
    }
}

fn visible(fields: &HeaderMap) -> usize {
    fields.iter().filter(|(name, _)| !metadata::is_hidden(name.as_str())).count()
}

/// Compares an outcome with the fields it was read from.
fn same_outcome(outcome: &Result<Metadata, Status>, fields: &HeaderMap) {
    let sent = text(fields, "grpc-status");
    let code = sent.as_ref().and_then(|sent| (0..=16).find(|code: &i32| code.to_string() == *sent));
    let message = fields.get("grpc-message").map(|value| decode_percent(value.as_bytes())).unwrap_or_default();
    let metadata = match outcome {
        Ok(metadata) => {
            assert_eq!(code, Some(0));
            metadata
        }
        Err(status) => {
            assert_ne!(code, Some(0));
            assert_eq!(status.code() as i32, code.unwrap_or(Code::Unknown as i32));
            match code {
                Some(_) => assert_eq!(status.message(), message),
                None => assert!(sent.is_none() || status.message().ends_with(&message)),
            }
            let mut details = fields.get_all("grpc-status-details-bin").iter().flat_map(decode_all_binary);
            let details = details.find(|value| !value.is_empty()).filter(|_| sent.is_some()).unwrap_or_default();
            assert_eq!(status.details(), details);
            status.metadata()
        }
    };
    assert_eq!(sent_metadata(metadata.clone()).len(), visible(fields));
}

/// Sends a status made of the fields and the body, and success with the fields as metadata.
fn sent(fields: &HeaderMap, body: &[u8]) {
    let metadata = stolid::fuzzing::received_metadata(fields.clone());
    let message = text(fields, "message").unwrap_or_default();
    let code = Code::from_i32(i32::from(body.first().copied().unwrap_or(0) % 20));
    let status = Status::with_details(code, message.clone(), Bytes::copy_from_slice(body));

    let fits = size(&sent_metadata(metadata.clone())) + 2 * body.len() + 9 * message.len() < 6_000;
    let sent = build_trailers(&Err(status.clone()), metadata.clone());
    arrives(&sent, &trailers(sent.clone()).expect_err("an error is never sent as OK"), &status, fits);
    let head = trailers_only(&status, &metadata);
    match response_head(head.into_parts().0, true, b"") {
        ResponseHead::TrailersOnly(Err(back)) => arrives(&sent, &back, &status, fits),
        other => panic!("a failure arrived as {other:?}"),
    }

    let success = build_trailers(&Ok(()), metadata.clone());
    assert!(size(&success) <= HEADER_LIST);
    let back = trailers(success).expect("success arrives as such");
    if fits {
        assert_eq!(back.len(), visible(fields));
    }
    match response_head(build_response(metadata).into_parts().0, false, b"") {
        ResponseHead::Headers(back, None) => assert_eq!(back.len(), visible(fields)),
        other => panic!("a head arrived as {other:?}"),
    }
}

fn arrives(sent: &HeaderMap, back: &Status, status: &Status, fits: bool) {
    assert!(size(sent) <= HEADER_LIST);
    let code = if status.code() == Code::Ok { Code::Unknown } else { status.code() };
    assert_eq!(back.code(), code);
    assert!(status.message().starts_with(back.message()));
    assert!(back.details().is_empty() || back.details() == status.details());
    // Raw details have a limit of their own.
    if fits && status.details().len() <= stolid::details::ErrorDetails::MAX_LEN {
        assert_eq!((back.message(), back.details()), (status.message(), status.details()));
    }
}

fn size(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| name.as_str().len() + HeaderValue::len(value) + 32).sum()
}
