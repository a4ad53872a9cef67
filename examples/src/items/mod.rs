//! Streams in all three directions: a list, an upload and a chat.
//!
//! | file | what it is |
//! | --- | --- |
//! | [`service`] | the three methods |
//! | [`repository`] | where items come from and go to: a trait, and what a batch is |
//! | [`samples`], [`item_file`] | items made up, items in a file |
//! | [`server`] | `items-server` |
//! | [`client`] | `items-client` |
//!
//! The rooms of the chat are a module of their own, [`rooms`](crate::rooms): the chat server has them too.

pub mod client;
pub mod item_file;
pub mod repository;
pub mod samples;
pub mod server;
pub mod service;

/// The messages, trait and stub of `stream/v1/stream.proto`.
#[expect(
    missing_docs,
    reason = "the generator takes its documentation from the .proto file, which leaves obvious fields bare"
)]
pub mod proto {
    stolid::include_proto!("stream.v1");
}
