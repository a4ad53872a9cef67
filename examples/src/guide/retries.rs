//! # Retries with exponential backoff and jitter
//!
//! **When.** A call failed with UNAVAILABLE (no connection, a lost one, a server that is about to stop), and it does no harm
//! to make it twice: a lost connection does not tell how far the server came.
//!
//! Each attempt is a new call with a new stream, so a closure makes it, from the beginning. The pause doubles each time
//! up to a bound. Chance takes away up to half of it: a thousand clients that lost the same server do not come back all at once.

use std::hash::{BuildHasher, RandomState};
use std::thread;
use std::time::Duration;

use stolid::{Code, Status};

/// How often to try, and how long to wait in between.
#[derive(Clone, Copy, Debug)]
pub struct Backoff {
    /// Attempts in all.
    pub attempts: u32,
    /// The longest pause after the first attempt.
    pub first: Duration,
    /// The longest pause after any attempt.
    pub longest: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { attempts: 5, first: Duration::from_millis(100), longest: Duration::from_secs(10) }
    }
}

impl Backoff {
    /// Calls `attempt` until it succeeds, or fails with anything but UNAVAILABLE, or there were enough attempts.
    ///
    /// # Errors
    /// The status of the last attempt.
    pub fn retry<T>(&self, mut attempt: impl FnMut() -> Result<T, Status>) -> Result<T, Status> {
        let mut failures = 0;
        loop {
            let outcome = attempt();
            failures += 1;
            match outcome {
                Err(status) if status.code() == Code::Unavailable && failures < self.attempts => {
                    thread::sleep(self.pause(failures, random()));
                }
                outcome => return outcome,
            }
        }
    }

    /// The pause after so many failures; `random` is a number from 0 to 1.
    fn pause(&self, failures: u32, random: f64) -> Duration {
        let doubled = 2_u32.saturating_pow(failures.saturating_sub(1));
        let longest = self.first.saturating_mul(doubled).min(self.longest);
        longest.mul_f64(0.5 + random / 2.0)
    }
}

/// A number from 0 to 1: the system seeds every state anew.
fn random() -> f64 {
    f64::from(RandomState::new().hash_one(()) as u32) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use stolid_tests::watchdog::watched;

    use super::super::cable::Cable;
    use super::super::greeter::{PatientGreeter, hello, start};
    use super::super::proto::greeter_client::GreeterClient;
    use super::*;

    const QUICK: Backoff = Backoff { attempts: 5, first: Duration::from_millis(1), longest: Duration::from_millis(10) };

    #[test]
    fn a_stream_that_broke_twice_in_the_middle_arrives_whole() {
        watched(|| {
            let (server, _) = start(PatientGreeter::default()).unwrap();
            let cable = Cable::to(server.local_addr());
            let client = GreeterClient::connect(cable.target()).unwrap();
            let mut attempts = 0;
            let outcome = QUICK.retry(|| {
                attempts += 1;
                let names = (1..=1000).map(|n| {
                    if n == 500 && attempts <= 2 {
                        cable.cut();
                    }
                    hello(format!("guest {n}"))
                });
                client.say_hello_client_stream(())?.send_all(names)?.finish()
            });
            assert_eq!(outcome.unwrap().into_inner().message, "Hello to all 1000 of you!");
            assert_eq!(attempts, 3);
        });
    }

    #[test]
    fn a_refusal_is_not_tried_again() {
        let mut attempts = 0;
        let outcome: Result<(), _> = QUICK.retry(|| {
            attempts += 1;
            Err(Status::invalid_argument("no"))
        });
        assert_eq!((outcome.unwrap_err().code(), attempts), (Code::InvalidArgument, 1));
    }

    #[test]
    fn there_is_a_last_attempt() {
        let mut attempts = 0;
        let outcome: Result<(), _> = QUICK.retry(|| {
            attempts += 1;
            Err(Status::unavailable(format!("attempt {attempts}")))
        });
        assert_eq!(outcome.unwrap_err().message(), "attempt 5");
    }

    #[test]
    fn pauses_double_up_to_the_longest_and_chance_takes_half_at_most() {
        let backoff = Backoff::default();
        let millis = |failures, random| backoff.pause(failures, random).as_millis();
        assert_eq!([1, 2, 3, 4].map(|failures| millis(failures, 1.0)), [100, 200, 400, 800]);
        assert_eq!([1, 2, 3, 4].map(|failures| millis(failures, 0.0)), [50, 100, 200, 400]);
        assert_eq!((millis(8, 1.0), millis(u32::MAX, 1.0)), (10_000, 10_000));
        assert!((0.0..=1.0).contains(&random()));
    }
}
