//! Calls that the server has not begun with are made again, once, unseen by the application (gRFC A6).

use std::thread;
use std::time::Duration;

use prost::Message;
use stolid::{CancelCause, Code, Request, Status};
use stolid_tests::config;
use stolid_tests::echo::echo_client::EchoClient;
use stolid_tests::echo::{Count, Note};
use stolid_tests::handlers::{note, note_of};
use stolid_tests::pair::scripted_server;
use stolid_tests::watchdog::watched;
use stolid_tests::wire::{Frame, Reason, Setting, Wire, WireListener, envelope, envelopes};

/// A client of ours whose first connection goes to a script, and the port for further ones.
fn listening() -> (WireListener, EchoClient, Wire) {
    let listener = WireListener::bind();
    let target = listener.target();
    let connecting =
        thread::spawn(move || EchoClient::new(config::channel(target).connect().expect("the script listens")));
    let wire = listener.accept();
    (listener, connecting.join().expect("connecting does not panic"), wire)
}

/// Makes a call; gives a number out of its answer.
type Caller = fn(&EchoClient) -> Result<u64, Status>;

/// One call of each kind, made in a thread of its own, with `number` in every request and every reply.
const KINDS: [(&str, Caller); 4] = [
    ("Say", |client| Ok(client.say(note(3))?.into_inner().number)),
    ("Repeat", |client| client.repeat(note(3))?.map(|reply| Ok(reply?.number)).sum()),
    ("Gather", |client| {
        let call = client.gather(())?.send_all([note(3), note(4)])?;
        Ok(call.finish()?.into_inner().messages)
    }),
    ("Relay", |client| {
        let (requests, replies) = client.relay(())?.split();
        requests.send(note(3))?;
        requests.close();
        replies.map(|reply| Ok(reply?.number)).sum()
    }),
];

/// What a call of this kind sends.
fn requests_of(kind: &str) -> Vec<Vec<u8>> {
    let numbers: &[u64] = if kind == "Gather" { &[3, 4] } else { &[3] };
    numbers.iter().map(|number| note(*number).encode_to_vec()).collect()
}

/// Takes a call whole and checks that nothing of it is missing.
#[track_caller]
fn take(wire: &mut Wire, kind: &str) -> u32 {
    let call = wire.recv_call();
    assert_eq!(call.fields.get(":path"), Some(format!("/testing.v1.Echo/{kind}").as_str()));
    assert_eq!(envelopes(&wire.recv_data_until_half_close(call.stream)), requests_of(kind), "{kind}");
    call.stream
}

fn answer(wire: &mut Wire, stream: u32, kind: &str) {
    let reply =
        if kind == "Gather" { Count { messages: 3, bytes: 0 }.encode_to_vec() } else { note(3).encode_to_vec() };
    wire.send_unary_reply(stream, &reply);
}

#[track_caller]
fn assert_quiet(wire: &mut Wire) {
    wire.sync();
    let calls = wire.pending().into_iter().filter(|frame| matches!(frame, Frame::Headers { .. }));
    assert_eq!(calls.count(), 0, "the call is not made again");
}

#[test]
fn a_refused_call_of_any_kind_is_made_again_on_the_same_connection() {
    watched(|| {
        let (client, mut wire) = scripted_server();
        for (kind, call) in KINDS {
            let caller = client.clone();
            let calling = thread::spawn(move || call(&caller));
            let refused = take(&mut wire, kind);
            wire.send_reset(refused, Reason::REFUSED_STREAM);
            let again = take(&mut wire, kind);
            assert!(again > refused);
            answer(&mut wire, again, kind);
            let outcome = calling.join().expect("the caller does not panic");
            assert_eq!(outcome.expect("the call is OK"), 3, "{kind}");
        }
    });
}

#[test]
fn a_call_of_any_kind_that_is_refused_twice_is_unavailable() {
    watched(|| {
        let (client, mut wire) = scripted_server();
        for (kind, call) in KINDS {
            let caller = client.clone();
            let calling = thread::spawn(move || call(&caller));
            for _ in 0..2 {
                let stream = take(&mut wire, kind);
                wire.send_reset(stream, Reason::REFUSED_STREAM);
            }
            let status = calling.join().expect("the caller does not panic").expect_err("refused");
            assert_eq!(status.code(), Code::Unavailable, "{kind}");
            assert!(status.message().contains("REFUSED_STREAM"), "{kind}: {status}");
            assert_quiet(&mut wire);
        }
    });
}

#[test]
fn a_call_of_any_kind_that_a_goaway_leaves_out_is_made_again_on_a_new_connection() {
    watched(|| {
        for (kind, call) in KINDS {
            let (listener, client, mut first) = listening();
            let calling = thread::spawn(move || call(&client));
            take(&mut first, kind);
            first.send_goaway(0, Reason::NO_ERROR, "");
            let mut second = listener.accept();
            let again = take(&mut second, kind);
            answer(&mut second, again, kind);
            let outcome = calling.join().expect("the caller does not panic");
            assert_eq!(outcome.expect("the call is OK"), 3, "{kind}");
            first.recv_eof();
        }
    });
}

#[test]
fn a_call_whose_answer_has_begun_is_not_made_again() {
    watched(|| {
        let (client, mut wire) = scripted_server();
        for (kind, call) in KINDS {
            let caller = client.clone();
            let calling = thread::spawn(move || call(&caller));
            let stream = take(&mut wire, kind);
            wire.send_response_headers(stream);
            wire.send_reset(stream, Reason::REFUSED_STREAM);
            let status = calling.join().expect("the caller does not panic").expect_err("refused");
            assert_eq!(status.code(), Code::Unavailable, "{kind}");
            assert_quiet(&mut wire);
        }
    });
}

#[test]
fn a_refused_stream_of_requests_goes_on_where_it_was() {
    watched(|| {
        let (client, mut wire) = scripted_server();
        let mut call = client.relay(()).expect("the call opens");
        call.send(note(1)).expect("there is room");
        let first = wire.recv_call().stream;
        assert_eq!(wire.recv_message(first), note(1).encode_to_vec());
        wire.send_reset(first, Reason::REFUSED_STREAM);
        let again = wire.recv_call().stream;
        assert_eq!(wire.recv_message(again), note(1).encode_to_vec());
        call.send(note(2)).expect("there is room");
        assert_eq!(wire.recv_message(again), note(2).encode_to_vec());
        wire.send_response_headers(again);
        wire.send_data(again, &envelope(&note(7).encode_to_vec()), false);
        assert_eq!(call.message().expect("the call is OK"), Some(note(7)));
        call.close();
        assert!(wire.recv_data_until_half_close(again).is_empty());
        wire.send_trailers(again, "0");
        assert_eq!(call.message().expect("the call is OK"), None);
        assert_eq!(call.context().cancelled(), None);
    });
}

#[test]
fn a_stream_of_requests_that_has_sent_more_than_is_kept_is_not_made_again() {
    watched(|| {
        let (client, mut wire) = scripted_server();
        let mut call = client.relay(()).expect("the call opens");
        for _ in 0..5 {
            call.send(note_of(15_000)).expect("the script reads");
        }
        let stream = wire.recv_call().stream;
        wire.recv_data_of(stream, 75_000);
        wire.send_reset(stream, Reason::REFUSED_STREAM);
        let status = call.message().expect_err("the server refuses");
        assert_eq!(status.code(), Code::Unavailable, "{status}");
        assert_eq!(call.context().cancelled(), Some(CancelCause::PeerReset));
        assert_quiet(&mut wire);
    });
}

#[test]
fn a_large_request_is_kept_whole_for_a_call_with_one_request() {
    watched(|| {
        let (client, mut wire) = scripted_server();
        let request = Note { number: 1, ..note_of(3_000_000) };
        let replies = client.repeat(request.clone()).expect("the call opens");
        for _ in 0..2 {
            let stream = wire.recv_call().stream;
            let body = wire.recv_data_until_half_close(stream);
            assert_eq!(Note::decode(&body[5..]).expect("a note"), request);
            if stream == 1 {
                wire.send_reset(stream, Reason::REFUSED_STREAM);
            } else {
                answer(&mut wire, stream, "Repeat");
            }
        }
        assert_eq!(replies.map(|reply| reply.expect("the call is OK").number).sum::<u64>(), 3);
    });
}

#[test]
fn a_call_that_is_made_again_says_how_much_time_is_left() {
    watched(|| {
        let (client, mut wire) = scripted_server();
        let request = Request::new(note(1)).with_timeout(Duration::from_secs(30));
        let replies = client.repeat(request).expect("the call opens");
        let timeout = |value: Option<&str>| {
            let value = value.expect("the call has a deadline").strip_suffix('u').expect("in microseconds");
            value.parse::<u64>().expect("a number")
        };
        let first = wire.recv_call();
        wire.recv_data_until_half_close(first.stream);
        wire.send_reset(first.stream, Reason::REFUSED_STREAM);
        let again = wire.recv_call();
        wire.recv_data_until_half_close(again.stream);
        let (before, after) = (timeout(first.fields.get("grpc-timeout")), timeout(again.fields.get("grpc-timeout")));
        assert!(after < before, "{after} must be less than {before}");
        answer(&mut wire, again.stream, "Repeat");
        assert_eq!(replies.count(), 1);
    });
}

#[test]
fn a_call_that_was_cancelled_is_not_made_again() {
    watched(|| {
        let (client, mut wire) = scripted_server();
        let call = client.relay(()).expect("the call opens");
        let stream = wire.recv_call().stream;
        call.cancel();
        assert_eq!(wire.recv_reset(stream), Reason::CANCEL);
        wire.send_reset(stream, Reason::REFUSED_STREAM);
        assert_quiet(&mut wire);
    });
}

#[test]
fn a_call_that_has_not_left_is_made_as_often_as_it_takes() {
    watched(|| {
        let (listener, client, mut wire) = listening();
        // No place on this connection, so that the calls wait when it says goodbye.
        wire.send_settings(&[(Setting::MAX_CONCURRENT_STREAMS, 0)]);
        wire.sync();
        let unary = client.clone();
        let unary = thread::spawn(move || unary.say(note(3)));
        let streaming = client.repeat(note(3)).expect("it does not wait");
        wire.sync();
        wire.send_goaway(0, Reason::NO_ERROR, "");
        for _ in 0..2 {
            let mut none = listener.accept_with(&[(Setting::MAX_CONCURRENT_STREAMS, 0)]);
            none.sync();
            none.send_goaway(0, Reason::NO_ERROR, "");
        }
        let mut last = listener.accept();
        for _ in 0..2 {
            let call = last.recv_call();
            last.recv_data_until_half_close(call.stream);
            answer(&mut last, call.stream, "Repeat");
        }
        assert_eq!(unary.join().expect("the caller does not panic").expect("the call is OK").into_inner().number, 3);
        assert_eq!(streaming.map(|reply| reply.expect("the call is OK").number).sum::<u64>(), 3);
    });
}
