//! An answer made of events.

use std::io::Read;
use std::sync::Arc;

use serde_json::Value;
use ureq::http::Response;
use ureq::{Body, BodyReader};

use super::api::Api;
use super::event_stream::{DONE, EventError, EventSource};
use super::failure::Phase;
use super::refusal::is_html;
use super::{End, Step};
use crate::model::{Limits, ModelError, ModelErrorKind};

/// A reply that is not streamed may be this long, in bytes.
const MAX_WHOLE: u64 = 1024 * 1024;

/// The pieces of an answer, each given as soon as its event is there.
pub(super) struct EventPieces {
    api: Arc<Api>,
    read: fn(&Value) -> Step,
    limits: Limits,
    source: Source,
    /// How the answer ends after the piece just given.
    end: Option<End>,
    /// Whether any text was given.
    has_text: bool,
    /// Whether the end, good or bad, was told.
    is_over: bool,
}

/// Where the next event comes from.
enum Source {
    /// A stream of events.
    Stream(Box<EventSource>),
    /// One JSON text, from a server that does not stream.
    Whole(BodyReader<'static>),
    /// A page for browsers.
    Page,
    /// Nothing more.
    Ended,
}

impl EventPieces {
    pub(super) fn new(api: Arc<Api>, reply: Response<Body>, read: fn(&Value) -> Step, limits: Limits) -> Self {
        let mime = reply.body().mime_type().unwrap_or_default();
        let source = if is_html(mime) {
            Source::Page
        } else if mime.eq_ignore_ascii_case("application/json") {
            Source::Whole(reply.into_body().into_reader())
        } else {
            Source::Stream(Box::new(EventSource::new(reply.into_body().into_reader())))
        };
        Self { api, read, limits, source, end: None, has_text: false, is_over: false }
    }

    fn advance(&mut self) -> Result<Option<String>, ModelError> {
        loop {
            if let Some(end) = self.end.take() {
                return self.finish(end);
            }
            let step = self.step()?;
            self.end = step.end;
            if !step.text.is_empty() {
                self.has_text = true;
                return Ok(Some(step.text));
            }
        }
    }

    fn step(&mut self) -> Result<Step, ModelError> {
        if self.limits.is_cancelled() {
            return Err(ModelError::cancelled());
        }
        match &mut self.source {
            Source::Page => Err(self.malformed("sent a page for browsers instead of an answer")),
            Source::Ended => Err(self.api.cut()),
            Source::Whole(body) => {
                let mut bytes = Vec::new();
                if let Err(error) = body.take(MAX_WHOLE).read_to_end(&mut bytes) {
                    return Err(self.api.failure(error.into(), &self.limits, Phase::Body));
                }
                let step = self.meaning(&String::from_utf8_lossy(&bytes))?;
                self.source = Source::Ended;
                Ok(Step { end: step.end.or(Some(End::Finished)), ..step })
            }
            Source::Stream(events) => match events.next() {
                Ok(Some(data)) if data.trim().is_empty() => Ok(Step::default()),
                Ok(Some(data)) if data == DONE => Ok(Step { end: Some(End::Finished), ..Step::default() }),
                Ok(Some(data)) => self.meaning(&data),
                Ok(None) if events.is_foreign() && !self.has_text => {
                    Err(self.malformed("sent something that is not an answer"))
                }
                Ok(None) => Err(self.api.cut()),
                Err(EventError::TooLong) => Err(self.malformed("sent an endless event")),
                Err(EventError::Connection(error)) => Err(self.api.failure(error, &self.limits, Phase::Body)),
            },
        }
    }

    fn meaning(&self, data: &str) -> Result<Step, ModelError> {
        match serde_json::from_str(data) {
            Ok(json) => Ok((self.read)(&json)),
            Err(_) => Err(self.malformed(&format!("sent something that is not JSON: \"{}\"", self.api.quote(data)))),
        }
    }

    fn finish(&self, end: End) -> Result<Option<String>, ModelError> {
        let framework = self.api.framework;
        let (kind, text) = match end {
            End::Finished if self.has_text => return Ok(None),
            End::Finished => (ModelErrorKind::Stopped, format!("The {framework} gave an empty answer.")),
            End::TooLong => (
                ModelErrorKind::Stopped,
                format!("The {framework} stopped at its limit of tokens. The answer is incomplete."),
            ),
            End::Withheld(reason) => {
                let what = if self.has_text { "stopped the answer" } else { "refused to answer" };
                (ModelErrorKind::Stopped, format!("The {framework} {what}. Its reason: {}.", self.api.quote(&reason)))
            }
            End::Failed(reason) => (
                ModelErrorKind::Failed,
                format!("The {framework} failed during the answer. It says: \"{}\"", self.api.quote(&reason)),
            ),
        };
        Err(ModelError::new(kind, text))
    }

    fn malformed(&self, what: &str) -> ModelError {
        let Api { framework, host, base_variable, .. } = &*self.api;
        ModelError::new(ModelErrorKind::Malformed, format!("The {framework} at {host} {what}. Check {base_variable}."))
    }
}

impl Iterator for EventPieces {
    type Item = Result<String, ModelError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        let item = self.advance().transpose();
        if !matches!(item, Some(Ok(_))) {
            // The connection goes with the source, so that the server stops working on the answer.
            self.source = Source::Ended;
            self.is_over = true;
        }
        item
    }
}
