//! Rich errors over real sockets: there and back, from peers that send garbage, and passed on.

use std::thread;
use std::time::Duration;

use stolid::details::{
    Any, BadRequest, ErrorDetails, FieldViolation, HelpLink, InvalidDetails, LocalizedMessage, PreconditionViolation,
    QuotaViolation,
};
use stolid::{Code, Metadata, Response, Status};
use stolid_tests::echo::echo_client::EchoClient;
use stolid_tests::echo::{Count, Note};
use stolid_tests::handlers::{Handlers, note};
use stolid_tests::pair::{Pair, scripted_server, serve};
use stolid_tests::watchdog::watched;
use stolid_tests::wire::Wire;

/// All ten types, and one that nobody knows.
fn full() -> ErrorDetails {
    let mut field = FieldViolation::new("number", "is not a lucky one");
    field.reason = "UNLUCKY".to_owned();
    field.localized_message = Some(LocalizedMessage::new("de", "bringt Unglück"));
    let mut quota = QuotaViolation::new("project:7", "no notes left");
    quota.quota_dimensions = [("region".to_owned(), "north".to_owned())].into();
    quota.quota_value = 64;
    quota.future_quota_value = Some(-1);
    let mut details = ErrorDetails::new();
    details
        .set_error_info("UNLUCKY", "echo.example.com", [("limit".to_owned(), "13".to_owned())])
        .set_retry_info(Some(Duration::new(5, 7)))
        .set_debug_info(["main".to_owned(), "say".to_owned()], "line 7")
        .set_quota_failure([quota])
        .set_precondition_failure([PreconditionViolation::new("TERMS", "example.com/terms", "not accepted")])
        .set_bad_request([field])
        .set_request_info("request-7", "opaque")
        .set_resource_info("note", "notes/7", "user:ada", "was burnt")
        .set_help([HelpLink::new("lucky numbers", "https://example.com/numbers")])
        .set_localized_message("de-CH", "„Nein.“")
        .add_other(Any::new("type.googleapis.com/library.v1.Shelf", vec![8, 7]));
    details
}

fn failure() -> Status {
    let mut status = Status::with_error_details(Code::FailedPrecondition, "not today", full());
    status.metadata_mut().insert("x-why", "because").expect("legal metadata");
    status
}

#[track_caller]
fn assert_failure(status: &Status) {
    assert_eq!((status.code(), status.message()), (Code::FailedPrecondition, "not today"));
    assert_eq!(status.check_error_details(), Ok(full()));
    assert_eq!(status.error_details(), full());
    assert_eq!(status.metadata().get("x-why"), Some("because"));
}

/// All four methods fail so, the streaming ones after a message.
fn failing() -> Handlers {
    Handlers::new()
        .say(|_request| Err(failure()))
        .repeat(|_request, replies| {
            replies.send(note(1))?;
            Err(failure())
        })
        .gather(|_requests| Err(failure()))
        .relay(|_requests, replies| {
            replies.send(note(1))?;
            Err(failure())
        })
}

#[test]
fn all_ten_types_arrive_with_every_kind_of_call() {
    watched(|| {
        let pair = Pair::start(failing());
        assert_failure(&pair.client.say(note(0)).expect_err("the handler fails"));
        let mut replies = pair.client.repeat(note(0)).expect("the call opens");
        assert_eq!(replies.message().expect("the message comes first"), Some(note(1)));
        assert_failure(&replies.message().expect_err("the handler fails"));
        let upload = pair.client.gather(()).expect("the call opens");
        assert_failure(&upload.finish().expect_err("the handler fails"));
        let mut call = pair.client.relay(()).expect("the call opens");
        assert_eq!(call.message().expect("the message comes first"), Some(note(1)));
        assert_failure(&call.message().expect_err("the handler fails"));
    });
}

#[test]
fn a_sender_that_finds_its_call_failed_gets_the_details() {
    watched(|| {
        let pair = Pair::start(failing());
        let mut upload = pair.client.gather(()).expect("the call opens");
        let refused = (0..).find_map(|number| upload.send(note(number)).err());
        assert_failure(&refused.expect("the numbers do not end"));
    });
}

#[test]
fn details_arrive_on_many_threads_at_once() {
    watched(|| {
        let pair = Pair::start(failing());
        thread::scope(|scope| {
            for _ in 0..8 {
                let client = pair.client.clone();
                scope.spawn(move || {
                    for _ in 0..100 {
                        assert_failure(&client.say(note(0)).expect_err("the handler fails"));
                    }
                });
            }
        });
    });
}

/// A server that calls `behind` for its client and passes every failure on as `forward` has it.
fn in_front_of(behind: &EchoClient, forward: fn(Status) -> Status) -> Handlers {
    let clients = [(); 4].map(|()| behind.clone());
    let [say, repeat, gather, relay] = clients;
    Handlers::new()
        .say(move |request| say.say(request.into_inner()).map_err(forward))
        .repeat(move |request, replies| {
            for reply in repeat.repeat(request.into_inner())? {
                replies.send(reply.map_err(forward)?)?;
            }
            Ok(())
        })
        .gather(move |_requests| {
            let count: Response<Count> = gather.gather(())?.finish().map_err(forward)?;
            Ok(count)
        })
        .relay(move |_requests, replies| {
            let mut call = relay.relay(())?;
            while let Some(reply) = call.message().map_err(forward)? {
                replies.send(reply)?;
            }
            Ok(())
        })
}

/// How each of the four methods fails.
fn failures(client: &EchoClient) -> [Status; 4] {
    let mut replies = client.repeat(note(0)).expect("the call opens");
    let mut call = client.relay(()).expect("the call opens");
    [
        client.say(note(0)).expect_err("it fails"),
        replies.find_map(Result::err).expect("it fails"),
        client.gather(()).expect("the call opens").finish().expect_err("it fails"),
        loop {
            if let Err(status) = call.message() {
                break status;
            }
        },
    ]
}

#[test]
fn a_received_status_loses_details_and_metadata_on_its_way() {
    watched(|| {
        let behind = Pair::start(failing());
        let front = Pair::start(in_front_of(&behind.client, |status| status));
        for status in failures(&front.client) {
            assert_eq!((status.code(), status.message()), (Code::FailedPrecondition, "not today"));
            assert_eq!(status.details(), b"");
            assert_eq!(status.check_error_details(), Ok(ErrorDetails::new()));
            assert!(!status.metadata().contains_key("x-why"), "{status:?}");
        }
    });
}

#[test]
fn forward_all_keeps_details_and_metadata() {
    watched(|| {
        let behind = Pair::start(failing());
        let middle = Pair::start(in_front_of(&behind.client, Status::forward_all));
        let front = Pair::start(in_front_of(&middle.client, Status::forward_all));
        for status in failures(&front.client) {
            assert_failure(&status);
        }
    });
}

#[test]
fn details_can_be_taken_from_one_status_into_another() {
    watched(|| {
        let behind = Pair::start(failing());
        let client = behind.client;
        let front = Pair::start(Handlers::new().say(move |request| {
            client.say(request.into_inner()).map_err(|status| {
                let mut details = status.error_details();
                details.set_request_info("request-8", "");
                Status::with_error_details(Code::Aborted, "the other side failed", details)
            })
        }));
        let status = front.client.say(note(0)).expect_err("it fails");
        let mut expected = full();
        expected.set_request_info("request-8", "");
        assert_eq!((status.code(), status.check_error_details()), (Code::Aborted, Ok(expected)));
    });
}

#[test]
fn details_too_large_for_the_trailers_give_way_to_the_rest() {
    watched(|| {
        let pair = Pair::start(Handlers::new().say(|request| {
            let mut details = full();
            details.set_debug_info(vec!["frame".repeat(100); 1000], "");
            let length = usize::try_from(request.get_ref().number).expect("it is a length");
            Err(Status::with_error_details(Code::Internal, "m".repeat(length), details))
        }));
        let mut left = full();
        left.set_debug_info([], "");
        for length in [0, 10, 1000, 100_000] {
            let status = pair.client.say(note(length)).expect_err("the handler fails");
            let details = status.check_error_details().expect("they are whole");
            assert_eq!(status.code(), Code::Internal);
            assert!(status.message().len() as u64 >= length.min(1024), "{}", status.message().len());
            assert_eq!(details.debug_info(), None);
            assert_eq!((details.error_info(), details.others()), (left.error_info(), left.others()));
        }
    });
}

#[test]
fn details_on_the_wire_are_base64_without_padding() {
    watched(|| {
        let server = serve(Handlers::new().say(|request| {
            let message = "m".repeat(usize::try_from(request.get_ref().number).expect("it is a length"));
            Err(Status::with_error_details(Code::NotFound, message, ErrorDetails::new()))
        }));
        let mut wire = Wire::client(server.local_addr());
        for (number, field) in [(0, "CAU"), (1, "CAUSAW0"), (2, "CAUSAm1t"), (3, "CAUSA21tbQ")] {
            let reply = wire.unary_call("/testing.v1.Echo/Say", &prost::Message::encode_to_vec(&note(number)));
            assert_eq!(reply.trailers.get("grpc-status-details-bin"), Some(field));
            assert_eq!(reply.code(), 5);
        }
    });
}

/// A client's call that the scripted server fails with code 5 and these values of `grpc-status-details-bin`.
#[track_caller]
fn failed_with(client: &EchoClient, wire: &mut Wire, values: &[&str]) -> Status {
    let client = client.clone();
    let calling = thread::spawn(move || client.say(note(1)));
    let stream = wire.recv_call().stream;
    let mut fields = vec![(":status", "200"), ("content-type", "application/grpc"), ("grpc-status", "5")];
    fields.extend(values.iter().map(|value| ("grpc-status-details-bin", *value)));
    wire.send_headers(stream, &fields, true);
    calling.join().expect("the caller does not panic").expect_err("it failed")
}

#[test]
fn garbage_for_details_is_no_details_and_no_panic() {
    watched(|| {
        let (client, mut wire) = scripted_server();
        for garbage in ["***", "Z", "====", "Zm9v*", "not base64", "\u{fffd}", "CAU=SAm1t"] {
            let status = failed_with(&client, &mut wire, &[garbage]);
            assert_eq!(status.code(), Code::NotFound, "{garbage}");
            assert!(status.error_details().is_empty(), "{garbage}");
            assert_eq!(status.check_error_details(), Err(InvalidDetails::NotBase64), "{garbage}");
        }
        // Base64, and no protobuf: "not protobuf", a length past the end, a tag that goes on for ever.
        for garbage in ["bm90IHByb3RvYnVm", "Gv8", "/////////////////w"] {
            let status = failed_with(&client, &mut wire, &[garbage]);
            assert!(status.error_details().is_empty(), "{garbage}");
            let problem = status.check_error_details();
            assert!(matches!(problem, Err(InvalidDetails::NotAStatus(_))), "{garbage}: {problem:?}");
        }
    });
}

#[test]
fn details_are_read_padded_unpadded_and_the_first_of_several() {
    watched(|| {
        let (client, mut wire) = scripted_server();
        for values in [
            &["CAUSAW0"][..],
            &["CAUSAW0="],
            &["CAUSAW0,CAYSAW4"],
            &["CAUSAW0", "CAYSAW4"],
            &["***", "CAUSAW0"],
            &["", "CAUSAW0="],
        ] {
            let status = failed_with(&client, &mut wire, values);
            assert_eq!(status.details(), [8, 5, 0x12, 1, b'm'], "{values:?}");
            assert_eq!(status.check_error_details(), Ok(ErrorDetails::new()), "{values:?}");
        }
    });
}

#[test]
fn grpc_status_is_trusted_when_the_details_disagree() {
    watched(|| {
        // Code 13, and an entry google.rpc.BadRequest for the field "a".
        let text = "CA0aMgopdHlwZS5nb29nbGVhcGlzLmNvbS9nb29nbGUucnBjLkJhZFJlcXVlc3QSBQoDCgFh";
        let (client, mut wire) = scripted_server();
        let status = failed_with(&client, &mut wire, &[text]);
        assert_eq!(status.code(), Code::NotFound);
        assert_eq!(status.error_details().bad_request(), Some(&BadRequest::with_violation("a", "")));
        let disagrees = InvalidDetails::CodeDisagrees { status: Code::NotFound, inside: 13 };
        assert_eq!(status.check_error_details(), Err(disagrees));
    });
}

#[test]
fn a_success_has_no_details() {
    watched(|| {
        let (client, mut wire) = scripted_server();
        let calling = thread::spawn(move || client.say(note(1)));
        let stream = wire.recv_call().stream;
        wire.send_response_headers(stream);
        wire.send_body(stream, &stolid_tests::wire::envelope(&[]), false);
        wire.send_headers(stream, &[("grpc-status", "0"), ("grpc-status-details-bin", "***")], true);
        let response = calling.join().expect("the caller does not panic").expect("the call is OK");
        let trailers: &Metadata = response.trailers();
        assert!(trailers.is_empty(), "{trailers:?}");
        assert_eq!(response.into_inner(), Note::default());
    });
}
