//! The six methods of `chat.v1.ChatService`.

use std::sync::Arc;
use std::time::Duration;

use stolid::{Request, Response, Sender, Status, Streaming};

use super::client_stream::shutting_down;
use super::journal::Journal;
use super::open_streams::OpenStreams;
use super::session::saturate;
use super::sessions::Sessions;
use super::statistics::Statistics;
use super::stream;
use super::turn::response;
use crate::chat::proto::chat_response::Type;
use crate::chat::proto::chat_service_server;
use crate::chat::proto::{
    ChatRequest, ChatResponse, CreateSessionRequest, CreateSessionResponse, DeleteSessionRequest,
    DeleteSessionResponse, ListSessionsRequest, ListSessionsResponse, ServerStatsRequest, ServerStatsResponse,
    SessionInfoRequest, SessionInfoResponse,
};
use crate::chat::session_id::short;
use crate::model::Model;
use crate::terminal::clock::Moment;

/// What an operator may choose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Sessions at most.
    pub max_sessions: usize,
    /// A session without a sign of life for this long is gone.
    pub session_idle: Duration,
    /// Messages a session holds at most.
    pub history_limit: usize,
    /// Pause between two words; zero sends the model's pieces as they come.
    pub word_delay: Duration,
    /// How long the model may take for an answer.
    pub answer_timeout: Duration,
}

/// What all calls share.
#[derive(Debug)]
pub struct Shared {
    /// What the operator chose.
    pub settings: Settings,
    /// Who answers.
    pub model: Arc<dyn Model>,
    /// The log.
    pub journal: Journal,
    /// What was said.
    pub sessions: Sessions,
    /// The counters.
    pub statistics: Statistics,
    /// The Chat streams that are open.
    pub streams: OpenStreams,
    started: Moment,
}

/// The chat service.
#[derive(Clone, Debug)]
pub struct ChatService {
    shared: Arc<Shared>,
}

impl ChatService {
    /// A service without sessions.
    pub fn new(settings: Settings, model: Arc<dyn Model>, journal: Journal) -> Self {
        let started = journal.now();
        Self {
            shared: Arc::new(Shared {
                sessions: Sessions::new(settings.max_sessions, settings.session_idle),
                statistics: Statistics::default(),
                streams: OpenStreams::default(),
                settings,
                model,
                journal,
                started,
            }),
        }
    }

    /// The log.
    pub fn journal(&self) -> &Journal {
        &self.shared.journal
    }

    /// The model that answers.
    pub fn model(&self) -> &dyn Model {
        self.shared.model.as_ref()
    }

    /// Takes no more turns and lets each Chat stream end with its last one; returns how many turns are still to end.
    pub fn drain(&self) -> usize {
        self.shared.streams.drain()
    }
}

impl chat_service_server::ChatService for ChatService {
    fn create_session(
        &self,
        request: Request<CreateSessionRequest>,
    ) -> Result<Response<CreateSessionResponse>, Status> {
        if request.context().is_draining() {
            return Err(shutting_down());
        }
        let Shared { sessions, model, journal, .. } = &*self.shared;
        let now = journal.now();
        let session = sessions.create(&now).inspect_err(|status| {
            journal.line(&format!("CreateSession refused: {}", status.message()));
        })?;
        journal.line(&format!("CreateSession → {} ({})", short(session.id()), model.name()));
        Ok(Response::new(CreateSessionResponse { session: Some(session.describe(model.name(), &now)) }))
    }

    fn get_session_info(&self, request: Request<SessionInfoRequest>) -> Result<Response<SessionInfoResponse>, Status> {
        let Shared { sessions, model, journal, .. } = &*self.shared;
        let now = journal.now();
        let session = sessions.find(&request.get_ref().session_id, &now)?;
        Ok(Response::new(SessionInfoResponse { session: Some(session.describe(model.name(), &now)) }))
    }

    fn list_sessions(&self, _: Request<ListSessionsRequest>) -> Result<Response<ListSessionsResponse>, Status> {
        let Shared { sessions, model, journal, .. } = &*self.shared;
        let now = journal.now();
        let sessions = sessions.list(&now);
        Ok(Response::new(ListSessionsResponse {
            sessions: sessions.iter().map(|session| session.describe(model.name(), &now)).collect(),
        }))
    }

    fn delete_session(
        &self,
        request: Request<DeleteSessionRequest>,
    ) -> Result<Response<DeleteSessionResponse>, Status> {
        let Shared { sessions, journal, .. } = &*self.shared;
        let now = journal.now();
        let session = sessions.remove(&request.get_ref().session_id, &now)?;
        journal.line(&format!("DeleteSession → {}", short(session.id())));
        // The stream that asked cannot be told from the others here; its client expects the news.
        let news = ChatResponse {
            status_message: "The session was deleted.".to_owned(),
            ..response(Type::Status, session.id(), &now)
        };
        session.audience().tell_all(&news);
        // The ERRORs of the turns that end with it come after the news.
        session.delete();
        Ok(Response::new(DeleteSessionResponse {}))
    }

    fn get_server_stats(&self, _: Request<ServerStatsRequest>) -> Result<Response<ServerStatsResponse>, Status> {
        let Shared { sessions, model, journal, statistics, started, .. } = &*self.shared;
        let now = journal.now();
        let counts = statistics.counts();
        let (active, created) = sessions.counts(&now);
        let count = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        Ok(Response::new(ServerStatsResponse {
            uptime_seconds: now.since(started).as_secs_f64(),
            total_requests: count(counts.total),
            successful_requests: count(counts.successful),
            failed_requests: count(counts.failed),
            active_sessions: saturate(active),
            total_sessions_created: count(created),
            average_response_time: counts.average_response_time().as_secs_f64(),
            model: model.name().to_owned(),
            framework: model.framework().to_owned(),
        }))
    }

    fn chat(&self, requests: Request<Streaming<ChatRequest>>, replies: Sender<ChatResponse>) -> Result<(), Status> {
        stream::serve(&self.shared, requests.into_inner(), replies);
        Ok(())
    }
}
