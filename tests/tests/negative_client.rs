//! Faults of a server that cost one call: what the call gets, what the client says to it, and that nothing else is harmed.
//!
//! Cases with a name of gRPC's negative HTTP/2 interoperability tests have that name at their beginning.

use stolid::Code;
use stolid_tests::handlers::note;
use stolid_tests::scene::{ClientScene, Method};
use stolid_tests::watchdog::watched;
use stolid_tests::wire::{Reason, Wire, envelope, flag, header_block, kind};

use prost::Message;

const GRPC: (&str, &str) = ("content-type", "application/grpc");
const GOOD: [(&str, &str); 2] = [(":status", "200"), GRPC];

/// What a call is told that this side has reset for a fault of HTTP/2.
const BROKEN: &str = "the stream was reset on this side for what the server sent: PROTOCOL_ERROR";

/// What the call gets, and the reset that the client answers with, if any.
struct Outcome {
    code: Code,
    words: &'static str,
    reset: Option<Reason>,
}

const fn fails(code: Code, words: &'static str) -> Outcome {
    Outcome { code, words, reset: None }
}

const fn fails_and_resets(code: Code, words: &'static str, reset: Reason) -> Outcome {
    Outcome { code, words, reset: Some(reset) }
}

#[track_caller]
fn assert_fault(methods: &[Method], outcome: &Outcome, fault: impl Fn(&mut Wire, u32)) {
    let mut scene = ClientScene::start();
    for method in methods {
        let (calling, stream) = scene.call(*method);
        fault(&mut scene.wire, stream);
        let result = calling.join().expect("the caller does not panic");
        let status = result.expect_err("the call fails");
        assert_eq!(status.code(), outcome.code, "{method:?}: {status}");
        assert!(status.message().contains(outcome.words), "{method:?}: {status}");
        match outcome.reset {
            Some(reason) => assert_eq!(scene.wire.recv_reset(stream), reason, "{method:?}"),
            None => {
                scene.wire.sync();
                assert_eq!(scene.wire.pending_of(stream), [], "{method:?}");
            }
        }
        scene.assert_connection_serves();
    }
    scene.end();
}

/// One test for each line: which kinds of call meet the fault, what it is, what comes of it.
macro_rules! faults_of_a_stream {
    ($($name:ident: $methods:expr, $fault:expr, $outcome:expr;)*) => {
        $(
            #[test]
            fn $name() {
                watched(|| assert_fault(&$methods, &$outcome, $fault));
            }
        )*
    };
}

/// One whole message, as an answer of any method.
fn message() -> Vec<u8> {
    envelope(&note(2).encode_to_vec())
}

/// Headers, these bytes, and trailers with status OK.
fn body(wire: &mut Wire, stream: u32, bytes: &[u8]) {
    // In one segment: a client that stops at the fault would reset a stream whose end is still on its way.
    wire.hold();
    wire.send_response_headers(stream);
    wire.send_data(stream, bytes, false);
    wire.send_trailers(stream, "0");
    wire.flush();
}

/// A header list instead of response headers.
fn head(wire: &mut Wire, stream: u32, fields: &[(&str, &str)]) {
    wire.send_headers(stream, fields, false);
}

faults_of_a_stream! {
    rst_after_header_fails_the_call: Method::ALL, |wire, stream| {
        wire.send_response_headers(stream);
        wire.send_reset(stream, Reason::NO_ERROR);
    }, fails(Code::Internal, "the server reset the stream: NO_ERROR");

    rst_after_header_with_an_error_fails_the_call: Method::ALL, |wire, stream| {
        wire.send_response_headers(stream);
        wire.send_reset(stream, Reason::INTERNAL_ERROR);
    }, fails(Code::Internal, "the server reset the stream: INTERNAL_ERROR");

    rst_during_data_fails_the_call: Method::ALL, |wire, stream| {
        wire.send_response_headers(stream);
        let body = envelope(&[0; 314_159]);
        wire.send_body(stream, &body[..body.len() / 2], false);
        wire.send_reset(stream, Reason::NO_ERROR);
    }, fails(Code::Internal, "the server reset the stream: NO_ERROR");

    rst_after_data_fails_the_call: Method::ALL, |wire, stream| {
        wire.send_response_headers(stream);
        wire.send_data(stream, &message(), false);
        wire.send_reset(stream, Reason::NO_ERROR);
    }, fails(Code::Internal, "the server reset the stream: NO_ERROR");

    two_replies_to_a_call_with_one_are_unimplemented: Method::ONE_RESPONSE, |wire, stream| {
        body(wire, stream, &message().repeat(2));
    }, fails(Code::Unimplemented, "the server sent a second message");

    no_reply_with_ok_is_unimplemented: Method::ONE_RESPONSE, |wire, stream| {
        wire.send_response_headers(stream);
        wire.send_trailers(stream, "0");
    }, fails(Code::Unimplemented, "the server sent no message");

    no_reply_and_trailers_only_with_ok_is_unimplemented: Method::ONE_RESPONSE, |wire, stream| {
        wire.send_headers(stream, &[GOOD[0], GOOD[1], ("grpc-status", "0")], true);
    }, fails(Code::Unimplemented, "the server sent no message");

    an_envelope_cut_in_its_prefix_is_internal: Method::ALL, |wire, stream| {
        body(wire, stream, &message()[..3]);
    }, fails(Code::Internal, "in the middle of a message's prefix, after 3 of 5 bytes");

    an_envelope_cut_in_its_message_is_internal: Method::ALL, |wire, stream| {
        body(wire, stream, &message()[..6]);
    }, fails(Code::Internal, "in the middle of a message");

    an_envelope_cut_by_a_failed_call_keeps_the_status_of_the_failure: Method::ALL, |wire, stream| {
        wire.send_response_headers(stream);
        wire.send_data(stream, &message()[..6], false);
        wire.send_headers(stream, &[("grpc-status", "9"), ("grpc-message", "half way")], true);
    }, fails(Code::FailedPrecondition, "half way");

    a_message_that_does_not_parse_is_internal: Method::ALL, |wire, stream| {
        body(wire, stream, &envelope(&[0xff, 0xff]));
    }, fails(Code::Internal, "the message of the server cannot be decoded");

    trailers_without_a_status_are_unknown: Method::ALL, |wire, stream| {
        wire.send_response_headers(stream);
        wire.send_data(stream, &message(), false);
        wire.send_headers(stream, &[("x-a", "1")], true);
    }, fails(Code::Unknown, "without grpc-status");

    trailers_only_without_a_status_are_unknown: Method::ALL, |wire, stream| {
        wire.send_headers(stream, &GOOD, true);
    }, fails(Code::Unknown, "without grpc-status");

    data_that_ends_the_stream_is_unknown: Method::ALL, |wire, stream| {
        wire.send_response_headers(stream);
        wire.send_data(stream, &message(), true);
    }, fails(Code::Unknown, "without a grpc-status");

    a_compressed_flag_without_an_encoding_is_internal: Method::ALL, |wire, stream| {
        body(wire, stream, &[1, 0, 0, 0, 0]);
    }, fails(Code::Internal, "without grpc-encoding");

    a_compressed_flag_with_an_unknown_encoding_is_internal: Method::ALL, |wire, stream| {
        wire.hold();
        wire.send_headers(stream, &[GOOD[0], GOOD[1], ("grpc-encoding", "snappy-of-tomorrow")], false);
        wire.send_data(stream, &[1, 0, 0, 0, 0], false);
        wire.send_trailers(stream, "0");
        wire.flush();
    }, fails(Code::Internal, "snappy-of-tomorrow");

    a_flag_that_is_not_defined_is_internal: Method::ALL, |wire, stream| {
        wire.send_response_headers(stream);
        wire.send_data(stream, &[2, 0, 0, 0, 0], false);
    }, fails_and_resets(Code::Internal, "begins with flag 2", Reason::CANCEL);

    a_message_over_the_limit_is_resource_exhausted: Method::ALL, |wire, stream| {
        wire.send_response_headers(stream);
        wire.send_data(stream, &[0, 0xff, 0xff, 0xff, 0xff, 1], false);
    }, fails_and_resets(Code::ResourceExhausted, "4294967295 bytes", Reason::CANCEL);

    an_html_answer_is_told_by_its_status_type_and_beginning: Method::ALL, |wire, stream| {
        head(wire, stream, &[(":status", "503"), ("content-type", "text/html")]);
        wire.send_data(stream, b"<html><h1>the proxy is sad</h1></html>", true);
    }, fails(Code::Unavailable, "503 Service Unavailable, content-type \"text/html\", body \"<html><h1>the proxy is sad");

    an_html_answer_without_an_end_is_reset: Method::ALL, |wire, stream| {
        head(wire, stream, &[(":status", "404"), ("content-type", "text/html")]);
        wire.send_data(stream, "<html>404</html>".repeat(100).as_bytes(), false);
    }, fails_and_resets(Code::Unimplemented, "404 Not Found", Reason::CANCEL);

    an_html_answer_with_http_status_200_is_unknown: Method::ALL, |wire, stream| {
        head(wire, stream, &[(":status", "200"), ("content-type", "text/html")]);
        wire.send_data(stream, b"<h1>welcome</h1>", true);
    }, fails(Code::Unknown, "welcome");

    an_http_status_without_a_body_is_told: Method::ALL, |wire, stream| {
        wire.send_headers(stream, &[(":status", "401")], true);
    }, fails(Code::Unauthenticated, "401 Unauthorized, no content-type");

    a_redirect_is_not_followed: Method::ALL, |wire, stream| {
        wire.send_headers(stream, &[(":status", "302"), ("location", "http://stolid.test/")], true);
    }, fails(Code::Unknown, "302 Found");

    a_1xx_answer_that_ends_the_stream_is_internal: Method::ALL, |wire, stream| {
        wire.send_headers(stream, &[(":status", "103")], true);
    }, fails(Code::Internal, BROKEN);

    headers_in_mid_stream_without_end_stream_are_internal: Method::ALL, |wire, stream| {
        wire.send_response_headers(stream);
        wire.send_data(stream, &message(), false);
        wire.send_headers(stream, &[("grpc-status", "0")], false);
    }, fails_and_resets(Code::Internal, BROKEN, Reason::PROTOCOL_ERROR);

    a_1xx_answer_in_mid_stream_is_internal: Method::ALL, |wire, stream| {
        wire.send_response_headers(stream);
        wire.send_headers(stream, &[(":status", "103")], false);
    }, fails_and_resets(Code::Internal, BROKEN, Reason::PROTOCOL_ERROR);

    headers_without_a_status_pseudo_header_are_internal: Method::ALL, |wire, stream| {
        wire.send_headers(stream, &[GRPC], false);
    }, fails_and_resets(Code::Internal, BROKEN, Reason::PROTOCOL_ERROR);

    two_status_pseudo_headers_are_internal: Method::ALL, |wire, stream| {
        head(wire, stream, &[(":status", "200"), (":status", "200"), GRPC]);
    }, fails_and_resets(Code::Internal, BROKEN, Reason::PROTOCOL_ERROR);

    a_pseudo_header_behind_a_field_is_internal: Method::ALL, |wire, stream| {
        head(wire, stream, &[GRPC, (":status", "200")]);
    }, fails_and_resets(Code::Internal, BROKEN, Reason::PROTOCOL_ERROR);

    a_connection_header_is_internal: Method::ALL, |wire, stream| {
        head(wire, stream, &[GOOD[0], GOOD[1], ("connection", "keep-alive")]);
    }, fails_and_resets(Code::Internal, BROKEN, Reason::PROTOCOL_ERROR);

    a_content_length_that_is_not_kept_is_internal: Method::ALL, |wire, stream| {
        head(wire, stream, &[GOOD[0], GOOD[1], ("content-length", "3")]);
        wire.send_data(stream, &message(), false);
    }, fails_and_resets(Code::Internal, BROKEN, Reason::PROTOCOL_ERROR);

    a_header_list_over_the_limit_is_internal: Method::ALL, |wire, stream| {
        head(wire, stream, &[GOOD[0], GOOD[1], ("x-long", &"v".repeat(40_000))]);
    }, fails_and_resets(Code::Internal, BROKEN, Reason::PROTOCOL_ERROR);

    headers_that_depend_on_their_own_stream_are_internal: Method::ALL, |wire, stream| {
        let mut payload = stream.to_be_bytes().to_vec();
        payload.push(16);
        payload.extend(header_block(&GOOD));
        wire.send_frame(kind::HEADERS, flag::END_HEADERS | flag::PRIORITY, stream, &payload);
    }, fails_and_resets(Code::Internal, BROKEN, Reason::PROTOCOL_ERROR);
}
