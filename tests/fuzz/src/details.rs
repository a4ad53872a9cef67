//! Rich errors: any bytes are read without a failure, what was read is written and read again as the same, and what is
//! written is never longer than the limit.

use std::collections::HashMap;
use std::time::Duration;

use arbitrary::{Arbitrary, Unstructured};
use bytes::Bytes;
use prost::Message;
use stolid::details::{Any, ErrorDetails, InvalidDetails};
use stolid::{Code, Status};

/// `google.rpc.Status`, with text and entries as they are on the wire.
#[derive(Clone, PartialEq, Message)]
struct RpcStatus {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(bytes = "vec", tag = "2")]
    message: Vec<u8>,
    #[prost(bytes = "vec", repeated, tag = "3")]
    details: Vec<Vec<u8>>,
}

/// `google.protobuf.Any`.
#[derive(Clone, PartialEq, Message)]
struct RpcAny {
    #[prost(string, tag = "1")]
    type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    value: Vec<u8>,
}

/// What an application says.
#[derive(Arbitrary, Debug)]
struct Said {
    message: String,
    error_info: Option<(String, String, HashMap<String, String>)>,
    retry_info: Option<Option<Duration>>,
    debug_info: Option<(Vec<String>, String)>,
    quota_failures: Vec<(String, String)>,
    precondition_failures: Vec<(String, String, String)>,
    bad_requests: Vec<(String, String)>,
    request_info: Option<(String, String)>,
    resource_info: Option<(String, String, String, String)>,
    help: Vec<(String, String)>,
    localized_message: Option<(String, String)>,
    others: Vec<(String, Vec<u8>)>,
}

/// Takes the input for bytes that a peer sent, for the entries of a status, and for what an application says.
pub fn check(data: &[u8]) {
    received(data);
    let (&code, rest) = data.split_first().unwrap_or((&0, &[]));
    entries(code, rest);
    if let Ok(said) = Said::arbitrary_take_rest(Unstructured::new(rest)) {
        sent(said);
    }
}

fn received(data: &[u8]) {
    let status = Status::with_details(Code::NotFound, "came", Bytes::copy_from_slice(data));
    let details = status.error_details();
    match status.check_error_details() {
        Ok(checked) => assert_eq!(checked, details),
        Err(InvalidDetails::NotAStatus(_)) => assert!(RpcStatus::decode(data).is_err()),
        Err(InvalidDetails::CodeDisagrees { inside, .. }) => {
            assert_eq!(RpcStatus::decode(data).map(|status| status.code), Ok(inside));
        }
        Err(InvalidDetails::BrokenEntry { error, .. }) => assert!(!error.to_string().is_empty()),
        Err(other) => panic!("{other} is said of the base64 around it"),
    }
    written_and_read(&details, "");
}

/// One entry of each type, and each of them twice, with the input as their contents.
fn entries(code: u8, data: &[u8]) {
    const TYPES: [&str; 11] = [
        "ErrorInfo",
        "RetryInfo",
        "DebugInfo",
        "QuotaFailure",
        "PreconditionFailure",
        "BadRequest",
        "RequestInfo",
        "ResourceInfo",
        "Help",
        "LocalizedMessage",
        "Other",
    ];
    let entry = |name: &str| {
        let type_url = format!("type.googleapis.com/google.rpc.{name}");
        RpcAny { type_url, value: data.to_vec() }.encode_to_vec()
    };
    let kind = TYPES[usize::from(code) % TYPES.len()];
    for details in [vec![entry(kind)], vec![entry(kind), entry(kind)], TYPES.map(entry).to_vec()] {
        let sent = RpcStatus { code: Code::NotFound as i32, message: Vec::new(), details };
        let status = Status::with_details(Code::NotFound, "", Bytes::from(sent.encode_to_vec()));
        let read = status.error_details();
        let ten = [
            read.error_info().is_some(),
            read.retry_info().is_some(),
            read.debug_info().is_some(),
            read.quota_failure().is_some(),
            read.precondition_failure().is_some(),
            read.bad_request().is_some(),
            read.request_info().is_some(),
            read.resource_info().is_some(),
            read.help().is_some(),
            read.localized_message().is_some(),
        ];
        let found = ten.iter().filter(|there| **there).count() + read.others().len();
        assert_eq!(found, sent.details.len(), "no entry is lost");
        written_and_read(&read, "");
    }
}

fn sent(said: Said) {
    let mut details = ErrorDetails::new();
    if let Some((reason, domain, metadata)) = said.error_info {
        details.set_error_info(reason, domain, metadata);
    }
    if let Some(delay) = said.retry_info {
        details.set_retry_info(delay);
    }
    if let Some((entries, detail)) = said.debug_info {
        details.set_debug_info(entries, detail);
    }
    for (subject, description) in said.quota_failures {
        details.add_quota_failure_violation(subject, description);
    }
    for (kind, subject, description) in said.precondition_failures {
        details.add_precondition_failure_violation(kind, subject, description);
    }
    for (field, description) in said.bad_requests {
        details.add_bad_request_violation(field, description);
    }
    if let Some((id, data)) = said.request_info {
        details.set_request_info(id, data);
    }
    if let Some((kind, name, owner, description)) = said.resource_info {
        details.set_resource_info(kind, name, owner, description);
    }
    for (description, url) in said.help {
        details.add_help_link(description, url);
    }
    if let Some((locale, message)) = said.localized_message {
        details.set_localized_message(locale, message);
    }
    for (type_url, value) in said.others {
        // A slash could make it one of the ten.
        let type_url = type_url.replace('/', "");
        details.add_other(Any::new(format!("example.com/other-{type_url}"), value));
    }
    written_and_read(&details, &said.message);
}

/// Writes details and reads them again.
fn written_and_read(details: &ErrorDetails, message: &str) {
    let status = Status::with_error_details(Code::NotFound, message, details.clone());
    assert!(status.details().len() <= ErrorDetails::MAX_LEN, "{} bytes", status.details().len());
    let wire = RpcStatus::decode(status.details()).expect("what is written is a google.rpc.Status");
    assert!(status.details().is_empty() || wire.code == Code::NotFound as i32);
    assert!(message.as_bytes().starts_with(&wire.message), "{message:?} {:?}", wire.message);
    let back = status.error_details();
    let again = Status::with_error_details(Code::NotFound, message, back.clone());
    assert_eq!(again.error_details(), back, "what was read can be written");
    if length(details) + message.len() < 2_000 {
        assert_eq!(back, *details, "what fits is all there");
    }
}

/// More than the bytes that the details have.
fn length(details: &ErrorDetails) -> usize {
    format!("{details:?}").len()
}
