//! tonic as the client of our server.

mod calls;
mod endings;
mod failures;
mod interop;
mod rich_errors;

use std::net::SocketAddr;

use stolid::ServerBuilder;
use stolid_tests::echo::Note;
use stolid_tests::handlers::{Handlers, note};
use stolid_tests::pair;
use stolid_tests::watchdog::watched;
use tokio_stream::{Stream, StreamExt};
use tonic::Status;
use tonic::transport::{Channel, Endpoint};

use crate::echo::echo_client::EchoClient;
use crate::runtime;

type Client = EchoClient<Channel>;

/// Runs a test of tonic's client against our server with these handlers.
#[track_caller]
fn calling(handlers: Handlers, test: impl AsyncFnOnce(Client) + Send + 'static) {
    calling_with(handlers, |builder| builder, test);
}

/// The same with settings of its own for the server.
#[track_caller]
fn calling_with(
    handlers: Handlers,
    configure: impl FnOnce(ServerBuilder) -> ServerBuilder + Send + 'static,
    test: impl AsyncFnOnce(Client) + Send + 'static,
) {
    watched(move || {
        let server = pair::serve_with(handlers, configure);
        runtime().block_on(async {
            let channel = connected(server.local_addr()).await;
            test(EchoClient::new(channel)).await;
        });
    });
}

async fn connected(addr: SocketAddr) -> Channel {
    // h2 ends a connection on which too many small frames wait to be read, counted against the connection's window. With the default
    // window that is some 150, and a task that gets no processor for a few milliseconds on a busy machine is that far behind.
    let endpoint = Endpoint::from_shared(format!("http://{addr}"))
        .expect("it is an address")
        .initial_connection_window_size(16 * 1024 * 1024);
    endpoint.connect().await.expect("the server listens")
}

/// The messages of a stream that ends well.
async fn all(stream: impl Stream<Item = Result<Note, Status>>) -> Vec<Note> {
    let stream = stream.map(|message| message.expect("the stream goes on"));
    stream.collect().await
}

/// Notes with the numbers from 0.
fn numbered(count: u64) -> impl Stream<Item = Note> {
    tokio_stream::iter((0..count).map(note))
}
