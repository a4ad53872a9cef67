//! Brings a lost connection back.

use std::hash::{BuildHasher, RandomState};
use std::io;
use std::sync::mpsc::{self, RecvTimeoutError, SyncSender};
use std::thread;
use std::time::Duration;

use super::connection::Connector;
use super::event::Event;

/// Pause before the first try when the connection had worked for a while.
pub const FIRST_DELAY: Duration = Duration::from_millis(100);

/// Pause before the first try when the last connection did not last: the server lets us in and throws us out.
pub const CAUTIOUS_DELAY: Duration = Duration::from_secs(1);

/// No pause between two tries is longer, jitter aside.
const MAX_DELAY: Duration = Duration::from_secs(5);

/// Part of a pause that is left to chance, so that the clients of a server do not all come back at once.
const JITTER: f64 = 0.2;

/// A thread that tries to connect, with growing pauses, until it has or this is dropped.
#[derive(Debug)]
pub struct Reconnecting {
    number: u64,
    _stop: SyncSender<()>,
}

impl Reconnecting {
    /// Begins to try, the first time after `delay`. Events of this attempt carry `number`.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(connector: Connector, number: u64, delay: Duration) -> io::Result<Self> {
        let (stop, stopped) = mpsc::sync_channel::<()>(0);
        let keep_trying = move || {
            let mut delay = delay;
            for tries in 1_u32.. {
                if stopped.recv_timeout(delay) != Err(RecvTimeoutError::Timeout) {
                    return;
                }
                let event = match connector.connect() {
                    Ok(connection) => Event::Reconnected(number, Box::new(connection), tries),
                    Err(_) => Event::StillDown(number),
                };
                let done = matches!(event, Event::Reconnected(..));
                if connector.events().send(event).is_err() || done {
                    return;
                }
                delay = next_delay(delay, chance());
            }
        };
        thread::Builder::new().name("reconnect".to_owned()).spawn(keep_trying)?;
        Ok(Self { number, _stop: stop })
    }

    /// Whether an event comes from this attempt.
    pub fn is(&self, number: u64) -> bool {
        self.number == number
    }
}

/// The pause after one of `delay`: twice as long, up to the longest, give or take; `chance` is in 0..1.
fn next_delay(delay: Duration, chance: f64) -> Duration {
    let doubled = delay.saturating_mul(2).min(MAX_DELAY);
    doubled.mul_f64(1.0 + JITTER * (2.0 * chance - 1.0))
}

/// A number in 0..1 that nobody knows beforehand.
fn chance() -> f64 {
    let random = RandomState::new().hash_one(());
    (random >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest() {
        let mut delay = FIRST_DELAY;
        let mut delays = Vec::new();
        for _ in 0..8 {
            delay = next_delay(delay, 0.5);
            delays.push(delay.as_millis());
        }
        assert_eq!(delays, [200, 400, 800, 1600, 3200, 5000, 5000, 5000]);
    }

    #[test]
    fn jitter_stays_within_its_part() {
        assert_eq!(next_delay(Duration::from_secs(1), 0.0), Duration::from_millis(1600));
        assert_eq!(next_delay(Duration::from_secs(1), 1.0), Duration::from_millis(2400));
        for _ in 0..100 {
            assert!((0.0..1.0).contains(&chance()));
        }
    }
}
