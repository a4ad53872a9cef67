//! How long to wait before the next attempt to connect (gRPC connection backoff protocol).

use std::time::Duration;

const FIRST: Duration = Duration::from_secs(1);
const FACTOR: f64 = 1.6;
const JITTER: f64 = 0.2;
const LONGEST: Duration = Duration::from_secs(120);

/// The delay after `failures` failed attempts in a row; `random` is a number from 0 to 1.
pub(super) fn delay(failures: u32, random: f64) -> Duration {
    let exponent = i32::try_from(failures.saturating_sub(1).min(64)).unwrap_or(64);
    let plain = (FIRST.as_secs_f64() * FACTOR.powi(exponent)).min(LONGEST.as_secs_f64());
    Duration::from_secs_f64(plain * (1.0 - JITTER + 2.0 * JITTER * random))
}

/// A number from 0 to 1. Good enough to keep clients from coming back all at once.
pub(super) fn random() -> f64 {
    use std::hash::{BuildHasher, RandomState};
    // Each state is seeded by the system.
    let bits = RandomState::new().hash_one(0u8) >> 11;
    bits as f64 / (1u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grows_by_1_6_up_to_two_minutes() {
        let middle = |failures| delay(failures, 0.5).as_secs_f64();
        assert!((middle(1) - 1.0).abs() < 1e-9);
        assert!((middle(2) - 1.6).abs() < 1e-9);
        assert!((middle(3) - 2.56).abs() < 1e-9);
        assert!((middle(50) - 120.0).abs() < 1e-9);
        assert!((middle(u32::MAX) - 120.0).abs() < 1e-9);
    }

    #[test]
    fn every_delay_lies_within_a_fifth_of_its_step_whatever_the_chance() {
        let mut step = 1.0_f64;
        for failures in 1..100 {
            for random in [0.0, 0.25, 0.5, 0.75, 1.0] {
                let delay = delay(failures, random).as_secs_f64();
                assert!((0.8 * step - 1e-6..=1.2 * step + 1e-6).contains(&delay), "{delay} after {failures} failures");
            }
            step = (step * 1.6).min(120.0);
        }
    }

    #[test]
    fn clients_that_fail_together_do_not_come_back_together() {
        let delays: std::collections::BTreeSet<Duration> = (0..100).map(|_| delay(1, random())).collect();
        assert!(delays.len() > 90, "{} different delays of 100", delays.len());
    }

    #[test]
    fn jitter_is_a_fifth_either_way() {
        assert!((delay(1, 0.0).as_secs_f64() - 0.8).abs() < 1e-9);
        assert!((delay(1, 1.0).as_secs_f64() - 1.2).abs() < 1e-9);
        assert!((0.0..1.0).contains(&random()));
    }
}
