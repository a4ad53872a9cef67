//! Statuses with details.

use std::time::Duration;

use stolid::details::ErrorDetails;
use stolid::{Code, Status};

pub(crate) fn failure() -> Status {
    let mut details = ErrorDetails::with_bad_request_violation("name", "is empty");
    details.set_retry_info(Some(Duration::from_secs(5)));
    Status::with_error_details(Code::InvalidArgument, "a room has a name", details)
}
