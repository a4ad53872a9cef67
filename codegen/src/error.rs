//! `Error`: why no code was generated.

use std::{fmt, io};

/// Why no code was generated.
///
/// The text is complete: file, line, column and reason for everything that is wrong in the `.proto` files, or
/// the path that could not be read or written. It can have several lines.
///
/// `Debug` prints the same text as `Display`, because that is what a build script shows that returns the error
/// from `main`.
pub struct Error {
    text: String,
}

impl Error {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self { text: text.into() }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Error {}

/// For build scripts whose `main` returns a [`std::io::Result`].
impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        Self::other(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_is_the_plain_text() {
        let boxed: Box<dyn std::error::Error> = Error::new("a.proto:1:2: \"x\" is wrong\nsecond line").into();

        assert_eq!(format!("{boxed:?}"), "a.proto:1:2: \"x\" is wrong\nsecond line");
        assert_eq!(format!("{boxed:?}"), boxed.to_string());
        assert!(boxed.source().is_none());
    }

    #[test]
    fn io_error_keeps_the_text() {
        let error = io::Error::from(Error::new("a.proto:1:2: wrong"));

        assert_eq!(error.to_string(), "a.proto:1:2: wrong");
    }
}
