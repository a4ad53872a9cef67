//! When a batch is complete.

use std::num::NonZeroUsize;
use std::time::Duration;

/// A batch is complete with so many requests, or when the first of them has waited so long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most requests of a batch.
    pub max_size: NonZeroUsize,
    /// How long a request waits for others.
    pub max_wait: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_size: const { NonZeroUsize::new(32).unwrap() }, max_wait: Duration::from_millis(5) }
    }
}
