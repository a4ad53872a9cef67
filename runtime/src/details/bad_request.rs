//! `BadRequest`: which fields of a request are wrong.

use super::LocalizedMessage;

/// One field that is wrong.
///
/// [`new`](Self::new) sets what every service has to say; the other fields are public.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct FieldViolation {
    /// The way to the field within the request: `rooms[2].name`.
    #[prost(string, tag = "1")]
    pub field: String,
    /// What is wrong with it, for developers.
    #[prost(string, tag = "2")]
    pub description: String,
    /// What is wrong with it, for programs, in `UPPER_SNAKE_CASE`.
    #[prost(string, tag = "3")]
    pub reason: String,
    /// What is wrong with it, for the user.
    #[prost(message, optional, tag = "4")]
    pub localized_message: Option<LocalizedMessage>,
}

impl FieldViolation {
    /// The way to the field, and what is wrong with it.
    #[must_use]
    pub fn new(field: impl Into<String>, description: impl Into<String>) -> Self {
        Self { field: field.into(), description: description.into(), ..Self::default() }
    }
}

/// Which fields of the request are wrong.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct BadRequest {
    /// Every field that is wrong.
    #[prost(message, repeated, tag = "1")]
    pub field_violations: Vec<FieldViolation>,
}

impl BadRequest {
    /// The URL that names this type in an [`Any`](super::Any).
    pub const TYPE_URL: &'static str = "type.googleapis.com/google.rpc.BadRequest";

    /// Fields that are wrong.
    #[must_use]
    pub fn new(field_violations: impl Into<Vec<FieldViolation>>) -> Self {
        Self { field_violations: field_violations.into() }
    }

    /// One field that is wrong.
    #[must_use]
    pub fn with_violation(field: impl Into<String>, description: impl Into<String>) -> Self {
        Self::new([FieldViolation::new(field, description)])
    }

    /// Adds another one.
    pub fn add_violation(&mut self, field: impl Into<String>, description: impl Into<String>) -> &mut Self {
        self.field_violations.push(FieldViolation::new(field, description));
        self
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.field_violations.is_empty()
    }
}
