//! `Status`: the outcome of an RPC that did not succeed.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::sync::Arc;
use std::{fmt, io};

use bytes::Bytes;

use crate::code::Code;
use crate::details::{self, ErrorDetails, InvalidDetails};
use crate::metadata::{InvalidMetadata, Metadata};

/// Why an RPC failed: a [`Code`], a message for people, and optionally details, metadata and a local cause.
///
/// A handler returns a `Status` to fail its call; a client gets one when a call fails. It is one pointer wide, so
/// `Result<T, Status>` costs little to return.
///
/// # Passing on a received status
///
/// A status that came from a peer may carry details and metadata meant for this process alone. When a handler returns
/// it (as `client.get_room(..)?` does), only its code and message are sent on, unless
/// [`forward_all`](Self::forward_all) was called. A [source](Self::with_source) is never sent.
///
/// ```
/// use stolid::{Code, Status};
///
/// let status = Status::not_found("no such room");
/// assert_eq!(status.code(), Code::NotFound);
/// assert_eq!(status.to_string(), "NOT_FOUND: no such room");
/// ```
#[derive(Clone)]
pub struct Status(Box<Inner>);

#[derive(Clone)]
struct Inner {
    code: Code,
    message: Cow<'static, str>,
    /// The bytes of `grpc-status-details-bin`, as a rule a serialized `google.rpc.Status`.
    details: Bytes,
    metadata: Metadata,
    source: Option<Arc<dyn StdError + Send + Sync>>,
    /// It came from a peer. Its details and metadata stay here, unless they are to be sent on.
    received: bool,
    forwarded: bool,
    /// The peer sent details that are not base64.
    details_garbled: bool,
}

/// The parts of a status that may be sent to a peer.
pub(crate) struct Sendable<'a> {
    pub(crate) code: Code,
    pub(crate) message: &'a str,
    pub(crate) details: &'a [u8],
    pub(crate) metadata: Option<&'a Metadata>,
}

impl Status {
    /// A status with this code and message.
    #[must_use]
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self::build(code, Cow::Owned(message.into()))
    }

    /// A status with details: a serialized `google.rpc.Status`, which is sent as `grpc-status-details-bin`.
    ///
    /// What is longer than [`ErrorDetails::MAX_LEN`] may not fit into the trailers and is then left out. For the
    /// standard types see [`with_error_details`](Self::with_error_details).
    #[must_use]
    pub fn with_details(code: Code, message: impl Into<String>, details: Bytes) -> Self {
        let mut status = Self::new(code, message);
        status.0.details = details;
        status
    }

    /// A status with [rich errors](crate::details) in its details.
    ///
    /// Entries that would make the details longer than [`ErrorDetails::MAX_LEN`] are left out, the least important ones
    /// first: [`DebugInfo`](details::DebugInfo), then those of other types, and last
    /// [`ErrorInfo`](details::ErrorInfo). A long message is repeated in the details in part. What
    /// [`error_details`](Self::error_details) gives is what will be sent.
    ///
    /// ```
    /// use stolid::details::ErrorDetails;
    /// use stolid::{Code, Status};
    ///
    /// let details = ErrorDetails::with_resource_info("room", "rooms/rust", "", "was closed");
    /// let status = Status::with_error_details(Code::NotFound, "no such room", details);
    /// assert_eq!(status.error_details().resource_info().unwrap().resource_name, "rooms/rust");
    /// ```
    #[must_use]
    pub fn with_error_details(code: Code, message: impl Into<String>, details: ErrorDetails) -> Self {
        let mut status = Self::new(code, message);
        status.0.details = details::encode(status.sendable().code, status.message(), &details);
        status
    }

    /// A status with metadata, which is sent in the trailers.
    #[must_use]
    pub fn with_metadata(code: Code, message: impl Into<String>, metadata: Metadata) -> Self {
        let mut status = Self::new(code, message);
        status.0.metadata = metadata;
        status
    }

    /// Adds the local error this status stands for. It shows in [`source`](std::error::Error::source) and in `Display`,
    /// and is never sent.
    ///
    /// ```
    /// use std::error::Error;
    /// use stolid::Status;
    ///
    /// let cause = "seven".parse::<u16>().unwrap_err();
    /// let status = Status::invalid_argument("bad port").with_source(cause);
    /// assert!(status.source().is_some());
    /// ```
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.source = Some(Arc::from(source.into()));
        self
    }

    /// Lets the details and metadata of a status that came from a peer be sent on when a handler returns it.
    #[must_use]
    pub fn forward_all(mut self) -> Self {
        self.0.forwarded = true;
        self
    }

    /// Whether the peer sent this status, or an answer that stands for it. False for one that was made on this side: no
    /// connection, a lost one, a deadline, a message that cannot be read.
    ///
    /// ```
    /// use stolid::Channel;
    /// use stolid::client::Grpc;
    ///
    /// let nobody = Grpc::new(Channel::connect_lazy("http://127.0.0.1:1")?);
    /// let status = nobody.unary::<String, String>("/demo.Echo/Say", "hello".to_owned().into_request()).unwrap_err();
    /// assert!(!status.was_received());
    /// # use stolid::IntoRequest;
    /// # Ok::<(), stolid::Error>(())
    /// ```
    #[must_use]
    pub fn was_received(&self) -> bool {
        self.0.received
    }

    /// The code.
    #[must_use]
    pub fn code(&self) -> Code {
        self.0.code
    }

    /// The message for people; empty when there is none.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The raw bytes of `grpc-status-details-bin`, as a rule a serialized `google.rpc.Status`; empty when there are
    /// none.
    #[must_use]
    pub fn details(&self) -> &[u8] {
        &self.0.details
    }

    /// The [rich errors](crate::details) in the details: everything that can be read, whatever came.
    ///
    /// It is decoded at each call. The code of the status counts, even when the details name another.
    #[must_use]
    pub fn error_details(&self) -> ErrorDetails {
        details::decode(self.sendable().code, self.0.details.clone()).0
    }

    /// As [`error_details`](Self::error_details), for those who want to know what is wrong.
    ///
    /// ```
    /// use stolid::details::InvalidDetails;
    /// use stolid::{Code, Status};
    ///
    /// let status = Status::with_details(Code::NotFound, "no such room", (&b"not protobuf"[..]).into());
    /// assert!(status.error_details().is_empty());
    /// assert!(matches!(status.check_error_details(), Err(InvalidDetails::NotAStatus(_))));
    /// ```
    ///
    /// # Errors
    ///
    /// When there are details and they are not whole, not a `google.rpc.Status`, for another code, or have an entry that
    /// cannot be read. A status without details is fine.
    pub fn check_error_details(&self) -> Result<ErrorDetails, InvalidDetails> {
        if self.0.details_garbled {
            return Err(InvalidDetails::NotBase64);
        }
        match details::decode(self.sendable().code, self.0.details.clone()) {
            (details, None) => Ok(details),
            (_, Some(problem)) => Err(problem),
        }
    }

    /// The metadata that came, or will be sent, with the status.
    #[must_use]
    pub fn metadata(&self) -> &Metadata {
        &self.0.metadata
    }

    /// The metadata, to be changed. What is added to a status that came from a peer is sent only after
    /// [`forward_all`](Self::forward_all).
    pub fn metadata_mut(&mut self) -> &mut Metadata {
        &mut self.0.metadata
    }

    /// A status of the runtime's own with a fixed message, which costs no copy.
    pub(crate) fn from_static(code: Code, message: &'static str) -> Self {
        Self::build(code, Cow::Borrowed(message))
    }

    /// A status as a peer sent it.
    pub(crate) fn received(code: Code, message: String, details: Bytes, metadata: Metadata) -> Self {
        Self(Box::new(Inner {
            code,
            message: Cow::Owned(message),
            details,
            metadata,
            source: None,
            received: true,
            forwarded: false,
            details_garbled: false,
        }))
    }

    /// Notes that the peer sent details that are not base64.
    pub(crate) fn note_garbled_details(&mut self) {
        self.0.details_garbled = true;
    }

    /// What of this status may be sent. A call that failed with [`Code::Ok`] is reported as UNKNOWN, because OK would
    /// make the peer wait for a response that never was.
    pub(crate) fn sendable(&self) -> Sendable<'_> {
        let inner = &*self.0;
        let private = inner.received && !inner.forwarded;
        Sendable {
            code: match inner.code {
                Code::Ok => Code::Unknown,
                code => code,
            },
            message: &inner.message,
            details: if private { &[] } else { &inner.details },
            metadata: (!private).then_some(&inner.metadata),
        }
    }

    fn build(code: Code, message: Cow<'static, str>) -> Self {
        Self(Box::new(Inner {
            code,
            message,
            details: Bytes::new(),
            metadata: Metadata::new(),
            source: None,
            received: false,
            forwarded: false,
            details_garbled: false,
        }))
    }
}

/// One constructor per code.
impl Status {
    /// [`Code::Ok`]. A handler succeeds by returning `Ok`; this status as its error is sent as UNKNOWN.
    #[must_use]
    pub fn ok(message: impl Into<String>) -> Self {
        Self::new(Code::Ok, message)
    }

    /// [`Code::Cancelled`]: the call was cancelled.
    #[must_use]
    pub fn cancelled(message: impl Into<String>) -> Self {
        Self::new(Code::Cancelled, message)
    }

    /// [`Code::Unknown`]: an error without a better code.
    #[must_use]
    pub fn unknown(message: impl Into<String>) -> Self {
        Self::new(Code::Unknown, message)
    }

    /// [`Code::InvalidArgument`]: an argument is wrong in every state of the system.
    #[must_use]
    pub fn invalid_argument(message: impl Into<String>) -> Self {
        Self::new(Code::InvalidArgument, message)
    }

    /// [`Code::DeadlineExceeded`]: the deadline passed before the call finished.
    #[must_use]
    pub fn deadline_exceeded(message: impl Into<String>) -> Self {
        Self::new(Code::DeadlineExceeded, message)
    }

    /// [`Code::NotFound`]: what was asked for does not exist.
    #[must_use]
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(Code::NotFound, message)
    }

    /// [`Code::AlreadyExists`]: what was to be created exists already.
    #[must_use]
    pub fn already_exists(message: impl Into<String>) -> Self {
        Self::new(Code::AlreadyExists, message)
    }

    /// [`Code::PermissionDenied`]: the caller is known and may not do this.
    #[must_use]
    pub fn permission_denied(message: impl Into<String>) -> Self {
        Self::new(Code::PermissionDenied, message)
    }

    /// [`Code::ResourceExhausted`]: a quota or limit is used up.
    #[must_use]
    pub fn resource_exhausted(message: impl Into<String>) -> Self {
        Self::new(Code::ResourceExhausted, message)
    }

    /// [`Code::FailedPrecondition`]: the system is not in the state the call needs.
    #[must_use]
    pub fn failed_precondition(message: impl Into<String>) -> Self {
        Self::new(Code::FailedPrecondition, message)
    }

    /// [`Code::Aborted`]: the call lost against a concurrent one.
    #[must_use]
    pub fn aborted(message: impl Into<String>) -> Self {
        Self::new(Code::Aborted, message)
    }

    /// [`Code::OutOfRange`]: the call went past the valid range.
    #[must_use]
    pub fn out_of_range(message: impl Into<String>) -> Self {
        Self::new(Code::OutOfRange, message)
    }

    /// [`Code::Unimplemented`]: the method is not implemented.
    #[must_use]
    pub fn unimplemented(message: impl Into<String>) -> Self {
        Self::new(Code::Unimplemented, message)
    }

    /// [`Code::Internal`]: an invariant of the system is broken.
    #[must_use]
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(Code::Internal, message)
    }

    /// [`Code::Unavailable`]: the service cannot be reached at the moment.
    #[must_use]
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(Code::Unavailable, message)
    }

    /// [`Code::DataLoss`]: data is lost or damaged.
    #[must_use]
    pub fn data_loss(message: impl Into<String>) -> Self {
        Self::new(Code::DataLoss, message)
    }

    /// [`Code::Unauthenticated`]: the caller did not prove who it is.
    #[must_use]
    pub fn unauthenticated(message: impl Into<String>) -> Self {
        Self::new(Code::Unauthenticated, message)
    }
}

impl fmt::Display for Status {
    /// The code's name, the message, and the causes the message does not mention already.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.code.name())?;
        if !self.0.message.is_empty() {
            write!(f, ": {}", self.0.message)?;
        }
        let mut said = self.0.message.to_string();
        let mut cause = StdError::source(self);
        while let Some(error) = cause {
            let text = error.to_string();
            if !said.contains(&text) {
                write!(f, ": {text}")?;
            }
            said = text;
            cause = error.source();
        }
        Ok(())
    }
}

impl fmt::Debug for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &*self.0;
        let mut debug = f.debug_struct("Status");
        debug.field("code", &inner.code);
        debug.field("message", &inner.message);
        if !inner.details.is_empty() {
            debug.field("details", &format_args!("({} bytes)", inner.details.len()));
        }
        if !inner.metadata.is_empty() {
            debug.field("metadata", &inner.metadata);
        }
        if let Some(source) = &inner.source {
            debug.field("source", source);
        }
        debug.finish()
    }
}

impl StdError for Status {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match &self.0.source {
            Some(source) => Some(&**source),
            None => None,
        }
    }
}

impl From<io::Error> for Status {
    /// Chooses the code by the kind of the error and keeps the error as the source. A `Status` that was wrapped in an
    /// `io::Error` comes out as it went in.
    fn from(error: io::Error) -> Self {
        let error = match error.downcast::<Self>() {
            Ok(status) => return status,
            Err(error) => error,
        };
        Self::new(code_of(error.kind()), error.to_string()).with_source(error)
    }
}

impl From<InvalidMetadata> for Status {
    fn from(error: InvalidMetadata) -> Self {
        Self::internal(error.to_string()).with_source(error)
    }
}

fn code_of(kind: io::ErrorKind) -> Code {
    use io::ErrorKind as Kind;

    match kind {
        Kind::BrokenPipe | Kind::WouldBlock | Kind::WriteZero | Kind::Interrupted => Code::Internal,
        Kind::ConnectionRefused
        | Kind::ConnectionReset
        | Kind::NotConnected
        | Kind::HostUnreachable
        | Kind::NetworkUnreachable
        | Kind::NetworkDown
        | Kind::AddrInUse
        | Kind::AddrNotAvailable => Code::Unavailable,
        Kind::AlreadyExists => Code::AlreadyExists,
        Kind::ConnectionAborted => Code::Aborted,
        Kind::InvalidData => Code::DataLoss,
        Kind::InvalidInput => Code::InvalidArgument,
        Kind::NotFound => Code::NotFound,
        Kind::PermissionDenied => Code::PermissionDenied,
        Kind::TimedOut => Code::DeadlineExceeded,
        Kind::UnexpectedEof => Code::OutOfRange,
        Kind::OutOfMemory | Kind::StorageFull | Kind::QuotaExceeded => Code::ResourceExhausted,
        Kind::Unsupported => Code::Unimplemented,
        _ => Code::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use std::mem::size_of;

    use super::*;

    fn from_peer() -> Status {
        let mut metadata = Metadata::new();
        metadata.insert("x-secret", "s3cret").unwrap();
        Status::received(Code::NotFound, "no room".to_owned(), Bytes::from_static(b"details"), metadata)
    }

    #[test]
    fn is_one_pointer_wide() {
        assert_eq!(size_of::<Status>(), size_of::<usize>());
        assert_eq!(size_of::<Option<Status>>(), size_of::<usize>());
        assert_eq!(size_of::<Result<(), Status>>(), size_of::<usize>());
    }

    #[test]
    fn may_cross_threads() {
        fn check<T: Send + Sync + 'static>() {}
        check::<Status>();
    }

    #[test]
    fn constructors_set_their_code() {
        let statuses = [
            Status::ok("m"),
            Status::cancelled("m"),
            Status::unknown("m"),
            Status::invalid_argument("m"),
            Status::deadline_exceeded("m"),
            Status::not_found("m"),
            Status::already_exists("m"),
            Status::permission_denied("m"),
            Status::resource_exhausted("m"),
            Status::failed_precondition("m"),
            Status::aborted("m"),
            Status::out_of_range("m"),
            Status::unimplemented("m"),
            Status::internal("m"),
            Status::unavailable("m"),
            Status::data_loss("m"),
            Status::unauthenticated("m"),
        ];
        for (number, status) in (0..).zip(&statuses) {
            assert_eq!(status.code() as i32, number);
            assert_eq!(status.message(), "m");
        }
    }

    #[test]
    fn a_received_status_keeps_its_details_to_itself() {
        let status = from_peer();
        assert_eq!(status.details(), b"details");
        assert_eq!(status.metadata().get("x-secret"), Some("s3cret"));

        let sent = status.sendable();
        assert_eq!((sent.code, sent.message), (Code::NotFound, "no room"));
        assert!(sent.details.is_empty() && sent.metadata.is_none());

        let status = status.forward_all();
        let sent = status.sendable();
        assert_eq!(sent.details, b"details");
        assert_eq!(sent.metadata.and_then(|metadata| metadata.get("x-secret")), Some("s3cret"));
    }

    #[test]
    fn a_clone_of_a_received_status_is_received_too() {
        let status = from_peer();
        let copy = status.clone();
        assert!(copy.was_received());
        assert!(copy.sendable().metadata.is_none());
        assert!(status.sendable().metadata.is_none());
    }

    #[test]
    fn a_status_that_is_passed_on_is_still_a_received_one() {
        assert!(from_peer().forward_all().was_received());
        assert!(!Status::not_found("no room").was_received());
    }

    #[test]
    fn an_error_is_never_sent_as_ok() {
        assert_eq!(Status::ok("odd").sendable().code, Code::Unknown);
    }

    #[test]
    fn details_name_the_code_that_is_sent() {
        let status = Status::with_error_details(Code::Ok, "odd", ErrorDetails::with_help_link("d", "u"));
        assert_eq!((status.details()[1], status.sendable().code), (2, Code::Unknown));
        assert!(status.check_error_details().unwrap().has_help_links());
    }

    #[test]
    fn display_names_code_message_and_causes() {
        assert_eq!(Status::not_found("no room").to_string(), "NOT_FOUND: no room");
        assert_eq!(Status::aborted("").to_string(), "ABORTED");
        let refused = io::Error::from(io::ErrorKind::ConnectionRefused);
        assert_eq!(
            Status::unavailable("cannot reach 10.0.0.1:80").with_source(refused).to_string(),
            "UNAVAILABLE: cannot reach 10.0.0.1:80: connection refused"
        );
        let full = Status::from(io::Error::new(io::ErrorKind::StorageFull, "disk full"));
        assert_eq!(full.to_string(), "RESOURCE_EXHAUSTED: disk full");
    }

    #[test]
    fn debug_is_compact_and_keeps_secrets() {
        assert_eq!(format!("{:?}", Status::not_found("no room")), r#"Status { code: NotFound, message: "no room" }"#);
        let mut status = Status::with_details(Code::Internal, "m", Bytes::from_static(b"12345"));
        status.metadata_mut().insert("authorization", "s3cret").unwrap();
        let text = format!("{status:?}");
        assert!(text.contains("details: (5 bytes)"), "{text}");
        assert!(!text.contains("s3cret"), "{text}");
    }

    #[test]
    fn io_errors_become_codes() {
        use io::ErrorKind as Kind;

        for (kind, code) in [
            (Kind::NotFound, Code::NotFound),
            (Kind::PermissionDenied, Code::PermissionDenied),
            (Kind::TimedOut, Code::DeadlineExceeded),
            (Kind::ConnectionReset, Code::Unavailable),
            (Kind::BrokenPipe, Code::Internal),
            (Kind::InvalidData, Code::DataLoss),
            (Kind::Other, Code::Unknown),
        ] {
            let status = Status::from(io::Error::new(kind, "why"));
            assert_eq!(status.code(), code);
            assert_eq!(status.message(), "why");
            assert!(StdError::source(&status).is_some());
        }
    }

    #[test]
    fn a_status_inside_an_io_error_comes_out_again() {
        let wrapped = io::Error::other(Status::not_found("no room"));
        assert_eq!(Status::from(wrapped).code(), Code::NotFound);
    }
}
