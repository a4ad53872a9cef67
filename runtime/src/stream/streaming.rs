//! `Streaming<T>`: the receiving half of a call, as an iterator and as blocking reads.

use std::fmt;
use std::mem;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::inbox::{End, Taken};
use super::{Side, Stream, after};
use crate::codec::{Batch, Body, DecodeFn, NotDecoded, Received};
use crate::compression;
use crate::context::{CancelCause, Context};
use crate::metadata::Metadata;
use crate::protocol::mapping;
use crate::response::Response;
use crate::status::Status;

/// Bytes that a reader takes out of a batch before it tells the stream: that costs as much as reading a small message.
const TAKEN_STEP: usize = 8 * 1024;

/// The messages that the peer sends, in order.
///
/// An iterator over `Result<T, Status>` that is fused after the end; [`message`](Self::message) is the form for `?`.
/// Every read blocks at most until the call's deadline, and wakes at once when the call is cancelled, the peer resets
/// it or the connection is lost.
///
/// Dropping it before the end cancels the call on a client. On a server the rest of the requests is thrown away.
///
/// # Examples
/// ```
/// use stolid::{Status, Streaming};
///
/// fn sum(mut numbers: Streaming<u32>) -> Result<u32, Status> {
///     let mut sum = 0;
///     while let Some(number) = numbers.message()? {
///         sum += number;
///     }
///     Ok(sum)
/// }
/// assert_eq!(sum(Streaming::from_iter([Ok(1), Ok(2)])).unwrap(), 3);
/// ```
pub struct Streaming<T> {
    source: Source<T>,
    ended: bool,
}

enum Source<T> {
    Call(Box<Reader<T>>),
    /// For tests of code that reads a stream.
    Items(Box<dyn Iterator<Item = Result<T, Status>> + Send>),
}

/// The receiving half of a call that was begun.
pub(crate) struct Reader<T> {
    stream: Arc<Stream>,
    batch: Batch,
    headers: Option<Metadata>,
    trailers: Option<Metadata>,
    ended: bool,
    decode: DecodeFn<T>,
    /// Bytes of messages that were handed out and that the stream was not told of yet.
    taken: usize,
    /// The last message came compressed.
    was_compressed: bool,
}

/// Why [`Streaming::message_timeout`] returned no message.
#[derive(Debug)]
pub enum RecvTimeoutError {
    /// No message came in time. The call goes on.
    Timeout,
    /// The call failed.
    Status(Status),
}

/// Why [`Streaming::try_message`] returned no message.
#[derive(Debug)]
pub enum TryRecvError {
    /// No message is there yet. The call goes on.
    Empty,
    /// The call failed.
    Status(Status),
}

impl fmt::Display for RecvTimeoutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Timeout => f.write_str("no message came in time"),
            Self::Status(status) => status.fmt(f),
        }
    }
}

impl fmt::Display for TryRecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("no message is there yet"),
            Self::Status(status) => status.fmt(f),
        }
    }
}

impl std::error::Error for RecvTimeoutError {}
impl std::error::Error for TryRecvError {}

impl<T> Streaming<T> {
    /// A stream without a call, to test code that reads one.
    #[expect(clippy::should_implement_trait, reason = "FromIterator could not require Send + 'static")]
    pub fn from_iter<I>(items: I) -> Self
    where
        I: IntoIterator<Item = Result<T, Status>>,
        I::IntoIter: Send + 'static,
    {
        Self { source: Source::Items(Box::new(items.into_iter())), ended: false }
    }

    /// Cancels the call; whoever blocks on it wakes with CANCELLED.
    pub fn cancel(&self) {
        if let Source::Call(reader) = &self.source {
            reader.stream.cancel(CancelCause::Local);
        }
    }

    /// Whether the message that was read last had come compressed.
    #[must_use]
    pub fn was_compressed(&self) -> bool {
        matches!(&self.source, Source::Call(reader) if reader.was_compressed)
    }

    /// The context of the call.
    #[must_use]
    pub fn context(&self) -> Context {
        match &self.source {
            Source::Call(reader) => reader.stream.context(),
            Source::Items(_) => Context::new(),
        }
    }

    /// Client: blocks until the response headers are there. Empty on a server, and when the server answered by
    /// trailers alone (gRPC over HTTP/2, "Trailers-Only").
    ///
    /// # Errors
    /// The status of the call if it failed before any headers.
    pub fn headers(&mut self) -> Result<&Metadata, Status> {
        static NONE: std::sync::LazyLock<Metadata> = std::sync::LazyLock::new(Metadata::new);
        match &mut self.source {
            Source::Call(reader) if reader.stream.side == Side::Client => reader.headers(),
            _ => Ok(&NONE),
        }
    }

    /// Client: the trailers of a call that ended with OK; `None` before the end.
    #[must_use]
    pub fn trailers(&self) -> Option<&Metadata> {
        match &self.source {
            Source::Call(reader) => reader.trailers.as_ref(),
            Source::Items(_) => None,
        }
    }
}

impl<T> Streaming<T> {
    pub(crate) fn new(stream: Arc<Stream>, decode: DecodeFn<T>) -> Self {
        Self { source: Source::Call(Box::new(Reader::new(stream, decode))), ended: false }
    }

    /// Blocks until the next message; `None` at the end.
    ///
    /// # Errors
    /// The status of the call if it failed: as the peer told it, or made here (deadline, cancellation, lost connection,
    /// a message over the limit or that does not decode).
    pub fn message(&mut self) -> Result<Option<T>, Status> {
        match self.read(None) {
            Ok(item) => Ok(item),
            Err(RecvTimeoutError::Status(status)) => Err(status),
            // Without a limit of its own only the call's deadline can run out, and that is a status.
            Err(RecvTimeoutError::Timeout) => Err(CancelCause::DeadlineExceeded.status(Side::Client)),
        }
    }

    /// Like [`message`](Self::message), for at most `timeout`.
    ///
    /// # Errors
    /// `Timeout` when no message came in time: the call goes on, and a later read may find one. `Status` when the call failed.
    pub fn message_timeout(&mut self, timeout: Duration) -> Result<Option<T>, RecvTimeoutError> {
        self.read(after(timeout))
    }

    /// The next message if it is already there; `None` at the end.
    ///
    /// # Errors
    /// `Empty` when no message is there. `Status` when the call failed.
    pub fn try_message(&mut self) -> Result<Option<T>, TryRecvError> {
        if self.ended {
            return Ok(None);
        }
        let item = match &mut self.source {
            Source::Items(items) => items.next().transpose(),
            Source::Call(reader) => match reader.try_read() {
                Some(read) => read,
                None => return Err(TryRecvError::Empty),
            },
        };
        self.ended = !matches!(item, Ok(Some(_)));
        item.map_err(TryRecvError::Status)
    }

    fn read(&mut self, limit: Option<Instant>) -> Result<Option<T>, RecvTimeoutError> {
        if self.ended {
            return Ok(None);
        }
        let item = match &mut self.source {
            Source::Items(items) => items.next().transpose().map_err(RecvTimeoutError::Status),
            Source::Call(reader) => reader.read(limit),
        };
        self.ended = matches!(item, Ok(None) | Err(RecvTimeoutError::Status(_)));
        item
    }

    /// Client: what a call with one response came to.
    pub(crate) fn outcome(mut self) -> Result<Response<T>, Status> {
        let Source::Call(reader) = &mut self.source else {
            return Err(Status::internal("a stream without a call has no response"));
        };
        reader.stream.wait_outcome();
        let headers = reader.stream.inbox().head().unwrap_or_default();
        let message = self.message()?;
        if message.is_some() && self.message()?.is_some() {
            return Err(mapping::second_message(Side::Client));
        }
        let Some(message) = message else {
            return Err(mapping::no_message(Side::Client));
        };
        let trailers = match &mut self.source {
            Source::Call(reader) => reader.trailers.take().unwrap_or_default(),
            Source::Items(_) => Metadata::new(),
        };
        Ok(Response::new_received(headers, message, trailers, self.was_compressed()))
    }
}

impl<T> Reader<T> {
    pub(crate) fn new(stream: Arc<Stream>, decode: DecodeFn<T>) -> Self {
        Self {
            stream,
            batch: Batch::default(),
            headers: None,
            trailers: None,
            ended: false,
            decode,
            taken: 0,
            was_compressed: false,
        }
    }

    /// Server: the request of a call that has one.
    pub(crate) fn request(&mut self) -> Result<T, Status> {
        let only = self.stream.inbox().take_only(&mut self.batch);
        if only && let Some(received) = self.batch.next_message(self.decode) {
            self.ended = true;
            return self.decoded(received);
        }
        let Some(message) = self.message()? else {
            return Err(mapping::no_message(Side::Server));
        };
        match self.message()? {
            None => Ok(message),
            Some(_) => Err(mapping::second_message(Side::Server)),
        }
    }

    /// Whether the message that was read last had come compressed.
    pub(crate) fn was_compressed(&self) -> bool {
        self.was_compressed
    }

    fn message(&mut self) -> Result<Option<T>, Status> {
        self.read(None).map_err(|error| match error {
            RecvTimeoutError::Status(status) => status,
            // Without a limit of its own only the call's deadline can run out, and that is a status.
            RecvTimeoutError::Timeout => CancelCause::DeadlineExceeded.status(Side::Client),
        })
    }

    fn headers(&mut self) -> Result<&Metadata, Status> {
        let arrived = match self.headers.take() {
            Some(headers) => headers,
            None => match self.stream.head() {
                Ok(Ok(headers)) => headers,
                Ok(Err(End::Failed(status))) => return Err(status),
                Ok(Err(End::Ok(_) | End::HalfClosed)) => Metadata::new(),
                Err(super::wait::TimedOut) => return Err(CancelCause::DeadlineExceeded.status(Side::Client)),
            },
        };
        Ok(self.headers.insert(arrived))
    }

    fn ended(&mut self, end: End) -> Result<(), Status> {
        self.ended = true;
        match end {
            End::HalfClosed => Ok(()),
            End::Ok(trailers) => {
                self.trailers = Some(*trailers);
                Ok(())
            }
            End::Failed(status) => Err(status),
        }
    }
}

impl<T> Reader<T> {
    fn read(&mut self, limit: Option<Instant>) -> Result<Option<T>, RecvTimeoutError> {
        loop {
            if let Some(received) = self.batch.next_message(self.decode) {
                return self.decoded(received).map(Some).map_err(RecvTimeoutError::Status);
            }
            self.tell_taken();
            match self.stream.receive(&mut self.batch, limit) {
                Ok(Taken::Messages) => {}
                Ok(Taken::End(end)) => {
                    return self.ended(end).map(|()| None).map_err(RecvTimeoutError::Status);
                }
                Err(super::wait::TimedOut) => return Err(RecvTimeoutError::Timeout),
            }
        }
    }

    fn try_read(&mut self) -> Option<Result<Option<T>, Status>> {
        loop {
            if let Some(received) = self.batch.next_message(self.decode) {
                return Some(self.decoded(received).map(Some));
            }
            self.tell_taken();
            match self.stream.try_receive(&mut self.batch)? {
                Taken::Messages => {}
                Taken::End(end) => return Some(self.ended(end).map(|()| None)),
            }
        }
    }

    fn tell_taken(&mut self) {
        if self.taken > 0 {
            self.stream.took(mem::take(&mut self.taken));
        }
    }

    fn decoded(&mut self, received: Received<T>) -> Result<T, Status> {
        self.taken += received.wire_len;
        if self.taken >= TAKEN_STEP {
            self.tell_taken();
        }
        let side = self.stream.side;
        self.was_compressed = matches!(received.message, Err(NotDecoded::Compressed(_)));
        let message = match received.message {
            Ok(message) => return Ok(message),
            Err(NotDecoded::Invalid(error)) => Err(mapping::undecodable(error, side)),
            Err(NotDecoded::Compressed(body)) => self.decompressed(body),
        };
        message.inspect_err(|_| {
            if side == Side::Client {
                // Nobody reads on behind a message that makes no sense.
                self.stream.cancel(CancelCause::Local);
            }
        })
    }

    fn decompressed(&self, body: Body) -> Result<T, Status> {
        let stream = &self.stream;
        let encoding = {
            let inbox = stream.inbox();
            let accepted = inbox.encoding().and_then(|name| stream.coding.accept().find(name.as_bytes()));
            accepted.ok_or_else(|| mapping::compressed(inbox.encoding(), stream.side))?
        };
        let bytes =
            compression::decompress(encoding, body, stream.limits.receive).map_err(mapping::not_decompressed)?;
        (self.decode)(Body::from(bytes).into()).map_err(|error| mapping::undecodable(error, stream.side))
    }
}

impl<T> Iterator for Streaming<T> {
    type Item = Result<T, Status>;

    fn next(&mut self) -> Option<Self::Item> {
        self.message().transpose()
    }
}

impl<T> std::iter::FusedIterator for Streaming<T> {}

/// A stream that fails at once, for functions that give a stream whether or not the call could begin.
///
/// # Examples
/// ```
/// use stolid::{Status, Streaming};
///
/// fn numbers(call: Result<Streaming<u32>, Status>) -> impl Iterator<Item = Result<u32, Status>> {
///     call.unwrap_or_else(Streaming::from)
/// }
/// let mut none = numbers(Err(Status::unavailable("nobody is there")));
/// assert_eq!(none.next().unwrap().unwrap_err().message(), "nobody is there");
/// assert!(none.next().is_none());
/// ```
impl<T: Send + 'static> From<Status> for Streaming<T> {
    fn from(status: Status) -> Self {
        Self::from_iter([Err(status)])
    }
}

impl<T> Drop for Reader<T> {
    fn drop(&mut self) {
        match self.stream.side {
            Side::Client => self.stream.cancel(CancelCause::Local),
            Side::Server => {}
        }
        self.stream.drop_reader(self.ended);
    }
}

impl<T> fmt::Debug for Streaming<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Streaming").field("ended", &self.ended).finish_non_exhaustive()
    }
}
