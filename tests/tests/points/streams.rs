//! Streams and windows: how many, how much, and who gives them back.

use std::thread;
use std::time::{Duration, Instant};

use prost::Message;
use stolid::{Code, Request};
use stolid_tests::config;
use stolid_tests::echo::Note;
use stolid_tests::gate::Gate;
use stolid_tests::handlers::{DO, Handlers, note, note_of};
use stolid_tests::pair::{scripted_server, scripted_server_with, serve, serve_with};
use stolid_tests::process::eventually;
use stolid_tests::watchdog::watched;
use stolid_tests::wire::{Frame, Reason, Setting, Wire, WireListener, envelope};

use crate::script::{GATHER, RELAY, REPEAT, SAY, assert_calls, assert_serves, served};

/// Streams that the script's client has opened and the script has not looked at.
fn opened(wire: &mut Wire) -> usize {
    wire.sync();
    wire.pending().iter().filter(|frame| matches!(frame, Frame::Headers { .. })).count()
}

#[test]
fn at_most_a_hundred_streams_are_opened_before_the_settings_come() {
    watched(|| {
        let listener = WireListener::bind();
        let channel = config::channel(listener.target()).connect_lazy().expect("the address is good");
        let client = stolid_tests::echo::echo_client::EchoClient::new(channel);
        let callers = (0..150).map(|_| {
            let client = client.clone();
            thread::spawn(move || client.relay(()).expect("the call opens"))
        });
        let callers = Vec::from_iter(callers);
        let mut wire = listener.accept_silently();
        wire.recv_preface();
        wire.send_settings(&[(Setting::MAX_CONCURRENT_STREAMS, 1_000)]);
        let calls = Vec::from_iter(callers.into_iter().map(|caller| caller.join().expect("the caller does not panic")));
        eventually("all of them are opened", || opened(&mut wire) == 150);
        let frames = wire.pending();
        let is_answer = |frame: &Frame| matches!(frame, Frame::Settings { ack: true, .. });
        let answer = frames.iter().position(is_answer).expect("the client acknowledges the settings");
        let early = frames[..answer].iter().filter(|frame| matches!(frame, Frame::Headers { .. })).count();
        assert!(early <= 100, "{early} streams were opened before the limit was known");
        drop(calls);
    });
}

#[test]
fn calls_over_the_limit_wait_their_turn_first_come_first_served() {
    watched(|| {
        let (client, mut wire) = scripted_server_with(&[(Setting::MAX_CONCURRENT_STREAMS, 1)]);
        wire.sync();
        let first = client.relay(()).expect("the call opens");
        let mut before = wire.recv_call().stream;
        let mut waiting = Vec::new();
        for number in 0..5 {
            // Calls with a stream of requests return before they are on the wire.
            let request = Request::new(()).with_metadata("x-number", number.to_string()).expect("legal metadata");
            waiting.push(client.relay(request).expect("the call waits"));
        }
        assert_eq!(opened(&mut wire), 0, "the limit is kept");
        drop(first);
        for (number, call) in waiting.into_iter().enumerate() {
            assert_eq!(wire.recv_reset(before), Reason::CANCEL);
            let next = wire.recv_call();
            assert_eq!(next.fields.get("x-number"), Some(number.to_string().as_str()));
            assert_eq!(opened(&mut wire), 0, "the limit is kept");
            before = next.stream;
            drop(call);
        }
    });
}

#[test]
fn a_deadline_passes_while_its_call_waits_for_a_stream() {
    watched(|| {
        let (client, mut wire) = scripted_server_with(&[(Setting::MAX_CONCURRENT_STREAMS, 1)]);
        wire.sync();
        let _first = client.relay(()).expect("the call opens");
        wire.recv_call();
        let began = Instant::now();
        let request = Request::new(note(1)).with_timeout(Duration::from_millis(100));
        assert_eq!(client.say(request).expect_err("no stream is free").code(), Code::DeadlineExceeded);
        assert!(began.elapsed() < Duration::from_secs(5));
        assert_eq!(opened(&mut wire), 0, "it was never on the wire");
    });
}

#[test]
fn a_limit_that_is_lowered_in_mid_connection_is_kept_and_raised_again() {
    watched(|| {
        let (client, mut wire) = scripted_server_with(&[(Setting::MAX_CONCURRENT_STREAMS, 3)]);
        wire.sync();
        let running = Vec::from_iter((0..3).map(|_| client.relay(()).expect("the call opens")));
        let streams = Vec::from_iter((0..3).map(|_| wire.recv_call().stream));
        wire.send_settings(&[(Setting::MAX_CONCURRENT_STREAMS, 1)]);
        wire.sync();
        let waiting = Vec::from_iter((0..2).map(|_| client.relay(()).expect("the call waits")));
        drop(running);
        for stream in streams {
            assert_eq!(wire.recv_reset(stream), Reason::CANCEL);
        }
        wire.recv_call();
        assert_eq!(opened(&mut wire), 0, "one at a time now");
        wire.send_settings(&[(Setting::MAX_CONCURRENT_STREAMS, 2)]);
        wire.recv_call();
        drop(waiting);
    });
}

#[test]
fn a_limit_of_zero_is_legal_and_calls_wait_for_it_to_end() {
    watched(|| {
        let (client, mut wire) = scripted_server_with(&[(Setting::MAX_CONCURRENT_STREAMS, 0)]);
        wire.sync();
        let request = Request::new(note(1)).with_timeout(Duration::from_millis(50));
        assert_eq!(client.say(request).expect_err("no stream at all").code(), Code::DeadlineExceeded);
        let call = client.relay(()).expect("the call waits");
        assert_eq!(opened(&mut wire), 0);
        wire.send_settings(&[(Setting::MAX_CONCURRENT_STREAMS, 10)]);
        wire.recv_call();
        drop(call);
        assert_calls(&client, &mut wire);
    });
}

#[test]
fn a_server_refuses_a_stream_over_its_limit_with_refused_stream_and_no_goaway() {
    watched(|| {
        let server = serve_with(Handlers::new(), |builder| builder.max_concurrent_streams(2));
        let mut wire = Wire::dial(server.local_addr());
        wire.send_preface();
        wire.send_settings(&[]);
        assert!(wire.recv_settings().contains(&(Setting::MAX_CONCURRENT_STREAMS, 2)), "the limit is told");
        let running = [wire.open_call(GATHER, &[]), wire.open_call(GATHER, &[])];
        for _ in 0..50 {
            let refused = wire.open_call(SAY, &[]);
            assert_eq!(wire.recv_reset(refused), Reason::REFUSED_STREAM);
        }
        let is_goaway = |frame: &Frame| matches!(frame, Frame::GoAway { .. });
        assert!(!wire.pending().iter().any(is_goaway));
        for stream in running {
            wire.send_data(stream, &[], true);
            assert_eq!(wire.recv_reply(stream).code(), 0);
        }
        assert_serves(&mut wire);
    });
}

#[test]
fn the_largest_stream_number_is_served() {
    watched(|| {
        let (_server, mut wire) = served(Handlers::new());
        let last = (1 << 31) - 1;
        wire.send_headers(last, &crate::script::request(&[]), false);
        wire.send_data(last, &envelope(&note(7).encode_to_vec()), true);
        let reply = wire.recv_reply(last);
        assert_eq!((reply.code(), reply.messages), (0, vec![note(7).encode_to_vec()]));
    });
}

#[test]
fn the_streams_of_a_client_are_odd_and_rise() {
    watched(|| {
        let (client, mut wire) = scripted_server();
        let mut before = 0;
        for _ in 0..20 {
            let call = client.relay(()).expect("the call opens");
            let stream = wire.recv_call().stream;
            assert!(stream % 2 == 1 && stream > before, "{stream} after {before}");
            before = stream;
            drop(call);
        }
    });
}

/// A note whose repetition never ends.
fn endless() -> Vec<u8> {
    let note = Note { number: u64::MAX, body: vec![0; 1_000], text: String::new() };
    envelope(&note.encode_to_vec())
}

/// Bytes of DATA that have come and that nobody has looked at, on any stream.
fn arrived(wire: &mut Wire) -> usize {
    for _ in 0..5 {
        wire.sync();
    }
    let sizes = wire.pending().into_iter().map(|frame| match frame {
        Frame::Data { flow, .. } => flow,
        _ => 0,
    });
    sizes.sum()
}

/// Waits until so many bytes of DATA have come, and checks that no more do.
#[track_caller]
fn assert_arrives(wire: &mut Wire, bytes: usize) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while arrived(wire) < bytes {
        assert!(Instant::now() < deadline, "only {} of {bytes} bytes came", arrived(wire));
    }
    assert_eq!(arrived(wire), bytes, "not more than the windows let through");
}

#[test]
fn a_smaller_initial_window_in_mid_stream_makes_the_windows_of_a_server_negative() {
    watched(|| {
        let server = serve(Handlers::new());
        let mut wire = Wire::client(server.local_addr());
        wire.auto.windows = false;
        wire.send_window_update(0, 1_000_000);
        let stream = wire.open_call(REPEAT, &[]);
        wire.send_data(stream, &endless(), true);
        assert_arrives(&mut wire, 65_535);
        wire.send_settings(&[(Setting::INITIAL_WINDOW_SIZE, 1_000)]);
        wire.send_window_update(stream, 64_535);
        assert_arrives(&mut wire, 65_535);
        wire.send_window_update(stream, 100);
        assert_arrives(&mut wire, 65_635);
        // The window of the stream grows with the setting by the difference.
        wire.send_settings(&[(Setting::INITIAL_WINDOW_SIZE, 3_000)]);
        assert_arrives(&mut wire, 67_635);
    });
}

#[test]
fn a_smaller_initial_window_in_mid_stream_makes_the_windows_of_a_client_negative() {
    watched(|| {
        let (client, mut wire) = scripted_server();
        wire.auto.windows = false;
        wire.send_window_update(0, 1_000_000);
        let (sender, replies) = client.relay(()).expect("the call opens").split();
        let sending = thread::spawn(move || while sender.send(note_of(1_000)).is_ok() {});
        let stream = wire.recv_call().stream;
        assert_arrives(&mut wire, 65_535);
        wire.send_settings(&[(Setting::INITIAL_WINDOW_SIZE, 1_000)]);
        wire.send_window_update(stream, 64_535);
        assert_arrives(&mut wire, 65_535);
        wire.send_window_update(stream, 100);
        assert_arrives(&mut wire, 65_635);
        drop(replies);
        sending.join().expect("the sender does not panic");
    });
}

#[test]
fn the_window_of_the_connection_is_changed_by_window_update_alone() {
    watched(|| {
        let server = serve(Handlers::new());
        let mut wire = Wire::client_with(server.local_addr(), &[(Setting::INITIAL_WINDOW_SIZE, 1 << 20)]);
        wire.auto.windows = false;
        for _ in 0..2 {
            let stream = wire.open_call(REPEAT, &[]);
            wire.send_data(stream, &endless(), true);
        }
        assert_arrives(&mut wire, 65_535);
        wire.send_settings(&[(Setting::INITIAL_WINDOW_SIZE, 1 << 24)]);
        assert_arrives(&mut wire, 65_535);
        wire.send_window_update(0, 1_000);
        assert_arrives(&mut wire, 66_535);
    });
}

/// Sends messages until the window of `stream` is shut; gives their number.
fn fill(wire: &mut Wire, stream: u32) -> usize {
    let message = envelope(&note_of(8_000).encode_to_vec());
    let mut messages = 0;
    wire.sync();
    while wire.send_window(stream) >= message.len() as i64 {
        wire.send_data(stream, &message, false);
        messages += 1;
        assert!(messages < 10_000, "the window is given back although nobody reads");
        wire.sync();
    }
    messages
}

#[test]
fn a_server_gives_the_window_back_when_its_handler_has_read_and_not_before() {
    watched(|| {
        let gate = Gate::new();
        let (_server, mut wire) = served(Handlers::as_told(&gate));
        let stream = wire.open_call(GATHER, &[(DO, "gate")]);
        let messages = fill(&mut wire, stream);
        assert!(messages > 5);
        gate.open();
        let before = wire.send_window(stream);
        eventually("the window opens again", || {
            wire.sync();
            wire.send_window(stream) > before + 500_000
        });
    });
}

#[test]
fn a_client_gives_the_window_back_when_its_application_has_read_and_not_before() {
    watched(|| {
        let (client, mut wire) = scripted_server();
        let mut replies = client.repeat(note(1)).expect("the call opens");
        let stream = wire.recv_call().stream;
        wire.send_response_headers(stream);
        let messages = fill(&mut wire, stream);
        for _ in 0..messages {
            assert!(replies.message().expect("the call runs").is_some());
        }
        // The thread that reads gives back when it has nothing more to read.
        assert!(matches!(replies.try_message(), Err(stolid::TryRecvError::Empty)));
        let before = wire.send_window(stream);
        eventually("the window opens again", || {
            wire.sync();
            wire.send_window(stream) > before + 500_000
        });
    });
}

#[test]
fn a_message_larger_than_the_window_becomes_complete_on_a_server() {
    watched(|| {
        let (_server, mut wire) = served(Handlers::new());
        let message = note_of(3_500_000).encode_to_vec();
        let reply = wire.unary_call(SAY, &message);
        assert_eq!(reply.code(), 0, "{}", reply.message());
        assert!(reply.messages == [message], "the message came back changed");
    });
}

#[test]
fn a_message_larger_than_the_window_becomes_complete_on_a_client() {
    watched(|| {
        let (client, mut wire) = scripted_server();
        let calling = thread::spawn(move || client.say(note(1)));
        let stream = wire.recv_call().stream;
        wire.send_unary_reply(stream, &note_of(3_500_000).encode_to_vec());
        let answer = calling.join().expect("the caller does not panic").expect("the call is OK");
        assert_eq!(answer.into_inner().body.len(), 3_500_000);
    });
}

#[test]
fn idle_streams_hold_nothing_of_the_connections_window() {
    watched(|| {
        let server = serve(Handlers::new());
        let mut wire = Wire::client_with(server.local_addr(), &[(Setting::INITIAL_WINDOW_SIZE, 1 << 20)]);
        wire.auto.windows = false;
        let mut used = 0;
        for _ in 0..50 {
            let idle = wire.open_call(RELAY, &[]);
            wire.send_data(idle, &envelope(&note_of(100).encode_to_vec()), false);
            wire.recv_headers(idle);
            used += wire.recv_data(idle).0.len();
        }
        let busy = wire.open_call(REPEAT, &[]);
        wire.send_data(busy, &endless(), true);
        assert_arrives(&mut wire, 65_535 - used);
    });
}

#[test]
fn a_stream_whose_window_is_shut_holds_nothing_of_the_connections_window() {
    watched(|| {
        let server = serve(Handlers::new());
        let mut wire = Wire::client_with(server.local_addr(), &[(Setting::INITIAL_WINDOW_SIZE, 1_000)]);
        wire.auto.windows = false;
        for _ in 0..10 {
            let shut = wire.open_call(REPEAT, &[]);
            wire.send_data(shut, &endless(), true);
        }
        assert_arrives(&mut wire, 10_000);
        let open = wire.open_call(REPEAT, &[]);
        wire.send_window_update(open, 1 << 20);
        wire.send_data(open, &endless(), true);
        assert_arrives(&mut wire, 65_535);
    });
}

#[test]
fn a_reset_stream_gives_back_what_it_waited_for_of_the_connections_window() {
    watched(|| {
        let server = serve(Handlers::new());
        let mut wire = Wire::client_with(server.local_addr(), &[(Setting::INITIAL_WINDOW_SIZE, 1 << 20)]);
        wire.auto.windows = false;
        let waiting = Vec::from_iter((0..5).map(|_| {
            let stream = wire.open_call(REPEAT, &[]);
            wire.send_data(stream, &endless(), true);
            stream
        }));
        assert_arrives(&mut wire, 65_535);
        let survivor = waiting[2];
        for stream in waiting.into_iter().filter(|stream| *stream != survivor) {
            wire.send_reset(stream, Reason::CANCEL);
        }
        wire.send_window_update(0, 50_000);
        assert_arrives(&mut wire, 115_535);
        let last = wire.pending_of(survivor).len();
        assert!(last > 0, "all of it went to the stream that is left");
    });
}

#[test]
fn padding_counts_for_the_windows_and_is_given_back_by_a_server_that_reads_nothing() {
    watched(|| {
        let gate = Gate::new();
        let (_server, mut wire) = served(Handlers::as_told(&gate));
        let stream = wire.open_call(GATHER, &[(DO, "gate")]);
        // The padding alone is many times the window; the messages are far below it.
        for _ in 0..20_000 {
            wire.send_padded_data(stream, &envelope(&[]), 255, false);
        }
        wire.send_data(stream, &[], true);
        gate.open();
        assert_eq!(wire.recv_reply(stream).code(), 0);
    });
}

#[test]
fn padding_counts_for_the_windows_and_is_given_back_by_a_client_that_reads_nothing() {
    watched(|| {
        let (client, mut wire) = scripted_server();
        let replies = client.repeat(note(1)).expect("the call opens");
        let stream = wire.recv_call().stream;
        wire.send_response_headers(stream);
        for _ in 0..20_000 {
            wire.send_padded_data(stream, &envelope(&[]), 255, false);
        }
        wire.send_trailers(stream, "0");
        let received = replies.collect::<Result<Vec<_>, _>>().expect("the call is OK");
        assert_eq!(received.len(), 20_000);
    });
}
