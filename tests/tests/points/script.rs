//! What the scripts of these tests share: a server of ours that a script calls, and a client of ours that it answers.

use std::thread::{self, JoinHandle};

use prost::Message;
use stolid::{Response, Server, Status};
use stolid_tests::echo::Note;
use stolid_tests::echo::echo_client::EchoClient;
use stolid_tests::handlers::{Handlers, note};
use stolid_tests::pair::serve;
use stolid_tests::wire::{Fields, Wire, envelope};

pub(crate) const SAY: &str = "/testing.v1.Echo/Say";
pub(crate) const REPEAT: &str = "/testing.v1.Echo/Repeat";
pub(crate) const GATHER: &str = "/testing.v1.Echo/Gather";
pub(crate) const RELAY: &str = "/testing.v1.Echo/Relay";

/// One method of each kind.
pub(crate) const METHODS: [&str; 4] = [SAY, REPEAT, GATHER, RELAY];

/// What every good response begins with.
pub(crate) const GOOD: [(&str, &str); 2] = [(":status", "200"), ("content-type", "application/grpc")];

/// What a unary call came to.
pub(crate) type Answer = Result<Response<Note>, Status>;

/// A server of ours and a script that is its client.
pub(crate) fn served(handlers: Handlers) -> (Server, Wire) {
    let server = serve(handlers);
    let wire = Wire::client(server.local_addr());
    (server, wire)
}

/// The headers of a good request with some of them replaced; an empty value takes one out.
pub(crate) fn request<'a>(changes: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut fields = vec![
        (":method", "POST"),
        (":scheme", "http"),
        (":path", SAY),
        (":authority", "stolid.test"),
        ("te", "trailers"),
        ("content-type", "application/grpc"),
    ];
    for (name, value) in changes {
        fields.retain(|(other, _)| other != name);
        if !value.is_empty() {
            let place = if name.starts_with(':') { 0 } else { fields.len() };
            fields.insert(place, (name, value));
        }
    }
    fields
}

/// The header block that answers a request with an empty message.
#[track_caller]
pub(crate) fn answer(wire: &mut Wire, fields: &[(&str, &str)]) -> Fields {
    let stream = wire.open_stream(fields, false);
    wire.send_data(stream, &envelope(&[]), true);
    wire.recv_headers(stream).fields
}

/// Checks that our server serves this connection still.
#[track_caller]
pub(crate) fn assert_serves(wire: &mut Wire) {
    let reply = wire.unary_call(SAY, &note(3).encode_to_vec());
    assert_eq!((reply.code(), reply.messages), (0, vec![note(3).encode_to_vec()]));
}

/// Makes a unary call in a thread of its own; gives its stream on the wire.
pub(crate) fn calling(client: &EchoClient, wire: &mut Wire) -> (JoinHandle<Answer>, u32) {
    let client = client.clone();
    let calling = thread::spawn(move || client.say(note(1)));
    let stream = wire.recv_call().stream;
    wire.recv_data_until_half_close(stream);
    (calling, stream)
}

/// The status of a call that fails.
#[track_caller]
pub(crate) fn status_of(calling: JoinHandle<Answer>) -> Status {
    calling.join().expect("the caller does not panic").expect_err("the call fails")
}

/// A client's call answered by `script`: its status.
#[track_caller]
pub(crate) fn status_after(client: &EchoClient, wire: &mut Wire, script: impl FnOnce(&mut Wire, u32)) -> Status {
    let (calling, stream) = calling(client, wire);
    script(wire, stream);
    status_of(calling)
}

/// Checks that our client makes calls on this connection still.
#[track_caller]
pub(crate) fn assert_calls(client: &EchoClient, wire: &mut Wire) {
    let (calling, stream) = calling(client, wire);
    wire.send_unary_reply(stream, &note(2).encode_to_vec());
    let answer = calling.join().expect("the caller does not panic").expect("the call is OK");
    assert_eq!(answer.into_inner(), note(2));
}

/// What RFC 9113 counts for a header list: names, values and 32 bytes for each field.
pub(crate) fn list_size(fields: &[(&str, &str)]) -> usize {
    fields.iter().map(|(name, value)| name.len() + value.len() + 32).sum()
}
