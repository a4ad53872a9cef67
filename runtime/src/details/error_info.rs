//! `ErrorInfo`: the cause of an error, for programs.

use std::collections::HashMap;

/// The cause of an error in a form a program can compare.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct ErrorInfo {
    /// Why the call failed, in `UPPER_SNAKE_CASE` and unique within the domain: `ROOM_IS_FULL`.
    #[prost(string, tag = "1")]
    pub reason: String,
    /// Whose reason that is, as a rule the name of the service: `chat.example.com`.
    #[prost(string, tag = "2")]
    pub domain: String,
    /// What else belongs to the reason, such as the limit that was reached.
    #[prost(map = "string, string", tag = "3")]
    pub metadata: HashMap<String, String>,
}

impl ErrorInfo {
    /// The URL that names this type in an [`Any`](super::Any).
    pub const TYPE_URL: &'static str = "type.googleapis.com/google.rpc.ErrorInfo";

    /// A reason, its domain, and what else belongs to it.
    #[must_use]
    pub fn new(
        reason: impl Into<String>,
        domain: impl Into<String>,
        metadata: impl Into<HashMap<String, String>>,
    ) -> Self {
        Self { reason: reason.into(), domain: domain.into(), metadata: metadata.into() }
    }

    /// Whether nothing is set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.reason.is_empty() && self.domain.is_empty() && self.metadata.is_empty()
    }
}
