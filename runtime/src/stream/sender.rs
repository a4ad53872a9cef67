//! `Sender<T>`: the sending half of a call, usable from many threads.

use std::cell::RefCell;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::BytesMut;

use super::outbox::{Finish, Refused};
use super::{Side, Stream, after};
use crate::codec::{self, EncodeFn};
use crate::context::{CancelCause, Context};
use crate::metadata::Metadata;
use crate::status::Status;

thread_local! {
    // Messages are encoded outside of every lock, into a buffer that is used again.
    static SCRATCH: RefCell<BytesMut> = RefCell::new(BytesMut::new());
}

/// How long a consumer may be behind before [`Overflow::Disconnect`] gives it up.
const GRACE: Duration = Duration::from_millis(10);

/// The largest scratch buffer that a thread keeps, bytes.
const SCRATCH_KEPT: usize = 64 * 1024;

/// Sends messages to the peer.
///
/// A handle: clones share the stream, any number of threads may send through it, and each `send` is queued as a whole,
/// in the order of the calls. A sender blocks when 64 KiB (or [its limit](Self::with_queue_limit)) wait to be sent, until the peer makes room, the deadline
/// passes or the call ends; an `Err` is the final status of the call, never a bare "closed".
///
/// On a client, dropping the last clone half-closes the call, as [`close`](Self::close) does; while the thread panics it
/// cancels the call instead. On a server the call ends when the handler returns; clones that outlive it get an error.
///
/// # Examples
/// A server-streaming handler:
/// ```
/// use stolid::{Request, Sender, Status};
///
/// fn count(request: Request<u32>, replies: Sender<u32>) -> Result<(), Status> {
///     for number in 0..request.into_inner() {
///         replies.send(number)?;
///     }
///     Ok(())
/// }
/// ```
pub struct Sender<T> {
    handle: Arc<Handle>,
    encode: EncodeFn<T>,
    overflow: Overflow,
}

/// Shared by all clones; its drop is the drop of the last one.
#[derive(Debug)]
struct Handle {
    stream: Arc<Stream>,
    /// Dropping the last clone does nothing: something else ends the call.
    disarmed: AtomicBool,
    /// The drop of the last clone cancels: a thread that held a clone was panicking, or it was asked for.
    cancels: AtomicBool,
    /// What the drop of the last clone means on a client.
    on_drop: OnDrop,
}

/// What the drop of the last sender means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OnDrop {
    /// The messages are complete.
    HalfClose,
    /// Something else decides.
    Nothing,
}

/// What [`Sender::send`] does when there is no room: with this message more than 64 KiB (or [the sender's
/// limit](Sender::with_queue_limit)) would wait to be sent, and something waits already. A message that is larger by itself fits only when nothing waits. See [`Sender::with_overflow`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Overflow {
    /// Wait until the peer makes room.
    #[default]
    Block,
    /// Fail with RESOURCE_EXHAUSTED. The message is lost, the call goes on.
    Fail,
    /// When there is still no room after 10 ms, fail with RESOURCE_EXHAUSTED and end the call with it: what waits to be sent
    /// is thrown away. For a consumer that is too slow to be of use; the moment of grace is for a burst that this side
    /// has not yet sent.
    Disconnect,
}

/// How one message is sent; see [`Sender::send_with`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub struct SendOptions {
    compress: bool,
}

impl SendOptions {
    /// As [`Sender::send`] does it.
    pub fn new() -> Self {
        Self { compress: true }
    }

    /// Whether the message may be compressed. A secret next to text that an attacker chooses should not be: the length
    /// of the result tells about it (gRPC over HTTP/2, "Security").
    pub fn compress(mut self, compress: bool) -> Self {
        self.compress = compress;
        self
    }
}

impl Default for SendOptions {
    fn default() -> Self {
        Self::new()
    }
}

/// Why [`Sender::try_send`] did not send. The message comes back.
pub enum TrySendError<T> {
    /// With this message more than the limit (64 KiB by default) would wait, and something waits already.
    Full(T),
    /// The call is over or was cancelled, with this status.
    Closed(T, Status),
}

/// Why [`Sender::send_timeout`] did not send. The message comes back.
pub enum SendTimeoutError<T> {
    /// There was no room in time. The call goes on.
    Timeout(T),
    /// The call is over or was cancelled, with this status.
    Closed(T, Status),
}

impl<T> Sender<T> {
    pub(crate) fn new(stream: Arc<Stream>, encode: EncodeFn<T>, on_drop: OnDrop) -> Self {
        let handle = Handle { stream, disarmed: AtomicBool::new(false), cancels: AtomicBool::new(false), on_drop };
        Self { handle: Arc::new(handle), encode, overflow: Overflow::default() }
    }

    pub(crate) fn stream(&self) -> &Arc<Stream> {
        &self.handle.stream
    }

    pub(crate) fn disarm(&self) {
        self.handle.disarmed.store(true, Ordering::Relaxed);
    }

    /// Sends what is queued now, without waiting for more. Never needed for progress: a queued message leaves by itself, as
    /// [`ServerBuilder::flush_delay`](crate::ServerBuilder::flush_delay) says.
    pub fn flush(&self) {
        self.stream().flush();
    }

    /// Whether nothing more can be sent.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.stream().outbox().is_closed()
    }

    /// The context of the call.
    #[must_use]
    pub fn context(&self) -> Context {
        self.stream().context()
    }

    /// Client: no more requests follow (the half-close), from this handle or any clone of it. On a server this does nothing: the handler's return ends the
    /// responses.
    pub fn close(&self) {
        if self.stream().side == Side::Client {
            self.disarm();
            self.stream().finish(Finish::HalfClose);
        }
    }

    /// Server: response headers, sent with the first message.
    ///
    /// # Errors
    /// FAILED_PRECONDITION when the headers were sent already, or on a client.
    pub fn set_headers(&self, headers: Metadata) -> Result<(), Status> {
        let mut outbox = self.stream().outbox();
        if self.stream().side == Side::Client || outbox.head.is_none() {
            return Err(Status::failed_precondition("the headers of this call were sent already"));
        }
        outbox.head = Some(headers);
        Ok(())
    }

    /// Server: sends the response headers now, before there is a message.
    pub fn send_headers(&self) {
        if self.stream().side == Side::Server {
            self.stream().outbox().head_now = true;
            self.stream().flush();
        }
    }

    /// Server: metadata to be sent behind the last message, whatever the outcome.
    pub fn set_trailers(&self, trailers: Metadata) {
        if self.stream().side == Side::Server {
            self.stream().outbox().trailers = trailers;
        }
    }

    /// Server: lets the stream live on after the handler has returned.
    ///
    /// The handler's `Ok` then ends nothing; the call ends by [`DetachedSender::finish`]. So ten thousand idle
    /// subscribers need no ten thousand threads. A detached sender that is dropped without `finish` ends the call with
    /// UNKNOWN (INTERNAL while its thread panics), never with a clean end.
    #[must_use]
    pub fn detach(self) -> DetachedSender<T> {
        self.stream().detach();
        DetachedSender { sender: self, finished: false }
    }

    /// Client: dropping the last clone without [`close`](Self::close) cancels the call in place of half-closing it. For
    /// protocols in which an upload that broke off must never look complete: an early `?` drops a sender like a clean end
    /// does.
    ///
    /// # Examples
    /// ```no_run
    /// # fn lines() -> impl Iterator<Item = Result<String, stolid::Status>> { std::iter::empty() }
    /// # fn upload(client: &stolid::client::Grpc) -> Result<(), stolid::Status> {
    /// let call = client.streaming::<String, u32>("/demo.Store/Sync", stolid::Request::new(()))?;
    /// let (requests, responses) = call.split();
    /// let requests = requests.cancel_on_unclosed_drop();
    /// for line in lines() {
    ///     requests.send(line?)?; // if this returns early, the server sees a cancelled call
    /// }
    /// requests.close();
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn cancel_on_unclosed_drop(self) -> Self {
        self.handle.cancels.store(true, Ordering::Relaxed);
        self
    }

    /// The same sender with another rule for a peer that does not take messages as fast as they are sent. Clones made
    /// from it have the rule too, other clones keep theirs.
    ///
    /// # Examples
    /// A hub must not wait for the slowest of its subscribers:
    /// ```
    /// use stolid::{Overflow, Sender};
    ///
    /// fn publish(subscribers: &mut Vec<Sender<String>>, text: &str) {
    ///     // With `Overflow::Disconnect` a subscriber that is 64 KiB behind is dropped.
    ///     subscribers.retain(|subscriber| subscriber.send(text.to_owned()).is_ok());
    /// }
    ///
    /// fn subscribe(subscribers: &mut Vec<Sender<String>>, subscriber: Sender<String>) {
    ///     subscribers.push(subscriber.with_overflow(Overflow::Disconnect));
    /// }
    /// ```
    #[must_use]
    pub fn with_overflow(mut self, overflow: Overflow) -> Self {
        self.overflow = overflow;
        self
    }

    /// Lets so many bytes wait to be sent, in place of 64 KiB. This holds for the stream, whichever clone sends.
    ///
    /// More room is for a sender that must not wait and a peer that may fall behind for a while. The memory is taken only
    /// while messages wait in it. What is no room to speak of, such as 0, lets one message wait at a time.
    ///
    /// # Examples
    /// A subscriber who is a mebibyte behind is dropped:
    /// ```
    /// use stolid::{Overflow, Sender};
    ///
    /// fn subscribe(subscribers: &mut Vec<Sender<String>>, subscriber: Sender<String>) {
    ///     subscribers.push(subscriber.with_queue_limit(1024 * 1024).with_overflow(Overflow::Disconnect));
    /// }
    /// ```
    #[must_use]
    pub fn with_queue_limit(self, bytes: usize) -> Self {
        self.stream().set_quota(bytes);
        self
    }

    /// Sends one message, blocking while there is no room.
    ///
    /// # Errors
    /// The final status of the call if it is over or was cancelled; RESOURCE_EXHAUSTED, without ending the call, for a
    /// message over the limit.
    pub fn send(&self, message: T) -> Result<(), Status> {
        self.send_with(message, SendOptions::new())
    }

    /// As [`send`](Self::send), with options for this message.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn send_with(&self, message: T, options: SendOptions) -> Result<(), Status> {
        let sent = self.encoded(&message, options, |scratch| match self.overflow {
            Overflow::Block => self.stream().send(scratch, None),
            Overflow::Fail => match self.stream().try_send(scratch) {
                Ok(()) => Ok(()),
                Err(Refused::Closed(status)) => Err(Some(status)),
                Err(Refused::Full) => Err(Some(full())),
            },
            Overflow::Disconnect => match self.stream().send(scratch, after(GRACE)) {
                Err(None) => Err(Some(self.stream().disconnect())),
                sent => sent,
            },
        });
        sent.map_err(|error| error.unwrap_or_else(|| CancelCause::DeadlineExceeded.status(self.stream().side)))
    }

    /// Sends one message if there is room for it.
    ///
    /// # Errors
    /// `Full` or `Closed`, with the message.
    pub fn try_send(&self, message: T) -> Result<(), TrySendError<T>> {
        let sent = self.encoded(&message, SendOptions::new(), |scratch| match self.stream().try_send(scratch) {
            Ok(()) => Ok(()),
            Err(Refused::Full) => Err(None),
            Err(Refused::Closed(status)) => Err(Some(status)),
        });
        sent.map_err(|error| match error {
            None => TrySendError::Full(message),
            Some(status) => TrySendError::Closed(message, status),
        })
    }

    /// Like [`send`](Self::send), for at most `timeout`.
    ///
    /// # Errors
    /// `Timeout` when there was no room in time; `Closed` with the final status. Both return the message.
    pub fn send_timeout(&self, message: T, timeout: Duration) -> Result<(), SendTimeoutError<T>> {
        let limit = after(timeout);
        let sent = self.encoded(&message, SendOptions::new(), |scratch| self.stream().send(scratch, limit));
        sent.map_err(|error| match error {
            None => SendTimeoutError::Timeout(message),
            Some(status) => SendTimeoutError::Closed(message, status),
        })
    }

    /// Sends every message of an iterator.
    ///
    /// # Errors
    /// As [`send`](Self::send); the rest of the iterator is not consumed.
    pub fn send_all(&self, messages: impl IntoIterator<Item = T>) -> Result<(), Status> {
        messages.into_iter().try_for_each(|message| self.send(message))
    }

    fn encoded<R>(
        &self,
        message: &T,
        options: SendOptions,
        send: impl FnOnce(&mut BytesMut) -> Result<R, Option<Status>>,
    ) -> Result<R, Option<Status>> {
        let stream = self.stream();
        let compression = stream.coding.send.filter(|_| options.compress);
        with_scratch(|scratch| {
            codec::encode(self.encode, message, stream.limits.send, compression, scratch).map_err(Some)?;
            send(scratch)
        })
    }
}

fn full() -> Status {
    Status::resource_exhausted("the peer does not take messages as fast as they are sent: there is no room for more")
}

/// Lends the thread's buffer; a handler that sends while it encodes would find it taken and get a fresh one.
pub(crate) fn with_scratch<R>(work: impl FnOnce(&mut BytesMut) -> R) -> R {
    let mut scratch = SCRATCH.try_with(RefCell::take).unwrap_or_default();
    scratch.clear();
    let result = work(&mut scratch);
    scratch.clear();
    if scratch.capacity() <= SCRATCH_KEPT {
        let _ = SCRATCH.try_with(|kept| kept.replace(scratch));
    }
    result
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        Self { handle: Arc::clone(&self.handle), encode: self.encode, overflow: self.overflow }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        // An early `?` looks like a clean end, a panic never does.
        if std::thread::panicking() {
            self.handle.cancels.store(true, Ordering::Relaxed);
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        if self.stream.side == Side::Server || self.disarmed.load(Ordering::Relaxed) {
            return;
        }
        if self.cancels.load(Ordering::Relaxed) {
            self.stream.cancel(CancelCause::Local);
        } else if self.on_drop == OnDrop::HalfClose {
            self.stream.finish(Finish::HalfClose);
        }
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("closed", &self.is_closed()).finish_non_exhaustive()
    }
}

/// A [`Sender`] that outlives its handler; see [`Sender::detach`]. Sends like one, through `Deref`.
#[derive(Debug)]
pub struct DetachedSender<T> {
    sender: Sender<T>,
    finished: bool,
}

impl<T> DetachedSender<T> {
    /// Ends the call: queued messages, then the trailers.
    pub fn finish(mut self, outcome: Result<(), Status>) {
        self.finished = true;
        self.sender.stream().finish(Finish::Trailers(outcome.err()));
    }
}

impl<T> std::ops::Deref for DetachedSender<T> {
    type Target = Sender<T>;

    fn deref(&self) -> &Sender<T> {
        &self.sender
    }
}

impl<T> Drop for DetachedSender<T> {
    fn drop(&mut self) {
        if !self.finished {
            let status = if std::thread::panicking() {
                Status::internal("the handler panicked")
            } else {
                Status::unknown("the server dropped the call without finishing it")
            };
            self.sender.stream().finish(Finish::Trailers(Some(status)));
        }
    }
}

impl<T> TrySendError<T> {
    /// The message that was not sent.
    pub fn into_inner(self) -> T {
        match self {
            Self::Full(message) | Self::Closed(message, _) => message,
        }
    }
}

impl<T> SendTimeoutError<T> {
    /// The message that was not sent.
    pub fn into_inner(self) -> T {
        match self {
            Self::Timeout(message) | Self::Closed(message, _) => message,
        }
    }
}

impl<T> fmt::Debug for TrySendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full(_) => f.write_str("Full(..)"),
            Self::Closed(_, status) => f.debug_tuple("Closed").field(&"..").field(status).finish(),
        }
    }
}

impl<T> fmt::Debug for SendTimeoutError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Timeout(_) => f.write_str("Timeout(..)"),
            Self::Closed(_, status) => f.debug_tuple("Closed").field(&"..").field(status).finish(),
        }
    }
}

impl<T> fmt::Display for TrySendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full(_) => f.write_str("too many bytes are waiting to be sent"),
            Self::Closed(_, status) => status.fmt(f),
        }
    }
}

impl<T> fmt::Display for SendTimeoutError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Timeout(_) => f.write_str("there was no room to send in time"),
            Self::Closed(_, status) => status.fmt(f),
        }
    }
}

impl<T> std::error::Error for TrySendError<T> {}
impl<T> std::error::Error for SendTimeoutError<T> {}
