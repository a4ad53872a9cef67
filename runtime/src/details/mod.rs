//! Rich errors: the ten detail types of `google.rpc`, carried by a [`Status`](crate::Status).
//!
//! A code and a message tell a program little. Details tell it the rest in a form it can read: which field was wrong,
//! how long to wait before the next try, which quota ran out. They travel in `grpc-status-details-bin` as a serialized
//! `google.rpc.Status`, which every gRPC implementation with rich errors reads and writes.
//!
//! A handler fails with them, a client reads them:
//!
//! ```
//! use std::time::Duration;
//! use stolid::details::ErrorDetails;
//! use stolid::{Code, Status};
//!
//! let mut details = ErrorDetails::with_bad_request_violation("room.name", "has more than 64 characters");
//! details.set_retry_info(Some(Duration::from_secs(5)));
//! let status = Status::with_error_details(Code::InvalidArgument, "no such room can be", details);
//!
//! let details = status.error_details();
//! assert_eq!(details.bad_request().unwrap().field_violations[0].field, "room.name");
//! assert_eq!(details.retry_info().unwrap().retry_delay, Some(Duration::from_secs(5)));
//! ```
//!
//! # What a peer sends
//!
//! [`Status::error_details`](crate::Status::error_details) takes what it can read and passes over the rest: it neither
//! fails nor panics, whatever came. [`Status::check_error_details`](crate::Status::check_error_details) says what is
//! wrong. Entries of other types, and of the ten types more than one of each, are in [`ErrorDetails::others`].
//!
//! The code of a status is that of `grpc-status`, even when the details name another.
//!
//! # How much may be sent
//!
//! The fields that end a call stay below 8 KiB, because a peer that finds its limit exceeded loses the whole status. Of
//! that, details may take [`ErrorDetails::MAX_LEN`] bytes. [`Status::with_error_details`] leaves out the entries that do
//! not fit, beginning with [`DebugInfo`]; the code, the message and the other entries arrive. Raw bytes of
//! [`Status::with_details`] that are longer are left out as a whole.
//!
//! [`Status::with_error_details`]: crate::Status::with_error_details
//! [`Status::with_details`]: crate::Status::with_details

mod any;
mod bad_request;
mod debug_info;
mod error_details;
mod error_info;
mod help;
mod invalid;
mod localized_message;
mod precondition_failure;
mod quota_failure;
mod request_info;
mod resource_info;
mod retry_info;
mod wire;

pub use self::any::Any;
pub use self::bad_request::{BadRequest, FieldViolation};
pub use self::debug_info::DebugInfo;
pub use self::error_details::ErrorDetails;
pub use self::error_info::ErrorInfo;
pub use self::help::{Help, HelpLink};
pub use self::invalid::InvalidDetails;
pub use self::localized_message::LocalizedMessage;
pub use self::precondition_failure::{PreconditionFailure, PreconditionViolation};
pub use self::quota_failure::{QuotaFailure, QuotaViolation};
pub use self::request_info::RequestInfo;
pub use self::resource_info::ResourceInfo;
pub use self::retry_info::RetryInfo;
pub(crate) use self::wire::{decode, encode};
