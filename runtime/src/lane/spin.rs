//! Looking for a while before sleeping: on most machines going to sleep and waking up cost more than the wait.

use std::cell::RefCell;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::thread;
use std::time::{Duration, Instant};

/// How long a leader looks before it sleeps, unless configured. A round trip between two processors takes less; the sleep and the wake-up that are saved
/// take about as long.
pub(crate) const LIMIT: Duration = Duration::from_micros(50);

/// Waits in a row without a look, at most, after looks in vain.
const LONGEST_PAUSE: u32 = 1023;

/// Whether it is worth it, as far as the last waits of a thread tell.
///
/// A look that finds something shows that the peer runs elsewhere. One in vain has cost its limit for nothing, or has even kept the
/// peer from this processor: the next one waits for twice as many waits.
#[derive(Debug, Default)]
pub(super) struct Spin {
    pause: u32,
    left: u32,
}

impl Spin {
    /// Calls `look` until it finds something, for `limit` at most; a limit of zero means never. False when the time is over, or it is not worth
    /// trying. `timeout` is how long there is to wait, and afterwards what is left of that.
    pub(super) fn run(
        &mut self,
        limit: Duration,
        timeout: &mut Option<Duration>,
        mut look: impl FnMut() -> bool,
    ) -> bool {
        if limit.is_zero() {
            return false;
        }
        if self.left > 0 {
            self.left -= 1;
            return false;
        }
        let limit = timeout.map_or(limit, |timeout| timeout.min(limit));
        // A time past the end of the clock is for ever.
        let until = Instant::now().checked_add(limit);
        loop {
            if look() {
                self.pause = 0;
                return true;
            }
            if until.is_some_and(|until| Instant::now() >= until) {
                self.pause = (2 * self.pause + 1).min(LONGEST_PAUSE);
                self.left = self.pause;
                *timeout = timeout.map(|timeout| timeout.saturating_sub(limit));
                return false;
            }
            // Whoever waits for this processor comes first: it may be the peer.
            thread::yield_now();
        }
    }
}

thread_local! {
    static HANDLERS: RefCell<Spin> = const { RefCell::new(Spin { pause: 0, left: 0 }) };
}

/// The handlers of a lane that wait for their peers.
///
/// A handler that looks for a notice before it sleeps spares the leader the call that wakes it, and itself the way back. One does so at a time: several
/// would keep each other from what they look for.
#[derive(Debug)]
pub(crate) struct Lookout {
    limit: Duration,
    waiting: AtomicUsize,
    looks: AtomicBool,
}

impl Lookout {
    pub(super) fn new(limit: Duration) -> Self {
        Self { limit, waiting: AtomicUsize::new(0), looks: AtomicBool::new(false) }
    }

    /// How many wait.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Relaxed)
    }

    /// The calling thread waits by `sleep`; it looks by `noticed` before that, if it may and it is worth it.
    pub(crate) fn wait(&self, noticed: impl FnMut() -> bool, sleep: impl FnOnce()) {
        self.waiting.fetch_add(1, Relaxed);
        if !self.limit.is_zero() && !self.looks.swap(true, Relaxed) {
            HANDLERS.with_borrow_mut(|spin| spin.run(self.limit, &mut None, noticed));
            self.looks.store(false, Relaxed);
        }
        sleep();
        self.waiting.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_in_vain_become_rare_and_one_that_finds_something_makes_up_for_them() {
        let mut spin = Spin::default();
        let tries = |spin: &mut Spin, waits: u32, finds: bool| {
            let mut tries = 0;
            for _ in 0..waits {
                let mut looked = false;
                spin.run(Duration::from_nanos(1), &mut None, || {
                    looked = true;
                    finds
                });
                tries += u32::from(looked);
            }
            tries
        };
        assert_eq!(tries(&mut spin, 100, true), 100);
        let rare = tries(&mut spin, 10_000, false);
        assert!((10..30).contains(&rare), "{rare}");
        assert!(tries(&mut spin, LONGEST_PAUSE + 1, true) >= 1);
        assert_eq!(tries(&mut spin, 100, true), 100);
    }

    #[test]
    fn one_handler_looks_at_a_time_and_all_are_counted() {
        let lookout = Lookout::new(Duration::from_secs(10));
        let mut looked = false;
        let mut slept = false;
        let look = || {
            let mut other = false;
            lookout.wait(|| unreachable!("another one looks"), || other = true);
            looked = other && lookout.waiting() == 1;
            true
        };
        lookout.wait(look, || slept = lookout.waiting() == 1);
        assert!(looked && slept && lookout.waiting() == 0);
    }

    #[test]
    fn without_a_limit_nobody_looks() {
        let mut spin = Spin::default();
        assert!(!spin.run(Duration::ZERO, &mut None, || unreachable!("nobody looks")));
    }

    #[test]
    fn a_look_without_end_ends_with_the_wait_it_is_for() {
        let mut spin = Spin::default();
        let mut left = Some(Duration::from_millis(1));
        assert!(!spin.run(Duration::MAX, &mut left, || false));
        assert_eq!(left, Some(Duration::ZERO));
        let mut spin = Spin::default();
        let mut looks = 0;
        assert!(spin.run(Duration::MAX, &mut None, || {
            looks += 1;
            looks == 1_000
        }));
    }
}
