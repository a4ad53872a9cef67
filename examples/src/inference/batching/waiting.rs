//! The requests that wait for their batch.

use std::collections::BTreeMap;
use std::time::Instant;

use super::Limits;

/// Requests in the order of their arrival. Knows no clock and no threads.
#[derive(Debug)]
pub(super) struct Waiting<Job> {
    limits: Limits,
    /// By a number that grows, so that the first is the oldest.
    jobs: BTreeMap<u64, (Instant, Job)>,
    arrivals: u64,
}

/// Whether the requests are a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Readiness {
    /// They are.
    Complete,
    /// They will be at this time, or when there are more.
    At(Instant),
    /// They will be when there are more.
    WithMore,
}

impl<Job> Waiting<Job> {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, jobs: BTreeMap::new(), arrivals: 0 }
    }

    /// Adds a request; its number takes it out again.
    pub(super) fn add(&mut self, job: Job, now: Instant) -> u64 {
        self.arrivals += 1;
        self.jobs.insert(self.arrivals, (now, job));
        self.arrivals
    }

    /// Takes one request out, if it has not left with a batch.
    pub(super) fn remove(&mut self, number: u64) -> Option<Job> {
        self.jobs.remove(&number).map(|(_, job)| job)
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.jobs.len()
    }

    pub(super) fn readiness(&self, now: Instant) -> Readiness {
        let Some((oldest, _)) = self.jobs.values().next() else { return Readiness::WithMore };
        if self.jobs.len() >= self.limits.max_size.get() {
            return Readiness::Complete;
        }
        // A wait beyond the end of the clock is for ever.
        match oldest.checked_add(self.limits.max_wait) {
            Some(end) if end <= now => Readiness::Complete,
            Some(end) => Readiness::At(end),
            None => Readiness::WithMore,
        }
    }

    /// The oldest requests, as many as a batch may have.
    pub(super) fn take_batch(&mut self) -> Vec<Job> {
        let oldest = std::iter::from_fn(|| self.jobs.pop_first());
        oldest.take(self.limits.max_size.get()).map(|(_, (_, job))| job).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;
    use std::time::Duration;

    use super::*;

    const WAIT: Duration = Duration::from_millis(5);

    fn waiting(max_size: usize) -> Waiting<&'static str> {
        Waiting::new(Limits { max_size: NonZeroUsize::new(max_size).unwrap(), max_wait: WAIT })
    }

    #[test]
    fn a_lone_request_is_a_batch_when_it_has_waited_long_enough() {
        let (mut waiting, start) = (waiting(3), Instant::now());
        assert_eq!(waiting.readiness(start), Readiness::WithMore);
        waiting.add("lone", start);
        assert_eq!(waiting.readiness(start), Readiness::At(start + WAIT));
        assert_eq!(waiting.readiness(start + WAIT - Duration::from_nanos(1)), Readiness::At(start + WAIT));
        assert_eq!(waiting.readiness(start + WAIT), Readiness::Complete);
        assert_eq!(waiting.take_batch(), ["lone"]);
        assert_eq!(waiting.readiness(start + WAIT), Readiness::WithMore);
    }

    #[test]
    fn a_full_batch_waits_for_nothing_and_takes_the_oldest() {
        let (mut waiting, start) = (waiting(2), Instant::now());
        for job in ["first", "second", "third"] {
            waiting.add(job, start);
        }
        assert_eq!(waiting.readiness(start), Readiness::Complete);
        assert_eq!(waiting.take_batch(), ["first", "second"]);
        assert_eq!(waiting.readiness(start), Readiness::At(start + WAIT));
        assert_eq!(waiting.take_batch(), ["third"]);
    }

    #[test]
    fn the_time_of_the_oldest_counts_that_still_waits() {
        let (mut waiting, start) = (waiting(3), Instant::now());
        let later = start + Duration::from_millis(2);
        let first = waiting.add("first", start);
        waiting.add("second", later);
        assert_eq!(waiting.readiness(later), Readiness::At(start + WAIT));
        assert_eq!(waiting.remove(first), Some("first"));
        assert_eq!(waiting.readiness(later), Readiness::At(later + WAIT));
        assert_eq!(waiting.take_batch(), ["second"]);
        assert_eq!(waiting.remove(first), None);
    }

    #[test]
    fn a_wait_without_end_ends_when_the_batch_is_full() {
        let limits = Limits { max_size: NonZeroUsize::new(2).unwrap(), max_wait: Duration::MAX };
        let (mut waiting, start) = (Waiting::new(limits), Instant::now());
        waiting.add("first", start);
        assert_eq!(waiting.readiness(start), Readiness::WithMore);
        waiting.add("second", start);
        assert_eq!(waiting.readiness(start), Readiness::Complete);
    }
}
