//! Compressed messages: which encodings are named, which are taken, and that each message stands alone.

use std::io::Read;
use std::thread;

use prost::Message;
use stolid::client::Grpc;
use stolid::{CompressionEncoding, Request, Response, SendOptions};
use stolid_tests::echo::{Count, Note};
use stolid_tests::handlers::{Handlers, note, note_of};
use stolid_tests::pair::{connect, scripted_server, serve_with};
use stolid_tests::watchdog::watched;
use stolid_tests::wire::{Wire, WireListener, envelope};

use crate::script::{GATHER, GOOD, METHODS, REPEAT, SAY, assert_serves, served};

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = Vec::new();
    flate2::read::GzEncoder::new(bytes, flate2::Compression::default()).read_to_end(&mut packed).expect("memory");
    packed
}

fn gunzip(bytes: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    flate2::read::GzDecoder::new(bytes).read_to_end(&mut plain).expect("it is gzip");
    plain
}

/// An envelope with the Compressed-Flag.
fn flagged(packed: &[u8]) -> Vec<u8> {
    let mut bytes = envelope(packed);
    bytes[0] = 1;
    bytes
}

const GZIP: (&str, &str) = ("grpc-encoding", "gzip");

#[test]
fn an_unsupported_encoding_is_unimplemented_and_the_answer_lists_the_supported_ones_for_every_kind_of_call() {
    watched(|| {
        let (_server, mut wire) = served(Handlers::new());
        for path in METHODS {
            let stream = wire.open_call(path, &[("grpc-encoding", "snappy-of-tomorrow")]);
            wire.send_data(stream, &flagged(b"?"), true);
            let reply = wire.recv_reply(stream);
            assert_eq!(reply.code(), 12, "{path}: {}", reply.message());
            let head = reply.headers.unwrap_or(reply.trailers);
            assert_eq!(head.get("grpc-accept-encoding"), Some("identity,gzip,deflate,zstd"), "{path}");
        }
        assert_serves(&mut wire);
    });
}

#[test]
fn an_unsupported_encoding_harms_nobody_as_long_as_no_message_uses_it() {
    watched(|| {
        let (_server, mut wire) = served(Handlers::new());
        for path in METHODS {
            let stream = wire.open_call(path, &[("grpc-encoding", "snappy-of-tomorrow")]);
            wire.send_data(stream, &envelope(&note(1).encode_to_vec()), true);
            assert_eq!(wire.recv_reply(stream).code(), 0, "{path}");
        }
    });
}

#[test]
fn an_encoding_that_arrives_unasked_is_in_the_list_of_the_answer() {
    watched(|| {
        let (_server, mut wire) = served(Handlers::new());
        // The client has never seen what the server accepts.
        let stream = wire.open_call(SAY, &[GZIP]);
        wire.send_data(stream, &flagged(&gzip(&note(5).encode_to_vec())), true);
        let reply = wire.recv_reply(stream);
        assert_eq!((reply.code(), reply.messages), (0, vec![note(5).encode_to_vec()]));
        let headers = reply.headers.expect("a message follows");
        let list = headers.get("grpc-accept-encoding").expect("a list");
        assert!(list.split(',').any(|name| name == "gzip"), "{list}");
    });
}

#[test]
fn each_message_of_a_request_is_decompressed_on_its_own_and_by_its_own_flag() {
    watched(|| {
        let (_server, mut wire) = served(Handlers::new());
        let plain = note_of(1_000).encode_to_vec();
        let stream = wire.open_call(GATHER, &[GZIP]);
        for number in 0..10 {
            let message = if number % 3 == 0 { envelope(&plain) } else { flagged(&gzip(&plain)) };
            wire.send_data(stream, &message, false);
        }
        wire.send_data(stream, &[], true);
        let reply = wire.recv_reply(stream);
        assert_eq!(reply.code(), 0, "{}", reply.message());
        let count = Count::decode(&*reply.messages[0]).expect("the server sends a Count");
        assert_eq!(count, Count { messages: 10, bytes: 10_000 });
    });
}

#[test]
fn each_message_of_a_response_is_compressed_on_its_own() {
    watched(|| {
        let server = serve_with(Handlers::new(), |builder| builder.send_compressed(CompressionEncoding::Gzip));
        let mut wire = Wire::client(server.local_addr());
        let stream = wire.open_call(REPEAT, &[("grpc-accept-encoding", "gzip")]);
        let asked = Note { number: 3, ..note_of(5_000) };
        wire.send_data(stream, &envelope(&asked.encode_to_vec()), true);
        assert_eq!(wire.recv_headers(stream).fields.get("grpc-encoding"), Some("gzip"));
        let (body, trailers) = wire.recv_data_until_trailers(stream);
        assert_eq!(trailers.get("grpc-status"), Some("0"));
        let mut rest = &body[..];
        for number in 0..3 {
            assert_eq!(rest[0], 1, "the flag");
            let length = u32::from_be_bytes([rest[1], rest[2], rest[3], rest[4]]) as usize;
            // A fresh decompressor for each: with a context kept between messages the second would be no gzip file.
            let message = Note::decode(&*gunzip(&rest[5..5 + length])).expect("a note");
            assert_eq!((message.number, message.body.len()), (number, 5_000));
            rest = &rest[5 + length..];
        }
        assert_eq!(rest, []);
    });
}

#[test]
fn a_compressed_message_that_is_larger_than_the_plain_one_is_legal() {
    watched(|| {
        let (_server, mut wire) = served(Handlers::new());
        let packed = gzip(&[]);
        assert!(packed.len() > 10);
        let stream = wire.open_call(SAY, &[GZIP]);
        wire.send_data(stream, &flagged(&packed), true);
        let reply = wire.recv_reply(stream);
        assert_eq!((reply.code(), reply.messages), (0, vec![vec![]]));

        let (client, mut wire) = scripted_server();
        let mut replies = client.repeat(note(1)).expect("the call opens");
        let stream = wire.recv_call().stream;
        wire.send_headers(stream, &[GOOD[0], GOOD[1], GZIP], false);
        wire.send_data(stream, &flagged(&packed), false);
        wire.send_trailers(stream, "0");
        assert_eq!(replies.message().expect("the call runs"), Some(Note::default()));
        assert_eq!(replies.message().expect("the call is OK"), None);
    });
}

#[test]
fn a_response_is_never_compressed_for_a_client_that_did_not_list_the_encoding() {
    watched(|| {
        let server = serve_with(Handlers::new(), |builder| builder.send_compressed(CompressionEncoding::Gzip));
        let mut wire = Wire::client(server.local_addr());
        for list in [&[][..], &[("grpc-accept-encoding", "identity,zstd,deflate")], &[("grpc-accept-encoding", "")]] {
            // A client that compresses its requests has not said that it reads compressed responses.
            let metadata = [&[GZIP][..], list].concat();
            let stream = wire.open_call(SAY, &metadata);
            wire.send_data(stream, &flagged(&gzip(&note_of(5_000).encode_to_vec())), true);
            // Reading the reply checks that no message has the flag.
            let reply = wire.recv_reply(stream);
            assert_eq!(reply.code(), 0);
            assert_eq!(reply.headers.expect("a message follows").get("grpc-encoding"), None);
        }
    });
}

#[test]
fn a_message_that_is_to_go_uncompressed_does() {
    watched(|| {
        let handlers = Handlers::new()
            .say(|request| {
                let mut response = Response::new(request.into_inner());
                response.disable_compression();
                Ok(response)
            })
            .repeat(|request, replies| {
                replies.send_with(request.into_inner(), SendOptions::new().compress(false))?;
                Ok(())
            });
        let server = serve_with(handlers, |builder| builder.send_compressed(CompressionEncoding::Gzip));
        let mut wire = Wire::client(server.local_addr());
        for path in [SAY, REPEAT] {
            let stream = wire.open_call(path, &[("grpc-accept-encoding", "gzip")]);
            wire.send_data(stream, &envelope(&note_of(5_000).encode_to_vec()), true);
            let reply = wire.recv_reply(stream);
            assert_eq!((reply.code(), reply.messages), (0, vec![note_of(5_000).encode_to_vec()]), "{path}");
        }
    });
}

#[test]
fn a_client_lists_what_it_accepts_with_every_call_and_names_what_it_sends() {
    watched(|| {
        let listener = WireListener::bind();
        let addr = listener.addr();
        let connecting = thread::spawn(move || connect(addr));
        let mut wire = listener.accept();
        let client = Grpc::new(connecting.join().expect("connecting does not panic"));
        let replies = client.server_streaming::<Note, Note>(REPEAT, Request::new(note(1))).expect("the call opens");
        let fields = wire.recv_call().fields;
        assert_eq!(fields.get("grpc-accept-encoding"), Some("identity,gzip,deflate,zstd"));
        assert_eq!(fields.get("grpc-encoding"), None);
        drop(replies);
        let client = client.send_compressed(CompressionEncoding::Gzip).accept_compressed(CompressionEncoding::Zstd);
        let request = Request::new(note_of(5_000));
        let replies = client.server_streaming::<Note, Note>(REPEAT, request).expect("the call opens");
        let call = wire.recv_call();
        assert_eq!(call.fields.get("grpc-accept-encoding"), Some("identity,zstd"));
        assert_eq!(call.fields.get("grpc-encoding"), Some("gzip"));
        let body = wire.recv_data_until_half_close(call.stream);
        assert_eq!(body[0], 1, "the flag");
        assert_eq!(gunzip(&body[5..]), note_of(5_000).encode_to_vec());
        drop(replies);
    });
}

#[test]
fn a_response_may_be_in_another_encoding_than_its_request() {
    watched(|| {
        let server = serve_with(Handlers::new(), |builder| builder.send_compressed(CompressionEncoding::Zstd));
        let client = Grpc::new(connect(server.local_addr())).send_compressed(CompressionEncoding::Gzip);
        let answer = client.unary::<Note, Note>(SAY, Request::new(note_of(5_000))).expect("the call is OK");
        assert!(answer.was_compressed());
        assert_eq!(answer.into_inner(), note_of(5_000));

        let mut wire = Wire::client(server.local_addr());
        let stream = wire.open_call(SAY, &[GZIP, ("grpc-accept-encoding", "gzip,zstd")]);
        wire.send_data(stream, &flagged(&gzip(&note_of(5_000).encode_to_vec())), true);
        assert_eq!(wire.recv_headers(stream).fields.get("grpc-encoding"), Some("zstd"));
    });
}

#[test]
fn a_few_bytes_that_decompress_to_more_than_the_limit_are_resource_exhausted() {
    watched(|| {
        let (_server, mut wire) = served(Handlers::new());
        let bomb = gzip(&vec![0; 64 << 20]);
        assert!(bomb.len() < 100_000, "{}", bomb.len());
        for path in METHODS {
            let stream = wire.open_call(path, &[GZIP]);
            wire.send_body(stream, &flagged(&bomb), true);
            assert_eq!(wire.recv_reply(stream).code(), 8, "{path}");
        }
        assert_serves(&mut wire);
    });
}
