//! What the server sees when a client lets go of a part of its call.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;

use prost::Message;
use stolid::Code;
use stolid_tests::echo::Count;
use stolid_tests::handlers::{note, note_of};
use stolid_tests::pair::{scripted_server, scripted_server_with};
use stolid_tests::process::{ThreadProbe, eventually};
use stolid_tests::watchdog::watched;
use stolid_tests::wire::{Frame, Reason, Setting, Wire, envelope};

/// Whether a frame half-closes a stream.
fn half_closes(frame: &Frame) -> bool {
    matches!(frame, Frame::Data { end_stream: true, .. } | Frame::Headers { end_stream: true, .. })
}

/// Checks that `stream` was neither half-closed nor reset so far.
#[track_caller]
fn assert_open(wire: &mut Wire, stream: u32) {
    wire.sync();
    for frame in wire.pending_of(stream) {
        let ended = half_closes(&frame) || matches!(frame, Frame::Reset { .. });
        assert!(!ended, "{frame:?} came for a stream that should be open");
    }
}

#[test]
fn a_stream_dropped_before_its_end_is_cancelled() {
    watched(|| {
        let (client, mut wire) = scripted_server();
        let mut replies = client.repeat(note(1)).expect("the call opens");
        let stream = wire.recv_call().stream;
        wire.send_response_headers(stream);
        wire.send_data(stream, &envelope(&note(0).encode_to_vec()), false);
        assert_eq!(replies.message().expect("the call runs"), Some(note(0)));
        drop(replies);
        assert_eq!(wire.recv_reset(stream), Reason::CANCEL);
    });
}

#[test]
fn a_stream_dropped_before_its_headers_is_cancelled() {
    watched(|| {
        let (client, mut wire) = scripted_server();
        let replies = client.repeat(note(1)).expect("the call opens");
        let stream = wire.recv_call().stream;
        drop(replies);
        assert_eq!(wire.recv_reset(stream), Reason::CANCEL);
    });
}

#[test]
fn a_stream_dropped_after_its_end_is_not_reset() {
    watched(|| {
        let (client, mut wire) = scripted_server();
        let mut replies = client.repeat(note(1)).expect("the call opens");
        let stream = wire.recv_call().stream;
        wire.recv_data_until_half_close(stream);
        wire.send_response_headers(stream);
        wire.send_trailers(stream, "0");
        assert_eq!(replies.message().expect("the call is OK"), None);
        drop(replies);
        wire.sync();
        assert_eq!(wire.pending_of(stream), []);
    });
}

#[test]
fn dropped_streams_give_the_connection_its_window_back() {
    watched(|| {
        let (client, mut wire) = scripted_server();
        // Together they hold more than the largest window a connection ever gets.
        for _ in 0..64 {
            let replies = client.repeat(note(1)).expect("the call opens");
            let stream = wire.recv_call().stream;
            wire.recv_data_until_half_close(stream);
            wire.send_response_headers(stream);
            wire.send_body(stream, &envelope(&note_of(500_000).encode_to_vec()), false);
            wire.sync();
            drop(replies);
            assert_eq!(wire.recv_reset(stream), Reason::CANCEL);
        }
    });
}

#[test]
fn a_client_stream_dropped_without_finish_is_cancelled_not_half_closed() {
    watched(|| {
        let (client, mut wire) = scripted_server();
        let mut call = client.gather(()).expect("the call opens");
        call.send(note_of(100)).expect("the call runs");
        let stream = wire.recv_call().stream;
        let (_, end_stream) = wire.recv_data(stream);
        assert!(!end_stream);
        drop(call);
        let end = loop {
            match wire.recv_frame() {
                frame if frame.stream() == stream => break frame,
                _ => {}
            }
        };
        assert_eq!(end, Frame::Reset { stream, reason: Reason::CANCEL });
    });
}

#[test]
fn a_client_stream_that_finishes_is_half_closed() {
    watched(|| {
        let (client, mut wire) = scripted_server();
        let mut call = client.gather(()).expect("the call opens");
        call.send(note_of(100)).expect("the call runs");
        let finishing = thread::spawn(move || call.finish());
        let stream = wire.recv_call().stream;
        let body = wire.recv_data_until_half_close(stream);
        assert_eq!(body, envelope(&note_of(100).encode_to_vec()));
        let count = Count { messages: 1, bytes: 100 };
        wire.send_unary_reply(stream, &count.encode_to_vec());
        let response = finishing.join().expect("the caller does not panic");
        assert_eq!(response.expect("the call is OK").into_inner(), count);
    });
}

#[test]
fn the_last_sender_dropped_half_closes() {
    watched(|| {
        let (client, mut wire) = scripted_server();
        let (first, mut replies) = client.relay(()).expect("the call opens").split();
        let second = first.clone();
        first.send(note(1)).expect("the call runs");
        let stream = wire.recv_call().stream;
        drop(first);
        assert_open(&mut wire, stream);
        second.send(note(2)).expect("the call runs");
        drop(second);
        let sent = [note(1), note(2)].map(|note| envelope(&note.encode_to_vec())).concat();
        assert_eq!(wire.recv_data_until_half_close(stream), sent);

        wire.send_response_headers(stream);
        wire.send_trailers(stream, "0");
        assert_eq!(replies.message().expect("the call is OK"), None);
    });
}

#[test]
fn close_half_closes_whatever_clones_there_are() {
    watched(|| {
        let (client, mut wire) = scripted_server();
        let (sender, _replies) = client.relay(()).expect("the call opens").split();
        let clone = sender.clone();
        sender.close();
        let stream = wire.recv_call().stream;
        assert_eq!(wire.recv_data_until_half_close(stream), []);
        let refused = clone.send(note(1)).expect_err("the stream is half-closed");
        assert_eq!(refused.code(), Code::FailedPrecondition);
        assert!(clone.is_closed());
    });
}

#[test]
fn a_sender_dropped_by_a_panic_cancels() {
    watched(|| {
        let (client, mut wire) = scripted_server();
        let (sender, _replies) = client.relay(()).expect("the call opens").split();
        let panicked = catch_unwind(AssertUnwindSafe(move || {
            sender.send(note(1)).expect("the call runs");
            panic!("the producer of messages fails");
        }));
        assert!(panicked.is_err());
        let stream = wire.recv_call().stream;
        assert_eq!(wire.recv_reset(stream), Reason::CANCEL);
    });
}

#[test]
fn both_halves_dropped_cancel() {
    watched(|| {
        let (client, mut wire) = scripted_server();
        let call = client.relay(()).expect("the call opens");
        let stream = wire.recv_call().stream;
        drop(call);
        assert_eq!(wire.recv_reset(stream), Reason::CANCEL);
    });
}

#[test]
fn cancel_wakes_every_blocked_half() {
    watched(|| {
        let (client, mut wire) = scripted_server();
        wire.auto.windows = false;
        let (sender, replies) = client.relay(()).expect("the call opens").split();
        let context = replies.context();
        let stream = wire.recv_call().stream;
        let (tell, told) = std::sync::mpsc::channel();
        let tell_too = tell.clone();
        let sending = thread::spawn(move || {
            tell.send(ThreadProbe::current()).expect("the test listens");
            loop {
                if let Err(status) = sender.send(note_of(30_000)) {
                    return status.code();
                }
            }
        });
        let reading = thread::spawn(move || {
            let mut replies = replies;
            tell_too.send(ThreadProbe::current()).expect("the test listens");
            replies.message().expect_err("nothing ever comes").code()
        });
        for _ in 0..2 {
            let probe = told.recv().expect("the thread says who it is");
            eventually("the thread waits", || probe.is_asleep());
        }
        context.cancel();
        assert_eq!(sending.join().expect("the sender does not panic"), Code::Cancelled);
        assert_eq!(reading.join().expect("the reader does not panic"), Code::Cancelled);
        assert_eq!(wire.recv_reset(stream), Reason::CANCEL);
    });
}

#[test]
fn cancel_wakes_a_wait_for_headers() {
    watched(|| {
        let (client, mut wire) = scripted_server();
        let mut replies = client.repeat(note(1)).expect("the call opens");
        let stream = wire.recv_call().stream;
        let context = replies.context();
        let waiting = thread::spawn(move || replies.headers().map(|_| ()).expect_err("none come").code());
        context.cancel();
        assert_eq!(waiting.join().expect("the reader does not panic"), Code::Cancelled);
        assert_eq!(wire.recv_reset(stream), Reason::CANCEL);
    });
}

#[test]
fn a_stream_outlives_the_channel_and_takes_the_connection_with_it() {
    watched(|| {
        let (client, mut wire) = scripted_server();
        let mut replies = client.repeat(note(1)).expect("the call opens");
        let stream = wire.recv_call().stream;
        wire.recv_data_until_half_close(stream);
        drop(client);
        wire.send_response_headers(stream);
        wire.send_data(stream, &envelope(&note(0).encode_to_vec()), false);
        assert_eq!(replies.message().expect("the call runs"), Some(note(0)));
        wire.send_trailers(stream, "0");
        assert_eq!(replies.message().expect("the call is OK"), None);
        drop(replies);
        wire.recv_eof();
    });
}

#[test]
fn calls_over_the_peers_limit_wait_and_can_be_dropped() {
    watched(|| {
        let one = [(Setting::MAX_CONCURRENT_STREAMS, 1)];
        let (client, mut wire) = scripted_server_with(&one);
        wire.sync();
        let first = client.repeat(note(1)).expect("the call opens");
        let stream = wire.recv_call().stream;
        let caller = client.clone();
        let second = thread::spawn(move || {
            let request = stolid::Request::new(note(2)).with_timeout(stolid_tests::endings::TIMEOUT);
            caller.say(request).expect_err("no stream is free in time").code()
        });
        assert_eq!(second.join().expect("the caller does not panic"), Code::DeadlineExceeded);
        wire.sync();
        let opened = wire.pending().iter().filter(|frame| frame.stream() > stream).count();
        assert_eq!(opened, 0, "a call that waited for its turn in vain never shows on the wire");

        drop(first);
        assert_eq!(wire.recv_reset(stream), Reason::CANCEL);
        let third = client.repeat(note(3)).expect("the call opens");
        assert!(wire.recv_call().stream > stream);
        drop(third);
    });
}

#[test]
fn a_sender_that_shall_cancel_half_closes_only_by_close() {
    watched(|| {
        for closes in [true, false] {
            let (client, mut wire) = scripted_server();
            let (requests, mut responses) = client.relay(()).expect("the call opens").split();
            let requests = requests.cancel_on_unclosed_drop();
            let call = wire.recv_call();
            if closes {
                requests.close();
            }
            drop(requests);
            if closes {
                assert!(wire.recv_data_until_half_close(call.stream).is_empty());
            } else {
                assert_eq!(wire.recv_reset(call.stream), Reason::CANCEL);
                assert_eq!(responses.message().expect_err("cancelled").code(), Code::Cancelled);
            }
        }
    });
}

#[test]
fn a_call_that_was_closed_is_not_cancelled_by_the_drop_of_a_sender_that_shall_cancel() {
    watched(|| {
        let (client, mut wire) = scripted_server();
        let call = client.relay(()).expect("the call opens");
        let stream = wire.recv_call().stream;
        drop(call.requests().clone().cancel_on_unclosed_drop());
        call.close();
        assert!(wire.recv_data_until_half_close(stream).is_empty());
        let (requests, mut replies) = call.split();
        drop(requests);
        wire.send_response_headers(stream);
        wire.send_trailers(stream, "0");
        assert_eq!(replies.message().expect("the call is OK"), None);
    });
}
