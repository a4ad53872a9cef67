//! Calls that wait in a channel's queue when nothing happens any more that would let them through.

use std::thread;

use prost::Message;
use stolid::{ChannelBuilder, Code};
use stolid_tests::config;
use stolid_tests::echo::echo_client::EchoClient;
use stolid_tests::handlers::note;
use stolid_tests::watchdog::watched;
use stolid_tests::wire::{Reason, Setting, Wire, WireListener};

/// A client of ours whose first connection goes to a script that takes so many calls at a time.
fn scripted(calls: u32, configure: impl FnOnce(ChannelBuilder) -> ChannelBuilder) -> (WireListener, EchoClient, Wire) {
    let listener = WireListener::bind();
    let builder = configure(config::channel(listener.target()));
    let connecting = thread::spawn(move || builder.connect().expect("the script listens"));
    let wire = listener.accept_with(&[(Setting::MAX_CONCURRENT_STREAMS, calls)]);
    let channel = connecting.join().expect("connecting does not panic");
    (listener, EchoClient::new(channel), wire)
}

#[test]
fn a_call_that_is_refused_after_its_channel_was_dropped_fails_at_once_and_the_others_go_on() {
    watched(|| {
        let (_listener, client, mut wire) = scripted(2, |builder| builder);
        let mut refused = client.repeat(note(1)).expect("the call opens");
        let stream = wire.recv_call().stream;
        let other = client.repeat(note(2)).expect("the call opens");
        let other_stream = wire.recv_call().stream;
        drop(client);
        wire.send_reset(stream, Reason::REFUSED_STREAM);
        let status = refused.message().expect_err("there is no place for it");
        assert_eq!(status.code(), Code::Unavailable, "{status}");
        wire.send_unary_reply(other_stream, &note(2).encode_to_vec());
        assert_eq!(other.map(|reply| reply.expect("the call is OK").number).collect::<Vec<_>>(), [2]);
    });
}

#[test]
fn a_further_connection_that_failed_while_nobody_waited_is_tried_again_for_the_next_who_does() {
    watched(|| {
        let (listener, client, mut first) = scripted(1, |builder| builder.max_connections(2));
        let _holds_the_place = client.repeat(note(1)).expect("the call opens");
        first.recv_call();
        let given_up = client.repeat(note(2)).expect("it does not wait");
        let silent = listener.accept_silently();
        drop(given_up);
        first.sync();
        drop(silent);
        // Whether the channel has heard of the failure by now or not: the call does not wait for the first connection.
        let waiting = client.repeat(note(3)).expect("it does not wait");
        let mut second = listener.accept();
        let stream = second.recv_call().stream;
        second.send_unary_reply(stream, &note(3).encode_to_vec());
        assert_eq!(waiting.map(|reply| reply.expect("the call is OK").number).collect::<Vec<_>>(), [3]);
    });
}
