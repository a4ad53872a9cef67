//! `Code`: the seventeen status codes of gRPC.

use std::fmt;

/// The status code of a finished RPC.
///
/// The numbers are those of the gRPC status code list; `code as i32` is what travels in `grpc-status`.
///
/// ```
/// use stolid::Code;
///
/// assert_eq!(Code::NotFound as i32, 5);
/// assert_eq!(Code::from_i32(5), Code::NotFound);
/// assert_eq!(Code::NotFound.name(), "NOT_FOUND");
/// ```
///
/// # Codes that Stolid makes itself
///
/// | Code | When |
/// | --- | --- |
/// | `Cancelled` | Somebody cancelled the call. On a server also: the client reset it, whatever the reason it gave, or the connection to the client was lost. On a client also: the server reset it with CANCEL. |
/// | `Unknown` | The server ended the call without `grpc-status` or with one that is no code, or something that is not a gRPC server answered with an HTTP status that says no more. |
/// | `DeadlineExceeded` | The deadline passed, on either side. |
/// | `PermissionDenied` | HTTP status 403; a reset with INADEQUATE_SECURITY. |
/// | `ResourceExhausted` | A message is over the limit, compressed or not. A server has no thread left for the handler. A reset with ENHANCE_YOUR_CALM. |
/// | `Unimplemented` | A server knows no such method, no such message format (`application/grpc+…`) or no such compression. No message or a second one came where exactly one is due, on either side. HTTP status 404. |
/// | `Internal` | A message cannot be decoded, is cut off, has a Compressed-Flag other than 0 and 1, or is compressed in a way that was not named or that this client does not know. A `grpc-timeout` is malformed. A handler panicked. A reset with any other reason. HTTP status 400 or 431. |
/// | `Unavailable` | There is no connection, or it was lost on a client. The server is shutting down, or refused the call before it began with it. HTTP status 429, 502, 503 or 504. |
/// | `Unauthenticated` | HTTP status 401. |
///
/// Where the gRPC specifications leave a choice, these are the choices: the wrong number of messages is UNIMPLEMENTED as in
/// their status code list, a panic is INTERNAL, and a malformed timeout is an INTERNAL of its own call with HTTP status 200. An
/// HTTP status counts only where there is no `grpc-status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(i32)]
pub enum Code {
    /// The call succeeded.
    Ok = 0,
    /// The call was cancelled, as a rule by its caller.
    Cancelled = 1,
    /// An error that carries no better code.
    Unknown = 2,
    /// The caller sent an argument that is wrong in every state of the system.
    InvalidArgument = 3,
    /// The deadline passed before the call finished. The work may have been done all the same.
    DeadlineExceeded = 4,
    /// A thing that was asked for does not exist.
    NotFound = 5,
    /// A thing that was to be created exists already.
    AlreadyExists = 6,
    /// The caller is known and may not do this.
    PermissionDenied = 7,
    /// A quota, a size limit or the memory is used up.
    ResourceExhausted = 8,
    /// The system is not in the state this call needs.
    FailedPrecondition = 9,
    /// The call lost against a concurrent one.
    Aborted = 10,
    /// The call went past the end of what there is.
    OutOfRange = 11,
    /// The method does not exist or is not supported.
    Unimplemented = 12,
    /// An invariant of the system is broken.
    Internal = 13,
    /// The service cannot be reached at the moment; trying again may help.
    Unavailable = 14,
    /// Data is lost or damaged beyond repair.
    DataLoss = 15,
    /// The caller did not say who it is, or could not prove it.
    Unauthenticated = 16,
}

impl Code {
    /// All codes in the order of their numbers.
    const ALL: [Self; 17] = [
        Self::Ok,
        Self::Cancelled,
        Self::Unknown,
        Self::InvalidArgument,
        Self::DeadlineExceeded,
        Self::NotFound,
        Self::AlreadyExists,
        Self::PermissionDenied,
        Self::ResourceExhausted,
        Self::FailedPrecondition,
        Self::Aborted,
        Self::OutOfRange,
        Self::Unimplemented,
        Self::Internal,
        Self::Unavailable,
        Self::DataLoss,
        Self::Unauthenticated,
    ];

    /// The code with this number; a number that is not in the list gives [`Code::Unknown`].
    #[must_use]
    pub const fn from_i32(number: i32) -> Self {
        if number >= 0 && (number as usize) < Self::ALL.len() { Self::ALL[number as usize] } else { Self::Unknown }
    }

    /// The name in the gRPC specification, for example `NOT_FOUND`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Cancelled => "CANCELLED",
            Self::Unknown => "UNKNOWN",
            Self::InvalidArgument => "INVALID_ARGUMENT",
            Self::DeadlineExceeded => "DEADLINE_EXCEEDED",
            Self::NotFound => "NOT_FOUND",
            Self::AlreadyExists => "ALREADY_EXISTS",
            Self::PermissionDenied => "PERMISSION_DENIED",
            Self::ResourceExhausted => "RESOURCE_EXHAUSTED",
            Self::FailedPrecondition => "FAILED_PRECONDITION",
            Self::Aborted => "ABORTED",
            Self::OutOfRange => "OUT_OF_RANGE",
            Self::Unimplemented => "UNIMPLEMENTED",
            Self::Internal => "INTERNAL",
            Self::Unavailable => "UNAVAILABLE",
            Self::DataLoss => "DATA_LOSS",
            Self::Unauthenticated => "UNAUTHENTICATED",
        }
    }

    /// One short sentence on what the code means.
    #[must_use]
    pub const fn description(self) -> &'static str {
        match self {
            Self::Ok => "the call succeeded",
            Self::Cancelled => "the call was cancelled",
            Self::Unknown => "an error without a better code",
            Self::InvalidArgument => "an argument is invalid",
            Self::DeadlineExceeded => "the deadline passed before the call finished",
            Self::NotFound => "what was asked for does not exist",
            Self::AlreadyExists => "what was to be created exists already",
            Self::PermissionDenied => "the caller may not do this",
            Self::ResourceExhausted => "a quota or limit is used up",
            Self::FailedPrecondition => "the system is not in the state the call needs",
            Self::Aborted => "the call was aborted by a concurrent one",
            Self::OutOfRange => "the call went past the valid range",
            Self::Unimplemented => "the method is not implemented",
            Self::Internal => "an internal error",
            Self::Unavailable => "the service is unavailable at the moment",
            Self::DataLoss => "data is lost or damaged",
            Self::Unauthenticated => "the caller is not authenticated",
        }
    }

    /// The value of `grpc-status` for this code.
    pub(crate) const fn decimal(self) -> &'static str {
        const DECIMALS: [&str; 17] =
            ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "15", "16"];
        DECIMALS[self as usize]
    }

    /// Reads a received `grpc-status`. `None` for what is not a decimal without leading zeros; a
    /// number outside the list is a well-formed [`Code::Unknown`].
    pub(crate) fn from_decimal(value: &[u8]) -> Option<Self> {
        let digits = value.len();
        if digits == 0 || digits > 10 || !value.iter().all(u8::is_ascii_digit) {
            return None;
        }
        if value[0] == b'0' && digits > 1 {
            return None;
        }
        let number = value.iter().fold(0_u64, |number, digit| number * 10 + u64::from(digit - b'0'));
        Some(i32::try_from(number).map_or(Self::Unknown, Self::from_i32))
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.description())
    }
}

impl From<i32> for Code {
    fn from(number: i32) -> Self {
        Self::from_i32(number)
    }
}

impl From<Code> for i32 {
    fn from(code: Code) -> Self {
        code as Self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_follow_the_specification() {
        let names = [
            "OK",
            "CANCELLED",
            "UNKNOWN",
            "INVALID_ARGUMENT",
            "DEADLINE_EXCEEDED",
            "NOT_FOUND",
            "ALREADY_EXISTS",
            "PERMISSION_DENIED",
            "RESOURCE_EXHAUSTED",
            "FAILED_PRECONDITION",
            "ABORTED",
            "OUT_OF_RANGE",
            "UNIMPLEMENTED",
            "INTERNAL",
            "UNAVAILABLE",
            "DATA_LOSS",
            "UNAUTHENTICATED",
        ];
        for (number, name) in (0..).zip(names) {
            let code = Code::from_i32(number);
            assert_eq!(code.name(), name);
            assert_eq!(code as i32, number);
            assert_eq!(i32::from(code), number);
            assert_eq!(code.decimal(), number.to_string());
            assert_eq!(Code::from_decimal(code.decimal().as_bytes()), Some(code));
        }
    }

    #[test]
    fn unknown_numbers_become_unknown() {
        for number in [-1, 17, 99, i32::MIN, i32::MAX] {
            assert_eq!(Code::from(number), Code::Unknown);
        }
    }

    #[test]
    fn received_decimals() {
        let cases: [(&str, Option<Code>); 13] = [
            ("0", Some(Code::Ok)),
            ("16", Some(Code::Unauthenticated)),
            ("17", Some(Code::Unknown)),
            ("4294967296", Some(Code::Unknown)),
            ("9999999999", Some(Code::Unknown)),
            ("", None),
            ("00", None),
            ("05", None),
            ("-1", None),
            ("+5", None),
            (" 5", None),
            ("5.0", None),
            ("99999999999", None),
        ];
        for (text, code) in cases {
            assert_eq!(Code::from_decimal(text.as_bytes()), code, "{text:?}");
        }
    }

    #[test]
    fn display_is_the_description() {
        assert_eq!(Code::NotFound.to_string(), "what was asked for does not exist");
    }
}
