//! `Channel`: one logical server, connected when needed, shared by any number of threads.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::HeaderValue;
use http::uri::{Authority, Scheme};

pub use super::builder::ChannelBuilder;
use super::pool::Pool;
use crate::compression::{Accept, CompressionEncoding};
use crate::context::{CancelCause, Context};
use crate::error::Error;
use crate::status::Status;
use crate::stream::{MessageLimits, Side, after};

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
    pool: Arc<Pool>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.pool.close();
    }
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
        ChannelBuilder::new(target.as_ref())
    }

    pub(super) fn new(pool: Arc<Pool>) -> Self {
        Self { handle: Arc::new(Handle { pool }) }
    }

    /// What the channel is doing.
    #[must_use]
    pub fn state(&self) -> ConnectivityState {
        self.pool().connectivity()
    }

    pub(super) fn pool(&self) -> &Arc<Pool> {
        &self.handle.pool
    }

    pub(super) fn scheme(&self) -> &Scheme {
        &self.pool().target.scheme
    }

    pub(super) fn authority(&self) -> &Authority {
        &self.pool().target.authority
    }

    pub(super) fn user_agent(&self) -> &HeaderValue {
        &self.pool().config.user_agent
    }

    pub(super) fn limits(&self) -> MessageLimits {
        self.pool().config.limits
    }

    pub(super) fn compression(&self) -> (Accept, Option<CompressionEncoding>) {
        (self.pool().config.accept.clone(), self.pool().config.send)
    }

    pub(super) fn timeout(&self) -> Option<Duration> {
        self.pool().config.timeout
    }
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let target = &self.pool().target.authority;
        f.debug_struct("Channel").field("target", &target.as_str()).field("state", &self.state()).finish()
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
