//! Why a running turn must stop, and a way to wait for that.

use std::fmt;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use stolid::CancelCause;

/// What ended a turn before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopReason {
    /// The client cancelled its stream.
    ClientCancelled,
    /// The client's connection was lost.
    ConnectionLost,
    /// The session was deleted.
    SessionDeleted,
    /// The server stops and its time to drain is over.
    ServerStopping,
    /// The stream's deadline passed.
    DeadlineExceeded,
    /// The server itself gave the stream up, because nobody reads it.
    StreamAbandoned,
}

impl From<CancelCause> for StopReason {
    fn from(cause: CancelCause) -> Self {
        match cause {
            CancelCause::PeerReset => Self::ClientCancelled,
            CancelCause::ConnectionLost => Self::ConnectionLost,
            CancelCause::Shutdown => Self::ServerStopping,
            CancelCause::DeadlineExceeded => Self::DeadlineExceeded,
            _ => Self::StreamAbandoned,
        }
    }
}

impl fmt::Display for StopReason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::ClientCancelled => "the client cancelled",
            Self::ConnectionLost => "the client's connection was lost",
            Self::SessionDeleted => "the session was deleted",
            Self::ServerStopping => "the server is shutting down",
            Self::DeadlineExceeded => "the stream's deadline has passed",
            Self::StreamAbandoned => "the client does not read",
        })
    }
}

/// A turn's stop sign: anyone may raise it, the turn looks at it between two words.
///
/// # Locks
/// `reason` is a leaf, held for a read or a write.
#[derive(Debug, Default)]
pub struct Stop {
    reason: Mutex<Option<StopReason>>,
    raised: Condvar,
}

impl Stop {
    /// Raises the sign; the first reason stays.
    pub fn raise(&self, reason: StopReason) {
        self.lock().get_or_insert(reason);
        self.raised.notify_all();
    }

    /// Why to stop, if the sign is up.
    pub fn reason(&self) -> Option<StopReason> {
        *self.lock()
    }

    /// Blocks for `length`, or until the sign is up.
    pub fn wait(&self, length: Duration) -> Option<StopReason> {
        let waited = self.raised.wait_timeout_while(self.lock(), length, |reason| reason.is_none());
        let (reason, _) = waited.unwrap_or_else(PoisonError::into_inner);
        *reason
    }

    fn lock(&self) -> MutexGuard<'_, Option<StopReason>> {
        self.reason.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::thread;

    use super::*;

    #[test]
    fn the_first_reason_stays() {
        let stop = Stop::default();
        assert_eq!(stop.wait(Duration::ZERO), None);
        stop.raise(StopReason::SessionDeleted);
        stop.raise(StopReason::ConnectionLost);
        assert_eq!(stop.reason(), Some(StopReason::SessionDeleted));
        assert_eq!(stop.wait(Duration::MAX), Some(StopReason::SessionDeleted));
    }

    #[test]
    fn a_waiting_turn_wakes() {
        let stop = Arc::new(Stop::default());
        let waiting = {
            let stop = Arc::clone(&stop);
            thread::spawn(move || stop.wait(Duration::from_secs(3600)))
        };
        stop.raise(StopReason::ClientCancelled);
        assert_eq!(waiting.join().unwrap(), Some(StopReason::ClientCancelled));
    }
}
