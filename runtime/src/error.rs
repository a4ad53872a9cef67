//! `Error`: what fails before an RPC exists.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use crate::code::Code;
use crate::status::Status;

/// Why a server could not start or a channel could not be made.
///
/// The outcome of an RPC is never an `Error` but always a [`Status`]. `Display` says what was tried, with whom, and
/// what went wrong; [`kind`](Self::kind) says it to a program.
///
/// ```
/// use stolid::{Channel, ErrorKind};
///
/// let error = Channel::connect_lazy("not an address").unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::InvalidAddress);
/// ```
#[derive(Clone)]
pub struct Error(Arc<Inner>);

struct Inner {
    kind: ErrorKind,
    /// The peer, address, setting or thread in question.
    subject: String,
    cause: Box<dyn StdError + Send + Sync>,
}

/// What was being done when an [`Error`] arose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// An address or URI could not be read.
    InvalidAddress,
    /// A host name could not be resolved.
    Resolve,
    /// A server could not listen on its address.
    Bind,
    /// A connection could not be opened.
    Connect,
    /// The peer accepted the connection but did not speak HTTP/2.
    Handshake,
    /// A setting is out of its range, or two settings contradict each other.
    Configuration,
    /// A thread could not be started.
    Thread,
    /// The operating system refused something else: descriptors, polling, socket options.
    System,
}

impl Error {
    /// An error about `subject`: a peer, an address, a setting or the name of a thread.
    pub(crate) fn new(
        kind: ErrorKind,
        subject: impl Into<String>,
        cause: impl Into<Box<dyn StdError + Send + Sync>>,
    ) -> Self {
        Self(Arc::new(Inner { kind, subject: subject.into(), cause: cause.into() }))
    }

    /// What was being done.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { kind, subject, cause } = &*self.0;
        match kind {
            ErrorKind::InvalidAddress => write!(f, "invalid address {subject:?}: {cause}"),
            ErrorKind::Resolve => write!(f, "cannot resolve {subject:?}: {cause}"),
            ErrorKind::Bind => write!(f, "cannot listen on {subject}: {cause}"),
            ErrorKind::Connect => write!(f, "cannot connect to {subject}: {cause}"),
            ErrorKind::Handshake => {
                write!(f, "HTTP/2 handshake with {subject} failed: {cause}")
            }
            ErrorKind::Configuration => write!(f, "invalid setting {subject}: {cause}"),
            ErrorKind::Thread => write!(f, "cannot start thread {subject:?}: {cause}"),
            ErrorKind::System => write!(f, "cannot set up {subject}: {cause}"),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.0.kind)
            .field("subject", &self.0.subject)
            .field("cause", &self.0.cause)
            .finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&*self.0.cause)
    }
}

impl From<Error> for Status {
    /// UNAVAILABLE when a peer could not be reached, INTERNAL for what is wrong on this side.
    fn from(error: Error) -> Self {
        let code = match error.kind() {
            ErrorKind::Resolve | ErrorKind::Connect | ErrorKind::Handshake => Code::Unavailable,
            _ => Code::Internal,
        };
        Self::new(code, error.to_string()).with_source(error)
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn may_cross_threads() {
        fn check<T: Send + Sync + Clone + 'static>() {}
        check::<Error>();
    }

    #[test]
    fn display_names_phase_peer_and_cause() {
        let refused = || io::Error::from(io::ErrorKind::ConnectionRefused);
        for (kind, text) in [
            (ErrorKind::InvalidAddress, "invalid address \"x:1\": connection refused"),
            (ErrorKind::Resolve, "cannot resolve \"x:1\": connection refused"),
            (ErrorKind::Bind, "cannot listen on x:1: connection refused"),
            (ErrorKind::Connect, "cannot connect to x:1: connection refused"),
            (ErrorKind::Handshake, "HTTP/2 handshake with x:1 failed: connection refused"),
            (ErrorKind::Configuration, "invalid setting x:1: connection refused"),
            (ErrorKind::Thread, "cannot start thread \"x:1\": connection refused"),
            (ErrorKind::System, "cannot set up x:1: connection refused"),
        ] {
            let error = Error::new(kind, "x:1", refused());
            assert_eq!(error.kind(), kind);
            assert_eq!(error.to_string(), text);
            assert!(error.source().is_some());
        }
    }

    #[test]
    fn becomes_a_status() {
        let status = Status::from(Error::new(ErrorKind::Connect, "x:1", "no route"));
        assert_eq!(status.code(), Code::Unavailable);
        assert_eq!(status.to_string(), "UNAVAILABLE: cannot connect to x:1: no route");
        let status = Status::from(Error::new(ErrorKind::Bind, "x:1", "taken"));
        assert_eq!(status.code(), Code::Internal);
    }
}
