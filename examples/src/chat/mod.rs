//! A chat that remembers: a server that keeps sessions and streams a model's answers, and its terminal client.
//!
//! `chat-server` and `chat-client` are the two ends, `chat` is both in one process. [`server`] and [`client`]
//! share nothing but the messages in [`proto`] and the few words below.

pub mod both;
pub mod client;
pub mod error_text;
pub mod server;
pub mod session_id;

/// The messages, traits and stubs of `chat/v1/chat.proto`.
#[expect(
    missing_docs,
    reason = "the generator takes its documentation from the .proto file, which leaves obvious fields bare"
)]
pub mod proto {
    stolid::include_proto!("chat.v1");
}

/// What carries a turn, as boxes on both sides say it.
pub const PROTOCOL: &str = "gRPC bidirectional streaming";
