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
    fn jitter_is_a_fifth_either_way() {
        assert!((delay(1, 0.0).as_secs_f64() - 0.8).abs() < 1e-9);
        assert!((delay(1, 1.0).as_secs_f64() - 1.2).abs() < 1e-9);
        assert!((0.0..1.0).contains(&random()));
    }
}
