//! Compression of messages: who compresses what, what is on the wire, and what is refused.

use std::io::{self, BufRead, Read};

use prost::Message;
use stolid::client::Grpc;
use stolid::{Code, CompressionEncoding, Compressor, Request, Response, SendOptions};
use stolid_tests::config;
use stolid_tests::echo::Note;
use stolid_tests::echo::echo_client::EchoClient;
use stolid_tests::handlers::{Handlers, note, note_of};
use stolid_tests::pair::{Pair, connect, scripted_server, serve, serve_with};
use stolid_tests::watchdog::watched;
use stolid_tests::wire::{Wire, WireListener, envelope};

const SAY: &str = "/testing.v1.Echo/Say";
const REPEAT: &str = "/testing.v1.Echo/Repeat";
const EVERY: [CompressionEncoding; 3] =
    [CompressionEncoding::Gzip, CompressionEncoding::Deflate, CompressionEncoding::Zstd];

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

/// An envelope with the compressed flag.
fn compressed_envelope(packed: &[u8]) -> Vec<u8> {
    let mut bytes = envelope(packed);
    bytes[0] = 1;
    bytes
}

#[test]
fn every_encoding_serves_all_four_kinds_in_both_directions() {
    watched(|| {
        for encoding in EVERY {
            let handlers = Handlers::new()
                .say(|request| {
                    assert!(request.was_compressed());
                    Ok(Response::new(request.into_inner()))
                })
                .gather(|request| {
                    let mut requests = request.into_inner();
                    while requests.message()?.is_some() {
                        assert!(requests.was_compressed());
                    }
                    stolid_tests::handlers::count(requests)
                });
            let pair = Pair::start_with(handlers, |builder| builder.send_compressed(encoding));
            let client = pair.client.clone().send_compressed(encoding);
            let large = note_of(100_000);

            let response = client.say(large.clone()).expect("the server answers");
            assert!(response.was_compressed(), "{encoding}");
            assert_eq!(response.into_inner(), large);

            let mut replies = client.repeat(Note { number: 3, ..large.clone() }).expect("the call opens");
            for _ in 0..3 {
                assert_eq!(replies.message().expect("the call runs").expect("a reply").body, large.body);
                assert!(replies.was_compressed(), "{encoding}");
            }
            assert_eq!(replies.message().expect("the call is OK"), None);

            let call = client.gather(()).expect("the call opens");
            call.send_all(vec![large.clone(); 3]).expect("there is room").finish().expect("the call is OK");

            let (requests, mut replies) = client.relay(()).expect("the call opens").split();
            requests.send(large.clone()).expect("there is room");
            assert_eq!(replies.message().expect("the call runs"), Some(large));
            assert!(replies.was_compressed(), "{encoding}");
        }
    });
}

#[test]
fn grpc_encoding_and_the_flag_are_on_the_wire() {
    watched(|| {
        let (client, mut wire) = scripted_server();
        let client = client.send_compressed(CompressionEncoding::Gzip);
        let large = note_of(10_000);
        let sent = large.clone();
        let calling = std::thread::spawn(move || client.say(sent));
        let call = wire.recv_headers(1);
        assert_eq!(call.fields.get("grpc-encoding"), Some("gzip"));
        assert_eq!(call.fields.get("grpc-accept-encoding"), Some("identity,gzip,deflate,zstd"));
        let body = wire.recv_data_until_half_close(1);
        assert_eq!(body[0], 1, "the compressed flag");
        assert!(body.len() < 1000, "{} bytes for a message of 10,000", body.len());
        assert_eq!(Note::decode(&gunzip(&body[5..])[..]).expect("a note"), large);

        let fields = [(":status", "200"), ("content-type", "application/grpc"), ("grpc-encoding", "gzip")];
        wire.send_headers(1, &fields, false);
        wire.send_body(1, &compressed_envelope(&gzip(&large.encode_to_vec())), false);
        wire.send_trailers(1, "0");
        let response = calling.join().expect("no panic").expect("the call is OK");
        assert!(response.was_compressed());
        assert_eq!(response.into_inner(), large);
    });
}

#[test]
fn a_server_compresses_only_for_a_client_that_lists_the_encoding() {
    watched(|| {
        let server = serve_with(Handlers::new(), |builder| {
            builder.send_compressed(CompressionEncoding::Zstd).send_compressed(CompressionEncoding::Gzip)
        });
        let message = envelope(&note_of(10_000).encode_to_vec());
        let mut wire = Wire::client(server.local_addr());
        for (accepted, encoding) in [
            (&[][..], None),
            (&[("grpc-accept-encoding", "identity,br")], None),
            (&[("grpc-accept-encoding", "deflate, gzip")], Some("gzip")),
            (&[("grpc-accept-encoding", "gzip,zstd")], Some("zstd")),
            (&[("grpc-accept-encoding", "br"), ("grpc-accept-encoding", "gzip")], Some("gzip")),
        ] {
            let stream = wire.open_call(SAY, accepted);
            wire.send_body(stream, &message, true);
            let head = wire.recv_headers(stream);
            assert_eq!(head.fields.get("grpc-encoding"), encoding, "{accepted:?}");
            assert_eq!(head.fields.get("grpc-accept-encoding"), Some("identity,gzip,deflate,zstd"));
            let (body, trailers) = wire.recv_data_until_trailers(stream);
            assert_eq!(trailers.get("grpc-status"), Some("0"));
            assert_eq!(body[0], u8::from(encoding.is_some()), "{accepted:?}");
        }
    });
}

#[test]
fn an_encoding_that_is_not_accepted_is_unimplemented_and_the_answer_lists_what_is() {
    watched(|| {
        let server = serve_with(Handlers::new(), |builder| builder.accept_compressed(CompressionEncoding::Deflate));
        let mut wire = Wire::client(server.local_addr());
        for encoding in ["gzip", "snappy", "x"] {
            let stream = wire.open_call(SAY, &[("grpc-encoding", encoding)]);
            wire.send_data(stream, &compressed_envelope(b"whatever"), true);
            let reply = wire.recv_reply(stream);
            assert_eq!(reply.code(), Code::Unimplemented as i32, "{encoding}: {}", reply.message());
            assert!(reply.message().contains(encoding), "{}", reply.message());
            assert_eq!(reply.trailers.get("grpc-accept-encoding"), Some("identity,deflate"), "{encoding}");
        }
        // Without the flag nobody needs the encoding.
        let stream = wire.open_call(SAY, &[("grpc-encoding", "snappy")]);
        wire.send_data(stream, &envelope(&note(1).encode_to_vec()), true);
        assert_eq!(wire.recv_reply(stream).code(), 0);
    });
}

/// Turns every bit around: what is read through it is neither shorter nor itself.
struct Inverted<'a>(Box<dyn BufRead + 'a>);

impl Read for Inverted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.0.read(buffer)?;
        buffer[..length].iter_mut().for_each(|byte| *byte = !*byte);
        Ok(length)
    }
}

/// Drops the second half of what it reads, so that it does make messages shorter.
fn halve<'a>(mut reader: Box<dyn BufRead + 'a>) -> io::Result<Box<dyn Read + 'a>> {
    let mut all = Vec::new();
    reader.read_to_end(&mut all)?;
    all.truncate(all.len() / 2);
    Ok(Box::new(Inverted(Box::new(io::Cursor::new(all)))))
}

/// The inverse of `halve` for messages whose second half is like their end.
fn double<'a>(mut reader: Box<dyn BufRead + 'a>) -> io::Result<Box<dyn Read + 'a>> {
    let mut half = Vec::new();
    reader.read_to_end(&mut half)?;
    let last = *half.last().ok_or(io::ErrorKind::UnexpectedEof)?;
    half.resize(half.len() * 2, last);
    Ok(Box::new(Inverted(Box::new(io::Cursor::new(half)))))
}

static HALF: Compressor = Compressor::new("half", halve, double);

#[test]
fn an_encoding_of_ones_own_is_negotiated_like_the_others() {
    watched(|| {
        let half = CompressionEncoding::Custom(&HALF);
        let pair = Pair::start_with(Handlers::new(), |builder| builder.send_compressed(half).accept_compressed(half));
        // An even length, and zeros at its end.
        let note = Note { number: 7, body: vec![0; 991], text: String::new() };
        assert_eq!(note.encoded_len() % 2, 0);
        let client = pair.client.clone().send_compressed(half).accept_compressed(half);
        let response = client.say(note.clone()).expect("the call is OK");
        assert!(response.was_compressed());
        assert_eq!(response.into_inner(), note);
        // A client that does not name it is answered without it.
        let response = pair.client.say(note).expect("the call is OK");
        assert!(!response.was_compressed());
        // And a server that does not know it refuses it.
        let other = serve(Handlers::new());
        let client = stolid_tests::pair::client_of(other.local_addr()).send_compressed(half);
        let status = client.say(note_of(1_000)).expect_err("nobody knows it there");
        assert_eq!(status.code(), Code::Unimplemented, "{status}");
    });
}

#[test]
fn a_compressed_flag_without_an_encoding_is_internal() {
    watched(|| {
        let server = serve(Handlers::new());
        let mut wire = Wire::client(server.local_addr());
        for metadata in [&[][..], &[("grpc-encoding", "identity")]] {
            let stream = wire.open_call(SAY, metadata);
            wire.send_data(stream, &compressed_envelope(&gzip(b"")), true);
            assert_eq!(wire.recv_reply(stream).code(), Code::Internal as i32, "{metadata:?}");
        }
        // And a client says so too.
        let (client, mut wire) = scripted_server();
        let calling = std::thread::spawn(move || client.say(note(1)));
        let call = wire.recv_call();
        wire.send_response_headers(call.stream);
        wire.send_data(call.stream, &compressed_envelope(&gzip(b"")), false);
        wire.send_trailers(call.stream, "0");
        let status = calling.join().expect("no panic").expect_err("there is no encoding");
        assert_eq!(status.code(), Code::Internal, "{status}");
    });
}

#[test]
fn a_client_told_of_an_encoding_it_does_not_accept_fails_with_internal() {
    watched(|| {
        let (client, mut wire) = scripted_server();
        let client = client.accept_compressed(CompressionEncoding::Zstd);
        let calling = std::thread::spawn(move || client.say(note(1)));
        let head = wire.recv_headers(1);
        assert_eq!(head.fields.get("grpc-accept-encoding"), Some("identity,zstd"));
        let fields = [(":status", "200"), ("content-type", "application/grpc"), ("grpc-encoding", "gzip")];
        wire.send_headers(1, &fields, false);
        wire.send_data(1, &compressed_envelope(&gzip(&note(1).encode_to_vec())), false);
        wire.send_trailers(1, "0");
        let status = calling.join().expect("no panic").expect_err("gzip is not accepted");
        assert_eq!(status.code(), Code::Internal, "{status}");
        assert!(status.message().contains("gzip"), "{status}");
    });
}

#[test]
fn what_does_not_decompress_is_internal_and_costs_only_its_call() {
    watched(|| {
        let server = serve(Handlers::new());
        let mut wire = Wire::client(server.local_addr());
        let good = gzip(&note_of(500).encode_to_vec());
        let mut longer = good.clone();
        longer.extend_from_slice(b"rest");
        for bytes in [&b""[..], b"no gzip", &good[..good.len() - 1], &good[1..], &longer] {
            let stream = wire.open_call(SAY, &[("grpc-encoding", "gzip")]);
            wire.send_data(stream, &compressed_envelope(bytes), true);
            let reply = wire.recv_reply(stream);
            assert_eq!(reply.code(), Code::Internal as i32, "{bytes:?}: {}", reply.message());
        }
        let stream = wire.open_call(SAY, &[("grpc-encoding", "gzip")]);
        wire.send_data(stream, &compressed_envelope(&good), true);
        assert_eq!(wire.recv_reply(stream).code(), 0);
    });
}

#[test]
fn the_message_limit_holds_for_what_is_decompressed() {
    watched(|| {
        let server = serve_with(Handlers::new(), |builder| builder.max_decoding_message_size(10_000));
        let mut wire = Wire::client(server.local_addr());
        for (length, code) in [(9_000, Code::Ok), (1 << 20, Code::ResourceExhausted)] {
            let stream = wire.open_call(SAY, &[("grpc-encoding", "gzip")]);
            wire.send_body(stream, &compressed_envelope(&gzip(&note_of(length).encode_to_vec())), true);
            let reply = wire.recv_reply(stream);
            assert_eq!(reply.code(), code as i32, "{}", reply.message());
            if code == Code::ResourceExhausted {
                assert!(reply.message().contains("10000 bytes"), "{}", reply.message());
            }
        }
    });
}

#[test]
fn single_messages_responses_and_requests_can_be_left_uncompressed() {
    watched(|| {
        let handlers = Handlers::new()
            .say(|request| {
                let plain = request.get_ref().text == "plain";
                let mut response =
                    Response::new(Note { number: u64::from(request.was_compressed()), ..request.into_inner() });
                if plain {
                    response.disable_compression();
                }
                Ok(response)
            })
            .repeat(|request, replies| {
                let note = request.into_inner();
                replies.send_with(note.clone(), SendOptions::new().compress(false))?;
                replies.send(note)
            })
            .gather(|request| {
                let mut seen = String::new();
                let mut requests = request.into_inner();
                while requests.message()?.is_some() {
                    seen.push(if requests.was_compressed() { 'c' } else { 'p' });
                }
                assert_eq!(seen, "cpc");
                stolid_tests::handlers::count(requests)
            });
        let pair = Pair::start_with(handlers, |builder| builder.send_compressed(CompressionEncoding::Gzip));
        let client = pair.client.send_compressed(CompressionEncoding::Gzip);
        let large = note_of(5_000);

        let mut request = Request::new(Note { text: "plain".to_owned(), ..large.clone() });
        request.disable_compression();
        let response = client.say(request).expect("the call is OK");
        assert!(!response.was_compressed());
        assert_eq!(response.into_inner().number, 0, "the request was compressed");
        let response = client.say(large.clone()).expect("the call is OK");
        assert!(response.was_compressed());
        assert_eq!(response.into_inner().number, 1, "the request was not compressed");

        let mut replies = client.repeat(large.clone()).expect("the call opens");
        let mut flags = Vec::new();
        while replies.message().expect("the call runs").is_some() {
            flags.push(replies.was_compressed());
        }
        assert_eq!(flags, [false, true]);

        let mut call = client.gather(()).expect("the call opens");
        call.send(large.clone()).expect("there is room");
        call.send_with(large.clone(), SendOptions::new().compress(false)).expect("there is room");
        call.send(large).expect("there is room");
        call.finish().expect("the handler saw what was sent");
    });
}

#[test]
fn a_message_that_would_grow_goes_out_as_it_is() {
    watched(|| {
        let pair = Pair::start_with(Handlers::new(), |builder| builder.send_compressed(CompressionEncoding::Gzip));
        for small in [Note::default(), note(7)] {
            let response = pair.client.say(small.clone()).expect("the call is OK");
            assert!(!response.was_compressed());
            assert_eq!(response.into_inner(), small);
        }
    });
}

#[test]
fn compression_is_set_per_server_service_channel_and_client() {
    watched(|| {
        let gzip = CompressionEncoding::Gzip;
        let listener = WireListener::bind();
        let target = listener.target();
        let connecting =
            std::thread::spawn(move || config::channel(target).send_compressed(gzip).accept_compressed(gzip).connect());
        let mut wire = listener.accept();
        let channel = connecting.join().expect("no panic").expect("the script answers");
        let of_channel = EchoClient::new(channel.clone());
        let of_client = EchoClient::new(channel).send_compressed(CompressionEncoding::Zstd);
        for (stream, client, encoding) in [(1, of_channel, "gzip"), (3, of_client, "zstd")] {
            let calling = std::thread::spawn(move || client.say(note(1)).map(Response::into_inner));
            let head = wire.recv_headers(stream);
            assert_eq!(head.fields.get("grpc-encoding"), Some(encoding));
            assert_eq!(head.fields.get("grpc-accept-encoding"), Some("identity,gzip"));
            let _ = wire.recv_data_until_half_close(stream);
            wire.send_unary_reply(stream, &note(2).encode_to_vec());
            assert_eq!(calling.join().expect("no panic").expect("the call is OK"), note(2));
        }

        // A client of bytes, without generated code.
        let server = serve_with(Handlers::new(), |builder| builder.send_compressed(gzip));
        let grpc = Grpc::new(connect(server.local_addr())).send_compressed(gzip);
        let response = grpc.unary::<Note, Note>(SAY, Request::new(note_of(3000))).expect("the call is OK");
        assert!(response.was_compressed());
        let mut stream = grpc.server_streaming::<Note, Note>(REPEAT, Request::new(note(1))).expect("the call opens");
        assert!(stream.message().expect("the call runs").is_some());
    });
}

#[test]
fn an_envelope_cut_anywhere_still_decompresses() {
    watched(|| {
        let server = serve(Handlers::new());
        let mut wire = Wire::client(server.local_addr());
        let bytes = compressed_envelope(&gzip(&note_of(300).encode_to_vec()));
        for cut in 0..bytes.len() {
            let stream = wire.open_call(SAY, &[("grpc-encoding", "gzip")]);
            wire.send_data(stream, &bytes[..cut], false);
            wire.send_data(stream, &bytes[cut..], true);
            assert_eq!(wire.recv_reply(stream).code(), 0, "cut at {cut}");
        }
    });
}
