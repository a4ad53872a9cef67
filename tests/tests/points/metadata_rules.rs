//! Metadata: which keys and values may travel, in which form, and from where.

use std::thread;

use prost::Message;
use stolid::{Code, Metadata, MetadataEntry, Request, Response, Status};
use stolid_tests::echo::Note;
use stolid_tests::handlers::{Handlers, count, note, relay};
use stolid_tests::pair::{Pair, scripted_server};
use stolid_tests::watchdog::watched;
use stolid_tests::wire::{Reply, Wire, envelope};

use crate::script::{GOOD, SAY, assert_calls, assert_serves, calling, served, status_after};

/// Gives the metadata of a request back as headers, as it came.
fn mirror() -> Handlers {
    Handlers::new().say(|request| {
        let (metadata, note) = request.into_parts();
        let mut response = Response::new(note);
        *response.metadata_mut() = metadata;
        Ok(response)
    })
}

/// Gives the metadata of a request back entry by entry.
fn mirror_of_entries() -> Handlers {
    Handlers::new().say(|request| {
        let (metadata, note) = request.into_parts();
        let mut response = Response::new(note);
        for entry in metadata.iter() {
            let copied = match entry {
                MetadataEntry::Ascii(key, value) => response.metadata_mut().append(key, value),
                MetadataEntry::Binary(key, value) => response.metadata_mut().append_bin(key, value),
            };
            copied.map_err(|error| Status::internal(error.to_string()))?;
        }
        Ok(response)
    })
}

#[track_caller]
fn say_with(wire: &mut Wire, metadata: &[(&str, &str)]) -> Reply {
    let stream = wire.open_call(SAY, metadata);
    wire.send_data(stream, &envelope(&[]), true);
    wire.recv_reply(stream)
}

#[test]
fn keys_are_sent_in_lower_case() {
    watched(|| {
        let (client, mut wire) = scripted_server();
        let mut request = Request::new(note(1));
        request.metadata_mut().insert("X-Room_1.a", "Rust").expect("legal metadata");
        request.metadata_mut().insert_bin("X-Raw-Bin", [1]).expect("legal metadata");
        let replies = client.repeat(request).expect("the call opens");
        let fields = wire.recv_call().fields;
        assert_eq!((fields.get("x-room_1.a"), fields.get("x-raw-bin")), (Some("Rust"), Some("AQ")));
        drop(replies);
    });
}

#[test]
fn reserved_keys_cannot_be_set() {
    for key in
        ["grpc-timeout", "grpc-anything", "GRPC-Status", ":authority", "te", "content-type", "connection", "host"]
    {
        let error = Metadata::new().insert(key, "1").expect_err(key);
        assert!(error.to_string().contains("reserved"), "{error}");
    }
    assert!(Metadata::new().insert_bin("grpc-trace-bin", [1]).is_err());
    for key in ["", "x y", "x!", "ü", "x\n", "(x)"] {
        assert!(Metadata::new().insert(key, "1").is_err(), "{key:?}");
    }
}

#[test]
fn reserved_keys_of_a_request_are_neither_shown_nor_echoed() {
    watched(|| {
        for handlers in [mirror(), mirror_of_entries()] {
            let (_server, mut wire) = served(handlers);
            let metadata = [("grpc-future", "1"), ("grpc-trace-bin", "AQ"), ("x-one", "1"), ("grpc-timeout", "20S")];
            let reply = say_with(&mut wire, &metadata);
            assert_eq!(reply.code(), 0, "{}", reply.message());
            let headers = reply.headers.expect("a message follows");
            assert_eq!(headers.get("x-one"), Some("1"));
            assert_eq!(headers.all("content-type"), ["application/grpc"]);
            for name in ["te", "grpc-future", "grpc-trace-bin", "grpc-timeout", "host", ":path", ":authority"] {
                assert_eq!(headers.get(name), None, "{headers:?}");
            }
        }
    });
}

#[test]
fn reserved_keys_of_a_response_are_not_shown() {
    watched(|| {
        let (client, mut wire) = scripted_server();
        let (calling, stream) = calling(&client, &mut wire);
        let headers = [GOOD[0], GOOD[1], ("grpc-future", "1"), ("grpc-encoding", "identity"), ("x-one", "1")];
        wire.send_headers(stream, &headers, false);
        wire.send_data(stream, &envelope(&[]), false);
        wire.send_headers(stream, &[("grpc-status", "0"), ("grpc-future-bin", "AQ"), ("x-two", "2")], true);
        let answer = calling.join().expect("the caller does not panic").expect("the call is OK");
        assert_eq!((answer.metadata().len(), answer.metadata().get("x-one")), (1, Some("1")));
        assert_eq!((answer.trailers().len(), answer.trailers().get("x-two")), (1, Some("2")));
    });
}

#[test]
fn the_user_agent_of_a_client_is_shown_to_the_handler() {
    watched(|| {
        let handlers = Handlers::new().say(|request| match request.metadata().get("user-agent") {
            Some("grpc-go/1.0") => Ok(Response::new(request.into_inner())),
            other => Err(Status::internal(format!("{other:?}"))),
        });
        let (_server, mut wire) = served(handlers);
        let reply = say_with(&mut wire, &[("user-agent", "grpc-go/1.0")]);
        assert_eq!(reply.code(), 0, "{}", reply.message());
    });
}

#[test]
fn an_illegal_value_of_a_request_fails_neither_the_call_nor_its_echo() {
    watched(|| {
        for handlers in [mirror(), mirror_of_entries()] {
            let (_server, mut wire) = served(handlers);
            // HTTP allows tabs and bytes above 0x7f, gRPC does not.
            let reply = say_with(&mut wire, &[("x-tab", "a\tb"), ("x-latin", "\u{e9}"), ("x-good", "~ !")]);
            assert_eq!(reply.code(), 0, "{}", reply.message());
            assert_eq!(reply.headers.expect("a message follows").get("x-good"), Some("~ !"));
            assert_serves(&mut wire);
        }
    });
}

#[test]
fn an_illegal_value_of_a_response_does_not_fail_the_call() {
    watched(|| {
        let (client, mut wire) = scripted_server();
        let (calling, stream) = calling(&client, &mut wire);
        wire.send_headers(
            stream,
            &[GOOD[0], GOOD[1], ("x-tab", "a\tb"), ("x-latin", "\u{e9}"), ("x-good", "1")],
            false,
        );
        wire.send_data(stream, &envelope(&[]), false);
        wire.send_headers(stream, &[("grpc-status", "0"), ("x-latin", "\u{fc}"), ("x-good", "2")], true);
        let answer = calling.join().expect("the caller does not panic").expect("the call is OK");
        assert_eq!((answer.metadata().get("x-latin"), answer.metadata().get("x-good")), (None, Some("1")));
        assert_eq!((answer.trailers().get("x-latin"), answer.trailers().get("x-good")), (None, Some("2")));
    });
}

#[test]
fn an_illegal_key_of_a_request_does_not_fail_its_echo() {
    watched(|| {
        let (_server, mut wire) = served(mirror_of_entries());
        let reply = say_with(&mut wire, &[("x!odd", "1"), ("x-good", "2")]);
        assert_eq!(reply.code(), 0, "{}", reply.message());
        assert_eq!(reply.headers.expect("a message follows").get("x-good"), Some("2"));
    });
}

#[test]
fn spaces_around_a_value_are_stripped_before_it_is_sent() {
    watched(|| {
        let (client, mut wire) = scripted_server();
        let request = Request::new(note(1)).with_metadata("x-padded", "  in the middle  ").expect("legal metadata");
        let replies = client.repeat(request).expect("the call opens");
        assert_eq!(wire.recv_call().fields.get("x-padded"), Some("in the middle"));
        drop(replies);
    });
}

#[test]
fn bytes_are_sent_as_base64_without_padding() {
    watched(|| {
        let (client, mut wire) = scripted_server();
        let mut request = Request::new(note(1));
        let metadata = request.metadata_mut();
        for value in [&b""[..], b"f", b"fo", b"foo", b"\xfb\xff\xfe"] {
            metadata.append_bin("x-raw-bin", value).expect("legal metadata");
        }
        let replies = client.repeat(request).expect("the call opens");
        assert_eq!(wire.recv_call().fields.all("x-raw-bin"), ["", "Zg", "Zm8", "Zm9v", "+//+"]);
        drop(replies);
    });
}

/// Binary headers in every form that a peer may choose, and the values they hold.
const RAW: [(&str, &str); 6] = [
    ("x-raw-bin", "Zg"),
    ("x-raw-bin", "Zg=="),
    ("x-raw-bin", "Zm8,Zm8=, Zm9v"),
    ("x-raw-bin", ""),
    ("x-raw-bin", "+//+"),
    ("x-raw-bin", "not*base64"),
];
const VALUES: [&[u8]; 7] = [b"f", b"f", b"fo", b"fo", b"foo", b"", b"\xfb\xff\xfe"];

#[test]
fn a_server_reads_padded_unpadded_joined_and_repeated_bytes_and_passes_over_bad_ones() {
    watched(|| {
        let handlers = Handlers::new().say(|request| {
            let values = Vec::from_iter(request.metadata().get_all_bin("x-raw-bin"));
            if values == VALUES { Ok(Response::new(note(0))) } else { Err(Status::internal(format!("{values:?}"))) }
        });
        let (_server, mut wire) = served(handlers);
        let reply = say_with(&mut wire, &RAW);
        assert_eq!(reply.code(), 0, "{}", reply.message());
    });
}

#[test]
fn a_client_reads_padded_unpadded_joined_and_repeated_bytes_and_passes_over_bad_ones() {
    watched(|| {
        let (client, mut wire) = scripted_server();
        let (calling, stream) = calling(&client, &mut wire);
        wire.send_headers(stream, &[&GOOD[..], &RAW].concat(), false);
        wire.send_data(stream, &envelope(&[]), false);
        wire.send_headers(stream, &[&[("grpc-status", "0")][..], &RAW].concat(), true);
        let answer = calling.join().expect("the caller does not panic").expect("the call is OK");
        for metadata in [answer.metadata(), answer.trailers()] {
            assert_eq!(Vec::from_iter(metadata.get_all_bin("x-raw-bin")), VALUES);
        }
        let status = status_after(&client, &mut wire, |wire, stream| {
            let fields = [GOOD[0], GOOD[1], ("grpc-status", "5"), ("grpc-status-details-bin", "*"), ("x-bin", "*")];
            wire.send_headers(stream, &fields, true);
        });
        assert_eq!((status.code(), status.details()), (Code::NotFound, &b""[..]));
        assert_eq!(status.metadata().get_bin("x-bin"), None);
        assert_calls(&client, &mut wire);
    });
}

#[test]
fn response_headers_over_the_limit_are_internal_and_their_connection_lives() {
    watched(|| {
        let (client, mut wire) = scripted_server();
        let long = "v".repeat(40_000);
        let status = status_after(&client, &mut wire, |wire, stream| {
            wire.send_headers(stream, &[GOOD[0], GOOD[1], ("x-long", &long)], false);
            wire.recv_reset(stream);
        });
        assert_eq!(status.code(), Code::Internal, "{status}");
        assert!(!status.message().contains("the server reset"), "the reset is ours: {status}");
        assert_calls(&client, &mut wire);
    });
}

#[test]
fn trailers_over_the_limit_keep_their_status() {
    watched(|| {
        let (client, mut wire) = scripted_server();
        let long = "v".repeat(40_000);
        let status = status_after(&client, &mut wire, |wire, stream| {
            wire.send_response_headers(stream);
            wire.send_headers(stream, &[("grpc-status", "9"), ("grpc-message", "why"), ("x-long", &long)], true);
        });
        assert_eq!((status.code(), status.message()), (Code::FailedPrecondition, "why"));
        assert_calls(&client, &mut wire);
    });
}

#[test]
fn a_request_with_too_much_metadata_fails_with_the_http_status_431() {
    watched(|| {
        let pair = Pair::start(mirror());
        let request = Request::new(note(1)).with_metadata("x-long", "v".repeat(40_000)).expect("legal metadata");
        let status = pair.client.say(request).expect_err("too much");
        assert_eq!(status.code(), Code::Internal);
        assert!(status.message().contains("431"), "{status}");
        pair.client.say(note(1)).expect("the connection lives");
    });
}

/// What each of the handlers below adds to its response.
fn marks(place: &str) -> Metadata {
    let mut metadata = Metadata::new();
    metadata.append("x-place", place).expect("legal metadata");
    metadata.append("x-many", "1").expect("legal metadata");
    metadata.append("x-many", "2").expect("legal metadata");
    metadata.append_bin("x-raw-bin", [0, 255]).expect("legal metadata");
    metadata
}

#[track_caller]
fn assert_marked(metadata: &Metadata, place: &str) {
    assert_eq!(metadata.get("x-place"), Some(place), "{metadata:?}");
    assert!(metadata.get_all("x-many").eq(["1", "2"]), "{metadata:?}");
    assert_eq!(metadata.get_bin("x-raw-bin").as_deref(), Some(&[0, 255][..]));
    assert_eq!(metadata.len(), 4, "{metadata:?}");
}

fn marked<T>(message: T) -> Response<T> {
    let mut response = Response::new(message);
    *response.metadata_mut() = marks("headers");
    *response.trailers_mut() = marks("trailers");
    response
}

fn marking() -> Handlers {
    Handlers::new()
        .say(|request| Ok(marked(request.into_inner())))
        .gather(|requests| Ok(marked(count(requests.into_inner())?.into_inner())))
        .repeat(|request, replies| {
            replies.set_headers(marks("headers"))?;
            replies.set_trailers(marks("trailers"));
            replies.send(request.into_inner())
        })
        .relay(|requests, replies| {
            replies.set_headers(marks("headers"))?;
            replies.send_headers();
            relay(requests.into_inner(), &replies)?;
            replies.set_trailers(marks("trailers"));
            Ok(())
        })
}

#[test]
fn every_kind_of_handler_sends_headers_and_the_trailers_of_a_success() {
    watched(|| {
        let pair = Pair::start(marking());
        let say = pair.client.say(note(1)).expect("the call is OK");
        assert_marked(say.metadata(), "headers");
        assert_marked(say.trailers(), "trailers");
        let gather = pair.client.gather(()).expect("the call opens").finish().expect("the call is OK");
        assert_marked(gather.metadata(), "headers");
        assert_marked(gather.trailers(), "trailers");
        let mut repeat = pair.client.repeat(note(1)).expect("the call opens");
        assert_marked(repeat.headers().expect("headers come"), "headers");
        assert_eq!(repeat.by_ref().count(), 1);
        assert_marked(repeat.trailers().expect("trailers came"), "trailers");
        let (sender, mut replies) = pair.client.relay(()).expect("the call opens").split();
        assert_marked(replies.headers().expect("headers come before any message"), "headers");
        sender.send(note(1)).expect("the call runs");
        drop(sender);
        assert_eq!(replies.by_ref().count(), 1);
        assert_marked(replies.trailers().expect("trailers came"), "trailers");
    });
}

#[test]
fn headers_may_be_sent_before_the_first_request_message() {
    watched(|| {
        let handlers = Handlers::new().relay(|requests, replies| {
            replies.set_headers(marks("headers"))?;
            replies.send_headers();
            relay(requests.into_inner(), &replies)
        });
        let (_server, mut wire) = served(handlers);
        let stream = wire.open_call(crate::script::RELAY, &[]);
        let headers = wire.recv_headers(stream);
        assert!(!headers.end_stream);
        assert_eq!(headers.fields.get("x-place"), Some("headers"));
        wire.send_data(stream, &envelope(&note(7).encode_to_vec()), true);
        let (body, trailers) = wire.recv_data_until_trailers(stream);
        assert_eq!((body, trailers.get("grpc-status")), (envelope(&note(7).encode_to_vec()), Some("0")));
    });
}

#[test]
fn metadata_of_many_calls_at_once_does_not_mix() {
    watched(|| {
        let pair = Pair::start(mirror());
        let callers = (0..8).map(|caller| {
            let client = pair.client.clone();
            thread::spawn(move || {
                for call in 0..50 {
                    let mine = format!("{caller}-{call}");
                    let request = Request::new(Note::default()).with_metadata("x-mine", &mine).expect("legal metadata");
                    let answer = client.say(request).expect("the call is OK");
                    assert_eq!(answer.metadata().get("x-mine"), Some(mine.as_str()));
                }
            })
        });
        for caller in Vec::from_iter(callers) {
            caller.join().expect("every call got its own metadata back");
        }
    });
}
