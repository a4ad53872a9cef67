//! Calls with a stream of requests, as a client holds them.

use std::fmt;
use std::time::Duration;

use crate::context::Context;
use crate::metadata::Metadata;
use crate::response::Response;
use crate::status::Status;
use crate::stream::inbox::End;
use crate::stream::outbox::Finish;
use crate::stream::sender::{SendOptions, SendTimeoutError, Sender, TrySendError};
use crate::stream::streaming::{RecvTimeoutError, Streaming, TryRecvError};

/// A client-streaming call: any number of requests, one response.
///
/// Dropping it without [`finish`](Self::finish) cancels the call: a server never takes an upload that broke off for a
/// complete one.
///
/// # Examples
/// ```no_run
/// # fn upload(client: &stolid::client::Grpc) -> Result<u32, stolid::Status> {
/// let mut call = client.client_streaming::<String, u32>("/demo.Store/Upload", stolid::Request::new(()))?;
/// call.send("first".to_owned())?;
/// let total = call.send_all(["second".to_owned(), "third".to_owned()])?.finish()?.into_inner();
/// # Ok(total)
/// # }
/// ```
#[must_use = "a client-streaming call is cancelled when it is dropped; call `finish` to end it"]
pub struct ClientStreaming<Req, Res> {
    responses: Streaming<Res>,
    requests: Sender<Req>,
}

impl<Req, Res> ClientStreaming<Req, Res> {
    pub(super) fn new(requests: Sender<Req>, responses: Streaming<Res>) -> Self {
        Self { responses, requests }
    }

    /// Sends one request, blocking while there is no room.
    ///
    /// # Errors
    /// The final status of the call if the server has ended it. A server that ended it with OK gives
    /// FAILED_PRECONDITION here, and its response from [`finish`](Self::finish).
    pub fn send(&mut self, message: Req) -> Result<(), Status> {
        self.requests.send(message)
    }

    /// As [`send`](Self::send), with options for this message.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn send_with(&mut self, message: Req, options: SendOptions) -> Result<(), Status> {
        self.requests.send_with(message, options)
    }

    /// As [`Sender::try_send`].
    ///
    /// # Errors
    /// As [`Sender::try_send`].
    pub fn try_send(&mut self, message: Req) -> Result<(), TrySendError<Req>> {
        self.requests.try_send(message)
    }

    /// As [`Sender::send_timeout`].
    ///
    /// # Errors
    /// As [`Sender::send_timeout`].
    pub fn send_timeout(&mut self, message: Req, timeout: Duration) -> Result<(), SendTimeoutError<Req>> {
        self.requests.send_timeout(message, timeout)
    }

    /// Sends every message of an iterator; stops early, without an error, when the server has already answered with OK.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn send_all(self, messages: impl IntoIterator<Item = Req>) -> Result<Self, Status> {
        match self.requests.send_all(messages) {
            Err(status) if !self.ended_well() => Err(status),
            _ => Ok(self),
        }
    }

    fn ended_well(&self) -> bool {
        matches!(self.requests.stream().inbox().end(), Some(End::Ok(_)))
    }

    /// The sending half, for other threads. [`finish`](Self::finish) ends the requests whether or not clones are left.
    #[must_use]
    pub fn sender(&self) -> &Sender<Req> {
        &self.requests
    }

    /// Ends the requests and waits for the response.
    ///
    /// # Errors
    /// The status of the call.
    pub fn finish(self) -> Result<Response<Res>, Status> {
        let Self { responses, requests } = self;
        requests.stream().finish(Finish::HalfClose);
        responses.outcome()
    }

    /// Cancels the call.
    pub fn cancel(self) {
        self.responses.cancel();
    }

    /// The context of the call.
    #[must_use]
    pub fn context(&self) -> Context {
        self.responses.context()
    }
}

impl<Req, Res> fmt::Debug for ClientStreaming<Req, Res> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientStreaming").field("requests", &self.requests).finish_non_exhaustive()
    }
}

/// A bidirectional call: any number of requests and of responses, independent of each other.
///
/// [`split`](Self::split) gives the two halves to different threads. Mind flow control: a thread that only sends, to a
/// server that answers each message, stops when both windows are full; somebody has to read.
#[must_use = "a call is cancelled when it is dropped"]
pub struct BidiStreaming<Req, Res> {
    // Dropped first, so that a call nobody wants any more is cancelled, not half-closed.
    responses: Streaming<Res>,
    requests: Sender<Req>,
}

impl<Req, Res> BidiStreaming<Req, Res> {
    pub(super) fn new(requests: Sender<Req>, responses: Streaming<Res>) -> Self {
        Self { responses, requests }
    }

    /// The two halves.
    #[must_use]
    pub fn split(self) -> (Sender<Req>, Streaming<Res>) {
        (self.requests, self.responses)
    }

    /// Sends one request, blocking while there is no room.
    ///
    /// # Errors
    /// As [`Sender::send`].
    pub fn send(&self, message: Req) -> Result<(), Status> {
        self.requests.send(message)
    }

    /// As [`send`](Self::send), with options for this message.
    ///
    /// # Errors
    /// As [`Sender::send`].
    pub fn send_with(&self, message: Req, options: SendOptions) -> Result<(), Status> {
        self.requests.send_with(message, options)
    }

    /// Blocks until the next response; `None` at the end.
    ///
    /// # Errors
    /// As [`Streaming::message`].
    pub fn message(&mut self) -> Result<Option<Res>, Status> {
        self.responses.message()
    }

    /// The sending half, for what the call itself has no method for.
    #[must_use]
    pub fn requests(&self) -> &Sender<Req> {
        &self.requests
    }

    /// The receiving half, for what the call itself has no method for.
    pub fn responses(&mut self) -> &mut Streaming<Res> {
        &mut self.responses
    }

    /// As [`Sender::try_send`].
    ///
    /// # Errors
    /// As [`Sender::try_send`].
    pub fn try_send(&self, message: Req) -> Result<(), TrySendError<Req>> {
        self.requests.try_send(message)
    }

    /// As [`Sender::send_timeout`].
    ///
    /// # Errors
    /// As [`Sender::send_timeout`].
    pub fn send_timeout(&self, message: Req, timeout: Duration) -> Result<(), SendTimeoutError<Req>> {
        self.requests.send_timeout(message, timeout)
    }

    /// As [`Streaming::try_message`].
    ///
    /// # Errors
    /// As [`Streaming::try_message`].
    pub fn try_message(&mut self) -> Result<Option<Res>, TryRecvError> {
        self.responses.try_message()
    }

    /// As [`Streaming::message_timeout`].
    ///
    /// # Errors
    /// As [`Streaming::message_timeout`].
    pub fn message_timeout(&mut self, timeout: Duration) -> Result<Option<Res>, RecvTimeoutError> {
        self.responses.message_timeout(timeout)
    }

    /// Blocks until the response headers are there.
    ///
    /// # Errors
    /// As [`Streaming::headers`].
    pub fn headers(&mut self) -> Result<&Metadata, Status> {
        self.responses.headers()
    }

    /// No more requests follow; responses may.
    pub fn close(&self) {
        self.requests.close();
    }

    /// Cancels the call.
    pub fn cancel(&self) {
        self.responses.cancel();
    }

    /// The context of the call.
    #[must_use]
    pub fn context(&self) -> Context {
        self.responses.context()
    }
}

impl<Req, Res> fmt::Debug for BidiStreaming<Req, Res> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BidiStreaming").field("requests", &self.requests).finish_non_exhaustive()
    }
}
