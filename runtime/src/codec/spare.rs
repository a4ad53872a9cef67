//! Spare buffers: room for large messages that is used again.
//!
//! A fresh buffer of some megabytes costs more than all copies of the message in it: the system clears each of its pages when it is first
//! touched. So the buffers of large messages are kept for the next ones, in the whole process few and not for long.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::BytesMut;

/// Buffers from this size on are kept. Smaller ones cost the allocator little.
pub(crate) const SPARE_FROM: usize = 64 * 1024;

/// A buffer of more than this is not kept.
const LARGEST: usize = 8 * 1024 * 1024;

/// Bytes that are kept in all.
const MOST: usize = 16 * 1024 * 1024;

/// A buffer is at most this many times what is asked for, so that a message which waits does not hold much more than itself.
const LOOSE: usize = 4;

/// How long buffers are kept that nobody uses.
const KEPT_FOR: Duration = Duration::from_secs(1);

static SPARES: Spares = Spares::new();

/// Buffers, some of which may still be in use.
///
/// # Locks
/// Level 5: taken under an inbox or an outbox, held for a look at a few entries.
#[derive(Debug)]
struct Spares {
    /// Whether there are any: asked for by each lane before it sleeps.
    any: AtomicBool,
    kept: Mutex<Kept>,
}

#[derive(Debug)]
struct Kept {
    /// In the order in which they were last used, the oldest first.
    buffers: VecDeque<Spare>,
    /// The bytes of all of them.
    bytes: usize,
}

/// A second handle on a buffer whose contents may be on their way. When they are gone, the handle gives the room back.
#[derive(Debug)]
struct Spare {
    handle: BytesMut,
    size: usize,
    /// When it was last used.
    since: Instant,
}

impl Spares {
    const fn new() -> Self {
        Self { any: AtomicBool::new(false), kept: Mutex::new(Kept { buffers: VecDeque::new(), bytes: 0 }) }
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, room: usize) -> Option<BytesMut> {
        if !self.any.load(Ordering::Relaxed) {
            return None;
        }
        let mut kept = self.lock();
        let fits =
            |spare: &mut Spare| spare.size >= room && spare.size / LOOSE <= room && spare.handle.try_reclaim(room);
        // The one that was used last, so that the others grow old.
        let at = kept.buffers.iter_mut().rposition(fits)?;
        let Spare { handle, size, .. } = kept.buffers.remove(at)?;
        kept.bytes -= size;
        Some(handle)
    }

    fn keep(&self, mut handle: BytesMut, size: usize, now: Instant) {
        if !(SPARE_FROM..=LARGEST).contains(&size) {
            return;
        }
        handle.clear();
        let mut kept = self.lock();
        let dropped = kept.drop_while(|kept, _| kept.bytes + size > MOST);
        kept.buffers.push_back(Spare { handle, size, since: now });
        kept.bytes += size;
        self.any.store(true, Ordering::Relaxed);
        drop(kept);
        drop(dropped);
    }

    fn expiry(&self) -> Option<Instant> {
        if !self.any.load(Ordering::Relaxed) {
            return None;
        }
        self.lock().buffers.front().map(|oldest| oldest.since + KEPT_FOR)
    }

    fn expire(&self, now: Instant) {
        if !self.any.load(Ordering::Relaxed) {
            return;
        }
        let mut kept = self.lock();
        let dropped = kept.drop_while(|_, oldest| oldest.since + KEPT_FOR <= now);
        self.any.store(!kept.buffers.is_empty(), Ordering::Relaxed);
        drop(kept);
        drop(dropped);
    }
}

impl Kept {
    /// Takes the oldest out for as long as `what` says so of it; they are to be dropped under no lock.
    fn drop_while(&mut self, what: impl Fn(&Self, &Spare) -> bool) -> Vec<Spare> {
        let mut dropped = Vec::new();
        while let Some(oldest) = self.buffers.front()
            && what(self, oldest)
            && let Some(oldest) = self.buffers.pop_front()
        {
            self.bytes -= oldest.size;
            dropped.push(oldest);
        }
        dropped
    }
}

/// An empty buffer with room for `room` bytes and not much more, if there is one.
pub(crate) fn take(room: usize) -> Option<BytesMut> {
    SPARES.take(room)
}

/// Keeps what is left of a buffer of `size` bytes after its contents were split off; they may live on.
pub(crate) fn keep(rest: BytesMut, size: usize) {
    SPARES.keep(rest, size, Instant::now());
}

/// When [`expire`] is to be called.
pub(crate) fn expiry() -> Option<Instant> {
    SPARES.expiry()
}

/// Gives up buffers that nobody has used for a while.
pub(crate) fn expire(now: Instant) {
    SPARES.expire(now);
}

/// Makes room in a buffer, which becomes another one if it is empty and there is one to be used again.
pub(crate) fn reserve(buffer: &mut BytesMut, room: usize) {
    if room >= SPARE_FROM
        && buffer.is_empty()
        && buffer.capacity() < room
        && let Some(spare) = take(room)
    {
        *buffer = spare;
    }
    buffer.reserve(room);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A message of `size` bytes in a buffer of its own, which is kept.
    fn used(spares: &Spares, size: usize, now: Instant) -> bytes::Bytes {
        let mut buffer = BytesMut::zeroed(size);
        let contents = buffer.split().freeze();
        spares.keep(buffer, size, now);
        contents
    }

    /// How many are kept, and their bytes.
    fn held(spares: &Spares) -> (usize, usize) {
        let kept = spares.lock();
        (kept.buffers.len(), kept.bytes)
    }

    #[test]
    fn a_buffer_is_used_again_when_its_contents_are_gone() {
        let spares = Spares::new();
        let now = Instant::now();
        let size = 1 << 20;
        assert!(spares.take(size).is_none(), "there is none yet");
        let contents = used(&spares, size, now);
        let address = contents.as_ptr();
        assert!(spares.take(size).is_none(), "it is in use");
        drop(contents);
        assert!(spares.take(size + 1).is_none(), "it is too small");
        assert!(spares.take(size / LOOSE - 1).is_none(), "it is far too large");
        let buffer = spares.take(size / LOOSE).expect("it is free");
        assert_eq!(buffer.as_ptr(), address, "it is another buffer");
        assert!(buffer.is_empty() && buffer.capacity() >= size / LOOSE);
        assert!(spares.take(size / LOOSE).is_none(), "it was taken twice");
        assert_eq!(spares.lock().bytes, 0);
    }

    #[test]
    fn a_buffer_is_empty_when_it_is_used_again() {
        let spares = Spares::new();
        let size = 1 << 20;
        spares.keep(BytesMut::zeroed(size), size, Instant::now());
        let buffer = spares.take(size).expect("it is free");
        assert!(buffer.is_empty() && buffer.capacity() >= size);
    }

    #[test]
    fn few_are_kept_and_the_oldest_go_first() {
        let spares = Spares::new();
        let now = Instant::now();
        for size in [SPARE_FROM - 1, LARGEST + 1] {
            drop(used(&spares, size, now));
            assert!(spares.expiry().is_none(), "a buffer of {size} bytes was kept");
        }
        drop(used(&spares, SPARE_FROM, now));
        for _ in 0..3 {
            drop(used(&spares, LARGEST, now));
        }
        assert_eq!(spares.lock().bytes, 2 * LARGEST);
        assert!(spares.take(SPARE_FROM).is_none(), "the oldest was kept");
        assert!(spares.take(LARGEST).is_some() && spares.take(LARGEST).is_some() && spares.take(LARGEST).is_none());
    }

    #[test]
    fn what_nobody_uses_is_given_up() {
        let spares = Spares::new();
        let start = Instant::now();
        drop(used(&spares, SPARE_FROM, start));
        let later = start + KEPT_FOR / 2;
        drop(used(&spares, SPARE_FROM, later));
        assert_eq!(spares.expiry(), Some(start + KEPT_FOR));
        spares.expire(start + KEPT_FOR - Duration::from_nanos(1));
        assert_eq!(held(&spares), (2, 2 * SPARE_FROM));
        spares.expire(start + KEPT_FOR);
        assert_eq!(held(&spares), (1, SPARE_FROM));
        assert_eq!(spares.expiry(), Some(later + KEPT_FOR));
        spares.expire(later + KEPT_FOR);
        assert_eq!(held(&spares), (0, 0));
        assert_eq!(spares.expiry(), None);
        assert!(spares.take(SPARE_FROM).is_none());
    }

    #[test]
    fn the_buffer_that_was_used_last_is_used_next() {
        let spares = Spares::new();
        let start = Instant::now();
        drop(used(&spares, SPARE_FROM, start));
        let newer = used(&spares, SPARE_FROM, start);
        let address = newer.as_ptr();
        drop(newer);
        assert_eq!(spares.take(SPARE_FROM).expect("both are free").as_ptr(), address);
    }
}
