//! How many calls run at a time, on how many connections, and which calls wait.

use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use prost::Message;
use stolid::{CancelCause, ChannelBuilder, Code, Context, Request, Response, Status, Streaming};
use stolid_tests::config;
use stolid_tests::echo::Note;
use stolid_tests::echo::echo_client::EchoClient;
use stolid_tests::gate::Gate;
use stolid_tests::handlers::{Handlers, note};
use stolid_tests::pair::serve_with;
use stolid_tests::watchdog::watched;
use stolid_tests::wire::{Frame, Setting, Wire, WireListener, envelope, envelopes};

type Answer = Result<Response<Note>, Status>;

/// What a server says of the calls that it takes at a time.
fn at_most(calls: u32) -> [(Setting, u32); 1] {
    [(Setting::MAX_CONCURRENT_STREAMS, calls)]
}

/// A client of ours whose first connection goes to a script that takes so many calls at a time.
fn scripted(calls: u32, configure: impl FnOnce(ChannelBuilder) -> ChannelBuilder) -> (WireListener, EchoClient, Wire) {
    let listener = WireListener::bind();
    let builder = configure(config::channel(listener.target()));
    let connecting = thread::spawn(move || builder.connect().expect("the script listens"));
    let wire = listener.accept_with(&at_most(calls));
    let channel = connecting.join().expect("connecting does not panic");
    (listener, EchoClient::new(channel), wire)
}

/// The next call on the wire, whose request is one note: its stream and the note's number.
#[track_caller]
fn next_call(wire: &mut Wire) -> (u32, u64) {
    let stream = wire.recv_call().stream;
    let body = wire.recv_data_until_half_close(stream);
    let note = Note::decode(&*envelopes(&body).remove(0)).expect("the client sends a note");
    (stream, note.number)
}

/// No call has come that was not looked at.
#[track_caller]
fn assert_quiet(wire: &mut Wire) {
    wire.sync();
    let calls = wire.pending().into_iter().filter(|frame| matches!(frame, Frame::Headers { .. }));
    assert_eq!(calls.count(), 0, "nothing more may be opened");
}

fn answer(wire: &mut Wire, stream: u32, number: u64) {
    wire.send_unary_reply(stream, &note(number).encode_to_vec());
}

#[track_caller]
fn numbers(replies: Streaming<Note>) -> Vec<u64> {
    replies.map(|reply| reply.expect("the call is OK").number).collect()
}

fn saying(client: &EchoClient, number: u64) -> JoinHandle<Answer> {
    let client = client.clone();
    thread::spawn(move || client.say(note(number)))
}

#[track_caller]
fn said(call: JoinHandle<Answer>) -> u64 {
    call.join().expect("the caller does not panic").expect("the call is OK").into_inner().number
}

#[test]
fn calls_over_the_limit_run_one_after_another_in_their_order() {
    watched(|| {
        let (_listener, client, mut wire) = scripted(1, |builder| builder);
        let calls: Vec<_> = (0..10).map(|number| client.repeat(note(number)).expect("it does not wait")).collect();
        for (number, call) in (0..).zip(calls) {
            let (stream, asked) = next_call(&mut wire);
            assert_eq!(asked, number, "first come first served");
            assert_quiet(&mut wire);
            answer(&mut wire, stream, number);
            assert_eq!(numbers(call), [number]);
        }
    });
}

#[test]
fn unary_calls_over_the_limit_wait_and_all_are_served() {
    watched(|| {
        let (_listener, client, mut wire) = scripted(1, |builder| builder);
        let calls: Vec<_> = (0..10).map(|number| saying(&client, number)).collect();
        for _ in 0..10 {
            let (stream, number) = next_call(&mut wire);
            assert_quiet(&mut wire);
            answer(&mut wire, stream, number);
        }
        let answers: Vec<_> = calls.into_iter().map(said).collect();
        assert_eq!(answers, Vec::from_iter(0..10));
    });
}

#[test]
fn three_connections_run_three_calls_at_a_time() {
    watched(|| {
        let gate = Gate::new();
        let at_gate = gate.clone();
        let handlers = Handlers::new().say(move |request| {
            at_gate.enter();
            Ok(Response::new(request.into_inner()))
        });
        let server = serve_with(handlers, |builder| builder.max_concurrent_streams(1));
        let target = format!("http://{}", server.local_addr());
        let channel = config::channel(target).max_connections(3).connect().expect("the server listens");
        let client = EchoClient::new(channel);
        let calls: Vec<_> = (0..9).map(|number| saying(&client, number)).collect();
        gate.wait_for_arrivals(3);
        assert_eq!(server.stats().connections, 3);
        assert_eq!(gate.arrivals(), 3, "one call on each connection");
        gate.open();
        let answers: Vec<_> = calls.into_iter().map(said).collect();
        assert_eq!(answers, Vec::from_iter(0..9));
        assert_eq!(server.stats().connections, 3, "never more than was allowed");
    });
}

#[test]
fn no_further_connection_is_made_while_one_is_enough() {
    watched(|| {
        let server = serve_with(Handlers::new(), |builder| builder.max_concurrent_streams(8));
        let target = format!("http://{}", server.local_addr());
        let channel = config::channel(target).max_connections(3).connect().expect("the server listens");
        let client = EchoClient::new(channel);
        for round in 0..20 {
            let calls: Vec<_> = (0..4).map(|number| saying(&client, round * 4 + number)).collect();
            assert_eq!(calls.into_iter().map(said).count(), 4);
        }
        assert_eq!(server.stats().connections, 1);
    });
}

#[test]
fn a_freed_place_on_any_connection_goes_to_the_oldest_waiting_call() {
    watched(|| {
        let (listener, client, mut first) = scripted(1, |builder| builder.max_connections(2));
        let calls: Vec<_> = (0..6).map(|number| client.repeat(note(number)).expect("it does not wait")).collect();
        let mut second = listener.accept_with(&at_most(1));
        let (mut on_first, number) = next_call(&mut first);
        assert_eq!(number, 0);
        let (mut on_second, number) = next_call(&mut second);
        assert_eq!(number, 1);
        // Three calls in a row go to the second connection, while the first is busy.
        for expected in 2..5 {
            answer(&mut second, on_second, expected - 1);
            let number;
            (on_second, number) = next_call(&mut second);
            assert_eq!(number, expected);
        }
        answer(&mut first, on_first, 0);
        let number;
        (on_first, number) = next_call(&mut first);
        assert_eq!(number, 5);
        answer(&mut first, on_first, 5);
        answer(&mut second, on_second, 4);
        for (number, call) in (0..).zip(calls) {
            assert_eq!(numbers(call), [number]);
        }
    });
}

#[test]
fn a_call_whose_deadline_passes_in_the_queue_says_what_it_waited_for() {
    watched(|| {
        let (_listener, client, mut wire) = scripted(1, |builder| builder);
        let running = client.repeat(note(0)).expect("it does not wait");
        let (stream, _) = next_call(&mut wire);
        let short = |number| Request::new(note(number)).with_timeout(Duration::from_millis(200));
        let mut streaming = client.repeat(short(1)).expect("it does not wait");
        let unary = client.say(short(2)).expect_err("no stream is free");
        let streaming = streaming.message().expect_err("no stream is free");
        for status in [unary, streaming] {
            assert_eq!(status.code(), Code::DeadlineExceeded, "{status}");
            assert!(status.message().contains("waited for a free stream"), "{status}");
        }
        // The next call is not kept from its place by those that gave up.
        let next = client.repeat(note(3)).expect("it does not wait");
        answer(&mut wire, stream, 0);
        let (stream, number) = next_call(&mut wire);
        assert_eq!(number, 3);
        answer(&mut wire, stream, 3);
        assert_eq!((numbers(running), numbers(next)), (vec![0], vec![3]));
    });
}

#[test]
fn calls_that_are_cancelled_in_the_queue_are_never_opened() {
    watched(|| {
        let (_listener, client, mut wire) = scripted(1, |builder| builder);
        let running = client.repeat(note(0)).expect("it does not wait");
        let (stream, _) = next_call(&mut wire);
        let parent = Context::new();
        let mut by_handle = client.repeat(note(1)).expect("it does not wait");
        let child = Request::new(note(2)).with_parent(parent.clone());
        let mut by_parent = client.repeat(child).expect("it does not wait");
        let unary_client = client.clone();
        let child = Request::new(note(3)).with_parent(parent.clone());
        let unary = thread::spawn(move || unary_client.say(child));
        drop(client.repeat(note(4)).expect("it does not wait"));
        let last = client.repeat(note(5)).expect("it does not wait");
        by_handle.cancel();
        parent.cancel();
        assert_eq!(by_handle.message().expect_err("cancelled").code(), Code::Cancelled);
        assert_eq!(by_parent.message().expect_err("cancelled").code(), Code::Cancelled);
        let unary = unary.join().expect("the caller does not panic").expect_err("cancelled");
        assert_eq!(unary.code(), Code::Cancelled);
        answer(&mut wire, stream, 0);
        let (stream, number) = next_call(&mut wire);
        assert_eq!(number, 5);
        answer(&mut wire, stream, 5);
        assert_eq!((numbers(running), numbers(last)), (vec![0], vec![5]));
    });
}

#[test]
fn a_limit_that_is_lowered_holds_from_then_on() {
    watched(|| {
        let (_listener, client, mut wire) = scripted(3, |builder| builder);
        let calls: Vec<_> = (0..3).map(|number| client.repeat(note(number)).expect("it opens")).collect();
        let streams: Vec<_> = (0..3).map(|_| next_call(&mut wire).0).collect();
        wire.send_settings(&at_most(1));
        wire.sync();
        let last = client.repeat(note(3)).expect("it does not wait");
        for (number, stream) in (0..).zip(streams) {
            assert_quiet(&mut wire);
            answer(&mut wire, stream, number);
        }
        let (stream, number) = next_call(&mut wire);
        assert_eq!(number, 3);
        answer(&mut wire, stream, 3);
        assert_eq!(numbers(last), [3]);
        for (number, call) in (0..).zip(calls) {
            assert_eq!(numbers(call), [number]);
        }
    });
}

#[test]
fn a_limit_of_zero_is_legal_and_calls_wait_until_it_is_raised() {
    watched(|| {
        let (_listener, client, mut wire) = scripted(0, |builder| builder);
        let streaming = client.repeat(note(0)).expect("it does not wait");
        let unary = saying(&client, 1);
        assert_quiet(&mut wire);
        wire.send_settings(&at_most(2));
        let mut calls = [next_call(&mut wire), next_call(&mut wire)];
        calls.sort_by_key(|(_, number)| *number);
        for (stream, number) in calls {
            answer(&mut wire, stream, number);
        }
        assert_eq!((numbers(streaming), said(unary)), (vec![0], 1));
    });
}

#[test]
fn a_limit_that_is_raised_lets_waiting_calls_through_at_once() {
    watched(|| {
        let (_listener, client, mut wire) = scripted(1, |builder| builder);
        let calls: Vec<_> = (0..4).map(|number| client.repeat(note(number)).expect("it does not wait")).collect();
        let mut open = vec![next_call(&mut wire)];
        assert_quiet(&mut wire);
        wire.send_settings(&at_most(3));
        open.extend([next_call(&mut wire), next_call(&mut wire)]);
        assert_quiet(&mut wire);
        assert_eq!(open.iter().map(|(_, number)| *number).collect::<Vec<_>>(), [0, 1, 2]);
        for (stream, number) in open {
            answer(&mut wire, stream, number);
        }
        let (stream, number) = next_call(&mut wire);
        answer(&mut wire, stream, number);
        for (number, call) in (0..).zip(calls) {
            assert_eq!(numbers(call), [number]);
        }
    });
}

#[test]
fn a_connection_that_dies_among_several_costs_its_own_calls_and_no_other() {
    watched(|| {
        let (listener, client, mut first) = scripted(1, |builder| builder.max_connections(2));
        let calls: Vec<_> = (0..4).map(|number| client.repeat(note(number)).expect("it does not wait")).collect();
        let [mut lost, kept, third, fourth] = <[_; 4]>::try_from(calls).expect("there are four");
        let mut second = listener.accept_with(&at_most(1));
        assert_eq!(next_call(&mut first).1, 0);
        let (on_second, number) = next_call(&mut second);
        assert_eq!(number, 1);
        drop(first);
        assert_eq!(lost.message().expect_err("its connection is gone").code(), Code::Unavailable);
        // Calls still wait, so that another connection is made.
        let mut replacement = listener.accept_with(&at_most(1));
        let (stream, number) = next_call(&mut replacement);
        assert_eq!(number, 2);
        answer(&mut replacement, stream, 2);
        let (stream, number) = next_call(&mut replacement);
        assert_eq!(number, 3);
        answer(&mut replacement, stream, 3);
        answer(&mut second, on_second, 1);
        assert_eq!((numbers(kept), numbers(third), numbers(fourth)), (vec![1], vec![2], vec![3]));
    });
}

#[test]
fn an_extra_connection_that_fails_fails_no_call_and_is_tried_again() {
    watched(|| {
        let (listener, client, mut first) = scripted(1, |builder| builder.max_connections(2));
        let calls: Vec<_> = (0..3).map(|number| client.repeat(note(number)).expect("it does not wait")).collect();
        let (on_first, _) = next_call(&mut first);
        let mut refusing = listener.accept_silently();
        refusing.send_raw(b"HTTP/1.1 503 Service Unavailable\r\n\r\n");
        drop(refusing);
        answer(&mut first, on_first, 0);
        let (on_first, number) = next_call(&mut first);
        assert_eq!(number, 1);
        // Another attempt follows, for a call still waits.
        let mut second = listener.accept_with(&at_most(1));
        let (on_second, number) = next_call(&mut second);
        assert_eq!(number, 2);
        answer(&mut second, on_second, 2);
        answer(&mut first, on_first, 1);
        for (number, call) in (0..).zip(calls) {
            assert_eq!(numbers(call), [number]);
        }
    });
}

#[test]
fn a_call_that_waits_for_a_connection_ends_at_its_deadline_although_nobody_waits_for_it() {
    watched(|| {
        let (listener, client, mut first) = scripted(0, |builder| builder);
        let call = Request::new(note(0)).with_timeout(Duration::from_millis(300));
        let mut call = client.repeat(call).expect("it does not wait");
        first.sync();
        drop(first);
        // The next connection is being made, and comes to nothing for a while.
        let silent = listener.accept_silently();
        let (tell, told) = mpsc::channel();
        call.context().on_cancel(move |cause| tell.send(cause).expect("the test listens")).forget();
        assert_eq!(told.recv(), Ok(CancelCause::DeadlineExceeded));
        let status = call.message().expect_err("it is over");
        assert_eq!(status.code(), Code::DeadlineExceeded, "{status}");
        assert!(status.message().contains("waited for a connection"), "{status}");
        drop(silent);
    });
}

#[test]
fn a_queued_stream_of_requests_is_sent_when_its_turn_comes() {
    watched(|| {
        let (_listener, client, mut wire) = scripted(1, |builder| builder);
        let running = client.repeat(note(0)).expect("it does not wait");
        let (stream, _) = next_call(&mut wire);
        let (requests, replies) = client.relay(()).expect("it does not wait").split();
        let reading = thread::spawn(move || numbers(replies));
        for number in 1..4 {
            requests.send(note(number)).expect("there is room");
        }
        drop(requests);
        answer(&mut wire, stream, 0);
        let stream = wire.recv_call().stream;
        let sent = envelopes(&wire.recv_data_until_half_close(stream));
        assert_eq!(sent, Vec::from_iter((1..4).map(|number| note(number).encode_to_vec())));
        wire.send_response_headers(stream);
        wire.send_data(stream, &envelope(&note(9).encode_to_vec()), false);
        wire.send_trailers(stream, "0");
        assert_eq!((numbers(running), reading.join().expect("no panic")), (vec![0], vec![9]));
    });
}

#[test]
fn calls_that_wait_when_the_channel_is_dropped_still_run() {
    watched(|| {
        let (_listener, client, mut wire) = scripted(1, |builder| builder);
        let calls: Vec<_> = (0..3).map(|number| client.repeat(note(number)).expect("it does not wait")).collect();
        drop(client);
        for number in 0..3 {
            let (stream, asked) = next_call(&mut wire);
            assert_eq!(asked, number);
            answer(&mut wire, stream, number);
        }
        for (number, call) in (0..).zip(calls) {
            assert_eq!(numbers(call), [number]);
        }
        wire.recv_eof();
    });
}

#[test]
fn calls_that_wait_when_the_only_connection_is_lost_go_to_the_next_one() {
    watched(|| {
        let (listener, client, mut first) = scripted(1, |builder| builder);
        let mut running = client.repeat(note(0)).expect("it does not wait");
        let waiting = client.repeat(note(1)).expect("it does not wait");
        let unary = saying(&client, 2);
        next_call(&mut first);
        drop(first);
        assert_eq!(running.message().expect_err("its connection is gone").code(), Code::Unavailable);
        let mut second = listener.accept_with(&at_most(2));
        let mut calls = [next_call(&mut second), next_call(&mut second)];
        calls.sort_by_key(|(_, number)| *number);
        for (stream, number) in calls {
            answer(&mut second, stream, number);
        }
        assert_eq!((numbers(waiting), said(unary)), (vec![1], 2));
    });
}
