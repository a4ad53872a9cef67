//! The places for streams on one client connection: who may open a call, decided without the connection's lock.
//!
//! The peer says how many streams it takes at a time (SETTINGS_MAX_CONCURRENT_STREAMS). The channel gives out places
//! under its own lock, so that a call that comes later never overtakes one that waits; the drive gives them back without
//! that lock.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};

/// The places of one connection.
///
/// # Threads
/// `take` under the channel's lock; everything else by the drive, except for `give_back` by a call that failed before it
/// was opened. `wanted` is stored under the channel's lock. Either the one who gives back sees that places are wanted, or
/// the channel, which looks again after it has stored that, sees the place: both are sequentially consistent.
#[derive(Debug)]
pub(crate) struct Places {
    limit: AtomicUsize,
    taken: AtomicUsize,
    /// Calls of the channel wait for a place, on whichever of its connections.
    wanted: Arc<AtomicBool>,
    /// Streams opened so far.
    opened: AtomicU32,
}

impl Places {
    pub(crate) fn new(wanted: Arc<AtomicBool>) -> Self {
        Self { limit: AtomicUsize::new(0), taken: AtomicUsize::new(0), wanted, opened: AtomicU32::new(0) }
    }

    /// Takes a place if there is one.
    pub(crate) fn take(&self) -> bool {
        let free = self.taken.load(Ordering::SeqCst) < self.limit.load(Ordering::SeqCst);
        if free {
            // Nobody else adds meanwhile, so that the limit holds.
            self.taken.fetch_add(1, Ordering::SeqCst);
        }
        free
    }

    /// Gives places back; true when calls wait for them.
    #[must_use = "somebody may wait for the place"]
    pub(crate) fn give_back(&self, places: usize) -> bool {
        self.taken.fetch_sub(places, Ordering::SeqCst);
        self.wanted.load(Ordering::SeqCst)
    }

    /// What the peer allows now; true when that is more than before and calls wait.
    #[must_use = "somebody may wait for the place"]
    pub(super) fn set_limit(&self, limit: usize) -> bool {
        let before = self.limit.load(Ordering::Relaxed);
        if before == limit {
            return false;
        }
        self.limit.store(limit, Ordering::SeqCst);
        before < limit && self.wanted.load(Ordering::SeqCst)
    }

    /// No place is in use.
    pub(crate) fn all_free(&self) -> bool {
        self.taken.load(Ordering::SeqCst) == 0
    }

    pub(super) fn count_opened(&self) {
        self.opened.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether a call was ever made on this connection.
    pub(crate) fn was_used(&self) -> bool {
        self.opened.load(Ordering::Relaxed) > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(limit: usize) -> Places {
        let places = Places::new(Arc::default());
        assert!(!places.set_limit(limit));
        places
    }

    #[test]
    fn there_are_as_many_places_as_the_peer_says() {
        let places = places(2);
        assert!(places.take() && places.take() && !places.take());
        assert!(!places.give_back(1));
        assert!(places.take() && !places.take());
    }

    #[test]
    fn a_limit_below_what_is_taken_leaves_no_place_until_enough_is_given_back() {
        let places = places(3);
        assert!(places.take() && places.take() && places.take());
        assert!(!places.set_limit(1));
        let _ = places.give_back(2);
        assert!(!places.take());
        let _ = places.give_back(1);
        assert!(places.take());
    }

    #[test]
    fn who_gives_back_or_raises_the_limit_hears_that_places_are_wanted() {
        let wanted = Arc::new(AtomicBool::new(false));
        let places = Places::new(Arc::clone(&wanted));
        assert!(!places.set_limit(1));
        assert!(places.take());
        wanted.store(true, Ordering::SeqCst);
        assert!(places.give_back(1));
        assert!(!places.set_limit(0), "a lower limit helps nobody");
        assert!(places.set_limit(4));
        assert!(!places.set_limit(4), "nothing has changed");
    }
}
