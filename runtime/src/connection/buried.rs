//! Tests: nothing keeps a connection that has ended, whatever is listed on it at the moment of its end.

use std::net::{TcpListener, TcpStream as StdStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use mio::net::TcpStream;

use super::settings::Bounds;
use super::{Accepted, Calls, Connection, Control, Method};
use crate::compression::{Accept, Coding};
use crate::context::{CallState, Ends};
use crate::lane::Lane;
use crate::method_name::MethodName;
use crate::stream::inbox::Inbox;
use crate::stream::{MessageLimits, Side, Stream};

/// A server that lists a stream on its connection at the very moment when the connection ends.
#[derive(Default)]
struct LastMinute {
    stream: Mutex<Option<Arc<Stream>>>,
}

impl Calls for LastMinute {
    fn method(&self, _path: &str) -> Option<Arc<dyn Method>> {
        None
    }

    fn start(&self, _call: Accepted) {}

    fn coding(&self) -> &Coding {
        unreachable!("nothing is refused")
    }

    fn timeout(&self) -> Option<Duration> {
        None
    }

    fn gone(&self, connection: &Connection) {
        if let Some(stream) = self.stream.lock().unwrap_or_else(PoisonError::into_inner).take() {
            stream.flagged.store(true, Ordering::Release);
            connection.add_dirty(stream);
        }
    }
}

/// A connection on a lane that nobody turns, a stream of it, and the peer's socket.
fn connection(calls: &Arc<LastMinute>) -> (Arc<Connection>, Arc<Stream>, StdStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let peer = StdStream::connect(listener.local_addr().unwrap()).unwrap();
    let (socket, _) = listener.accept().unwrap();
    socket.set_nonblocking(true).unwrap();
    let (lane, _turn) = Lane::new(8, Duration::ZERO).unwrap();
    let ends = Ends { peer: None, local: None, draining: Arc::new(AtomicBool::new(false)) };
    let make = |socket, token| {
        let calls: Arc<dyn Calls> = calls.clone();
        Connection::server(socket, token, &lane, ends, calls, Bounds::default())
    };
    let connection = lane.add(TcpStream::from_std(socket), make).unwrap();
    let state = CallState::new(Side::Server, MethodName::Shared("/a/b".into()), None, Arc::clone(&connection.ends));
    let coding = Coding::new(Accept::default(), "proto");
    let stream = Stream::new(
        Arc::clone(&connection),
        Side::Server,
        Arc::new(state),
        MessageLimits::default(),
        coding,
        Inbox::new(0),
    );
    (connection, stream, peer)
}

/// A stream of a connection that does nothing.
pub(super) fn any_stream() -> Arc<Stream> {
    connection(&Arc::default()).1
}

#[test]
fn a_stream_that_is_left_to_the_lane_after_the_end_does_not_keep_its_connection() {
    let (connection, stream, _peer) = connection(&Arc::default());
    connection.control(Control::Abandon);
    assert!(connection.is_dead());
    // A thread that found the connection alive goes on only now.
    connection.add_dirty(stream);
    connection.post();
    assert_gone(connection);
}

#[test]
fn a_stream_that_is_listed_while_the_connection_ends_does_not_keep_it() {
    let calls = Arc::new(LastMinute::default());
    let (connection, stream, _peer) = connection(&calls);
    *calls.stream.lock().unwrap() = Some(stream);
    connection.control(Control::Abandon);
    assert!(connection.is_dead());
    assert!(calls.stream.lock().unwrap().is_none(), "the stream was listed");
    assert_gone(connection);
}

fn assert_gone(connection: Arc<Connection>) {
    let weak: Weak<Connection> = Arc::downgrade(&connection);
    drop(connection);
    assert_eq!(weak.strong_count(), 0, "something keeps the connection");
}
