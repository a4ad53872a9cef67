//! `ErrorDetails`: up to one of each detail type, and entries of other types.

use std::collections::HashMap;
use std::time::Duration;

use super::{
    Any, BadRequest, DebugInfo, ErrorInfo, FieldViolation, Help, HelpLink, LocalizedMessage, PreconditionFailure,
    PreconditionViolation, QuotaFailure, QuotaViolation, RequestInfo, ResourceInfo, RetryInfo,
};

/// The details of an error.
///
/// `with_…` makes details with one entry, `set_…` puts one in its place or replaces it, `add_…` adds to the list within
/// an entry. Setting and adding can be chained:
///
/// ```
/// use stolid::details::ErrorDetails;
///
/// let mut details = ErrorDetails::new();
/// details
///     .set_error_info("ROOM_IS_FULL", "chat.example.com", [("limit".to_owned(), "64".to_owned())])
///     .add_help_link("how rooms work", "https://chat.example.com/rooms")
///     .set_localized_message("de", "Der Raum ist voll.");
/// assert!(details.has_help_links());
/// assert_eq!(details.error_info().unwrap().metadata["limit"], "64");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ErrorDetails {
    pub(super) error_info: Option<ErrorInfo>,
    pub(super) retry_info: Option<RetryInfo>,
    pub(super) debug_info: Option<DebugInfo>,
    pub(super) quota_failure: Option<QuotaFailure>,
    pub(super) precondition_failure: Option<PreconditionFailure>,
    pub(super) bad_request: Option<BadRequest>,
    pub(super) request_info: Option<RequestInfo>,
    pub(super) resource_info: Option<ResourceInfo>,
    pub(super) help: Option<Help>,
    pub(super) localized_message: Option<LocalizedMessage>,
    pub(super) others: Vec<Any>,
}

impl ErrorDetails {
    /// The bytes that the details of a status may have, as a serialized `google.rpc.Status`. What
    /// [`Status::with_error_details`] leaves out for that is said there.
    ///
    /// [`Status::with_error_details`]: crate::Status::with_error_details
    pub const MAX_LEN: usize = 5000;

    /// Details without an entry.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether there is no entry of any type.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Entries of other types than the ten, further entries of a type that is there already, and entries that cannot
    /// be read as what they say they are; as they came.
    #[must_use]
    pub fn others(&self) -> &[Any] {
        &self.others
    }

    /// Adds an entry of any type.
    pub fn add_other(&mut self, entry: Any) -> &mut Self {
        self.others.push(entry);
        self
    }
}

/// Details with one entry.
impl ErrorDetails {
    /// Details with a [`ErrorInfo`]: the cause for programs.
    #[must_use]
    pub fn with_error_info(
        reason: impl Into<String>,
        domain: impl Into<String>,
        metadata: impl Into<HashMap<String, String>>,
    ) -> Self {
        Self { error_info: Some(ErrorInfo::new(reason, domain, metadata)), ..Self::default() }
    }

    /// Details with a [`RetryInfo`]: when to try again.
    #[must_use]
    pub fn with_retry_info(retry_delay: Option<Duration>) -> Self {
        Self { retry_info: Some(RetryInfo::new(retry_delay)), ..Self::default() }
    }

    /// Details with a [`DebugInfo`]: what developers want to know.
    #[must_use]
    pub fn with_debug_info(stack_entries: impl Into<Vec<String>>, detail: impl Into<String>) -> Self {
        Self { debug_info: Some(DebugInfo::new(stack_entries, detail)), ..Self::default() }
    }

    /// Details with a [`QuotaFailure`]: quotas that ran out.
    #[must_use]
    pub fn with_quota_failure(violations: impl Into<Vec<QuotaViolation>>) -> Self {
        Self { quota_failure: Some(QuotaFailure::new(violations)), ..Self::default() }
    }

    /// Details with a [`QuotaFailure`] of one quota that ran out.
    #[must_use]
    pub fn with_quota_failure_violation(subject: impl Into<String>, description: impl Into<String>) -> Self {
        Self { quota_failure: Some(QuotaFailure::with_violation(subject, description)), ..Self::default() }
    }

    /// Details with a [`PreconditionFailure`]: what must be so first.
    #[must_use]
    pub fn with_precondition_failure(violations: impl Into<Vec<PreconditionViolation>>) -> Self {
        Self { precondition_failure: Some(PreconditionFailure::new(violations)), ..Self::default() }
    }

    /// Details with a [`PreconditionFailure`] of one thing that must be so first.
    #[must_use]
    pub fn with_precondition_failure_violation(
        violation_type: impl Into<String>,
        subject: impl Into<String>,
        description: impl Into<String>,
    ) -> Self {
        Self {
            precondition_failure: Some(PreconditionFailure::with_violation(violation_type, subject, description)),
            ..Self::default()
        }
    }

    /// Details with a [`BadRequest`]: fields that are wrong.
    #[must_use]
    pub fn with_bad_request(field_violations: impl Into<Vec<FieldViolation>>) -> Self {
        Self { bad_request: Some(BadRequest::new(field_violations)), ..Self::default() }
    }

    /// Details with a [`BadRequest`] of one field that is wrong.
    #[must_use]
    pub fn with_bad_request_violation(field: impl Into<String>, description: impl Into<String>) -> Self {
        Self { bad_request: Some(BadRequest::with_violation(field, description)), ..Self::default() }
    }

    /// Details with a [`RequestInfo`]: what finds the request in the logs.
    #[must_use]
    pub fn with_request_info(request_id: impl Into<String>, serving_data: impl Into<String>) -> Self {
        Self { request_info: Some(RequestInfo::new(request_id, serving_data)), ..Self::default() }
    }

    /// Details with a [`ResourceInfo`]: the thing it is about.
    #[must_use]
    pub fn with_resource_info(
        resource_type: impl Into<String>,
        resource_name: impl Into<String>,
        owner: impl Into<String>,
        description: impl Into<String>,
    ) -> Self {
        Self {
            resource_info: Some(ResourceInfo::new(resource_type, resource_name, owner, description)),
            ..Self::default()
        }
    }

    /// Details with a [`Help`]: where to read on.
    #[must_use]
    pub fn with_help(links: impl Into<Vec<HelpLink>>) -> Self {
        Self { help: Some(Help::new(links)), ..Self::default() }
    }

    /// Details with a [`Help`] of one page to read on.
    #[must_use]
    pub fn with_help_link(description: impl Into<String>, url: impl Into<String>) -> Self {
        Self { help: Some(Help::with_link(description, url)), ..Self::default() }
    }

    /// Details with a [`LocalizedMessage`]: a message in the user's language.
    #[must_use]
    pub fn with_localized_message(locale: impl Into<String>, message: impl Into<String>) -> Self {
        Self { localized_message: Some(LocalizedMessage::new(locale, message)), ..Self::default() }
    }
}

/// Setting and adding.
impl ErrorDetails {
    /// Sets the [`ErrorInfo`]: the cause for programs.
    pub fn set_error_info(
        &mut self,
        reason: impl Into<String>,
        domain: impl Into<String>,
        metadata: impl Into<HashMap<String, String>>,
    ) -> &mut Self {
        self.error_info = Some(ErrorInfo::new(reason, domain, metadata));
        self
    }

    /// Sets the [`RetryInfo`]: when to try again.
    pub fn set_retry_info(&mut self, retry_delay: Option<Duration>) -> &mut Self {
        self.retry_info = Some(RetryInfo::new(retry_delay));
        self
    }

    /// Sets the [`DebugInfo`]: what developers want to know.
    pub fn set_debug_info(&mut self, stack_entries: impl Into<Vec<String>>, detail: impl Into<String>) -> &mut Self {
        self.debug_info = Some(DebugInfo::new(stack_entries, detail));
        self
    }

    /// Sets the [`QuotaFailure`]: quotas that ran out.
    pub fn set_quota_failure(&mut self, violations: impl Into<Vec<QuotaViolation>>) -> &mut Self {
        self.quota_failure = Some(QuotaFailure::new(violations));
        self
    }

    /// Adds one quota that ran out to the [`QuotaFailure`], which is made if there is none.
    pub fn add_quota_failure_violation(
        &mut self,
        subject: impl Into<String>,
        description: impl Into<String>,
    ) -> &mut Self {
        self.quota_failure.get_or_insert_default().add_violation(subject, description);
        self
    }

    /// Sets the [`PreconditionFailure`]: what must be so first.
    pub fn set_precondition_failure(&mut self, violations: impl Into<Vec<PreconditionViolation>>) -> &mut Self {
        self.precondition_failure = Some(PreconditionFailure::new(violations));
        self
    }

    /// Adds one thing that must be so first to the [`PreconditionFailure`], which is made if there is none.
    pub fn add_precondition_failure_violation(
        &mut self,
        violation_type: impl Into<String>,
        subject: impl Into<String>,
        description: impl Into<String>,
    ) -> &mut Self {
        self.precondition_failure.get_or_insert_default().add_violation(violation_type, subject, description);
        self
    }

    /// Sets the [`BadRequest`]: fields that are wrong.
    pub fn set_bad_request(&mut self, field_violations: impl Into<Vec<FieldViolation>>) -> &mut Self {
        self.bad_request = Some(BadRequest::new(field_violations));
        self
    }

    /// Adds one field that is wrong to the [`BadRequest`], which is made if there is none.
    pub fn add_bad_request_violation(&mut self, field: impl Into<String>, description: impl Into<String>) -> &mut Self {
        self.bad_request.get_or_insert_default().add_violation(field, description);
        self
    }

    /// Sets the [`RequestInfo`]: what finds the request in the logs.
    pub fn set_request_info(&mut self, request_id: impl Into<String>, serving_data: impl Into<String>) -> &mut Self {
        self.request_info = Some(RequestInfo::new(request_id, serving_data));
        self
    }

    /// Sets the [`ResourceInfo`]: the thing it is about.
    pub fn set_resource_info(
        &mut self,
        resource_type: impl Into<String>,
        resource_name: impl Into<String>,
        owner: impl Into<String>,
        description: impl Into<String>,
    ) -> &mut Self {
        self.resource_info = Some(ResourceInfo::new(resource_type, resource_name, owner, description));
        self
    }

    /// Sets the [`Help`]: where to read on.
    pub fn set_help(&mut self, links: impl Into<Vec<HelpLink>>) -> &mut Self {
        self.help = Some(Help::new(links));
        self
    }

    /// Adds one page to read on to the [`Help`], which is made if there is none.
    pub fn add_help_link(&mut self, description: impl Into<String>, url: impl Into<String>) -> &mut Self {
        self.help.get_or_insert_default().add_link(description, url);
        self
    }

    /// Sets the [`LocalizedMessage`]: a message in the user's language.
    pub fn set_localized_message(&mut self, locale: impl Into<String>, message: impl Into<String>) -> &mut Self {
        self.localized_message = Some(LocalizedMessage::new(locale, message));
        self
    }
}

/// Reading.
impl ErrorDetails {
    /// The [`ErrorInfo`]: the cause for programs.
    #[must_use]
    pub fn error_info(&self) -> Option<&ErrorInfo> {
        self.error_info.as_ref()
    }

    /// The [`RetryInfo`]: when to try again.
    #[must_use]
    pub fn retry_info(&self) -> Option<&RetryInfo> {
        self.retry_info.as_ref()
    }

    /// The [`DebugInfo`]: what developers want to know.
    #[must_use]
    pub fn debug_info(&self) -> Option<&DebugInfo> {
        self.debug_info.as_ref()
    }

    /// The [`QuotaFailure`]: quotas that ran out.
    #[must_use]
    pub fn quota_failure(&self) -> Option<&QuotaFailure> {
        self.quota_failure.as_ref()
    }

    /// Whether there is a [`QuotaFailure`] that is not empty.
    #[must_use]
    pub fn has_quota_failure_violations(&self) -> bool {
        self.quota_failure.as_ref().is_some_and(|entry| !entry.is_empty())
    }

    /// The [`PreconditionFailure`]: what must be so first.
    #[must_use]
    pub fn precondition_failure(&self) -> Option<&PreconditionFailure> {
        self.precondition_failure.as_ref()
    }

    /// Whether there is a [`PreconditionFailure`] that is not empty.
    #[must_use]
    pub fn has_precondition_failure_violations(&self) -> bool {
        self.precondition_failure.as_ref().is_some_and(|entry| !entry.is_empty())
    }

    /// The [`BadRequest`]: fields that are wrong.
    #[must_use]
    pub fn bad_request(&self) -> Option<&BadRequest> {
        self.bad_request.as_ref()
    }

    /// Whether there is a [`BadRequest`] that is not empty.
    #[must_use]
    pub fn has_bad_request_violations(&self) -> bool {
        self.bad_request.as_ref().is_some_and(|entry| !entry.is_empty())
    }

    /// The [`RequestInfo`]: what finds the request in the logs.
    #[must_use]
    pub fn request_info(&self) -> Option<&RequestInfo> {
        self.request_info.as_ref()
    }

    /// The [`ResourceInfo`]: the thing it is about.
    #[must_use]
    pub fn resource_info(&self) -> Option<&ResourceInfo> {
        self.resource_info.as_ref()
    }

    /// The [`Help`]: where to read on.
    #[must_use]
    pub fn help(&self) -> Option<&Help> {
        self.help.as_ref()
    }

    /// Whether there is a [`Help`] that is not empty.
    #[must_use]
    pub fn has_help_links(&self) -> bool {
        self.help.as_ref().is_some_and(|entry| !entry.is_empty())
    }

    /// The [`LocalizedMessage`]: a message in the user's language.
    #[must_use]
    pub fn localized_message(&self) -> Option<&LocalizedMessage> {
        self.localized_message.as_ref()
    }
}
