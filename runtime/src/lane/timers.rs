//! Ordered deadlines of a lane: calls and connections that want to hear when their time is up.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError, Weak};
use std::time::Instant;

/// What a timer calls when it is due: on the lane's leader, under no lock.
pub(crate) trait Due: Send + Sync {
    fn due(&self, now: Instant);
}

/// Names one timer, so that it can be taken out again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TimerKey(Instant, u64);

/// The timers of one lane.
///
/// # Locks
/// Level 4: held for one insert, remove or split.
pub(crate) struct Timers {
    entries: Mutex<Entries>,
}

struct Entries {
    next_number: u64,
    by_time: BTreeMap<TimerKey, Weak<dyn Due>>,
}

impl Timers {
    pub(crate) fn new() -> Self {
        Self { entries: Mutex::new(Entries { next_number: 0, by_time: BTreeMap::new() }) }
    }

    fn lock(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a timer; the flag says that it is now the earliest, so that a sleeping leader must be woken.
    pub(crate) fn add(&self, at: Instant, target: Weak<dyn Due>) -> (TimerKey, bool) {
        let mut entries = self.lock();
        let key = TimerKey(at, entries.next_number);
        entries.next_number += 1;
        entries.by_time.insert(key, target);
        let earliest = entries.by_time.first_key_value().is_some_and(|(first, _)| *first == key);
        (key, earliest)
    }

    /// Takes a timer out; one that has fired is no longer there, which is no error.
    pub(crate) fn remove(&self, key: TimerKey) {
        let removed = self.lock().by_time.remove(&key);
        drop(removed);
    }

    /// The earliest deadline.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.lock().by_time.first_key_value().map(|(key, _)| key.0)
    }

    /// Calls everything that is due at `now`, in order of time.
    pub(crate) fn fire(&self, now: Instant) {
        if self.next().is_none_or(|first| first > now) {
            return;
        }
        let due = {
            let mut entries = self.lock();
            let later = entries.by_time.split_off(&TimerKey(now, u64::MAX));
            std::mem::replace(&mut entries.by_time, later)
        };
        for target in due.into_values().filter_map(|target| target.upgrade()) {
            target.due(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;

    struct Note(u32, Mutex<Vec<u32>>);

    impl Due for Note {
        fn due(&self, _now: Instant) {
            self.1.lock().unwrap().push(self.0);
        }
    }

    fn weak(note: &Arc<Note>) -> Weak<dyn Due> {
        let target: Arc<dyn Due> = note.clone();
        Arc::downgrade(&target)
    }

    #[test]
    fn only_what_is_due_fires_and_only_once() {
        let timers = Timers::new();
        let start = Instant::now();
        let note = Arc::new(Note(1, Mutex::new(Vec::new())));
        let (_, first) = timers.add(start + Duration::from_secs(2), weak(&note));
        let (key, earlier) = timers.add(start + Duration::from_secs(1), weak(&note));
        let (_, later) = timers.add(start + Duration::from_secs(3), weak(&note));
        assert_eq!((first, earlier, later), (true, true, false));
        assert_eq!(timers.next(), Some(start + Duration::from_secs(1)));
        timers.remove(key);
        timers.fire(start + Duration::from_millis(1500));
        assert!(note.1.lock().unwrap().is_empty(), "a removed timer fired");
        timers.fire(start + Duration::from_secs(2));
        assert_eq!(*note.1.lock().unwrap(), [1]);
        timers.fire(start + Duration::from_secs(2));
        assert_eq!(*note.1.lock().unwrap(), [1]);
        assert_eq!(timers.next(), Some(start + Duration::from_secs(3)));
    }

    #[test]
    fn a_target_that_is_gone_is_forgotten() {
        let timers = Timers::new();
        let note = Arc::new(Note(1, Mutex::new(Vec::new())));
        let now = Instant::now();
        timers.add(now, weak(&note));
        drop(note);
        timers.fire(now);
        assert_eq!(timers.next(), None);
    }
}
