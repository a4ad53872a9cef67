//! A running server and a channel to it, in one line.

use std::net::SocketAddr;
use std::thread;

use stolid::{Channel, ChannelBuilder, Server, ServerBuilder};

use crate::config;
use crate::echo::echo_client::EchoClient;
use crate::echo::echo_server::EchoServer;
use crate::handlers::Handlers;
use crate::wire::{Setting, Wire, WireListener};

/// A server of the test service on a free loopback port, and a client with a channel of its own.
#[derive(Debug)]
pub struct Pair {
    /// The server, running.
    pub server: Server,
    /// A channel to it, connected.
    pub channel: Channel,
    /// The test service over that channel.
    pub client: EchoClient,
}

impl Pair {
    /// Starts the pair with default settings.
    ///
    /// # Panics
    /// When the machine has no port left.
    #[track_caller]
    #[must_use]
    pub fn start(handlers: Handlers) -> Self {
        Self::start_with(handlers, |builder| builder)
    }

    /// Starts the pair with a server that `configure` has set up.
    ///
    /// # Panics
    /// When the machine has no port left.
    #[track_caller]
    #[must_use]
    pub fn start_with(handlers: Handlers, configure: impl FnOnce(ServerBuilder) -> ServerBuilder) -> Self {
        let server = serve_with(handlers, configure);
        let channel = connect(server.local_addr());
        let client = EchoClient::new(channel.clone());
        Self { server, channel, client }
    }
}

/// A server of the test service on a free loopback port.
///
/// # Panics
/// When the machine has no port left.
#[track_caller]
#[must_use]
pub fn serve(handlers: Handlers) -> Server {
    serve_with(handlers, |builder| builder)
}

/// A server of the test service that `configure` has set up.
///
/// # Panics
/// When the machine has no port left.
#[track_caller]
#[must_use]
pub fn serve_with(handlers: Handlers, configure: impl FnOnce(ServerBuilder) -> ServerBuilder) -> Server {
    let builder = configure(config::server().add_service(EchoServer::new(handlers)));
    builder.start("127.0.0.1:0").expect("a loopback port is free")
}

/// A channel of its own to `addr`, connected.
///
/// # Panics
/// When nobody answers there.
#[track_caller]
#[must_use]
pub fn connect(addr: SocketAddr) -> Channel {
    config::channel(format!("http://{addr}")).connect().expect("the server listens")
}

/// A client of the test service with a connection of its own to `addr`.
///
/// # Panics
/// When nobody answers there.
#[track_caller]
#[must_use]
pub fn client_of(addr: SocketAddr) -> EchoClient {
    EchoClient::new(connect(addr))
}

/// A client of ours whose server is a script.
///
/// # Panics
/// When the client does not connect.
#[track_caller]
#[must_use]
pub fn scripted_server() -> (EchoClient, Wire) {
    scripted_server_with(&[])
}

/// A client of ours whose server is a script that begins with these settings.
///
/// # Panics
/// When the client does not connect.
#[track_caller]
#[must_use]
pub fn scripted_server_with(settings: &[(Setting, u32)]) -> (EchoClient, Wire) {
    let listener = WireListener::bind();
    let addr = listener.addr();
    let connecting = thread::spawn(move || client_of(addr));
    let wire = listener.accept_with(settings);
    (connecting.join().expect("the client connects"), wire)
}

/// A client of ours whose channel `configure` has set up and whose server is a script.
///
/// # Panics
/// When the client does not connect.
#[track_caller]
#[must_use]
pub fn scripted_server_of(configure: impl FnOnce(ChannelBuilder) -> ChannelBuilder) -> (EchoClient, Wire) {
    let listener = WireListener::bind();
    let channel = configure(config::channel(listener.target()));
    let connecting = thread::spawn(move || channel.connect());
    let wire = listener.accept();
    let channel = connecting.join().expect("connecting does not panic").expect("the script greets");
    (EchoClient::new(channel), wire)
}
