//! Spare buffers: room for large messages that is used again.
//!
//! A fresh buffer of some megabytes costs more than all copies of the message in it: the system clears each of its pages when it is first
//! touched. So the buffers of large messages are kept for the next ones, in the whole process few and not for long.

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
/// A leaf (level 4), held for a look at a few entries.
#[derive(Debug)]
struct Spares {
    /// Whether there are any: asked for by each lane before it sleeps.
    any: AtomicBool,
    kept: Mutex<Kept>,
}

#[derive(Debug)]
struct Kept {
    /// The oldest first.
    buffers: Vec<Spare>,
    /// The bytes of all of them.
    bytes: usize,
    /// When one was last kept.
    since: Option<Instant>,
}

/// A second handle on a buffer whose contents may be on their way. When they are gone, the handle gives the room back.
#[derive(Debug)]
struct Spare {
    handle: BytesMut,
    size: usize,
}

impl Spares {
    const fn new() -> Self {
        Self { any: AtomicBool::new(false), kept: Mutex::new(Kept { buffers: Vec::new(), bytes: 0, since: None }) }
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
        let at = kept.buffers.iter_mut().position(fits)?;
        let Spare { handle, size } = kept.buffers.remove(at);
        kept.bytes -= size;
        Some(handle)
    }

    fn keep(&self, mut handle: BytesMut, size: usize, now: Instant) {
        if !(SPARE_FROM..=LARGEST).contains(&size) {
            return;
        }
        handle.clear();
        let mut dropped = Vec::new();
        let mut kept = self.lock();
        while kept.bytes + size > MOST {
            let oldest = kept.buffers.remove(0);
            kept.bytes -= oldest.size;
            dropped.push(oldest);
        }
        kept.buffers.push(Spare { handle, size });
        kept.bytes += size;
        kept.since = Some(now);
        self.any.store(true, Ordering::Relaxed);
        drop(kept);
    }

    fn expiry(&self) -> Option<Instant> {
        if !self.any.load(Ordering::Relaxed) {
            return None;
        }
        self.lock().since.map(|since| since + KEPT_FOR)
    }

    fn expire(&self, now: Instant) {
        if self.expiry().is_none_or(|expiry| expiry > now) {
            return;
        }
        let mut kept = self.lock();
        // Looked at again: one may have been kept meanwhile.
        if kept.since.is_some_and(|since| since + KEPT_FOR <= now) {
            self.any.store(false, Ordering::Relaxed);
            let old = std::mem::replace(&mut *kept, Kept { buffers: Vec::new(), bytes: 0, since: None });
            drop(kept);
            drop(old);
        }
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
        assert_eq!(spares.expiry(), Some(later + KEPT_FOR));
        spares.expire(start + KEPT_FOR);
        assert_eq!(spares.lock().buffers.len(), 2, "they are in use");
        spares.expire(later + KEPT_FOR);
        assert_eq!(spares.lock().buffers.len(), 0);
        assert_eq!(spares.expiry(), None);
        assert!(spares.take(SPARE_FROM).is_none());
    }
}
