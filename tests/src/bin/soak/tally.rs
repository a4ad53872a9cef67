//! What became of the calls, counted.

use std::fmt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use stolid::Code;

use crate::call::{Call, Failure};

/// How many of the calls that went wrong are told in full.
const TOLD: usize = 20;

/// The outcomes of the calls of all threads.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    calls: AtomicU64,
    cancelled: AtomicU64,
    deadline: AtomicU64,
    unavailable: AtomicU64,
    unexpected: AtomicU64,
    told: Mutex<Vec<String>>,
}

impl Tally {
    /// Counts one call; `may_be_lost` says that its server or connection may go away under it.
    pub(crate) fn count(&self, call: &Call, outcome: &Result<(), Failure>, may_be_lost: bool) {
        self.calls.fetch_add(1, Ordering::Relaxed);
        match outcome {
            Ok(()) => {}
            Err(Failure::Status(status)) => match status.code() {
                Code::Unavailable if may_be_lost => add(&self.unavailable),
                code if !call.expects(code) => self.add_unexpected(format!("{call:?}: {status}")),
                Code::DeadlineExceeded => add(&self.deadline),
                _ => add(&self.cancelled),
            },
            Err(Failure::Wrong(what)) => self.add_unexpected(format!("{call:?}: {what}")),
        }
    }

    /// Counts something that must not happen.
    pub(crate) fn add_unexpected(&self, what: String) {
        add(&self.unexpected);
        let mut told = self.told.lock().expect("nobody panics while it is held");
        if told.len() < TOLD {
            println!("UNEXPECTED {what}");
            told.push(what);
        }
    }

    /// All calls that have ended so far.
    pub(crate) fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    /// What must not have happened.
    pub(crate) fn unexpected(&self) -> u64 {
        self.unexpected.load(Ordering::Relaxed)
    }
}

fn add(count: &AtomicU64) {
    count.fetch_add(1, Ordering::Relaxed);
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [calls, cancelled, deadline, unavailable, unexpected] =
            [&self.calls, &self.cancelled, &self.deadline, &self.unavailable, &self.unexpected]
                .map(|count| count.load(Ordering::Relaxed));
        write!(
            f,
            "{calls} calls, {cancelled} cancelled, {deadline} deadline, {unavailable} unavailable, {unexpected} unexpected"
        )
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use stolid::Status;
    use stolid_tests::attack::Dice;

    use super::*;
    use crate::call::Ending;

    fn call_with(ending: Ending) -> Call {
        let mut call = Call::roll(&mut Dice::seeded(1));
        call.ending = ending;
        call
    }

    #[test]
    fn a_failure_counts_by_its_kind_where_it_is_expected() {
        let tally = Tally::default();
        let deadline = call_with(Ending::Deadline(Duration::ZERO));
        let cancelled = call_with(Ending::Cancelled);
        tally.count(&deadline, &Ok(()), false);
        tally.count(&deadline, &Err(Status::deadline_exceeded("").into()), false);
        tally.count(&cancelled, &Err(Status::cancelled("").into()), false);
        tally.count(&cancelled, &Err(Status::unavailable("").into()), true);
        let expected = "4 calls, 1 cancelled, 1 deadline, 1 unavailable, 0 unexpected";
        assert_eq!(tally.to_string(), expected);
    }

    #[test]
    fn any_other_failure_is_unexpected() {
        let tally = Tally::default();
        let natural = call_with(Ending::Natural);
        let wrong = [
            Err(Status::unavailable("").into()),
            Err(Status::cancelled("").into()),
            Err(Status::internal("").into()),
            Err(Failure::Wrong(String::new())),
        ];
        for outcome in &wrong {
            tally.count(&natural, outcome, false);
        }
        tally.count(&call_with(Ending::Cancelled), &Err(Status::deadline_exceeded("").into()), true);
        assert_eq!((tally.calls(), tally.unexpected()), (5, 5));
    }
}
