//! What each model has done since the server started.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

/// The counters of one model. Any thread may count and read.
#[derive(Debug, Default)]
pub struct Counters {
    requests: AtomicU64,
    batches: AtomicU64,
    tokens: AtomicU64,
}

impl Counters {
    /// Requests that reached the model, in a batch or alone.
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Batches: calls of a model that is not a streaming one.
    pub fn batches(&self) -> u64 {
        self.batches.load(Ordering::Relaxed)
    }

    /// Tokens made, sent or not.
    pub fn tokens(&self) -> u64 {
        self.tokens.load(Ordering::Relaxed)
    }

    pub(super) fn count_generation(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn count_batch(&self, requests: usize) {
        self.requests.fetch_add(requests as u64, Ordering::Relaxed);
        self.batches.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn count_token(&self) {
        self.tokens.fetch_add(1, Ordering::Relaxed);
    }
}

/// For a person: `2 requests, 17 tokens`.
impl fmt::Display for Counters {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&counted(self.requests(), "request", "requests"))?;
        for (count, one, many) in [(self.batches(), "batch", "batches"), (self.tokens(), "token", "tokens")] {
            if count > 0 {
                write!(formatter, ", {}", counted(count, one, many))?;
            }
        }
        Ok(())
    }
}

/// `1 token`, `2 tokens`.
pub(super) fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}
