//! One turn: a message, and the model's answer to it.

use std::any::Any;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;

use stolid::{CancelGuard, Status};

use super::answer::{Interrupted, Whole, give_answer};
use super::client_stream::{ClientStream, RunningTurn};
use super::service::Shared;
use super::session::{Session, saturate};
use super::statistics::Outcome;
use super::stop::{Stop, StopReason};
use crate::chat::error_text;
use crate::chat::proto::ChatResponse;
use crate::chat::proto::chat_response::Type;
use crate::terminal::clock::Moment;

/// A message that is to be answered.
#[derive(Debug)]
pub struct PendingTurn {
    /// What was said.
    pub message: String,
    /// Raised when the answer is no longer wanted.
    pub stop: Arc<Stop>,
    running: RunningTurn,
    _on_cancel: CancelGuard,
}

impl PendingTurn {
    /// A message that came in on the stream of `running`, and which is void when that stream is.
    pub fn new(message: String, running: RunningTurn) -> Self {
        let stop = Arc::new(Stop::default());
        let raised = Arc::clone(&stop);
        let on_cancel = running.stream().context().on_cancel(move |cause| raised.raise(cause.into()));
        Self { message, stop, running, _on_cancel: on_cancel }
    }

    /// The stream to answer on.
    pub fn stream(&self) -> &ClientStream {
        self.running.stream()
    }
}

/// Answers `first` and then every turn that waits behind it in `session`.
pub fn answer_all(shared: &Shared, session: &Session, first: PendingTurn) {
    let mut turn = Some(first);
    while let Some(current) = turn {
        answer_one(shared, session, current);
        turn = session.next_turn();
    }
}

fn answer_one(shared: &Shared, session: &Session, turn: PendingTurn) {
    let begun = shared.journal.now();
    let mut chunks = 0;
    // A model that panics must not leave its session busy for ever.
    let answered = panic::catch_unwind(AssertUnwindSafe(|| give_answer(shared, session, &turn, &mut chunks)));
    let answered = answered.unwrap_or_else(|panic| Err(Interrupted::Failed(panicked(panic.as_ref()))));
    match answered {
        Ok(whole) => complete(shared, session, turn, &begun, whole),
        Err(Interrupted::Stopped(reason)) => {
            shared.statistics.ended(Outcome::Failed);
            let time = shared.journal.now().since(&begun);
            shared.journal.cancelled(session.id(), chunks, time, reason);
            if let Some(status) = worth_telling(reason, session) {
                send_error(shared, turn.stream(), session.id(), &status);
            }
        }
        Err(Interrupted::Failed(status)) => {
            shared.statistics.ended(Outcome::Failed);
            fail(shared, turn.stream(), session.id(), &status);
        }
    }
}

/// Everything of the answer went out: keeps it, counts it and says so.
fn complete(shared: &Shared, session: &Session, turn: PendingTurn, begun: &Moment, whole: Whole) {
    let now = shared.journal.now();
    let time = now.since(begun);
    let Whole { text, chunks, context_messages } = whole;
    let message_count = session.keep(turn.message, text, now.clone());
    // Counted before the client hears of it, so that a client who asks then sees it.
    shared.statistics.ended(Outcome::Successful(time));
    shared.journal.completed(session.id(), chunks, time, context_messages);
    let done = ChatResponse {
        total_chunks: saturate(chunks),
        processing_time: time.as_secs_f64(),
        context_messages: saturate(context_messages),
        ..response(Type::ResponseComplete, session.id(), &now)
    };
    let update =
        ChatResponse { message_count: saturate(message_count), ..response(Type::SessionUpdate, session.id(), &now) };
    let stream = turn.running.stream();
    session.audience().tell_others(stream.id(), &update);
    // A client that left meanwhile finds the answer in the session when it comes back.
    let _ = stream.send(done).and_then(|()| stream.send(update));
}

/// A turn that cannot be answered: the log and the client hear why.
pub fn fail(shared: &Shared, stream: &ClientStream, session: &str, status: &Status) {
    shared.journal.failed(session, &error_text::from_status(status));
    send_error(shared, stream, session, status);
}

fn send_error(shared: &Shared, stream: &ClientStream, session: &str, status: &Status) {
    let error = ChatResponse {
        error_message: error_text::from_status(status),
        ..response(Type::Error, session, &shared.journal.now())
    };
    // A client that left meanwhile does not want to know.
    let _ = stream.send(error);
}

/// What a client is told about a stop that is not its own doing.
fn worth_telling(reason: StopReason, session: &Session) -> Option<Status> {
    match reason {
        StopReason::SessionDeleted => {
            let id = session.id();
            Some(Status::not_found(format!("the session {id:?} was deleted")))
        }
        _ => None,
    }
}

fn panicked(panic: &(dyn Any + Send)) -> Status {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    Status::internal(format!("the model panicked: {}", text.unwrap_or("for an unknown reason")))
}

/// A response of this type about this session, with nothing in it yet.
pub fn response(kind: Type, session: &str, now: &Moment) -> ChatResponse {
    ChatResponse {
        r#type: kind.into(),
        session_id: session.to_owned(),
        timestamp: now.rfc3339(),
        ..ChatResponse::default()
    }
}
