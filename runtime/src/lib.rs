//! Sync-first gRPC: blocking traits and stubs, plain threads, no async runtime.
//!
//! A handler is an ordinary function on an ordinary thread. It may block for as long as it likes and stalls no other
//! call. Clients call through `&self` from any number of threads. All four kinds of RPC work on both sides, and speak
//! to every other gRPC implementation.
//!
//! Code for a service comes from its `.proto` file by `stolid-build` in `build.rs`; see that crate. Those who know tonic
//! find what to change in [`from_tonic`].

mod code;
mod compression;
mod connection;
mod context;
mod error;
mod lane;
mod metadata;
mod method_name;
mod protocol;
mod request;
mod response;
mod status;
mod stream;
mod sync;
mod transport;
mod wait;

pub mod client;
pub mod codec;
pub mod details;
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;
pub mod server;

/// How to move a program from tonic to Stolid.
///
// Its code is compiled and run by the tests of the workspace, which have what it generates.
#[cfg_attr(not(doctest), doc = include_str!("../docs/from_tonic.md"))]
pub mod from_tonic {}

pub use client::calls::{BidiStreaming, ClientStreaming};
pub use client::channel::{Channel, ChannelBuilder, ConnectivityState};
pub use code::Code;
pub use compression::{CompressionEncoding, Compressor};
pub use context::{CancelCause, CancelGuard, Context};
pub use error::{Error, ErrorKind};
pub use metadata::{InvalidMetadata, Metadata, MetadataEntry};
pub use request::{IntoRequest, Request};
pub use response::Response;
pub use server::{Server, ServerBuilder, ServerHandle, ServerStats, ShutdownReport};
pub use status::Status;
pub use stream::delivery::{Delivery, Event};
pub use stream::sender::{DetachedSender, Overflow, SendOptions, SendTimeoutError, Sender, TrySendError};
pub use stream::streaming::{RecvTimeoutError, Streaming, TryRecvError};

/// Includes the code that `build.rs` generated for a package.
///
/// # Examples
/// ```text
/// pub mod chat {
///     stolid::include_proto!("chat.v1");
/// }
/// ```
#[macro_export]
macro_rules! include_proto {
    ($package:tt) => {
        include!(concat!(env!("OUT_DIR"), concat!("/", $package, ".rs")));
    };
}
