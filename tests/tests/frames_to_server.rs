//! What frames our server must take, however the client cuts them.

use std::thread;

use prost::Message;
use stolid::{Server, Status};
use stolid_tests::echo::{Count, Note};
use stolid_tests::gate::Gate;
use stolid_tests::handlers::{DO, Handlers, note, note_of};
use stolid_tests::pair::serve;
use stolid_tests::watchdog::watched;
use stolid_tests::wire::{Reply, Setting, Wire, envelope};

const SAY: &str = "/testing.v1.Echo/Say";
const REPEAT: &str = "/testing.v1.Echo/Repeat";
const GATHER: &str = "/testing.v1.Echo/Gather";
const RELAY: &str = "/testing.v1.Echo/Relay";

fn echo_server() -> (Server, Wire) {
    let server = serve(Handlers::new());
    let wire = Wire::client(server.local_addr());
    (server, wire)
}

/// Two messages of different length in their envelopes, and what an echo of them is.
fn two_messages() -> (Vec<u8>, Vec<Vec<u8>>) {
    let messages = vec![note_of(9).encode_to_vec(), note(7).encode_to_vec()];
    (messages.iter().flat_map(|message| envelope(message)).collect(), messages)
}

#[track_caller]
fn counted(reply: &Reply) -> Count {
    assert_eq!((reply.code(), reply.message()), (0, ""));
    Count::decode(&*reply.messages[0]).expect("the server sends a Count")
}

#[test]
fn envelopes_split_at_every_byte_arrive() {
    watched(|| {
        let (_server, mut wire) = echo_server();
        let (body, messages) = two_messages();
        for cut in 0..=body.len() {
            let stream = wire.open_call(RELAY, &[]);
            wire.send_data(stream, &body[..cut], false);
            wire.send_data(stream, &body[cut..], true);
            let reply = wire.recv_reply(stream);
            assert_eq!((reply.code(), &reply.messages), (0, &messages), "cut at {cut}");
        }
    });
}

#[test]
fn a_unary_request_split_at_every_byte_arrives() {
    watched(|| {
        let (_server, mut wire) = echo_server();
        let message = note_of(9).encode_to_vec();
        let body = envelope(&message);
        for cut in 0..=body.len() {
            let stream = wire.open_call(SAY, &[]);
            wire.send_data(stream, &body[..cut], false);
            wire.send_data(stream, &body[cut..], true);
            let reply = wire.recv_reply(stream);
            assert_eq!((reply.code(), &reply.messages[0]), (0, &message), "cut at {cut}");
        }
    });
}

#[test]
fn each_byte_may_be_a_frame_of_its_own() {
    watched(|| {
        let (_server, mut wire) = echo_server();
        let (body, messages) = two_messages();
        let stream = wire.open_call(RELAY, &[]);
        for byte in &body {
            wire.send_data(stream, &[*byte], false);
            // An empty frame between two bytes changes nothing.
            wire.send_data(stream, &[], false);
        }
        wire.send_data(stream, &[], true);
        let reply = wire.recv_reply(stream);
        assert_eq!((reply.code(), reply.messages), (0, messages));
    });
}

#[test]
fn each_byte_may_be_a_segment_of_its_own() {
    watched(|| {
        let server = serve(Handlers::new());
        let mut wire = Wire::dial(server.local_addr());
        let (body, messages) = two_messages();
        wire.hold();
        wire.send_preface();
        wire.send_settings(&[]);
        let stream = wire.open_call(RELAY, &[]);
        wire.send_data(stream, &body, true);
        for byte in wire.take_held() {
            wire.send_raw(&[byte]);
        }
        let reply = wire.recv_reply(stream);
        assert_eq!((reply.code(), reply.messages), (0, messages));
    });
}

#[test]
fn several_messages_in_one_frame_are_all_taken() {
    watched(|| {
        let (_server, mut wire) = echo_server();
        let stream = wire.open_call(GATHER, &[]);
        wire.send_data(stream, &envelope(&[]).repeat(3_000), false);
        wire.send_data(stream, &envelope(&note_of(2).encode_to_vec()).repeat(1_000), true);
        let count = counted(&wire.recv_reply(stream));
        assert_eq!((count.messages, count.bytes), (4_000, 2_000));
    });
}

#[test]
fn a_frame_may_end_one_message_and_begin_the_next() {
    watched(|| {
        let (_server, mut wire) = echo_server();
        let (body, _) = two_messages();
        let body = body.repeat(500);
        let stream = wire.open_call(GATHER, &[]);
        // 17 shares no factor with the length of the pair, so every cut happens.
        for piece in body.chunks(17) {
            wire.send_data(stream, piece, false);
        }
        wire.send_data(stream, &[], true);
        let count = counted(&wire.recv_reply(stream));
        assert_eq!((count.messages, count.bytes), (1_000, 4_500));
    });
}

#[test]
fn request_headers_may_end_the_stream() {
    watched(|| {
        let (_server, mut wire) = echo_server();
        let gather = wire.open_empty_call(GATHER, &[]);
        assert_eq!(counted(&wire.recv_reply(gather)), Count::default());
        let relay = wire.open_empty_call(RELAY, &[]);
        let reply = wire.recv_reply(relay);
        assert_eq!((reply.code(), reply.messages.len()), (0, 0));
        let say = wire.open_empty_call(SAY, &[]);
        assert_eq!(wire.recv_reply(say).code(), 12, "a unary call without a message: UNIMPLEMENTED");
    });
}

#[test]
fn sixty_thousand_frames_of_five_bytes_do_not_end_the_connection() {
    watched(|| {
        let (_server, mut wire) = echo_server();
        for padding in [None, Some(0), Some(10), Some(255)] {
            let stream = wire.open_call(GATHER, &[]);
            wire.hold();
            for _ in 0..62_832 {
                match padding {
                    None => wire.send_data(stream, &envelope(&[]), false),
                    Some(padding) => wire.send_padded_data(stream, &envelope(&[]), padding, false),
                }
            }
            wire.send_data(stream, &[], true);
            let count = counted(&wire.recv_reply(stream));
            assert_eq!(count.messages, 62_832, "padding {padding:?}");
        }
        assert_eq!(wire.unary_call(SAY, &[]).code(), 0);
    });
}

#[test]
fn five_byte_frames_before_the_handler_reads_do_not_end_the_connection() {
    watched(|| {
        let gate = Gate::new();
        let server = serve(Handlers::as_told(&gate));
        let mut wire = Wire::client(server.local_addr());
        for padding in [None, Some(10)] {
            let stream = wire.open_call(GATHER, &[(DO, "gate")]);
            wire.hold();
            for _ in 0..62_832 {
                match padding {
                    None => wire.send_data(stream, &envelope(&[]), false),
                    Some(padding) => wire.send_padded_data(stream, &envelope(&[]), padding, false),
                }
            }
            wire.send_data(stream, &[], true);
            wire.sync();
            gate.open();
            assert_eq!(counted(&wire.recv_reply(stream)).messages, 62_832);
        }
    });
}

#[test]
fn five_byte_frames_of_calls_that_are_over_do_not_end_the_connection() {
    watched(|| {
        let handlers = Handlers::new().gather(|_requests| Err(Status::aborted("enough")));
        let server = serve(handlers);
        let mut wire = Wire::client(server.local_addr());
        for _ in 0..3 {
            let stream = wire.open_call(GATHER, &[]);
            assert_eq!(wire.recv_reply(stream).message(), "enough");
            // A client that has not heard of it yet.
            wire.hold();
            for _ in 0..10_000 {
                wire.send_data(stream, &envelope(&[]), false);
            }
            wire.sync();
        }
        assert_eq!(wire.unary_call(SAY, &[]).code(), 0);
    });
}

/// Fills `stream` with messages until its window is shut; gives their number.
fn fill_window(wire: &mut Wire, stream: u32) -> u64 {
    let message = envelope(&note_of(8_000).encode_to_vec());
    let mut messages = 0;
    wire.sync();
    while wire.send_window(stream) >= message.len() as i64 {
        wire.send_data(stream, &message, false);
        messages += 1;
    }
    messages
}

#[test]
fn streams_that_nobody_reads_do_not_delay_the_others() {
    watched(|| {
        let gate = Gate::new();
        let server = serve(Handlers::as_told(&gate));
        let mut wire = Wire::client(server.local_addr());
        let mut stalled = Vec::new();
        for _ in 0..3 {
            let stream = wire.open_call(GATHER, &[(DO, "gate")]);
            let messages = fill_window(&mut wire, stream);
            assert!(messages > 0, "the server opens its window");
            stalled.push((stream, messages));
        }
        gate.wait_for_arrivals(3);

        let message = note_of(10_000).encode_to_vec();
        let streams = Vec::from_iter((0..20).map(|_| wire.open_call(RELAY, &[])));
        for _ in 0..50 {
            for stream in &streams {
                wire.send_data(*stream, &envelope(&message), false);
            }
        }
        for stream in &streams {
            wire.send_data(*stream, &[], true);
            let reply = wire.recv_reply(*stream);
            assert_eq!((reply.code(), reply.messages.len()), (0, 50));
        }

        for (stream, _) in &stalled {
            assert_eq!(wire.pending_of(*stream).len(), 0, "nobody has read stream {stream} yet");
            wire.send_data(*stream, &[], true);
        }
        gate.open();
        for (stream, messages) in stalled {
            assert_eq!(counted(&wire.recv_reply(stream)).messages, messages);
        }
    });
}

/// Sends all bodies side by side, a piece of each in turn where the windows let it, and half-closes each at its end.
fn send_side_by_side(wire: &mut Wire, mut bodies: Vec<(u32, Vec<u8>)>) {
    const PIECE: usize = 16_000;
    while !bodies.is_empty() {
        let mut sent = false;
        for (stream, body) in &mut bodies {
            let piece = body.len().min(PIECE);
            if wire.send_window(*stream) >= piece as i64 {
                let rest = body.split_off(piece);
                wire.send_data(*stream, body, rest.is_empty());
                *body = rest;
                sent = true;
            }
        }
        bodies.retain(|(_, body)| !body.is_empty());
        if !sent {
            wire.recv_window_update();
        }
    }
}

#[test]
fn large_messages_that_grow_side_by_side_all_become_complete() {
    watched(|| {
        let (_server, mut wire) = echo_server();
        wire.sync();
        // Together they are far beyond what a connection may hold of incomplete messages.
        let body = envelope(&note_of(3_900_000).encode_to_vec());
        let bodies = (0..24).map(|_| (wire.open_call(GATHER, &[]), body.clone()));
        let bodies = Vec::from_iter(bodies);
        let streams = Vec::from_iter(bodies.iter().map(|(stream, _)| *stream));
        send_side_by_side(&mut wire, bodies);
        for stream in streams {
            let count = counted(&wire.recv_reply(stream));
            assert_eq!((count.messages, count.bytes), (1, 3_900_000));
        }
    });
}

#[test]
fn a_peer_that_does_not_read_one_stream_gets_the_others() {
    watched(|| {
        let (server, _) = echo_server();
        let window = [(Setting::INITIAL_WINDOW_SIZE, 20_000)];
        let mut wire = Wire::client_with(server.local_addr(), &window);
        wire.auto.windows = false;
        wire.send_window_update(0, 100_000_000);
        let endless = Note { number: u64::MAX, body: vec![0; 1_000], text: String::new() };
        let unread = wire.open_call(REPEAT, &[]);
        wire.send_data(unread, &envelope(&endless.encode_to_vec()), true);
        wire.recv_headers(unread);
        let filled = wire.recv_data_of(unread, 20_000);
        assert_eq!(filled.len(), 20_000, "the server keeps to the window");

        for _ in 0..20 {
            let reply = wire.unary_call(SAY, &note_of(9_000).encode_to_vec());
            assert_eq!((reply.code(), reply.messages.len()), (0, 1));
        }
        assert_eq!(wire.pending_of(unread), [], "the window of the unread stream stayed shut");
        wire.send_window_update(unread, 5_000);
        assert_eq!(wire.recv_data_of(unread, 5_000).len(), 5_000);
    });
}

#[test]
fn calls_of_many_connections_do_not_mix() {
    watched(|| {
        let server = serve(Handlers::new());
        let addr = server.local_addr();
        let callers = (0..8).map(|caller| {
            thread::spawn(move || {
                let mut wire = Wire::client(addr);
                for call in 0..100 {
                    let message = note(caller * 1_000 + call).encode_to_vec();
                    let reply = wire.unary_call(SAY, &message);
                    assert_eq!((reply.code(), reply.messages), (0, vec![message]));
                }
            })
        });
        for caller in Vec::from_iter(callers) {
            caller.join().expect("every call got its own answer");
        }
    });
}
