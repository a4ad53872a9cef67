//! Details as bytes: `google.rpc.Status` and its entries.

use bytes::Bytes;
use prost::encoding::encoded_len_varint;
use prost::{DecodeError, Message};

use super::retry_info::WireRetryInfo;
use super::{
    Any, BadRequest, DebugInfo, ErrorDetails, ErrorInfo, Help, InvalidDetails, LocalizedMessage, PreconditionFailure,
    QuotaFailure, RequestInfo, ResourceInfo, RetryInfo,
};
use crate::code::Code;

/// How much of the message is repeated in the details when they do not fit otherwise.
const MESSAGE_COPY: usize = 1024;

/// `google.rpc.Status`.
///
/// An entry is bytes here, which is the same on the wire, so that a broken one does not hide those behind it. So is the
/// message, which is not read at all: that of `grpc-message` counts.
#[derive(Clone, PartialEq, Message)]
struct RpcStatus {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(bytes = "bytes", tag = "2")]
    message: Bytes,
    #[prost(bytes = "bytes", repeated, tag = "3")]
    details: Vec<Bytes>,
}

/// The details of a status with this code and message, in at most [`ErrorDetails::MAX_LEN`] bytes.
pub(crate) fn encode(code: Code, message: &str, details: &ErrorDetails) -> Bytes {
    let bytes = |entry: &Any| Bytes::from(entry.encode_to_vec());
    let typed: Vec<Bytes> = typed(details).iter().map(bytes).collect();
    let others: Vec<Bytes> = details.others.iter().map(bytes).collect();
    let debug_info = any(DebugInfo::TYPE_URL, details.debug_info.as_ref()).map(|entry| bytes(&entry));
    let mut status =
        RpcStatus { code: code as i32, message: Bytes::copy_from_slice(message.as_bytes()), details: Vec::new() };
    let entries = typed.iter().chain(&others).chain(&debug_info);
    let wanted = entries.fold(status.encoded_len(), |sum, entry| sum.saturating_add(cost(entry)));
    if wanted > ErrorDetails::MAX_LEN {
        status.message.truncate(cut(message));
    }
    let mut room = ErrorDetails::MAX_LEN.saturating_sub(status.encoded_len());
    let mut fits = |entry: &Bytes| {
        let left = room.checked_sub(cost(entry));
        room = left.unwrap_or(room);
        left.is_some()
    };
    // One that does not fit gives way to those before it.
    status.details.extend(typed.into_iter().filter(&mut fits));
    let others: Vec<Bytes> = others.into_iter().filter(&mut fits).collect();
    let debug_info = debug_info.filter(fits);
    // The others may have a second one of each type; the reader takes the first.
    status.details.extend(debug_info.into_iter().chain(others));
    status.encode_to_vec().into()
}

/// Everything that can be read of the details that came with the code `status`, and the first thing that is wrong.
pub(crate) fn decode(status: Code, bytes: Bytes) -> (ErrorDetails, Option<InvalidDetails>) {
    let mut details = ErrorDetails::new();
    if bytes.is_empty() {
        return (details, None);
    }
    // Merging keeps what came before the place where the bytes stop to make sense.
    let mut received = RpcStatus::default();
    let mut problem = received.merge(bytes).err().map(InvalidDetails::NotAStatus);
    if problem.is_none() && received.code != status as i32 {
        problem = Some(InvalidDetails::CodeDisagrees { status, inside: received.code });
    }
    for entry in received.details {
        let broken = match Any::decode(entry) {
            Ok(any) => take(&mut details, any).err(),
            Err(error) => Some(InvalidDetails::BrokenEntry { type_url: String::new(), error }),
        };
        problem = problem.or(broken);
    }
    (details, problem)
}

/// The entries of the ten types but [`DebugInfo`], the most important first.
fn typed(details: &ErrorDetails) -> Vec<Any> {
    let retry_info = details.retry_info.as_ref().map(WireRetryInfo::from);
    let typed = [
        any(ErrorInfo::TYPE_URL, details.error_info.as_ref()),
        any(RetryInfo::TYPE_URL, retry_info.as_ref()),
        any(LocalizedMessage::TYPE_URL, details.localized_message.as_ref()),
        any(BadRequest::TYPE_URL, details.bad_request.as_ref()),
        any(PreconditionFailure::TYPE_URL, details.precondition_failure.as_ref()),
        any(QuotaFailure::TYPE_URL, details.quota_failure.as_ref()),
        any(ResourceInfo::TYPE_URL, details.resource_info.as_ref()),
        any(RequestInfo::TYPE_URL, details.request_info.as_ref()),
        any(Help::TYPE_URL, details.help.as_ref()),
    ];
    typed.into_iter().flatten().collect()
}

fn any<M: Message>(type_url: &str, message: Option<&M>) -> Option<Any> {
    message.map(|message| Any::new(type_url, message.encode_to_vec()))
}

/// Puts an entry where it belongs.
fn take(details: &mut ErrorDetails, entry: Any) -> Result<(), InvalidDetails> {
    let others = &mut details.others;
    match entry.type_name() {
        "google.rpc.ErrorInfo" => place(&mut details.error_info, others, entry),
        "google.rpc.RetryInfo" => place::<WireRetryInfo, _>(&mut details.retry_info, others, entry),
        "google.rpc.DebugInfo" => place(&mut details.debug_info, others, entry),
        "google.rpc.QuotaFailure" => place(&mut details.quota_failure, others, entry),
        "google.rpc.PreconditionFailure" => place(&mut details.precondition_failure, others, entry),
        "google.rpc.BadRequest" => place(&mut details.bad_request, others, entry),
        "google.rpc.RequestInfo" => place(&mut details.request_info, others, entry),
        "google.rpc.ResourceInfo" => place(&mut details.resource_info, others, entry),
        "google.rpc.Help" => place(&mut details.help, others, entry),
        "google.rpc.LocalizedMessage" => place(&mut details.localized_message, others, entry),
        _ => {
            others.push(entry);
            Ok(())
        }
    }
}

/// Fills `slot` with an entry of its type. One that cannot be read, and any further one, stays as it is.
fn place<M, T>(slot: &mut Option<T>, others: &mut Vec<Any>, entry: Any) -> Result<(), InvalidDetails>
where
    M: Message + Default,
    T: From<M>,
{
    let problem = match M::decode(entry.value.clone()) {
        Ok(message) if slot.is_none() => {
            *slot = Some(message.into());
            return Ok(());
        }
        Ok(_) => None,
        Err(error) => Some(broken(&entry, error)),
    };
    others.push(entry);
    problem.map_or(Ok(()), Err)
}

fn broken(entry: &Any, error: DecodeError) -> InvalidDetails {
    InvalidDetails::BrokenEntry { type_url: entry.type_url.clone(), error }
}

/// How much of a long message is repeated; no character is cut in two.
fn cut(message: &str) -> usize {
    let mut end = message.len().min(MESSAGE_COPY);
    while !message.is_char_boundary(end) {
        end -= 1;
    }
    end
}

/// What an entry adds to the length of a status: a tag of one byte, its length, itself.
fn cost(entry: &Bytes) -> usize {
    1 + encoded_len_varint(entry.len() as u64) + entry.len()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::{FieldViolation, HelpLink, PreconditionViolation, QuotaViolation};
    use super::*;

    /// All ten types, every field set, and an entry of another type.
    fn full() -> ErrorDetails {
        let mut field = FieldViolation::new("rooms[2].name", "is too long");
        field.reason = "TOO_LONG".to_owned();
        field.localized_message = Some(LocalizedMessage::new("de", "zu lang"));
        let mut quota = QuotaViolation::new("project:7", "no rooms left");
        quota.api_service = "chat.example.com".to_owned();
        quota.quota_metric = "chat.example.com/rooms".to_owned();
        quota.quota_id = "rooms-per-project".to_owned();
        quota.quota_dimensions = [("region".to_owned(), "north".to_owned())].into();
        quota.quota_value = -1;
        quota.future_quota_value = Some(64);
        let mut details = ErrorDetails::new();
        details
            .set_error_info("ROOM_IS_FULL", "chat.example.com", [("limit".to_owned(), "64".to_owned())])
            .set_retry_info(Some(Duration::new(5, 7)))
            .set_debug_info(["main".to_owned(), "serve".to_owned()], "line 7")
            .set_quota_failure([quota])
            .set_precondition_failure([PreconditionViolation::new("TERMS", "example.com/terms", "not accepted")])
            .set_bad_request([field])
            .set_request_info("request-7", "opaque")
            .set_resource_info("room", "rooms/rust", "user:ada", "was closed")
            .set_help([HelpLink::new("how rooms work", "https://example.com/rooms")])
            .set_localized_message("de-CH", "Der Raum ist voll.")
            .add_other(Any::new("type.googleapis.com/library.v1.Shelf", vec![8, 7]));
        details
    }

    fn whole(code: Code, bytes: Bytes) -> ErrorDetails {
        let (details, problem) = decode(code, bytes);
        assert_eq!(problem, None);
        details
    }

    /// A `google.rpc.Status` with code 5 and these entries.
    fn status_of(entries: &[Any]) -> Bytes {
        let details = entries.iter().map(|entry| entry.encode_to_vec().into()).collect();
        RpcStatus { code: 5, message: Bytes::from_static(b"m"), details }.encode_to_vec().into()
    }

    #[test]
    fn all_ten_types_come_back_as_they_were() {
        let bytes = encode(Code::NotFound, "no room", &full());
        assert_eq!(whole(Code::NotFound, bytes.clone()), full());
        let status = RpcStatus::decode(bytes).unwrap();
        assert_eq!((status.code, &status.message[..], status.details.len()), (5, &b"no room"[..], 11));
    }

    #[test]
    fn of_two_entries_of_a_type_the_first_stays_the_first() {
        for name in ["DebugInfo", "ErrorInfo"] {
            let entry =
                |field: u8| Any::new(format!("type.googleapis.com/google.rpc.{name}"), vec![field << 3 | 2, 1, b'x']);
            let read = whole(Code::NotFound, status_of(&[entry(1), entry(2)]));
            assert_eq!(read.others(), [entry(2)]);
            assert_eq!(whole(Code::NotFound, encode(Code::NotFound, "", &read)), read);
        }
    }

    #[test]
    fn the_wire_is_that_of_the_specification() {
        let details = ErrorDetails::with_retry_info(Some(Duration::new(1, 2)));
        let entry = b"\x0a\x28type.googleapis.com/google.rpc.RetryInfo\x12\x06\x0a\x04\x08\x01\x10\x02";
        let bytes = [&b"\x08\x05\x12\x02no\x1a\x32"[..], entry].concat();
        assert_eq!(encode(Code::NotFound, "no", &details), bytes);
        assert_eq!(whole(Code::NotFound, bytes.into()), details);
    }

    #[test]
    fn nothing_is_nothing() {
        assert!(whole(Code::NotFound, Bytes::new()).is_empty());
        assert!(whole(Code::NotFound, encode(Code::NotFound, "m", &ErrorDetails::new())).is_empty());
    }

    #[test]
    fn a_type_is_known_by_the_end_of_its_url() {
        for url in ["type.googleapis.com/google.rpc.Help", "example.com/types/google.rpc.Help", "/google.rpc.Help"] {
            let entry = Any::new(url, Help::with_link("d", "u").encode_to_vec());
            assert!(whole(Code::NotFound, status_of(&[entry])).has_help_links(), "{url}");
        }
        for url in ["type.googleapis.com/google.rpc.help", "type.googleapis.com/rpc.Help", "google.rpc.Help/", ""] {
            let details = whole(Code::NotFound, status_of(&[Any::new(url, vec![])]));
            assert_eq!(details.others(), [Any::new(url, vec![])]);
        }
    }

    #[test]
    fn the_first_of_a_type_takes_its_place_and_the_others_are_kept() {
        let message = |locale: &str| {
            let message = LocalizedMessage::new(locale, "m");
            Any::new(LocalizedMessage::TYPE_URL, message.encode_to_vec())
        };
        let details = whole(Code::NotFound, status_of(&[message("de"), message("fr"), message("it")]));
        assert_eq!(details.localized_message().unwrap().locale, "de");
        assert_eq!(details.others(), [message("fr"), message("it")]);
        assert_eq!(whole(Code::NotFound, encode(Code::NotFound, "m", &details)), details);
    }

    #[test]
    fn a_broken_entry_is_told_and_hides_no_other() {
        let good = Any::new(Help::TYPE_URL, Help::with_link("d", "u").encode_to_vec());
        let broken = Any::new(BadRequest::TYPE_URL, vec![0xff]);
        let (details, problem) = decode(Code::NotFound, status_of(&[broken.clone(), good.clone()]));
        assert!(details.has_help_links() && details.bad_request().is_none());
        assert_eq!(details.others(), std::slice::from_ref(&broken));
        let text = problem.unwrap().to_string();
        assert!(text.contains(BadRequest::TYPE_URL), "{text}");

        let status = RpcStatus {
            code: 5,
            // Neither the message nor a type that is not UTF-8 hides what follows.
            message: Bytes::from_static(b"\xff"),
            details: vec![Bytes::from_static(b"\x0a\x01\xff"), good.encode_to_vec().into()],
        };
        let (details, problem) = decode(Code::NotFound, status.encode_to_vec().into());
        assert!(details.has_help_links() && details.others().is_empty());
        assert!(matches!(problem, Some(InvalidDetails::BrokenEntry { type_url, .. }) if type_url.is_empty()));
    }

    #[test]
    fn a_code_that_disagrees_is_told_and_hides_nothing() {
        let bytes = encode(Code::NotFound, "m", &full());
        let (details, problem) = decode(Code::Internal, bytes);
        assert_eq!(details, full());
        assert_eq!(problem, Some(InvalidDetails::CodeDisagrees { status: Code::Internal, inside: 5 }));
    }

    #[test]
    fn every_prefix_keeps_the_entries_that_are_whole() {
        let bytes = encode(Code::NotFound, "no room", &full());
        let all = RpcStatus::decode(bytes.clone()).unwrap().details;
        let mut most = 0;
        for end in 0..bytes.len() {
            let mut part = RpcStatus::default();
            // What prost keeps of it is checked here as well.
            let _cut = part.merge(bytes.slice(..end));
            assert!(all.starts_with(&part.details), "{end}");
            assert!(part.details.len() >= most, "{end}");
            most = part.details.len();
            let (details, _) = decode(Code::NotFound, bytes.slice(..end));
            let debug_info = usize::from(details.debug_info.is_some());
            assert_eq!(typed(&details).len() + debug_info + details.others.len(), most, "{end}");
        }
        assert_eq!(most, all.len() - 1);
    }

    #[test]
    fn no_flipped_bit_is_a_panic() {
        let bytes = encode(Code::NotFound, "no room", &full());
        let mut told = 0;
        for index in 0..bytes.len() {
            for bit in 0..8 {
                let mut changed = bytes.to_vec();
                changed[index] ^= 1 << bit;
                let (details, problem) = decode(Code::NotFound, changed.into());
                told += usize::from(problem.is_some());
                // What was read can be sent on and is then the same.
                let again = encode(Code::NotFound, "no room", &details);
                assert_eq!(decode(Code::NotFound, again).0, details, "byte {index}, bit {bit}");
            }
        }
        assert!(told > bytes.len(), "{told}");
    }

    #[test]
    fn what_does_not_fit_is_left_out_least_important_first() {
        let big = "x".repeat(3000);
        let mut details = full();
        details.set_debug_info([big.clone()], "").set_localized_message("en", big.clone());
        let sent = encode(Code::NotFound, "m", &details);
        assert!(sent.len() <= ErrorDetails::MAX_LEN);
        let left = whole(Code::NotFound, sent);
        assert_eq!(left.debug_info(), None);
        details.debug_info = None;
        assert_eq!(left, details);

        // A long message gives way before an entry does.
        details.set_localized_message("en", "short").set_debug_info([big], "");
        let sent = encode(Code::NotFound, &"ü".repeat(2000), &details);
        assert!(sent.len() <= ErrorDetails::MAX_LEN);
        assert_eq!(whole(Code::NotFound, sent.clone()), details);
        assert_eq!(RpcStatus::decode(sent).unwrap().message, "ü".repeat(512));
        let sent = encode(Code::NotFound, &"☺".repeat(2000), &details);
        assert_eq!(RpcStatus::decode(sent).unwrap().message, "☺".repeat(341));

        let huge = ErrorDetails::with_error_info("x".repeat(100_000), "", []);
        assert!(whole(Code::NotFound, encode(Code::NotFound, "m", &huge)).is_empty());
    }

    #[test]
    fn details_of_just_the_longest_fit() {
        let of = |length: usize| ErrorDetails::with_error_info("x".repeat(length), "", []);
        let room = (0..ErrorDetails::MAX_LEN)
            .rev()
            .find(|&length| !whole(Code::NotFound, encode(Code::NotFound, "m", &of(length))).is_empty());
        let room = room.unwrap();
        assert_eq!(encode(Code::NotFound, "m", &of(room)).len(), ErrorDetails::MAX_LEN);
    }
}
