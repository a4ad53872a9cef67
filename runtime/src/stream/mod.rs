//! One HTTP/2 stream as both sides of it see it: application threads fill and empty it, the drive carries it over.

pub(crate) mod delivery;
pub(crate) mod effects;
mod ending;
mod held;
mod home;
pub(crate) mod inbox;
pub(crate) mod outbox;
pub(crate) mod replay;
pub(crate) mod sender;
pub(crate) mod streaming;
pub(crate) mod wait;

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::BytesMut;

use crate::codec::Batch;
use crate::compression::Coding;
use crate::connection::Connection;
use crate::context::{CallState, CancelCause, Context};
use crate::lane::timers::Due;
use crate::metadata::Metadata;
pub(crate) use crate::protocol::mapping::Side;
use crate::status::Status;
use effects::Effects;
use home::{HomeTimer, Homes};
use inbox::{End, Inbox, Taken};
use outbox::{Finish, Outbox, Queued, Refused, Sending};
use wait::TimedOut;

/// Limits on messages, in bytes without the envelope's prefix.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MessageLimits {
    pub(crate) receive: usize,
    pub(crate) send: usize,
}

impl Default for MessageLimits {
    fn default() -> Self {
        Self { receive: 4 * 1024 * 1024, send: usize::MAX }
    }
}

/// No slot in the connection's table (yet, or any more).
pub(crate) const NO_SLOT: usize = usize::MAX;

/// Bytes the application may have taken before the peer's window is refilled, unless the reader blocks first or more comes.
/// The peer hears of it when that makes half of the window.
const RELEASE_STEP: usize = 256 * 1024;

/// A stream.
///
/// # Threads
/// Any thread may use it. `slot` is stored by the drive; `flagged` is set by whoever puts the stream on the
/// connection's list and cleared by the drive that takes it off.
///
/// # Locks
/// `inbox`, `outbox` and `timer` are leaves (level 4); no two are ever held together.
pub(crate) struct Stream {
    homes: Homes,
    pub(crate) side: Side,
    pub(crate) state: Arc<CallState>,
    pub(crate) limits: MessageLimits,
    pub(crate) coding: Coding,
    inbox: Mutex<Inbox>,
    outbox: Mutex<Outbox>,
    timer: Mutex<HomeTimer>,
    pub(crate) slot: AtomicUsize,
    pub(crate) flagged: AtomicBool,
    /// The application has let go of its reading half.
    reader_gone: AtomicBool,
    /// Received bytes that the application has taken and the drive has not given back to the peer yet.
    taken: AtomicUsize,
    /// A reader has waited for the peer since the last message was sent.
    waited: AtomicBool,
    /// Server: set by `Sender::detach`, read when the handler returns.
    detached: AtomicBool,
    /// Server: the deadline is the server's, not the client's. Set before the handler starts.
    pub(crate) own_deadline: AtomicBool,
    /// The call was ended because the peer did not take what was sent.
    too_slow: AtomicBool,
    /// Client: the server has said that it has not begun with the call. Set by the drive, before the outcome.
    refused: AtomicBool,
    /// Client: the call waits in the channel's queue for a place. Set and cleared under the channel's lock.
    queued: AtomicBool,
    /// Client: the call's number in its channel, by which it queues. Stored before the call is opened.
    pub(crate) ticket: AtomicU64,
    /// Client: what the call sends is kept until its answer begins. Stored before the call is opened.
    keeps: AtomicBool,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl std::fmt::Debug for Stream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stream").field("side", &self.side).field("method", &self.state.method()).finish_non_exhaustive()
    }
}

impl Stream {
    pub(crate) fn new(
        connection: Arc<Connection>,
        side: Side,
        state: Arc<CallState>,
        limits: MessageLimits,
        coding: Coding,
        inbox: Inbox,
    ) -> Arc<Self> {
        let unsent = Arc::clone(&connection.unsent);
        let stream = Arc::new(Self {
            homes: Homes::new(connection),
            side,
            state,
            limits,
            coding,
            inbox: Mutex::new(inbox),
            outbox: Mutex::new(Outbox::new(unsent)),
            timer: Mutex::new(None),
            slot: AtomicUsize::new(NO_SLOT),
            flagged: AtomicBool::new(false),
            reader_gone: AtomicBool::new(false),
            taken: AtomicUsize::new(0),
            waited: AtomicBool::new(false),
            detached: AtomicBool::new(false),
            own_deadline: AtomicBool::new(false),
            too_slow: AtomicBool::new(false),
            refused: AtomicBool::new(false),
            queued: AtomicBool::new(false),
            ticket: AtomicU64::new(0),
            keeps: AtomicBool::new(false),
        });
        stream.state.attach(&stream);
        stream
    }

    pub(crate) fn inbox(&self) -> MutexGuard<'_, Inbox> {
        lock(&self.inbox)
    }

    pub(crate) fn outbox(&self) -> MutexGuard<'_, Outbox> {
        lock(&self.outbox)
    }

    pub(crate) fn context(&self) -> Context {
        Context::of(Arc::clone(&self.state))
    }

    // What the application does.

    /// Blocks until at least one message or the end is there.
    pub(crate) fn receive(self: &Arc<Self>, batch: &mut Batch, limit: Option<Instant>) -> Result<Taken, TimedOut> {
        if let Some(taken) = self.inbox().take(batch, None) {
            return Ok(taken);
        }
        self.give_back(true);
        let deadline = [limit, self.state.deadline()].into_iter().flatten().min();
        let waited = wait::until(
            Some(self),
            deadline,
            |waiter| self.inbox().take(batch, Some(waiter)),
            |waiter| self.inbox().unwatch(waiter),
        );
        self.waited.store(true, Ordering::Relaxed);
        waited.or_else(|timed_out| self.expired(batch, timed_out))
    }

    fn expired(self: &Arc<Self>, batch: &mut Batch, timed_out: TimedOut) -> Result<Taken, TimedOut> {
        if self.state.deadline().is_some_and(|deadline| deadline <= Instant::now()) {
            self.cancel(CancelCause::DeadlineExceeded);
            return self.inbox().take(batch, None).ok_or(timed_out);
        }
        Err(timed_out)
    }

    /// What is there right now.
    pub(crate) fn try_receive(self: &Arc<Self>, batch: &mut Batch) -> Option<Taken> {
        let taken = self.inbox().take(batch, None);
        if taken.is_none() {
            self.give_back(true);
        }
        taken
    }

    /// Counts bytes that the application has taken, so that the peer may send more.
    pub(crate) fn took(self: &Arc<Self>, wire_bytes: usize) {
        let taken = self.taken.fetch_add(wire_bytes, Ordering::Relaxed) + wire_bytes;
        if taken >= RELEASE_STEP {
            self.give_back(false);
        }
    }

    fn give_back(self: &Arc<Self>, blocks: bool) {
        if self.taken.load(Ordering::Relaxed) == 0 {
            return;
        }
        let (connection, _) = self.touch();
        if blocks {
            connection.flush_queued();
        } else {
            connection.drive(false);
        }
    }

    pub(crate) fn taken_bytes(&self) -> usize {
        // Most looks find nothing, and a load costs nothing.
        if self.taken.load(Ordering::Relaxed) == 0 { 0 } else { self.taken.swap(0, Ordering::Relaxed) }
    }

    /// Blocks until the response headers are there; the end if there are none.
    pub(crate) fn head(self: &Arc<Self>) -> Result<Result<Metadata, End>, TimedOut> {
        let waited = wait::until(
            Some(self),
            self.state.deadline(),
            |waiter| self.inbox().take_head(waiter),
            |waiter| self.inbox().unwatch(waiter),
        );
        if waited.is_err() {
            self.cancel(CancelCause::DeadlineExceeded);
            if let Some(End::Failed(status)) = self.inbox().end() {
                return Ok(Err(End::Failed(status.clone())));
            }
        }
        waited
    }

    /// Queues an encoded message, blocking while the quota is used up. `Err(None)`: the time ran out.
    pub(crate) fn send(self: &Arc<Self>, scratch: &mut BytesMut, limit: Option<Instant>) -> Result<(), Option<Status>> {
        match self.try_send(scratch) {
            Ok(()) => return Ok(()),
            Err(Refused::Closed(status)) => return Err(Some(status)),
            Err(Refused::Full) => {}
        }
        let deadline = [limit, self.state.deadline()].into_iter().flatten().min();
        let waited = wait::until(
            Some(self),
            deadline,
            |waiter| {
                let pushed = self.outbox().push(scratch, Some(waiter));
                match pushed {
                    Ok(queued) => Some(Ok(queued)),
                    Err(Refused::Closed(status)) => Some(Err(self.why_closed(status))),
                    Err(Refused::Full) => None,
                }
            },
            |waiter| self.outbox().unwatch(waiter),
        );
        match waited {
            Ok(Ok(queued)) => {
                self.queued(queued);
                Ok(())
            }
            Ok(Err(status)) => Err(Some(status)),
            Err(TimedOut) if self.state.deadline().is_some_and(|deadline| deadline <= Instant::now()) => {
                self.cancel(CancelCause::DeadlineExceeded);
                Err(Some(self.state.cause().unwrap_or(CancelCause::DeadlineExceeded).status(self.side)))
            }
            Err(TimedOut) => Err(None),
        }
    }

    pub(crate) fn try_send(self: &Arc<Self>, scratch: &mut BytesMut) -> Result<(), Refused> {
        match self.push(scratch) {
            Err(Refused::Full) => {
                // The drive may make room at once.
                self.flush();
                self.push(scratch)
            }
            pushed => pushed,
        }
    }

    fn push(self: &Arc<Self>, scratch: &mut BytesMut) -> Result<(), Refused> {
        let pushed = self.outbox().push(scratch, None);
        match pushed {
            Ok(queued) => {
                self.queued(queued);
                Ok(())
            }
            Err(Refused::Closed(status)) => Err(Refused::Closed(self.why_closed(status))),
            Err(Refused::Full) => Err(Refused::Full),
        }
    }

    fn queued(self: &Arc<Self>, queued: Queued) {
        if queued.stalled {
            return;
        }
        // A drive clears the flag before it looks into the outbox. If that look came before this message, the flag's change
        // is seen here, for the outbox's lock was taken in between; if it comes after, the message is seen there.
        let listed = self.flagged.load(Ordering::Relaxed);
        let (connection, newly) = if listed { (self.connection(), false) } else { self.touch() };
        if self.waited.load(Ordering::Relaxed) && self.waited.swap(false, Ordering::Relaxed) {
            // An answer, most likely: the peer waits for it, however short the way there and back.
            connection.drive(false);
        } else {
            connection.message_queued(self, newly, queued.before, queued.now);
        }
    }

    /// Puts the stream on its connection's list of streams with something to do; true if it was not there. The caller
    /// drives the connection that this names, for the stream may move on at any moment.
    fn touch(self: &Arc<Self>) -> (&Arc<Connection>, bool) {
        let connection = self.connection();
        let newly = !self.flagged.swap(true, Ordering::AcqRel);
        if newly {
            connection.add_dirty(Arc::clone(self));
        }
        (connection, newly)
    }

    /// So many bytes may be queued from now on.
    pub(crate) fn set_quota(&self, bytes: usize) {
        let mut effects = Effects::default();
        self.outbox().set_quota(bytes, &mut effects.wakes);
        effects.fire();
    }

    /// Sends what is queued now.
    pub(crate) fn flush(self: &Arc<Self>) {
        self.touch().0.drive(false);
    }

    /// No more messages after those that are queued.
    pub(crate) fn finish(self: &Arc<Self>, finish: Finish) {
        let mut effects = Effects::default();
        if self.outbox().finish(finish, &mut effects.wakes) {
            self.flush_end();
        }
        effects.fire();
    }

    /// Queues the one response and the end behind it.
    pub(crate) fn respond(self: &Arc<Self>, head: Metadata, scratch: &mut BytesMut, trailers: Metadata) {
        {
            let mut outbox = self.outbox();
            if matches!(outbox.sending, Sending::Open) {
                if outbox.head.is_some() {
                    outbox.head = Some(head);
                }
                outbox.trailers = trailers;
                outbox.append_response(scratch);
                outbox.sending = Sending::Finishing(Finish::Trailers(None));
            }
        }
        self.flush_end();
    }

    /// The application has let go of its reading half: what still comes is thrown away.
    ///
    /// `ended`: it had read to the end, so that on a server nothing is left to give back before the call is over.
    pub(crate) fn drop_reader(self: &Arc<Self>, ended: bool) {
        self.reader_gone.store(true, Ordering::Release);
        let has_slot = self.slot.load(Ordering::Acquire) != NO_SLOT;
        if has_slot && !(ended && self.side == Side::Server) {
            self.flush();
        }
    }

    /// Nobody reads any more what is received.
    pub(crate) fn reader_gone(&self) -> bool {
        self.reader_gone.load(Ordering::Acquire)
    }

    /// Client: blocks until the one response and the status are there; also ends at a second message, which is one too
    /// many.
    pub(crate) fn wait_outcome(self: &Arc<Self>) {
        let waited = wait::until(
            Some(self),
            self.state.deadline(),
            |waiter| {
                let mut inbox = self.inbox();
                // A second message may be too large to become complete while the first is not taken.
                let second = inbox.complete_messages() > 0 && inbox.partial_bytes() > 0;
                if inbox.end().is_some() || inbox.complete_messages() > 1 || second {
                    return Some(());
                }
                inbox.watch(waiter);
                None
            },
            |waiter| self.inbox().unwatch(waiter),
        );
        if waited == Err(TimedOut) {
            self.cancel(CancelCause::DeadlineExceeded);
        }
    }

    /// Server: the handler's return does not end the call.
    pub(crate) fn detach(&self) {
        self.detached.store(true, Ordering::Release);
    }

    pub(crate) fn is_detached(&self) -> bool {
        self.detached.load(Ordering::Acquire)
    }

    /// Client: the server promises that it has not begun with the call: it may be made again, once.
    pub(crate) fn was_refused(&self) -> bool {
        self.refused.load(Ordering::Acquire)
    }

    /// Client: the call waits in its channel's queue.
    pub(crate) fn is_queued(&self) -> bool {
        self.queued.load(Ordering::Acquire)
    }

    pub(crate) fn set_queued(&self, queued: bool) {
        self.queued.store(queued, Ordering::Release);
    }

    // What the drive does.

    pub(crate) fn set_refused(&self) {
        self.refused.store(true, Ordering::Release);
    }
}

impl Due for Stream {
    fn due(&self, _now: Instant) {
        if let Some(stream) = self.state.stream() {
            stream.cancel(CancelCause::DeadlineExceeded);
        }
    }
}

/// An instant `timeout` from now; `None` when that is beyond what the clock can tell.
pub(crate) fn after(timeout: Duration) -> Option<Instant> {
    Instant::now().checked_add(timeout)
}
