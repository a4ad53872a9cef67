//! Oddities of a client that cost nobody anything: the call is OK, and so is everything else on its connection.

use prost::Message;
use stolid_tests::handlers::{Handlers, note};
use stolid_tests::scene::{Method, ServerScene};
use stolid_tests::watchdog::watched;
use stolid_tests::wire::{Reason, Setting, Wire, envelope, flag, header_block, kind};

/// A frame type that no RFC defines.
const UNKNOWN: u8 = 0xfe;

#[track_caller]
fn assert_harmless(oddity: impl Fn(&mut Wire, Method) -> u32) {
    let mut scene = ServerScene::start(Handlers::new());
    for method in Method::ALL {
        let stream = oddity(&mut scene.wire, method);
        let reply = scene.wire.recv_reply(stream);
        assert_eq!((reply.code(), reply.messages.len()), (0, 1), "{method:?}: {}", reply.message());
        scene.wire.sync();
        scene.assert_connection_serves();
    }
    scene.end();
}

/// One test for each line: a whole request with the oddity in it; what it gives is its stream.
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
    envelope(&note(1).encode_to_vec())
}

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

/// A plain request.
fn call(wire: &mut Wire, method: Method) -> u32 {
    let stream = wire.open_call(method.path(), &[]);
    wire.send_data(stream, &message(), true);
    stream
}

/// A weight, and a stream on which another depends.
fn priority(depends_on: u32) -> Vec<u8> {
    [&depends_on.to_be_bytes()[..], &[200]].concat()
}

oddities! {
    empty_continuation_frames_add_nothing: |wire, method| {
        let stream = wire.idle_stream();
        wire.send_frame(kind::HEADERS, 0, stream, &[]);
        wire.send_frame(kind::CONTINUATION, 0, stream, &[]);
        wire.send_frame(kind::CONTINUATION, 0, stream, &header_block(&fields(method)));
        wire.send_frame(kind::CONTINUATION, flag::END_HEADERS, stream, &[]);
        wire.send_data(stream, &message(), true);
        stream
    };

    padded_headers_are_read: |wire, method| {
        let stream = wire.idle_stream();
        let mut payload = vec![200];
        payload.extend(header_block(&fields(method)));
        payload.resize(payload.len() + 200, 0);
        wire.send_frame(kind::HEADERS, flag::END_HEADERS | flag::PADDED, stream, &payload);
        wire.send_data(stream, &message(), true);
        stream
    };

    headers_with_a_priority_are_read: |wire, method| {
        let stream = wire.idle_stream();
        let payload = [priority(0), header_block(&fields(method))].concat();
        wire.send_frame(kind::HEADERS, flag::END_HEADERS | flag::PRIORITY, stream, &payload);
        wire.send_data(stream, &message(), true);
        stream
    };

    priorities_of_open_idle_and_closed_streams_change_nothing: |wire, method| {
        let stream = wire.open_call(method.path(), &[]);
        wire.send_frame(kind::PRIORITY, 0, stream, &priority(0));
        wire.send_frame(kind::PRIORITY, 0, stream + 100, &priority(stream));
        wire.send_frame(kind::PRIORITY, 0, stream + 101, &priority(stream + 100));
        wire.send_data(stream, &message(), true);
        wire.send_frame(kind::PRIORITY, 0, stream, &priority(1));
        stream
    };

    trailers_of_a_client_are_its_half_close: |wire, method| {
        let stream = wire.open_call(method.path(), &[]);
        wire.send_data(stream, &message(), false);
        wire.send_headers(stream, &[("x-late", "1")], true);
        stream
    };

    frames_of_unknown_type_are_skipped_wherever_they_come: |wire, method| {
        wire.send_frame(UNKNOWN, 0xff, 1_001, b"of a stream that nobody knows");
        let stream = wire.open_call(method.path(), &[]);
        wire.send_frame(UNKNOWN, 0xff, stream, b"");
        wire.send_frame(UNKNOWN, 0, 0, &[0xff; 16_384]);
        wire.send_data(stream, &message(), true);
        wire.send_frame(UNKNOWN, flag::END_STREAM, stream, b"behind the half-close");
        stream
    };

    flags_that_are_not_defined_are_skipped: |wire, method| {
        let odd = !(flag::END_STREAM | flag::END_HEADERS | flag::PADDED | flag::PRIORITY);
        let stream = wire.idle_stream();
        wire.send_frame(kind::HEADERS, flag::END_HEADERS | odd, stream, &header_block(&fields(method)));
        wire.send_frame(kind::DATA, flag::END_STREAM | odd, stream, &message());
        wire.send_frame(kind::SETTINGS, !flag::ACK, 0, &[]);
        wire.send_frame(kind::PING, !flag::ACK, 0, &[0; 8]);
        stream
    };

    the_reserved_bit_of_a_stream_number_is_skipped: |wire, method| {
        let stream = wire.idle_stream();
        let reserved = stream | 1 << 31;
        wire.send_frame(kind::HEADERS, flag::END_HEADERS, reserved, &header_block(&fields(method)));
        wire.send_frame(kind::DATA, flag::END_STREAM, reserved, &message());
        stream
    };

    unknown_settings_are_skipped: |wire, method| {
        wire.send_settings(&[(Setting(0xfe), 7), (Setting(0), u32::MAX), (Setting(0xffff), 0)]);
        call(wire, method)
    };

    the_same_setting_twice_means_the_last: |wire, method| {
        let window = Setting::INITIAL_WINDOW_SIZE;
        wire.send_settings(&[(window, 0), (window, 65_535)]);
        call(wire, method)
    };

    settings_by_the_hundred_are_acknowledged: |wire, method| {
        wire.hold();
        for _ in 0..100 {
            wire.send_settings(&[]);
        }
        call(wire, method)
    };

    a_header_table_of_no_bytes_is_kept_to: |wire, method| {
        wire.send_settings(&[(Setting::HEADER_TABLE_SIZE, 0)]);
        call(wire, method)
    };

    a_limit_of_no_streams_for_the_server_changes_nothing: |wire, method| {
        wire.send_settings(&[(Setting::MAX_CONCURRENT_STREAMS, 0), (Setting::ENABLE_PUSH, 1)]);
        call(wire, method)
    };

    data_frames_of_padding_alone_are_skipped: |wire, method| {
        let stream = wire.open_call(method.path(), &[]);
        for _ in 0..20 {
            wire.send_padded_data(stream, &[], 255, false);
        }
        wire.send_data(stream, &message(), true);
        stream
    };

    a_padded_half_close_is_a_half_close: |wire, method| {
        let stream = wire.open_call(method.path(), &[]);
        wire.send_data(stream, &message(), false);
        wire.send_padded_data(stream, &[], 255, true);
        stream
    };

    a_host_instead_of_an_authority_is_taken: |wire, method| {
        let mut fields = fields(method);
        fields[3] = ("te", "trailers");
        fields[4] = ("host", "stolid.test");
        let stream = wire.open_stream(&fields, false);
        wire.send_data(stream, &message(), true);
        stream
    };

    a_scheme_of_another_kind_is_taken: |wire, method| {
        let mut fields = fields(method);
        fields[1].1 = "https";
        let stream = wire.open_stream(&fields, false);
        wire.send_data(stream, &message(), true);
        stream
    };

    a_reset_behind_the_half_close_of_another_call_is_skipped: |wire, method| {
        let ended = call(wire, Method::Say);
        assert_eq!(wire.recv_reply(ended).code(), 0);
        wire.send_reset(ended, Reason::CANCEL);
        wire.send_window_update(ended, 1_000);
        call(wire, method)
    };

    numbers_of_streams_may_be_skipped: |wire, method| {
        for _ in 0..50 {
            wire.idle_stream();
        }
        call(wire, method)
    };
}

#[test]
fn header_blocks_cut_by_continuation_at_every_byte_are_whole() {
    watched(|| {
        let mut scene = ServerScene::start(Handlers::new());
        let block = header_block(&fields(Method::Say));
        for at in 0..=block.len() {
            let stream = scene.wire.idle_stream();
            scene.wire.send_frame(kind::HEADERS, 0, stream, &block[..at]);
            scene.wire.send_frame(kind::CONTINUATION, flag::END_HEADERS, stream, &block[at..]);
            scene.wire.send_data(stream, &message(), true);
            assert_eq!(scene.wire.recv_reply(stream).code(), 0, "cut at {at}");
        }
        scene.assert_connection_serves();
        scene.end();
    });
}
