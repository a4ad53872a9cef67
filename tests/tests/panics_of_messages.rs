//! Messages that panic while they are encoded, decoded or dropped: the harm is that of one call.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::{Buf, BufMut, BytesMut};
use stolid::client::Grpc;
use stolid::codec::{BoxError, Codec, DecodeBuf};
use stolid::server::{Methods, Service};
use stolid::{Code, Request, Response, Sender, Server, Status, Streaming};
use stolid_tests::config;
use stolid_tests::pair::connect;
use stolid_tests::process::eventually;
use stolid_tests::watchdog::watched;
use stolid_tests::wire::{Reason, Wire, WireListener, envelope};

/// What a panic says, and nobody outside may read.
const SECRET: &str = "the key is 4711";

/// One byte on the wire. Some of them panic.
#[derive(Debug, PartialEq, Eq)]
struct Bomb(u8);

/// Nothing happens.
const DUD: u8 = b'-';
/// Panics while it is encoded.
const ENCODED: u8 = b'e';
/// Panics while it is decoded.
const DECODED: u8 = b'd';
/// Panics when it is dropped.
const DROPPED: u8 = b'x';

impl Drop for Bomb {
    fn drop(&mut self) {
        if self.0 == DROPPED && !std::thread::panicking() {
            panic!("{SECRET}");
        }
    }
}

struct Bombs;

impl Codec<Bomb> for Bombs {
    const SUBTYPE: &'static str = "bomb";

    fn encode(message: &Bomb, buffer: &mut BytesMut) -> Result<(), BoxError> {
        buffer.put_u8(message.0);
        assert_ne!(message.0, ENCODED, "{SECRET}");
        Ok(())
    }

    fn decode(mut buffer: DecodeBuf<'_>) -> Result<Bomb, BoxError> {
        let kind = buffer.get_u8();
        assert_ne!(kind, DECODED, "{SECRET}");
        Ok(Bomb(kind))
    }
}

/// A method of each kind that answers with the bomb that the metadata `x-answer` names.
struct Field;

const UNARY: &str = "/demo.Field/Unary";
const SERVER_STREAM: &str = "/demo.Field/ServerStream";
const CLIENT_STREAM: &str = "/demo.Field/ClientStream";
const BOTH: &str = "/demo.Field/Both";

fn answer<T>(request: &Request<T>) -> Bomb {
    Bomb(request.metadata().get("x-answer").map_or(DUD, |answer| answer.as_bytes()[0]))
}

impl Service for Field {
    const NAME: &'static str = "demo.Field";

    fn register(self, methods: &mut Methods) {
        let mut methods = methods.with_codec::<Bombs>();
        methods.unary("Unary", |request: Request<Bomb>| {
            let bomb = answer(&request);
            drop(request);
            Ok(Response::new(bomb))
        });
        methods.server_streaming("ServerStream", |request: Request<Bomb>, replies: Sender<Bomb>| {
            let bomb = answer(&request);
            drop(request);
            replies.send(Bomb(DUD))?;
            replies.send(bomb)
        });
        methods.client_streaming("ClientStream", |requests: Request<Streaming<Bomb>>| {
            let bomb = answer(&requests);
            requests.into_inner().try_for_each(|request| request.map(drop))?;
            Ok(Response::new(bomb))
        });
        methods.streaming("Both", |requests: Request<Streaming<Bomb>>, replies: Sender<Bomb>| {
            let bomb = answer(&requests);
            requests.into_inner().try_for_each(|request| request.map(drop))?;
            replies.send(Bomb(DUD))?;
            replies.send(bomb)
        });
    }
}

/// Makes a call of the kind that `path` names: one request, and an answer of the server's.
fn call(grpc: &Grpc<Bombs>, path: &'static str, request: u8, answer: u8) -> Result<usize, Status> {
    let answer = String::from(char::from(answer));
    fn told<T>(message: T, answer: &str) -> Request<T> {
        Request::new(message).with_metadata("x-answer", answer).expect("the metadata is legal")
    }
    let replies = match path {
        UNARY => return grpc.unary::<Bomb, Bomb>(path, told(Bomb(request), &answer)).map(|_| 1),
        CLIENT_STREAM => {
            let call = grpc.client_streaming::<Bomb, Bomb>(path, told((), &answer))?;
            return call.send_all([Bomb(request)])?.finish().map(|_| 1);
        }
        SERVER_STREAM => grpc.server_streaming::<Bomb, Bomb>(path, told(Bomb(request), &answer))?,
        _ => {
            let (sender, replies) = grpc.streaming::<Bomb, Bomb>(path, told((), &answer))?.split();
            sender.send(Bomb(request))?;
            replies
        }
    };
    let mut messages = 0;
    for reply in replies {
        reply?;
        messages += 1;
    }
    Ok(messages)
}

const PATHS: [&str; 4] = [UNARY, SERVER_STREAM, CLIENT_STREAM, BOTH];

/// A server, a client, and a bystander that is served before and after every call.
fn field() -> (Server, Grpc<Bombs>) {
    let server = config::server().add_service(Field).start("127.0.0.1:0").expect("a loopback port is free");
    let grpc = Grpc::with(connect(server.local_addr()));
    (server, grpc)
}

#[track_caller]
fn assert_serves(server: &Server, grpc: &Grpc<Bombs>) {
    for (path, messages) in PATHS.into_iter().zip([1, 2, 1, 2]) {
        assert_eq!(call(grpc, path, DUD, DUD).expect("the next call is OK"), messages, "{path}");
    }
    eventually("no handler is left", || server.stats().running == 0);
    assert_eq!(server.stats().connections, 1, "all over the one connection");
}

#[track_caller]
fn assert_internal(path: &str, result: Result<usize, Status>) {
    let status = result.expect_err("the call fails");
    assert_eq!(status.code(), Code::Internal, "{path}: {status}");
    assert!(!status.message().contains("4711"), "{path}: what a panic says may be a secret: {status}");
}

#[test]
fn a_request_that_panics_while_the_server_decodes_it_is_internal() {
    watched(|| {
        let (server, grpc) = field();
        for path in PATHS {
            assert_internal(path, call(&grpc, path, DECODED, DUD));
            assert_serves(&server, &grpc);
        }
    });
}

#[test]
fn a_response_that_panics_while_the_server_encodes_it_is_internal() {
    watched(|| {
        let (server, grpc) = field();
        for path in PATHS {
            assert_internal(path, call(&grpc, path, DUD, ENCODED));
            assert_serves(&server, &grpc);
        }
    });
}

#[test]
fn a_request_that_panics_when_the_handler_drops_it_is_internal() {
    watched(|| {
        // The client's own copy must not explode: the server gets it from a script's hand.
        let (server, grpc) = field();
        let mut wire = Wire::client(server.local_addr());
        for path in PATHS {
            let stream = wire.open_call(path, &[]);
            wire.send_data(stream, &envelope(&[DROPPED]), true);
            let reply = wire.recv_reply(stream);
            assert_eq!((reply.code(), reply.message()), (13, "the handler panicked"), "{path}");
        }
        wire.shut_down_writing();
        wire.recv_eof();
        drop(wire);
        eventually("the script's connection is gone", || server.stats().connections == 1);
        assert_serves(&server, &grpc);
    });
}

#[test]
fn a_response_that_panics_when_it_is_dropped_harms_nobody_else() {
    watched(|| {
        let (server, grpc) = field();
        let mut wire = Wire::client(server.local_addr());
        for path in PATHS {
            let stream = wire.open_call(path, &[("x-answer", "x")]);
            wire.send_data(stream, &envelope(&[DUD]), true);
            // It is dropped once it is encoded: a unary answer is on its way then, a stream's handler has panicked.
            let reply = wire.recv_reply(stream);
            let expected = if [UNARY, CLIENT_STREAM].contains(&path) { 0 } else { 13 };
            assert_eq!(reply.code(), expected, "{path}");
            assert_eq!(reply.messages.last(), Some(&vec![DROPPED]), "{path}");
        }
        wire.shut_down_writing();
        wire.recv_eof();
        drop(wire);
        eventually("the script's connection is gone", || server.stats().connections == 1);
        assert_serves(&server, &grpc);
    });
}

#[track_caller]
fn assert_panics<T>(path: &str, work: impl FnOnce() -> T) {
    assert!(catch_unwind(AssertUnwindSafe(work)).is_err(), "{path}: the panic is the caller's own");
}

#[test]
fn a_request_that_panics_while_the_client_encodes_it_is_the_callers_panic() {
    watched(|| {
        let (server, grpc) = field();
        for path in PATHS {
            assert_panics(path, || call(&grpc, path, ENCODED, DUD));
            assert_serves(&server, &grpc);
        }
    });
}

#[test]
fn a_response_that_panics_while_the_client_decodes_it_is_the_callers_panic() {
    watched(|| {
        let (server, grpc) = field();
        for path in PATHS {
            assert_panics(path, || call(&grpc, path, DUD, DECODED));
            assert_serves(&server, &grpc);
        }
    });
}

#[test]
fn a_stream_whose_message_panics_is_cancelled_when_the_panic_drops_it() {
    watched(|| {
        let listener = WireListener::bind();
        let addr = listener.addr();
        let connecting = std::thread::spawn(move || Grpc::<Bombs>::with(connect(addr)));
        let mut wire = listener.accept();
        let grpc = connecting.join().expect("connecting does not panic");
        let went_on = AtomicBool::new(false);
        std::thread::scope(|threads| {
            let caller = threads.spawn(|| {
                let mut replies = grpc.server_streaming::<Bomb, Bomb>(SERVER_STREAM, Request::new(Bomb(DUD)));
                let replies = replies.as_mut().expect("the call opens");
                let first = replies.message().expect("the first message is a dud");
                assert_eq!(first, Some(Bomb(DUD)));
                let _never = replies.message();
                went_on.store(true, Ordering::Relaxed);
            });
            let stream = wire.recv_call().stream;
            wire.send_response_headers(stream);
            wire.send_data(stream, &envelope(&[DUD]), false);
            wire.send_data(stream, &envelope(&[DECODED]), false);
            assert!(caller.join().is_err());
            assert_eq!(wire.recv_reset(stream), Reason::CANCEL);
        });
        assert!(!went_on.load(Ordering::Relaxed));
    });
}
