//! Reads one Chat stream.

use std::collections::HashMap;
use std::sync::Arc;
use std::thread;

use stolid::{Sender, Status, Streaming};

use super::client_stream::{ClientStream, shutting_down};
use super::service::Shared;
use super::session::Session;
use super::statistics::Outcome;
use super::turn::{self, PendingTurn, response};
use crate::chat::proto::chat_request::Type;
use crate::chat::proto::{ChatRequest, ChatResponse, chat_response};
use crate::chat::{error_text, session_id};

/// Serves one Chat stream until the client half-closes or leaves, or the server stops.
pub fn serve(shared: &Arc<Shared>, mut requests: Streaming<ChatRequest>, replies: Sender<ChatResponse>) {
    let stream = shared.streams.open(replies, requests.context());
    let mut reader = Reader { shared, stream: &stream, joined: HashMap::new() };
    shared.journal.line(&format!("Stream #{} opened{}", stream.id(), from(&stream)));
    let result = reader.read(&mut requests);
    if result.is_ok() {
        stream.wait_idle();
    }
    for session in reader.joined.values() {
        session.audience().leave(stream.id());
    }
    shared.streams.close(&stream);
    let how = match &result {
        Ok(()) => String::new(),
        Err(status) => format!(": {}", error_text::from_status(status)),
    };
    stream.end(result);
    shared.journal.line(&format!("Stream #{} closed{how}", stream.id()));
}

fn from(stream: &ClientStream) -> String {
    stream.context().peer_addr().map(|peer| format!(" from {peer}")).unwrap_or_default()
}

struct Reader<'a> {
    shared: &'a Arc<Shared>,
    stream: &'a Arc<ClientStream>,
    /// The sessions this stream hears of; as many as the server may hold at most.
    joined: HashMap<String, Arc<Session>>,
}

impl Reader<'_> {
    fn read(&mut self, requests: &mut Streaming<ChatRequest>) -> Result<(), Status> {
        while let Some(request) = requests.message()? {
            match Type::try_from(request.r#type) {
                Ok(Type::Message) => self.message(request),
                Ok(Type::Ping) => self.ping(request),
                Ok(Type::TypingStart) => self.typing(&request, "Another client is typing..."),
                Ok(Type::TypingStop) => self.typing(&request, "Another client stopped typing."),
                // A newer client may know more than we do.
                Err(_) => {}
            }
        }
        Ok(())
    }

    fn message(&mut self, request: ChatRequest) {
        let ChatRequest { session_id, message, .. } = request;
        self.shared.statistics.arrived();
        self.shared.journal.request(&session_id, &message);
        if let Err(status) = self.start_turn(&session_id, message) {
            self.shared.statistics.ended(Outcome::Failed);
            turn::fail(self.shared, self.stream, &session_id, &status);
        }
    }

    fn start_turn(&mut self, id: &str, message: String) -> Result<(), Status> {
        let session = self.join(id)?;
        let running = self.stream.begin_turn().ok_or_else(shutting_down)?;
        let pending = PendingTurn::new(message, running);
        let Some(first) = session.admit(pending, self.shared.journal.now())? else {
            return Ok(());
        };
        let shared = Arc::clone(self.shared);
        let answering = Arc::clone(&session);
        let started = thread::Builder::new()
            .name(format!("session {}", session_id::short(id)))
            .spawn(move || turn::answer_all(&shared, &answering, first));
        started.map(drop).map_err(|error| {
            let status = Status::resource_exhausted(format!("no thread for the answer: {error}"));
            // Nobody is there to answer what came in behind this turn on other streams.
            while let Some(waiting) = session.next_turn() {
                self.shared.statistics.ended(Outcome::Failed);
                turn::fail(self.shared, waiting.stream(), id, &status);
            }
            status
        })
    }

    fn ping(&mut self, request: ChatRequest) {
        let ChatRequest { session_id, message, .. } = request;
        // A PING is about the stream; a session that is gone shows with the next MESSAGE.
        let _ = self.join(&session_id);
        let pong = ChatResponse {
            status_message: message,
            ..response(chat_response::Type::Pong, &session_id, &self.shared.journal.now())
        };
        // If it cannot be sent the stream is over, and the next read says so.
        let _ = self.stream.send(pong);
    }

    fn typing(&mut self, request: &ChatRequest, news: &str) {
        // Nobody is there to be told, and an ERROR would belong to no turn.
        let Ok(session) = self.join(&request.session_id) else { return };
        let now = self.shared.journal.now();
        let news = ChatResponse {
            status_message: news.to_owned(),
            ..response(chat_response::Type::Status, session.id(), &now)
        };
        session.touch(now);
        session.audience().tell_others(self.stream.id(), &news);
    }

    /// The session with this id, which this stream hears of from now on.
    fn join(&mut self, id: &str) -> Result<Arc<Session>, Status> {
        let found = self.shared.sessions.find(id, &self.shared.journal.now());
        let session = match found {
            Ok(session) => session,
            Err(status) => {
                self.joined.remove(id);
                return Err(status);
            }
        };
        if !self.joined.contains_key(id) && session.audience().join(self.stream.id(), self.stream.replies()) {
            // A stream may outlive any number of sessions.
            self.joined.retain(|_, session| !session.is_deleted());
            self.joined.insert(id.to_owned(), Arc::clone(&session));
        }
        Ok(session)
    }
}
