//! The streams of one connection, with the h2 handles that only the drive may touch.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Wake, Waker};
use std::time::{Duration, Instant};

use bytes::Bytes;
use h2::client::ResponseFuture;
use h2::server::SendResponse;
use h2::{RecvStream, SendStream};
use slab::Slab;

use super::{Accepted, settings};
use crate::protocol::response_head::NotGrpc;
use crate::stream::{NO_SLOT, Stream};

/// Places that an idle connection keeps.
const KEPT: usize = 8;

/// How long more of them are kept for the streams to come.
const KEPT_FOR: Duration = Duration::from_secs(1);

/// Streams that h2 has news of.
///
/// # Locks
/// A leaf (level 4): h2 calls wakers under its own mutex.
#[derive(Debug, Default)]
pub(super) struct Woken(Mutex<Vec<usize>>);

impl Woken {
    pub(super) fn push(&self, slot: usize) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(slot);
    }

    pub(super) fn take(&self, into: &mut Vec<usize>) {
        into.clear();
        std::mem::swap(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner), into);
    }
}

/// Notes the slot: nothing else may happen inside h2's waker. Made once for each slot and used by every stream that
/// comes to live there; a late wake of an earlier stream is a look in vain.
#[derive(Debug)]
struct SlotWaker {
    slot: usize,
    woken: Arc<Woken>,
}

impl Wake for SlotWaker {
    fn wake(self: Arc<Self>) {
        self.woken.push(self.slot);
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.woken.push(self.slot);
    }
}

/// The sending handle of a stream, by phase.
pub(super) enum SendHandle {
    /// Server: the response headers were not sent.
    Respond(SendResponse<Bytes>),
    Stream(SendStream<Bytes>),
    /// Everything was sent.
    Ended(SendStream<Bytes>),
    /// The stream is over.
    Done,
}

/// The receiving handle of a stream, by phase.
pub(super) enum RecvHandle {
    /// Client: the response headers were not received.
    Response(ResponseFuture),
    Body(RecvStream),
    /// The end was received; the handle is kept while the application holds bytes of the window.
    Ended(RecvStream),
    Done,
}

/// One stream's place in the table.
pub(super) struct Slot {
    pub(super) stream: Arc<Stream>,
    pub(super) send: SendHandle,
    pub(super) recv: RecvHandle,
    /// Received bytes that the peer's windows still miss.
    pub(super) held: usize,
    /// Bytes of the incomplete message, given back or not.
    pub(super) partial: usize,
    /// Bytes of the incomplete message that were not given back to the peer yet; part of `held`.
    pub(super) withheld: usize,
    /// Bytes that were given back before the application took them.
    pub(super) advanced: usize,
    /// Orders incomplete messages by age; 0 without one.
    pub(super) incomplete_since: u64,
    /// The call's outcome is known; the slot stays while the application holds bytes of the window.
    pub(super) over: bool,
    /// `over` was counted.
    lingers: bool,
    /// Server: the call whose handler has not started.
    pub(super) waiting: Option<Accepted>,
    /// Server: all requests have come, and are few bytes, not compressed.
    pub(super) small: bool,
    /// The handler reads requests itself, so that it need not wait for the one request message.
    pub(super) starts_at_once: bool,
    /// Client: something other than gRPC answers; its head and the beginning of its body.
    pub(super) foreign: Option<Box<(NotGrpc, Vec<u8>)>>,
    /// The call was refused or broken: what the peer still sends is thrown away.
    pub(super) discard: bool,
}

impl Slot {
    /// Bytes are withheld although the application has read everything before them: because of the connection's limit.
    pub(super) fn waits_for_others(&self) -> bool {
        self.withheld > 0 && self.stream.inbox().complete_messages() == 0
    }

    /// Server: a call with one request, and its handler does not run yet.
    pub(super) fn waits_for_one_request(&self) -> bool {
        !self.starts_at_once && self.waiting.is_some()
    }
}

/// All streams of a connection.
pub(super) struct Table {
    slots: Slab<Slot>,
    wakers: Vec<Waker>,
    /// When to look whether there are more places than are used.
    pub(super) review: Option<Instant>,
    /// A stream has come since the last such look.
    used: bool,
    opening_waker: Option<Waker>,
    pub(super) woken: Arc<Woken>,
    /// Slots that were taken since the last look at the news.
    pub(super) fresh: Vec<usize>,
    /// Sum of `held`.
    pub(super) held: usize,
    /// Sum of `partial`.
    pub(super) partial: usize,
    /// Some stream's bytes may be withheld because of the connection's limit.
    pub(super) withheld: bool,
    incomplete: u64,
    /// Slots whose call is over.
    lingering: usize,
    /// Client: places for streams that have become free and were not given back yet.
    pub(super) left: usize,
}

impl Table {
    pub(super) fn new() -> Self {
        Self {
            slots: Slab::new(),
            wakers: Vec::new(),
            review: None,
            used: false,
            opening_waker: None,
            woken: Arc::default(),
            fresh: Vec::new(),
            held: 0,
            partial: 0,
            withheld: false,
            incomplete: 0,
            lingering: 0,
            left: 0,
        }
    }

    /// Wakes for the sake of calls that wait for a stream: a key that no slot has, so that it is news and nothing more.
    pub(super) fn opening_waker(&mut self) -> Waker {
        let woken = &self.woken;
        let make = || Waker::from(Arc::new(SlotWaker { slot: NO_SLOT, woken: Arc::clone(woken) }));
        self.opening_waker.get_or_insert_with(make).clone()
    }

    /// Calls that run.
    pub(super) fn active(&self) -> usize {
        self.slots.len() - self.lingering
    }

    pub(super) fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    pub(super) fn insert(&mut self, stream: Arc<Stream>, send: SendHandle, recv: RecvHandle) -> usize {
        self.used = true;
        let entry = self.slots.vacant_entry();
        let key = entry.key();
        stream.slot.store(key, Ordering::Release);
        entry.insert(Slot {
            stream,
            send,
            recv,
            held: 0,
            partial: 0,
            withheld: 0,
            advanced: 0,
            incomplete_since: 0,
            over: false,
            lingers: false,
            waiting: None,
            small: false,
            starts_at_once: false,
            foreign: None,
            discard: false,
        });
        while self.wakers.len() <= key {
            let waker = SlotWaker { slot: self.wakers.len(), woken: Arc::clone(&self.woken) };
            self.wakers.push(Waker::from(Arc::new(waker)));
        }
        key
    }

    pub(super) fn get(&mut self, key: usize) -> Option<(&mut Slot, &Waker)> {
        let slot = self.slots.get_mut(key)?;
        Some((slot, &self.wakers[key]))
    }

    /// The slot of `stream`, if it has one in this table.
    pub(super) fn find(&self, stream: &Arc<Stream>) -> Option<usize> {
        let key = stream.slot.load(Ordering::Acquire);
        let slot = self.slots.get(key)?;
        Arc::ptr_eq(&slot.stream, stream).then_some(key)
    }

    /// Takes a stream out; its h2 handles are dropped with the slot.
    pub(super) fn remove(&mut self, key: usize) -> Option<Slot> {
        let slot = self.slots.try_remove(key)?;
        slot.stream.slot.store(NO_SLOT, Ordering::Release);
        self.held -= slot.held;
        self.partial -= slot.partial;
        self.lingering -= usize::from(slot.lingers);
        self.left += usize::from(!slot.lingers);
        if self.slots.is_empty() && self.wakers.len() > KEPT && self.review.is_none() {
            self.used = false;
            self.review = Some(Instant::now() + KEPT_FOR);
        }
        Some(slot)
    }

    /// An idle connection keeps no memory for the streams it once had, a busy one does not fetch it again for each of them. True when
    /// memory was given up.
    pub(super) fn review(&mut self, now: Instant) -> bool {
        if self.review.is_none_or(|at| at > now) {
            return false;
        }
        let idle = self.slots.is_empty() && !self.used;
        if idle {
            self.slots = Slab::new();
            self.wakers = Vec::new();
            self.fresh = Vec::new();
        }
        self.used = false;
        // With streams, the last one that goes sees to the next look.
        self.review = (self.slots.is_empty() && !idle).then(|| now + KEPT_FOR);
        idle
    }

    /// Brings the sums up to date after a slot was worked on; `before` is its held and partial bytes as they were.
    pub(super) fn account(&mut self, key: usize, before: (usize, usize)) {
        let Some(slot) = self.slots.get_mut(key) else { return };
        self.held = self.held + slot.held - before.0;
        self.partial = self.partial + slot.partial - before.1;
        self.withheld |= slot.waits_for_others();
        if slot.over && !slot.lingers {
            slot.lingers = true;
            self.lingering += 1;
            self.left += 1;
        }
        if slot.partial == 0 {
            slot.incomplete_since = 0;
        } else if slot.incomplete_since == 0 {
            self.incomplete += 1;
            slot.incomplete_since = self.incomplete;
        }
    }

    /// Streams whose bytes were withheld are looked at again when that has changed: nothing else comes for them, for
    /// their windows are shut.
    pub(super) fn recall_withheld(&mut self) {
        if !self.withheld {
            return;
        }
        if self.partial <= settings::INCOMPLETE_MAX {
            self.withheld = false;
            for (key, slot) in &self.slots {
                if slot.waits_for_others() {
                    self.woken.push(key);
                }
            }
        } else if let Some(oldest) = self.oldest_incomplete()
            && self.slots[oldest].waits_for_others()
        {
            self.woken.push(oldest);
        }
    }

    /// The stream whose incomplete message began first.
    pub(super) fn oldest_incomplete(&self) -> Option<usize> {
        let incomplete = self.slots.iter().filter(|(_, slot)| slot.incomplete_since > 0);
        incomplete.min_by_key(|(_, slot)| slot.incomplete_since).map(|(key, _)| key)
    }

    pub(super) fn drain(&mut self) -> Vec<Slot> {
        let keys: Vec<usize> = self.slots.iter().map(|(key, _)| key).collect();
        keys.into_iter().filter_map(|key| self.remove(key)).collect()
    }

    pub(super) fn keys(&self) -> Vec<usize> {
        self.slots.iter().map(|(key, _)| key).collect()
    }
}

#[cfg(all(test, not(stolid_loom)))]
mod tests {
    use super::super::buried::any_stream;
    use super::*;

    /// So many streams come, and go.
    fn come_and_go(table: &mut Table, count: usize) {
        let stream = any_stream();
        let keys: Vec<_> =
            (0..count).map(|_| table.insert(Arc::clone(&stream), SendHandle::Done, RecvHandle::Done)).collect();
        keys.into_iter().for_each(|key| assert!(table.remove(key).is_some()));
    }

    #[test]
    fn room_for_many_streams_is_kept_while_they_come_and_given_up_when_none_has_come_for_a_while() {
        let mut table = Table::new();
        come_and_go(&mut table, KEPT);
        assert_eq!(table.review, None, "so few are kept for good");
        come_and_go(&mut table, 100);
        let first = table.review.expect("there is something to look at");
        come_and_go(&mut table, 100);
        assert_eq!(table.review, Some(first), "one look is enough");
        assert!(!table.review(first - Duration::from_millis(1)));
        assert!(!table.review(first), "it was used");
        assert_eq!(table.wakers.len(), 100);
        let second = table.review.expect("there is another look");
        assert!(table.review(second));
        assert_eq!((table.wakers.capacity(), table.review), (0, None));
    }

    #[test]
    fn with_streams_the_last_that_goes_sees_to_the_next_look() {
        let mut table = Table::new();
        come_and_go(&mut table, 100);
        let stays = table.insert(any_stream(), SendHandle::Done, RecvHandle::Done);
        let at = table.review.expect("there is something to look at");
        assert!(!table.review(at));
        assert_eq!(table.review, None);
        assert!(table.remove(stays).is_some());
        assert!(table.review.is_some());
    }
}
