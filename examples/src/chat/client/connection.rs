//! A connection to the server, with the one Chat stream that carries all turns.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::SyncSender;
use std::thread;
use std::time::{Duration, Instant};

use stolid::{Channel, Error, Request, SendTimeoutError, Sender, Status, Streaming};

use super::event::Event;
use super::room::RoomStream;
use crate::chat::proto::chat_service_client::ChatServiceClient;
use crate::chat::proto::{ChatRequest, ServerStatsRequest, ServerStatsResponse};
use crate::items::proto::stream_service_client::StreamServiceClient;
use crate::program::address::Address;
use crate::program::compression::CompressionArguments;

/// How long a connection may take to be made, and the first answer on it to come.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// How long a call with one answer may take.
const CALL_TIMEOUT: Duration = Duration::from_secs(5);

/// How long the server may refuse to take a message.
const SEND_TIMEOUT: Duration = Duration::from_secs(5);

/// Makes connections to one server.
#[derive(Clone, Debug)]
pub struct Connector {
    address: Address,
    compression: CompressionArguments,
    events: SyncSender<Event>,
    streams: Arc<AtomicU64>,
}

/// Why there is no connection.
#[derive(Debug)]
pub enum Unreachable {
    /// No connection could be made.
    Connect(Error),
    /// It was made, and the server refused the first call.
    Refused(Status),
    /// The system gave no thread to read the stream with.
    Thread(io::Error),
}

impl fmt::Display for Unreachable {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect(error) => error.fmt(formatter),
            Self::Refused(status) => status.fmt(formatter),
            Self::Thread(error) => write!(formatter, "no thread to read with: {error}"),
        }
    }
}

impl std::error::Error for Unreachable {}

impl Connector {
    /// Connections to `address`, whose streams report to `events`.
    pub fn new(address: Address, compression: CompressionArguments, events: SyncSender<Event>) -> Self {
        Self { address, compression, events, streams: Arc::default() }
    }

    /// The server.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Where the threads of this client report to.
    pub fn events(&self) -> &SyncSender<Event> {
        &self.events
    }

    /// Connects, asks the server who it is and opens the Chat stream.
    ///
    /// # Errors
    /// Why that failed.
    pub fn connect(&self) -> Result<Connection, Unreachable> {
        let channel = self.compression.ask(Channel::builder(self.address.target()));
        let channel = channel.connect_timeout(CONNECT_TIMEOUT).connect().map_err(Unreachable::Connect)?;
        let rooms = StreamServiceClient::new(channel.clone());
        let client = ChatServiceClient::new(channel);
        let server = server_stats(&client, CONNECT_TIMEOUT).map_err(Unreachable::Refused)?;
        let stream = self.open_stream(&client)?;
        let since = Instant::now();
        Ok(Connection { connector: self.clone(), client, rooms, framework: server.framework, stream, since })
    }

    /// Asks the server how it is on a connection of its own, within `timeout`.
    ///
    /// # Errors
    /// Why there is no answer.
    pub fn probe(&self, timeout: Duration) -> Result<ServerStatsResponse, Unreachable> {
        let channel = Channel::connect_lazy(self.address.target()).map_err(Unreachable::Connect)?;
        server_stats(&ChatServiceClient::new(channel), timeout).map_err(Unreachable::Refused)
    }

    fn open_stream(&self, client: &ChatServiceClient) -> Result<OpenStream, Unreachable> {
        let (requests, responses) = client.chat(()).map_err(Unreachable::Refused)?.split();
        let number = self.read_on(responses, Event::Response, Event::StreamEnded)?;
        Ok(OpenStream { number, requests })
    }

    /// Reports everything the server says on a stream, and its end, with a number of the stream's own.
    fn read_on<T: 'static>(
        &self,
        mut responses: Streaming<T>,
        message: fn(u64, T) -> Event,
        end: fn(u64, Option<Status>) -> Event,
    ) -> Result<u64, Unreachable> {
        let number = self.streams.fetch_add(1, Ordering::Relaxed);
        let events = self.events.clone();
        // A full event queue stops the reading, and flow control then stops the server.
        let read = move || {
            let ended = responses.try_for_each(|response| {
                let response = response.map_err(Some)?;
                events.send(message(number, response)).map_err(|_| None)
            });
            // When the loop has ended nobody is there to be told.
            let _ = events.send(end(number, ended.err().flatten()));
        };
        let reader = thread::Builder::new().name(format!("stream {number}"));
        reader.spawn(read).map(|_| number).map_err(Unreachable::Thread)
    }
}

/// Asks the server for its counters, within `timeout`.
///
/// # Errors
/// How the call failed.
pub fn server_stats(client: &ChatServiceClient, timeout: Duration) -> Result<ServerStatsResponse, Status> {
    let request = Request::new(ServerStatsRequest {}).with_timeout(timeout);
    client.get_server_stats(request).map(stolid::Response::into_inner)
}

/// A request that may take as long as the user is ready to wait.
pub fn request<T>(message: T) -> Request<T> {
    Request::new(message).with_timeout(CALL_TIMEOUT)
}

#[derive(Debug)]
struct OpenStream {
    number: u64,
    requests: Sender<ChatRequest>,
}

/// A connection that works, as far as anybody knows.
pub struct Connection {
    connector: Connector,
    client: ChatServiceClient,
    rooms: StreamServiceClient,
    framework: String,
    stream: OpenStream,
    since: Instant,
}

impl Connection {
    /// For the calls with one answer.
    pub fn client(&self) -> &ChatServiceClient {
        &self.client
    }

    /// What the server runs on.
    pub fn framework(&self) -> &str {
        &self.framework
    }

    /// Whether an event comes from the stream in use, and not from one that was given up.
    pub fn is_current(&self, stream: u64) -> bool {
        self.stream.number == stream
    }

    /// How long the connection has lasted.
    pub fn age(&self) -> Duration {
        self.since.elapsed()
    }

    /// Whether the Chat stream is over, so that nothing more is to be expected of this connection.
    pub fn is_over(&self) -> bool {
        self.stream.requests.is_closed()
    }

    /// Sends a request on the Chat stream.
    ///
    /// # Errors
    /// Why it did not go out.
    pub fn send(&self, request: ChatRequest) -> Result<(), Status> {
        match self.stream.requests.send_timeout(request, SEND_TIMEOUT) {
            Ok(()) => Ok(()),
            Err(SendTimeoutError::Closed(_, status)) => Err(status),
            Err(SendTimeoutError::Timeout(_)) => Err(Status::deadline_exceeded("the server takes no messages")),
        }
    }

    /// Opens the stream that carries what is said in rooms.
    ///
    /// # Errors
    /// Why there is none.
    pub fn open_room(&self) -> Result<RoomStream, Unreachable> {
        let (requests, responses) = self.rooms.chat(()).map_err(Unreachable::Refused)?.split();
        let number = self.connector.read_on(responses, Event::RoomMessage, Event::RoomEnded)?;
        Ok(RoomStream { number, requests })
    }

    /// Cancels the Chat stream, and with it the answer that is arriving, and opens another one.
    ///
    /// # Errors
    /// Why there is no other one.
    pub fn cancel_answer(&mut self) -> Result<(), Unreachable> {
        self.stream.requests.context().cancel();
        self.stream = self.connector.open_stream(&self.client)?;
        Ok(())
    }

    /// Says that nothing more will be sent; the server then ends the stream.
    pub fn close(&self) {
        self.stream.requests.close();
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Connection")
            .field("address", &self.connector.address)
            .field("stream", &self.stream.number)
            .finish_non_exhaustive()
    }
}
