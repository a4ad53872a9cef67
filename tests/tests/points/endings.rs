//! How calls and connections end: deadlines, cancellations, GOAWAY, loss.

use std::net::TcpListener;
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use prost::Message;
use stolid::{CancelCause, Code, Request, Response, Server};
use stolid_tests::config;
use stolid_tests::echo::echo_client::EchoClient;
use stolid_tests::gate::Gate;
use stolid_tests::handlers::{DO, Handlers, note, note_of};
use stolid_tests::pair::{Pair, scripted_server, scripted_server_with, serve, serve_with};
use stolid_tests::process::eventually;
use stolid_tests::watchdog::watched;
use stolid_tests::wire::{Reason, Setting, Wire, WireListener, envelope, flag, header_block, kind};

use crate::script::{GATHER, GOOD, SAY, assert_calls, assert_serves, calling, served, status_of};

#[test]
fn a_lost_connection_is_unavailable_on_a_client() {
    watched(|| {
        let (client, mut wire) = scripted_server();
        let (sender, mut replies) = client.relay(()).expect("the call opens").split();
        wire.recv_call();
        let (unary, _) = calling(&client, &mut wire);
        drop(wire);
        assert_eq!(status_of(unary).code(), Code::Unavailable);
        assert_eq!(replies.message().expect_err("nobody is there").code(), Code::Unavailable);
        assert_eq!(sender.send(note(1)).expect_err("nobody is there").code(), Code::Unavailable);
        assert_eq!(replies.context().cancelled(), Some(CancelCause::ConnectionLost));
    });
}

#[test]
fn a_lost_connection_is_cancelled_on_a_server() {
    watched(|| {
        let (tell, told) = mpsc::channel();
        let tell = Mutex::new(tell);
        let handlers = Handlers::new().relay(move |requests, replies| {
            let cause = requests.context().wait_cancelled(None);
            let read = requests.into_inner().message().expect_err("the call is over").code();
            let sent = replies.send(note(1)).expect_err("the call is over").code();
            tell.lock().expect("no handler panics").send((cause, read, sent)).expect("the test listens");
            Ok(())
        });
        let (server, mut wire) = served(handlers);
        wire.open_call(crate::script::RELAY, &[]);
        eventually("the handler runs", || server.stats().running == 1);
        drop(wire);
        let expected = (Some(CancelCause::ConnectionLost), Code::Cancelled, Code::Cancelled);
        assert_eq!(told.recv().expect("the handler runs"), expected);
    });
}

#[test]
fn a_deadline_is_made_locally_while_the_trailers_are_half_read() {
    watched(|| {
        let (client, mut wire) = scripted_server();
        let request = Request::new(note(1)).with_timeout(Duration::from_millis(200));
        let calling = thread::spawn(move || client.say(request).expect_err("the trailers never end").code());
        let stream = wire.recv_call().stream;
        wire.send_response_headers(stream);
        wire.send_data(stream, &envelope(&[]), false);
        // The end of the header block never comes.
        wire.send_frame(kind::HEADERS, flag::END_STREAM, stream, &header_block(&[("grpc-status", "0")]));
        assert_eq!(calling.join().expect("the caller does not panic"), Code::DeadlineExceeded);
        assert_eq!(wire.recv_reset(stream), Reason::CANCEL);
    });
}

#[test]
fn a_deadline_covers_a_stream_to_its_end() {
    watched(|| {
        let (client, mut wire) = scripted_server();
        let timeout = Duration::from_secs(2);
        let began = Instant::now();
        let request = Request::new(note(1)).with_timeout(timeout);
        let mut replies = client.repeat(request).expect("the call opens");
        let stream = wire.recv_call().stream;
        wire.send_response_headers(stream);
        let reading = thread::spawn(move || {
            let mut messages = 0;
            loop {
                match replies.message() {
                    Ok(Some(_)) => messages += 1,
                    Ok(None) => panic!("the stream has no good end"),
                    Err(status) => return (messages, status.code(), replies.context().cancelled()),
                }
            }
        });
        for _ in 0..3 {
            wire.send_data(stream, &envelope(&[]), false);
        }
        let (messages, code, cause) = reading.join().expect("the reader does not panic");
        assert_eq!((messages, code, cause), (3, Code::DeadlineExceeded, Some(CancelCause::DeadlineExceeded)));
        assert!(began.elapsed() >= timeout);
        assert_eq!(wire.recv_reset(stream), Reason::CANCEL);
    });
}

#[test]
fn a_deadline_passes_even_if_nobody_waits_for_the_call() {
    watched(|| {
        let (client, mut wire) = scripted_server();
        let request = Request::new(()).with_timeout(Duration::from_millis(100));
        let call = client.gather(request).expect("the call opens");
        let stream = wire.recv_call().stream;
        assert_eq!(wire.recv_reset(stream), Reason::CANCEL);
        assert_eq!(call.context().wait_cancelled(None), Some(CancelCause::DeadlineExceeded));
        assert_eq!(call.finish().expect_err("its time is over").code(), Code::DeadlineExceeded);
    });
}

#[test]
fn a_deadline_on_the_server_cancels_the_handler_and_is_answered_with_its_status() {
    watched(|| {
        let (tell, told) = mpsc::channel();
        let tell = Mutex::new(tell);
        let handlers = Handlers::new().relay(move |requests, replies| {
            replies.send(note(1))?;
            let cause = requests.context().wait_cancelled(None);
            let code = replies.send(note(2)).expect_err("the call is over").code();
            tell.lock().expect("no handler panics").send((cause, code)).expect("the test listens");
            Ok(())
        });
        let (_server, mut wire) = served(handlers);
        let stream = wire.open_call(crate::script::RELAY, &[("grpc-timeout", "700m")]);
        assert_eq!(
            told.recv().expect("the handler runs"),
            (Some(CancelCause::DeadlineExceeded), Code::DeadlineExceeded)
        );
        wire.recv_headers(stream);
        let (_, trailers) = wire.recv_data_until_trailers(stream);
        assert_eq!(trailers.get("grpc-status"), Some("4"), "{trailers:?}");
        // The requests have not ended; nobody wants the rest.
        assert_eq!(wire.recv_reset(stream), Reason::NO_ERROR);
        assert_serves(&mut wire);
    });
}

#[test]
fn a_cancelled_call_frees_its_place_for_the_next_one_at_once() {
    watched(|| {
        let (client, mut wire) = scripted_server_with(&[(Setting::MAX_CONCURRENT_STREAMS, 1)]);
        wire.sync();
        wire.auto.windows = false;
        for _ in 0..20 {
            let (sender, replies) = client.relay(()).expect("the call opens").split();
            // More than the windows take: some of it is queued when the call is cancelled.
            while sender.try_send(note_of(10_000)).is_ok() {}
            let stream = wire.recv_call().stream;
            replies.cancel();
            assert_eq!(wire.recv_reset(stream), Reason::CANCEL);
            wire.send_window_update(0, 65_535);
        }
        wire.auto.windows = true;
        assert_calls(&client, &mut wire);
    });
}

#[test]
fn a_call_that_the_client_resets_frees_its_place_on_the_server_at_once() {
    watched(|| {
        let server = serve_with(Handlers::as_told(&Gate::new()), |builder| builder.max_concurrent_streams(1));
        let mut wire = Wire::client(server.local_addr());
        for _ in 0..50 {
            let stream = wire.open_call(GATHER, &[(DO, "hang")]);
            wire.send_data(stream, &envelope(&[]), false);
            wire.send_reset(stream, Reason::CANCEL);
        }
        assert_serves(&mut wire);
        eventually("the handlers are gone", || server.stats().running == 0);
    });
}

/// A client and its first connection to a script that listens for more.
fn listening() -> (WireListener, EchoClient, Wire) {
    let listener = WireListener::bind();
    let target = listener.target();
    let connecting =
        thread::spawn(move || EchoClient::new(config::channel(target).connect().expect("the script listens")));
    let wire = listener.accept();
    (listener, connecting.join().expect("connecting does not panic"), wire)
}

const EVERY_STREAM: u32 = (1 << 31) - 1;

#[test]
fn after_a_goaway_no_stream_is_opened_and_those_it_names_end_well() {
    watched(|| {
        let (listener, client, mut first) = listening();
        let (kept, stream) = calling(&client, &mut first);
        first.send_goaway(EVERY_STREAM, Reason::NO_ERROR, "");
        first.sync();
        let caller = client.clone();
        let moved = thread::spawn(move || caller.say(note(1)));
        let mut second = listener.accept();
        let new = second.recv_call().stream;
        second.send_unary_reply(new, &note(2).encode_to_vec());
        assert_eq!(moved.join().expect("the caller does not panic").expect("the call is OK").into_inner(), note(2));

        // The second step names what was really begun.
        first.send_goaway(stream, Reason::NO_ERROR, "");
        first.send_unary_reply(stream, &note(1).encode_to_vec());
        assert_eq!(kept.join().expect("the caller does not panic").expect("the call is OK").into_inner(), note(1));
        first.recv_eof();
    });
}

#[test]
fn a_stream_above_the_last_of_a_goaway_is_unavailable_and_safe_to_repeat() {
    watched(|| {
        let (_listener, client, mut wire) = listening();
        let kept = client.relay(()).expect("the call opens");
        let mut left_out = client.relay(()).expect("the call opens");
        let (kept_stream, _) = (wire.recv_call().stream, wire.recv_call().stream);
        wire.send_goaway(kept_stream, Reason::NO_ERROR, "going");
        assert_eq!(left_out.message().expect_err("it was not processed").code(), Code::Unavailable);
        kept.send(note(1)).expect("the call that was named goes on");
        assert_eq!(wire.recv_data(kept_stream), (envelope(&note(1).encode_to_vec()), false));
    });
}

#[test]
fn a_goaway_that_grows_ends_the_connection() {
    watched(|| {
        let (_listener, client, mut wire) = listening();
        let mut call = client.relay(()).expect("the call opens");
        let stream = wire.recv_call().stream;
        wire.send_goaway(stream, Reason::NO_ERROR, "");
        wire.send_goaway(stream + 2, Reason::NO_ERROR, "");
        assert_eq!(call.message().expect_err("the connection is broken").code(), Code::Unavailable);
        wire.recv_eof();
    });
}

#[test]
fn a_loss_behind_a_goaway_is_a_loss_and_not_repeated() {
    watched(|| {
        let (_listener, client, mut wire) = listening();
        let (kept, stream) = calling(&client, &mut wire);
        wire.send_goaway(stream, Reason::NO_ERROR, "");
        wire.sync();
        drop(wire);
        // The server may have begun with it, so that only the application can know whether to repeat it.
        assert_eq!(status_of(kept).code(), Code::Unavailable);
    });
}

/// Shuts `server` down in a thread of its own, with much patience.
fn shutting_down(server: Server) -> thread::JoinHandle<stolid::ShutdownReport> {
    thread::spawn(move || server.shutdown(Duration::from_secs(30)))
}

#[test]
fn a_graceful_shutdown_is_goaway_ping_goaway_and_a_close_behind_the_last_stream() {
    watched(|| {
        let gate = Gate::new();
        let (server, mut wire) = served(Handlers::as_told(&gate));
        wire.auto.ping = false;
        let running = wire.open_call(SAY, &[(DO, "gate")]);
        wire.send_data(running, &envelope(&note(1).encode_to_vec()), true);
        gate.wait_for_arrivals(1);
        let stopping = shutting_down(server);
        assert_eq!(wire.recv_goaway(), (EVERY_STREAM, Reason::NO_ERROR));
        let ping = wire.recv_ping();
        // On its way when the GOAWAY was sent: it is served like any other.
        let late = wire.open_call(SAY, &[]);
        wire.send_data(late, &envelope(&note(2).encode_to_vec()), true);
        assert_eq!(wire.recv_reply(late).messages, [note(2).encode_to_vec()]);
        wire.send_pong(ping);
        assert_eq!(wire.recv_goaway(), (late, Reason::NO_ERROR));
        let too_late = wire.open_call(SAY, &[]);
        wire.send_data(too_late, &envelope(&[]), true);
        gate.open();
        assert_eq!(wire.recv_reply(running).messages, [note(1).encode_to_vec()]);
        wire.recv_eof();
        assert_eq!(wire.pending_of(too_late), [], "the last GOAWAY left it out");
        let report = stopping.join().expect("a shutdown does not panic");
        assert_eq!((report.drained, report.cut, report.stuck), (1, 0, 0));
    });
}

#[test]
fn a_connection_without_streams_is_closed_by_a_shutdown_at_once() {
    watched(|| {
        let (server, mut wire) = served(Handlers::new());
        assert_serves(&mut wire);
        let began = Instant::now();
        let stopping = shutting_down(server);
        wire.recv_eof();
        stopping.join().expect("a shutdown does not panic");
        assert!(began.elapsed() < Duration::from_secs(5), "took {:?}", began.elapsed());
    });
}

#[test]
fn a_client_that_does_not_answer_the_ping_does_not_hold_up_a_shutdown() {
    watched(|| {
        let (server, mut wire) = served(Handlers::new());
        wire.auto.ping = false;
        let began = Instant::now();
        let stopping = shutting_down(server);
        wire.recv_eof();
        stopping.join().expect("a shutdown does not panic");
        assert!(began.elapsed() < Duration::from_secs(10), "took {:?}", began.elapsed());
    });
}

#[test]
fn a_connection_that_sent_no_preface_does_not_hold_up_a_shutdown() {
    watched(|| {
        let server = serve(Handlers::new());
        let mut silent = Wire::dial(server.local_addr());
        let mut begun = Wire::dial(server.local_addr());
        begun.send_raw(b"PRI * HTTP/2.0\r\n");
        eventually("the server has both", || server.stats().connections == 2);
        let began = Instant::now();
        let stopping = shutting_down(server);
        silent.recv_unframed_eof();
        begun.recv_unframed_eof();
        stopping.join().expect("a shutdown does not panic");
        assert!(began.elapsed() < Duration::from_secs(5), "took {:?}", began.elapsed());
    });
}

#[test]
fn a_refused_call_is_repeated_once_and_not_twice() {
    watched(|| {
        let (client, mut wire) = scripted_server();
        let caller = client.clone();
        let refused = thread::spawn(move || caller.say(note(1)).expect_err("refused twice").code());
        for _ in 0..2 {
            let stream = wire.recv_call().stream;
            wire.send_reset(stream, Reason::REFUSED_STREAM);
        }
        assert_eq!(refused.join().expect("the caller does not panic"), Code::Unavailable);
        wire.sync();
        assert!(!wire.pending().iter().any(|frame| frame.stream() > 3), "no third attempt");
        assert_calls(&client, &mut wire);
    });
}

#[test]
fn a_call_that_the_server_has_begun_to_answer_is_not_repeated() {
    watched(|| {
        let (client, mut wire) = scripted_server();
        for headers in [true, false] {
            let (call, stream) = calling(&client, &mut wire);
            if headers {
                wire.send_headers(stream, &GOOD, false);
                wire.send_reset(stream, Reason::INTERNAL_ERROR);
                assert_eq!(status_of(call).code(), Code::Internal);
            } else {
                wire.send_headers(stream, &[GOOD[0], GOOD[1], ("grpc-status", "14")], true);
                assert_eq!(status_of(call).code(), Code::Unavailable);
            }
            wire.sync();
            assert!(!wire.pending().iter().any(|frame| frame.stream() > stream), "it was repeated");
        }
    });
}

#[test]
fn attempts_to_connect_come_further_and_further_apart_until_the_server_speaks() {
    watched(|| {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a loopback port is free");
        let addr = listener.local_addr().expect("a bound socket has an address");
        let attempts = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&attempts);
        // TCP connects each time: only SETTINGS would count as a success.
        thread::spawn(move || {
            while let Ok((socket, _)) = listener.accept() {
                seen.lock().expect("nobody panics").push(Instant::now());
                drop(socket);
            }
        });
        let channel = config::channel(format!("http://{addr}")).connect_lazy().expect("the address is good");
        let client = EchoClient::new(channel);
        let attempts = || attempts.lock().expect("nobody panics").clone();
        eventually("three attempts were made", || {
            let status = client.say(note(1)).expect_err("the server never speaks");
            assert_eq!(status.code(), Code::Unavailable);
            assert!(status.message().contains(&addr.to_string()), "{status}");
            attempts().len() >= 3
        });
        let gaps = Vec::from_iter(attempts().windows(2).map(|pair| pair[1] - pair[0]));
        assert!(gaps[0] >= Duration::from_millis(800), "one second and up to a fifth less: {gaps:?}");
        assert!(gaps[1] >= Duration::from_millis(1_280), "1.6 times that: {gaps:?}");
    });
}

#[test]
fn calls_fail_fast_while_connecting_fails_and_wait_while_it_is_tried() {
    watched(|| {
        let listener = WireListener::bind();
        let channel = config::channel(listener.target()).connect_lazy().expect("the address is good");
        let client = EchoClient::new(channel);
        let waiters = (0..3).map(|_| {
            let client = client.clone();
            thread::spawn(move || client.say(note(1)))
        });
        let waiters = Vec::from_iter(waiters);
        drop(listener.accept_silently());
        for waiter in waiters {
            let status = waiter.join().expect("the caller does not panic").expect_err("the server hung up");
            assert_eq!(status.code(), Code::Unavailable);
            assert!(status.message().contains(&listener.addr().to_string()), "{status}");
        }
        drop(listener);
        let began = Instant::now();
        assert_eq!(client.say(note(1)).expect_err("it has just failed").code(), Code::Unavailable);
        assert!(began.elapsed() < Duration::from_secs(5), "nobody waits for an attempt to succeed");
    });
}

/// A pair whose server calls another server of the test, with or without the calling call's context.
fn chained(detached: bool, last: &Pair) -> Pair {
    let next = last.client.clone();
    Pair::start(Handlers::new().say(move |request| {
        let mut inner = Request::new(request.into_inner());
        if detached {
            inner = inner.detached();
        }
        next.say(inner).map(|answer| Response::new(answer.into_inner()))
    }))
}

#[test]
fn a_nested_call_inherits_the_deadline_unless_it_is_detached() {
    watched(|| {
        let (tell, told) = mpsc::channel();
        let tell = Mutex::new(tell);
        let last = Pair::start(Handlers::new().say(move |request| {
            let left = request.context().time_remaining();
            tell.lock().expect("no handler panics").send(left).expect("the test listens");
            Ok(Response::new(request.into_inner()))
        }));
        for detached in [false, true] {
            let middle = chained(detached, &last);
            let request = Request::new(note(1)).with_timeout(Duration::from_secs(20));
            middle.client.say(request).expect("the call is OK");
            let left = told.recv().expect("the last handler ran");
            assert_eq!(left.is_none(), detached, "{left:?}");
            assert!(left.is_none_or(|left| left <= Duration::from_secs(20)));
        }
    });
}

#[test]
fn a_cancelled_call_ends_the_nested_call_unless_it_is_detached() {
    watched(|| {
        let gate = Gate::new();
        let (tell, told) = mpsc::channel();
        let tell = Mutex::new(tell);
        let held = gate.clone();
        let last = Pair::start(Handlers::new().say(move |request| {
            held.enter();
            let context = request.context();
            let detached = request.get_ref().number == 1;
            let cause = if detached { context.cancelled() } else { context.wait_cancelled(None) };
            tell.lock().expect("no handler panics").send(cause).expect("the test listens");
            Ok(Response::new(request.into_inner()))
        }));
        for (number, detached) in [(0, false), (1, true)] {
            let middle = chained(detached, &last);
            let mut wire = Wire::client(middle.server.local_addr());
            let stream = wire.open_call(SAY, &[]);
            wire.send_data(stream, &envelope(&note(number).encode_to_vec()), true);
            gate.wait_for_arrivals(usize::try_from(number).expect("small") + 1);
            wire.send_reset(stream, Reason::CANCEL);
            wire.sync();
            gate.open();
            let cause = told.recv().expect("the last handler ran");
            assert_eq!(cause, if detached { None } else { Some(CancelCause::PeerReset) });
        }
    });
}
