//! Faults of a client that cost its connection: it is closed with GOAWAY, its handlers end, and other connections go on.

use stolid_tests::handlers::Handlers;
use stolid_tests::scene::{Method, ServerScene};
use stolid_tests::watchdog::watched;
use stolid_tests::wire::{Reason, Setting, Wire, flag, header_block, kind};

const GOOD: [(&str, &str); 6] = [
    (":method", "POST"),
    (":scheme", "http"),
    (":path", "/testing.v1.Echo/Say"),
    (":authority", "stolid.test"),
    ("te", "trailers"),
    ("content-type", "application/grpc"),
];

/// The fault comes with the number of a call that is open; the next stream has a number two higher.
#[track_caller]
fn assert_fault(reason: Reason, fault: impl Fn(&mut Wire, u32)) {
    let mut scene = ServerScene::start(Handlers::new());
    let stream = scene.wire.open_call(Method::Relay.path(), &[]);
    fault(&mut scene.wire, stream);
    scene.assert_connection_closed(reason);
}

/// One test for each line: what the fault is, and the reason that the server gives for its GOAWAY.
macro_rules! faults_of_the_connection {
    ($($name:ident: $reason:ident, $fault:expr;)*) => {
        $(
            #[test]
            fn $name() {
                watched(|| assert_fault(Reason::$reason, $fault));
            }
        )*
    };
}

fn settings(wire: &mut Wire, setting: Setting, value: u32) {
    wire.send_settings(&[(setting, value)]);
}

faults_of_the_connection! {
    // A stream error by RFC 9113 §8.2; the HTTP/2 library cannot go on behind a header block that it does not understand.
    an_upper_case_header_name: PROTOCOL_ERROR, |wire, stream| {
        wire.send_headers(stream + 2, &[&GOOD[..], &[("X-Loud", "1")]].concat(), true);
    };

    an_unknown_pseudo_header: PROTOCOL_ERROR, |wire, stream| {
        wire.send_headers(stream + 2, &[&[(":mood", "odd")], &GOOD[..]].concat(), true);
    };

    a_header_block_that_is_no_hpack: PROTOCOL_ERROR, |wire, stream| {
        wire.send_frame(kind::HEADERS, flag::END_HEADERS, stream + 2, &[0xff, 0xff, 0xff, 0xff, 0xff]);
    };

    a_header_block_with_an_index_that_is_not_in_the_table: PROTOCOL_ERROR, |wire, stream| {
        wire.send_frame(kind::HEADERS, flag::END_HEADERS, stream + 2, &[0xfe]);
    };

    a_header_table_larger_than_allowed: PROTOCOL_ERROR, |wire, stream| {
        // A table size of 4127 bytes, where 4096 are allowed.
        let block = [&[0x3f, 0x80, 0x20][..], &header_block(&GOOD)].concat();
        wire.send_frame(kind::HEADERS, flag::END_HEADERS, stream + 2, &block);
    };

    a_header_block_cut_by_another_frame: PROTOCOL_ERROR, |wire, stream| {
        wire.send_frame(kind::HEADERS, 0, stream + 2, &header_block(&GOOD));
        wire.send_ping(*b"in block");
    };

    a_header_block_cut_by_data_of_another_call: PROTOCOL_ERROR, |wire, stream| {
        wire.send_frame(kind::HEADERS, 0, stream + 2, &header_block(&GOOD));
        wire.send_data(stream, b"?", false);
    };

    a_header_block_cut_by_a_frame_of_unknown_type: PROTOCOL_ERROR, |wire, stream| {
        wire.send_frame(kind::HEADERS, 0, stream + 2, &header_block(&GOOD));
        wire.send_frame(0xfe, 0, stream + 2, b"?");
    };

    a_continuation_of_another_stream: PROTOCOL_ERROR, |wire, stream| {
        wire.send_frame(kind::HEADERS, 0, stream + 2, &header_block(&GOOD[..1]));
        wire.send_frame(kind::CONTINUATION, flag::END_HEADERS, stream, &header_block(&GOOD[1..]));
    };

    a_continuation_of_nothing: PROTOCOL_ERROR, |wire, stream| {
        wire.send_frame(kind::CONTINUATION, flag::END_HEADERS, stream + 2, &header_block(&GOOD));
    };

    // RFC 9113 sets no limit: a peer that needs so many frames wants to make work.
    a_header_block_in_dozens_of_continuation_frames: ENHANCE_YOUR_CALM, |wire, stream| {
        wire.hold();
        wire.send_frame(kind::HEADERS, 0, stream + 2, &[]);
        for byte in header_block(&GOOD) {
            wire.send_frame(kind::CONTINUATION, 0, stream + 2, &[byte]);
        }
        wire.flush();
    };

    // The HTTP/2 library takes a hundred of them in a connection's life.
    more_than_a_hundred_empty_data_frames: ENHANCE_YOUR_CALM, |wire, stream| {
        wire.hold();
        for _ in 0..101 {
            wire.send_data(stream, &[], false);
        }
        wire.flush();
    };

    headers_for_a_stream_of_the_server: PROTOCOL_ERROR, |wire, _| wire.send_headers(2, &GOOD, false);
    headers_for_the_connection: PROTOCOL_ERROR, |wire, _| wire.send_headers(0, &GOOD, false);
    headers_for_a_stream_that_was_skipped: PROTOCOL_ERROR, |wire, stream| {
        wire.send_headers(stream + 4, &GOOD, true);
        wire.send_headers(stream + 2, &GOOD, true);
    };
    data_for_an_idle_stream: PROTOCOL_ERROR, |wire, stream| wire.send_data(stream + 2, b"?", false);
    data_for_a_stream_of_the_server: PROTOCOL_ERROR, |wire, _| wire.send_data(2, b"?", false);
    // A stream error by RFC 9113 §5.1, or one of the connection; the HTTP/2 library takes the second.
    data_behind_the_half_close: PROTOCOL_ERROR, |wire, stream| {
        wire.hold();
        wire.send_data(stream, &[], true);
        wire.send_data(stream, b"?", true);
        wire.flush();
    };
    data_for_the_connection: PROTOCOL_ERROR, |wire, _| wire.send_frame(kind::DATA, 0, 0, b"?");
    a_reset_of_an_idle_stream: PROTOCOL_ERROR, |wire, stream| wire.send_reset(stream + 2, Reason::CANCEL);
    a_reset_of_the_connection: PROTOCOL_ERROR, |wire, _| wire.send_reset(0, Reason::CANCEL);
    a_reset_of_three_bytes: PROTOCOL_ERROR, |wire, stream| wire.send_frame(kind::RST_STREAM, 0, stream, &[0; 3]);
    a_window_for_an_idle_stream: PROTOCOL_ERROR, |wire, stream| wire.send_window_update(stream + 2, 1);
    a_zero_window_for_the_connection: PROTOCOL_ERROR, |wire, _| wire.send_window_update(0, 0);
    // A stream error by RFC 9113 §6.9; the HTTP/2 library makes no difference.
    a_zero_window_for_a_stream: PROTOCOL_ERROR, |wire, stream| wire.send_window_update(stream, 0);
    a_window_of_three_bytes: PROTOCOL_ERROR, |wire, _| wire.send_frame(kind::WINDOW_UPDATE, 0, 0, &[0, 0, 1]);
    a_window_of_the_connection_that_overflows: FLOW_CONTROL_ERROR, |wire, _| wire.send_window_update(0, 0x7fff_ffff);
    a_push_promise_by_a_client: PROTOCOL_ERROR, |wire, stream| {
        let promised = [&2_u32.to_be_bytes()[..], &header_block(&GOOD)].concat();
        wire.send_frame(kind::PUSH_PROMISE, flag::END_HEADERS, stream, &promised);
    };
    a_ping_of_seven_bytes: PROTOCOL_ERROR, |wire, _| wire.send_frame(kind::PING, 0, 0, &[0; 7]);
    a_ping_of_a_stream: PROTOCOL_ERROR, |wire, stream| wire.send_frame(kind::PING, 0, stream, &[0; 8]);
    a_priority_of_four_bytes: PROTOCOL_ERROR, |wire, stream| wire.send_frame(kind::PRIORITY, 0, stream, &[0; 4]);
    a_priority_of_the_connection: PROTOCOL_ERROR, |wire, _| wire.send_frame(kind::PRIORITY, 0, 0, &[0, 0, 0, 1, 9]);
    a_goaway_of_a_stream: PROTOCOL_ERROR, |wire, stream| wire.send_frame(kind::GOAWAY, 0, stream, &[0; 8]);
    a_goaway_of_four_bytes: PROTOCOL_ERROR, |wire, _| wire.send_frame(kind::GOAWAY, 0, 0, &[0; 4]);

    settings_of_a_stream: PROTOCOL_ERROR, |wire, stream| wire.send_frame(kind::SETTINGS, 0, stream, &[]);
    settings_of_five_bytes: PROTOCOL_ERROR, |wire, _| wire.send_frame(kind::SETTINGS, 0, 0, &[0; 5]);
    settings_that_acknowledge_and_set: PROTOCOL_ERROR, |wire, _| {
        wire.send_frame(kind::SETTINGS, flag::ACK, 0, &[0, 4, 0, 0, 0, 1]);
    };
    settings_acknowledged_without_need: PROTOCOL_ERROR, |wire, _| wire.send_settings_ack();
    settings_with_a_push_of_two: PROTOCOL_ERROR, |wire, _| settings(wire, Setting::ENABLE_PUSH, 2);
    // FLOW_CONTROL_ERROR by RFC 9113 §6.5.2; the HTTP/2 library says PROTOCOL_ERROR of all settings that it cannot read.
    settings_with_a_window_too_large: PROTOCOL_ERROR, |wire, _| settings(wire, Setting::INITIAL_WINDOW_SIZE, 1 << 31);
    settings_with_a_frame_size_too_small: PROTOCOL_ERROR, |wire, _| settings(wire, Setting::MAX_FRAME_SIZE, 16_383);
    settings_with_a_frame_size_too_large: PROTOCOL_ERROR, |wire, _| settings(wire, Setting::MAX_FRAME_SIZE, 1 << 24);
    settings_that_make_an_open_window_overflow: FLOW_CONTROL_ERROR, |wire, stream| {
        wire.send_window_update(stream, 0x7fff_0000);
        settings(wire, Setting::INITIAL_WINDOW_SIZE, 0x7fff_ffff);
    };

    data_with_more_padding_than_payload: PROTOCOL_ERROR, |wire, stream| {
        wire.send_frame(kind::DATA, flag::PADDED, stream, &[3, 0, 0]);
    };

    headers_with_more_padding_than_payload: PROTOCOL_ERROR, |wire, stream| {
        wire.send_frame(kind::HEADERS, flag::END_HEADERS | flag::PADDED, stream + 2, &[3, 0, 0]);
    };

    a_frame_over_the_size_limit: FRAME_SIZE_ERROR, |wire, stream| {
        wire.send_frame(kind::DATA, 0, stream, &[0; 65_537]);
    };

    // Of no type that anybody knows, and still too large (RFC 9113 §4.2).
    a_frame_of_unknown_type_over_the_size_limit: FRAME_SIZE_ERROR, |wire, _| {
        wire.send_frame(0xfe, 0, 0, &[0; 65_537]);
    };
}
