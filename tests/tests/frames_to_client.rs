//! What frames our client must take, however the server cuts them.

use std::thread;

use prost::Message;
use stolid_tests::echo::Note;
use stolid_tests::echo::echo_client::EchoClient;
use stolid_tests::gate::Gate;
use stolid_tests::handlers::{Handlers, note, note_of};
use stolid_tests::pair::{Pair, scripted_server};
use stolid_tests::watchdog::watched;
use stolid_tests::wire::{Wire, envelope};

/// Two messages of different length, alone and in their envelopes.
fn two_messages() -> ([Note; 2], Vec<u8>) {
    let notes = [note_of(9), note(7)];
    let body = notes.iter().flat_map(|note| envelope(&note.encode_to_vec())).collect();
    (notes, body)
}

/// Opens a server-streaming call and reads its request off the wire.
fn open_repeat(client: &EchoClient, wire: &mut Wire) -> (stolid::Streaming<Note>, u32) {
    let replies = client.repeat(note(1)).expect("the call opens");
    let stream = wire.recv_call().stream;
    wire.recv_data_until_half_close(stream);
    (replies, stream)
}

#[test]
fn envelopes_split_at_every_byte_arrive() {
    watched(|| {
        let (client, mut wire) = scripted_server();
        let (notes, body) = two_messages();
        for cut in 0..=body.len() {
            let (replies, stream) = open_repeat(&client, &mut wire);
            wire.send_response_headers(stream);
            wire.send_data(stream, &body[..cut], false);
            wire.send_data(stream, &body[cut..], false);
            wire.send_trailers(stream, "0");
            let received = replies.collect::<Result<Vec<_>, _>>();
            assert_eq!(received.expect("the call is OK"), notes, "cut at {cut}");
        }
    });
}

#[test]
fn a_unary_response_split_at_every_byte_arrives() {
    watched(|| {
        let (client, mut wire) = scripted_server();
        let body = envelope(&note_of(9).encode_to_vec());
        for cut in 0..=body.len() {
            let caller = client.clone();
            let calling = thread::spawn(move || caller.say(note(1)));
            let stream = wire.recv_call().stream;
            wire.send_response_headers(stream);
            wire.send_data(stream, &body[..cut], false);
            wire.send_data(stream, &body[cut..], false);
            wire.send_trailers(stream, "0");
            let response = calling.join().expect("the caller does not panic");
            assert_eq!(response.expect("the call is OK").into_inner(), note_of(9), "cut at {cut}");
        }
    });
}

#[test]
fn each_byte_may_be_a_segment_of_its_own() {
    watched(|| {
        let (client, mut wire) = scripted_server();
        let (notes, body) = two_messages();
        let (replies, stream) = open_repeat(&client, &mut wire);
        wire.hold();
        wire.send_response_headers(stream);
        wire.send_data(stream, &body, false);
        wire.send_trailers(stream, "0");
        for byte in wire.take_held() {
            wire.send_raw(&[byte]);
        }
        let received = replies.collect::<Result<Vec<_>, _>>();
        assert_eq!(received.expect("the call is OK"), notes);
    });
}

#[test]
fn several_messages_in_one_frame_are_all_taken() {
    watched(|| {
        let (client, mut wire) = scripted_server();
        let (replies, stream) = open_repeat(&client, &mut wire);
        wire.send_response_headers(stream);
        wire.send_data(stream, &envelope(&[]).repeat(3_000), false);
        wire.send_trailers(stream, "0");
        let received = replies.collect::<Result<Vec<_>, _>>();
        assert_eq!(received.expect("the call is OK"), vec![Note::default(); 3_000]);
    });
}

#[test]
fn sixty_thousand_frames_of_five_bytes_do_not_end_the_connection() {
    watched(|| {
        let (client, mut wire) = scripted_server();
        for padding in [None, Some(0), Some(10), Some(255)] {
            let (replies, stream) = open_repeat(&client, &mut wire);
            let reading = thread::spawn(|| replies.collect::<Result<Vec<_>, _>>());
            wire.send_response_headers(stream);
            wire.hold();
            for _ in 0..62_832 {
                match padding {
                    None => wire.send_data(stream, &envelope(&[]), false),
                    Some(padding) => wire.send_padded_data(stream, &envelope(&[]), padding, false),
                }
            }
            wire.send_trailers(stream, "0");
            wire.flush();
            let received = reading.join().expect("the reader does not panic");
            assert_eq!(received.expect("the call is OK").len(), 62_832, "padding {padding:?}");
        }
        wire.sync();
    });
}

#[test]
fn five_byte_frames_before_the_application_reads_do_not_end_the_connection() {
    watched(|| {
        let (client, mut wire) = scripted_server();
        let (replies, stream) = open_repeat(&client, &mut wire);
        wire.send_response_headers(stream);
        wire.hold();
        for _ in 0..62_832 {
            wire.send_data(stream, &envelope(&[]), false);
        }
        wire.send_trailers(stream, "0");
        wire.sync();
        let received = replies.collect::<Result<Vec<_>, _>>();
        assert_eq!(received.expect("the call is OK").len(), 62_832);
    });
}

#[test]
fn five_byte_frames_of_cancelled_calls_do_not_end_the_connection() {
    watched(|| {
        let (client, mut wire) = scripted_server();
        for _ in 0..3 {
            let (replies, stream) = open_repeat(&client, &mut wire);
            wire.send_response_headers(stream);
            drop(replies);
            wire.recv_reset(stream);
            // A server that has not heard of it yet.
            wire.hold();
            for _ in 0..10_000 {
                wire.send_data(stream, &envelope(&[]), false);
            }
            wire.sync();
        }
        let (replies, stream) = open_repeat(&client, &mut wire);
        wire.send_response_headers(stream);
        wire.send_trailers(stream, "0");
        assert_eq!(replies.count(), 0);
    });
}

#[test]
fn a_stream_that_nobody_reads_does_not_delay_the_others() {
    watched(|| {
        let filled = Gate::new();
        let at_window = filled.clone();
        let handlers = Handlers::new().relay(move |_requests, replies| {
            while replies.send_timeout(note_of(8_000), std::time::Duration::from_millis(200)).is_ok() {}
            at_window.open();
            replies.context().wait_cancelled(None);
            Ok(())
        });
        let pair = Pair::start(handlers);
        let unread = pair.client.relay(()).expect("the call opens");
        filled.wait();
        let callers = (0..20).map(|_| {
            let client = pair.client.clone();
            thread::spawn(move || {
                let ask = Note { number: 50, body: vec![0; 10_000], text: String::new() };
                let replies = client.repeat(ask).expect("the call opens");
                replies.collect::<Result<Vec<_>, _>>().expect("the call is OK").len()
            })
        });
        for caller in Vec::from_iter(callers) {
            assert_eq!(caller.join().expect("the caller does not panic"), 50);
        }
        drop(unread);
    });
}
