//! The client of a server that is told what to do: cases that a peer of another language must pass with us.
//!
//! A case panics when something is not as it must be. Some say a line on the standard output and go on when a line
//! has come on the standard input, so that the peer can act in between.

use std::io;
use std::time::{Duration, Instant};

use stolid::{CancelCause, Channel, Code, CompressionEncoding, Metadata, Request};

use super::{failure, told};
use crate::config;
use crate::echo::Note;
use crate::echo::echo_client::EchoClient;
use crate::handlers::{note, note_of};

/// How long a call may take.
const CALL_TIMEOUT: Duration = Duration::from_secs(60);

/// A mebibyte, and the largest message that is taken unless a limit is set.
const MIB: usize = 1 << 20;
const LIMIT: usize = 4 * MIB;

/// How many messages of a mebibyte a long stream has.
const MANY: u64 = 100;

/// What makes the calls of a case to a target.
pub type Case = fn(&str);

/// The cases by name.
pub const CASES: &[(&str, Case)] = &[
    ("deadline_is_propagated", deadline_is_propagated),
    ("deadline_ends_the_call", deadline_ends_the_call),
    ("cancellation", cancellation),
    ("rich_status", rich_status),
    ("metadata", metadata),
    ("large_metadata", large_metadata),
    ("gzip", |target| compressed(target, CompressionEncoding::Gzip)),
    ("deflate", |target| compressed(target, CompressionEncoding::Deflate)),
    ("gzip_unseen", |target| echoed_compressed(target, CompressionEncoding::Gzip)),
    ("deflate_unseen", |target| echoed_compressed(target, CompressionEncoding::Deflate)),
    ("message_limits", message_limits),
    ("streams_of_100_mib", streams_of_100_mib),
    ("keepalive_pings", keepalive_pings),
    ("graceful_shutdown", graceful_shutdown),
    ("reconnect", reconnect),
];

fn channel(target: &str) -> Channel {
    let builder = config::channel(target).timeout(CALL_TIMEOUT);
    builder.connect().expect("the server listens")
}

fn client(target: &str) -> EchoClient {
    EchoClient::new(channel(target))
}

/// Tells the peer that it may act, and waits until it has.
fn step(word: &str) {
    println!("{word}");
    let mut line = String::new();
    let read = io::stdin().read_line(&mut line).expect("the input is text");
    assert!(read > 0, "the peer has gone away after {word:?}");
}

fn deadline_is_propagated(target: &str) {
    let request = Request::new(told("time left")).with_timeout(Duration::from_secs(7));
    let left = client(target).say(request).expect("the call ends well").into_inner().number;
    assert!((5_000..=7_000).contains(&left), "{left} ms");
}

fn deadline_ends_the_call(target: &str) {
    let begin = Instant::now();
    let request = Request::new(told("wait")).with_timeout(Duration::from_millis(300));
    let status = client(target).say(request).expect_err("the server waits");
    assert_eq!(status.code(), Code::DeadlineExceeded, "{status}");
    assert!(begin.elapsed() >= Duration::from_millis(300));
    step("over");
}

fn cancellation(target: &str) {
    let mut replies = client(target).repeat(told("wait")).expect("the call begins");
    replies.message().expect("the stream goes on").expect("one comes");
    replies.cancel();
    assert_eq!(replies.message().expect_err("it is cancelled").code(), Code::Cancelled);
    assert_eq!(replies.context().cancelled(), Some(CancelCause::Local));
    step("over");
}

fn rich_status(target: &str) {
    let status = client(target).say(told("fail")).expect_err("it is told to fail");
    let expected = failure();
    assert_eq!((status.code(), status.message()), (expected.code(), expected.message()));
    assert_eq!(status.check_error_details().expect("they can be read"), expected.error_details());
}

fn test_metadata() -> Metadata {
    let mut metadata = Metadata::new();
    for value in ["one", "two", "one", "all printable: !\"#$&'()*+-./:;<=>?@[]^_`{|}~"] {
        metadata.append("x-list", value).expect("a good entry");
    }
    for value in [&[1][..], &[], &[0xff, 0], &Vec::from_iter(0..=255)] {
        metadata.append_bin("x-parts-bin", value).expect("a good entry");
    }
    metadata
}

/// Sends metadata and checks that it comes back twice.
fn answered(target: &str, sent: Metadata) {
    let mut request = Request::new(told("metadata"));
    *request.metadata_mut() = sent.clone();
    let response = client(target).say(request).expect("the call ends well");
    for metadata in [response.metadata(), response.trailers()] {
        let list = |metadata: &Metadata| Vec::from_iter(metadata.get_all("x-list").map(str::to_owned));
        assert_eq!(list(metadata), list(&sent));
        let parts = |metadata: &Metadata| Vec::from_iter(metadata.get_all_bin("x-parts-bin"));
        assert_eq!(parts(metadata), parts(&sent));
    }
}

fn metadata(target: &str) {
    answered(target, test_metadata());
}

fn large_metadata(target: &str) {
    let mut metadata = Metadata::new();
    metadata.insert("x-list", "v".repeat(3_000)).expect("a good entry");
    metadata.insert_bin("x-parts-bin", vec![0xab; 3_000]).expect("a good entry");
    answered(target, metadata);
}

fn compressed(target: &str, encoding: CompressionEncoding) {
    let builder = config::channel(target).timeout(CALL_TIMEOUT).send_compressed(encoding);
    let client = EchoClient::new(builder.connect().expect("the server listens"));
    let zeros = Note { body: vec![0; MIB], ..told("compressed") };
    let response = client.say(zeros.clone()).expect("the call ends well");
    assert!(response.was_compressed(), "the response came plain");
    assert_eq!((response.get_ref().number, response.get_ref().body.len()), (1, MIB));
    let mut plain = Request::new(zeros);
    plain.disable_compression();
    assert_eq!(client.say(plain).expect("the call ends well").into_inner().number, 0);

    let notes = [note_of(MIB), note_of(0), note_of(MIB)];
    let mut call = client.relay(()).expect("the call begins");
    for note in notes {
        let sent = note.body.len();
        call.send(note).expect("the server listens");
        let reply = call.message().expect("the stream goes on").expect("each is echoed");
        assert_eq!(reply.body.len(), sent);
    }
    call.close();
    assert_eq!(call.message().expect("the stream ends well"), None);
}

/// For a server whose library decompresses and says nothing of it.
fn echoed_compressed(target: &str, encoding: CompressionEncoding) {
    let builder = config::channel(target).timeout(CALL_TIMEOUT).send_compressed(encoding);
    let client = EchoClient::new(builder.connect().expect("the server listens"));
    let sent = Note { body: (0..MIB).map(|index| (index >> 8) as u8).collect(), ..note(1) };
    let response = client.say(sent.clone()).expect("the call ends well");
    assert!(response.was_compressed(), "the response came plain");
    assert!(response.into_inner() == sent, "something else came back");
}

fn message_limits(target: &str) {
    let client = client(target);
    // With the five bytes of the body's tag and length, and for `size` the same in the answer.
    let largest = LIMIT - 5;
    let reply = client.say(note_of(largest)).expect("it just fits").into_inner();
    assert_eq!(reply.body.len(), largest);
    let status = client.say(note_of(largest + 1)).expect_err("the server takes no more");
    assert_eq!(status.code(), Code::ResourceExhausted, "{status}");
    let size = |number| client.say(Note { number, ..told("size") });
    assert_eq!(size(largest as u64).expect("it just fits").into_inner().body.len(), largest);
    let status = size(largest as u64 + 1).expect_err("we take no more");
    assert_eq!(status.code(), Code::ResourceExhausted, "{status}");
    assert_eq!(client.say(note(1)).expect("the connection is well").into_inner(), note(1));
}

fn streams_of_100_mib(target: &str) {
    let client = client(target);
    let notes = || (0..MANY).map(|number| Note { number, ..note_of(MIB) });
    let call = client.gather(()).expect("the call begins");
    let count = call.send_all(notes()).and_then(|call| call.finish()).expect("the call ends well").into_inner();
    assert_eq!((count.messages, count.bytes), (MANY, MANY * MIB as u64));
    let replies = client.repeat(Note { number: MANY, ..note_of(MIB) }).expect("the call begins");
    let replies = replies.map(|reply| reply.expect("the stream goes on"));
    assert!(replies.map(|reply| (reply.number, reply.body.len())).eq((0..MANY).map(|number| (number, MIB))));
    let (requests, replies) = client.relay(()).expect("the call begins").split();
    std::thread::scope(|scope| {
        scope.spawn(move || requests.send_all(notes()).expect("the server listens"));
        let replies = replies.map(|reply| reply.expect("the stream goes on"));
        assert!(replies.map(|reply| reply.number).eq(0..MANY));
    });
}

fn keepalive_pings(target: &str) {
    let client = client(target);
    let port = || client.say(told("port")).expect("the server answers").into_inner().number;
    let before = port();
    let mut call = client.relay(()).expect("the call begins");
    step("idle");
    call.send(note(1)).expect("the call still runs");
    assert_eq!(call.message().expect("the stream goes on"), Some(note(1)));
    assert_eq!(port(), before, "it is another connection");
}

fn graceful_shutdown(target: &str) {
    let client = client(target);
    let mut call = client.relay(()).expect("the call begins");
    let mut echo = |number| {
        call.send(note(number)).expect("the server listens");
        assert_eq!(call.message().expect("the stream goes on"), Some(note(number)));
    };
    echo(1);
    step("running");
    // The server stops: the call that runs goes on. What comes before its GOAWAY is here may still be answered, or be
    // cancelled by the server.
    crate::process::eventually("the server takes no new calls", || match client.say(note(2)) {
        Ok(_) => false,
        Err(status) if status.code() == Code::Cancelled => false,
        Err(status) => {
            assert_eq!(status.code(), Code::Unavailable, "{status}");
            true
        }
    });
    echo(3);
    call.close();
    assert_eq!(call.message().expect("the call ends well"), None);
}

fn reconnect(target: &str) {
    let client = client(target);
    assert_eq!(client.say(note(1)).expect("the server answers").into_inner(), note(1));
    step("connected");
    let status = client.say(note(2)).expect_err("the server is away");
    assert_eq!(status.code(), Code::Unavailable, "{status}");
    step("away");
    crate::process::eventually("the channel connects again", || {
        client.say(note(3)).is_ok_and(|reply| reply.into_inner() == note(3))
    });
}
