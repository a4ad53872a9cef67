//! Faults of a client that cost one call: what the server answers, what the handler hears, and that nothing else is harmed.
//!
//! Cases with a name of gRPC's negative HTTP/2 interoperability tests have that name at their beginning.

use prost::Message;
use stolid_tests::handlers::{Handlers, note};
use stolid_tests::scene::{Method, ServerScene};
use stolid_tests::watchdog::watched;
use stolid_tests::wire::{Reason, Wire, envelope, flag, header_block, kind};

/// What comes back on the stream.
enum Answer {
    /// Trailers with this code and these words in its message.
    Status(i32, &'static str),
    /// No gRPC at all: this HTTP status and these words in `grpc-message`.
    Http(&'static str, &'static str),
    /// A reset.
    Reset(Reason),
}

use Answer::{Http, Reset, Status};

#[track_caller]
fn assert_fault(methods: &[Method], answer: &Answer, fault: impl Fn(&mut Wire, Method) -> u32) {
    let mut scene = ServerScene::start(Handlers::new());
    for method in methods {
        let stream = fault(&mut scene.wire, *method);
        match answer {
            Status(code, words) => {
                let reply = scene.wire.recv_reply(stream);
                assert_eq!(reply.code(), *code, "{method:?}: {}", reply.message());
                assert!(reply.message().contains(words), "{method:?}: {}", reply.message());
                assert_eq!(reply.trailers.get(":status").unwrap_or("200"), "200");
            }
            Http(status, words) => {
                let headers = scene.wire.recv_headers(stream);
                assert!(headers.end_stream, "{method:?}: {headers:?}");
                assert_eq!(headers.fields.get(":status"), Some(*status), "{method:?}: {headers:?}");
                assert!(headers.fields.get("grpc-message").unwrap_or_default().contains(words), "{headers:?}");
            }
            Reset(reason) => assert_eq!(scene.wire.recv_reset(stream), *reason, "{method:?}"),
        }
        scene.assert_connection_serves();
    }
    scene.end();
}

/// One test for each line: which kinds of call have the fault, what it is, what comes of it.
macro_rules! faults_of_a_stream {
    ($($name:ident: $methods:expr, $fault:expr, $answer:expr;)*) => {
        $(
            #[test]
            fn $name() {
                watched(|| assert_fault(&$methods, &$answer, $fault));
            }
        )*
    };
}

const BROKEN: Answer = Reset(Reason::PROTOCOL_ERROR);

/// One whole message.
fn message() -> Vec<u8> {
    envelope(&note(2).encode_to_vec())
}

/// A request with these bytes as its body.
fn body(wire: &mut Wire, method: Method, bytes: &[u8]) -> u32 {
    let stream = wire.open_call(method.path(), &[]);
    wire.send_data(stream, bytes, true);
    stream
}

/// The fields of a good request.
fn fields(method: Method) -> [(&'static str, &'static str); 6] {
    [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", method.path()),
        (":authority", "stolid.test"),
        ("te", "trailers"),
        ("content-type", "application/grpc"),
    ]
}

/// A request without the field of this name.
fn without(wire: &mut Wire, method: Method, name: &str) -> u32 {
    let mut fields = fields(method).to_vec();
    fields.retain(|(other, _)| *other != name);
    wire.open_stream(&fields, true)
}

/// A request with one more field behind all others.
fn with(wire: &mut Wire, method: Method, field: (&str, &str)) -> u32 {
    wire.open_stream(&[&fields(method)[..], &[field]].concat(), true)
}

/// A request with one more field before all others.
fn with_first(wire: &mut Wire, method: Method, field: (&str, &str)) -> u32 {
    wire.open_stream(&[&[field], &fields(method)[..]].concat(), true)
}

faults_of_a_stream! {
    two_requests_of_a_call_with_one_are_unimplemented: Method::ONE_REQUEST, |wire, method| {
        body(wire, method, &message().repeat(2))
    }, Status(12, "the client sent a second message");

    no_request_of_a_call_with_one_is_unimplemented: Method::ONE_REQUEST, |wire, method| {
        body(wire, method, &[])
    }, Status(12, "the client sent no message");

    an_envelope_cut_in_its_prefix_is_internal: Method::ALL, |wire, method| {
        body(wire, method, &message()[..3])
    }, Status(13, "in the middle of a message's prefix, after 3 of 5 bytes");

    an_envelope_cut_in_its_message_is_internal: Method::ALL, |wire, method| {
        body(wire, method, &message()[..6])
    }, Status(13, "in the middle of a message");

    an_envelope_cut_behind_a_whole_one_is_internal: [Method::Gather, Method::Relay], |wire, method| {
        body(wire, method, &[message(), message()[..6].to_vec()].concat())
    }, Status(13, "in the middle of a message");

    a_message_that_does_not_parse_is_internal: Method::ALL, |wire, method| {
        body(wire, method, &envelope(&[0xff, 0xff, 0xff]))
    }, Status(13, "the message of the client cannot be decoded");

    a_compressed_flag_without_an_encoding_is_internal: Method::ALL, |wire, method| {
        body(wire, method, &[1, 0, 0, 0, 0])
    }, Status(13, "without grpc-encoding");

    a_flag_that_is_not_defined_is_internal: Method::ALL, |wire, method| {
        body(wire, method, &[0xff, 0, 0, 0, 0])
    }, Status(13, "begins with flag 255");

    a_message_over_the_limit_is_resource_exhausted: Method::ALL, |wire, method| {
        body(wire, method, &[0, 0xff, 0xff, 0xff, 0xff, 1])
    }, Status(8, "4294967295 bytes");

    headers_in_mid_stream_without_end_stream_reset_the_call: Method::ALL, |wire, method| {
        let stream = wire.open_call(method.path(), &[]);
        wire.send_headers(stream, &[("x-more", "1")], false);
        stream
    }, BROKEN;

    headers_twice_reset_the_call: Method::ALL, |wire, method| {
        let stream = wire.open_call(method.path(), &[]);
        wire.send_headers(stream, &fields(method), false);
        stream
    }, BROKEN;

    no_method_resets_the_call: Method::ALL, |wire, method| without(wire, method, ":method"), BROKEN;
    no_scheme_resets_the_call: Method::ALL, |wire, method| without(wire, method, ":scheme"), BROKEN;
    no_path_resets_the_call: Method::ALL, |wire, method| without(wire, method, ":path"), BROKEN;
    no_authority_is_http_400: Method::ALL, |wire, method| without(wire, method, ":authority"), Http("400", "authority");
    two_hosts_are_http_400: Method::ALL, |wire, method| {
        wire.open_stream(&[&fields(method)[..], &[("host", "a.test"), ("host", "b.test")]].concat(), true)
    }, Http("400", "authority");
    two_methods_reset_the_call: Method::ALL, |wire, method| with_first(wire, method, (":method", "POST")), BROKEN;
    two_schemes_reset_the_call: Method::ALL, |wire, method| with_first(wire, method, (":scheme", "http")), BROKEN;
    two_paths_reset_the_call: Method::ALL, |wire, method| with_first(wire, method, (":path", "/a/b")), BROKEN;
    two_authorities_reset_the_call: Method::ALL, |wire, method| with_first(wire, method, (":authority", "a")), BROKEN;
    an_empty_path_resets_the_call: Method::ALL, |wire, method| {
        let mut fields = fields(method);
        fields[2].1 = "";
        wire.open_stream(&fields, true)
    }, BROKEN;
    a_pseudo_header_behind_a_field_resets_the_call: Method::ALL, |wire, method| {
        with_first(wire, method, ("x-first", "1"))
    }, BROKEN;
    a_pseudo_header_of_an_answer_resets_the_call: Method::ALL, |wire, method| {
        with_first(wire, method, (":status", "200"))
    }, BROKEN;
    a_connection_header_resets_the_call: Method::ALL, |wire, method| {
        with(wire, method, ("connection", "keep-alive"))
    }, BROKEN;
    a_transfer_encoding_header_resets_the_call: Method::ALL, |wire, method| {
        with(wire, method, ("transfer-encoding", "chunked"))
    }, BROKEN;
    a_te_header_that_is_not_trailers_resets_the_call: Method::ALL, |wire, method| {
        with(wire, method, ("te", "gzip"))
    }, BROKEN;

    a_content_length_that_is_not_kept_resets_the_call: Method::ALL, |wire, method| {
        let stream = wire.open_call(method.path(), &[("content-length", "3")]);
        wire.send_data(stream, &message(), true);
        stream
    }, BROKEN;

    a_content_length_that_is_no_number_resets_the_call: Method::ALL, |wire, method| {
        with(wire, method, ("content-length", "many"))
    }, BROKEN;

    headers_that_depend_on_their_own_stream_reset_the_call: Method::ALL, |wire, method| {
        let stream = wire.idle_stream();
        let mut payload = stream.to_be_bytes().to_vec();
        payload.push(16);
        payload.extend(header_block(&fields(method)));
        wire.send_frame(kind::HEADERS, flag::END_HEADERS | flag::PRIORITY, stream, &payload);
        stream
    }, BROKEN;

    a_window_that_overflows_resets_the_call: [Method::Gather, Method::Relay], |wire, method| {
        let stream = wire.open_call(method.path(), &[]);
        wire.send_window_update(stream, 0x7fff_ffff);
        stream
    }, Reset(Reason::FLOW_CONTROL_ERROR);

    a_priority_on_its_own_stream_resets_the_call: [Method::Gather, Method::Relay], |wire, method| {
        let stream = wire.open_call(method.path(), &[]);
        wire.send_frame(kind::PRIORITY, 0, stream, &[&stream.to_be_bytes()[..], &[16]].concat());
        stream
    }, BROKEN;
}
