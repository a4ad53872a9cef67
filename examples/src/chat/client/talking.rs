//! What the client does to have a message answered, and with what the server says.

use stolid::{Code, Status};

use super::answer::ArrivingAnswer;
use super::app::{Activity, App};
use super::boxes;
use super::connection::{Connection, request};
use crate::chat::error_text;
use crate::chat::proto::chat_response::Type;
use crate::chat::proto::{ChatRequest, ChatResponse, CreateSessionRequest, Session, chat_request};
use crate::chat::session_id::short;
use crate::terminal::durations;

/// The session the user is in.
#[derive(Clone, Debug)]
pub struct CurrentSession {
    /// Its name on the server.
    pub id: String,
    /// Who answers in it.
    pub model: String,
    /// Messages said in it, as far as the client knows.
    pub messages: i32,
}

impl From<Session> for CurrentSession {
    fn from(session: Session) -> Self {
        Self { id: session.session_id, model: session.model, messages: session.message_count }
    }
}

impl App {
    /// Says something in the session; connects and makes a session first where that is needed.
    pub(super) fn say(&mut self, message: String, repeated: bool) {
        if self.say_now(&message, repeated).is_none() {
            // Nothing went out, so there is no stream that failed.
            self.every_turn_succeeded = false;
        }
    }

    fn say_now(&mut self, message: &str, repeated: bool) -> Option<()> {
        self.ensure_connected()?;
        self.ensure_session()?;
        self.send(chat_request::Type::Message, message)?;
        self.statistics.messages_sent += 1;
        let id = self.session.as_ref()?.id.clone();
        self.screen.show(&boxes::message_sent(&id, message));
        let now = self.screen.now().instant;
        let answer = ArrivingAnswer::new(message.to_owned(), repeated, self.screen.width(), now);
        self.activity = Activity::Answer(Box::new(answer));
        Some(())
    }

    /// Makes a session and enters it.
    pub(super) fn create_session(&mut self) -> Option<()> {
        let connection = self.connection()?;
        let response = connection.client().create_session(request(CreateSessionRequest {}));
        let session = self.answered(response)?.session.unwrap_or_default();
        self.statistics.sessions_created += 1;
        let id = short(&session.session_id);
        self.screen.good(&format!("New session created: {id} ({})", session.model));
        self.enter(session.into());
        Some(())
    }

    /// Makes this the current session, and lets the server know that we listen to it.
    pub(super) fn enter(&mut self, session: CurrentSession) {
        self.session = Some(session);
        // Should it fail, the stream is over and the loop hears of it.
        let _ = self.send_quietly(chat_request::Type::Ping, "");
    }

    /// Sends a request for the current session; what cannot be sent on is no connection.
    pub(super) fn send(&mut self, kind: chat_request::Type, message: &str) -> Option<()> {
        let sent = self.send_quietly(kind, message)?;
        sent.inspect_err(|status| self.connection_lost(&status.to_string())).ok()
    }

    /// Sends a request for the current session, or without one for none.
    pub(super) fn send_quietly(&self, kind: chat_request::Type, message: &str) -> Option<Result<(), Status>> {
        let request = ChatRequest {
            r#type: kind.into(),
            session_id: self.session.as_ref().map(|session| session.id.clone()).unwrap_or_default(),
            message: message.to_owned(),
            timestamp: self.screen.now().rfc3339(),
        };
        self.connection().map(|connection| connection.send(request))
    }

    /// The server said something on the Chat stream.
    pub(super) fn hear(&mut self, response: ChatResponse) {
        let Ok(kind) = Type::try_from(response.r#type) else {
            // A newer server may say more than we understand.
            return;
        };
        if kind == Type::Pong {
            return self.hear_pong(&response);
        }
        if self.session.as_ref().is_none_or(|session| session.id != response.session_id) {
            return;
        }
        if kind == Type::SessionUpdate {
            return self.hear_update(&response);
        }
        match std::mem::replace(&mut self.activity, Activity::Idle) {
            Activity::Answer(answer) => self.hear_answer(kind, response, answer),
            other => {
                self.activity = other;
                if kind == Type::Status {
                    self.screen.notice(&response.status_message);
                }
            }
        }
    }

    fn hear_answer(&mut self, kind: Type, response: ChatResponse, mut answer: Box<ArrivingAnswer>) {
        let now = self.screen.now().instant;
        answer.heard(now);
        match kind {
            Type::Status if response.context_messages > 0 => {
                let context = response.context_messages;
                self.screen.notice(&format!("Generating response... (Context: {context} messages)"));
            }
            Type::ResponseStart => {
                let model = self.session.as_ref().map(|session| session.model.clone()).unwrap_or_default();
                let id = short(&response.session_id);
                self.screen.heading(&format!("AI Response (gRPC Streaming) ({id} - {model})"));
            }
            Type::Chunk => {
                self.statistics.chunks_received += 1;
                let words = answer.chunk(&response.chunk_text);
                self.screen.write(&words);
            }
            Type::ResponseComplete => {
                let rest = answer.finish();
                self.screen.write(&rest);
                let time = answer.complete(now);
                self.statistics.answered(time);
                let ChatResponse { total_chunks, context_messages, .. } = response;
                self.screen.show(&boxes::completed(total_chunks, time, context_messages));
            }
            Type::Error => return self.hear_error(&response.error_message, *answer),
            // News of other clients can wait for the end of the answer, and then they are old.
            _ => {}
        }
        self.activity = Activity::Answer(answer);
    }

    fn hear_error(&mut self, text: &str, mut answer: ArrivingAnswer) {
        let rest = answer.finish();
        self.screen.write(&rest);
        if error_text::is(text, Code::NotFound) && !answer.repeated && answer.chunks() == 0 {
            self.session_is_gone();
            if self.session.is_some() {
                return self.say(answer.message, true);
            }
        } else {
            self.screen.error(&format!("Error: {text}"));
        }
        self.turn_failed();
    }

    /// The server does not know the current session any more: says so and makes another one.
    pub(super) fn session_is_gone(&mut self) {
        if let Some(session) = self.session.take() {
            let id = short(&session.id);
            self.screen.notice(&format!("Session {id} is no longer on the server; starting a new one."));
        }
        self.create_session();
    }

    fn hear_update(&mut self, response: &ChatResponse) {
        if let Some(session) = &mut self.session {
            session.messages = response.message_count;
        }
        if matches!(&self.activity, Activity::Answer(answer) if answer.is_whole()) {
            self.activity = Activity::Idle;
        }
    }

    fn hear_pong(&mut self, response: &ChatResponse) {
        let Activity::Ping { nonce, sent } = &self.activity else { return };
        if response.status_message != *nonce {
            return;
        }
        let time = self.screen.now().instant.saturating_duration_since(*sent);
        let address = self.connector.address();
        self.screen.good(&format!("PONG from {address} ({})", durations::milliseconds(time)));
        self.activity = Activity::Idle;
    }

    /// Ctrl-C while an answer arrives: the server stops giving it.
    pub(super) fn cancel_answer(&mut self, mut answer: ArrivingAnswer) {
        let rest = answer.finish();
        self.screen.write(&rest);
        self.screen.notice("Answer cancelled.");
        self.give_up_stream();
        self.turn_failed();
    }

    /// Cancels what runs on the Chat stream, and opens another one.
    pub(super) fn give_up_stream(&mut self) {
        let reopened = self.connection_mut().map(Connection::cancel_answer);
        match reopened {
            Some(Ok(())) => {
                // As in `enter`.
                let _ = self.send_quietly(chat_request::Type::Ping, "");
            }
            Some(Err(error)) => self.connection_lost(&error.to_string()),
            None => {}
        }
    }

    /// A message that went out will not be answered.
    pub(super) fn turn_failed(&mut self) {
        self.activity = Activity::Idle;
        self.statistics.failed();
        self.every_turn_succeeded = false;
    }
}
