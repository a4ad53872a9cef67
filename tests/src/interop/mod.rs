//! The interoperability tests that all implementations of gRPC share: the service
//! `grpc.testing.TestService` and the calls that a client makes to it.
//!
//! The programs are `src/bin/interop-server.rs` and `src/bin/interop-client.rs`. What each case
//! sends and expects is said in `doc/interop-test-descriptions.md` of the gRPC project.

pub mod cases;
pub mod flags;
pub mod service;

/// The service `grpc.testing.TestService`, its messages, server and client.
pub mod proto {
    stolid::include_proto!("grpc.testing");
}

/// The metadata key that a server answers in its response headers.
pub const INITIAL_KEY: &str = "x-grpc-test-echo-initial";

/// The metadata key that a server answers in its trailers.
pub const TRAILING_KEY: &str = "x-grpc-test-echo-trailing-bin";

/// A payload of this many zeros.
#[must_use]
pub fn zeros(length: usize) -> proto::Payload {
    proto::Payload { body: vec![0; length], ..proto::Payload::default() }
}
