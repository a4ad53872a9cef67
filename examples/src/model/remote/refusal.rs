//! A reply that says no: what each HTTP status means to the person in the chat (RFC 9110, section 15).

use std::io::Read;

use serde_json::Value;
use ureq::Body;
use ureq::http::{Response, StatusCode};

use super::api::Api;
use super::error_in;
use crate::model::{ModelError, ModelErrorKind};

/// More of a refusal than this, in bytes, is not read.
const MAX_BODY: u64 = 64 * 1024;

impl Api {
    /// The error for a reply whose status is not one of success.
    pub(super) fn refusal(&self, reply: Response<Body>) -> ModelError {
        let status = reply.status();
        let retry_after =
            reply.headers().get("retry-after").and_then(|value| value.to_str().ok()).map(|value| self.quote(value));
        let html = is_html(reply.body().mime_type().unwrap_or_default());
        let mut bytes = Vec::new();
        // The status alone says enough when the rest does not arrive.
        let _ = reply.into_body().into_reader().take(MAX_BODY).read_to_end(&mut bytes);
        let text = String::from_utf8_lossy(&bytes);
        // Gemini answers a wrong key with 400, and names the reason.
        let status = if status == StatusCode::BAD_REQUEST && text.contains("API_KEY_INVALID") {
            StatusCode::UNAUTHORIZED
        } else {
            status
        };
        let reason = match serde_json::from_str::<Value>(&text) {
            Ok(json) => error_in(&json).map(|reason| self.quote(reason)),
            // A page for browsers says nothing in a terminal.
            Err(_) if html || text.trim_start().starts_with('<') => None,
            Err(_) => Some(self.quote(&text)),
        };
        let reason = reason.filter(|reason| !reason.is_empty());
        self.refusal_message(status, reason, retry_after.as_deref())
    }

    fn refusal_message(&self, status: StatusCode, reason: Option<String>, retry_after: Option<&str>) -> ModelError {
        let Self { framework, model, host, base_variable, key_variable, .. } = self;
        let says = reason.map_or_else(String::new, |reason| format!(" It says: \"{reason}\""));
        let (kind, text) = match status.as_u16() {
            // What the server says is left out: some repeat a part of the key.
            401 if self.key.is_some() => (
                ModelErrorKind::Unauthorized,
                format!("The {framework} does not accept the key ({status}). Check {key_variable}."),
            ),
            401 => (
                ModelErrorKind::Unauthorized,
                format!("The {framework} asks for a key ({status}). Set {key_variable}."),
            ),
            403 => (
                ModelErrorKind::Unauthorized,
                format!(
                    "The {framework} does not let this key use the model {model} ({status}). \
                     Check {key_variable} and GENAI_MODEL_ID.{says}"
                ),
            ),
            404 => (
                ModelErrorKind::Rejected,
                format!(
                    "The {framework} at {host} does not have the model {model} ({status}). \
                     Check GENAI_MODEL_ID and {base_variable}.{says}"
                ),
            ),
            429 => (
                ModelErrorKind::Limited,
                format!("The {framework} gets too many requests ({status}). {}{says}", patience(retry_after)),
            ),
            300..=399 => (
                ModelErrorKind::Rejected,
                format!(
                    "The {framework} at {host} sends to another address ({status}), where the key \
                     must not go. Check {base_variable}."
                ),
            ),
            500..=599 => (ModelErrorKind::Failed, format!("The {framework} failed ({status}). Try again later.{says}")),
            _ => (ModelErrorKind::Rejected, format!("The {framework} refused the request ({status}).{says}")),
        };
        ModelError::new(kind, text)
    }
}

/// Whether a MIME type is that of a page for browsers.
pub(super) fn is_html(mime: &str) -> bool {
    mime.eq_ignore_ascii_case("text/html")
}

/// When to try again: `Retry-After` holds seconds or a date (RFC 9110, section 10.2.3).
fn patience(retry_after: Option<&str>) -> String {
    match retry_after {
        None | Some("") => "Try again later.".to_owned(),
        Some("1") => "Try again in 1 second.".to_owned(),
        Some(value) if value.bytes().all(|byte| byte.is_ascii_digit()) => {
            format!("Try again in {value} seconds.")
        }
        Some(date) => format!("Try again after {date}."),
    }
}
