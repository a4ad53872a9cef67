//! The sending side of a stream: filled by application threads, emptied by the drive as the peer's windows allow.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::{Bytes, BytesMut};
use h2::Reason;

use super::replay::Kept;
use crate::codec::{Chunks, spare};
use crate::metadata::Metadata;
use crate::status::Status;
use crate::wait::{Waiter, WaiterList, WakeSet};

/// Bytes a stream may have queued before `send` blocks, unless it has a quota of its own. One larger message passes when
/// nothing is queued.
const QUOTA: usize = 64 * 1024;

/// Messages from this size on are queued as they are; smaller ones are copied together.
const PACK_BELOW: usize = 8 * 1024;

/// Room that is made at once for messages which are copied together, at most.
const PACKED_MAX: usize = 64 * 1024;

/// How the sending side is doing.
#[derive(Debug)]
pub(crate) enum Sending {
    /// Messages may be queued.
    Open,
    /// The last message is queued; what follows is the end of the stream.
    Finishing(Finish),
    /// Nothing more is sent: the stream is over, with this status.
    Closed(Status),
}

/// What follows the last message.
#[derive(Debug)]
pub(crate) enum Finish {
    /// Client: the half-close.
    HalfClose,
    /// Server: the trailers. The status is OK when `None`.
    Trailers(Option<Status>),
}

/// The sending side.
///
/// # Locks
/// Lives in a leaf mutex (level 4) of its stream.
#[derive(Debug)]
pub(crate) struct Outbox {
    pub(crate) sending: Sending,
    queue: Chunks,
    /// Small messages, packed; behind everything in `queue`.
    tail: BytesMut,
    /// What the next pack is likely to come to, going by the last one.
    packed: usize,
    len: usize,
    quota: usize,
    /// What is queued waits for room in the peer's windows or in the socket. The drive comes back by itself when there is
    /// some, and until then it can do nothing for what is queued behind.
    stalled: bool,
    /// Server: response headers that were not handed to h2 yet.
    pub(crate) head: Option<Metadata>,
    /// Server: headers go out even though there is no message yet.
    pub(crate) head_now: bool,
    pub(crate) trailers: Metadata,
    /// The stream is to be reset with this reason.
    pub(crate) reset: Option<Reason>,
    /// Client: what went out, for as long as the call may have to be made again.
    pub(super) kept: Option<Box<Kept>>,
    waiters: WaiterList,
    /// Bytes of responses, which are queued whatever the quota, in all outboxes of the connection. What a stream queues within its
    /// quota does not count: it may wait for a window that only opens once another call of the same client is answered.
    unsent: Arc<AtomicUsize>,
    /// This outbox's part of `unsent`.
    counted: usize,
}

/// A call that is forgotten takes its bytes out of the connection's sum.
impl Drop for Outbox {
    fn drop(&mut self) {
        self.uncount(self.counted);
    }
}

/// What a message found when it was queued, in bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Queued {
    /// What waited before it.
    pub(crate) before: usize,
    /// What waits with it.
    pub(crate) now: usize,
    /// Nobody need be told: the drive comes back when it can send more.
    pub(crate) stalled: bool,
}

/// What comes behind the messages that were taken.
#[derive(Debug)]
pub(crate) enum Rest {
    /// More messages.
    Queued,
    /// Nothing yet, or nothing any more.
    Nothing,
    HalfClose,
    /// Server: the status, OK without one, and the metadata with it.
    Trailers(Option<Status>, Metadata),
}

/// Why a message cannot be queued.
#[derive(Debug)]
pub(crate) enum Refused {
    /// The quota is used up.
    Full,
    /// Nothing more is sent.
    Closed(Status),
}

impl Outbox {
    pub(crate) fn new(unsent: Arc<AtomicUsize>) -> Self {
        Self {
            sending: Sending::Open,
            queue: Chunks::default(),
            tail: BytesMut::new(),
            packed: 0,
            len: 0,
            quota: QUOTA,
            stalled: false,
            head: Some(Metadata::new()),
            head_now: false,
            trailers: Metadata::new(),
            reset: None,
            kept: None,
            waiters: WaiterList::default(),
            unsent,
            counted: 0,
        }
    }

    /// Bytes that wait here.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Queues an encoded message, unless the quota is used up or the stream over. `scratch` is empty afterwards.
    pub(crate) fn push(&mut self, scratch: &mut BytesMut, waiter: Option<&Arc<Waiter>>) -> Result<Queued, Refused> {
        match &self.sending {
            Sending::Open => {}
            Sending::Finishing(finish) => return Err(Refused::Closed(finish.refusal())),
            Sending::Closed(status) => return Err(Refused::Closed(status.clone())),
        }
        if self.len > 0 && self.len + scratch.len() > self.quota {
            if let Some(waiter) = waiter {
                self.waiters.add(waiter);
            }
            return Err(Refused::Full);
        }
        let before = self.len;
        self.append(scratch);
        Ok(Queued { before, now: self.len, stalled: self.stalled })
    }

    /// Queues an encoded message whatever the quota: the one response of a call.
    pub(crate) fn append(&mut self, scratch: &mut BytesMut) {
        self.len += scratch.len();
        if scratch.len() < PACK_BELOW && self.len == scratch.len() && self.packed == 0 {
            // One message at a time, as far as is known: a copy of just its size costs the least.
            self.queue.push(Bytes::copy_from_slice(scratch));
            scratch.clear();
        } else if scratch.len() < PACK_BELOW {
            if self.tail.is_empty() {
                // In one step: each of many small ones would copy what is there.
                self.tail.reserve(scratch.len().max(self.packed));
            }
            self.tail.extend_from_slice(scratch);
            scratch.clear();
        } else {
            self.seal_tail();
            let size = scratch.capacity();
            self.queue.push(scratch.split().freeze());
            if size > spare::SPARE_FROM {
                // A thread that sends nothing any more would hold on to it.
                spare::keep(std::mem::take(scratch), size);
            }
        }
    }

    /// Queues the one response of a call; its bytes count for the connection.
    pub(crate) fn append_response(&mut self, scratch: &mut BytesMut) {
        self.counted += scratch.len();
        self.unsent.fetch_add(scratch.len(), Ordering::Relaxed);
        self.append(scratch);
    }

    fn uncount(&mut self, bytes: usize) {
        let bytes = bytes.min(self.counted);
        if bytes > 0 {
            self.counted -= bytes;
            self.unsent.fetch_sub(bytes, Ordering::Relaxed);
        }
    }

    fn seal_tail(&mut self) {
        if !self.tail.is_empty() {
            // No two packs are of quite the same length.
            self.packed = (self.tail.len() + self.tail.len() / 8).min(PACKED_MAX);
            self.queue.push(self.tail.split().freeze());
        }
    }

    /// Nothing can be taken until the drive comes back, which h2 will see to.
    pub(crate) fn stall(&mut self) {
        self.stalled = self.len > 0;
    }

    /// Takes at most `limit` bytes from the front, without copying.
    pub(crate) fn take(&mut self, limit: usize) -> Bytes {
        self.stalled = false;
        if self.queue.is_empty() {
            self.seal_tail();
        }
        let chunk = self.queue.split_front(limit.min(self.queue.front().len()));
        self.len -= chunk.len();
        self.uncount(chunk.len());
        if let Some(kept) = &mut self.kept
            && !kept.add(&chunk)
        {
            self.kept = None;
        }
        chunk
    }

    /// What comes next. One look at the queue and at what follows it, for both may change at any moment: the end must not
    /// overtake a message that was queued before it.
    pub(crate) fn rest(&mut self) -> Rest {
        if self.len > 0 {
            return Rest::Queued;
        }
        match &self.sending {
            Sending::Open | Sending::Closed(_) => Rest::Nothing,
            Sending::Finishing(Finish::HalfClose) => Rest::HalfClose,
            // Senders that come later still hear how the call ended.
            Sending::Finishing(Finish::Trailers(status)) => {
                Rest::Trailers(status.clone(), std::mem::take(&mut self.trailers))
            }
        }
    }

    /// Server: the last message and the metadata behind it, when the call ends with OK and the message is a small one: so that one
    /// look is enough for the answer of a quick call.
    pub(crate) fn take_last(&mut self) -> Option<(Bytes, Metadata)> {
        let ends = matches!(self.sending, Sending::Finishing(Finish::Trailers(None)));
        if !ends || self.len > PACK_BELOW || self.queue.is_empty() || self.queue.front().len() != self.len {
            return None;
        }
        Some((self.take(self.len), std::mem::take(&mut self.trailers)))
    }

    /// Puts back what `take_last` gave, unless the stream is over by now.
    pub(crate) fn put_last_back(&mut self, message: Bytes, trailers: Metadata) {
        if matches!(self.sending, Sending::Closed(_)) {
            return;
        }
        self.counted += message.len();
        self.unsent.fetch_add(message.len(), Ordering::Relaxed);
        self.trailers = trailers;
        self.put_back(message);
    }

    /// Puts a chunk that was taken back to the front.
    pub(super) fn put_back(&mut self, chunk: Bytes) {
        self.len += chunk.len();
        self.queue.push_front(chunk);
    }

    /// Wakes everybody, for another look.
    pub(crate) fn rouse(&mut self, wakes: &mut WakeSet) {
        self.waiters.take(wakes);
    }

    pub(crate) fn unwatch(&mut self, waiter: &Arc<Waiter>) {
        self.waiters.remove(waiter);
    }

    /// Wakes senders that wait for room, if there is some.
    pub(crate) fn wake_if_room(&mut self, wakes: &mut WakeSet) {
        if self.len < self.quota {
            self.waiters.take(wakes);
        }
    }

    /// So many bytes may be queued from now on.
    pub(super) fn set_quota(&mut self, bytes: usize, wakes: &mut WakeSet) {
        self.quota = bytes;
        self.wake_if_room(wakes);
    }

    /// No more messages; queued ones still go out, then `finish`. False when the stream was finished or over before.
    pub(crate) fn finish(&mut self, finish: Finish, wakes: &mut WakeSet) -> bool {
        if !matches!(self.sending, Sending::Open) {
            return false;
        }
        self.sending = Sending::Finishing(finish);
        self.waiters.take(wakes);
        true
    }

    /// The stream is over: what is queued is thrown away, senders hear `status`.
    pub(crate) fn close(&mut self, status: Status, wakes: &mut WakeSet) {
        if !matches!(self.sending, Sending::Closed(_)) {
            self.sending = Sending::Closed(status);
        }
        self.kept = None;
        self.queue = Chunks::default();
        self.tail = BytesMut::new();
        self.uncount(self.counted);
        self.len = 0;
        self.waiters.take(wakes);
    }

    pub(crate) fn is_closed(&self) -> bool {
        !matches!(self.sending, Sending::Open)
    }
}

impl Finish {
    /// What `send` says after this side has ended the stream itself: the final status of the call where it is known.
    fn refusal(&self) -> Status {
        match self {
            Self::Trailers(Some(status)) => status.clone(),
            Self::Trailers(None) => ended_well(),
            Self::HalfClose => Status::failed_precondition("the sending side of this call was already closed"),
        }
    }
}

/// What `send` says of a call that has ended with OK, which no `Err` can be.
pub(crate) fn ended_well() -> Status {
    Status::failed_precondition("the call already ended with OK")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(outbox: &mut Outbox, length: usize) -> Queued {
        outbox.push(&mut BytesMut::zeroed(length), None).unwrap()
    }

    #[test]
    fn a_message_behind_a_stall_concerns_nobody_until_something_is_taken() {
        let mut outbox = Outbox::new(Arc::default());
        outbox.stall();
        assert!(!push(&mut outbox, 10).stalled, "nothing was waiting");
        outbox.stall();
        let queued = push(&mut outbox, 5);
        assert_eq!((queued.before, queued.now, queued.stalled), (10, 15, true));
        assert_eq!(outbox.take(12).len(), 10, "the first message");
        assert!(!push(&mut outbox, 1).stalled);
    }

    #[test]
    fn the_end_does_not_overtake_a_message() {
        let mut outbox = Outbox::new(Arc::default());
        assert!(matches!(outbox.rest(), Rest::Nothing));
        // Between a drive's last look at the queue and this one.
        push(&mut outbox, 10);
        outbox.finish(Finish::Trailers(None), &mut WakeSet::default());
        assert!(matches!(outbox.rest(), Rest::Queued));
        assert_eq!(outbox.take(20).len(), 10);
        assert!(matches!(outbox.rest(), Rest::Trailers(None, _)));
    }

    #[test]
    fn room_for_a_pack_is_made_in_one_step_after_the_first() {
        let mut outbox = Outbox::new(Arc::default());
        for _ in 0..3 {
            let mut rooms = Vec::new();
            while outbox.len() < PACKED_MAX - 100 {
                push(&mut outbox, 100);
                rooms.push(outbox.tail.as_ptr());
            }
            rooms.dedup();
            let first = outbox.packed == 0;
            assert!(first || rooms.len() == 1, "the buffer was moved {} times", rooms.len());
            if first {
                assert_eq!(outbox.take(usize::MAX).len(), 100, "a lone message is a piece of its own");
            }
            let pack = outbox.take(usize::MAX);
            assert!((PACKED_MAX - 200..PACKED_MAX).contains(&pack.len()) && outbox.len() == 0);
        }
    }
}
