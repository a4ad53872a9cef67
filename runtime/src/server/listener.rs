//! Accepting connections: several addresses, a limit, and patience when the system has no file descriptors left.

use std::io;
use std::net::{SocketAddr, TcpListener as StdListener, ToSocketAddrs};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use mio::net::{TcpListener, TcpStream};
use mio::{Interest, Token};

use super::running::Shared;
use crate::connection::{Connection, Control};
use crate::context::Ends;
use crate::error::{Error, ErrorKind};
use crate::lane::{FIRST_FOREIGN, Lane};

/// How long accepting pauses when the system refuses: file descriptors are given back by others only.
const PAUSE: Duration = Duration::from_millis(100);

/// Connections accepted in one turn. Clients that connect as fast as they can must not keep the lane from those it has.
const ACCEPTED_AT_ONCE: usize = 64;

/// How often refused connections are told of at most: whoever causes them could fill the log.
const COMPLAINS_EVERY: Duration = Duration::from_secs(5);

/// Tries to find one free port for all addresses of a host.
const PORT_TRIES: usize = 16;

/// Binds every address that `target` resolves to, with one port for all.
///
/// An address family that the machine does not have is passed over as long as another one works.
pub(super) fn bind(target: &(impl ToSocketAddrs + ?Sized)) -> Result<Vec<StdListener>, Error> {
    let resolved = target.to_socket_addrs();
    let addresses: Vec<SocketAddr> =
        resolved.map_err(|error| Error::new(ErrorKind::Resolve, "the server's address", error))?.collect();
    let mut last = io::Error::new(io::ErrorKind::InvalidInput, "the name resolves to no address");
    for _ in 0..PORT_TRIES {
        match bind_all(&addresses) {
            Ok(listeners) if !listeners.is_empty() => return Ok(listeners),
            Ok(_) => break,
            Err((_, error, true)) => last = error,
            Err((address, error, false)) => return Err(Error::new(ErrorKind::Bind, address.to_string(), error)),
        }
    }
    let subject = addresses.first().map_or_else(|| "the server's address".to_owned(), ToString::to_string);
    Err(Error::new(ErrorKind::Bind, subject, last))
}

/// One try; the flag of an error says that another free port may do.
fn bind_all(addresses: &[SocketAddr]) -> Result<Vec<StdListener>, (SocketAddr, io::Error, bool)> {
    let mut listeners: Vec<StdListener> = Vec::new();
    let mut port = 0;
    let mut missing = None;
    for &(mut address) in addresses {
        let any = address.port() == 0;
        if any && port != 0 {
            address.set_port(port);
        }
        match StdListener::bind(address) {
            Ok(listener) => {
                if any && port == 0 {
                    port = listener.local_addr().map_err(|error| (address, error, false))?.port();
                }
                listeners.push(listener);
            }
            Err(error) if is_missing_family(&error) => missing = Some((address, error)),
            Err(error) => {
                let again = any && error.kind() == io::ErrorKind::AddrInUse;
                return Err((address, error, again));
            }
        }
    }
    match missing {
        Some((address, error)) if listeners.is_empty() => Err((address, error, false)),
        _ => Ok(listeners),
    }
}

fn is_missing_family(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::AddrNotAvailable || error.kind() == io::ErrorKind::Unsupported
        // EAFNOSUPPORT has no kind of its own on every platform.
        || matches!(error.raw_os_error(), Some(97 | 47 | 10047))
}

/// The listening sockets of a server; they belong to lane 0.
#[derive(Debug)]
pub(super) struct Listeners {
    sockets: Vec<TcpListener>,
    ready: Vec<bool>,
    paused: Option<Instant>,
    complaints: Complaints,
}

/// What is told of at most now and then.
#[derive(Debug, Default)]
struct Complaints {
    last: Option<Instant>,
    /// Since the last one.
    kept_back: u64,
}

impl Complaints {
    /// `Some` when it is time for another one, with the number of those that were kept back.
    fn next(&mut self, now: Instant) -> Option<u64> {
        if self.last.is_some_and(|last| now.duration_since(last) < COMPLAINS_EVERY) {
            self.kept_back += 1;
            return None;
        }
        self.last = Some(now);
        Some(std::mem::take(&mut self.kept_back))
    }
}

impl Listeners {
    pub(super) fn new(listeners: Vec<StdListener>, lane: &Lane) -> io::Result<Self> {
        let mut sockets = Vec::with_capacity(listeners.len());
        for (index, listener) in listeners.into_iter().enumerate() {
            listener.set_nonblocking(true)?;
            let mut socket = TcpListener::from_std(listener);
            lane.registry().register(&mut socket, Token(FIRST_FOREIGN + index), Interest::READABLE)?;
            sockets.push(socket);
        }
        let ready = vec![true; sockets.len()];
        Ok(Self { sockets, ready, paused: None, complaints: Complaints::default() })
    }

    pub(super) fn mark(&mut self, token: Token) {
        if let Some(ready) = self.ready.get_mut(token.0 - FIRST_FOREIGN) {
            *ready = true;
        }
    }

    /// How long the lane may sleep before accepting is tried again.
    pub(super) fn pause_left(&self) -> Option<Duration> {
        if let Some(until) = self.paused {
            return Some(until.saturating_duration_since(Instant::now()));
        }
        self.ready.contains(&true).then_some(Duration::ZERO)
    }

    /// Accepts what is waiting, some at a time.
    pub(super) fn accept(&mut self, server: &Arc<Shared>) {
        if self.paused.is_some_and(|until| until > Instant::now()) {
            return;
        }
        self.paused = None;
        for index in 0..self.sockets.len() {
            for _ in 0..ACCEPTED_AT_ONCE {
                if !self.ready[index] {
                    break;
                }
                match self.sockets[index].accept() {
                    Ok((stream, peer)) => admit(server, stream, peer, &mut self.complaints),
                    Err(error) => self.failed(index, &error),
                }
                if self.paused.is_some() {
                    return;
                }
            }
        }
    }

    fn failed(&mut self, index: usize, error: &io::Error) {
        match error.kind() {
            io::ErrorKind::WouldBlock => self.ready[index] = false,
            // The connection was gone before it was accepted; the next one may be fine.
            io::ErrorKind::Interrupted | io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset => {}
            _ => {
                let now = Instant::now();
                if let Some(kept_back) = self.complaints.next(now) {
                    tracing::warn!(%error, kept_back, "accepting connections failed; tried again every 100 ms");
                }
                self.paused = Some(now + PAUSE);
            }
        }
    }
}

/// Deals a new connection to the lane with the fewest.
fn admit(server: &Arc<Shared>, stream: TcpStream, peer: SocketAddr, complaints: &mut Complaints) {
    if !server.connection_opened() {
        let limit = server.limits.max_connections;
        if let Some(kept_back) = complaints.next(Instant::now()) {
            tracing::warn!(%peer, limit, kept_back, "connection refused: the limit is reached");
        }
        return;
    }
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%peer, %error, "TCP_NODELAY could not be set");
    }
    let lanes = server.crews.iter().map(|crew| &crew.lane);
    let Some(lane) = lanes.min_by_key(|lane| lane.len()) else { return };
    let ends = Ends { peer: Some(peer), local: stream.local_addr().ok(), draining: Arc::clone(&server.draining) };
    let bounds = server.limits.connection;
    let calls = server.calls();
    let added = lane.add(stream, |stream, token| Connection::server(stream, token, lane, ends, calls, bounds));
    match added {
        Ok(connection) => {
            tracing::debug!(%peer, "connection accepted");
            // The server may have said goodbye to everyone just before this one came.
            if server.draining.load(Ordering::SeqCst) {
                connection.control(Control::Drain);
            }
            lane.post(&connection);
            if connection.is_dead() {
                lane.forget(&connection);
            }
        }
        Err(error) => {
            tracing::warn!(%peer, %error, "connection refused: it could not be registered");
            server.connection_closed();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn complaints_come_now_and_then_and_say_how_many_were_kept_back() {
        let now = Instant::now();
        let mut complaints = Complaints::default();
        assert_eq!(complaints.next(now), Some(0));
        for _ in 0..1_000 {
            assert_eq!(complaints.next(now + COMPLAINS_EVERY / 2), None);
        }
        assert_eq!(complaints.next(now + COMPLAINS_EVERY), Some(1_000));
        assert_eq!(complaints.next(now + COMPLAINS_EVERY), None);
    }
}
