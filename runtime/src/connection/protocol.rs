//! h2 behind one face for both roles and all phases of a connection.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use h2::{Reason, RecvStream};
use http::Request;

use super::settings::{self, Bounds};
use crate::transport::h2_io::H2Io;
use crate::transport::socket::Socket;

type ClientHandshake = Pin<
    Box<
        dyn Future<Output = Result<(h2::client::SendRequest<Bytes>, h2::client::Connection<H2Io, Bytes>), h2::Error>>
            + Send,
    >,
>;

/// The phases of a connection.
pub(super) enum Protocol {
    ServerHandshake(h2::server::Handshake<H2Io, Bytes>),
    Server(h2::server::Connection<H2Io, Bytes>),
    ClientHandshake(ClientHandshake),
    Client {
        connection: h2::client::Connection<H2Io, Bytes>,
        /// Gone once the channel is closed: h2 then ends the connection after its last stream.
        opener: Option<h2::client::SendRequest<Bytes>>,
    },
    /// Our side is closed; what the peer still sends is thrown away.
    Lingering,
    Dead,
}

/// What one poll found.
#[expect(
    clippy::large_enum_variant,
    reason = "lives on the stack for a moment; a box would cost every call an allocation"
)]
pub(super) enum Polled {
    /// Nothing more for now.
    Pending,
    /// Server: a call.
    Call(Request<RecvStream>, h2::server::SendResponse<Bytes>),
    /// The connection ended, by itself or by an error.
    Closed(Option<h2::Error>),
}

impl Protocol {
    pub(super) fn server(socket: &Arc<Socket>, bounds: Bounds) -> Self {
        Self::ServerHandshake(settings::server(bounds).handshake(H2Io(Arc::clone(socket))))
    }

    pub(super) fn client(socket: &Arc<Socket>, bounds: Bounds) -> Self {
        let io = H2Io(Arc::clone(socket));
        Self::ClientHandshake(Box::pin(async move { settings::client(bounds).handshake(io).await }))
    }

    /// Moves the connection on. h2's waker for the connection is never needed: every kick polls.
    pub(super) fn poll(&mut self) -> Polled {
        let mut context = Context::from_waker(Waker::noop());
        loop {
            match self {
                Self::ServerHandshake(_) | Self::ClientHandshake(_) => match self.shake_hands(&mut context) {
                    Poll::Ready(Ok(())) => {}
                    Poll::Ready(Err(error)) => return Polled::Closed(Some(error)),
                    Poll::Pending => return Polled::Pending,
                },
                Self::Server(connection) => {
                    return match connection.poll_accept(&mut context) {
                        Poll::Ready(Some(Ok((request, respond)))) => Polled::Call(request, respond),
                        Poll::Ready(Some(Err(error))) => Polled::Closed(Some(error)),
                        Poll::Ready(None) => Polled::Closed(None),
                        Poll::Pending => Polled::Pending,
                    };
                }
                Self::Client { connection, .. } => {
                    return match Pin::new(connection).poll(&mut context) {
                        Poll::Ready(Ok(())) => Polled::Closed(None),
                        Poll::Ready(Err(error)) => Polled::Closed(Some(error)),
                        Poll::Pending => Polled::Pending,
                    };
                }
                Self::Lingering | Self::Dead => return Polled::Pending,
            }
        }
    }

    /// Apart from `poll`, for this takes some kilobytes of the stack, and every thread with a handler polls.
    #[cold]
    #[inline(never)]
    fn shake_hands(&mut self, context: &mut Context<'_>) -> Poll<Result<(), h2::Error>> {
        *self = match self {
            Self::ServerHandshake(handshake) => Self::Server(ready!(Pin::new(handshake).poll(context))?),
            Self::ClientHandshake(handshake) => {
                let (opener, connection) = ready!(handshake.as_mut().poll(context))?;
                Self::Client { connection, opener: Some(opener) }
            }
            _ => return Poll::Ready(Ok(())),
        };
        Poll::Ready(Ok(()))
    }

    /// Client: how many streams the peer allows at a time; none once we have said goodbye.
    pub(super) fn max_streams(&self) -> usize {
        match self {
            Self::Client { opener: Some(opener), .. } => opener.current_max_send_streams(),
            _ => 0,
        }
    }

    /// Client: whether the peer allows more streams than `active`.
    pub(super) fn allows_more_than(&self, active: usize) -> bool {
        active < self.max_streams()
    }

    pub(super) fn set_window(&mut self, size: u32) {
        match self {
            Self::Server(connection) => connection.set_target_window_size(size),
            Self::Client { connection, .. } => connection.set_target_window_size(size),
            _ => {}
        }
    }

    /// GOAWAY, PING, and after the answer the final GOAWAY. False when there is nobody to say goodbye to yet.
    pub(super) fn drain(&mut self) -> bool {
        match self {
            Self::Server(connection) => {
                connection.graceful_shutdown();
                true
            }
            Self::Client { opener, .. } => {
                *opener = None;
                true
            }
            _ => false,
        }
    }

    /// GOAWAY and close as soon as it is written.
    pub(super) fn shut(&mut self, reason: Reason) -> bool {
        match self {
            Self::Server(connection) => {
                connection.abrupt_shutdown(reason);
                true
            }
            _ => false,
        }
    }

    pub(super) fn is_handshaking(&self) -> bool {
        matches!(self, Self::ServerHandshake(_) | Self::ClientHandshake(_))
    }

    pub(super) fn is_open(&self) -> bool {
        !matches!(self, Self::Lingering | Self::Dead)
    }
}
