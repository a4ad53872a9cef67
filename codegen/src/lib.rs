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
//! - Both modules have the names that go over the wire as constants: `SERVICE_NAME` (`"chat.v1.Chat"`), `METHODS` (all
//!   paths), and in `paths` one for each method, as `paths::GET_ROOM` (`"/chat.v1.Chat/GetRoom"`).
//! - `ChatServer` and `ChatClient` have `max_decoding_message_size`, `max_encoding_message_size`, `accept_compressed` and
//!   `send_compressed`, for this service or client alone; `ChatServer` has `inline_handlers` for its handlers, and
//!   `inline_method("GetRoom", false)` for those of one method.
//! - A method with the name of a function that the client has anyway (the first four, `new`, `connect`, `clone`, `into`,
//!   `try_into`, `into_request`) has a trailing underscore on the client: `new_`. The server's trait keeps the name.
//! - A method that is a keyword is escaped as prost does it: `r#type`, but `self_`, `super_`, `crate_`, `extern_`.
//! - What has `deprecated = true` in the `.proto` file is `#[deprecated]`.
//! - `google.protobuf.Empty` is `()`, and `google.protobuf.Timestamp` is `prost_types::Timestamp`.
//! - The code is in one file for each package: `OUT_DIR/chat.v1.rs`, and `OUT_DIR/_.rs` without a package. All `.proto`
//!   files of a package belong into one call.
//! - Lints that are stricter than the compiler's defaults are off inside the modules of services. Those of messages are
//!   prost's; around them, `#![allow(..)]` in the module with `include_proto!` does it.
//!
//! # Options
//!
//! [`configure`] has them all, with tonic's names where the meaning is tonic's:
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
//! | What is generated | |
//! | --- | --- |
//! | [`build_client`](Builder::build_client), [`build_server`](Builder::build_server) | one half alone |
//! | [`client_feature`](Builder::client_feature), [`server_feature`](Builder::server_feature) | a half that a feature of the crate switches on |
//! | [`client_trait`](Builder::client_trait) | the trait `ChatApi` with the client's calls, for tests without a server |
//! | [`generate_default_stubs`](Builder::generate_default_stubs) | what is not implemented answers `UNIMPLEMENTED` |
//! | [`use_arc_self`](Builder::use_arc_self) | handlers take `self: Arc<Self>` |
//! | [`codec_path`](Builder::codec_path) | another format than protobuf |
//! | [`emit_package`](Builder::emit_package) | paths without the package |
//! | [`disable_comments`](Builder::disable_comments) | services without their comments |
//! | [`server_mod_attribute`](Builder::server_mod_attribute), [`client_mod_attribute`](Builder::client_mod_attribute), [`server_attribute`](Builder::server_attribute), [`client_attribute`](Builder::client_attribute), [`trait_attribute`](Builder::trait_attribute), [`client_trait_attribute`](Builder::client_trait_attribute) | attributes above modules, structs and traits |
//! | [`extern_path`](Builder::extern_path) | types from elsewhere, of any kind: paths, `()`, `u32` |
//! | [`compile_well_known_types`](Builder::compile_well_known_types) | `google.protobuf` as generated code |
//! | [`proto_path`](Builder::proto_path) | where services look for their messages |
//!
//! | From where, where to | |
//! | --- | --- |
//! | [`out_dir`](Builder::out_dir), [`include_file`](Builder::include_file) | the directory, and one file that includes all |
//! | [`file_descriptor_set_path`](Builder::file_descriptor_set_path) | descriptors, written to a file |
//! | [`skip_protoc_run`](Builder::skip_protoc_run) | the same, read from that file in place of compiling |
//! | `protoc_arg`, with the feature `protoc` | arguments for `protoc` |
//! | [`emit_rerun_if_changed`](Builder::emit_rerun_if_changed) | what cargo is told |
//! | [`compile_protos`](Builder::compile_protos), [`compile_fds`](Builder::compile_fds) | from files, from descriptors |
//! | [`compile_protos_with_config`](Builder::compile_protos_with_config), [`compile_fds_with_config`](Builder::compile_fds_with_config) | the same, with messages as prost's [`Config`] wants them |
//! | [`service_generator`](Builder::service_generator) | services alone, in a run of prost-build |
//!
//! Options for messages belong to prost (`type_attribute`, `field_attribute`, `message_attribute`, `enum_attribute`,
//! `bytes`, `btree_map`, `boxed`, `skip_debug` and all others) and go into a [`Config`]:
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
//! # Errors
//!
//! What is wrong with the `.proto` files is told with file, line and column, also where the fault is that Rust cannot
//! have two names which protobuf can. Nothing is written then.
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
