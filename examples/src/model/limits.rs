//! When to give up on an answer.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// When to give up on an answer: at an instant, or as soon as nobody wants it any more.
#[derive(Clone)]
pub struct Limits {
    /// The instant after which the answer is of no use.
    pub deadline: Instant,
    /// Tells whether the answer is no longer wanted; asked every 50 ms while a model waits for the
    /// network, so it must be quick.
    pub cancelled: Arc<dyn Fn() -> bool + Send + Sync>,
}

impl Limits {
    /// Limits with a deadline, which nobody cancels.
    pub fn until(deadline: Instant) -> Self {
        Self { deadline, cancelled: Arc::new(|| false) }
    }

    /// Limits that end `timeout` from now, which nobody cancels.
    pub fn within(timeout: Duration) -> Self {
        Self::until(Instant::now() + timeout)
    }

    /// The same deadline, with `cancelled` asked as well.
    #[must_use]
    pub fn with_cancelled(mut self, cancelled: Arc<dyn Fn() -> bool + Send + Sync>) -> Self {
        self.cancelled = cancelled;
        self
    }

    /// Whether the answer is no longer wanted.
    pub fn is_cancelled(&self) -> bool {
        (self.cancelled)()
    }

    /// The time left until the deadline; zero once it has passed.
    pub fn remaining(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }
}

impl fmt::Debug for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Limits").field("deadline", &self.deadline).finish_non_exhaustive()
    }
}
