//! A server's words that break off after any of their bytes, by an end of file or by a reset.

use std::thread;
use std::time::Duration;

use prost::Message;
use stolid::{Code, ConnectivityState, Response, Status};
use stolid_tests::config;
use stolid_tests::echo::echo_client::EchoClient;
use stolid_tests::echo::{Count, Note};
use stolid_tests::handlers::note;
use stolid_tests::pair::scripted_server;
use stolid_tests::process::eventually;
use stolid_tests::watchdog::watched_for;
use stolid_tests::wire::{Setting, Wire, WireListener, envelope};

const LIMIT: Duration = Duration::from_secs(240);

/// How the connection ends behind the last byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Fin,
    Reset,
}

impl End {
    const BOTH: [Self; 2] = [Self::Fin, Self::Reset];

    /// Sends the bytes, and nothing more ever.
    fn play(self, mut wire: Wire, bytes: &[u8]) {
        if self == Self::Reset {
            wire.arm_reset();
        }
        wire.send_raw(bytes);
        drop(wire);
    }
}

/// What a server sends in answer to the first call of a connection, cut behind `script`.
fn recorded(script: impl FnOnce(&mut Wire)) -> Vec<u8> {
    let (_client, mut wire) = scripted_server();
    wire.hold();
    script(&mut wire);
    wire.take_held()
}

fn a_response_of(message: &[u8]) -> Vec<u8> {
    recorded(|wire| wire.send_unary_reply(1, message))
}

/// Makes one call for each cut, all over one channel; `call` gives true when it got the whole answer.
fn assert_every_cut(bytes: &[u8], call: fn(&EchoClient) -> Result<(), Status>) {
    let listener = WireListener::bind();
    let channel = config::channel(listener.target()).connect_lazy().expect("the address is good");
    let client = EchoClient::new(channel.clone());
    for end in End::BOTH {
        for cut in 0..=bytes.len() {
            let caller = client.clone();
            let calling = thread::spawn(move || call(&caller));
            let mut wire = listener.accept();
            let stream = wire.recv_call().stream;
            wire.recv_data_until_half_close(stream);
            end.play(wire, &bytes[..cut]);
            let outcome = calling.join().expect("the caller does not panic");
            if cut == bytes.len() {
                outcome.expect("the answer is complete");
                // Or the next call may be lost with this connection.
                eventually("the end is seen", || channel.state() == ConnectivityState::Idle);
            } else {
                let status = outcome.expect_err("the answer is not complete");
                assert_eq!(status.code(), Code::Unavailable, "{end:?} after {cut} bytes: {status}");
            }
        }
    }
}

#[test]
fn a_unary_answer_cut_at_every_byte_is_unavailable_and_the_next_call_connects_again() {
    watched_for(LIMIT, || {
        let bytes = a_response_of(&note(2).encode_to_vec());
        assert_every_cut(&bytes, |client| client.say(note(1)).map(|answer| assert_eq!(answer.into_inner(), note(2))));
    });
}

#[test]
fn an_answer_to_an_upload_cut_at_every_byte_is_unavailable() {
    watched_for(LIMIT, || {
        let bytes = a_response_of(&Count { messages: 1, bytes: 0 }.encode_to_vec());
        assert_every_cut(&bytes, |client| {
            let answer = client.gather(())?.send_all([note(1)])?.finish();
            answer.map(|answer| assert_eq!(answer.into_inner().messages, 1))
        });
    });
}

#[test]
fn a_stream_of_answers_cut_at_every_byte_is_unavailable_behind_what_was_whole() {
    watched_for(LIMIT, || {
        let bytes = recorded(|wire| {
            wire.send_response_headers(1);
            for number in 0..3 {
                wire.send_data(1, &envelope(&note(number).encode_to_vec()), false);
            }
            wire.send_trailers(1, "0");
        });
        assert_every_cut(&bytes, |client| {
            let replies: Vec<Result<Note, Status>> = client.repeat(note(1))?.collect();
            let (whole, failed): (Vec<_>, Vec<_>) = replies.into_iter().partition(Result::is_ok);
            for (number, reply) in (0..).zip(whole) {
                assert_eq!(reply.expect("it is whole"), note(number));
            }
            assert!(failed.len() <= 1, "a stream fails once");
            failed.into_iter().next().map_or(Ok(()), |failed| failed.map(drop))
        });
    });
}

#[test]
fn a_status_cut_at_every_byte_is_unavailable_until_it_is_complete() {
    watched_for(LIMIT, || {
        let fields = [(":status", "200"), ("content-type", "application/grpc"), ("grpc-status", "5")];
        let bytes = recorded(|wire| wire.send_headers(1, &fields, true));
        assert_every_cut(&bytes, |client| match client.say(note(1)).map(Response::into_inner) {
            Err(status) if status.code() == Code::NotFound => Ok(()),
            other => other.map(|_| panic!("no answer was sent")),
        });
    });
}

#[test]
fn a_preface_cut_at_every_byte_is_an_error_and_no_hang() {
    watched_for(LIMIT, || {
        let bytes = recorded(|wire| wire.send_settings(&[(Setting::MAX_CONCURRENT_STREAMS, 7)]));
        for cut in 0..=bytes.len() {
            let listener = WireListener::bind();
            let channel = config::channel(listener.target()).connect_lazy().expect("the address is good");
            let calling = thread::spawn(move || EchoClient::new(channel).say(note(1)));
            let mut wire = listener.accept_silently();
            wire.recv_preface();
            wire.send_raw(&bytes[..cut]);
            drop(wire);
            // A call that had not left waits for the next connection, which nobody makes.
            drop(listener);
            let status = calling.join().expect("the caller does not panic").expect_err("nobody answers");
            assert_eq!(status.code(), Code::Unavailable, "after {cut} bytes: {status}");
        }
    });
}
