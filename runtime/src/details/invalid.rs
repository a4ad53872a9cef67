//! What can be wrong with the details of a status.

use std::error::Error as StdError;
use std::fmt;

use prost::DecodeError;

use crate::code::Code;

/// What is wrong with the details of a status, from
/// [`Status::check_error_details`](crate::Status::check_error_details).
///
/// It is never the reason a call failed: that are the code and the message of the status.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidDetails {
    /// `grpc-status-details-bin` came and is not base64.
    NotBase64,
    /// The bytes are not a `google.rpc.Status`.
    NotAStatus(DecodeError),
    /// The details name another code than `grpc-status`, which is the one to trust.
    CodeDisagrees {
        /// The code of the status.
        status: Code,
        /// The number inside the details, which may be none of the 17 codes.
        inside: i32,
    },
    /// An entry is not what it says it is.
    BrokenEntry {
        /// The URL of the type it says it is of; empty when the entry does not say it.
        type_url: String,
        /// What is wrong with it.
        error: DecodeError,
    },
}

impl fmt::Display for InvalidDetails {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotBase64 => f.write_str("grpc-status-details-bin is not base64"),
            Self::NotAStatus(error) => write!(f, "the details are not a google.rpc.Status: {error}"),
            Self::CodeDisagrees { status, inside } => {
                write!(f, "the details name the code {inside}, and grpc-status is {}", *status as i32)
            }
            Self::BrokenEntry { type_url, error } if type_url.is_empty() => {
                write!(f, "an entry of the details has no readable type: {error}")
            }
            Self::BrokenEntry { type_url, error } => write!(f, "an entry of the details is not a {type_url}: {error}"),
        }
    }
}

impl StdError for InvalidDetails {}
