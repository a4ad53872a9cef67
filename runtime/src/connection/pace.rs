//! How long the handlers of one method take, as far as is known.

use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

/// Handlers that take longer on average have a thread of their own, nanoseconds: beside it the switch costs little, and
/// others would wait for it.
const QUICK: u32 = 100_000;

/// What a handler counts at most, nanoseconds: a single one that waits for minutes must not settle the matter for good.
const LONGEST: u32 = 100_000_000;

/// What it counts that the role was taken from under a handler. Two looks of the watch are between one and two milliseconds
/// apart, and a pause of the whole machine looks the same: one such event must not make a quick method a slow one.
const TAKEN: Duration = Duration::from_millis(2);

/// One part in so many of a measurement goes into the average.
const WEIGHT: u32 = 32;

/// A moving average.
///
/// # Threads
/// Anybody's. Two updates at once may lose one, which is no harm to an average.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    nanoseconds: AtomicU32,
}

impl Pace {
    /// A handler has taken so long.
    pub(crate) fn took(&self, time: Duration) {
        let new = u32::try_from(time.as_nanos()).unwrap_or(LONGEST).min(LONGEST);
        let old = self.nanoseconds.load(Relaxed);
        self.nanoseconds.store(old - old.div_ceil(WEIGHT).min(old) + new / WEIGHT, Relaxed);
    }

    /// A handler has taken so long on the thread that reads, and nobody took the role from it. What is long of such a time is
    /// mostly the machine's, which gave the processor to others.
    pub(crate) fn took_in_turn(&self, time: Duration) {
        self.took(time.min(TAKEN));
    }

    /// The role was taken from under a handler, which goes on.
    pub(crate) fn was_taken(&self) {
        self.took(TAKEN);
    }

    /// A handler has entered a blocking call of ours: the method is one that blocks.
    pub(crate) fn blocks(&self) {
        let new = self.nanoseconds.load(Relaxed).max(2 * QUICK);
        self.nanoseconds.store(new, Relaxed);
    }

    /// Handlers of this method may run on the thread that reads.
    pub(crate) fn is_quick(&self) -> bool {
        self.nanoseconds.load(Relaxed) <= QUICK
    }

    /// The average.
    pub(crate) fn expected(&self) -> Duration {
        Duration::from_nanos(self.nanoseconds.load(Relaxed).into())
    }
}

#[cfg(all(test, not(stolid_loom)))]
mod tests {
    use super::*;

    #[test]
    fn one_stall_does_not_make_a_method_slow_and_two_do() {
        let pace = Pace::default();
        assert!(pace.is_quick(), "nothing is known yet");
        pace.was_taken();
        assert!(pace.is_quick());
        pace.was_taken();
        assert!(!pace.is_quick());
    }

    #[test]
    fn a_time_without_a_processor_does_not_make_a_method_slow_and_long_handlers_do() {
        let pace = Pace::default();
        for _ in 0..10 {
            pace.took_in_turn(Duration::from_millis(30));
            assert!(pace.is_quick());
            for _ in 0..100 {
                pace.took_in_turn(Duration::from_micros(2));
            }
        }
        pace.took_in_turn(Duration::from_millis(3));
        pace.took_in_turn(Duration::from_millis(3));
        assert!(!pace.is_quick());
    }

    #[test]
    fn a_slow_method_that_has_become_quick_is_found_out() {
        let pace = Pace::default();
        pace.took(Duration::from_secs(1000));
        assert!(!pace.is_quick());
        let mut calls = 0;
        while !pace.is_quick() {
            pace.took(Duration::from_micros(2));
            calls += 1;
        }
        assert!((10..200).contains(&calls), "{calls}");
        for _ in 0..10_000 {
            pace.took(Duration::ZERO);
        }
        assert_eq!(pace.expected(), Duration::ZERO);
    }

    #[test]
    fn a_tenth_of_slow_calls_keeps_a_method_with_the_workers() {
        let pace = Pace::default();
        for number in 0..1_000 {
            pace.took(if number % 10 == 0 { Duration::from_millis(50) } else { Duration::from_micros(2) });
            assert!(number == 0 || !pace.is_quick());
        }
    }

    #[test]
    fn a_method_that_blocks_is_slow_at_once() {
        let pace = Pace::default();
        pace.blocks();
        assert!(!pace.is_quick());
    }
}
