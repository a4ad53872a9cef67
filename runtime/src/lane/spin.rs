//! Looking for a while before sleeping: on most machines going to sleep and waking up cost more than the wait.

use std::time::{Duration, Instant};

/// How long a leader looks before it sleeps, unless configured. A round trip between two processors takes less; the sleep and the wake-up that are saved
/// take about as long.
pub(crate) const LIMIT: Duration = Duration::from_micros(50);

/// Waits in a row without a look, at most, after looks in vain.
const LONGEST_PAUSE: u32 = 1023;

/// Whether it is worth it, as far as the last waits tell.
///
/// A look that finds something shows that the peer runs elsewhere. One in vain has cost its limit for nothing, or has even kept the
/// peer from this processor: the next one waits for twice as many waits.
#[derive(Debug)]
pub(super) struct Spin {
    limit: Duration,
    pause: u32,
    left: u32,
}

impl Spin {
    /// Looks for `limit` at most; zero means never.
    pub(super) fn new(limit: Duration) -> Self {
        Self { limit, pause: 0, left: 0 }
    }

    /// Calls `look` until it finds something. False when the time for it is over, or it is not worth trying.
    pub(super) fn run(&mut self, mut look: impl FnMut() -> bool) -> bool {
        if self.limit.is_zero() {
            return false;
        }
        if self.left > 0 {
            self.left -= 1;
            return false;
        }
        let until = Instant::now() + self.limit;
        loop {
            if look() {
                self.pause = 0;
                return true;
            }
            if Instant::now() >= until {
                self.pause = (2 * self.pause + 1).min(LONGEST_PAUSE);
                self.left = self.pause;
                return false;
            }
            // Whoever waits for this processor comes first: it may be the peer.
            std::thread::yield_now();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_in_vain_become_rare_and_one_that_finds_something_makes_up_for_them() {
        let mut spin = Spin::new(Duration::from_nanos(1));
        let tries = |spin: &mut Spin, waits: u32, finds: bool| {
            let mut tries = 0;
            for _ in 0..waits {
                let mut looked = false;
                spin.run(|| {
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
    fn without_a_limit_nobody_looks() {
        let mut spin = Spin::new(Duration::ZERO);
        assert!(!spin.run(|| unreachable!("nobody looks")));
    }
}
