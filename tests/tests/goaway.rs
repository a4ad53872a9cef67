//! How a server says goodbye to our client, and what becomes of the calls.

use std::thread;

use prost::Message;
use stolid::{Code, ConnectivityState, Streaming};
use stolid_tests::echo::Note;
use stolid_tests::echo::echo_client::EchoClient;
use stolid_tests::handlers::{note, note_of};
use stolid_tests::pair::connect;
use stolid_tests::process::eventually;
use stolid_tests::watchdog::watched;
use stolid_tests::wire::{Reason, Wire, WireListener};

/// The greatest stream number, as the first of two GOAWAY frames has it (RFC 9113, section 6.8).
const ALL: u32 = (1 << 31) - 1;

fn listening() -> (WireListener, stolid::Channel, Wire) {
    let listener = WireListener::bind();
    let addr = listener.addr();
    let connecting = thread::spawn(move || connect(addr));
    let wire = listener.accept();
    (listener, connecting.join().expect("connecting does not panic"), wire)
}

fn open(client: &EchoClient, wire: &mut Wire, number: u64) -> (Streaming<Note>, u32) {
    let replies = client.repeat(note(number)).expect("the call opens");
    (replies, take(wire))
}

#[track_caller]
fn take(wire: &mut Wire) -> u32 {
    let stream = wire.recv_call().stream;
    wire.recv_data_until_half_close(stream);
    stream
}

fn answer(wire: &mut Wire, stream: u32, number: u64) {
    wire.send_unary_reply(stream, &note(number).encode_to_vec());
}

#[track_caller]
fn numbers(replies: Streaming<Note>) -> Vec<u64> {
    replies.map(|reply| reply.expect("the call is OK").number).collect()
}

#[test]
fn a_goodbye_in_two_steps_costs_no_call() {
    watched(|| {
        let (listener, channel, mut first) = listening();
        let client = EchoClient::new(channel.clone());
        let (kept, kept_stream) = open(&client, &mut first, 1);
        let (left_out, _) = open(&client, &mut first, 2);
        first.send_goaway(ALL, Reason::NO_ERROR, "");
        eventually("the channel has heard it", || channel.state() == ConnectivityState::Idle);

        // No new call on the first connection, whatever its number would be.
        let third = client.clone();
        let third = thread::spawn(move || numbers(third.repeat(note(3)).expect("the call opens")));
        let mut second = listener.accept();
        let stream = take(&mut second);
        answer(&mut second, stream, 3);
        assert_eq!(third.join().expect("the caller does not panic"), [3]);

        // What came too late for the server is made again on the new connection, the rest goes on.
        first.send_goaway(kept_stream, Reason::NO_ERROR, "");
        let stream = take(&mut second);
        answer(&mut second, stream, 2);
        assert_eq!(numbers(left_out), [2]);
        answer(&mut first, kept_stream, 1);
        assert_eq!(numbers(kept), [1]);
        first.recv_eof();
        second.sync();
    });
}

#[test]
fn an_idle_connection_that_is_said_goodbye_to_closes_and_the_next_call_connects() {
    watched(|| {
        let (listener, channel, mut first) = listening();
        let client = EchoClient::new(channel.clone());
        first.send_goaway(ALL, Reason::NO_ERROR, "");
        first.recv_eof();
        eventually("the channel has heard it", || channel.state() == ConnectivityState::Idle);
        let calling = thread::spawn(move || numbers(client.repeat(note(1)).expect("the call opens")));
        let mut second = listener.accept();
        let stream = take(&mut second);
        answer(&mut second, stream, 1);
        assert_eq!(calling.join().expect("the caller does not panic"), [1]);
    });
}

#[test]
fn a_second_goodbye_that_takes_more_calls_than_the_first_breaks_the_protocol() {
    watched(|| {
        let (_listener, channel, mut wire) = listening();
        let client = EchoClient::new(channel);
        let (mut replies, stream) = open(&client, &mut wire, 1);
        wire.send_goaway(stream, Reason::NO_ERROR, "");
        wire.send_goaway(stream + 2, Reason::NO_ERROR, "");
        let status = replies.message().expect_err("the connection is given up");
        assert_eq!(status.code(), Code::Unavailable, "{status}");
        assert_eq!(wire.recv_goaway().1, Reason::PROTOCOL_ERROR);
    });
}

#[test]
fn the_reason_of_a_goodbye_and_its_text_are_in_the_status() {
    watched(|| {
        for ending in ["end of file", "reset"] {
            let (_listener, channel, mut wire) = listening();
            let client = EchoClient::new(channel);
            let (mut replies, stream) = open(&client, &mut wire, 1);
            if ending == "reset" {
                wire.arm_reset();
            }
            wire.send_goaway(stream, Reason::ENHANCE_YOUR_CALM, "too_many_pings");
            drop(wire);
            let status = replies.message().expect_err("the connection is gone");
            assert_eq!(status.code(), Code::Unavailable, "{status}");
            for part in ["ENHANCE_YOUR_CALM", "too_many_pings"] {
                assert!(status.message().contains(part), "after {ending}, {part} is missing: {status}");
            }
        }
    });
}

#[test]
fn the_reason_of_a_goodbye_is_told_although_writing_fails_first() {
    watched(|| {
        for round in 0..20 {
            let (_listener, channel, mut wire) = listening();
            let client = EchoClient::new(channel);
            let mut call = client.relay(()).expect("the call opens");
            let sender = thread::spawn(move || {
                // Writing goes on until something ends the call.
                let failed = loop {
                    if let Err(status) = call.send(note_of(10_000)) {
                        break status;
                    }
                };
                (failed, call.message().expect_err("the call has failed"))
            });
            let stream = wire.recv_call().stream;
            wire.recv_data(stream);
            wire.arm_reset();
            wire.send_goaway(stream, Reason::ENHANCE_YOUR_CALM, "enough");
            drop(wire);
            let (sent, received) = sender.join().expect("the sender does not panic");
            for status in [sent, received] {
                assert_eq!(status.code(), Code::Unavailable, "{status}");
                for part in ["ENHANCE_YOUR_CALM", "enough"] {
                    assert!(status.message().contains(part), "round {round}, {part} is missing: {status}");
                }
            }
        }
    });
}

#[test]
fn a_goodbye_without_a_reason_before_the_end_is_told_with_what_followed() {
    watched(|| {
        let (_listener, channel, mut wire) = listening();
        let client = EchoClient::new(channel);
        let (mut replies, stream) = open(&client, &mut wire, 1);
        wire.send_goaway(stream, Reason::NO_ERROR, "max_age");
        drop(wire);
        let status = replies.message().expect_err("the connection is gone");
        assert_eq!(status.code(), Code::Unavailable);
        for part in ["NO_ERROR", "max_age", "closed the connection"] {
            assert!(status.message().contains(part), "{part} is missing: {status}");
        }
    });
}
