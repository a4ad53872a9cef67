//! A chat server in the process of the test, and its generated client.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use stolid::{BidiStreaming, Channel, Code, RecvTimeoutError, Sender, Status, Streaming};
use stolid_examples::chat::proto::chat_response::Type;
use stolid_examples::chat::proto::chat_service_client::ChatServiceClient;
use stolid_examples::chat::proto::{
    ChatRequest, ChatResponse, CreateSessionRequest, ServerStatsRequest, ServerStatsResponse, Session,
    SessionInfoRequest, chat_request,
};
use stolid_examples::chat::server::journal::Journal;
use stolid_examples::chat::server::running::RunningServer;
use stolid_examples::chat::server::service::ChatService;
pub(crate) use stolid_examples::chat::server::service::Settings;
use stolid_examples::model::Model;
use stolid_examples::program::address::ListenArguments;
use stolid_examples::program::compression::CompressionArguments;
use stolid_examples::terminal::clock::{Clock, Moment, SystemClock};
use stolid_examples::terminal::theme::Theme;
use stolid_examples::terminal::width_of_a_file;

use super::output::{Output, PATIENCE};

/// Limits that no test runs into by accident, and no pauses.
pub(crate) const SETTINGS: Settings = Settings {
    max_sessions: 1000,
    session_idle: Duration::from_secs(30 * 60),
    history_limit: 1000,
    word_delay: Duration::ZERO,
    answer_timeout: PATIENCE,
};

/// A clock that a test sets forward.
#[derive(Clone, Debug, Default)]
pub(crate) struct TestClock(Arc<Mutex<Duration>>);

impl TestClock {
    /// Lets time pass.
    pub(crate) fn advance(&self, time: Duration) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) += time;
    }
}

impl Clock for TestClock {
    fn now(&self) -> Moment {
        let ahead = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = SystemClock.now();
        Moment { instant: now.instant + ahead, wall: &now.wall + ahead }
    }
}

/// A running server and a client of it.
pub(crate) struct Serving {
    pub(crate) server: RunningServer,
    pub(crate) client: ChatServiceClient,
    pub(crate) log: Output,
    pub(crate) clock: TestClock,
}

impl Serving {
    /// A server with this model.
    pub(crate) fn start(model: Arc<dyn Model>) -> Self {
        Self::with_settings(model, SETTINGS)
    }

    /// A server with this model and these settings.
    pub(crate) fn with_settings(model: Arc<dyn Model>, settings: Settings) -> Self {
        let log = Output::default();
        let clock = TestClock::default();
        let journal = Journal::new(Box::new(log.clone()), Arc::new(clock.clone()), Theme::plain(), width_of_a_file);
        let listen = ListenArguments { host: "127.0.0.1".to_owned(), port: 0 };
        let compression = CompressionArguments { no_compression: false };
        let server = RunningServer::start(&listen, compression, ChatService::new(settings, model, journal))
            .expect("a free port");
        // The timeout is the watchdog of every call, streams included.
        let channel = Channel::builder(server.address().target()).timeout(PATIENCE).connect();
        let client = ChatServiceClient::new(channel.expect("the server listens"));
        Self { server, client, log, clock }
    }

    /// Makes a session; its id.
    #[track_caller]
    pub(crate) fn new_session(&self) -> String {
        self.try_new_session().expect("there is room for a session")
    }

    pub(crate) fn try_new_session(&self) -> Result<String, Status> {
        let response = self.client.create_session(CreateSessionRequest {})?;
        Ok(response.into_inner().session.expect("the new session").session_id)
    }

    /// What the server knows of a session.
    pub(crate) fn session(&self, id: &str) -> Result<Session, Status> {
        let response = self.client.get_session_info(SessionInfoRequest { session_id: id.to_owned() })?;
        Ok(response.into_inner().session.expect("the session"))
    }

    /// The server's counters.
    #[track_caller]
    pub(crate) fn stats(&self) -> ServerStatsResponse {
        self.client.get_server_stats(ServerStatsRequest {}).expect("the server answers").into_inner()
    }

    /// Opens a Chat stream.
    #[track_caller]
    pub(crate) fn talk(&self) -> Talk {
        Talk::new(self.client.chat(()).expect("a stream can be opened"))
    }

    /// Opens a Chat stream that hears of these sessions.
    #[track_caller]
    pub(crate) fn talk_in(&self, sessions: &[&str]) -> Talk {
        let mut talk = self.talk();
        for session in sessions {
            talk.send(chat_request::Type::Ping, session, "joining");
            assert_eq!(talk.next().kind(), Type::Pong);
        }
        talk
    }
}

/// A Chat stream.
pub(crate) struct Talk {
    pub(crate) requests: Option<Sender<ChatRequest>>,
    pub(crate) responses: Streaming<ChatResponse>,
}

impl Talk {
    fn new(call: BidiStreaming<ChatRequest, ChatResponse>) -> Self {
        let (requests, responses) = call.split();
        Self { requests: Some(requests), responses }
    }

    /// Sends a request.
    #[track_caller]
    pub(crate) fn send(&self, kind: chat_request::Type, session: &str, message: &str) {
        self.send_raw(ChatRequest {
            r#type: kind.into(),
            session_id: session.to_owned(),
            message: message.to_owned(),
            timestamp: String::new(),
        });
    }

    /// Sends a request as it is.
    #[track_caller]
    pub(crate) fn send_raw(&self, request: ChatRequest) {
        self.requests.as_ref().expect("not half-closed").send(request).expect("the stream is open");
    }

    /// Says something in a session.
    #[track_caller]
    pub(crate) fn say(&self, session: &str, message: &str) {
        self.send(chat_request::Type::Message, session, message);
    }

    /// Says that nothing more will be sent.
    pub(crate) fn half_close(&mut self) {
        self.requests = None;
    }

    /// The next response.
    #[track_caller]
    pub(crate) fn next(&mut self) -> ChatResponse {
        self.next_result().expect("the stream goes on").expect("the stream has not ended")
    }

    /// The next response, the end of the stream or its failure.
    #[track_caller]
    pub(crate) fn next_result(&mut self) -> Result<Option<ChatResponse>, Status> {
        match self.responses.message_timeout(PATIENCE) {
            Ok(response) => Ok(response),
            Err(RecvTimeoutError::Status(status)) => Err(status),
            Err(other) => panic!("the server is silent: {other}"),
        }
    }

    /// The next response, which must be of this type and about this session.
    #[track_caller]
    pub(crate) fn expect(&mut self, kind: Type, session: &str) -> ChatResponse {
        let response = self.next();
        assert_eq!((response.kind(), response.session_id.as_str()), (kind, session), "{response:?}");
        response
    }

    /// The next response, which must be an ERROR that begins with the name of `code`.
    #[track_caller]
    pub(crate) fn expect_error(&mut self, session: &str, code: Code) -> String {
        let error = self.expect(Type::Error, session).error_message;
        assert!(error.starts_with(&format!("{}: ", code.name())), "{error}");
        error
    }

    /// Says something and returns the answer, with everything in between checked for its order.
    #[track_caller]
    pub(crate) fn ask(&mut self, session: &str, message: &str) -> String {
        self.say(session, message);
        self.answer(session)
    }

    /// The answer that comes next.
    #[track_caller]
    pub(crate) fn answer(&mut self, session: &str) -> String {
        self.expect(Type::Status, session);
        self.expect(Type::ResponseStart, session);
        let mut text = String::new();
        let mut response = self.next();
        while response.kind() == Type::Chunk {
            text.push_str(&response.chunk_text);
            response = self.next();
        }
        assert_eq!(response.kind(), Type::ResponseComplete, "{response:?}");
        self.expect(Type::SessionUpdate, session);
        text
    }

    /// An answer to a question with so much context has begun.
    #[track_caller]
    pub(crate) fn assert_starts(&mut self, session: &str, context_messages: i32) {
        assert_eq!(self.expect(Type::Status, session).context_messages, context_messages);
        self.expect(Type::ResponseStart, session);
    }

    /// An answer of one chunk has ended, with so many messages in the session.
    #[track_caller]
    pub(crate) fn assert_ends(&mut self, session: &str, text: &str, message_count: i32) {
        assert_eq!(self.expect(Type::Chunk, session).chunk_text, text);
        self.expect(Type::ResponseComplete, session);
        assert_eq!(self.expect(Type::SessionUpdate, session).message_count, message_count);
    }

    /// Nothing was said that the test has not read: a PING is answered next.
    #[track_caller]
    pub(crate) fn assert_quiet(&mut self) {
        self.send(chat_request::Type::Ping, "", "quiet?");
        let response = self.next();
        assert_eq!(response.kind(), Type::Pong, "{response:?}");
    }
}

/// The type of a response.
pub(crate) trait Kind {
    fn kind(&self) -> Type;
}

impl Kind for ChatResponse {
    fn kind(&self) -> Type {
        Type::try_from(self.r#type).expect("a type this client knows")
    }
}
