//! `Grpc`: what a generated client holds, and how each kind of call is made.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use prost::Message;

use super::calls::{BidiStreaming, ClientStreaming};
use super::channel::{self, Channel};
use crate::codec;
use crate::connection::{Connection, Opening};
use crate::context::{CallState, Context, MethodName};
use crate::metadata::Metadata;
use crate::protocol::request_head;
use crate::request::{CallParts, Request};
use crate::response::Response;
use crate::status::Status;
use crate::stream::outbox::{Finish, Sending};
use crate::stream::sender::{OnDrop, Sender, with_scratch};
use crate::stream::streaming::Streaming;
use crate::stream::{MessageLimits, Side, Stream};

/// Connections tried for one call that has not left yet.
const OPEN_TRIES: u32 = 5;

/// What a call is made of.
struct Call {
    path: &'static str,
    deadline: Option<Instant>,
    metadata: Metadata,
    /// The call that this one is made for.
    parent: Option<Context>,
}

/// Makes calls on a channel, by path. Generated clients are thin typed fronts of it.
///
/// # Examples
/// ```no_run
/// use stolid::{Channel, Request, client::Grpc};
///
/// let grpc = Grpc::new(Channel::connect("http://127.0.0.1:50051")?);
/// let answer = grpc.unary::<String, String>("/demo.Echo/Say", Request::new("hello".to_owned()))?;
/// println!("{}", answer.into_inner());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Grpc {
    channel: Channel,
    limits: MessageLimits,
}

impl Grpc {
    /// Makes calls on `channel`.
    #[must_use]
    pub fn new(channel: Channel) -> Self {
        let limits = channel.limits();
        Self { channel, limits }
    }

    /// Largest response message, bytes; the channel's limit unless set.
    #[must_use]
    pub fn max_decoding_message_size(mut self, limit: usize) -> Self {
        self.limits.receive = limit;
        self
    }

    /// Largest request message, bytes; the channel's limit unless set.
    #[must_use]
    pub fn max_encoding_message_size(mut self, limit: usize) -> Self {
        self.limits.send = limit;
        self
    }

    /// One request, one response. Blocks until the call is over.
    ///
    /// # Errors
    /// The call's status, as the server sent it or as it was made here: deadline, cancellation, no connection.
    pub fn unary<In, Out>(&self, path: &'static str, request: Request<In>) -> Result<Response<Out>, Status>
    where
        In: Message,
        Out: Message + Default,
    {
        let (call, message) = self.call(path, request)?;
        let mut again = true;
        loop {
            let stream = self.open_with(&call, &message)?;
            let outcome = Streaming::new(Arc::clone(&stream)).outcome();
            // The server has promised that it has not begun (gRPC retry design, "transparent retries").
            if outcome.is_err() && (stream.was_refused() || stream.was_kept_back()) && std::mem::take(&mut again) {
                tracing::debug!(path, "the call was not processed and is made again");
                continue;
            }
            return outcome;
        }
    }

    /// One request, any number of responses. Returns before the server has answered.
    ///
    /// # Errors
    /// When there is no connection, or the message is over the limit; later failures come from the stream.
    pub fn server_streaming<In, Out>(&self, path: &'static str, request: Request<In>) -> Result<Streaming<Out>, Status>
    where
        In: Message,
        Out: Message + Default,
    {
        let (call, message) = self.call(path, request)?;
        let stream = self.open_with(&call, &message)?;
        // Nobody may be waiting when the deadline passes.
        stream.set_timer();
        Ok(Streaming::new(stream))
    }

    /// Any number of requests, one response.
    ///
    /// # Errors
    /// When there is no connection; later failures come from the call.
    pub fn client_streaming<In, Out>(
        &self,
        path: &'static str,
        request: Request<()>,
    ) -> Result<ClientStreaming<In, Out>, Status>
    where
        In: Message,
        Out: Message + Default,
    {
        let (call, ()) = self.call(path, request)?;
        let stream = self.open(&call, |_| Ok(()))?;
        stream.set_timer();
        Ok(ClientStreaming::new(Sender::new(Arc::clone(&stream), OnDrop::Nothing), Streaming::new(stream)))
    }

    /// Any number of requests and of responses. Returns before the server has answered.
    ///
    /// # Errors
    /// When there is no connection; later failures come from the call.
    pub fn streaming<In, Out>(&self, path: &'static str, request: Request<()>) -> Result<BidiStreaming<In, Out>, Status>
    where
        In: Message,
        Out: Message + Default,
    {
        let (call, ()) = self.call(path, request)?;
        let stream = self.open(&call, |_| Ok(()))?;
        stream.set_timer();
        Ok(BidiStreaming::new(Sender::new(Arc::clone(&stream), OnDrop::HalfClose), Streaming::new(stream)))
    }

    /// What a call is made of, however often it is tried. Its deadline counts from here.
    fn call<In>(&self, path: &'static str, request: Request<In>) -> Result<(Call, In), Status> {
        let (CallParts { metadata, timeout }, message) = request.into_call_parts();
        let parent = Context::current();
        let deadline = channel::deadline(timeout, &self.channel, parent.as_ref())?;
        Ok((Call { path, deadline, metadata, parent }, message))
    }

    /// Opens a call whose one request leaves together with the headers and the half-close.
    fn open_with<In: Message>(&self, call: &Call, message: &In) -> Result<Arc<Stream>, Status> {
        self.open(call, |stream| {
            with_scratch(|scratch| {
                codec::encode_message(message, self.limits.send, scratch)?;
                let mut outbox = stream.outbox();
                outbox.append(scratch);
                if matches!(outbox.sending, Sending::Open) {
                    outbox.sending = Sending::Finishing(Finish::HalfClose);
                }
                Ok(())
            })
        })
    }

    /// Opens a call; on a further connection when one turns out to take no new calls.
    fn open(&self, call: &Call, fill: impl Fn(&Stream) -> Result<(), Status>) -> Result<Arc<Stream>, Status> {
        let mut tries = 0;
        loop {
            tries += 1;
            let connection = self.channel.connection(call.deadline, call.parent.as_ref())?;
            let (stream, opening) = self.prepare(call, connection)?;
            fill(&stream)?;
            stream.connection.open(opening);
            if !stream.was_kept_back() || tries == OPEN_TRIES {
                return Ok(stream);
            }
        }
    }

    fn prepare(&self, call: &Call, connection: Arc<Connection>) -> Result<(Arc<Stream>, Opening), Status> {
        let Call { path, deadline, metadata, parent } = call;
        let name = MethodName::Static(path);
        let state = Arc::new(CallState::new(Side::Client, name, *deadline, Arc::clone(&connection.ends)));
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let channel = &self.channel;
        let (scheme, authority, agent) = (channel.scheme(), channel.authority(), channel.user_agent());
        let request = request_head::build(scheme, authority, path, left, agent, metadata.clone())?;
        let stream = Stream::new(connection, Side::Client, state, self.limits);
        if let Some(parent) = parent {
            parent.state.adopt(&stream);
        }
        Ok((Arc::clone(&stream), Opening { stream, request }))
    }
}

impl fmt::Debug for Grpc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Grpc").field("channel", &self.channel).finish_non_exhaustive()
    }
}
