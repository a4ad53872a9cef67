//! Asks the model and sends what it says, chunk by chunk.

use std::sync::Arc;
use std::time::{Duration, Instant};

use stolid::{Code, Status};

use super::chunks::Chunks;
use super::history::MAX_ANSWER_BYTES;
use super::service::Shared;
use super::session::{Session, saturate};
use super::stop::StopReason;
use super::turn::{PendingTurn, response};
use crate::chat::proto::ChatResponse;
use crate::chat::proto::chat_response::Type;
use crate::model::{Answer, Limits, ModelError, ModelErrorKind, Pieces};

/// An answer that went out whole.
#[derive(Debug)]
pub struct Whole {
    /// What the model said.
    pub text: String,
    /// In how many chunks it went out.
    pub chunks: usize,
    /// How many messages the model was given.
    pub context_messages: usize,
}

/// Why an answer is not whole.
#[derive(Debug)]
pub enum Interrupted {
    /// It is no longer wanted.
    Stopped(StopReason),
    /// It cannot be had.
    Failed(Status),
}

impl From<StopReason> for Interrupted {
    fn from(reason: StopReason) -> Self {
        Self::Stopped(reason)
    }
}

impl From<Status> for Interrupted {
    fn from(status: Status) -> Self {
        Self::Failed(status)
    }
}

/// Gives the answer to `turn` on its stream, up to and without RESPONSE_COMPLETE. `sent` counts the chunks also
/// when it fails.
///
/// # Errors
/// Why the answer is not whole.
pub fn give_answer(
    shared: &Shared,
    session: &Session,
    turn: &PendingTurn,
    sent: &mut usize,
) -> Result<Whole, Interrupted> {
    if let Some(reason) = turn.stop.reason() {
        return Err(reason.into());
    }
    let history = session.asking(&turn.message, shared.settings.history_limit)?;
    let context_messages = history.len();
    let mut delivery =
        Delivery { shared, session: session.id(), turn, context_messages, total: 0, sent, text: String::new() };
    shared.journal.generating(session.id(), context_messages, shared.model.name());
    delivery.announce(Type::Status, "Generating response...")?;
    let stop = Arc::clone(&turn.stop);
    let limits =
        Limits::within(shared.settings.answer_timeout).with_cancelled(Arc::new(move || stop.reason().is_some()));
    let answer = shared.model.answer(&history, &limits);
    let answer = answer.map_err(|error| delivery.failure(&error))?;
    delivery.announce(Type::ResponseStart, "")?;
    delivery.deliver(answer, &limits)?;
    if delivery.text.trim().is_empty() {
        return Err(Status::internal("the model gave an empty answer").into());
    }
    Ok(Whole { chunks: *delivery.sent, text: delivery.text, context_messages })
}

/// The chunks of one answer on their way out.
struct Delivery<'a> {
    shared: &'a Shared,
    session: &'a str,
    turn: &'a PendingTurn,
    context_messages: usize,
    /// Chunks there will be; 0 while nobody knows.
    total: usize,
    sent: &'a mut usize,
    /// What the model has said.
    text: String,
}

impl Delivery<'_> {
    fn announce(&self, kind: Type, text: &str) -> Result<(), StopReason> {
        self.turn.stream().send(ChatResponse {
            status_message: text.to_owned(),
            context_messages: saturate(self.context_messages),
            ..response(kind, self.session, &self.shared.journal.now())
        })
    }

    fn deliver(&mut self, answer: Answer, limits: &Limits) -> Result<(), Interrupted> {
        if answer.complete { self.deliver_complete(answer.pieces) } else { self.deliver_live(answer.pieces, limits) }
    }

    /// An answer that is there already: its chunks are counted before the first goes out.
    fn deliver_complete(&mut self, pieces: Pieces) -> Result<(), Interrupted> {
        let mut chunks = self.chunks();
        for piece in pieces {
            chunks.push(&self.take(piece)?);
        }
        chunks.finish();
        let chunks: Vec<String> = chunks.collect();
        self.total = chunks.len();
        chunks.into_iter().try_for_each(|chunk| self.send(chunk))
    }

    /// An answer that is being made: each chunk goes out when it is there.
    fn deliver_live(&mut self, pieces: Pieces, limits: &Limits) -> Result<(), Interrupted> {
        let mut chunks = self.chunks();
        for piece in pieces {
            chunks.push(&self.take(piece)?);
            if Instant::now() >= limits.deadline {
                let limit = self.shared.settings.answer_timeout;
                return Err(Status::deadline_exceeded(format!("the answer was not whole after {limit:?}")).into());
            }
            chunks.try_for_each(|chunk| self.send(chunk))?;
        }
        chunks.finish();
        chunks.try_for_each(|chunk| self.send(chunk))
    }

    /// Words where there is a pause between them, else the pieces as they are.
    fn chunks(&self) -> Chunks {
        if self.shared.settings.word_delay.is_zero() { Chunks::pieces() } else { Chunks::words() }
    }

    /// A piece of the model, which becomes part of the answer's text.
    fn take(&mut self, piece: Result<String, ModelError>) -> Result<String, Interrupted> {
        let piece = piece.map_err(|error| self.failure(&error))?;
        if self.text.len() + piece.len() > MAX_ANSWER_BYTES {
            let text = format!("the answer has more than the {MAX_ANSWER_BYTES} bytes allowed");
            return Err(Status::resource_exhausted(text).into());
        }
        self.text.push_str(&piece);
        Ok(piece)
    }

    /// Sends one chunk, after the pause that makes it readable.
    fn send(&mut self, chunk: String) -> Result<(), Interrupted> {
        let pause = if *self.sent > 0 { self.shared.settings.word_delay } else { Duration::ZERO };
        if let Some(reason) = self.turn.stop.wait(pause) {
            return Err(reason.into());
        }
        *self.sent += 1;
        self.shared.journal.chunk(self.session, *self.sent, &chunk);
        let chunk = ChatResponse {
            chunk_text: chunk,
            chunk_number: saturate(*self.sent),
            total_chunks: saturate(self.total),
            ..response(Type::Chunk, self.session, &self.shared.journal.now())
        };
        Ok(self.turn.stream().send(chunk)?)
    }

    /// What a model's failure means for the turn: a stop, if that is why the model gave up.
    fn failure(&self, error: &ModelError) -> Interrupted {
        match self.turn.stop.reason() {
            Some(reason) => reason.into(),
            None => Status::new(code_of(error.kind()), error.to_string()).into(),
        }
    }
}

fn code_of(kind: ModelErrorKind) -> Code {
    match kind {
        ModelErrorKind::Unreachable | ModelErrorKind::Failed | ModelErrorKind::Cut => Code::Unavailable,
        ModelErrorKind::Limited => Code::ResourceExhausted,
        ModelErrorKind::Deadline => Code::DeadlineExceeded,
        ModelErrorKind::Cancelled => Code::Cancelled,
        ModelErrorKind::Malformed => Code::Internal,
        // A wrong key, a refused request: nothing the chat's client could do better.
        _ => Code::FailedPrecondition,
    }
}
