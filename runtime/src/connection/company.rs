//! Tests: which messages are sent at once and which are left to the lane, on a lane that nobody turns any more.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream as StdStream};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use http::HeaderValue;
use mio::net::TcpStream;

use super::settings::{self, Bounds};
use super::{Accepted, Calls, Connection, Method, Pace};
use crate::codec::{Codec, ProstCodec};
use crate::compression::{Accept, Coding};
use crate::context::Ends;
use crate::lane::{Lane, Turn};
use crate::metadata::Metadata;
use crate::stream::sender::{OnDrop, Sender};
use crate::stream::{MessageLimits, Stream};

const PATIENCE: Duration = Duration::from_secs(20);

/// A server with one streaming method. Its handlers do not run: the test is one.
#[derive(Default)]
struct OneMethod {
    stream: Mutex<Option<Arc<Stream>>>,
}

impl Calls for OneMethod {
    fn method(&self, _path: &str) -> Option<Arc<dyn Method>> {
        Some(Arc::new(Streams("/a/b".into())))
    }

    fn start(&self, call: Accepted) {
        *self.stream.lock().unwrap_or_else(PoisonError::into_inner) = Some(call.stream);
    }

    fn coding(&self) -> &Coding {
        unreachable!("nothing is refused")
    }

    fn timeout(&self) -> Option<Duration> {
        None
    }

    fn gone(&self, _connection: &Connection) {}
}

struct Streams(Arc<str>);

impl Method for Streams {
    fn path(&self) -> Option<&Arc<str>> {
        Some(&self.0)
    }

    fn subtype(&self) -> Option<&'static str> {
        None
    }

    fn limits(&self) -> MessageLimits {
        MessageLimits::default()
    }

    fn coding(&self, _accepted: &[HeaderValue]) -> Coding {
        Coding::new(Accept::default(), "proto")
    }

    fn takes_one_request(&self) -> bool {
        false
    }

    fn is_unary(&self) -> bool {
        false
    }

    fn number(&self) -> usize {
        0
    }

    fn pace(&self) -> Option<&Pace> {
        None
    }

    fn run(&self, _stream: &Arc<Stream>, _metadata: Metadata) {}
}

/// The preface, empty SETTINGS, and the HEADERS of a call (RFC 9113 section 4, RFC 7541 appendix A for the numbers).
fn opening() -> Vec<u8> {
    let mut block = vec![0x83, 0x86, 0x04, 4];
    block.extend(b"/a/b\x01\x01h\x0f\x10\x10application/grpc\x00\x02te\x08trailers");
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0\0\0".to_vec();
    bytes.extend([block.len() as u8, 0x01, 0x04, 0, 0, 0, 1]);
    bytes.extend(block);
    bytes
}

/// A call of a client, as its handler and the client have it.
struct Call {
    replies: Sender<String>,
    peer: StdStream,
    received: Vec<u8>,
    lane: Arc<Lane>,
    turn: Turn,
}

impl Call {
    fn start(packing: usize, flush_delay: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut peer = StdStream::connect(listener.local_addr().unwrap()).unwrap();
        let (socket, _) = listener.accept().unwrap();
        socket.set_nonblocking(true).unwrap();
        let (lane, mut turn) = Lane::new(8, settings::FLUSH_DELAY).unwrap();
        let ends = Ends { peer: None, local: None, draining: Arc::new(AtomicBool::new(false)) };
        let calls = Arc::new(OneMethod::default());
        let bounds = Bounds { packing: settings::packing(packing), flush_delay, ..Bounds::default() };
        let make = |socket, token| {
            let calls: Arc<dyn Calls> = calls.clone();
            Connection::server(socket, token, &lane, ends, calls, bounds)
        };
        lane.add(TcpStream::from_std(socket), make).unwrap();
        peer.write_all(&opening()).unwrap();
        peer.set_nonblocking(true).unwrap();
        let deadline = Instant::now() + PATIENCE;
        let stream = loop {
            lane.turn(&mut turn, Some(Duration::from_millis(10)), false, |poll| poll(), |_| {}).unwrap();
            if let Some(stream) = calls.stream.lock().unwrap().take() {
                break stream;
            }
            assert!(Instant::now() < deadline, "the call does not begin");
        };
        let replies = Sender::new(stream, <ProstCodec as Codec<String>>::encode_envelope, OnDrop::Nothing);
        Self { replies, peer, received: Vec::new(), lane, turn }
    }

    /// Sends a message that is `letter` so many times.
    fn send(&self, letter: char, length: usize) {
        self.replies.send(letter.to_string().repeat(length)).unwrap();
    }

    /// The lane's next turn, which must not wait for long.
    fn turn(&mut self) {
        self.lane.turn(&mut self.turn, Some(PATIENCE), false, |poll| poll(), |_| {}).unwrap();
    }

    /// Whether the client has `letter` 16 times in a row, which the head of the response has of none.
    fn has(&mut self, letter: char) -> bool {
        let mut buffer = [0; 4096];
        while let Ok(length @ 1..) = self.peer.read(&mut buffer) {
            self.received.extend_from_slice(&buffer[..length]);
        }
        self.received.windows(16).any(|window| window == [letter as u8; 16])
    }

    #[track_caller]
    fn assert_gets(&mut self, letter: char) {
        let deadline = Instant::now() + PATIENCE;
        while !self.has(letter) {
            assert!(Instant::now() < deadline, "the messages of {letter} were not sent");
            std::thread::yield_now();
        }
    }
}

#[test]
fn without_a_delay_every_message_is_sent_by_who_sends_it() {
    let mut call = Call::start(usize::MAX, Duration::ZERO);
    for letter in 'a'..='z' {
        call.send(letter, 20);
        call.assert_gets(letter);
    }
}

#[test]
fn soon_after_a_write_a_message_is_left_to_the_lane_until_a_pack_is_full() {
    let mut call = Call::start(1_000, Duration::MAX);
    for letter in "abcd".chars() {
        call.send(letter, 200);
        assert!(!call.has(letter), "four small messages are no pack");
    }
    call.send('e', 200);
    for letter in "abcde".chars() {
        call.assert_gets(letter);
    }
    call.send('f', 200);
    assert!(!call.has('f'), "the next pack begins");
    call.send('g', 800);
    call.assert_gets('f');
    call.assert_gets('g');
}

#[test]
fn a_pack_of_nothing_is_every_message() {
    let mut call = Call::start(0, Duration::MAX);
    for letter in 'a'..='z' {
        call.send(letter, 20);
        call.assert_gets(letter);
    }
}

#[test]
fn behind_a_full_pack_a_message_is_let_grow_and_sent_all_the_same() {
    for delay in [Duration::from_secs(1), Duration::MAX] {
        let mut call = Call::start(1_000, delay);
        call.send('a', 1_000);
        call.assert_gets('a');
        for letter in 'b'..='z' {
            call.send(letter, 200);
            assert!(!call.has(letter), "one small message is no pack");
            call.turn();
            call.assert_gets(letter);
        }
    }
}

#[test]
fn who_has_written_by_itself_and_takes_its_time_writes_the_next_message_too() {
    let delay = Duration::from_millis(500);
    let mut call = Call::start(usize::MAX, delay);
    let wait = |time: Duration| {
        let since = Instant::now();
        while since.elapsed() < time {
            std::thread::yield_now();
        }
    };
    wait(delay);
    call.send('a', 20);
    call.assert_gets('a');
    for letter in 'b'..='d' {
        wait(delay / settings::GOES_ON);
        call.send(letter, 20);
        call.assert_gets(letter);
    }
}

#[test]
fn what_is_asked_for_is_sent() {
    let mut call = Call::start(usize::MAX, Duration::MAX);
    call.send('a', 20);
    assert!(!call.has('a'));
    call.replies.flush();
    call.assert_gets('a');
}

#[test]
fn the_defaults_are_those_of_the_documentation() {
    let Bounds { packing, flush_delay, .. } = Bounds::default();
    assert_eq!((packing, flush_delay), (56 * 1024, Duration::from_micros(50)));
}
