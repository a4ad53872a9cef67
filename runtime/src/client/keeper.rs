//! The keeper: the thread that makes a channel's connection and serves it when no caller does.
//!
//! It lives as long as its connection. The next connection has a keeper of its own.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Interest, Token};

use super::pool::{Pause, Pool};
use crate::connection::lead::Lead;
use crate::connection::{ClientRole, Connection};
use crate::context::Ends;
use crate::error::ErrorKind;
use crate::lane::{FIRST_FOREIGN, Lane, Turn};
use crate::stream::after;

/// Readiness events taken in one turn: there is one socket and the waker.
const EVENTS: usize = 4;

/// Starts the thread, which waits for `delay` first; a failure is a failed attempt to connect.
pub(super) fn start(pool: &Arc<Pool>, delay: Duration) {
    let kept = Arc::clone(pool);
    let thread = std::thread::Builder::new().name("stolid-keeper".to_owned());
    if let Err(error) = thread.spawn(move || keep(&kept, delay)) {
        pool.failed(ErrorKind::Thread, error);
    }
}

fn keep(pool: &Arc<Pool>, delay: Duration) {
    let (lane, mut turn) = match Lane::new(EVENTS, pool.config.spin) {
        Ok(made) => made,
        Err(error) => return pool.failed(ErrorKind::System, error),
    };
    if !pool.keeps(&lane) {
        return;
    }
    match wait_before(pool, &lane, &mut turn, delay) {
        Ok(true) => {}
        Ok(false) => return,
        Err(error) => return pool.failed(ErrorKind::System, error),
    }
    let addresses = match pool.target.resolve() {
        Ok(addresses) => addresses,
        Err(error) => return pool.failed(ErrorKind::Resolve, error),
    };
    let (stream, peer) = match connect(pool, &lane, &mut turn, &addresses) {
        Ok(connected) => connected,
        Err(error) => return pool.failed(ErrorKind::Connect, error),
    };
    if let Err(error) = serve(pool, &lane, turn, stream, peer) {
        pool.failed(ErrorKind::Connect, error);
    }
}

/// Waits, unless the channel has a reason not to; false when the connection is no longer wanted.
fn wait_before(pool: &Pool, lane: &Lane, turn: &mut Turn, delay: Duration) -> io::Result<bool> {
    let until = after(delay);
    while let Some(left) = until.map(|until| until.saturating_duration_since(Instant::now())) {
        if left.is_zero() {
            break;
        }
        match pool.pause() {
            Pause::Wait => lane.turn(turn, Some(left), false, |poll| poll(), |_| {})?,
            Pause::Connect => break,
            Pause::GiveUp => return Ok(false),
        }
    }
    Ok(true)
}

/// Tries every address in turn within one timeout.
fn connect(pool: &Pool, lane: &Lane, turn: &mut Turn, addresses: &[SocketAddr]) -> io::Result<(TcpStream, SocketAddr)> {
    let deadline = after(pool.config.connect_timeout);
    let mut failures: Vec<(SocketAddr, io::Error)> = Vec::new();
    for &address in addresses {
        match connect_one(pool, lane, turn, address, deadline) {
            Ok(stream) => return Ok((stream, address)),
            Err(error) => failures.push((address, error)),
        }
    }
    if failures.len() == 1
        && let Some((address, error)) = failures.pop()
    {
        // The name of the target says as much where it is an address.
        if pool.target.authority.as_str() == address.to_string() {
            return Err(error);
        }
        return Err(io::Error::new(error.kind(), format!("{address}: {error}")));
    }
    let kind = failures.first().map_or(io::ErrorKind::Other, |(_, error)| error.kind());
    let texts: Vec<String> = failures.iter().map(|(address, error)| format!("{address}: {error}")).collect();
    Err(io::Error::new(kind, texts.join("; ")))
}

fn connect_one(
    pool: &Pool,
    lane: &Lane,
    turn: &mut Turn,
    address: SocketAddr,
    deadline: Option<Instant>,
) -> io::Result<TcpStream> {
    let mut stream = TcpStream::connect(address)?;
    let interest = Interest::READABLE | Interest::WRITABLE;
    lane.registry().register(&mut stream, Token(FIRST_FOREIGN), interest)?;
    loop {
        if pool.is_given_up() {
            return Err(io::Error::other("the channel was closed"));
        }
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        if left == Some(Duration::ZERO) {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "no answer in time"));
        }
        lane.turn(turn, left, false, |poll| poll(), |_| {})?;
        if let Some(error) = stream.take_error()? {
            return Err(error);
        }
        match stream.peer_addr() {
            Ok(_) => break,
            // Not connected yet: a wake-up for something else.
            Err(error) if error.kind() == io::ErrorKind::NotConnected => {}
            Err(error) => return Err(error),
        }
    }
    lane.registry().deregister(&mut stream)?;
    Ok(stream)
}

/// Serves the connection to its end.
fn serve(pool: &Pool, lane: &Arc<Lane>, turn: Turn, stream: TcpStream, peer: SocketAddr) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let ends = Ends { peer: Some(peer), local: stream.local_addr().ok(), ..Ends::default() };
    let lead = Lead::new(lane, turn);
    let role = ClientRole {
        events: pool.events(),
        lead,
        wanted: pool.wanted(),
        idle_limit: pool.idle_limit(),
        last_stream: pool.config.last_stream,
        bounds: pool.config.bounds,
    };
    let connection = lane.add(stream, |stream, token| Connection::client(stream, token, lane, ends, role))?;
    if pool.connected(&connection) {
        connection.drive(true);
    } else {
        connection.control(crate::connection::Control::Abandon);
    }
    if let Some(lead) = connection.lead() {
        lead.keep(|| connection.is_dead());
    }
    Ok(())
}
