//! `PreconditionFailure`: what must be so before a call can succeed.

/// One thing that is not as the call needs it.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct PreconditionViolation {
    /// The kind of condition, as the service names it: `TERMS_OF_SERVICE`.
    #[prost(string, tag = "1")]
    pub r#type: String,
    /// What the condition is about: `example.com/terms`.
    #[prost(string, tag = "2")]
    pub subject: String,
    /// What is wrong and how to put it right, for developers.
    #[prost(string, tag = "3")]
    pub description: String,
}

impl PreconditionViolation {
    /// The kind of condition, what it is about, and what is wrong.
    #[must_use]
    pub fn new(violation_type: impl Into<String>, subject: impl Into<String>, description: impl Into<String>) -> Self {
        Self { r#type: violation_type.into(), subject: subject.into(), description: description.into() }
    }
}

/// What must be so before the call can succeed.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct PreconditionFailure {
    /// Everything that is not as the call needs it.
    #[prost(message, repeated, tag = "1")]
    pub violations: Vec<PreconditionViolation>,
}

impl PreconditionFailure {
    /// The URL that names this type in an [`Any`](super::Any).
    pub const TYPE_URL: &'static str = "type.googleapis.com/google.rpc.PreconditionFailure";

    /// Things that are not as the call needs them.
    #[must_use]
    pub fn new(violations: impl Into<Vec<PreconditionViolation>>) -> Self {
        Self { violations: violations.into() }
    }

    /// One thing that is not as the call needs it.
    #[must_use]
    pub fn with_violation(
        violation_type: impl Into<String>,
        subject: impl Into<String>,
        description: impl Into<String>,
    ) -> Self {
        Self::new([PreconditionViolation::new(violation_type, subject, description)])
    }

    /// Adds another one.
    pub fn add_violation(
        &mut self,
        violation_type: impl Into<String>,
        subject: impl Into<String>,
        description: impl Into<String>,
    ) -> &mut Self {
        self.violations.push(PreconditionViolation::new(violation_type, subject, description));
        self
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.violations.is_empty()
    }
}
