//! `Grpc`: what a generated client holds, and how each kind of call is made.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use super::calls::{BidiStreaming, ClientStreaming};
use super::channel::{self, Channel};
use crate::codec::{self, Codec, ProstCodec};
use crate::compression::{Accept, Coding, CompressionEncoding};
use crate::connection::{Connection, Opening};
use crate::context::{CallState, Context};
use crate::metadata::Metadata;
use crate::method_name::MethodName;
use crate::protocol::request_head;
use crate::request::{CallParts, Request};
use crate::response::Response;
use crate::status::Status;
use crate::stream::inbox::Inbox;
use crate::stream::outbox::{Finish, Sending};
use crate::stream::replay::KEPT_MAX;
use crate::stream::sender::{OnDrop, Sender, with_scratch};
use crate::stream::streaming::Streaming;
use crate::stream::{MessageLimits, Side, Stream};

/// What a call is made of.
struct Call {
    path: MethodName,
    deadline: Option<Instant>,
    metadata: Metadata,
    /// The call that this one is made for.
    parent: Option<Context>,
    coding: Coding,
}

/// Makes calls on a channel, by path. Generated clients are thin typed fronts of it.
///
/// # Calls that are made again
/// A call that has not left this side waits until its deadline for a connection and for its turn on it; when connecting
/// fails and there is no other connection, it fails with that. A call that the server refuses before it has begun with it
/// (REFUSED_STREAM, or a GOAWAY that leaves it out) is made again once, unseen by the application; if it is refused again
/// it fails with UNAVAILABLE, and so does one whose channel has been dropped meanwhile. That holds for all four kinds, but
/// a stream of requests is made again only while it has sent no more than 64 KiB, for that much is kept. A call whose
/// answer has begun, or whose connection breaks, is never made again: only the application knows whether that is safe.
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
///
/// `C` is the codec of every message; [`with_codec`](Self::with_codec) changes it.
pub struct Grpc<C = ProstCodec> {
    channel: Channel,
    /// Shared by clones, and a pointer only: clients are kept in users' types.
    settings: Arc<Settings>,
    codec: PhantomData<fn() -> C>,
}

/// How the calls of a client are made.
struct Settings {
    limits: MessageLimits,
    accept: Accept,
    send: Option<CompressionEncoding>,
    /// What the calls start from, made with the first one.
    coding: OnceLock<Coding>,
}

impl Settings {
    /// The same with a change, before there is anything made from it.
    fn changed(&self, change: impl FnOnce(&mut Self)) -> Arc<Self> {
        let mut settings =
            Self { limits: self.limits, accept: self.accept.clone(), send: self.send, coding: OnceLock::new() };
        change(&mut settings);
        Arc::new(settings)
    }
}

impl Grpc {
    /// Makes calls on `channel`, with messages by `prost`.
    #[must_use]
    pub fn new(channel: Channel) -> Self {
        Self::with(channel)
    }
}

impl<C> Grpc<C> {
    /// As [`new`](Grpc::new), for another codec.
    #[must_use]
    pub fn with(channel: Channel) -> Self {
        let (accept, send) = channel.compression();
        let settings = Settings { limits: channel.limits(), accept, send, coding: OnceLock::new() };
        Self { channel, settings: Arc::new(settings), codec: PhantomData }
    }

    /// The same client for messages in another format.
    #[must_use]
    pub fn with_codec<D>(self) -> Grpc<D> {
        let settings = self.settings.changed(|_| {});
        Grpc { channel: self.channel, settings, codec: PhantomData }
    }

    /// Compresses requests with `encoding`, wherever that makes them shorter; the channel's setting unless set. A client
    /// cannot know in advance what a server accepts: one that does not fails the call with UNIMPLEMENTED.
    #[must_use]
    pub fn send_compressed(self, encoding: CompressionEncoding) -> Self {
        self.changed(|settings| settings.send = Some(encoding))
    }

    /// Accepts responses compressed with `encoding`. Until the first use of this everything that was compiled in is
    /// accepted, from then on only what was named.
    #[must_use]
    pub fn accept_compressed(self, encoding: CompressionEncoding) -> Self {
        self.changed(|settings| settings.accept = std::mem::take(&mut settings.accept).and(encoding))
    }

    /// Largest response message, bytes; the channel's limit unless set.
    #[must_use]
    pub fn max_decoding_message_size(self, limit: usize) -> Self {
        self.changed(|settings| settings.limits.receive = limit)
    }

    /// Largest request message, bytes; the channel's limit unless set.
    #[must_use]
    pub fn max_encoding_message_size(self, limit: usize) -> Self {
        self.changed(|settings| settings.limits.send = limit)
    }

    fn changed(self, change: impl FnOnce(&mut Settings)) -> Self {
        let settings = self.settings.changed(change);
        Self { settings, ..self }
    }

    /// One request, one response. Blocks until the call is over.
    ///
    /// # Errors
    /// The call's status, as the server sent it or as it was made here: deadline, cancellation, no connection.
    pub fn unary<In, Out>(
        &self,
        path: impl Into<Cow<'static, str>>,
        request: Request<In>,
    ) -> Result<Response<Out>, Status>
    where
        C: Codec<In> + Codec<Out>,
    {
        let (call, message) = self.call::<In, _>(path.into(), request)?;
        let mut again = true;
        loop {
            let stream = self.open_with(&call, None, &message)?;
            stream.wait_outcome();
            // The server has promised that it has not begun (gRPC retry design, "transparent retries").
            if stream.was_refused() && std::mem::take(&mut again) {
                tracing::debug!(method = call.path.as_str(), "the call was not processed and is made again");
                continue;
            }
            // A large response may then be decoded to where a large request was.
            drop(message);
            return Streaming::new(stream, <C as Codec<Out>>::decode).outcome();
        }
    }

    /// One request, any number of responses. Returns before the server has answered.
    ///
    /// # Errors
    /// When there is no connection, or the message is over the limit; later failures come from the stream.
    pub fn server_streaming<In, Out>(
        &self,
        path: impl Into<Cow<'static, str>>,
        request: Request<In>,
    ) -> Result<Streaming<Out>, Status>
    where
        C: Codec<In> + Codec<Out>,
    {
        let (call, message) = self.call::<In, _>(path.into(), request)?;
        let stream = self.open_with(&call, Some(usize::MAX), &message)?;
        // Nobody may be waiting when the deadline passes.
        stream.set_timer();
        Ok(Streaming::new(stream, <C as Codec<Out>>::decode))
    }

    /// Any number of requests, one response.
    ///
    /// # Errors
    /// When there is no connection; later failures come from the call.
    pub fn client_streaming<In, Out>(
        &self,
        path: impl Into<Cow<'static, str>>,
        request: Request<()>,
    ) -> Result<ClientStreaming<In, Out>, Status>
    where
        C: Codec<In> + Codec<Out>,
    {
        let (call, ()) = self.call::<In, _>(path.into(), request)?;
        let stream = self.open(&call, Some(KEPT_MAX), |_| Ok(()))?;
        stream.set_timer();
        let requests = Sender::new(Arc::clone(&stream), <C as Codec<In>>::encode_envelope, OnDrop::Nothing);
        Ok(ClientStreaming::new(requests, Streaming::new(stream, <C as Codec<Out>>::decode)))
    }

    /// Any number of requests and of responses. Returns before the server has answered.
    ///
    /// # Errors
    /// When there is no connection; later failures come from the call.
    pub fn streaming<In, Out>(
        &self,
        path: impl Into<Cow<'static, str>>,
        request: Request<()>,
    ) -> Result<BidiStreaming<In, Out>, Status>
    where
        C: Codec<In> + Codec<Out>,
    {
        let (call, ()) = self.call::<In, _>(path.into(), request)?;
        let stream = self.open(&call, Some(KEPT_MAX), |_| Ok(()))?;
        stream.set_timer();
        let requests = Sender::new(Arc::clone(&stream), <C as Codec<In>>::encode_envelope, OnDrop::HalfClose);
        Ok(BidiStreaming::new(requests, Streaming::new(stream, <C as Codec<Out>>::decode)))
    }

    /// What a call is made of, however often it is tried. Its deadline counts from here.
    fn call<In, M>(&self, path: Cow<'static, str>, request: Request<M>) -> Result<(Call, M), Status>
    where
        C: Codec<In>,
    {
        let (CallParts { metadata, timeout, parent, plain }, message) = request.into_call_parts();
        let parent = parent.context();
        let deadline = channel::deadline(timeout, &self.channel, parent.as_ref())?;
        let settings = &self.settings;
        let coding = settings.coding.get_or_init(|| Coding::new(settings.accept.clone(), C::SUBTYPE));
        let mut coding = coding.clone();
        coding.send = settings.send.filter(|_| !plain);
        Ok((Call { path: path.into(), deadline, metadata, parent, coding }, message))
    }

    /// Opens a call whose one request leaves together with the headers and the half-close.
    fn open_with<In>(&self, call: &Call, kept: Option<usize>, message: &In) -> Result<Arc<Stream>, Status>
    where
        C: Codec<In>,
    {
        self.open(call, kept, |stream| {
            with_scratch(|scratch| {
                codec::encode(C::encode_envelope, message, self.settings.limits.send, call.coding.send, scratch)?;
                let mut outbox = stream.outbox();
                outbox.append(scratch);
                if matches!(outbox.sending, Sending::Open) {
                    outbox.sending = Sending::Finishing(Finish::HalfClose);
                }
                Ok(())
            })
        })
    }

    /// Opens a call, now or when the server allows one more. `kept`: bytes of requests that are kept so that the call can
    /// be made again; none for one that its own thread makes again.
    fn open(
        &self,
        call: &Call,
        kept: Option<usize>,
        fill: impl Fn(&Stream) -> Result<(), Status>,
    ) -> Result<Arc<Stream>, Status> {
        let claim = self.channel.pool().claim(call.deadline, call.parent.as_ref())?;
        let (stream, opening) = self.prepare(call, Arc::clone(&claim.connection))?;
        if let Some(limit) = kept {
            stream.keep(opening.request.clone(), limit);
        }
        fill(&stream)?;
        claim.open(opening);
        Ok(stream)
    }

    fn prepare(&self, call: &Call, connection: Arc<Connection>) -> Result<(Arc<Stream>, Opening), Status> {
        let Call { path, deadline, metadata, parent, coding } = call;
        let state = Arc::new(CallState::new(Side::Client, path.clone(), *deadline, Arc::clone(&connection.ends)));
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let channel = &self.channel;
        let (scheme, authority, agent) = (channel.scheme(), channel.authority(), channel.user_agent());
        let request = request_head::build(scheme, authority, path, left, agent, coding, metadata.clone())?;
        let limits = self.settings.limits;
        let inbox = Inbox::new(limits.receive);
        let stream = Stream::new(connection, Side::Client, state, limits, coding.clone(), inbox);
        if let Some(parent) = parent {
            parent.state.adopt(&stream);
        }
        Ok((Arc::clone(&stream), Opening { stream, request }))
    }
}

impl<C> Clone for Grpc<C> {
    fn clone(&self) -> Self {
        Self { channel: self.channel.clone(), settings: Arc::clone(&self.settings), codec: PhantomData }
    }
}

impl<C> fmt::Debug for Grpc<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Grpc").field("channel", &self.channel).finish_non_exhaustive()
    }
}
