//! `Channel`: one logical server, connected when needed, shared by any number of threads.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use http::HeaderValue;
use http::uri::{Authority, Scheme};

use super::target::Target;
use super::{backoff, keeper};
use crate::code::Code;
use crate::compression::{Accept, CompressionEncoding};
use crate::connection::{ClientEvents, Connection, Control};
use crate::context::{CancelCause, Context};
use crate::error::{Error, ErrorKind};
use crate::lane::Lane;
use crate::protocol::request_head;
use crate::status::Status;
use crate::stream::{MessageLimits, Side, after, wait};
use crate::wait::{Waiter, WaiterList, WakeSet};

/// How long connecting may take, unless configured.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);

/// A connection to one server, made when the first call needs it and again after it was lost.
///
/// A handle: clones share the connection, and any number of threads may call through it. When the last handle (and every
/// client made from it) is dropped, running calls go on to their end, then the connection closes.
///
/// # Examples
/// ```
/// use stolid::Channel;
///
/// // Nobody is asked yet: the first call connects.
/// let channel = Channel::connect_lazy("http://127.0.0.1:50051")?;
/// assert_eq!(channel.state(), stolid::ConnectivityState::Idle);
/// # Ok::<(), stolid::Error>(())
/// ```
#[derive(Clone)]
pub struct Channel {
    handle: Arc<Handle>,
}

/// What a channel is doing; the words are gRPC's ("gRPC Connectivity Semantics and API").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ConnectivityState {
    /// No connection; the next call makes one.
    Idle,
    /// A connection is being made; calls wait for it.
    Connecting,
    /// Connected.
    Ready,
    /// The last attempt failed; calls fail with its error until the next attempt.
    TransientFailure,
    /// The channel was closed.
    Shutdown,
}

/// Dropped with the last clone of a channel.
struct Handle {
    shared: Arc<Shared>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.close();
    }
}

/// What the channel's handles and its keeper share.
pub(super) struct Shared {
    pub(super) target: Target,
    pub(super) config: Config,
    state: Mutex<State>,
    myself: Weak<Self>,
}

#[derive(Debug, Clone)]
pub(super) struct Config {
    pub(super) connect_timeout: Duration,
    timeout: Option<Duration>,
    user_agent: HeaderValue,
    limits: MessageLimits,
    accept: Accept,
    send: Option<CompressionEncoding>,
}

/// # Locks
/// Level 1.
struct State {
    phase: Phase,
    waiters: WaiterList,
    failures: u32,
    /// The lane of the connection, made or being made, to wake the keeper.
    lane: Option<Arc<Lane>>,
}

enum Phase {
    Idle,
    /// A keeper makes a connection; there is one once TCP is connected.
    Connecting(Option<Arc<Connection>>),
    Ready(Arc<Connection>),
    Failed {
        until: Instant,
        why: Status,
        error: Error,
    },
    Shutdown,
}

/// What a caller that wants a connection has to do.
enum Step {
    Use(Arc<Connection>),
    /// Nobody connects yet: start a keeper.
    Start,
    Fail(Status),
}

impl Channel {
    /// Connects to `http://host:port` and waits until the server has shown that it speaks HTTP/2.
    ///
    /// # Errors
    /// When the target makes no sense, the name has no address, nobody listens, or the peer is no HTTP/2 server; also
    /// after 20 seconds. The error names the phase, the peer and the cause.
    pub fn connect(target: impl AsRef<str>) -> Result<Self, Error> {
        Self::builder(target).connect()
    }

    /// A channel that connects with its first call.
    ///
    /// # Errors
    /// When the target makes no sense.
    pub fn connect_lazy(target: impl AsRef<str>) -> Result<Self, Error> {
        Self::builder(target).connect_lazy()
    }

    /// Starts to configure a channel.
    pub fn builder(target: impl AsRef<str>) -> ChannelBuilder {
        ChannelBuilder {
            target: target.as_ref().to_owned(),
            connect_timeout: CONNECT_TIMEOUT,
            timeout: None,
            user_agent: None,
            limits: MessageLimits::default(),
            accept: Accept::default(),
            send: None,
        }
    }

    /// What the channel is doing.
    #[must_use]
    pub fn state(&self) -> ConnectivityState {
        match &self.shared().lock().phase {
            Phase::Ready(connection) if connection.is_dead() => ConnectivityState::Idle,
            Phase::Idle => ConnectivityState::Idle,
            Phase::Connecting(_) => ConnectivityState::Connecting,
            Phase::Ready(_) => ConnectivityState::Ready,
            Phase::Failed { until, .. } if *until <= Instant::now() => ConnectivityState::Idle,
            Phase::Failed { .. } => ConnectivityState::TransientFailure,
            Phase::Shutdown => ConnectivityState::Shutdown,
        }
    }

    fn shared(&self) -> &Arc<Shared> {
        &self.handle.shared
    }

    pub(super) fn scheme(&self) -> &Scheme {
        &self.shared().target.scheme
    }

    pub(super) fn authority(&self) -> &Authority {
        &self.shared().target.authority
    }

    pub(super) fn user_agent(&self) -> &HeaderValue {
        &self.shared().config.user_agent
    }

    pub(super) fn limits(&self) -> MessageLimits {
        self.shared().config.limits
    }

    pub(super) fn compression(&self) -> (Accept, Option<CompressionEncoding>) {
        (self.shared().config.accept.clone(), self.shared().config.send)
    }

    pub(super) fn timeout(&self) -> Option<Duration> {
        self.shared().config.timeout
    }

    /// The connection, made now if need be. Blocks at most until `deadline`, or until `parent` is cancelled.
    pub(super) fn connection(
        &self,
        deadline: Option<Instant>,
        parent: Option<&Context>,
    ) -> Result<Arc<Connection>, Status> {
        let shared = self.shared();
        loop {
            let waited = wait::until(
                None,
                deadline,
                |waiter| {
                    let cause = parent.and_then(|parent| parent.state.watch(waiter));
                    cause.map_or_else(|| shared.step(waiter), |cause| Some(Step::Fail(cause.status(Side::Client))))
                },
                |waiter| {
                    shared.lock().waiters.remove(waiter);
                    if let Some(parent) = parent {
                        parent.state.unwatch(waiter);
                    }
                },
            );
            match waited {
                Ok(Step::Use(connection)) => return Ok(connection),
                Ok(Step::Fail(status)) => return Err(status),
                Ok(Step::Start) => keeper::start(shared),
                Err(wait::TimedOut) => {
                    let authority = &shared.target.authority;
                    return Err(Status::deadline_exceeded(format!(
                        "the call's deadline passed while connecting to {authority}"
                    )));
                }
            }
        }
    }
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let target = &self.shared().target.authority;
        f.debug_struct("Channel").field("target", &target.as_str()).field("state", &self.state()).finish()
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn step(&self, waiter: &Arc<Waiter>) -> Option<Step> {
        let mut state = self.lock();
        match &state.phase {
            Phase::Ready(connection) if !connection.is_dead() => return Some(Step::Use(Arc::clone(connection))),
            Phase::Failed { until, why, .. } if *until > Instant::now() => return Some(Step::Fail(why.clone())),
            Phase::Shutdown => return Some(Step::Fail(Status::unavailable("the channel was closed"))),
            Phase::Connecting(_) => {}
            Phase::Idle | Phase::Ready(_) | Phase::Failed { .. } => {
                state.phase = Phase::Connecting(None);
                return Some(Step::Start);
            }
        }
        state.waiters.add(waiter);
        None
    }

    fn set(&self, change: impl FnOnce(&mut State)) {
        let mut wakes = WakeSet::default();
        {
            let mut state = self.lock();
            change(&mut state);
            state.waiters.take(&mut wakes);
        }
        wakes.fire();
    }

    /// The keeper has a lane; false when the channel was closed meanwhile.
    pub(super) fn keeps(&self, lane: &Arc<Lane>) -> bool {
        let mut state = self.lock();
        state.lane = Some(Arc::clone(lane));
        !matches!(state.phase, Phase::Shutdown)
    }

    /// TCP is connected; false when the channel was closed meanwhile.
    pub(super) fn connected(&self, connection: &Arc<Connection>) -> bool {
        let mut state = self.lock();
        if matches!(state.phase, Phase::Shutdown) {
            return false;
        }
        state.phase = Phase::Connecting(Some(Arc::clone(connection)));
        true
    }

    pub(super) fn is_closed(&self) -> bool {
        matches!(self.lock().phase, Phase::Shutdown)
    }

    /// The attempt failed: calls fail with `error` until the next one.
    pub(super) fn failed(&self, kind: ErrorKind, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) {
        let authority = &self.target.authority;
        let error = Error::new(kind, authority.to_string(), cause);
        let why = Status::unavailable(error.to_string()).with_source(error.clone());
        tracing::info!(%authority, %why, "connecting failed");
        self.set(|state| {
            state.lane = None;
            if matches!(state.phase, Phase::Shutdown) {
                return;
            }
            state.failures += 1;
            let delay = backoff::delay(state.failures, backoff::random());
            state.phase = Phase::Failed { until: Instant::now() + delay, why, error };
        });
    }

    fn last_error(&self) -> Option<Error> {
        match &self.lock().phase {
            Phase::Failed { error, .. } => Some(error.clone()),
            _ => None,
        }
    }

    pub(super) fn events(&self) -> Weak<dyn ClientEvents> {
        let events: Weak<Self> = Weak::clone(&self.myself);
        events
    }

    /// The last handle is gone: running calls end by themselves, new ones do not start.
    fn close(&self) {
        let mut before = Phase::Shutdown;
        let mut lane = None;
        self.set(|state| {
            before = std::mem::replace(&mut state.phase, Phase::Shutdown);
            lane = state.lane.take();
        });
        if let Phase::Ready(connection) | Phase::Connecting(Some(connection)) = before {
            connection.control(Control::Drain);
        }
        if let Some(lane) = lane {
            lane.wake();
        }
    }
}

impl ClientEvents for Shared {
    fn ready(&self, connection: &Arc<Connection>) {
        tracing::debug!(authority = %self.target.authority, "connected");
        self.set(|state| {
            if matches!(&state.phase, Phase::Connecting(Some(made)) if Arc::ptr_eq(made, connection)) {
                state.phase = Phase::Ready(Arc::clone(connection));
                state.failures = 0;
            }
        });
    }

    fn lost(&self, connection: &Arc<Connection>, why: &str) {
        let mut failed = false;
        self.set(|state| match &state.phase {
            Phase::Connecting(Some(made)) if Arc::ptr_eq(made, connection) => failed = true,
            Phase::Ready(used) if Arc::ptr_eq(used, connection) => {
                state.lane = None;
                state.phase = Phase::Idle;
            }
            _ => {}
        });
        if failed {
            self.failed(ErrorKind::Handshake, why);
        }
    }
}

/// Configures a [`Channel`].
#[derive(Debug, Clone)]
#[must_use = "a builder does nothing until it connects"]
pub struct ChannelBuilder {
    target: String,
    connect_timeout: Duration,
    timeout: Option<Duration>,
    user_agent: Option<String>,
    limits: MessageLimits,
    accept: Accept,
    send: Option<CompressionEncoding>,
}

impl ChannelBuilder {
    /// How long one attempt to connect may take; 20 seconds unless set.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// A timeout for every call that has none of its own. None unless set.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// What stands before the library's own name in the `user-agent` header.
    pub fn user_agent(mut self, application: impl Into<String>) -> Self {
        self.user_agent = Some(application.into());
        self
    }

    /// Largest response message, bytes; 4 MiB unless set. A larger one fails its call with RESOURCE_EXHAUSTED.
    pub fn max_decoding_message_size(mut self, limit: usize) -> Self {
        self.limits.receive = limit;
        self
    }

    /// Largest request message, bytes; unlimited unless set.
    pub fn max_encoding_message_size(mut self, limit: usize) -> Self {
        self.limits.send = limit;
        self
    }

    /// Compresses the requests of every call with `encoding`; see [`Grpc::send_compressed`](crate::client::Grpc::send_compressed).
    pub fn send_compressed(mut self, encoding: CompressionEncoding) -> Self {
        self.send = Some(encoding);
        self
    }

    /// Accepts responses compressed with `encoding`; see [`Grpc::accept_compressed`](crate::client::Grpc::accept_compressed).
    pub fn accept_compressed(mut self, encoding: CompressionEncoding) -> Self {
        self.accept = self.accept.and(encoding);
        self
    }

    /// Connects now; see [`Channel::connect`].
    ///
    /// # Errors
    /// As [`Channel::connect`].
    pub fn connect(self) -> Result<Channel, Error> {
        let deadline = after(self.connect_timeout);
        let channel = self.connect_lazy()?;
        let parent = Context::current();
        match channel.connection(deadline, parent.as_ref()) {
            Ok(_) => Ok(channel),
            Err(status) => Err(channel.shared().last_error().unwrap_or_else(|| {
                let why = match status.code() {
                    Code::DeadlineExceeded => "no connection in time",
                    _ => status.message(),
                };
                Error::new(ErrorKind::Connect, channel.authority().to_string(), why)
            })),
        }
    }

    /// A channel that connects with its first call.
    ///
    /// # Errors
    /// When the target makes no sense.
    pub fn connect_lazy(self) -> Result<Channel, Error> {
        let target = Target::parse(&self.target)?;
        let config = Config {
            connect_timeout: self.connect_timeout,
            timeout: self.timeout,
            user_agent: request_head::user_agent(self.user_agent.as_deref()),
            limits: self.limits,
            accept: self.accept,
            send: self.send,
        };
        let state = State { phase: Phase::Idle, waiters: WaiterList::new(), failures: 0, lane: None };
        let shared =
            Arc::new_cyclic(|myself| Shared { target, config, state: Mutex::new(state), myself: Weak::clone(myself) });
        Ok(Channel { handle: Arc::new(Handle { shared }) })
    }
}

/// The deadline of a call: its own timeout or the channel's, never later than that of the call it is made for.
pub(super) fn deadline(
    timeout: Option<Duration>,
    channel: &Channel,
    parent: Option<&Context>,
) -> Result<Option<Instant>, Status> {
    let own = timeout.or_else(|| channel.timeout()).and_then(after);
    let inherited = parent.and_then(Context::deadline);
    let deadline = [own, inherited].into_iter().flatten().min();
    if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
        return Err(CancelCause::DeadlineExceeded.status(Side::Client));
    }
    Ok(deadline)
}
