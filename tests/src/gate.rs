//! A gate that holds threads until the test opens it.

use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

/// How long a thread stands at a gate before its test counts as failed.
const LIMIT: Duration = Duration::from_secs(60);

/// Holds every thread that calls [`Gate::wait`] until [`Gate::open`]; clones are the same gate.
#[derive(Clone, Debug, Default)]
pub struct Gate {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    open: bool,
    arrived: usize,
}

impl Gate {
    /// A closed gate.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets all threads through, now and later.
    pub fn open(&self) {
        self.shared.state.lock().expect("no thread panics at a gate").open = true;
        self.shared.changed.notify_all();
    }

    /// Waits until the gate is open.
    ///
    /// # Panics
    /// When nobody opens it within a minute.
    #[track_caller]
    pub fn wait(&self) {
        self.wait_for("nobody opened the gate", |state| state.open);
    }

    /// Counts the calling thread in, then waits until the gate is open.
    ///
    /// # Panics
    /// As [`Gate::wait`].
    #[track_caller]
    pub fn enter(&self) {
        self.shared.state.lock().expect("no thread panics at a gate").arrived += 1;
        self.shared.changed.notify_all();
        self.wait();
    }

    /// Waits until `threads` have called [`Gate::enter`].
    ///
    /// # Panics
    /// When fewer came within a minute.
    #[track_caller]
    pub fn wait_for_arrivals(&self, threads: usize) {
        self.wait_for("too few threads came to the gate", |state| state.arrived >= threads);
    }

    /// How many threads have called [`Gate::enter`] so far.
    #[must_use]
    pub fn arrivals(&self) -> usize {
        self.shared.state.lock().expect("no thread panics at a gate").arrived
    }

    #[track_caller]
    fn wait_for(&self, failure: &str, mut condition: impl FnMut(&State) -> bool) {
        let state = self.shared.state.lock().expect("no thread panics at a gate");
        let waited = self.shared.changed.wait_timeout_while(state, LIMIT, |state| !condition(state));
        let (state, timeout) = waited.expect("no thread panics at a gate");
        let arrived = state.arrived;
        drop(state);
        assert!(!timeout.timed_out(), "{failure} within {LIMIT:?}; {arrived} had come");
    }
}
