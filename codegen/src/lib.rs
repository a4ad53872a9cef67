//! Turns `.proto` files into Rust for [Stolid](https://docs.rs/stolid): messages, one blocking trait and one server
//! for each service, and one client.
//!
//! ```toml
//! [dependencies]
//! stolid = "0.1"
//! prost = "0.14"
//! prost-types = "0.14"    # only for messages of google.protobuf
//!
//! [build-dependencies]
//! stolid-build = "0.1"
//! ```
//!
//! `build.rs`, where nothing else needs to be installed, no `protoc` either:
//!
//! ```no_run
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     stolid_build::compile_protos("proto/chat.proto")?;
//!     Ok(())
//! }
//! ```
//!
//! With `package chat.v1;` in the file, the crate then has
//!
//! ```text
//! mod chat {
//!     stolid::include_proto!("chat.v1");
//! }
//!
//! use chat::chat_client::ChatClient;
//! use chat::chat_server::{Chat, ChatServer};
//! ```
//!
//! # What is generated
//!
//! For `service Chat` of the package `chat.v1`:
//!
//! | `rpc` | the trait `Chat` | the client `ChatClient` |
//! | --- | --- | --- |
//! | `GetRoom(GetRoom) returns (Room)` | `fn get_room(&self, Request<GetRoom>) -> Result<Response<Room>, Status>` | `client.get_room(GetRoom { .. })?` is a `Response<Room>` |
//! | `Watch(Watch) returns (stream Event)` | `fn watch(&self, Request<Watch>, Sender<Event>) -> Result<(), Status>` | `client.watch(Watch { .. })?` is a `Streaming<Event>` |
//! | `Upload(stream Chunk) returns (Summary)` | `fn upload(&self, Request<Streaming<Chunk>>) -> Result<Response<Summary>, Status>` | `client.upload(())?` is a `ClientStreaming<Chunk, Summary>` |
//! | `Join(stream Say) returns (stream Event)` | `fn join(&self, Request<Streaming<Say>>, Sender<Event>) -> Result<(), Status>` | `client.join(())?` is a `BidiStreaming<Say, Event>` |
//!
//! `ChatServer::new(my_chat)` is what `Server::builder().add_service(..)` takes. Messages are [prost](https://docs.rs/prost)'s,
//! and the comments of the `.proto` file become documentation.
//!
//! - A method with the name of a function that the client has anyway (`new`, `connect`, `clone`, `into`, `try_into`,
//!   `into_request`, `max_decoding_message_size`, `max_encoding_message_size`) has a trailing underscore on the client:
//!   `new_`. The trait keeps the name.
//! - A method that is a keyword is escaped as prost does it: `r#type`, but `self_`, `super_`, `crate_`, `extern_`.
//! - `google.protobuf.Empty` is `()`, and `google.protobuf.Timestamp` is `prost_types::Timestamp`.
//! - The code is in one file for each package: `OUT_DIR/chat.v1.rs`, and `OUT_DIR/_.rs` without a package. All `.proto`
//!   files of a package belong into one call.
//! - Lints that are stricter than the compiler's defaults are off inside the modules of services. Those of messages are
//!   prost's; around them, `#![allow(..)]` in the module with `include_proto!` does it.
//!
//! # More than one file
//!
//! ```no_run
//! # fn main() -> Result<(), stolid_build::Error> {
//! stolid_build::configure()
//!     .build_client(false)
//!     .include_file("protos.rs")
//!     .compile_protos(&["proto/chat/v1/chat.proto", "proto/rooms/v1/rooms.proto"], &["proto"])?;
//! # Ok(())
//! # }
//! ```
//!
//! Options for messages belong to prost and go into a [`Config`]:
//!
//! ```no_run
//! # fn main() -> Result<(), stolid_build::Error> {
//! let mut config = stolid_build::Config::new();
//! config.bytes(["."]).type_attribute(".", "#[derive(serde::Serialize)]");
//! stolid_build::configure().compile_protos_with_config(config, &["proto/chat.proto"], &["proto"])?;
//! # Ok(())
//! # }
//! ```
//!
//! # Features
//!
//! None is on by default.
//!
//! - `cli`: the program `stolid-generate --out DIR [-I DIR] FILE.proto…`, for code that is checked in.
//! - `protoc`: the installed `protoc` parses the files, as prost-build runs it (`PROTOC`, `PROTOC_INCLUDE`), in place of
//!   protox.

mod attributes;
mod builder;
mod caught;
mod check;
mod client;
mod client_trait;
mod code;
mod compiler;
mod constants;
#[cfg(not(feature = "protoc"))]
mod diagnostic;
mod docs;
mod error;
mod generation;
mod generator;
mod model;
mod names;
#[cfg(not(feature = "protoc"))]
mod nesting;
mod options;
mod outputs;
mod server;

use std::path::Path;

pub use prost_build::{Config, ServiceGenerator};
pub use prost_types::FileDescriptorSet;

pub use builder::Builder;
pub use error::Error;

/// Generates the code of one `.proto` file, and of what it imports from its own directory.
///
/// # Errors
///
/// The file is missing, is not valid, has no equivalent in Rust, or the code cannot be written.
///
/// # Examples
///
/// ```no_run
/// fn main() -> Result<(), Box<dyn std::error::Error>> {
///     stolid_build::compile_protos("proto/chat.proto")?;
///     Ok(())
/// }
/// ```
pub fn compile_protos(proto: impl AsRef<Path>) -> Result<(), Error> {
    let proto = proto.as_ref();
    let directory = proto.parent().unwrap_or_else(|| Path::new(""));
    configure().compile_protos(&[proto], &[directory])
}

/// Generates the code of descriptors that something else has compiled. They must contain what they import.
///
/// # Errors
///
/// The descriptors have no equivalent in Rust, or the code cannot be written.
///
/// # Examples
///
/// ```no_run
/// # fn descriptors() -> stolid_build::FileDescriptorSet { stolid_build::FileDescriptorSet::default() }
/// fn main() -> Result<(), Box<dyn std::error::Error>> {
///     stolid_build::compile_fds(descriptors())?;
///     Ok(())
/// }
/// ```
pub fn compile_fds(set: FileDescriptorSet) -> Result<(), Error> {
    configure().compile_fds(set)
}

/// The options, all at their defaults.
///
/// # Examples
///
/// ```no_run
/// # fn main() -> Result<(), stolid_build::Error> {
/// stolid_build::configure()
///     .out_dir("src/generated")
///     .compile_protos(&["proto/chat/v1/chat.proto"], &["proto"])?;
/// # Ok(())
/// # }
/// ```
pub fn configure() -> Builder {
    Builder::new()
}

/// The generator of services alone, for those who run prost-build themselves.
///
/// What [`Error`] would say about names that clash is then said by the compiler of the generated code.
///
/// # Examples
///
/// ```no_run
/// # fn main() -> std::io::Result<()> {
/// prost_build::Config::new()
///     .service_generator(stolid_build::service_generator())
///     .compile_protos(&["proto/chat.proto"], &["proto"])?;
/// # Ok(())
/// # }
/// ```
pub fn service_generator() -> Box<dyn ServiceGenerator> {
    configure().service_generator()
}
