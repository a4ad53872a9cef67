//! The shape of a response: headers, messages, trailers, and nothing out of place.

use std::thread;

use prost::Message;
use stolid::{Code, Request, Status};
use stolid_tests::gate::Gate;
use stolid_tests::handlers::{DO, Handlers, note};
use stolid_tests::pair::scripted_server;
use stolid_tests::watchdog::watched;
use stolid_tests::wire::{Fields, Frame, Reason, envelope};

use crate::script::{
    GATHER, GOOD, METHODS, RELAY, REPEAT, SAY, assert_calls, assert_serves, calling, served, status_after,
};

/// Every kind of call fails at once.
fn refusing() -> Handlers {
    let refusal = || Status::permission_denied("not you");
    Handlers::new()
        .say(move |_request| Err(refusal()))
        .repeat(move |_request, _replies| Err(refusal()))
        .gather(move |_requests| Err(refusal()))
        .relay(move |_requests, _replies| Err(refusal()))
}

#[test]
fn a_failure_before_any_message_is_trailers_only_for_every_kind_of_call() {
    watched(|| {
        let (_server, mut wire) = served(refusing());
        for path in METHODS {
            let stream = wire.open_call(path, &[]);
            wire.send_data(stream, &envelope(&[]), true);
            let headers = wire.recv_headers(stream);
            assert!(headers.end_stream, "{path}: one header block is all");
            let of = |name| headers.fields.get(name);
            assert_eq!((of(":status"), of("content-type")), (Some("200"), Some("application/grpc")), "{path}");
            assert_eq!((of("grpc-status"), of("grpc-message")), (Some("7"), Some("not you")), "{path}");
        }
        assert_eq!(wire.unary_call(SAY, &[]).code(), 7);
    });
}

#[test]
fn headers_wait_for_the_first_message_so_that_a_late_failure_is_still_trailers_only() {
    watched(|| {
        let gate = Gate::new();
        let held = gate.clone();
        let handlers = Handlers::new().relay(move |_requests, _replies| {
            held.enter();
            Err(Status::aborted("on second thoughts"))
        });
        let (_server, mut wire) = served(handlers);
        let stream = wire.open_call(RELAY, &[]);
        gate.wait_for_arrivals(1);
        wire.sync();
        assert_eq!(wire.pending_of(stream), [], "nothing was said yet");
        gate.open();
        let reply = wire.recv_reply(stream);
        assert!(reply.headers.is_none());
        assert_eq!(reply.code(), 10);
    });
}

#[test]
fn a_failure_behind_a_message_comes_as_headers_message_and_trailers() {
    watched(|| {
        let handlers = Handlers::new().relay(|_requests, replies| {
            replies.send(note(1))?;
            Err(Status::aborted("enough"))
        });
        let (_server, mut wire) = served(handlers);
        for _ in 0..50 {
            let stream = wire.open_empty_call(RELAY, &[]);
            let reply = wire.recv_reply(stream);
            assert!(reply.headers.is_some_and(|headers| headers.get("grpc-status").is_none()));
            assert_eq!(
                (reply.messages, reply.trailers.get("grpc-status")),
                (vec![note(1).encode_to_vec()], Some("10"))
            );
            assert_eq!(reply.trailers.get(":status"), None);
        }
    });
}

#[test]
fn trailers_only_are_exposed_as_trailers_and_the_headers_are_empty() {
    watched(|| {
        let (client, mut wire) = scripted_server();
        let mut replies = client.repeat(note(1)).expect("the call opens");
        let stream = wire.recv_call().stream;
        wire.send_headers(stream, &[GOOD[0], GOOD[1], ("grpc-status", "0"), ("x-one", "1")], true);
        assert!(replies.headers().expect("the call is OK").is_empty());
        assert_eq!(replies.message().expect("the call is OK"), None);
        assert_eq!(replies.trailers().expect("they came").get("x-one"), Some("1"));

        let status = status_after(&client, &mut wire, |wire, stream| {
            wire.send_headers(stream, &[GOOD[0], GOOD[1], ("grpc-status", "5"), ("x-one", "1")], true);
        });
        assert_eq!((status.code(), status.metadata().get("x-one")), (Code::NotFound, Some("1")));
    });
}

#[test]
fn trailers_only_may_be_an_empty_data_frame_behind_headers() {
    watched(|| {
        let (client, mut wire) = scripted_server();
        let mut replies = client.repeat(note(1)).expect("the call opens");
        let stream = wire.recv_call().stream;
        wire.send_response_headers(stream);
        wire.send_data(stream, &[], false);
        wire.send_trailers(stream, "0");
        assert_eq!(replies.message().expect("the call is OK"), None);
    });
}

#[test]
fn several_informational_headers_are_skipped() {
    watched(|| {
        let (client, mut wire) = scripted_server();
        let (calling, stream) = calling(&client, &mut wire);
        for status in ["100", "102", "103", "103"] {
            wire.send_headers(stream, &[(":status", status), ("x-early", "1")], false);
        }
        wire.send_unary_reply(stream, &note(4).encode_to_vec());
        let answer = calling.join().expect("the caller does not panic").expect("the call is OK");
        assert_eq!((answer.metadata().get("x-early"), answer.get_ref()), (None, &note(4)));
    });
}

#[test]
fn informational_headers_that_end_the_stream_are_an_error() {
    watched(|| {
        let (client, mut wire) = scripted_server();
        let status = status_after(&client, &mut wire, |wire, stream| {
            wire.send_headers(stream, &[(":status", "103")], true);
        });
        assert_eq!(status.code(), Code::Internal, "{status}");
        assert_calls(&client, &mut wire);
    });
}

#[test]
fn headers_in_mid_stream_that_do_not_end_it_are_internal_and_a_protocol_error() {
    watched(|| {
        let (client, mut wire) = scripted_server();
        let status = status_after(&client, &mut wire, |wire, stream| {
            wire.send_response_headers(stream);
            wire.send_data(stream, &envelope(&[]), false);
            wire.send_headers(stream, &[("grpc-status", "0")], false);
            assert_eq!(wire.recv_reset(stream), Reason::PROTOCOL_ERROR);
        });
        assert_eq!(status.code(), Code::Internal, "{status}");
        assert!(!status.message().contains("the server reset"), "the reset is ours: {status}");
        assert_calls(&client, &mut wire);
    });
}

#[test]
fn an_ok_behind_a_part_of_a_stream_is_a_good_end() {
    watched(|| {
        let (client, mut wire) = scripted_server();
        let (sender, mut replies) = client.relay(()).expect("the call opens").split();
        sender.send(note(1)).expect("the call runs");
        let stream = wire.recv_call().stream;
        wire.send_response_headers(stream);
        wire.send_data(stream, &envelope(&note(9).encode_to_vec()), false);
        wire.send_trailers(stream, "0");
        assert_eq!(replies.message().expect("the call runs"), Some(note(9)));
        assert_eq!(replies.message().expect("the call is OK"), None);
        assert_eq!(wire.recv_reset(stream), Reason::NO_ERROR, "our requests are not wanted any more");
    });
}

#[test]
fn data_behind_the_trailers_does_not_change_the_outcome() {
    watched(|| {
        let (client, mut wire) = scripted_server();
        let (calling, stream) = calling(&client, &mut wire);
        wire.hold();
        wire.send_response_headers(stream);
        wire.send_data(stream, &envelope(&note(4).encode_to_vec()), false);
        wire.send_trailers(stream, "0");
        wire.send_data(stream, &envelope(&note(5).encode_to_vec()), false);
        wire.flush();
        let answer = calling.join().expect("the caller does not panic").expect("the call is OK");
        assert_eq!(answer.into_inner(), note(4));
    });
}

#[test]
fn a_server_that_ends_before_the_client_resets_with_no_error() {
    watched(|| {
        let (_server, mut wire) = served(refusing());
        for path in [GATHER, RELAY] {
            let stream = wire.open_call(path, &[]);
            assert_eq!(wire.recv_reply(stream).code(), 7);
            assert_eq!(wire.recv_reset(stream), Reason::NO_ERROR, "{path}");
        }
        // The request was complete: there is nothing to reset.
        let stream = wire.open_empty_call(GATHER, &[]);
        assert_eq!(wire.recv_reply(stream).code(), 7);
        wire.sync();
        assert_eq!(wire.pending_of(stream), []);
    });
}

#[test]
fn a_client_whose_server_ends_early_delivers_the_status_and_resets_with_no_error() {
    watched(|| {
        let (client, mut wire) = scripted_server();
        let (sender, mut replies) = client.relay(()).expect("the call opens").split();
        let stream = wire.recv_call().stream;
        wire.send_headers(stream, &[GOOD[0], GOOD[1], ("grpc-status", "7"), ("grpc-message", "not you")], true);
        let status = replies.message().expect_err("the server refuses");
        assert_eq!((status.code(), status.message()), (Code::PermissionDenied, "not you"));
        assert_eq!(wire.recv_reset(stream), Reason::NO_ERROR);
        let status = sender.send(note(1)).expect_err("the call is over");
        assert_eq!((status.code(), status.message()), (Code::PermissionDenied, "not you"));
        assert_calls(&client, &mut wire);
    });
}

#[test]
fn trailers_and_a_reset_behind_them_in_one_segment_are_the_trailers() {
    watched(|| {
        let (client, mut wire) = scripted_server();
        for (reason, number) in [(Reason::NO_ERROR, 7), (Reason::CANCEL, 8), (Reason::NO_ERROR, 9)] {
            let (_sender, mut replies) = client.relay(()).expect("the call opens").split();
            let stream = wire.recv_call().stream;
            wire.hold();
            wire.send_response_headers(stream);
            wire.send_data(stream, &envelope(&note(number).encode_to_vec()), false);
            wire.send_trailers(stream, "5");
            wire.send_reset(stream, reason);
            wire.sync();
            assert_eq!(replies.message().expect("it came before the end"), Some(note(number)));
            assert_eq!(replies.message().expect_err("the server fails").code(), Code::NotFound, "{reason:?}");
        }
    });
}

#[test]
fn messages_before_a_reset_with_no_error_can_still_be_read() {
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
        wire.send_reset(stream, Reason::NO_ERROR);
        wire.sync();
        for number in 0..3 {
            assert_eq!(replies.message().expect("it came before the reset"), Some(note(number)));
        }
        assert_eq!(replies.message().expect_err("there was no status").code(), Code::Internal);
    });
}

#[test]
fn uploads_cut_short_by_a_client_are_seen_by_the_handler_before_the_cancellation() {
    watched(|| {
        let (tell, told) = std::sync::mpsc::channel();
        let tell = std::sync::Mutex::new(tell);
        let gate = Gate::new();
        let held = gate.clone();
        let handlers = Handlers::new().gather(move |requests| {
            let context = requests.context();
            let mut requests = requests.into_inner();
            let first = requests.message();
            held.enter();
            context.wait_cancelled(None);
            let then = requests.message();
            let tell = tell.lock().expect("no handler panics");
            tell.send((first, then.map_err(|status| status.code()))).expect("the test listens");
            Err(Status::cancelled("gone"))
        });
        let (_server, mut wire) = served(handlers);
        let stream = wire.open_call(GATHER, &[]);
        wire.send_data(stream, &envelope(&note(1).encode_to_vec()), false);
        gate.wait_for_arrivals(1);
        wire.send_reset(stream, Reason::CANCEL);
        gate.open();
        let (first, then) = told.recv().expect("the handler runs");
        assert_eq!(first.expect("it came first"), Some(note(1)));
        assert_eq!(then, Err(Code::Cancelled));
        assert_serves(&mut wire);
    });
}

#[test]
fn grpc_accept_encoding_is_on_every_response() {
    watched(|| {
        let gate = Gate::new();
        let (_server, mut wire) = served(Handlers::as_told(&gate));
        let listed = |fields: &Fields, what: &str| {
            let values = fields.all("grpc-accept-encoding");
            assert_eq!(values.len(), 1, "{what}: {fields:?}");
            assert!(values[0].split(',').any(|encoding| encoding.trim() == "identity"), "{what}: {fields:?}");
        };
        for path in METHODS {
            let stream = wire.open_call(path, &[]);
            wire.send_data(stream, &envelope(&note(1).encode_to_vec()), true);
            let reply = wire.recv_reply(stream);
            listed(&reply.headers.expect("a message follows"), path);
            let stream = wire.open_call(path, &[(DO, "nonsense")]);
            wire.send_data(stream, &envelope(&[]), true);
            let reply = wire.recv_reply(stream);
            listed(&reply.headers.unwrap_or(reply.trailers), path);
        }
        let stream = wire.open_empty_call("/testing.v1.Echo/Shout", &[]);
        listed(&wire.recv_reply(stream).trailers, "an unknown method");
    });
}

#[test]
fn the_encoding_of_a_response_need_not_be_that_of_the_request() {
    watched(|| {
        let (_server, mut wire) = served(Handlers::new());
        // Nothing is compressed here: the request says how it would be, the response says nothing.
        let stream = wire.open_call(REPEAT, &[("grpc-encoding", "gzip"), ("grpc-accept-encoding", "identity")]);
        wire.send_data(stream, &envelope(&note(1).encode_to_vec()), true);
        let reply = wire.recv_reply(stream);
        assert_eq!(reply.code(), 0);
        let encoding = reply.headers.expect("a message follows");
        assert!(matches!(encoding.get("grpc-encoding"), None | Some("identity")), "{encoding:?}");

        let (client, mut wire) = scripted_server();
        let calling = thread::spawn(move || client.say(Request::new(note(1))));
        let stream = wire.recv_call().stream;
        wire.send_headers(stream, &[GOOD[0], GOOD[1], ("grpc-encoding", "snappy-of-tomorrow")], false);
        wire.send_data(stream, &envelope(&note(4).encode_to_vec()), false);
        wire.send_trailers(stream, "0");
        // The name of an encoding that is not used harms nobody.
        let answer = calling.join().expect("the caller does not panic").expect("the call is OK");
        assert_eq!(answer.into_inner(), note(4));
    });
}

#[test]
fn a_unary_response_is_headers_one_message_and_trailers_in_that_order() {
    watched(|| {
        let (_server, mut wire) = served(Handlers::new());
        let stream = wire.open_call(SAY, &[]);
        wire.send_data(stream, &envelope(&note(1).encode_to_vec()), true);
        wire.recv_reply(stream);
        let stream = wire.open_call(SAY, &[]);
        wire.send_data(stream, &envelope(&note(1).encode_to_vec()), true);
        wire.sync();
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
        let is_last = |frame: &Frame| matches!(frame, Frame::Headers { end_stream: true, .. });
        while !wire.pending_of(stream).iter().any(is_last) {
            assert!(std::time::Instant::now() < deadline, "no trailers came");
            wire.sync();
        }
        let kinds = wire.pending_of(stream).into_iter().map(|frame| match frame {
            Frame::Headers { end_stream, .. } => {
                if end_stream {
                    "trailers"
                } else {
                    "headers"
                }
            }
            Frame::Data { end_stream: false, .. } => "data",
            other => panic!("{other:?}"),
        });
        assert_eq!(Vec::from_iter(kinds.filter(|kind| *kind != "window")), ["headers", "data", "trailers"]);
    });
}
