//! Limits on messages, in both directions and on both sides.

use prost::Message;
use stolid::{Code, Status};
use stolid_tests::config;
use stolid_tests::echo::echo_client::EchoClient;
use stolid_tests::handlers::{Handlers, note_of};
use stolid_tests::pair::{Pair, serve};
use stolid_tests::watchdog::watched;
use stolid_tests::wire::Wire;

const SAY: &str = "/testing.v1.Echo/Say";

const DEFAULT_LIMIT: usize = 4 * 1024 * 1024;

/// What the protobuf encoding adds to a body of some thousand bytes: a tag and its length.
const WRAPPING: usize = 3;

/// A message of exactly `length` bytes.
fn message_of(length: usize) -> stolid_tests::echo::Note {
    let note = note_of(length - WRAPPING);
    assert_eq!(note.encoded_len(), length);
    note
}

#[track_caller]
fn assert_names(status: &Status, size: usize, limit: usize) {
    assert_eq!(status.code(), Code::ResourceExhausted, "{status}");
    for number in [size, limit] {
        assert!(status.message().contains(&number.to_string()), "{number} is missing: {status}");
    }
}

fn client_with(pair: &Pair, configure: impl FnOnce(EchoClient) -> EchoClient) -> EchoClient {
    configure(EchoClient::new(pair.channel.clone()))
}

#[test]
fn a_server_takes_messages_up_to_its_limit() {
    watched(|| {
        let pair = Pair::start_with(Handlers::new(), |builder| builder.max_decoding_message_size(1_000));
        pair.client.say(message_of(1_000)).expect("exactly the limit");
        assert_names(&pair.client.say(message_of(1_001)).expect_err("one more"), 1_001, 1_000);
        let mut call = pair.client.gather(()).expect("the call opens");
        // The refusal may already be there when the second message is sent.
        let _refused = call.send(message_of(1_000)).and_then(|()| call.send(message_of(1_001)));
        assert_names(&call.finish().expect_err("the second is too large"), 1_001, 1_000);
        pair.client.say(message_of(1_000)).expect("the connection lives");
    });
}

#[test]
fn a_server_sends_messages_up_to_its_limit() {
    watched(|| {
        let pair = Pair::start_with(Handlers::new(), |builder| builder.max_encoding_message_size(1_000));
        pair.client.say(message_of(1_000)).expect("exactly the limit");
        assert_names(&pair.client.say(message_of(1_001)).expect_err("one more"), 1_001, 1_000);
        let mut call = pair.client.relay(()).expect("the call opens");
        call.send(message_of(1_001)).expect("the request is not limited");
        assert_names(&call.message().expect_err("the reply is"), 1_001, 1_000);
    });
}

#[test]
fn a_client_takes_messages_up_to_its_limit() {
    watched(|| {
        let pair = Pair::start(Handlers::new());
        let client = client_with(&pair, |client| client.max_decoding_message_size(1_000));
        client.say(message_of(1_000)).expect("exactly the limit");
        assert_names(&client.say(message_of(1_001)).expect_err("one more"), 1_001, 1_000);
        let mut call = client.relay(()).expect("the call opens");
        call.send(message_of(1_001)).expect("the request is not limited");
        assert_names(&call.message().expect_err("the reply is"), 1_001, 1_000);
    });
}

#[test]
fn a_client_sends_messages_up_to_its_limit() {
    watched(|| {
        let pair = Pair::start(Handlers::new());
        let client = client_with(&pair, |client| client.max_encoding_message_size(1_000));
        client.say(message_of(1_000)).expect("exactly the limit");
        assert_names(&client.say(message_of(1_001)).expect_err("one more"), 1_001, 1_000);
        let mut call = client.gather(()).expect("the call opens");
        assert_names(&call.send(message_of(1_001)).expect_err("one more"), 1_001, 1_000);
    });
}

#[test]
fn a_channel_has_limits_for_all_its_clients() {
    watched(|| {
        let server = serve(Handlers::new());
        let builder = config::channel(format!("http://{}", server.local_addr()));
        let channel = builder.max_encoding_message_size(1_000).max_decoding_message_size(500).connect();
        let client = EchoClient::new(channel.expect("the server listens"));
        client.say(message_of(500)).expect("within both");
        assert_names(&client.say(message_of(501)).expect_err("the answer is too large"), 501, 500);
        assert_names(&client.say(message_of(1_001)).expect_err("the question is too large"), 1_001, 1_000);
    });
}

#[test]
fn four_mebibytes_are_taken_unless_told_otherwise() {
    watched(|| {
        let pair = Pair::start(Handlers::new());
        let over = note_of(DEFAULT_LIMIT);
        let size = over.encoded_len();
        assert_names(&pair.client.say(over).expect_err("too large for the server"), size, DEFAULT_LIMIT);
    });
}

#[test]
fn a_huge_length_is_refused_before_any_byte_of_it_came() {
    watched(|| {
        let server = serve(Handlers::new());
        let mut wire = Wire::client(server.local_addr());
        let stream = wire.open_call(SAY, &[]);
        wire.send_data(stream, &[0, 0xff, 0xff, 0xff, 0xff], false);
        let reply = wire.recv_reply(stream);
        assert_eq!(reply.code(), 8);
        assert!(reply.message().contains("4294967295"), "{}", reply.message());
        assert!(reply.message().contains("4194304"), "{}", reply.message());
        assert_eq!(wire.unary_call(SAY, &[]).code(), 0);
    });
}
