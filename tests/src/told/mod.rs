//! Both sides of `testing.v1.Echo` for a peer of another language: a server whose notes say what to do, and a client
//! that calls such a server.
//!
//! The text of a note says it; the programs in `grpcio/` take the same words:
//!
//! | Text | Method | Means |
//! | --- | --- | --- |
//! | `time left` | `Say` | answer with the milliseconds that the deadline leaves |
//! | `wait` | `Say`, `Repeat` | say `waiting`, wait until the call is cancelled, say `ended` and why |
//! | `fail` | `Say` | fail with [`failure`] |
//! | `metadata` | `Say` | answer the metadata whose keys begin with `x-`, as headers and as trailers |
//! | `size` | `Say` | answer with a body of as many bytes as the number says |
//! | `compressed` | `Say` | answer with 1 if the request came compressed, with 0 otherwise |
//! | `port` | `Say` | answer with the caller's port |
//!
//! `Repeat` with `wait` sends its note once before it waits. Everything else is echoed.

pub mod client;
pub mod server;

use stolid::details::ErrorDetails;
use stolid::{Code, Status};

use crate::echo::Note;

/// The status of a call that is told to fail.
#[must_use]
pub fn failure() -> Status {
    let mut details = ErrorDetails::new();
    details.set_error_info("AS_TOLD", "testing.example", [("attempt".to_owned(), "1".to_owned())]);
    details.add_bad_request_violation("text", "says fail");
    Status::with_error_details(Code::FailedPrecondition, "as told: grüße", details)
}

/// A note with these words.
#[must_use]
pub fn told(text: &str) -> Note {
    Note { text: text.to_owned(), ..Note::default() }
}
