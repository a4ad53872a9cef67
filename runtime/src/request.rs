//! `Request`: a message, or the messages, of a call together with its metadata and options.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use crate::context::Context;
use crate::metadata::{InvalidMetadata, Metadata};

/// What a client sends and a handler gets: a message (or a stream of them) and its metadata.
///
/// ```
/// use std::time::Duration;
/// use stolid::Request;
///
/// let request = Request::new("hello")
///     .with_timeout(Duration::from_secs(2))
///     .with_metadata("x-token", "t0ken")?;
/// assert_eq!(request.metadata().get("x-token"), Some("t0ken"));
/// assert_eq!(request.into_inner(), "hello");
/// # Ok::<(), stolid::InvalidMetadata>(())
/// ```
pub struct Request<T> {
    metadata: Metadata,
    message: T,
    timeout: Option<Duration>,
    parent: Parent,
    /// It is not to be compressed.
    plain: bool,
    /// It came compressed.
    was_compressed: bool,
    context: Option<Context>,
}

/// The call or context on whose behalf a call is made.
#[derive(Debug, Clone, Default)]
pub(crate) enum Parent {
    /// That of the handler that runs on the calling thread.
    #[default]
    Current,
    Given(Context),
    None,
}

impl Parent {
    pub(crate) fn context(self) -> Option<Context> {
        match self {
            Self::Current => Context::current(),
            Self::Given(context) => Some(context),
            Self::None => None,
        }
    }
}

/// What a client's call is made of.
pub(crate) struct CallParts {
    pub(crate) metadata: Metadata,
    pub(crate) timeout: Option<Duration>,
    pub(crate) parent: Parent,
    pub(crate) plain: bool,
}

impl<T> Request<T> {
    /// A request without metadata and without a timeout of its own.
    #[must_use]
    pub fn new(message: T) -> Self {
        Self {
            metadata: Metadata::new(),
            message,
            timeout: None,
            parent: Parent::default(),
            plain: false,
            was_compressed: false,
            context: None,
        }
    }

    /// The message, without the rest.
    #[must_use]
    pub fn into_inner(self) -> T {
        self.message
    }

    /// The message.
    #[must_use]
    pub fn get_ref(&self) -> &T {
        &self.message
    }

    /// The message, to be changed.
    pub fn get_mut(&mut self) -> &mut T {
        &mut self.message
    }

    /// The metadata and the message.
    #[must_use]
    pub fn into_parts(self) -> (Metadata, T) {
        (self.metadata, self.message)
    }

    /// The same request with another message.
    #[must_use]
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Request<U> {
        let Self { metadata, message, timeout, parent, plain, was_compressed, context } = self;
        Request { metadata, message: change(message), timeout, parent, plain, was_compressed, context }
    }

    /// The metadata that goes, or came, with the request.
    #[must_use]
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// The metadata, to be changed.
    pub fn metadata_mut(&mut self) -> &mut Metadata {
        &mut self.metadata
    }

    /// Sets `key` to a text.
    ///
    /// # Errors
    ///
    /// As [`Metadata::insert`].
    pub fn with_metadata(mut self, key: impl AsRef<str>, value: impl AsRef<str>) -> Result<Self, InvalidMetadata> {
        self.metadata.insert(key, value)?;
        Ok(self)
    }

    /// Limits how long the whole call may take, from its start to its status, waiting for a connection included.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// As [`with_timeout`](Self::with_timeout).
    pub fn set_timeout(&mut self, timeout: Duration) {
        self.timeout = Some(timeout);
    }

    /// The timeout that was set on this request. For what is left of a received call's time ask its
    /// [`context`](Self::context).
    #[must_use]
    pub fn timeout(&self) -> Option<Duration> {
        self.timeout
    }

    /// Makes the call on behalf of `parent`: it ends when the parent's deadline passes and is cancelled together with it.
    ///
    /// Without this, a call made by a handler on its own thread has the handler's context as its parent, and any other
    /// call has none. [`Context::new`] makes a parent that another thread can cancel.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    /// use stolid::{Channel, Code, Context, Request, client::Grpc};
    ///
    /// let grpc = Grpc::new(Channel::connect_lazy("http://127.0.0.1:50051")?);
    /// let context = Context::new();
    /// context.cancel(); // usually from another thread, while the call blocks
    /// let request = Request::new(1_u32).with_parent(context);
    /// let status = grpc.unary::<u32, u32>("/demo.Math/Square", request).unwrap_err();
    /// assert_eq!(status.code(), Code::Cancelled);
    /// # Ok::<(), stolid::Error>(())
    /// ```
    #[must_use]
    pub fn with_parent(mut self, parent: Context) -> Self {
        self.set_parent(parent);
        self
    }

    /// As [`with_parent`](Self::with_parent).
    pub fn set_parent(&mut self, parent: Context) {
        self.parent = Parent::Given(parent);
    }

    /// Makes the call on nobody's behalf: it inherits neither deadline nor cancellation from the handler that makes it.
    #[must_use]
    pub fn detached(mut self) -> Self {
        self.parent = Parent::None;
        self
    }

    /// Sends the messages of this call uncompressed, whatever the channel or the client would do.
    pub fn disable_compression(&mut self) {
        self.plain = true;
    }

    /// Whether the message of a received request was compressed. For a stream of messages ask
    /// [`Streaming::was_compressed`](crate::Streaming::was_compressed).
    #[must_use]
    pub fn was_compressed(&self) -> bool {
        self.was_compressed
    }

    /// The context of the call this request belongs to; for a request that was not received, one that is never
    /// cancelled.
    #[must_use]
    pub fn context(&self) -> Context {
        self.context.clone().unwrap_or_default()
    }

    /// The address of the client; `None` when the request was not received or its transport has no addresses.
    #[must_use]
    pub fn peer_addr(&self) -> Option<SocketAddr> {
        self.context.as_ref()?.peer_addr()
    }

    /// A request as it came from a client.
    pub(crate) fn new_received(metadata: Metadata, message: T, was_compressed: bool, context: Context) -> Self {
        Self { was_compressed, context: Some(context), metadata, ..Self::new(message) }
    }

    pub(crate) fn into_call_parts(self) -> (CallParts, T) {
        let Self { metadata, timeout, parent, plain, message, .. } = self;
        (CallParts { metadata, timeout, parent, plain }, message)
    }
}

impl<T: fmt::Debug> fmt::Debug for Request<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("metadata", &self.metadata)
            .field("message", &self.message)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

/// What a stub's method takes: a message, or a [`Request`] when metadata or a timeout goes with it.
pub trait IntoRequest<T> {
    /// The request.
    fn into_request(self) -> Request<T>;
}

impl<T> IntoRequest<T> for T {
    fn into_request(self) -> Request<T> {
        Request::new(self)
    }
}

impl<T> IntoRequest<T> for Request<T> {
    fn into_request(self) -> Self {
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(request: impl IntoRequest<u8>) -> Request<u8> {
        request.into_request()
    }

    #[test]
    fn a_message_and_a_request_are_both_requests() {
        assert_eq!(take(7).into_inner(), 7);
        let request = take(Request::new(7).with_timeout(Duration::from_secs(1)));
        assert_eq!(request.timeout(), Some(Duration::from_secs(1)));
    }

    #[test]
    fn map_keeps_the_rest() {
        let mut request = Request::new(7_u8).with_metadata("x", "1").unwrap();
        request.set_timeout(Duration::from_millis(5));
        *request.get_mut() += 1;
        let (parts, message) = request.map(u64::from).into_call_parts();
        assert_eq!(message, 8_u64);
        assert_eq!(parts.metadata.get("x"), Some("1"));
        assert_eq!(parts.timeout, Some(Duration::from_millis(5)));
    }

    #[test]
    fn a_request_of_ones_own_has_no_peer() {
        let request = Request::new(());
        assert_eq!(request.peer_addr(), None);
        let _never_cancelled: Context = request.context();
    }

    #[test]
    fn bad_metadata_is_refused() {
        assert!(Request::new(()).with_metadata("te", "trailers").is_err());
    }
}
