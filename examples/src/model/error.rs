//! Why a model gives no answer, or not all of it.

use std::fmt;

/// Why a model gives no answer, or not all of it.
///
/// Its `Display` is one or two whole sentences for the person in the chat. No key is ever in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelError {
    kind: ModelErrorKind,
    message: String,
}

/// The sorts of [`ModelError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ModelErrorKind {
    /// The environment asks for something that cannot be: an unknown model, a missing key.
    Configuration,
    /// There is no connection to the model's server.
    Unreachable,
    /// The server does not accept the key (HTTP 401 and 403).
    Unauthorized,
    /// The server asks for patience (HTTP 429).
    Limited,
    /// The server does not accept the request.
    Rejected,
    /// The server reports a failure of its own (HTTP 5xx, or an error inside the answer).
    Failed,
    /// What came is not an answer in the expected format.
    Malformed,
    /// The connection ended before the answer did.
    Cut,
    /// The deadline passed.
    Deadline,
    /// Nobody wants the answer any more.
    Cancelled,
    /// The model ended its answer early: too long, or against its rules.
    Stopped,
}

impl ModelError {
    /// An error of the given kind; `message` is shown to the person in the chat as it is.
    pub fn new(kind: ModelErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    /// The sort of error.
    pub fn kind(&self) -> ModelErrorKind {
        self.kind
    }

    pub(super) fn configuration(message: impl Into<String>) -> Self {
        Self::new(ModelErrorKind::Configuration, message)
    }

    pub(super) fn cancelled() -> Self {
        Self::new(ModelErrorKind::Cancelled, "The answer was cancelled.")
    }
}

impl fmt::Display for ModelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ModelError {}
