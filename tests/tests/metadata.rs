//! Metadata, trailers and rich errors, in both directions.

use bytes::Bytes;
use prost::Message;
use stolid::{Code, Metadata, Request, Response, Status};
use stolid_tests::echo::Note;
use stolid_tests::handlers::{Handlers, note};
use stolid_tests::pair::{Pair, scripted_server, serve};
use stolid_tests::watchdog::watched;
use stolid_tests::wire::{Wire, envelope};

const SAY: &str = "/testing.v1.Echo/Say";

/// Every byte there is.
fn every_byte() -> Vec<u8> {
    (0..=255).collect()
}

/// Gives the request's metadata back, once in the headers and once in the trailers.
fn mirror() -> Handlers {
    Handlers::new().say(|request| {
        let (metadata, note) = request.into_parts();
        let mut response = Response::new(note);
        *response.metadata_mut() = metadata.clone();
        *response.trailers_mut() = metadata;
        Ok(response)
    })
}

fn asking() -> Request<Note> {
    let mut request = Request::new(note(1));
    let metadata = request.metadata_mut();
    metadata.insert("x-one", "1").expect("legal metadata");
    metadata.append("x-many", "a").expect("legal metadata");
    metadata.append("x-many", "b").expect("legal metadata");
    metadata.insert_bin("x-raw-bin", every_byte()).expect("legal metadata");
    metadata.append_bin("x-raws-bin", [1, 2, 3]).expect("legal metadata");
    metadata.append_bin("x-raws-bin", []).expect("legal metadata");
    request
}

#[track_caller]
fn assert_mirrored(metadata: &Metadata) {
    assert_eq!(metadata.get("x-one"), Some("1"));
    assert!(metadata.get_all("x-many").eq(["a", "b"]), "{metadata:?}");
    assert_eq!(metadata.get_bin("x-raw-bin"), Some(Bytes::from(every_byte())));
    assert!(metadata.get_all_bin("x-raws-bin").eq([&[1, 2, 3][..], &[]]), "{metadata:?}");
    for key in ["te", "content-type", "grpc-status", "grpc-timeout", ":path"] {
        assert!(!metadata.contains_key(key), "{key} is the protocol's, not the application's");
    }
}

#[test]
fn metadata_goes_there_and_comes_back_as_headers_and_trailers() {
    watched(|| {
        let pair = Pair::start(mirror());
        let request = asking().with_timeout(std::time::Duration::from_secs(20));
        let response = pair.client.say(request).expect("the server answers");
        assert_mirrored(response.metadata());
        assert_mirrored(response.trailers());
    });
}

#[test]
fn streams_have_headers_before_and_trailers_after_their_messages() {
    watched(|| {
        let handlers = Handlers::new().repeat(|request, replies| {
            replies.set_headers(request.metadata().clone())?;
            replies.set_trailers(request.metadata().clone());
            replies.send(note(1))
        });
        let pair = Pair::start(handlers);
        let mut replies = pair.client.repeat(asking()).expect("the call opens");
        assert_mirrored(replies.headers().expect("headers come"));
        assert!(replies.trailers().is_none(), "trailers come last");
        assert_eq!(replies.message().expect("the call runs"), Some(note(1)));
        assert_eq!(replies.message().expect("the call is OK"), None);
        assert_mirrored(replies.trailers().expect("trailers came"));
        assert_mirrored(replies.headers().expect("headers stay"));
    });
}

#[test]
fn headers_can_be_sent_before_any_message() {
    watched(|| {
        let gate = stolid_tests::gate::Gate::new();
        let closed = gate.clone();
        let handlers = Handlers::new().repeat(move |request, replies| {
            replies.set_headers(request.metadata().clone())?;
            replies.send_headers();
            closed.wait();
            let late = replies.set_headers(Metadata::new()).expect_err("they are gone");
            assert_eq!(late.code(), Code::FailedPrecondition);
            Ok(())
        });
        let pair = Pair::start(handlers);
        let mut replies = pair.client.repeat(asking()).expect("the call opens");
        assert_mirrored(replies.headers().expect("headers come"));
        gate.open();
        assert_eq!(replies.message().expect("the call is OK"), None);
    });
}

/// A failure with everything a failure can have.
fn failure() -> Status {
    let details = Bytes::from(every_byte());
    let mut status = Status::with_details(Code::NotFound, "no “such” note: 100 %\n", details);
    status.metadata_mut().insert("x-why", "because").expect("legal metadata");
    status.metadata_mut().insert_bin("x-raw-bin", [0, 255]).expect("legal metadata");
    status
}

#[track_caller]
fn assert_failure(status: &Status) {
    assert_eq!(status.code(), Code::NotFound);
    assert_eq!(status.message(), "no “such” note: 100 %\n");
    assert_eq!(status.details(), every_byte());
    assert_eq!(status.metadata().get("x-why"), Some("because"));
    assert_eq!(status.metadata().get_bin("x-raw-bin"), Some(Bytes::from_static(&[0, 255])));
}

#[test]
fn a_failure_brings_message_metadata_and_details() {
    watched(|| {
        let handlers = Handlers::new()
            .say(|_request| Err(failure()))
            .repeat(|_request, replies| {
                replies.send(note(1))?;
                Err(failure())
            })
            .gather(|_requests| Err(failure()))
            .relay(|_requests, _replies| Err(failure()));
        let pair = Pair::start(handlers);
        assert_failure(&pair.client.say(note(0)).expect_err("the handler fails"));
        let mut replies = pair.client.repeat(note(0)).expect("the call opens");
        assert_eq!(replies.message().expect("the message comes first"), Some(note(1)));
        assert_failure(&replies.message().expect_err("the handler fails"));
        let call = pair.client.gather(()).expect("the call opens");
        assert_failure(&call.finish().expect_err("the handler fails"));
        let mut call = pair.client.relay(()).expect("the call opens");
        assert_failure(&call.message().expect_err("the handler fails"));
    });
}

#[test]
fn every_code_arrives_as_itself() {
    watched(|| {
        let handlers = Handlers::new().say(|request| {
            let code = Code::from_i32(request.get_ref().number as i32);
            Err(Status::new(code, code.name()))
        });
        let pair = Pair::start(handlers);
        for number in 1..=16 {
            let status = pair.client.say(note(number)).expect_err("the handler fails");
            assert_eq!(status.code() as u64, number);
            assert_eq!(status.message(), status.code().name());
        }
    });
}

#[test]
fn a_status_passed_on_loses_what_may_be_secret() {
    watched(|| {
        let behind = Pair::start(Handlers::new().say(|_request| Err(failure())));
        let client = behind.client.clone();
        let front = Pair::start(Handlers::new().say(move |request| client.say(request.into_inner())));
        let status = front.client.say(note(0)).expect_err("the handler fails");
        assert_eq!((status.code(), status.message()), (Code::NotFound, failure().message()));
        assert!(!status.metadata().contains_key("x-why"), "{status:?}");
        assert_eq!(status.details(), b"");

        let client = behind.client;
        let forward = Handlers::new().say(move |request| client.say(request.into_inner()).map_err(Status::forward_all));
        let open = Pair::start(forward);
        assert_failure(&open.client.say(note(0)).expect_err("the handler fails"));
    });
}

#[test]
fn an_error_before_any_message_is_one_header_block() {
    watched(|| {
        let server = serve(Handlers::new().say(|_request| Err(failure())));
        let mut wire = Wire::client(server.local_addr());
        let reply = wire.unary_call(SAY, &[]);
        assert!(reply.headers.is_none(), "a response of trailers only");
        assert_eq!(reply.trailers.get(":status"), Some("200"));
        assert_eq!(reply.trailers.get("content-type"), Some("application/grpc"));
        assert_eq!(reply.code(), 5);
        assert_eq!(reply.message(), "no %E2%80%9Csuch%E2%80%9D note: 100 %25%0A");
        assert_eq!(reply.trailers.get("x-why"), Some("because"));
        assert_eq!(reply.trailers.get("x-raw-bin"), Some("AP8"), "base64 without padding");
    });
}

#[test]
fn binary_values_are_read_padded_unpadded_and_joined() {
    watched(|| {
        let handlers = Handlers::new().say(|request| {
            let values = request.metadata().get_all_bin("x-raw-bin");
            let body = values.flat_map(|value| [&value[..], b";"].concat()).collect();
            Ok(Response::new(Note { body, ..Note::default() }))
        });
        let server = serve(handlers);
        let mut wire = Wire::client(server.local_addr());
        let metadata = [("x-raw-bin", "AP8="), ("x-raw-bin", "AP8"), ("x-raw-bin", "AQ,Ag=="), ("x-raw-bin", "")];
        let stream = wire.open_call(SAY, &metadata);
        wire.send_data(stream, &envelope(&[]), true);
        let reply = wire.recv_reply(stream);
        assert_eq!(reply.code(), 0);
        let seen = Note::decode(&*reply.messages[0]).expect("a note").body;
        assert_eq!(seen, b"\x00\xff;\x00\xff;\x01;\x02;;");
    });
}

#[test]
fn a_broken_binary_value_harms_nobody() {
    watched(|| {
        let server = serve(Handlers::new());
        let mut wire = Wire::client(server.local_addr());
        let stream = wire.open_call(SAY, &[("x-raw-bin", "not*base64")]);
        wire.send_data(stream, &envelope(&[]), true);
        wire.recv_headers(stream);
        assert_eq!(wire.unary_call(SAY, &[]).code(), 0);

        let (client, mut wire) = scripted_server();
        let calling = std::thread::spawn(move || client.say(note(1)));
        let stream = wire.recv_call().stream;
        let fields = [
            (":status", "200"),
            ("content-type", "application/grpc"),
            ("grpc-status", "5"),
            ("grpc-message", "100% broken %zz %E2%80"),
            ("grpc-status-details-bin", "not*base64"),
        ];
        wire.send_headers(stream, &fields, true);
        let status = calling.join().expect("the caller does not panic").expect_err("it failed");
        assert_eq!(status.code(), Code::NotFound);
        assert_eq!(status.message(), "100% broken %zz \u{fffd}");
    });
}

#[test]
fn a_request_names_itself_as_the_protocol_wants() {
    watched(|| {
        let (client, mut wire) = scripted_server();
        let mut request = Request::new(note(1)).with_timeout(std::time::Duration::from_secs(5));
        request.metadata_mut().insert("x-one", "1").expect("legal metadata");
        let replies = client.repeat(request).expect("the call opens");
        let fields = wire.recv_call().fields;
        assert_eq!(fields.get(":method"), Some("POST"));
        assert_eq!(fields.get(":scheme"), Some("http"));
        assert_eq!(fields.get(":path"), Some("/testing.v1.Echo/Repeat"));
        assert_eq!(fields.get(":authority"), Some(wire.local_addr().to_string().as_str()));
        assert_eq!(fields.get("te"), Some("trailers"));
        assert_eq!(fields.get("content-type"), Some("application/grpc"));
        let agent = fields.get("user-agent").expect("a user agent");
        assert!(agent.contains("stolid"), "{agent}");
        let timeout = fields.position("grpc-timeout").expect("a timeout");
        assert!(timeout < fields.position("x-one").expect("metadata"), "{fields:?}");
        assert!(fields.0[timeout - 1].0.starts_with(':'), "right after the pseudo-headers: {fields:?}");
        drop(replies);
    });
}

#[test]
fn trailers_too_large_for_the_peer_still_bring_the_code() {
    watched(|| {
        let handlers = Handlers::new().say(|_request| {
            let details = Bytes::from(vec![7; 100_000]);
            Err(Status::with_details(Code::DataLoss, "m".repeat(100_000), details))
        });
        let pair = Pair::start(handlers);
        let status = pair.client.say(note(0)).expect_err("the handler fails");
        assert_eq!(status.code(), Code::DataLoss);
        assert!(status.message().starts_with("mmm"), "{status}");
        assert_eq!(pair.client.say(note(1)).expect_err("the connection lives").code(), Code::DataLoss);
    });
}
