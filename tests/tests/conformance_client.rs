//! Responses as no server of ours makes them, and what the client makes of them.

use std::thread::{self, JoinHandle};

use prost::Message;
use stolid::{Code, Response, Status};
use stolid_tests::config;
use stolid_tests::echo::Note;
use stolid_tests::echo::echo_client::EchoClient;
use stolid_tests::handlers::{note, note_of};
use stolid_tests::pair::scripted_server;
use stolid_tests::watchdog::watched;
use stolid_tests::wire::{Reason, Wire, WireListener, envelope};

type Answer = Result<Response<Note>, Status>;

/// Makes a unary call in a thread of its own; gives its stream on the wire.
fn calling(client: &EchoClient, wire: &mut Wire) -> (JoinHandle<Answer>, u32) {
    let client = client.clone();
    let calling = thread::spawn(move || client.say(note(1)));
    let stream = wire.recv_call().stream;
    wire.recv_data_until_half_close(stream);
    (calling, stream)
}

#[track_caller]
fn status_of(calling: JoinHandle<Answer>) -> Status {
    calling.join().expect("the caller does not panic").expect_err("the call fails")
}

/// A client's call answered by `script`: its status.
#[track_caller]
fn status_after(client: &EchoClient, wire: &mut Wire, script: impl FnOnce(&mut Wire, u32)) -> Status {
    let (calling, stream) = calling(client, wire);
    script(wire, stream);
    status_of(calling)
}

const GOOD: [(&str, &str); 2] = [(":status", "200"), ("content-type", "application/grpc")];

/// Checks that the connection serves calls still.
#[track_caller]
fn assert_alive(client: &EchoClient, wire: &mut Wire) {
    let (calling, stream) = calling(client, wire);
    wire.send_unary_reply(stream, &note(2).encode_to_vec());
    let answer = calling.join().expect("the caller does not panic").expect("the call is OK");
    assert_eq!(answer.into_inner(), note(2));
}

#[test]
fn a_response_of_trailers_only_is_a_status() {
    watched(|| {
        let (client, mut wire) = scripted_server();
        let status = status_after(&client, &mut wire, |wire, stream| {
            let fields = [GOOD[0], GOOD[1], ("grpc-status", "8"), ("grpc-message", "a%20b%25"), ("x-a", "1")];
            wire.send_headers(stream, &fields, true);
        });
        assert_eq!((status.code(), status.message()), (Code::ResourceExhausted, "a b%"));
        assert_eq!(status.metadata().get("x-a"), Some("1"));
        assert_alive(&client, &mut wire);
    });
}

#[test]
fn an_odd_status_is_unknown() {
    watched(|| {
        let (client, mut wire) = scripted_server();
        for odd in ["17", "99", "-1", "abc", ""] {
            let status = status_after(&client, &mut wire, |wire, stream| {
                wire.send_headers(stream, &[GOOD[0], GOOD[1], ("grpc-status", odd)], true);
            });
            assert_eq!(status.code(), Code::Unknown, "{odd:?}: {status}");
        }
        assert_alive(&client, &mut wire);
    });
}

#[test]
fn an_http_status_becomes_a_code() {
    watched(|| {
        let (client, mut wire) = scripted_server();
        for (http, code) in [
            ("400", Code::Internal),
            ("401", Code::Unauthenticated),
            ("403", Code::PermissionDenied),
            ("404", Code::Unimplemented),
            ("429", Code::Unavailable),
            ("431", Code::Internal),
            ("500", Code::Unknown),
            ("502", Code::Unavailable),
            ("503", Code::Unavailable),
            ("504", Code::Unavailable),
            ("418", Code::Unknown),
        ] {
            let status = status_after(&client, &mut wire, |wire, stream| {
                wire.send_headers(stream, &[(":status", http), ("content-type", "text/html")], false);
                wire.send_data(stream, b"<h1>the proxy is sad</h1>", true);
            });
            assert_eq!(status.code(), code, "{http}: {status}");
            assert!(status.message().contains(http), "{http} is missing: {status}");
            assert!(status.message().contains("text/html"), "the type is missing: {status}");
        }
        let both = [(":status", "503"), ("content-type", "application/grpc"), ("grpc-status", "9")];
        let status = status_after(&client, &mut wire, |wire, stream| wire.send_headers(stream, &both, true));
        assert_eq!(status.code(), Code::FailedPrecondition, "a status wins over its HTTP status");
        assert_alive(&client, &mut wire);
    });
}

#[test]
fn a_reset_becomes_a_code() {
    watched(|| {
        let (client, mut wire) = scripted_server();
        for (reason, code) in [
            (Reason::NO_ERROR, Code::Internal),
            (Reason::PROTOCOL_ERROR, Code::Internal),
            (Reason::INTERNAL_ERROR, Code::Internal),
            (Reason::FLOW_CONTROL_ERROR, Code::Internal),
            (Reason::SETTINGS_TIMEOUT, Code::Internal),
            (Reason::FRAME_SIZE_ERROR, Code::Internal),
            (Reason::CANCEL, Code::Cancelled),
            (Reason::COMPRESSION_ERROR, Code::Internal),
            (Reason::CONNECT_ERROR, Code::Internal),
            (Reason::ENHANCE_YOUR_CALM, Code::ResourceExhausted),
            (Reason::INADEQUATE_SECURITY, Code::PermissionDenied),
        ] {
            let status = status_after(&client, &mut wire, |wire, stream| wire.send_reset(stream, reason));
            assert_eq!(status.code(), code, "{reason:?}: {status}");
        }
        assert_alive(&client, &mut wire);
    });
}

#[test]
fn messages_before_a_reset_are_read_first() {
    watched(|| {
        let (client, mut wire) = scripted_server();
        let mut replies = client.repeat(note(1)).expect("the call opens");
        let stream = wire.recv_call().stream;
        wire.recv_data_until_half_close(stream);
        wire.hold();
        wire.send_response_headers(stream);
        for number in 0..3 {
            wire.send_data(stream, &envelope(&note(number).encode_to_vec()), false);
        }
        wire.send_reset(stream, Reason::INTERNAL_ERROR);
        wire.sync();
        for number in 0..3 {
            assert_eq!(replies.message().expect("it came before the reset"), Some(note(number)));
        }
        assert_eq!(replies.message().expect_err("then the reset").code(), Code::Internal);
    });
}

#[test]
fn a_server_that_hangs_up_is_unavailable() {
    watched(|| {
        let (client, mut wire) = scripted_server();
        let peer = wire.local_addr();
        let (calling, _stream) = calling(&client, &mut wire);
        drop(wire);
        let status = status_of(calling);
        assert_eq!(status.code(), Code::Unavailable);
        assert!(status.message().contains(&peer.to_string()), "the message names the peer: {status}");
    });
}

#[test]
fn goaway_leaves_calls_out_that_are_safe_to_repeat_and_are() {
    watched(|| {
        let listener = WireListener::bind();
        let target = listener.target();
        let connecting =
            thread::spawn(move || EchoClient::new(config::channel(target).connect().expect("the script listens")));
        let mut first = listener.accept();
        let client = connecting.join().expect("connecting does not panic");
        let (kept, kept_stream) = calling(&client, &mut first);
        let (left_out, _) = calling(&client, &mut first);
        first.send_goaway(kept_stream, Reason::NO_ERROR, "");

        let mut second = listener.accept();
        let repeated = second.recv_call().stream;
        second.send_unary_reply(repeated, &note(2).encode_to_vec());
        let answer = left_out.join().expect("the caller does not panic").expect("the call is OK");
        assert_eq!(answer.into_inner(), note(2));

        first.send_unary_reply(kept_stream, &note(1).encode_to_vec());
        let answer = kept.join().expect("the caller does not panic").expect("the call is OK");
        assert_eq!(answer.into_inner(), note(1));
        first.recv_eof();
    });
}

#[test]
fn a_refused_unary_call_is_tried_once_more() {
    watched(|| {
        let (client, mut wire) = scripted_server();
        let (calling_once, stream) = calling(&client, &mut wire);
        wire.send_reset(stream, Reason::REFUSED_STREAM);
        let again = wire.recv_call().stream;
        assert!(again > stream);
        wire.send_unary_reply(again, &note(2).encode_to_vec());
        let answer = calling_once.join().expect("the caller does not panic").expect("the call is OK");
        assert_eq!(answer.into_inner(), note(2));

        let (calling_twice, stream) = calling(&client, &mut wire);
        wire.send_reset(stream, Reason::REFUSED_STREAM);
        let again = wire.recv_call().stream;
        wire.send_reset(again, Reason::REFUSED_STREAM);
        assert_eq!(status_of(calling_twice).code(), Code::Unavailable);
    });
}

#[test]
fn ping_is_answered_while_nobody_calls() {
    watched(|| {
        let (client, mut wire) = scripted_server();
        wire.sync();
        let replies = client.repeat(note(1)).expect("the call opens");
        wire.recv_call();
        wire.sync();
        drop(replies);
        wire.sync();
    });
}

#[test]
fn a_large_second_message_fails_a_unary_call() {
    watched(|| {
        let (client, mut wire) = scripted_server();
        let (caller, stream) = calling(&client, &mut wire);
        wire.send_headers(stream, &GOOD, false);
        wire.send_data(stream, &envelope(&note(1).encode_to_vec()), false);
        // Larger than the window that is left while the first message is not taken.
        let mut second = envelope(&note_of(2 << 20).encode_to_vec());
        while !second.is_empty() {
            let piece = second.len().min(16_000);
            if wire.send_window(stream) >= piece as i64 {
                let rest = second.split_off(piece);
                wire.send_data(stream, &second, false);
                second = rest;
            } else {
                wire.recv_window_update();
            }
        }
        assert_eq!(status_of(caller).code(), Code::Unimplemented);
    });
}
