//! Models behind an HTTP API that streams its answer as server-sent events.
//!
//! [`gemini`] and [`openai`] say what a request looks like and what an event means; the rest is the
//! same for both: [`api`] sends the request, [`pieces`] turns the events into an answer,
//! [`refusal`] and [`failure`] turn what can go wrong into sentences.

mod api;
mod base_url;
mod event_stream;
mod failure;
pub(super) mod gemini;
mod interrupt;
mod key;
pub(super) mod openai;
mod pieces;
mod refusal;

use std::sync::Arc;

use serde_json::Value;

use self::api::Api;
pub(super) use self::base_url::BaseUrl;
pub(super) use self::key::Key;
use self::pieces::EventPieces;
use super::{Answer, Limits, Model, ModelError, ModelErrorKind, Turn};

/// What differs between the APIs.
#[derive(Debug)]
struct Dialect {
    /// The body of a request for the model with this id.
    request: fn(&str, &[Turn]) -> Value,
    /// What one event of the answer means.
    read: fn(&Value) -> Step,
}

/// One step of an answer.
#[derive(Debug, Default, PartialEq, Eq)]
struct Step {
    /// The next text; may be empty.
    text: String,
    /// How the answer ends with this step, if it does.
    end: Option<End>,
}

/// How an answer ends.
#[derive(Debug, PartialEq, Eq)]
enum End {
    /// As it should.
    Finished,
    /// The model used up the tokens it may give.
    TooLong,
    /// The model, or a filter behind it, does not want to go on, for this reason.
    Withheld(String),
    /// The server failed in the middle; its own words.
    Failed(String),
}

/// A model behind an HTTP API.
#[derive(Debug)]
pub(super) struct RemoteModel {
    api: Arc<Api>,
    dialect: Dialect,
}

impl Model for RemoteModel {
    fn name(&self) -> &str {
        &self.api.model
    }

    fn framework(&self) -> &str {
        self.api.framework
    }

    fn answer(&self, history: &[Turn], limits: &Limits) -> Result<Answer, ModelError> {
        if history.last().is_none_or(is_blank) {
            return Err(ModelError::new(
                ModelErrorKind::Rejected,
                "The message is empty, so there is nothing to answer.",
            ));
        }
        let request = (self.dialect.request)(&self.api.model, history);
        let reply = self.api.post(&request, limits)?;
        let pieces = EventPieces::new(Arc::clone(&self.api), reply, self.dialect.read, limits.clone());
        Ok(Answer { complete: false, pieces: Box::new(pieces) })
    }
}

/// Whether a turn says nothing; neither API takes such a turn.
fn is_blank(turn: &Turn) -> bool {
    turn.text.trim().is_empty()
}

/// The string at `pointer` (RFC 6901), if there is one.
fn text_at<'a>(value: &'a Value, pointer: &str) -> Option<&'a str> {
    value.pointer(pointer).and_then(Value::as_str)
}

/// What a JSON text says about an error, in one of the shapes that servers use.
fn error_in(value: &Value) -> Option<&str> {
    let value = value.get(0).unwrap_or(value);
    let error = value.get("error").filter(|error| !error.is_null())?;
    error.as_str().or_else(|| text_at(error, "/message")).or(Some("no reason given"))
}
