//! What a server makes of the head of a request.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use stolid::Response;
use stolid_tests::handlers::Handlers;
use stolid_tests::watchdog::watched;
use stolid_tests::wire::{Reason, Setting, Wire, envelope};

use crate::script::{GATHER, METHODS, SAY, answer, assert_serves, list_size, request, served};

#[test]
fn content_types_are_compared_without_case_and_without_parameters() {
    watched(|| {
        let (_server, mut wire) = served(Handlers::new());
        for content_type in [
            "application/grpc",
            "Application/GRPC",
            "application/grpc+proto",
            "application/grpc+PROTO",
            "application/grpc; charset=utf-8",
            "application/grpc+proto;v=1",
        ] {
            let fields = answer(&mut wire, &request(&[("content-type", content_type)]));
            assert_eq!(fields.get(":status"), Some("200"), "{content_type}");
            assert_eq!(fields.get("grpc-status"), None, "{content_type}: {fields:?}");
        }
    });
}

#[test]
fn a_content_type_that_is_not_grpc_is_http_415_whatever_the_method() {
    watched(|| {
        let (_server, mut wire) = served(Handlers::new());
        for path in METHODS.into_iter().chain(["/testing.v1.Echo/Shout"]) {
            for content_type in
                ["application/grpcfoo", "application/grpc-web", "application/grpc-web+proto", "text/plain"]
            {
                let fields = answer(&mut wire, &request(&[(":path", path), ("content-type", content_type)]));
                assert_eq!(fields.get(":status"), Some("415"), "{path} {content_type}: {fields:?}");
            }
        }
        assert_serves(&mut wire);
    });
}

#[test]
fn an_unknown_codec_is_unimplemented_and_not_http_415() {
    watched(|| {
        let (_server, mut wire) = served(Handlers::new());
        for content_type in ["application/grpc+codec-of-tomorrow", "application/grpc+thrift;v=1"] {
            let fields = answer(&mut wire, &request(&[("content-type", content_type)]));
            assert_eq!(fields.get(":status"), Some("200"), "{content_type}: {fields:?}");
            assert_eq!(fields.get("grpc-status"), Some("12"), "{content_type}: {fields:?}");
        }
        assert_serves(&mut wire);
    });
}

#[test]
fn a_method_other_than_post_is_http_405_and_is_told_of_post() {
    watched(|| {
        let (_server, mut wire) = served(Handlers::new());
        for method in ["GET", "HEAD", "PUT", "OPTIONS"] {
            let fields = answer(&mut wire, &request(&[(":method", method)]));
            assert_eq!(fields.get(":status"), Some("405"), "{method}: {fields:?}");
            assert_eq!(fields.get("allow"), Some("POST"), "{method}: {fields:?}");
        }
        assert_serves(&mut wire);
    });
}

#[test]
fn a_request_without_an_authority_is_http_400() {
    watched(|| {
        let (_server, mut wire) = served(Handlers::new());
        let fields = answer(&mut wire, &request(&[(":authority", "")]));
        assert_eq!(fields.get(":status"), Some("400"), "{fields:?}");
        assert_serves(&mut wire);
    });
}

#[test]
fn a_host_stands_in_for_the_authority_but_two_hosts_are_http_400() {
    watched(|| {
        let (_server, mut wire) = served(Handlers::new());
        let one = request(&[(":authority", ""), ("host", "stolid.test")]);
        assert_eq!(answer(&mut wire, &one).get(":status"), Some("200"));
        let mut two = one;
        two.push(("host", "other.test"));
        assert_eq!(answer(&mut wire, &two).get(":status"), Some("400"));
        assert_serves(&mut wire);
    });
}

/// Sends a request that HTTP/2 calls malformed; its stream alone is reset.
#[track_caller]
fn assert_reset(wire: &mut Wire, fields: &[(&str, &str)]) {
    let stream = wire.open_stream(fields, true);
    assert_eq!(wire.recv_reset(stream), Reason::PROTOCOL_ERROR, "{fields:?}");
}

#[test]
fn a_second_authority_resets_its_stream() {
    watched(|| {
        let (_server, mut wire) = served(Handlers::new());
        let mut fields = request(&[]);
        fields.insert(0, (":authority", "other.test"));
        assert_reset(&mut wire, &fields);
        assert_serves(&mut wire);
    });
}

#[test]
fn a_header_of_the_connection_resets_its_stream() {
    watched(|| {
        let (_server, mut wire) = served(Handlers::new());
        for name in ["connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"] {
            assert_reset(&mut wire, &request(&[(name, "x")]));
        }
        assert_serves(&mut wire);
    });
}

#[test]
fn a_te_other_than_trailers_resets_its_stream() {
    watched(|| {
        let (_server, mut wire) = served(Handlers::new());
        assert_reset(&mut wire, &request(&[("te", "gzip")]));
        assert_serves(&mut wire);
    });
}

/// A server that counts the calls that reach a handler.
fn counting() -> (Arc<AtomicUsize>, Handlers) {
    let calls = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&calls);
    let handlers = Handlers::new().say(move |request| {
        count.fetch_add(1, Ordering::Relaxed);
        Ok(Response::new(request.into_inner()))
    });
    (calls, handlers)
}

#[test]
fn a_timeout_of_nine_digits_is_malformed() {
    watched(|| {
        let (calls, handlers) = counting();
        let (_server, mut wire) = served(handlers);
        for timeout in ["123456789S", "000000001S", "100000000n"] {
            let fields = answer(&mut wire, &request(&[("grpc-timeout", timeout)]));
            assert_eq!(fields.get("grpc-status"), Some("13"), "{timeout}: {fields:?}");
            assert!(fields.get("grpc-message").is_some_and(|text| text.contains("grpc-timeout")), "{fields:?}");
        }
        assert_eq!(calls.load(Ordering::Relaxed), 0, "no handler ran");
        assert_serves(&mut wire);
    });
}

#[test]
fn a_malformed_timeout_is_internal_for_every_kind_of_call() {
    watched(|| {
        let (_server, mut wire) = served(Handlers::new());
        for path in METHODS {
            let fields = answer(&mut wire, &request(&[(":path", path), ("grpc-timeout", "1.5S")]));
            assert_eq!(fields.get(":status"), Some("200"), "{path}: {fields:?}");
            assert_eq!(fields.get("grpc-status"), Some("13"), "{path}: {fields:?}");
        }
        assert_serves(&mut wire);
    });
}

#[test]
fn a_timeout_of_zero_is_over_before_a_handler_runs() {
    watched(|| {
        let (calls, handlers) = counting();
        let (_server, mut wire) = served(handlers);
        for timeout in ["0n", "0H", "00000000S"] {
            let fields = answer(&mut wire, &request(&[("grpc-timeout", timeout)]));
            assert_eq!(fields.get("grpc-status"), Some("4"), "{timeout}: {fields:?}");
        }
        assert_eq!(calls.load(Ordering::Relaxed), 0);
        assert_serves(&mut wire);
    });
}

#[test]
fn the_longest_timeout_is_a_deadline_far_away_and_not_an_overflow() {
    watched(|| {
        let handlers = Handlers::new().say(|request| {
            let left = request.context().time_remaining().expect("the call has a deadline");
            assert!(left.as_secs() > 150 * 365 * 86_400, "{left:?}");
            Ok(Response::new(request.into_inner()))
        });
        let (_server, mut wire) = served(handlers);
        for timeout in ["99999999H", "99999999M"] {
            let fields = answer(&mut wire, &request(&[("grpc-timeout", timeout)]));
            assert_eq!(fields.get("grpc-status"), None, "{timeout}: {fields:?}");
        }
    });
}

#[test]
fn a_header_list_is_counted_with_32_bytes_for_each_field() {
    watched(|| {
        let (server, _) = served(Handlers::new());
        let mut wire = Wire::dial(server.local_addr());
        wire.send_preface();
        wire.send_settings(&[]);
        let settings = wire.recv_settings();
        let limit = settings.iter().find(|(setting, _)| *setting == Setting::MAX_HEADER_LIST_SIZE);
        let limit = limit.expect("the server says what it takes").1 as usize;
        assert!(limit <= 64 * 1024, "the default of HTTP/2 libraries, 16 MiB, is far too much");

        // Empty values: nearly all that is counted is the 32 bytes for each field.
        let mut fields = request(&[]);
        while list_size(&fields) + 33 < limit {
            fields.push(("x", ""));
        }
        assert_eq!(answer(&mut wire, &fields).get(":status"), Some("200"));
        fields.push(("x", ""));
        fields.push(("x", ""));
        let stream = wire.open_stream(&fields, false);
        assert_eq!(wire.recv_headers(stream).fields.get(":status"), Some("431"));
        assert_serves(&mut wire);
    });
}

#[test]
fn a_call_refused_for_its_header_list_leaves_nothing_behind() {
    watched(|| {
        let (server, mut wire) = served(Handlers::new());
        let long = "v".repeat(40_000);
        for _ in 0..100 {
            let stream = wire.open_call(GATHER, &[("x-long", &long)]);
            assert_eq!(wire.recv_headers(stream).fields.get(":status"), Some("431"));
        }
        assert_eq!(server.stats().running, 0);
        let stream = wire.open_call(SAY, &[]);
        wire.send_data(stream, &envelope(&[]), true);
        assert_eq!(wire.recv_reply(stream).code(), 0);
    });
}
