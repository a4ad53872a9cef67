//! Ctrl-C and its relatives.

use std::io;
use std::thread;

use signal_hook::iterator::Signals;

pub use signal_hook::consts::{SIGINT, SIGTERM};

/// Calls `react` on a thread of its own whenever one of `signals` arrives, in place of what it would do otherwise.
///
/// # Errors
/// When the system refuses a handler or a thread.
pub fn watch(signals: &[i32], mut react: impl FnMut(i32) + Send + 'static) -> io::Result<()> {
    let mut arrivals = Signals::new(signals)?;
    thread::Builder::new().name("signals".to_owned()).spawn(move || arrivals.forever().for_each(&mut react))?;
    Ok(())
}
