//! Which metadata keys an application may use, and the error for those it may not.

use std::fmt;

use http::HeaderName;

/// The suffix of keys whose values are bytes.
const BINARY_SUFFIX: &str = "-bin";

/// Whether the values under `key` are bytes rather than text.
pub(crate) fn is_binary(key: &str) -> bool {
    let Some(start) = key.len().checked_sub(BINARY_SUFFIX.len()) else {
        return false;
    };
    key.as_bytes()[start..].eq_ignore_ascii_case(BINARY_SUFFIX.as_bytes())
}

/// Whether a lowercase `name` belongs to gRPC or to HTTP and is neither sent for nor shown to an application.
///
/// Beside the `grpc-` prefix these are the fields of the call definition, those RFC 9113 §8.2.2 calls
/// connection-specific, and the two (`content-length`, `host`) that would contradict the message they came with
/// when an application sends its received metadata back.
fn is_reserved(name: &str) -> bool {
    matches!(
        name,
        "te" | "content-type"
            | "content-length"
            | "host"
            | "connection"
            | "keep-alive"
            | "proxy-connection"
            | "transfer-encoding"
            | "upgrade"
            | "http2-settings"
    ) || name.starts_with("grpc-")
        || name.starts_with(':')
}

/// Whether a lowercase `name` that a peer sent is kept from the application: reserved, or with a character that HTTP allows
/// and gRPC does not, so that an application that sends back what it got would fail.
pub(crate) fn is_hidden(name: &str) -> bool {
    is_reserved(name) || !name.bytes().all(is_legal)
}

fn is_legal(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-')
}

/// The header name for a key of the application, whose values are bytes if `binary` is set.
pub(crate) fn parse(key: &str, binary: bool) -> Result<HeaderName, InvalidMetadata> {
    if key.starts_with(':') {
        return Err(InvalidMetadata::new(key, Problem::Reserved));
    }
    if key.is_empty() || !key.bytes().all(is_legal) {
        return Err(InvalidMetadata::new(key, Problem::Key));
    }
    match (is_binary(key), binary) {
        (true, false) => return Err(InvalidMetadata::new(key, Problem::NeedsBytes)),
        (false, true) => return Err(InvalidMetadata::new(key, Problem::NeedsText)),
        _ => {}
    }
    let Ok(name) = HeaderName::from_bytes(key.as_bytes()) else {
        return Err(InvalidMetadata::new(key, Problem::Key));
    };
    if is_reserved(name.as_str()) {
        return Err(InvalidMetadata::new(key, Problem::Reserved));
    }
    Ok(name)
}

/// A key or value that cannot be sent as metadata.
///
/// The message names the key and the rule; it never repeats the value, which may be a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct InvalidMetadata {
    key: String,
    problem: Problem,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Problem {
    /// The key is empty or has a character outside `0-9 a-z _ . -`.
    Key,
    /// The key belongs to gRPC or HTTP.
    Reserved,
    /// The key ends in `-bin` and the value is text.
    NeedsBytes,
    /// The key does not end in `-bin` and the value is bytes.
    NeedsText,
    /// The value has a character outside 0x20-0x7E.
    Value,
    /// There is no room for another entry.
    Full,
}

impl InvalidMetadata {
    pub(crate) fn new(key: &str, problem: Problem) -> Self {
        Self { key: key.to_owned(), problem }
    }

    /// The key in question, as it was given.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }
}

impl fmt::Display for InvalidMetadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rule = match self.problem {
            Problem::Key => "is not valid: use letters, digits, `_`, `.` and `-`",
            Problem::Reserved => "is reserved for gRPC and HTTP",
            Problem::NeedsBytes => "ends in `-bin`, so its values are bytes: use insert_bin or append_bin",
            Problem::NeedsText => "takes text; only keys that end in `-bin` take bytes",
            Problem::Value => "was given a value with characters other than printable ASCII",
            Problem::Full => "cannot be added: there are too many entries",
        };
        write!(f, "metadata key {:?} {rule}", self.key)
    }
}

impl fmt::Debug for InvalidMetadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "InvalidMetadata({self})")
    }
}

impl std::error::Error for InvalidMetadata {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_may_be_used() {
        for (key, binary, name) in [
            ("x-token", false, "x-token"),
            ("X-Token", false, "x-token"),
            ("a_b.c-1", false, "a_b.c-1"),
            ("authorization", false, "authorization"),
            ("user-agent", false, "user-agent"),
            ("trace-bin", true, "trace-bin"),
            ("Trace-Bin", true, "trace-bin"),
            ("bin", false, "bin"),
        ] {
            assert_eq!(parse(key, binary).map(|name| name.to_string()), Ok(name.to_owned()));
        }
    }

    #[test]
    fn keys_that_may_not() {
        let cases: [(&str, bool, Problem); 16] = [
            ("", false, Problem::Key),
            ("x token", false, Problem::Key),
            ("x!", false, Problem::Key),
            ("schlüssel", false, Problem::Key),
            ("x\n", false, Problem::Key),
            (":path", false, Problem::Reserved),
            ("grpc-timeout", false, Problem::Reserved),
            ("Grpc-Anything", false, Problem::Reserved),
            ("grpc-trace-bin", true, Problem::Reserved),
            ("te", false, Problem::Reserved),
            ("Content-Type", false, Problem::Reserved),
            ("connection", false, Problem::Reserved),
            ("content-length", false, Problem::Reserved),
            ("host", false, Problem::Reserved),
            ("x-bin", false, Problem::NeedsBytes),
            ("x", true, Problem::NeedsText),
        ];
        for (key, binary, problem) in cases {
            let Err(error) = parse(key, binary) else {
                panic!("{key:?} was accepted");
            };
            assert!(error.problem == problem, "{error}");
            assert_eq!(error.key(), key);
            assert!(error.to_string().contains(&format!("{key:?}")), "{error}");
        }
    }

    #[test]
    fn binary_suffix() {
        assert!(is_binary("x-bin") && is_binary("-bin") && is_binary("X-BIN"));
        assert!(!is_binary("bin") && !is_binary("") && !is_binary("x-binary"));
    }
}
