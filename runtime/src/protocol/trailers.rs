//! The trailers that end a call: status, details and metadata.

use std::sync::LazyLock;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};

use super::{GRPC_MESSAGE, GRPC_STATUS, GRPC_STATUS_DETAILS, percent};
use crate::code::Code;
use crate::metadata::{Metadata, binary};
use crate::status::Status;

/// The 8 KiB that the gRPC specification suggests as the limit of a header list, less some room for the fields of a
/// trailers-only response.
const BUDGET: usize = 8 * 1024 - 256;

/// What HTTP/2 counts for each field beside its name and value (RFC 9113 §6.5.2).
const FIELD_OVERHEAD: usize = 32;

/// A message is not cut below this for the sake of details or metadata.
const MESSAGE_MIN: usize = 1024;

/// The trailers of a success without metadata. A copy of a map costs less than a new one, which has room for more.
static SUCCESS: LazyLock<HeaderMap> =
    LazyLock::new(|| HeaderMap::from_iter([(GRPC_STATUS.clone(), HeaderValue::from_static(Code::Ok.decimal()))]));

/// The trailers for an outcome, with the metadata the application wants to send at the end.
///
/// They stay under 8 KiB, which every peer accepts: one that finds its limit exceeded resets the stream, and the status
/// would be lost. What does not fit is given up in this order: metadata, details, the end of the message.
pub(crate) fn build(outcome: &Result<(), Status>, metadata: Metadata) -> HeaderMap {
    match outcome {
        Ok(()) if metadata.is_empty() => SUCCESS.clone(),
        Ok(()) => {
            let mut fields = Fields::new();
            fields.add_own(&GRPC_STATUS, HeaderValue::from_static(Code::Ok.decimal()));
            fields.add_metadata(&metadata);
            fields.headers
        }
        Err(status) => build_error(status, &metadata),
    }
}

/// The trailers for a call that failed.
pub(crate) fn build_error(status: &Status, metadata: &Metadata) -> HeaderMap {
    let sendable = status.sendable();
    let mut fields = Fields::new();
    let code = HeaderValue::from_static(sendable.code.decimal());
    fields.add_own(&GRPC_STATUS, code);

    let details = (!sendable.details.is_empty()).then(|| binary::encode(sendable.details));
    let details = details.filter(|value| {
        let message_room = MESSAGE_MIN + FIELD_OVERHEAD + GRPC_MESSAGE.as_str().len();
        cost(GRPC_STATUS_DETAILS.as_str(), value) + message_room <= fields.room
    });
    let details_room = details.as_ref().map_or(0, |value| cost(GRPC_STATUS_DETAILS.as_str(), value));
    if !sendable.message.is_empty() {
        let overhead = GRPC_MESSAGE.as_str().len() + FIELD_OVERHEAD;
        let room = fields.room.saturating_sub(details_room + overhead);
        let message = percent::encode(sendable.message, room);
        fields.add_own(&GRPC_MESSAGE, message);
    }
    if let Some(details) = details {
        fields.add_own(&GRPC_STATUS_DETAILS, details);
    }
    if let Some(own) = sendable.metadata {
        fields.add_metadata(own);
    }
    fields.add_metadata(metadata);
    fields.headers
}

/// Reads the trailers of a call, or the headers of a trailers-only response.
///
/// # Errors
///
/// The status the peer sent, unless it is OK; UNKNOWN when it sent none or something that is no status.
pub(crate) fn parse(headers: HeaderMap) -> Result<Metadata, Status> {
    let Some(value) = headers.get(&GRPC_STATUS) else {
        return Err(Status::received(
            Code::Unknown,
            "the stream ended without grpc-status".to_owned(),
            Bytes::new(),
            Metadata::from_headers(headers),
        ));
    };
    let code = Code::from_decimal(value.as_bytes());
    if code == Some(Code::Ok) {
        return Ok(Metadata::from_headers(headers));
    }
    let sent_message = headers.get(&GRPC_MESSAGE).map(|value| percent::decode(value.as_bytes())).unwrap_or_default();
    let (code, message) = match code {
        Some(code) => (code, sent_message),
        None => (Code::Unknown, garbage_text(value.as_bytes(), &sent_message)),
    };
    // The code inside the details is not looked at: where the two disagree, grpc-status is the one to trust.
    let details = details(&headers);
    let mut status =
        Status::received(code, message, details.clone().unwrap_or_default(), Metadata::from_headers(headers));
    if details.is_none() {
        status.note_garbled_details();
    }
    Err(status)
}

/// The details: the first value that is not empty, of those that are base64. `None` when there are values and none is.
fn details(headers: &HeaderMap) -> Option<Bytes> {
    let mut found = None;
    let mut fields = headers.get_all(&GRPC_STATUS_DETAILS).iter().peekable();
    if fields.peek().is_none() {
        return Some(Bytes::new());
    }
    for value in fields.flat_map(binary::decode_all) {
        if !value.is_empty() {
            return Some(value);
        }
        found = Some(value);
    }
    found
}

/// Whether there is a status in these headers.
pub(crate) fn has_status(headers: &HeaderMap) -> bool {
    headers.contains_key(&GRPC_STATUS)
}

/// Trailers under construction.
struct Fields {
    headers: HeaderMap,
    /// The bytes of the header list that may still be added.
    room: usize,
}

impl Fields {
    fn new() -> Self {
        Self { headers: HeaderMap::new(), room: BUDGET }
    }

    /// Adds a field whose size has been checked.
    fn add_own(&mut self, name: &http::HeaderName, value: HeaderValue) {
        self.room = self.room.saturating_sub(cost(name.as_str(), &value));
        self.headers.insert(name.clone(), value);
    }

    fn add_metadata(&mut self, metadata: &Metadata) {
        for (name, value) in metadata.visible() {
            let cost = cost(name.as_str(), value);
            if cost <= self.room {
                self.room -= cost;
                self.headers.append(name.clone(), value.clone());
            }
        }
    }
}

/// What a field adds to the size of a header list.
fn cost(name: &str, value: &HeaderValue) -> usize {
    name.len() + value.len() + FIELD_OVERHEAD
}

fn garbage_text(value: &[u8], message: &str) -> String {
    let shown = &value[..value.len().min(32)];
    let mut text = format!("the peer sent grpc-status {:?}", String::from_utf8_lossy(shown));
    if !message.is_empty() {
        text.push_str(" with the message: ");
        text.push_str(message);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::details::{ErrorDetails, InvalidDetails};

    fn size(headers: &HeaderMap) -> usize {
        headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 32).sum()
    }

    fn metadata(key: &str, value: &str) -> Metadata {
        let mut metadata = Metadata::new();
        metadata.insert(key, value).unwrap();
        metadata
    }

    fn fields(pairs: &[(&'static str, &'static [u8])]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (http::HeaderName::from_static(name), HeaderValue::from_bytes(value).unwrap()))
            .collect()
    }

    #[test]
    fn success() {
        let headers = build(&Ok(()), metadata("x", "1"));
        assert_eq!(headers.len(), 2);
        assert_eq!(headers["grpc-status"], "0");
        let back = parse(headers).unwrap();
        assert_eq!((back.get("x"), back.len()), (Some("1"), 1));
    }

    #[test]
    fn failure_with_everything() {
        let mut status = Status::with_details(Code::NotFound, "kein Raum „ü“", Bytes::from_static(b"\xff\0d"));
        status.metadata_mut().insert("x", "status").unwrap();
        status.metadata_mut().insert_bin("y-bin", b"\x01").unwrap();
        let headers = build(&Err(status), metadata("x", "trailer"));
        let names: Vec<&str> = headers.keys().map(http::HeaderName::as_str).collect();
        assert_eq!(names[..3], ["grpc-status", "grpc-message", "grpc-status-details-bin"]);
        let back = parse(headers).unwrap_err();
        assert_eq!(back.code(), Code::NotFound);
        assert_eq!(back.message(), "kein Raum „ü“");
        assert_eq!(back.details(), b"\xff\0d");
        assert_eq!(back.metadata().get_all("x").collect::<Vec<_>>(), ["status", "trailer"]);
        assert_eq!(back.metadata().get_bin("y-bin").as_deref(), Some(&[1][..]));
    }

    #[test]
    fn an_empty_message_is_left_out() {
        let headers = build(&Err(Status::aborted("")), Metadata::new());
        assert_eq!(headers.len(), 1);
        assert_eq!(parse(headers).unwrap_err().message(), "");
    }

    #[test]
    fn a_received_status_is_sent_on_bare() {
        let received = parse(fields(&[
            ("grpc-status", b"7"),
            ("grpc-message", b"no%21"),
            ("grpc-status-details-bin", b"Zm9v"),
            ("x-secret", b"s"),
        ]))
        .unwrap_err();
        assert_eq!(received.details(), b"foo");

        let bare = build(&Err(received.clone()), Metadata::new());
        assert_eq!(bare.len(), 2);
        assert_eq!(bare["grpc-status"], "7");
        assert_eq!(bare["grpc-message"], "no!");

        let whole = build(&Err(received.forward_all()), Metadata::new());
        assert_eq!(whole.len(), 4);
        assert_eq!(whole["grpc-status-details-bin"], "Zm9v");
        assert_eq!(whole["x-secret"], "s");
    }

    #[test]
    fn what_a_peer_may_send_as_status() {
        for (value, code) in [
            (&b"1"[..], Code::Cancelled),
            (b"16", Code::Unauthenticated),
            (b"17", Code::Unknown),
            (b"00", Code::Unknown),
            (b"", Code::Unknown),
            (b"five", Code::Unknown),
            (b"\xff\xfe", Code::Unknown),
            (b"-1", Code::Unknown),
        ] {
            let status = parse(HeaderMap::from_iter([(GRPC_STATUS.clone(), HeaderValue::from_bytes(value).unwrap())]))
                .unwrap_err();
            assert_eq!(status.code(), code, "{value:?}");
        }
        let status = parse(fields(&[("grpc-status", b"05"), ("grpc-message", b"why")]));
        let message = status.unwrap_err().message().to_owned();
        assert!(message.contains("\"05\"") && message.contains("why"), "{message}");
    }

    #[test]
    fn a_missing_status_is_unknown() {
        let status = parse(fields(&[("x", b"1")])).unwrap_err();
        assert_eq!(status.code(), Code::Unknown);
        assert!(status.message().contains("without grpc-status"), "{status}");
        assert_eq!(status.metadata().get("x"), Some("1"));
    }

    #[test]
    fn garbage_details_are_no_details() {
        for garbage in [&b"***"[..], b"\xff", b"Z", b"===="] {
            let status = parse(HeaderMap::from_iter([
                (GRPC_STATUS.clone(), HeaderValue::from_static("3")),
                (GRPC_STATUS_DETAILS.clone(), HeaderValue::from_bytes(garbage).unwrap()),
            ]))
            .unwrap_err();
            assert_eq!(status.code(), Code::InvalidArgument);
            assert!(status.details().is_empty() && status.error_details().is_empty());
            assert_eq!(status.check_error_details(), Err(InvalidDetails::NotBase64));
        }
    }

    #[test]
    fn of_several_details_the_first_good_ones_count() {
        for (values, raw) in [
            (&["CAU"][..], &[8, 5][..]),
            (&["CAU="], &[8, 5]),
            (&["CAU,CAY"], &[8, 5]),
            (&["CAU", "CAY"], &[8, 5]),
            (&["***", "CAU"], &[8, 5]),
            (&["***,CAU"], &[8, 5]),
            (&["", "CAU"], &[8, 5]),
            (&[",CAU,"], &[8, 5]),
            (&[""], &[]),
            (&["", "***"], &[]),
        ] {
            let mut headers = fields(&[("grpc-status", b"5")]);
            for value in values {
                headers.append(GRPC_STATUS_DETAILS.clone(), HeaderValue::from_static(value));
            }
            let status = parse(headers).unwrap_err();
            assert_eq!(status.details(), raw, "{values:?}");
            assert_eq!(status.check_error_details(), Ok(ErrorDetails::new()), "{values:?}");
        }
    }

    #[test]
    fn grpc_status_is_trusted_over_the_details() {
        // A google.rpc.Status with code 5.
        let status = parse(fields(&[("grpc-status", b"3"), ("grpc-status-details-bin", b"CAU")])).unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument);
        assert_eq!(status.details(), [8, 5]);
        let disagrees = InvalidDetails::CodeDisagrees { status: Code::InvalidArgument, inside: 5 };
        assert_eq!(status.check_error_details(), Err(disagrees));
    }

    #[test]
    fn rich_errors_of_any_size_fit_with_their_message() {
        for length in [0, 100, 3800, 4900, ErrorDetails::MAX_LEN, 100_000] {
            let mut details = ErrorDetails::with_error_info("R", "d", []);
            details.set_debug_info(["s".repeat(length)], "");
            let status = Status::with_error_details(Code::Aborted, "m".repeat(length), details);
            let back = parse(build_error(&status, &Metadata::new())).unwrap_err();
            assert_eq!(back.check_error_details().as_ref(), Ok(&status.error_details()), "{length}");
            assert_eq!(back.error_details().error_info().unwrap().reason, "R", "{length}");
            assert_eq!(back.error_details().debug_info().is_some(), length <= 3800, "{length}");
            assert!(back.message().len() >= length.min(1024), "{length}");
        }
    }

    #[test]
    fn trailers_stay_under_eight_kib() {
        let long = "☺".repeat(10_000);
        let big = Bytes::from(vec![7; 5_000]);
        let huge = Bytes::from(vec![7; 50_000]);
        let mut many = Metadata::new();
        for number in 0..500 {
            many.insert(format!("x-{number}"), "v".repeat(50)).unwrap();
        }
        for (details, metadata) in [
            (Bytes::new(), Metadata::new()),
            (big.clone(), Metadata::new()),
            (huge.clone(), Metadata::new()),
            (big.clone(), many.clone()),
            (huge, many.clone()),
        ] {
            let status = Status::with_details(Code::Internal, long.clone(), details.clone());
            let headers = build(&Err(status), metadata);
            assert!(size(&headers) <= 8 * 1024 - 256, "{}", size(&headers));
            assert_eq!(headers.contains_key("grpc-status-details-bin"), details.len() == big.len());
            let back = parse(headers).unwrap_err();
            assert_eq!(back.code(), Code::Internal);
            let characters = back.message().chars().count();
            assert!(characters >= 100, "{characters}");
            assert!(back.message().chars().all(|character| character == '☺'));
        }
        let headers = build(&Ok(()), many);
        assert!(size(&headers) <= 8 * 1024 - 256);
        assert!(headers.len() > 50);
        assert_eq!(headers["grpc-status"], "0");
    }

    #[test]
    fn an_error_is_never_sent_as_ok() {
        let headers = build(&Err(Status::ok("odd")), Metadata::new());
        assert_eq!(headers["grpc-status"], "2");
    }
}
