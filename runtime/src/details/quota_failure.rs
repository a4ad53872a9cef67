//! `QuotaFailure`: which quotas ran out.

use std::collections::HashMap;

/// One quota that ran out.
///
/// [`new`](Self::new) sets what every service has to say; the other fields are public.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct QuotaViolation {
    /// Whose quota it is: `clientip:10.0.0.1`, `project:7`.
    #[prost(string, tag = "1")]
    pub subject: String,
    /// How it ran out, for people.
    #[prost(string, tag = "2")]
    pub description: String,
    /// The service that keeps the quota, where that is not the one that was called.
    #[prost(string, tag = "3")]
    pub api_service: String,
    /// What is counted: `compute.example.com/cpus`.
    #[prost(string, tag = "4")]
    pub quota_metric: String,
    /// The name of the limit, unique within the service.
    #[prost(string, tag = "5")]
    pub quota_id: String,
    /// What the limit applies to, such as a region.
    #[prost(map = "string, string", tag = "6")]
    pub quota_dimensions: HashMap<String, String>,
    /// The limit that was in force, in units of the metric.
    #[prost(int64, tag = "7")]
    pub quota_value: i64,
    /// The limit that is about to be in force, where it is being changed.
    #[prost(int64, optional, tag = "8")]
    pub future_quota_value: Option<i64>,
}

impl QuotaViolation {
    /// Whose quota ran out, and how.
    #[must_use]
    pub fn new(subject: impl Into<String>, description: impl Into<String>) -> Self {
        Self { subject: subject.into(), description: description.into(), ..Self::default() }
    }
}

/// Which quotas ran out.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct QuotaFailure {
    /// Every quota that ran out.
    #[prost(message, repeated, tag = "1")]
    pub violations: Vec<QuotaViolation>,
}

impl QuotaFailure {
    /// The URL that names this type in an [`Any`](super::Any).
    pub const TYPE_URL: &'static str = "type.googleapis.com/google.rpc.QuotaFailure";

    /// Quotas that ran out.
    #[must_use]
    pub fn new(violations: impl Into<Vec<QuotaViolation>>) -> Self {
        Self { violations: violations.into() }
    }

    /// One quota that ran out.
    #[must_use]
    pub fn with_violation(subject: impl Into<String>, description: impl Into<String>) -> Self {
        Self::new([QuotaViolation::new(subject, description)])
    }

    /// Adds another one.
    pub fn add_violation(&mut self, subject: impl Into<String>, description: impl Into<String>) -> &mut Self {
        self.violations.push(QuotaViolation::new(subject, description));
        self
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.violations.is_empty()
    }
}
