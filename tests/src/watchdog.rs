//! A deadline over a test: what hangs fails, and says which threads were there.

use std::panic;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use crate::process::Process;

/// How long a test may take unless it says otherwise.
const LIMIT: Duration = Duration::from_secs(60);

/// Runs a test under a deadline of one minute.
///
/// # Panics
/// When the test panics, with its panic; when it runs out of time, with the names and states of the
/// process's threads. Its own thread is left behind then, and the other tests go on.
#[track_caller]
pub fn watched<T: Send + 'static>(test: impl FnOnce() -> T + Send + 'static) -> T {
    watched_for(LIMIT, test)
}

/// Runs a test under a deadline of its own.
///
/// # Panics
/// As [`watched`].
#[track_caller]
pub fn watched_for<T: Send + 'static>(limit: Duration, test: impl FnOnce() -> T + Send + 'static) -> T {
    let name = thread::current().name().unwrap_or("test").to_owned();
    let (done, finished) = mpsc::channel();
    let running = thread::Builder::new()
        .name(name)
        .spawn(move || {
            let value = test();
            // The test thread is gone only after a timeout, and then nobody wants the value.
            let _late = done.send(());
            value
        })
        .expect("a test may start a thread");
    match finished.recv_timeout(limit) {
        Err(RecvTimeoutError::Timeout) => {
            panic!("not finished after {limit:?}; the threads are:\n{}", Process::this().thread_dump());
        }
        // A test that panicked drops its end of the queue; joining gives its panic.
        Ok(()) | Err(RecvTimeoutError::Disconnected) => match running.join() {
            Ok(value) => value,
            Err(panicked) => panic::resume_unwind(panicked),
        },
    }
}
