//! What a client sees when a handler or a server ends in an unusual way.

use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use prost::Message;
use stolid::{Code, DetachedSender, Server, Status};
use stolid_tests::echo::Note;
use stolid_tests::gate::Gate;
use stolid_tests::handlers::{DO, Handlers, note, note_of};
use stolid_tests::pair::{Pair, serve};
use stolid_tests::process::eventually;
use stolid_tests::watchdog::watched;
use stolid_tests::wire::{Reason, Wire, envelope};

const SAY: &str = "/testing.v1.Echo/Say";
const REPEAT: &str = "/testing.v1.Echo/Repeat";
const GATHER: &str = "/testing.v1.Echo/Gather";

#[test]
fn a_handler_that_does_not_read_to_the_end_ends_the_call_anyway() {
    watched(|| {
        let handlers = Handlers::new().gather(|_requests| Err(Status::permission_denied("no uploads")));
        let server = serve(handlers);
        let mut wire = Wire::client(server.local_addr());
        let stream = wire.open_call(GATHER, &[]);
        wire.send_data(stream, &envelope(&note_of(1_000).encode_to_vec()), false);
        let reply = wire.recv_reply(stream);
        assert_eq!((reply.code(), reply.message()), (7, "no uploads"));
        assert_eq!(wire.recv_reset(stream), Reason::NO_ERROR);
        assert_eq!(wire.unary_call(SAY, &[]).code(), 0);
    });
}

#[test]
fn uploads_that_nobody_reads_give_the_connection_its_window_back() {
    watched(|| {
        let handlers = Handlers::new().gather(|_requests| Err(Status::permission_denied("no uploads")));
        let server = serve(handlers);
        let mut wire = Wire::client(server.local_addr());
        // Together they are larger than the largest window a connection ever gets.
        for _ in 0..64 {
            let stream = wire.open_call(GATHER, &[]);
            wire.send_body(stream, &envelope(&note_of(500_000).encode_to_vec()), false);
            assert_eq!(wire.recv_reply(stream).code(), 7);
        }
    });
}

#[test]
fn a_handler_that_sends_nothing_answers_with_its_status_alone() {
    watched(|| {
        let handlers = Handlers::new().repeat(|_request, replies| {
            drop(replies);
            Ok(())
        });
        let server = serve(handlers);
        let mut wire = Wire::client(server.local_addr());
        let stream = wire.open_call(REPEAT, &[]);
        wire.send_data(stream, &envelope(&[]), true);
        let reply = wire.recv_reply(stream);
        assert_eq!((reply.code(), reply.messages.len()), (0, 0));
    });
}

/// A pair whose `Repeat` gives its sender away and returns at once.
fn detaching() -> (Pair, mpsc::Receiver<DetachedSender<Note>>) {
    let (give, given) = mpsc::channel();
    let give = Mutex::new(give);
    let handlers = Handlers::new().repeat(move |_request, replies| {
        let give = give.lock().expect("no handler panics");
        give.send(replies.detach()).expect("the test listens");
        Ok(())
    });
    (Pair::start(handlers), given)
}

#[test]
fn a_detached_stream_goes_on_until_it_is_finished() {
    watched(|| {
        let (pair, given) = detaching();
        let mut replies = pair.client.repeat(note(0)).expect("the call opens");
        let sender = given.recv().expect("the handler ran");
        for number in 0..100 {
            sender.send(note(number)).expect("the call runs");
            assert_eq!(replies.message().expect("the call runs"), Some(note(number)));
        }
        sender.finish(Ok(()));
        assert_eq!(replies.message().expect("the call is OK"), None);
    });
}

/// A server that its own handler can reach.
fn server_with_itself(
    act: impl Fn(Server) + Send + Sync + 'static,
) -> (stolid_tests::echo::echo_client::EchoClient, Arc<Mutex<Option<Server>>>) {
    let slot = Arc::new(Mutex::new(None::<Server>));
    let own = Arc::clone(&slot);
    let handlers = Handlers::new().say(move |request| {
        let server = own.lock().expect("no handler panics").take().expect("called once");
        act(server);
        Ok(stolid::Response::new(request.into_inner()))
    });
    let server = serve(handlers);
    let client = stolid_tests::pair::client_of(server.local_addr());
    *slot.lock().expect("no handler panics") = Some(server);
    (client, slot)
}

#[test]
fn a_server_dropped_inside_a_handler_does_not_wait_for_it() {
    watched(|| {
        let (client, slot) = server_with_itself(drop);
        // Whether the answer still gets out is the peer's luck; that the call ends is not.
        if let Err(status) = client.say(note(1)) {
            assert_eq!(status.code(), Code::Unavailable);
        }
        assert!(slot.lock().expect("no handler panics").is_none());
    });
}

#[test]
fn a_shutdown_inside_a_handler_leaves_that_call_out() {
    watched(|| {
        let (tell, told) = mpsc::channel();
        let tell = Mutex::new(tell);
        let (client, _slot) = server_with_itself(move |server| {
            let report = server.shutdown(Duration::from_secs(30));
            tell.lock().expect("no handler panics").send(report).expect("the test listens");
        });
        let answer = client.say(note(1));
        let report = told.recv().expect("the handler returned");
        assert_eq!((report.cut, report.stuck), (0, 0), "{report:?}");
        assert_eq!(answer.expect("the call itself is let through").into_inner(), note(1));
    });
}

#[test]
fn a_shutdown_reports_what_it_drained_and_what_it_cut() {
    watched(|| {
        let called = Gate::new();
        let tell = called.clone();
        let handlers = Handlers::as_told(&Gate::new()).say(move |request| {
            tell.open();
            let context = request.context();
            eventually("the server drains", || context.is_draining());
            Ok(stolid::Response::new(request.into_inner()))
        });
        let pair = Pair::start(handlers);
        let hang = stolid::Request::new(()).with_metadata(DO, "hang").expect("legal metadata");
        let hanging = pair.client.gather(hang).expect("the call opens");
        let waiter = pair.client.clone();
        let waiting = thread::spawn(move || waiter.say(note(1)));
        called.wait();
        let report = pair.server.shutdown(Duration::from_millis(500));
        assert_eq!((report.drained, report.cut, report.stuck), (1, 1, 0), "{report:?}");
        let answer = waiting.join().expect("the caller does not panic");
        assert_eq!(answer.expect("the call was drained").into_inner(), note(1));
        let status = hanging.finish().expect_err("the call was cut");
        assert_eq!(status.code(), Code::Unavailable);
    });
}

#[test]
fn a_stuck_handler_is_reported_and_not_waited_for() {
    watched(|| {
        let gate = Gate::new();
        let pair = Pair::start(Handlers::as_told(&gate));
        let wait = stolid::Request::new(note(1)).with_metadata(DO, "gate").expect("legal metadata");
        let waiter = pair.client.clone();
        let waiting = thread::spawn(move || waiter.say(wait));
        gate.wait_for_arrivals(1);
        let report = pair.server.shutdown(Duration::ZERO);
        assert_eq!((report.drained, report.stuck), (0, 1), "{report:?}");
        let status = waiting.join().expect("the caller does not panic").expect_err("the call was cut");
        assert_eq!(status.code(), Code::Unavailable);
        gate.open();
    });
}

#[test]
fn a_peer_that_says_nothing_does_not_hold_up_a_shutdown() {
    watched(|| {
        let server = serve(Handlers::new());
        let mut silent = Wire::dial(server.local_addr());
        eventually("the server has the connection", || server.stats().connections == 1);
        let began = std::time::Instant::now();
        server.shutdown(Duration::from_secs(30));
        assert!(began.elapsed() < Duration::from_secs(5), "took {:?}", began.elapsed());
        silent.recv_eof();
    });
}

#[test]
fn two_threads_may_shut_down_at_once() {
    watched(|| {
        let server = Arc::new(serve(Handlers::new()));
        let threads = (0..2).map(|_| {
            let server = Arc::clone(&server);
            thread::spawn(move || server.shutdown(Duration::from_secs(10)))
        });
        for thread in Vec::from_iter(threads) {
            let report = thread.join().expect("a shutdown does not panic");
            assert_eq!((report.cut, report.stuck), (0, 0), "{report:?}");
        }
        assert_eq!(server.shutdown(Duration::ZERO).stuck, 0);
    });
}
