//! Messages: their envelopes, their ends, their number, their size.

use std::thread;

use prost::Message;
use stolid::{Code, Response, Status};
use stolid_tests::echo::{Count, Note};
use stolid_tests::handlers::{Handlers, note, note_of};
use stolid_tests::pair::{scripted_server, serve_with};
use stolid_tests::process::Process;
use stolid_tests::watchdog::watched;
use stolid_tests::wire::{Wire, envelope};

use crate::script::{GATHER, GOOD, METHODS, RELAY, REPEAT, SAY, assert_calls, assert_serves, served, status_after};

#[test]
fn a_server_takes_five_zero_bytes_for_a_message_and_not_for_the_end() {
    watched(|| {
        let (_server, mut wire) = served(Handlers::new());
        let stream = wire.open_call(GATHER, &[]);
        wire.send_data(stream, &[0; 5], false);
        wire.send_data(stream, &[0; 5], false);
        wire.send_data(stream, &[0; 5], true);
        let reply = wire.recv_reply(stream);
        let count = Count::decode(&*reply.messages[0]).expect("the server sends a Count");
        assert_eq!((reply.code(), count), (0, Count { messages: 3, bytes: 0 }));
        let echo = wire.unary_call(SAY, &[]);
        assert_eq!((echo.code(), echo.messages), (0, vec![vec![]]));
    });
}

#[test]
fn a_client_takes_five_zero_bytes_for_a_message_and_not_for_the_end() {
    watched(|| {
        let (client, mut wire) = scripted_server();
        let mut replies = client.repeat(note(1)).expect("the call opens");
        let stream = wire.recv_call().stream;
        wire.send_response_headers(stream);
        wire.send_data(stream, &[0; 5], false);
        assert_eq!(replies.message().expect("the call runs"), Some(Note::default()));
        wire.send_data(stream, &[0; 5], false);
        wire.send_trailers(stream, "0");
        assert_eq!(replies.message().expect("the call runs"), Some(Note::default()));
        assert_eq!(replies.message().expect("the call is OK"), None);
    });
}

#[test]
fn an_empty_data_frame_with_end_stream_is_the_half_close() {
    watched(|| {
        let (_server, mut wire) = served(Handlers::new());
        for path in METHODS {
            let stream = wire.open_call(path, &[]);
            wire.send_data(stream, &envelope(&note(1).encode_to_vec()), false);
            wire.sync();
            wire.send_data(stream, &[], true);
            assert_eq!(wire.recv_reply(stream).code(), 0, "{path}");
        }
    });
}

#[test]
fn headers_with_end_stream_are_a_request_without_messages() {
    watched(|| {
        let (_server, mut wire) = served(Handlers::new());
        for path in METHODS {
            let stream = wire.open_empty_call(path, &[]);
            let expected = if path == GATHER || path == RELAY { 0 } else { 12 };
            assert_eq!(wire.recv_reply(stream).code(), expected, "{path}");
        }
    });
}

#[test]
fn trailers_behind_the_messages_of_a_request_are_its_half_close() {
    watched(|| {
        let (_server, mut wire) = served(Handlers::new());
        for path in METHODS {
            let stream = wire.open_call(path, &[]);
            wire.send_data(stream, &envelope(&note(1).encode_to_vec()), false);
            wire.send_headers(stream, &[("x-late", "1")], true);
            assert_eq!(wire.recv_reply(stream).code(), 0, "{path}");
        }
    });
}

#[test]
fn a_request_that_ends_inside_a_message_is_internal() {
    watched(|| {
        let (_server, mut wire) = served(Handlers::new());
        let body = envelope(&note_of(20).encode_to_vec());
        for path in METHODS {
            for cut in [1, 4, 5, 6, body.len() - 1] {
                let stream = wire.open_call(path, &[]);
                wire.send_data(stream, &body[..cut], true);
                assert_eq!(wire.recv_reply(stream).code(), 13, "{path} cut at {cut}");
                // A whole message before it changes nothing.
                let stream = wire.open_call(path, &[]);
                wire.send_data(stream, &[&body[..], &body[..cut]].concat(), true);
                let code = wire.recv_reply(stream).code();
                assert!(code == 13 || (code == 12 && (path == SAY || path == REPEAT)), "{path} cut at {cut}: {code}");
            }
        }
        assert_serves(&mut wire);
    });
}

#[test]
fn a_response_that_ends_inside_a_message_is_internal() {
    watched(|| {
        let (client, mut wire) = scripted_server();
        let body = envelope(&note_of(20).encode_to_vec());
        for cut in [1, 4, 5, 6, body.len() - 1] {
            let status = status_after(&client, &mut wire, |wire, stream| {
                wire.send_response_headers(stream);
                wire.send_data(stream, &body[..cut], false);
                wire.send_trailers(stream, "0");
            });
            assert_eq!(status.code(), Code::Internal, "cut at {cut}: {status}");
            assert!(status.message().contains("middle of a message"), "{status}");
        }
        assert_calls(&client, &mut wire);
    });
}

#[test]
fn a_status_behind_half_a_message_is_the_one_that_counts() {
    watched(|| {
        let (client, mut wire) = scripted_server();
        let status = status_after(&client, &mut wire, |wire, stream| {
            wire.send_response_headers(stream);
            wire.send_data(stream, &envelope(&[8, 1])[..6], false);
            wire.send_headers(stream, &[("grpc-status", "8"), ("grpc-message", "enough")], true);
        });
        assert_eq!((status.code(), status.message()), (Code::ResourceExhausted, "enough"));
    });
}

/// An empty message with this Compressed-Flag.
fn flagged(flag: u8) -> Vec<u8> {
    let mut bytes = envelope(&[]);
    bytes[0] = flag;
    bytes
}

#[test]
fn a_server_answers_a_compressed_flag_other_than_0_and_1_with_internal() {
    watched(|| {
        let (_server, mut wire) = served(Handlers::new());
        for flag in [2, 3, 0x7f, 0x80, 0x81, 0xff] {
            for path in METHODS {
                let stream = wire.open_call(path, &[]);
                wire.send_data(stream, &flagged(flag), true);
                assert_eq!(wire.recv_reply(stream).code(), 13, "{path} with flag {flag}");
            }
        }
        assert_serves(&mut wire);
    });
}

#[test]
fn a_server_answers_a_compressed_flag_without_an_encoding_with_internal() {
    watched(|| {
        let (_server, mut wire) = served(Handlers::new());
        for encoding in [&[][..], &[("grpc-encoding", "identity")]] {
            for path in METHODS {
                let stream = wire.open_call(path, encoding);
                wire.send_data(stream, &flagged(1), true);
                assert_eq!(wire.recv_reply(stream).code(), 13, "{path} with {encoding:?}");
            }
        }
        assert_serves(&mut wire);
    });
}

#[test]
fn a_client_takes_a_compressed_flag_that_makes_no_sense_for_internal() {
    watched(|| {
        let (client, mut wire) = scripted_server();
        for (flag, encoding) in [
            (1, &[][..]),
            (1, &[("grpc-encoding", "identity")]),
            (2, &[]),
            (0xff, &[]),
            (1, &[("grpc-encoding", "snappy-of-tomorrow")]),
        ] {
            let status = status_after(&client, &mut wire, |wire, stream| {
                wire.send_headers(stream, &[&GOOD[..], encoding].concat(), false);
                wire.send_data(stream, &flagged(flag), false);
                wire.send_trailers(stream, "0");
            });
            assert_eq!(status.code(), Code::Internal, "flag {flag}, {encoding:?}: {status}");
        }
        assert_calls(&client, &mut wire);
    });
}

#[test]
fn a_client_refuses_a_huge_length_before_any_byte_of_it_came() {
    watched(|| {
        let (client, mut wire) = scripted_server();
        let status = status_after(&client, &mut wire, |wire, stream| {
            wire.send_response_headers(stream);
            wire.send_data(stream, &[0, 0xff, 0xff, 0xff, 0xff], false);
            wire.recv_reset(stream);
        });
        assert_eq!(status.code(), Code::ResourceExhausted, "{status}");
        assert!(status.message().contains("4294967295"), "{status}");
        assert_calls(&client, &mut wire);
    });
}

#[test]
fn a_length_of_4_gib_that_is_allowed_reserves_nothing_before_its_bytes_come() {
    watched(|| {
        let server = serve_with(Handlers::new(), |builder| builder.max_decoding_message_size(usize::MAX));
        let mut wire = Wire::client(server.local_addr());
        let before = Process::this().resident_bytes();
        let streams = Vec::from_iter((0..50).map(|_| wire.open_call(SAY, &[])));
        for stream in &streams {
            wire.send_data(*stream, &[0, 0xff, 0xff, 0xff, 0xff, 1, 2, 3], false);
        }
        wire.sync();
        let grown = Process::this().resident_bytes().saturating_sub(before);
        assert!(grown < 100 << 20, "{grown} bytes for messages that have not come");
        for stream in streams {
            wire.send_data(stream, &[], true);
            assert_eq!(wire.recv_reply(stream).code(), 13, "the stream ended inside its message");
        }
        assert_serves(&mut wire);
    });
}

#[test]
fn no_request_message_and_a_second_one_are_unimplemented_where_one_is_due() {
    watched(|| {
        let (_server, mut wire) = served(Handlers::new());
        for path in [SAY, REPEAT] {
            for messages in [0, 2, 3] {
                let stream = wire.open_call(path, &[]);
                wire.send_data(stream, &envelope(&[]).repeat(messages), true);
                let reply = wire.recv_reply(stream);
                assert_eq!((reply.code(), reply.messages.len()), (12, 0), "{path} with {messages} messages");
            }
        }
        assert_serves(&mut wire);
    });
}

#[test]
fn an_ok_without_a_message_is_unimplemented_where_one_is_due_and_never_a_default() {
    watched(|| {
        let (client, mut wire) = scripted_server();
        for trailers_only in [true, false] {
            let status = status_after(&client, &mut wire, |wire, stream| {
                if trailers_only {
                    wire.send_headers(stream, &[GOOD[0], GOOD[1], ("grpc-status", "0")], true);
                } else {
                    wire.send_response_headers(stream);
                    wire.send_trailers(stream, "0");
                }
            });
            assert_eq!(status.code(), Code::Unimplemented, "{status}");
        }
        let call = client.gather(()).expect("the call opens");
        let finishing = thread::spawn(move || call.finish().expect_err("no response came"));
        let stream = wire.recv_call().stream;
        wire.send_headers(stream, &[GOOD[0], GOOD[1], ("grpc-status", "0")], true);
        assert_eq!(finishing.join().expect("the caller does not panic").code(), Code::Unimplemented);
    });
}

#[test]
fn a_second_response_is_unimplemented_where_one_is_due() {
    watched(|| {
        let (client, mut wire) = scripted_server();
        for together in [true, false] {
            let status = status_after(&client, &mut wire, |wire, stream| {
                wire.send_response_headers(stream);
                if together {
                    wire.send_data(stream, &envelope(&[]).repeat(2), false);
                } else {
                    wire.send_data(stream, &envelope(&[]), false);
                    wire.send_data(stream, &envelope(&[]), false);
                }
                wire.send_trailers(stream, "0");
            });
            assert_eq!(status.code(), Code::Unimplemented, "{status}");
        }
        assert_calls(&client, &mut wire);
    });
}

#[test]
fn a_request_that_does_not_parse_is_internal() {
    watched(|| {
        let (_server, mut wire) = served(Handlers::new());
        for path in METHODS {
            let stream = wire.open_call(path, &[]);
            wire.send_data(stream, &envelope(&[0xff, 0xff, 0xff]), true);
            assert_eq!(wire.recv_reply(stream).code(), 13, "{path}");
        }
        assert_serves(&mut wire);
    });
}

#[test]
fn a_response_that_does_not_parse_is_internal() {
    watched(|| {
        let (client, mut wire) = scripted_server();
        let status = status_after(&client, &mut wire, |wire, stream| {
            wire.send_unary_reply(stream, &[0xff, 0xff, 0xff]);
        });
        assert_eq!(status.code(), Code::Internal, "{status}");
        let mut replies = client.repeat(note(1)).expect("the call opens");
        let stream = wire.recv_call().stream;
        wire.send_unary_reply(stream, &[0xff, 0xff, 0xff]);
        assert_eq!(replies.message().expect_err("no message").code(), Code::Internal);
        assert_eq!(replies.message().expect("an iterator is fused after its error"), None);
    });
}

#[test]
fn a_foreign_error_of_a_handler_is_unknown_and_a_panic_is_internal() {
    watched(|| {
        let handlers = Handlers::new().say(|request| match request.get_ref().number {
            0 => Err(Status::unknown("x is no number")),
            1 => panic!("a fault of the handler"),
            _ => Ok(Response::new(request.into_inner())),
        });
        let (_server, mut wire) = served(handlers);
        assert_eq!(wire.unary_call(SAY, &note(0).encode_to_vec()).code(), 2);
        let panicked = wire.unary_call(SAY, &note(1).encode_to_vec());
        assert_eq!(panicked.code(), 13);
        assert!(!panicked.message().contains("fault"), "{}", panicked.message());
        assert_serves(&mut wire);
    });
}
