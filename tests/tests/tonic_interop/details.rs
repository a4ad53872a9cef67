//! One status with rich errors of all ten types, in our words and in those of tonic-types.

use std::time::Duration;

use stolid::Code;
use stolid::details as our;
use tonic_types::StatusExt;

const MESSAGE: &str = "not today";

fn limit() -> [(String, String); 1] {
    [("limit".to_owned(), "13".to_owned())]
}

/// The status in our type.
pub(crate) fn ours() -> stolid::Status {
    stolid::Status::with_error_details(Code::FailedPrecondition, MESSAGE, our_details())
}

fn our_details() -> our::ErrorDetails {
    let mut field = our::FieldViolation::new("number", "is not a lucky one");
    field.reason = "UNLUCKY".to_owned();
    field.localized_message = Some(our::LocalizedMessage::new("de", "bringt Unglück"));
    let mut quota = our::QuotaViolation::new("project:7", "no notes left");
    quota.api_service = "echo.example.com".to_owned();
    quota.quota_metric = "echo.example.com/notes".to_owned();
    quota.quota_id = "notes-per-project".to_owned();
    quota.quota_dimensions = limit().into();
    quota.quota_value = 64;
    quota.future_quota_value = Some(-1);
    let mut details = our::ErrorDetails::new();
    details
        .set_error_info("UNLUCKY", "echo.example.com", limit())
        .set_retry_info(Some(Duration::new(5, 7)))
        .set_debug_info(["main".to_owned(), "say".to_owned()], "line 7")
        .set_quota_failure([quota])
        .add_quota_failure_violation("clientip:10.0.0.1", "too many calls")
        .add_precondition_failure_violation("TERMS", "example.com/terms", "not accepted")
        .set_bad_request([field])
        .add_bad_request_violation("text", "is empty")
        .set_request_info("request-7", "opaque")
        .set_resource_info("note", "notes/7", "user:ada", "was burnt")
        .add_help_link("lucky numbers", "https://example.com/numbers")
        .set_localized_message("de-CH", "„Nein.“");
    details
}

/// The status in tonic's type.
pub(crate) fn theirs() -> tonic::Status {
    tonic::Status::with_error_details(tonic::Code::FailedPrecondition, MESSAGE, their_details())
}

fn their_details() -> tonic_types::ErrorDetails {
    let mut field = tonic_types::FieldViolation::new("number", "is not a lucky one");
    field.reason = "UNLUCKY".to_owned();
    field.localized_message = Some(tonic_types::LocalizedMessage::new("de", "bringt Unglück"));
    let mut quota = tonic_types::QuotaViolation::new("project:7", "no notes left");
    quota.api_service = "echo.example.com".to_owned();
    quota.quota_metric = "echo.example.com/notes".to_owned();
    quota.quota_id = "notes-per-project".to_owned();
    quota.quota_dimensions = limit().into();
    quota.quota_value = 64;
    quota.futura_quota_value = Some(-1);
    let mut details = tonic_types::ErrorDetails::new();
    details
        .set_error_info("UNLUCKY", "echo.example.com", limit())
        .set_retry_info(Some(Duration::new(5, 7)))
        .set_debug_info(["main".to_owned(), "say".to_owned()], "line 7")
        .set_quota_failure([quota])
        .add_quota_failure_violation("clientip:10.0.0.1", "too many calls")
        .add_precondition_failure_violation("TERMS", "example.com/terms", "not accepted")
        .set_bad_request([field])
        .add_bad_request_violation("text", "is empty")
        .set_request_info("request-7", "opaque")
        .set_resource_info("note", "notes/7", "user:ada", "was burnt")
        .add_help_link("lucky numbers", "https://example.com/numbers")
        .set_localized_message("de-CH", "„Nein.“");
    details
}

/// Checks that the status came to us whole.
#[track_caller]
pub(crate) fn assert_ours(status: &stolid::Status) {
    assert_eq!((status.code(), status.message()), (Code::FailedPrecondition, MESSAGE));
    assert_eq!(status.check_error_details(), Ok(our_details()));
}

/// Checks that the status came to tonic whole.
#[track_caller]
pub(crate) fn assert_theirs(status: &tonic::Status) {
    assert_eq!((status.code(), status.message()), (tonic::Code::FailedPrecondition, MESSAGE));
    let details = status.check_error_details().expect("tonic can read them");
    // Their types cannot be compared; the maps in them have one entry, so that their text is always the same.
    assert_eq!(format!("{details:?}"), format!("{:?}", their_details()));
    let entries = status.check_error_details_vec().expect("tonic can read them");
    assert_eq!(entries.len(), 10);
}
