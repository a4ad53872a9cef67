//! The scripted peer against itself: what a script says is what a script reads.

use std::thread;

use stolid_tests::watchdog::watched;
use stolid_tests::wire::{Frame, Reason, Setting, Wire, WireListener, envelope};

/// Both ends of one connection, opened.
fn connected() -> (Wire, Wire) {
    let listener = WireListener::bind();
    let addr = listener.addr();
    let dialling = thread::spawn(move || Wire::client(addr));
    let server = listener.accept();
    (dialling.join().expect("the client opens the connection"), server)
}

#[test]
fn a_call_goes_there_and_back() {
    watched(|| {
        let (mut client, mut server) = connected();
        let stream = client.open_call("/a.B/C", &[("x-one", "1"), ("x-one", "2")]);
        client.send_data(stream, &envelope(b"ask"), true);

        let call = server.recv_call();
        assert_eq!(call.fields.get(":path"), Some("/a.B/C"));
        assert_eq!(call.fields.all("x-one"), ["1", "2"]);
        assert!(!call.end_stream);
        assert_eq!(server.recv_data_until_half_close(call.stream), envelope(b"ask"));
        server.send_unary_reply(call.stream, b"answer");

        let reply = client.recv_reply(stream);
        assert_eq!((reply.code(), reply.messages), (0, vec![b"answer".to_vec()]));
    });
}

#[test]
fn padding_is_cut_off_and_counts_for_the_window() {
    watched(|| {
        let (mut client, mut server) = connected();
        server.auto.windows = false;
        let stream = client.open_call("/a.B/C", &[]);
        let before = client.send_window(stream);
        client.send_padded_data(stream, b"bytes", 200, true);
        assert_eq!(before - client.send_window(stream), 206);
        assert_eq!(server.recv_data(stream), (b"bytes".to_vec(), true));
    });
}

#[test]
fn a_long_header_list_goes_over_continuation_frames() {
    watched(|| {
        let (mut client, mut server) = connected();
        let long = "v".repeat(40_000);
        client.open_empty_call("/a.B/C", &[("x-long", &long)]);
        let call = server.recv_call();
        assert_eq!(call.fields.get("x-long"), Some(long.as_str()));
        assert!(call.end_stream);
    });
}

#[test]
fn a_body_waits_for_the_windows() {
    watched(|| {
        let (mut client, mut server) = connected();
        let body = vec![7; 300_000];
        let expected = body.clone();
        let sending = thread::spawn(move || {
            let stream = client.open_call("/a.B/C", &[]);
            client.send_body(stream, &body, true);
            client
        });
        let call = server.recv_call();
        assert_eq!(server.recv_data_until_half_close(call.stream), expected);
        drop(sending.join().expect("the client sends its body"));
        server.recv_eof();
    });
}

#[test]
fn streams_are_read_one_at_a_time_whatever_the_order() {
    watched(|| {
        let (mut client, mut server) = connected();
        client.hold();
        let first = client.open_call("/a.B/C", &[]);
        let second = client.open_call("/a.B/D", &[]);
        client.send_data(first, b"1", false);
        client.send_data(second, b"2", false);
        client.send_reset(first, Reason::CANCEL);
        client.flush();

        assert_eq!(server.recv_data(second), (b"2".to_vec(), false));
        assert_eq!(server.recv_data(first), (b"1".to_vec(), false));
        assert_eq!(server.recv_reset(first), Reason::CANCEL);
        server.send_goaway(second, Reason::ENHANCE_YOUR_CALM, "enough");
        assert_eq!(client.recv_goaway(), (second, Reason::ENHANCE_YOUR_CALM));
    });
}

#[test]
fn settings_arrive_and_are_acknowledged_once() {
    watched(|| {
        let listener = WireListener::bind();
        let addr = listener.addr();
        let settings = [(Setting::MAX_CONCURRENT_STREAMS, 7), (Setting::INITIAL_WINDOW_SIZE, 10)];
        let dialling = thread::spawn(move || {
            let mut wire = Wire::dial(addr);
            wire.send_preface();
            wire.send_settings(&[]);
            assert_eq!(wire.recv_settings(), settings);
            wire.sync();
            wire
        });
        let mut server = listener.accept_with(&settings);
        server.sync();
        let acknowledged = |frame: &&Frame| matches!(frame, Frame::Settings { ack: true, .. });
        assert_eq!(server.pending().iter().filter(acknowledged).count(), 1);
        drop(dialling.join().expect("the client reads the settings"));
    });
}

#[test]
#[should_panic(expected = "RST_STREAM(REFUSED_STREAM) came instead of HEADERS")]
fn a_reset_fails_the_wait_it_makes_vain() {
    watched(|| {
        let (mut client, mut server) = connected();
        let stream = client.open_call("/a.B/C", &[]);
        server.send_reset(stream, Reason::REFUSED_STREAM);
        client.recv_headers(stream);
    });
}

#[test]
#[should_panic(expected = "not finished after 10ms")]
fn the_watchdog_fails_what_hangs() {
    let limit = std::time::Duration::from_millis(10);
    stolid_tests::watchdog::watched_for(limit, || {
        stolid_tests::gate::Gate::new().wait();
    });
}
