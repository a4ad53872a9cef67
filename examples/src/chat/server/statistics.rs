//! What the server counts.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The whole answer went out, this long after its turn began.
    Successful(Duration),
    /// It ended in an ERROR or was cancelled.
    Failed,
}

/// Counters of requests, that is of MESSAGEs, since the server started.
///
/// # Locks
/// `counts` is a leaf, so that one look sees counters that fit together.
#[derive(Debug, Default)]
pub struct Statistics {
    counts: Mutex<Counts>,
}

/// The counters at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Requests that arrived.
    pub total: u64,
    /// Requests that were answered.
    pub successful: u64,
    /// Requests that ended in an ERROR or were cancelled.
    pub failed: u64,
    answering: Duration,
}

impl Counts {
    /// How long an answer takes; zero before the first.
    pub fn average_response_time(&self) -> Duration {
        // Far fewer than 2^32 answers fit into the life of a process; more would only blur the average.
        let answers = u32::try_from(self.successful).unwrap_or(u32::MAX);
        self.answering.checked_div(answers).unwrap_or_default()
    }
}

impl Statistics {
    /// A request arrived.
    pub fn arrived(&self) {
        self.lock().total += 1;
    }

    /// A request is over.
    pub fn ended(&self, outcome: Outcome) {
        let mut counts = self.lock();
        match outcome {
            Outcome::Successful(time) => {
                counts.successful += 1;
                counts.answering += time;
            }
            Outcome::Failed => counts.failed += 1,
        }
    }

    /// The counters now.
    pub fn counts(&self) -> Counts {
        *self.lock()
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_answers_count_for_the_average() {
        let statistics = Statistics::default();
        assert_eq!(statistics.counts().average_response_time(), Duration::ZERO);
        for _ in 0..4 {
            statistics.arrived();
        }
        statistics.ended(Outcome::Successful(Duration::from_secs(1)));
        statistics.ended(Outcome::Successful(Duration::from_secs(2)));
        statistics.ended(Outcome::Failed);
        let counts = statistics.counts();
        assert_eq!((counts.total, counts.successful, counts.failed), (4, 2, 1));
        assert_eq!(counts.average_response_time(), Duration::from_millis(1500));
    }
}
