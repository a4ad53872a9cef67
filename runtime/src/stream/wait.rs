//! The one place where threads of the application block on a stream.

use std::sync::Arc;
use std::time::Instant;

use super::Stream;
use crate::wait::Waiter;
use crate::wait::before::about_to_block;

/// The wait's own deadline passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TimedOut;

/// Blocks until `check` finds something, at most until `deadline`.
///
/// `check` looks under a leaf lock and registers the waiter when it finds nothing; it must have nothing to do with user
/// code. `forget` takes the waiter out again when the time has run out, or short-lived threads would pile up in the list.
/// On a client the waiting thread reads the socket itself when nobody else does.
pub(crate) fn until<R>(
    stream: Option<&Stream>,
    deadline: Option<Instant>,
    mut check: impl FnMut(&Arc<Waiter>) -> Option<R>,
    forget: impl FnOnce(&Arc<Waiter>),
) -> Result<R, TimedOut> {
    let waiter = Waiter::current();
    // What this thread has queued must be on its way before it blocks.
    if let Some(stream) = stream {
        stream.connection().flush_queued();
    }
    loop {
        // Notices from here on count, older ones are forgotten: `check` looks at what they were about.
        waiter.begin();
        if let Some(found) = check(&waiter) {
            return Ok(found);
        }
        if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
            forget(&waiter);
            return Err(TimedOut);
        }
        // Asked each time: a call that moves to another connection wakes who waits for it.
        let connection = stream.map(Stream::connection);
        match connection.map(|connection| (connection, connection.lead())) {
            Some((_, Some(lead))) => lead.wait(&waiter, deadline),
            Some((connection, None)) => {
                about_to_block();
                let over = || deadline.is_some_and(|deadline| deadline <= Instant::now());
                connection.lane.lookout.wait(|| waiter.is_noticed() || over(), || waiter.park(deadline));
            }
            None => waiter.park(deadline),
        }
    }
}
