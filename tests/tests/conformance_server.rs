//! Requests as no client of ours makes them, and what the server has to say.

use prost::Message;
use stolid::Server;
use stolid_tests::handlers::{Handlers, note, note_of};
use stolid_tests::pair::serve;
use stolid_tests::process::eventually;
use stolid_tests::watchdog::watched;
use stolid_tests::wire::{Fields, Reason, Wire, envelope, kind};

const SAY: &str = "/testing.v1.Echo/Say";
const GATHER: &str = "/testing.v1.Echo/Gather";

fn echo_server() -> (Server, Wire) {
    let server = serve(Handlers::new());
    let wire = Wire::client(server.local_addr());
    (server, wire)
}

/// The headers of a good request with some of them replaced; an empty value takes one out.
fn request<'a>(changes: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut fields = vec![
        (":method", "POST"),
        (":scheme", "http"),
        (":path", SAY),
        (":authority", "stolid.test"),
        ("te", "trailers"),
        ("content-type", "application/grpc"),
    ];
    for (name, value) in changes {
        fields.retain(|(other, _)| other != name);
        if !value.is_empty() {
            let place = if name.starts_with(':') { 0 } else { fields.len() };
            fields.insert(place, (name, value));
        }
    }
    fields
}

/// The header block that answers a request with an empty message.
#[track_caller]
fn answer(wire: &mut Wire, changes: &[(&str, &str)]) -> Fields {
    let stream = wire.open_stream(&request(changes), false);
    wire.send_data(stream, &envelope(&[]), true);
    wire.recv_headers(stream).fields
}

/// Checks that the connection serves calls still.
#[track_caller]
fn assert_alive(wire: &mut Wire) {
    let reply = wire.unary_call(SAY, &note(3).encode_to_vec());
    assert_eq!((reply.code(), reply.messages), (0, vec![note(3).encode_to_vec()]));
}

#[test]
fn an_unknown_method_is_unimplemented_by_trailers_alone() {
    watched(|| {
        let (_server, mut wire) = echo_server();
        for path in [
            "/testing.v1.Echo/Shout",
            "/testing.v1.Nobody/Say",
            "/testing.v1.echo/Say",
            "/testing.v1.Echo/say",
            "/testing.v1.Echo",
            "/testing.v1.Echo/",
            "//Say",
            "/",
            "/testing.v1.Echo/Say/",
            "/testing.v1.Echo/Say/More",
        ] {
            let stream = wire.open_stream(&request(&[(":path", path)]), false);
            wire.send_data(stream, &envelope(&[]), true);
            let reply = wire.recv_reply(stream);
            assert!(reply.headers.is_none(), "{path}: one header block ends the call");
            assert_eq!(reply.code(), 12, "{path}");
            assert_eq!(reply.trailers.get(":status"), Some("200"), "{path}");
            assert_eq!(reply.trailers.get("content-type"), Some("application/grpc"), "{path}");
        }
        assert_alive(&mut wire);
    });
}

#[test]
fn only_grpc_content_types_are_taken() {
    watched(|| {
        let (_server, mut wire) = echo_server();
        for accepted in ["application/grpc", "application/grpc+proto", "application/grpc;charset=utf-8"] {
            let fields = answer(&mut wire, &[("content-type", accepted)]);
            assert_eq!(fields.get(":status"), Some("200"), "{accepted}");
            assert_eq!(fields.get("grpc-status"), None, "{accepted}");
        }
        for refused in ["application/json", "text/html", "application/grpcfoo", "application/grpc-web", ""] {
            let fields = answer(&mut wire, &[("content-type", refused)]);
            assert_eq!(fields.get(":status"), Some("415"), "{refused:?}: {fields:?}");
        }
        assert_alive(&mut wire);
    });
}

#[test]
fn only_post_is_taken() {
    watched(|| {
        let (_server, mut wire) = echo_server();
        for method in ["GET", "PUT", "DELETE", "post"] {
            let fields = answer(&mut wire, &[(":method", method)]);
            assert_eq!(fields.get(":status"), Some("405"), "{method}: {fields:?}");
        }
        assert_alive(&mut wire);
    });
}

#[test]
fn te_trailers_is_not_required() {
    watched(|| {
        let (_server, mut wire) = echo_server();
        assert_eq!(answer(&mut wire, &[("te", "")]).get("grpc-status"), None);
        assert_alive(&mut wire);
    });
}

#[test]
fn a_response_has_the_headers_of_the_protocol() {
    watched(|| {
        let (_server, mut wire) = echo_server();
        let reply = wire.unary_call(SAY, &[]);
        let headers = reply.headers.expect("a message comes after headers");
        assert_eq!(headers.get(":status"), Some("200"));
        assert_eq!(headers.get("content-type"), Some("application/grpc"));
        assert_eq!(headers.get("grpc-status"), None);
        assert_eq!(reply.trailers.get("grpc-status"), Some("0"));
        assert_eq!(reply.trailers.get("grpc-message").unwrap_or_default(), "");
    });
}

#[test]
fn an_unknown_encoding_of_a_compressed_message_is_unimplemented() {
    watched(|| {
        let (_server, mut wire) = echo_server();
        let encoding = [("grpc-encoding", "snappy-of-tomorrow")];
        let stream = wire.open_call(SAY, &encoding);
        let mut body = envelope(&[]);
        body[0] = 1;
        wire.send_data(stream, &body, true);
        let reply = wire.recv_reply(stream);
        assert_eq!(reply.code(), 12, "{}", reply.message());
        let accepted = reply.trailers.get("grpc-accept-encoding").unwrap_or_default();
        assert!(!accepted.contains("snappy"), "{accepted}");
        assert_alive(&mut wire);
    });
}

#[test]
fn unknown_fields_and_fields_of_metadata_do_no_harm() {
    watched(|| {
        let (_server, mut wire) = echo_server();
        let odd = [("x-odd", "\u{e9}"), ("x-empty", " "), ("grpc-future", "1"), ("x.dots_and-dashes", "a, b")];
        let stream = wire.open_call(SAY, &odd);
        // Field 1000, a varint: no such field is declared.
        wire.send_data(stream, &envelope(&[0xc0, 0x3e, 0x01]), true);
        wire.recv_headers(stream);
        assert_alive(&mut wire);
    });
}

#[test]
fn a_header_list_over_the_limit_fails_its_call_alone() {
    watched(|| {
        let (_server, mut wire) = echo_server();
        let long = "v".repeat(70_000);
        let stream = wire.open_empty_call(SAY, &[("x-long", &long)]);
        let fields = wire.recv_headers(stream).fields;
        assert_eq!(fields.get(":status"), Some("431"), "{fields:?}");
        assert_alive(&mut wire);
    });
}

#[test]
fn a_reset_before_anything_else_harms_nobody() {
    watched(|| {
        let (_server, mut wire) = echo_server();
        for _ in 0..15 {
            let stream = wire.open_call(GATHER, &[]);
            wire.send_reset(stream, Reason::CANCEL);
        }
        assert_alive(&mut wire);
    });
}

#[test]
fn many_cancelled_uploads_do_not_use_the_connection_up() {
    watched(|| {
        let (_server, mut wire) = echo_server();
        let body = envelope(&note_of(1_000).encode_to_vec());
        // More than the resets that an HTTP/2 library counts for a connection's whole life.
        for _ in 0..3_000 {
            let stream = wire.open_call(GATHER, &[]);
            wire.send_data(stream, &body, false);
            wire.sync();
            wire.send_reset(stream, Reason::CANCEL);
        }
        assert_alive(&mut wire);
    });
}

#[test]
fn many_refused_uploads_do_not_use_the_connection_up() {
    watched(|| {
        let handlers = Handlers::new().gather(|_requests| Err(stolid::Status::permission_denied("no")));
        let server = serve(handlers);
        let mut wire = Wire::client(server.local_addr());
        let body = envelope(&note_of(1_000).encode_to_vec());
        for _ in 0..3_000 {
            let stream = wire.open_call(GATHER, &[]);
            wire.send_data(stream, &body, false);
            assert_eq!(wire.recv_reply(stream).code(), 7);
            assert_eq!(wire.recv_reset(stream), Reason::NO_ERROR);
            // Data that was under way when the stream was reset.
            wire.send_data(stream, &body, false);
        }
        assert_alive(&mut wire);
    });
}

#[test]
fn ping_is_answered_while_handlers_block() {
    watched(|| {
        let gate = stolid_tests::gate::Gate::new();
        let server = serve(Handlers::as_told(&gate));
        let mut wire = Wire::client(server.local_addr());
        let stream = wire.open_call(SAY, &[(stolid_tests::handlers::DO, "gate")]);
        wire.send_data(stream, &envelope(&[]), true);
        gate.wait_for_arrivals(1);
        wire.sync();
        gate.open();
        assert_eq!(wire.recv_reply(stream).code(), 0);
    });
}

#[test]
fn bytes_of_another_protocol_end_their_own_connection() {
    watched(|| {
        let (server, mut wire) = echo_server();
        let foreign: [&[u8]; 3] = [
            b"GET / HTTP/1.1\r\nHost: stolid.test\r\n\r\n",
            // The first bytes of a TLS handshake.
            &[0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
            &[0; 64],
        ];
        for bytes in foreign {
            let mut stranger = Wire::dial(server.local_addr());
            stranger.send_raw(bytes);
            stranger.recv_unframed_eof();
        }
        assert_alive(&mut wire);
    });
}

#[test]
fn a_broken_frame_ends_its_own_connection() {
    watched(|| {
        let (server, mut other) = echo_server();
        let mut wire = Wire::client(server.local_addr());
        // A PING has eight bytes, always.
        wire.send_frame(kind::PING, 0, 0, &[1, 2, 3]);
        assert_ne!(wire.recv_goaway().1, Reason::NO_ERROR);
        wire.recv_eof();
        assert_alive(&mut other);
    });
}

#[test]
fn data_beyond_the_window_ends_its_own_connection_at_most() {
    watched(|| {
        let (server, mut other) = echo_server();
        let mut wire = Wire::client(server.local_addr());
        let stream = wire.open_call(GATHER, &[]);
        // A length far beyond any window, so that the handler can take none of it.
        wire.send_frame(kind::DATA, 0, stream, &[0, 0, 0x3f, 0xff, 0xff]);
        for _ in 0..2_000 {
            if wire.try_send_frame(kind::DATA, 0, stream, &[0; 16_000]).is_err() {
                break;
            }
        }
        assert_alive(&mut other);
        eventually("the call is over", || server.stats().running == 0);
    });
}

#[test]
fn max_streams_are_kept_to_and_those_beyond_are_refused_one_by_one() {
    watched(|| {
        let server = stolid_tests::pair::serve_with(Handlers::new(), |builder| builder.max_concurrent_streams(10));
        let mut wire = Wire::client(server.local_addr());
        let open = Vec::from_iter((0..10).map(|_| wire.open_call(GATHER, &[])));
        let refused = wire.open_call(GATHER, &[]);
        assert_eq!(wire.recv_reset(refused), Reason::REFUSED_STREAM);
        for stream in open {
            wire.send_data(stream, &[], true);
            assert_eq!(wire.recv_reply(stream).code(), 0);
        }
        assert_alive(&mut wire);
    });
}

#[test]
fn a_client_that_stops_sending_has_left() {
    watched(|| {
        let gate = stolid_tests::gate::Gate::new();
        let server = serve(Handlers::as_told(&gate));
        let mut wire = Wire::client(server.local_addr());
        let stream = wire.open_call(SAY, &[(stolid_tests::handlers::DO, "hang")]);
        wire.send_data(stream, &envelope(&[]), true);
        eventually("the handler runs", || server.stats().running == 1);
        wire.shut_down_writing();
        wire.recv_eof();
        eventually("the handler was cancelled", || server.stats().running == 0);
        eventually("the connection is gone", || server.stats().connections == 0);
    });
}
