//! A guide to clients, one pattern a file. Each begins with when to use it, goes on with a short function or type to
//! copy, and ends with the tests that show it at work.
//!
//! | pattern | to copy |
//! | --- | --- |
//! | [`lazy_streams`] | streams made lazily from an iterator |
//! | [`producers`] | producers that are dynamic or conditional, with a limit and a stop from outside |
//! | [`batches`] | batches with pauses |
//! | [`many_messages`] | a thousand messages in one stream |
//! | [`timeouts`] | timeouts: of a call, of a channel, of a wait |
//! | [`failures`] | telling a lost connection from bad data from a refusal |
//! | [`retries`] | retries with exponential backoff and jitter |
//! | [`shared_channel`] | one channel shared by many threads |
//! | [`logging`] | a log of requests and responses |
//!
//! All of them call the service of `greeter/v1/greeter.proto`; [`greeter`] is the server they are tried on.

pub mod batches;
pub mod failures;
pub mod greeter;
pub mod lazy_streams;
pub mod logging;
pub mod many_messages;
pub mod producers;
pub mod retries;
pub mod shared_channel;
pub mod timeouts;

#[cfg(test)]
#[path = "../../tests/support/cable.rs"]
#[expect(dead_code, reason = "the tests of the guide on the real server use the rest of it")]
mod cable;

/// The messages, traits and stubs of `greeter/v1/greeter.proto`.
pub mod proto {
    stolid::include_proto!("greeter.v1");
}
