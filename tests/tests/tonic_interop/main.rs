//! Calls between Stolid and tonic, in both directions.

mod client;
mod details;
mod samples;
mod server;

use tokio::runtime::{Builder, Runtime};

/// tonic's client and server of the test service; the messages are ours.
#[expect(
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    unreachable_pub,
    unused_qualifications,
    reason = "tonic's generator writes it"
)]
mod echo {
    include!(concat!(env!("OUT_DIR"), "/tonic/testing.v1.rs"));
}

/// tonic's clients and servers of the interoperability cases; the messages are ours.
#[expect(
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    unreachable_pub,
    unused_qualifications,
    reason = "tonic's generator writes it"
)]
mod testing {
    include!(concat!(env!("OUT_DIR"), "/tonic/grpc.testing.rs"));
}

/// A runtime for tonic, with threads of its own.
fn runtime() -> Runtime {
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("the machine has threads left")
}
