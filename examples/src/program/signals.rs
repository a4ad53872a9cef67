//! Ctrl-C and its relatives.

use std::io;
use std::process;
use std::thread;
use std::time::Duration;

use signal_hook::iterator::Signals;
use stolid::ServerHandle;

pub use signal_hook::consts::{SIGINT, SIGTERM};

/// How long calls may go on after Ctrl-C.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);

/// What a shell reports for a program that Ctrl-C ended.
const INTERRUPTED: i32 = 130;

/// Calls `react` on a thread of its own whenever one of `signals` arrives, in place of what it would do otherwise.
///
/// # Errors
/// When the system refuses a handler or a thread.
pub fn watch(signals: &[i32], mut react: impl FnMut(i32) + Send + 'static) -> io::Result<()> {
    let mut arrivals = Signals::new(signals)?;
    thread::Builder::new().name("signals".to_owned()).spawn(move || arrivals.forever().for_each(&mut react))?;
    Ok(())
}

/// From here on Ctrl-C and SIGTERM shut the server down: it takes no more calls, and those that run have ten seconds to
/// end. A second signal ends the process at once.
///
/// # Errors
/// When the system refuses a handler or a thread.
pub fn shut_down(server: ServerHandle) -> io::Result<()> {
    shut_down_after(server, || ())
}

/// As [`shut_down`], and calls `stopping` first: to end calls that would go on for ever.
///
/// # Errors
/// When the system refuses a handler or a thread.
pub fn shut_down_after(server: ServerHandle, stopping: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let mut stopping = Some(stopping);
    watch(&[SIGINT, SIGTERM], move |_| {
        let Some(stopping) = stopping.take() else { process::exit(INTERRUPTED) };
        let server = server.clone();
        // On a thread of its own, so that the second signal finds somebody listening.
        thread::spawn(move || {
            stopping();
            server.shutdown(DRAIN_TIMEOUT)
        });
    })
}
