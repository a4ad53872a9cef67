//! `DebugInfo`: what a developer wants to know about an error.

/// What a developer wants to know. It may tell an outsider too much; send it to clients you trust.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct DebugInfo {
    /// The stack where the error came up, one text for each frame.
    #[prost(string, repeated, tag = "1")]
    pub stack_entries: Vec<String>,
    /// What else there is to say.
    #[prost(string, tag = "2")]
    pub detail: String,
}

impl DebugInfo {
    /// The URL that names this type in an [`Any`](super::Any).
    pub const TYPE_URL: &'static str = "type.googleapis.com/google.rpc.DebugInfo";

    /// A stack and what else there is to say.
    #[must_use]
    pub fn new(stack_entries: impl Into<Vec<String>>, detail: impl Into<String>) -> Self {
        Self { stack_entries: stack_entries.into(), detail: detail.into() }
    }

    /// Whether nothing is set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.stack_entries.is_empty() && self.detail.is_empty()
    }
}
