//! One call with a faulty peer, and what must be left of its connection.
//!
//! Each scene has a bystander: a bidirectional call on the same connection, which goes on when the fault is a stream's and
//! hears of the loss when it is the connection's.

use std::thread::{self, JoinHandle};

use prost::Message;
use stolid::{Code, Sender, Server, Status, Streaming};

use crate::echo::Note;
use crate::echo::echo_client::EchoClient;
use crate::handlers::{Handlers, note};
use crate::pair::{client_of, serve};
use crate::process::eventually;
use crate::wire::{Reason, Wire, WireListener, envelope};

/// The four methods of the test service, one of each kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Unary.
    Say,
    /// Server streaming.
    Repeat,
    /// Client streaming.
    Gather,
    /// Bidirectional.
    Relay,
}

impl Method {
    /// One method of each kind.
    pub const ALL: [Self; 4] = [Self::Say, Self::Repeat, Self::Gather, Self::Relay];
    /// Those with one response.
    pub const ONE_RESPONSE: [Self; 2] = [Self::Say, Self::Gather];
    /// Those with one request.
    pub const ONE_REQUEST: [Self; 2] = [Self::Say, Self::Repeat];

    /// Its path.
    #[must_use]
    pub fn path(self) -> &'static str {
        match self {
            Self::Say => "/testing.v1.Echo/Say",
            Self::Repeat => "/testing.v1.Echo/Repeat",
            Self::Gather => "/testing.v1.Echo/Gather",
            Self::Relay => "/testing.v1.Echo/Relay",
        }
    }

    /// Makes a whole call with one request; gives how many responses came.
    ///
    /// # Errors
    /// The status of the call.
    pub fn call(self, client: &EchoClient) -> Result<usize, Status> {
        match self {
            Self::Say => client.say(note(1)).map(|_| 1),
            Self::Repeat => count(client.repeat(note(1))?),
            Self::Gather => client.gather(())?.send_all([note(1)])?.finish().map(|_| 1),
            Self::Relay => {
                let (sender, replies) = client.relay(())?.split();
                sender.send(note(1))?;
                sender.close();
                count(replies)
            }
        }
    }
}

fn count(replies: Streaming<Note>) -> Result<usize, Status> {
    let mut messages = 0;
    for message in replies {
        message?;
        messages += 1;
    }
    Ok(messages)
}

/// A client of ours with a scripted server, and a bystander.
#[derive(Debug)]
pub struct ClientScene {
    listener: WireListener,
    /// The client.
    pub client: EchoClient,
    /// Its server.
    pub wire: Wire,
    bystander: Option<(Sender<Note>, Streaming<Note>)>,
    bystander_stream: u32,
}

impl ClientScene {
    /// Connects the two and opens the bystander.
    ///
    /// # Panics
    /// When that fails.
    #[track_caller]
    #[must_use]
    pub fn start() -> Self {
        let listener = WireListener::bind();
        let addr = listener.addr();
        let connecting = thread::spawn(move || client_of(addr));
        let mut wire = listener.accept();
        let client = connecting.join().expect("connecting does not panic");
        let bystander = client.relay(()).expect("the call opens").split();
        let bystander_stream = wire.recv_call().stream;
        wire.send_response_headers(bystander_stream);
        let mut scene = Self { listener, client, wire, bystander: Some(bystander), bystander_stream };
        scene.assert_bystander_goes_on();
        scene
    }

    /// Makes a call in a thread of its own and reads its request off the wire; gives its stream.
    ///
    /// # Panics
    /// When the request does not come.
    #[track_caller]
    pub fn call(&mut self, method: Method) -> (JoinHandle<Result<usize, Status>>, u32) {
        let client = self.client.clone();
        let calling = thread::spawn(move || method.call(&client));
        let stream = self.wire.recv_call().stream;
        self.wire.recv_data_until_half_close(stream);
        (calling, stream)
    }

    #[track_caller]
    fn assert_bystander_goes_on(&mut self) {
        let (sender, replies) = self.bystander.as_mut().expect("the bystander is there");
        sender.send(note(8)).expect("the bystander's call runs");
        let request = self.wire.recv_message(self.bystander_stream);
        assert_eq!(request, note(8).encode_to_vec());
        self.wire.send_data(self.bystander_stream, &envelope(&request), false);
        assert_eq!(replies.message().expect("the bystander's call runs"), Some(note(8)));
    }

    /// Checks that the fault was that of one stream: the bystander goes on to its end, and a new call on the same
    /// connection is served.
    ///
    /// # Panics
    /// When it reached further.
    #[track_caller]
    pub fn assert_connection_serves(&mut self) {
        self.assert_bystander_goes_on();
        for method in Method::ALL {
            let (calling, stream) = self.call(method);
            self.wire.send_unary_reply(stream, &note(2).encode_to_vec());
            let answer = calling.join().expect("the caller does not panic");
            assert_eq!(answer.expect("a call after the fault is OK"), 1, "{method:?}");
        }
    }

    /// Ends the bystander's call well.
    ///
    /// # Panics
    /// When it was harmed.
    #[track_caller]
    pub fn end(mut self) {
        let (sender, mut replies) = self.bystander.take().expect("the bystander is there");
        sender.close();
        self.wire.recv_data_until_half_close(self.bystander_stream);
        self.wire.send_trailers(self.bystander_stream, "0");
        assert_eq!(replies.message().expect("the bystander's call is OK"), None);
    }

    /// Checks that the fault was that of the connection: it is closed with GOAWAY, the bystander hears of it, and a new call
    /// goes over a new connection.
    ///
    /// # Panics
    /// When that is not so.
    #[track_caller]
    pub fn assert_connection_replaced(mut self, reason: Reason) {
        assert_eq!(self.wire.recv_goaway().1, reason);
        self.wire.recv_eof();
        let (_sender, mut replies) = self.bystander.take().expect("the bystander is there");
        let status = replies.message().expect_err("the bystander's connection is lost");
        assert_eq!(status.code(), Code::Unavailable, "{status}");
        let peer = self.wire.local_addr().to_string();
        assert!(status.message().contains(&peer), "the message names the peer: {status}");

        let client = self.client.clone();
        let calling = thread::spawn(move || Method::Say.call(&client));
        self.wire = self.listener.accept();
        let stream = self.wire.recv_call().stream;
        self.wire.send_unary_reply(stream, &note(2).encode_to_vec());
        assert_eq!(calling.join().expect("the caller does not panic").expect("the next call is OK"), 1);
    }
}

/// A server of ours with a scripted client, and a bystander.
#[derive(Debug)]
pub struct ServerScene {
    /// The client.
    pub wire: Wire,
    bystander_stream: u32,
    other: Wire,
    /// Its server; last, so that it finds its connections closed when it is dropped.
    pub server: Server,
}

impl ServerScene {
    /// Starts the server of these handlers, connects, and opens the bystander.
    ///
    /// # Panics
    /// When that fails.
    #[track_caller]
    #[must_use]
    pub fn start(handlers: Handlers) -> Self {
        let server = serve(handlers);
        let mut wire = Wire::client(server.local_addr());
        let other = Wire::client(server.local_addr());
        let bystander_stream = wire.open_call(Method::Relay.path(), &[]);
        assert_eq!(echo(&mut wire, bystander_stream), note(8).encode_to_vec());
        wire.recv_headers(bystander_stream);
        Self { wire, bystander_stream, other, server }
    }

    /// Checks that the fault was that of one stream: the bystander goes on, a new call on the same connection is served, and
    /// no handler is left but the bystander's.
    ///
    /// # Panics
    /// When it reached further.
    #[track_caller]
    pub fn assert_connection_serves(&mut self) {
        assert_eq!(echo(&mut self.wire, self.bystander_stream), note(8).encode_to_vec());
        assert_echoes(&mut self.wire);
        eventually("the bystander's handler is the only one", || self.server.stats().running == 1);
    }

    /// Ends the bystander's call well.
    ///
    /// # Panics
    /// When it was harmed.
    #[track_caller]
    pub fn end(mut self) {
        self.wire.send_data(self.bystander_stream, &[], true);
        let (rest, trailers) = self.wire.recv_data_until_trailers(self.bystander_stream);
        assert_eq!((rest, trailers.get("grpc-status")), (Vec::new(), Some("0")));
        eventually("no handler is left", || self.server.stats().running == 0);
    }

    /// Checks that the fault was that of the connection: it is closed with GOAWAY, its handlers end, and the server's other
    /// connections go on.
    ///
    /// # Panics
    /// When that is not so.
    #[track_caller]
    pub fn assert_connection_closed(mut self, reason: Reason) {
        assert_eq!(self.wire.recv_goaway().1, reason);
        self.wire.recv_eof();
        // The server waits for our end, too, but not for ever.
        drop(self.wire);
        eventually("no handler is left", || self.server.stats().running == 0);
        eventually("the connection is gone", || self.server.stats().connections == 1);
        assert_echoes(&mut self.other);
    }
}

/// Sends one message to the bystander and gives what comes back.
#[track_caller]
fn echo(wire: &mut Wire, stream: u32) -> Vec<u8> {
    wire.send_data(stream, &envelope(&note(8).encode_to_vec()), false);
    wire.recv_message(stream)
}

#[track_caller]
fn assert_echoes(wire: &mut Wire) {
    let reply = wire.unary_call(Method::Say.path(), &note(3).encode_to_vec());
    assert_eq!((reply.code(), reply.messages), (0, vec![note(3).encode_to_vec()]));
}
