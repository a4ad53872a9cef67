//! Oddities of a server that cost nobody anything: the call is OK, and so is everything else on its connection.

use prost::Message;
use stolid_tests::handlers::note;
use stolid_tests::scene::{ClientScene, Method};
use stolid_tests::watchdog::watched;
use stolid_tests::wire::{Reason, Setting, Wire, envelope, flag, header_block, kind};

const GOOD: [(&str, &str); 2] = [(":status", "200"), ("content-type", "application/grpc")];
const OK: [(&str, &str); 1] = [("grpc-status", "0")];

/// A frame type that no RFC defines.
const UNKNOWN: u8 = 0xfe;

#[track_caller]
fn assert_harmless(oddity: impl Fn(&mut Wire, u32)) {
    let mut scene = ClientScene::start();
    for method in Method::ALL {
        let (calling, stream) = scene.call(method);
        oddity(&mut scene.wire, stream);
        let result = calling.join().expect("the caller does not panic");
        assert_eq!(result.expect("the call is OK"), 1, "{method:?}");
        scene.wire.sync();
        scene.assert_connection_serves();
    }
    scene.end();
}

/// One test for each line: an answer with the oddity in it.
macro_rules! oddities {
    ($($name:ident: $oddity:expr;)*) => {
        $(
            #[test]
            fn $name() {
                watched(|| assert_harmless($oddity));
            }
        )*
    };
}

fn message() -> Vec<u8> {
    envelope(&note(2).encode_to_vec())
}

fn reply(wire: &mut Wire, stream: u32) {
    wire.send_unary_reply(stream, &note(2).encode_to_vec());
}

/// The rest of an answer behind its headers.
fn rest(wire: &mut Wire, stream: u32) {
    wire.send_data(stream, &message(), false);
    wire.send_trailers(stream, "0");
}

/// A header block cut in two; the first piece has flags of its own.
fn send_cut(wire: &mut Wire, stream: u32, fields: &[(&str, &str)], at: usize, flags: u8) {
    let block = header_block(fields);
    let (first, second) = block.split_at(at.min(block.len()));
    wire.send_frame(kind::HEADERS, flags, stream, first);
    wire.send_frame(kind::CONTINUATION, flag::END_HEADERS, stream, second);
}

/// A weight, and a stream on which another depends.
fn priority(depends_on: u32) -> Vec<u8> {
    [&depends_on.to_be_bytes()[..], &[200]].concat()
}

oddities! {
    many_1xx_answers_are_skipped: |wire, stream| {
        wire.hold();
        for _ in 0..1_000 {
            wire.send_headers(stream, &[(":status", "103"), ("link", "</style>")], false);
        }
        reply(wire, stream);
        wire.flush();
    };

    a_1xx_answer_with_a_status_of_grpc_is_skipped: |wire, stream| {
        wire.send_headers(stream, &[(":status", "100"), ("grpc-status", "7")], false);
        reply(wire, stream);
    };

    empty_continuation_frames_add_nothing: |wire, stream| {
        wire.send_frame(kind::HEADERS, 0, stream, &[]);
        wire.send_frame(kind::CONTINUATION, 0, stream, &[]);
        wire.send_frame(kind::CONTINUATION, 0, stream, &header_block(&GOOD));
        wire.send_frame(kind::CONTINUATION, flag::END_HEADERS, stream, &[]);
        rest(wire, stream);
    };

    padded_headers_are_read: |wire, stream| {
        let mut payload = vec![200];
        payload.extend(header_block(&GOOD));
        payload.resize(payload.len() + 200, 0);
        wire.send_frame(kind::HEADERS, flag::END_HEADERS | flag::PADDED, stream, &payload);
        rest(wire, stream);
    };

    headers_with_a_priority_are_read: |wire, stream| {
        let payload = [priority(0), header_block(&GOOD)].concat();
        wire.send_frame(kind::HEADERS, flag::END_HEADERS | flag::PRIORITY, stream, &payload);
        rest(wire, stream);
    };

    priorities_of_open_idle_and_closed_streams_change_nothing: |wire, stream| {
        wire.send_frame(kind::PRIORITY, 0, stream, &priority(0));
        wire.send_frame(kind::PRIORITY, 0, stream + 100, &priority(stream));
        reply(wire, stream);
        wire.send_frame(kind::PRIORITY, 0, stream, &priority(1));
    };

    frames_of_unknown_type_are_skipped_wherever_they_come: |wire, stream| {
        wire.send_frame(UNKNOWN, 0xff, stream, b"before the headers");
        wire.send_response_headers(stream);
        wire.send_frame(UNKNOWN, 0xff, stream, b"");
        wire.send_frame(UNKNOWN, 0, 0, &[0xff; 16_384]);
        wire.send_frame(UNKNOWN, 0, stream + 1_000, b"of a stream that nobody knows");
        rest(wire, stream);
        wire.send_frame(UNKNOWN, flag::END_STREAM, stream, b"behind the trailers");
    };

    flags_that_are_not_defined_are_skipped: |wire, stream| {
        let odd = !(flag::END_STREAM | flag::END_HEADERS | flag::PADDED | flag::PRIORITY);
        wire.send_frame(kind::HEADERS, flag::END_HEADERS | odd, stream, &header_block(&GOOD));
        wire.send_frame(kind::DATA, odd, stream, &message());
        wire.send_frame(kind::HEADERS, flag::END_HEADERS | flag::END_STREAM | odd, stream, &header_block(&OK));
        wire.send_frame(kind::SETTINGS, !flag::ACK, 0, &[]);
        wire.send_frame(kind::PING, !flag::ACK, 0, &[0; 8]);
    };

    the_reserved_bit_of_a_stream_number_is_skipped: |wire, stream| {
        let reserved = stream | 1 << 31;
        wire.send_frame(kind::HEADERS, flag::END_HEADERS, reserved, &header_block(&GOOD));
        wire.send_frame(kind::DATA, 0, reserved, &message());
        wire.send_frame(kind::HEADERS, flag::END_HEADERS | flag::END_STREAM, reserved, &header_block(&OK));
    };

    unknown_settings_are_skipped: |wire, stream| {
        wire.send_settings(&[(Setting(0xfe), 7), (Setting(0), u32::MAX), (Setting(0xffff), 0)]);
        reply(wire, stream);
    };

    the_same_setting_twice_means_the_last: |wire, stream| {
        let window = Setting::INITIAL_WINDOW_SIZE;
        wire.send_settings(&[(window, 0), (window, 65_535)]);
        wire.send_settings(&[(Setting::MAX_CONCURRENT_STREAMS, 0), (Setting::MAX_CONCURRENT_STREAMS, 100)]);
        reply(wire, stream);
    };

    settings_by_the_hundred_are_acknowledged: |wire, stream| {
        wire.hold();
        for _ in 0..100 {
            wire.send_settings(&[]);
        }
        reply(wire, stream);
        wire.flush();
    };

    a_header_table_of_no_bytes_is_kept_to: |wire, stream| {
        wire.send_settings(&[(Setting::HEADER_TABLE_SIZE, 0)]);
        reply(wire, stream);
    };

    data_frames_of_padding_alone_are_skipped: |wire, stream| {
        wire.send_response_headers(stream);
        for _ in 0..20 {
            wire.send_padded_data(stream, &[], 255, false);
        }
        rest(wire, stream);
    };

    empty_data_frames_are_skipped: |wire, stream| {
        wire.send_response_headers(stream);
        wire.send_data(stream, &[], false);
        for byte in message() {
            wire.send_data(stream, &[byte], false);
            wire.send_data(stream, &[], false);
        }
        wire.send_trailers(stream, "0");
    };

    // The HTTP/2 library does not tell of them.
    pseudo_headers_where_they_do_not_belong_are_skipped: |wire, stream| {
        wire.send_headers(stream, &[GOOD[0], (":path", "/"), GOOD[1]], false);
        wire.send_data(stream, &message(), false);
        wire.send_headers(stream, &[(":status", "500"), OK[0]], true);
    };

    a_push_that_the_server_allows_itself_is_skipped: |wire, stream| {
        wire.send_settings(&[(Setting::ENABLE_PUSH, 1)]);
        reply(wire, stream);
    };

    reserved_metadata_and_odd_values_are_read: |wire, stream| {
        let odd = [("x-odd", "\u{e9}"), ("x-empty", ""), ("grpc-future", "1"), ("date", "today"), ("server", "odd")];
        wire.send_headers(stream, &[&GOOD[..], &odd].concat(), false);
        wire.send_data(stream, &message(), false);
        wire.send_headers(stream, &[&OK[..], &odd].concat(), true);
    };

    a_reset_without_an_error_behind_the_trailers_is_skipped: |wire, stream| {
        wire.hold();
        reply(wire, stream);
        wire.send_reset(stream, Reason::NO_ERROR);
        wire.flush();
    };

    a_reset_with_an_error_behind_the_trailers_is_skipped: |wire, stream| {
        wire.hold();
        reply(wire, stream);
        wire.send_reset(stream, Reason::INTERNAL_ERROR);
        wire.send_reset(stream, Reason::CANCEL);
        wire.flush();
    };

    data_behind_the_trailers_is_skipped: |wire, stream| {
        wire.hold();
        reply(wire, stream);
        wire.send_data(stream, &message(), false);
        wire.send_data(stream, &message(), true);
        wire.flush();
    };

    headers_behind_the_trailers_are_skipped: |wire, stream| {
        wire.hold();
        reply(wire, stream);
        wire.send_trailers(stream, "13");
        wire.flush();
    };

    windows_and_resets_of_closed_streams_are_skipped: |wire, stream| {
        reply(wire, stream);
        wire.sync();
        wire.send_window_update(stream, 1_000);
        wire.send_reset(stream, Reason::STREAM_CLOSED);
    };
}

#[test]
fn header_blocks_cut_by_continuation_at_every_byte_are_whole() {
    watched(|| {
        let mut scene = ClientScene::start();
        for at in 0..=header_block(&GOOD).len() {
            let (calling, stream) = scene.call(Method::Say);
            send_cut(&mut scene.wire, stream, &GOOD, at, 0);
            scene.wire.send_data(stream, &message(), false);
            send_cut(&mut scene.wire, stream, &OK, at, flag::END_STREAM);
            let result = calling.join().expect("the caller does not panic");
            assert_eq!(result.expect("the call is OK"), 1, "cut at {at}");
        }
        scene.assert_connection_serves();
        scene.end();
    });
}

#[test]
fn data_of_closed_streams_gives_the_connection_its_window_back() {
    watched(|| {
        let mut scene = ClientScene::start();
        // Together more than the connection's window is at any time.
        for _ in 0..6 {
            let (calling, stream) = scene.call(Method::Say);
            reply(&mut scene.wire, stream);
            assert_eq!(calling.join().expect("the caller does not panic").expect("the call is OK"), 1);
            for _ in 0..40 {
                scene.wire.send_data(stream, &[0; 16_000], false);
            }
        }
        scene.assert_connection_serves();
        scene.end();
    });
}
