//! Text that arrives while a test waits for parts of it.

use std::io::{self, Read, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// Nothing a test waits for takes longer, unless it never comes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Everything written so far, and whether more may come.
#[derive(Default)]
struct State {
    text: Vec<u8>,
    closed: bool,
}

/// A growing text; clones share it.
#[derive(Clone, Default)]
pub(crate) struct Output(Arc<(Mutex<State>, Condvar)>);

impl Output {
    /// What `source` yields, read by a thread of its own until its end.
    pub(crate) fn of(mut source: impl Read + Send + 'static) -> Self {
        let output = Self::default();
        let mut filled = output.clone();
        thread::spawn(move || {
            // A source that fails has ended.
            let _ = io::copy(&mut source, &mut filled);
            filled.lock().closed = true;
            filled.0.1.notify_all();
        });
        output
    }

    /// Everything written so far.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.lock().text).into_owned()
    }

    /// Waits until `wanted` stands behind the first `from` bytes; returns the place behind it.
    #[track_caller]
    pub(crate) fn wait_for(&self, wanted: &str, from: usize) -> usize {
        self.wait_within(wanted, from, PATIENCE)
    }

    /// The same, with a limit that is itself part of what is tested.
    #[track_caller]
    pub(crate) fn wait_within(&self, wanted: &str, from: usize, limit: Duration) -> usize {
        let find = |state: &State| {
            let new = &state.text[from.min(state.text.len())..];
            let at = new.windows(wanted.len()).position(|window| window == wanted.as_bytes());
            at.map(|at| from + at + wanted.len())
        };
        let waits = |state: &mut State| !state.closed && find(state).is_none();
        let waited = self.0.1.wait_timeout_while(self.lock(), limit, waits);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        let found = find(&state);
        let text = String::from_utf8_lossy(&state.text).into_owned();
        drop(state);
        found.unwrap_or_else(|| panic!("{wanted:?} did not come within {limit:?} behind byte {from} of:\n{text}"))
    }

    /// Waits for the end of the source.
    #[track_caller]
    pub(crate) fn wait_for_end(&self) -> String {
        let waited = self.0.1.wait_timeout_while(self.lock(), PATIENCE, |state| !state.closed);
        let (state, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
        let text = String::from_utf8_lossy(&state.text).into_owned();
        drop(state);
        assert!(!timeout.timed_out(), "no end after {PATIENCE:?} of:\n{text}");
        text
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.lock().text.extend_from_slice(bytes);
        self.0.1.notify_all();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
