//! Deadlines: sent, enforced on both sides, passed on.

use std::sync::Mutex;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use prost::Message;
use stolid::{CancelCause, Code, Context, Request, Response};
use stolid_tests::config;
use stolid_tests::echo::Note;
use stolid_tests::gate::Gate;
use stolid_tests::handlers::{DO, Handlers, note};
use stolid_tests::pair::{Pair, scripted_server, serve};
use stolid_tests::watchdog::watched;
use stolid_tests::wire::{Reason, Wire, envelope};

const SAY: &str = "/testing.v1.Echo/Say";
const REPEAT: &str = "/testing.v1.Echo/Repeat";
const GATHER: &str = "/testing.v1.Echo/Gather";

/// The duration that a `grpc-timeout` names.
fn parse_timeout(text: &str) -> Duration {
    let (number, unit) = text.split_at(text.len() - 1);
    assert!(number.len() <= 8, "{text} has more than eight digits");
    let number = number.parse().expect("a timeout is a number");
    match unit {
        "n" => Duration::from_nanos(number),
        "u" => Duration::from_micros(number),
        "m" => Duration::from_millis(number),
        "S" => Duration::from_secs(number),
        "M" => Duration::from_secs(60 * number),
        "H" => Duration::from_secs(3_600 * number),
        unit => panic!("{unit} is no unit of time"),
    }
}

#[test]
fn the_timeout_is_on_the_wire() {
    watched(|| {
        let (client, mut wire) = scripted_server();
        for timeout in [5, 500, 50_000, 5_000_000, 500_000_000].map(Duration::from_millis) {
            let replies = client.repeat(Request::new(note(1)).with_timeout(timeout));
            let call = wire.recv_call();
            let sent = parse_timeout(call.fields.get("grpc-timeout").expect("a timeout"));
            assert!(sent <= timeout + timeout / 1_000, "{sent:?} for {timeout:?}");
            assert!(sent > timeout.saturating_sub(Duration::from_secs(5)), "{sent:?} for {timeout:?}");
            drop(replies);
        }
        let _unlimited = client.repeat(note(1)).expect("the call opens");
        assert_eq!(wire.recv_call().fields.get("grpc-timeout"), None);
    });
}

#[test]
fn the_client_gives_up_by_itself_and_resets() {
    watched(|| {
        let (client, mut wire) = scripted_server();
        let request = Request::new(note(1)).with_timeout(Duration::from_millis(100));
        let began = Instant::now();
        let calling = thread::spawn(move || (client.say(request).expect_err("nobody answers"), client));
        let stream = wire.recv_call().stream;
        let (status, _client) = calling.join().expect("the caller does not panic");
        assert_eq!(status.code(), Code::DeadlineExceeded);
        assert!(began.elapsed() >= Duration::from_millis(100));
        assert_eq!(wire.recv_reset(stream), Reason::CANCEL);
    });
}

#[test]
fn a_deadline_that_is_over_never_reaches_the_wire() {
    watched(|| {
        let (client, mut wire) = scripted_server();
        let status = client.say(Request::new(note(1)).with_timeout(Duration::ZERO));
        assert_eq!(status.expect_err("no time at all").code(), Code::DeadlineExceeded);
        wire.sync();
        assert_eq!(wire.pending(), wire.pending_of(0), "no stream was opened");
    });
}

#[test]
fn the_server_cancels_its_handler_and_answers() {
    watched(|| {
        let (tell, told) = mpsc::channel();
        let tell = Mutex::new(tell);
        let handlers = Handlers::new().gather(move |requests| {
            let context = requests.context();
            let cause = context.wait_cancelled(None);
            tell.lock().expect("no handler panics").send(cause).expect("the test listens");
            Err(context.check().expect_err("the deadline has passed"))
        });
        let server = serve(handlers);
        let mut wire = Wire::client(server.local_addr());
        let stream = wire.open_call(GATHER, &[("grpc-timeout", "100m")]);
        assert_eq!(told.recv().expect("the handler ran"), Some(CancelCause::DeadlineExceeded));
        // A status and no cancellation: by the client's own clock there may be time left.
        let answer = wire.recv_headers(stream);
        assert!(answer.end_stream, "{answer:?}");
        assert_eq!(answer.fields.get("grpc-status"), Some("4"), "{answer:?}");
        assert_eq!(wire.recv_reset(stream), Reason::NO_ERROR);
        assert_eq!(wire.unary_call(SAY, &[]).code(), 0);
    });
}

#[test]
fn a_late_response_that_the_client_does_not_take_is_reset() {
    watched(|| {
        let server = serve(Handlers::new().repeat(|_request, replies| {
            // More than fits into the client's window: the rest of it is still queued at the deadline.
            replies.send(Note { body: vec![1; 100_000], ..Note::default() })?;
            replies.context().wait_cancelled(None);
            replies.context().check()
        }));
        let mut wire = Wire::client(server.local_addr());
        wire.auto.windows = false;
        let stream = wire.open_call(REPEAT, &[("grpc-timeout", "100m")]);
        wire.send_data(stream, &envelope(&[]), true);
        wire.recv_headers(stream);
        wire.recv_data_of(stream, 65_535);
        // Trailers behind half a message would be a broken response.
        assert_eq!(wire.recv_reset(stream), Reason::CANCEL);
    });
}

#[test]
fn the_server_enforces_a_timeout_of_its_own() {
    watched(|| {
        let gate = Gate::new();
        let pair = Pair::start_with(Handlers::as_told(&gate), |builder| builder.timeout(Duration::from_millis(100)));
        let hang = Request::new(note(1)).with_metadata(DO, "hang").expect("legal metadata");
        let status = pair.client.say(hang).expect_err("the server has no more patience");
        assert_eq!(status.code(), Code::DeadlineExceeded);
        assert_eq!(pair.client.say(note(2)).expect("quick enough").into_inner(), note(2));
    });
}

#[test]
fn the_channel_has_a_timeout_for_every_call() {
    watched(|| {
        let pair = Pair::start(Handlers::as_told(&Gate::new()));
        let target = format!("http://{}", pair.server.local_addr());
        let channel = config::channel(target).timeout(Duration::from_millis(100)).connect();
        let client = stolid_tests::echo::echo_client::EchoClient::new(channel.expect("the server listens"));
        let hang = Request::new(note(1)).with_metadata(DO, "hang").expect("legal metadata");
        assert_eq!(client.say(hang).expect_err("out of time").code(), Code::DeadlineExceeded);
    });
}

#[test]
fn every_legal_timeout_is_understood() {
    watched(|| {
        let handlers = Handlers::new().say(|request| {
            let left = request.context().time_remaining().expect("the request has a deadline");
            let millis = u64::try_from(left.as_millis()).unwrap_or(u64::MAX);
            Ok(Response::new(note(millis)))
        });
        let server = serve(handlers);
        let mut wire = Wire::client(server.local_addr());
        for (text, millis) in [
            ("20S", 20_000),
            ("00000020S", 20_000),
            ("20000m", 20_000),
            ("20000000u", 20_000),
            ("3M", 180_000),
            ("1H", 3_600_000),
            // Cut to what a clock can count in nanoseconds: 292 years.
            ("99999999H", 9_223_372_036_854),
        ] {
            let stream = wire.open_call(SAY, &[("grpc-timeout", text)]);
            wire.send_data(stream, &envelope(&[]), true);
            let reply = wire.recv_reply(stream);
            assert_eq!(reply.code(), 0, "{text}: {}", reply.message());
            let seen = Note::decode(&*reply.messages[0]).expect("a note").number;
            assert!(seen <= millis && seen + 10_000 > millis, "{text} became {seen} ms");
        }
        for text in ["0n", "0H"] {
            let stream = wire.open_call(SAY, &[("grpc-timeout", text)]);
            wire.send_data(stream, &envelope(&[]), true);
            let reply = wire.recv_reply(stream);
            assert_eq!(reply.code(), 4, "{text} is over at once: {}", reply.message());
        }
    });
}

#[test]
fn a_broken_timeout_fails_its_own_call() {
    watched(|| {
        let server = serve(Handlers::new());
        let mut wire = Wire::client(server.local_addr());
        for text in ["", "S", "1", "1s", "+1S", "-1S", "1.5S", " 1S", "1 S", "123456789S", "1Sx", "0x1S"] {
            let stream = wire.open_call(SAY, &[("grpc-timeout", text)]);
            wire.send_data(stream, &envelope(&[]), true);
            let fields = wire.recv_headers(stream).fields;
            assert_eq!(fields.get("grpc-status"), Some("13"), "{text:?}: {fields:?}");
        }
        assert_eq!(wire.unary_call(SAY, &[]).code(), 0);
    });
}

#[test]
fn a_nested_call_inherits_the_deadline_and_the_cancellation() {
    watched(|| {
        let (tell, told) = mpsc::channel();
        let tell = Mutex::new(tell);
        let last = Pair::start(Handlers::new().say(move |request| {
            let context = request.context();
            let deadline = context.time_remaining();
            let cause = context.wait_cancelled(None);
            tell.lock().expect("no handler panics").send((deadline, cause)).expect("the test listens");
            Err(context.check().expect_err("the call was cancelled"))
        }));
        let next = last.client.clone();
        let middle = Pair::start(Handlers::new().say(move |request| next.say(request.into_inner())));

        let request = Request::new(note(1)).with_timeout(Duration::from_millis(300));
        let status = middle.client.say(request).expect_err("nobody answers");
        assert_eq!(status.code(), Code::DeadlineExceeded);
        let (deadline, cause) = told.recv().expect("the last handler ran");
        assert!(deadline.expect("inherited") <= Duration::from_millis(300));
        assert!(cause.is_some());

        let mut wire = Wire::client(middle.server.local_addr());
        let stream = wire.open_call(SAY, &[]);
        wire.send_data(stream, &envelope(&[]), true);
        eventually_second(&last.server);
        wire.send_reset(stream, Reason::CANCEL);
        let (deadline, cause) = told.recv().expect("the last handler ran");
        assert_eq!((deadline, cause), (None, Some(CancelCause::PeerReset)));
    });
}

/// Waits until the handler of the second call on `server` has started; that of the first may still be about to end.
fn eventually_second(server: &stolid::Server) {
    stolid_tests::process::eventually("the call got through", || server.stats().calls_started == 2);
}

#[test]
fn the_current_context_is_that_of_the_handler() {
    watched(|| {
        let handlers = Handlers::new().say(|request| {
            let current = Context::current().expect("a handler runs here");
            assert_eq!(current.method(), SAY);
            assert_eq!(current.deadline(), request.context().deadline());
            assert_eq!(current.peer_addr(), request.peer_addr());
            assert!(current.local_addr().is_some());
            let elsewhere = thread::spawn(|| Context::current().is_none());
            assert!(elsewhere.join().expect("the thread does not panic"), "threads do not inherit");
            Ok(Response::new(request.into_inner()))
        });
        let pair = Pair::start(handlers);
        assert!(Context::current().is_none());
        let request = Request::new(note(1)).with_timeout(Duration::from_secs(20));
        pair.client.say(request).expect("all of it holds");
        assert!(Context::current().is_none());
    });
}

#[test]
fn callbacks_run_when_a_call_is_cancelled_and_not_when_it_ends() {
    watched(|| {
        let (tell, told) = mpsc::channel();
        let tell = Mutex::new(tell);
        let handlers = Handlers::new().gather(move |requests| {
            let tell = tell.lock().expect("no handler panics").clone();
            let guard = requests.context().on_cancel(move |cause| {
                tell.send(cause).expect("the test listens");
            });
            let counted = stolid_tests::handlers::count(requests.into_inner());
            guard.forget();
            counted
        });
        let pair = Pair::start(handlers);
        let call = pair.client.gather(()).expect("the call opens");
        call.finish().expect("the call is OK");
        let call = pair.client.gather(()).expect("the call opens");
        eventually_second(&pair.server);
        call.cancel();
        assert_eq!(told.recv().expect("the callback runs"), CancelCause::PeerReset);
        assert!(told.try_recv().is_err(), "and only for the cancelled call");
    });
}
