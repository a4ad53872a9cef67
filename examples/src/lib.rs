//! Programs built on Stolid, and what they are made of.
//!
//! | program | what it is |
//! | --- | --- |
//! | `greeter-server`, `greeter-client` | all four kinds of RPC, as short as they can be |
//! | `callstream-server`, `call-grpc-stream` | answers that come one after another, and a client type that is an iterator |
//! | `chat-server` | a multi-turn chat server: sessions, a model behind a trait, answers word by word |
//! | `chat-client` | its terminal client |
//! | `chat` | both in one process |
//! | `inference-server` | a model server: answers token by token, predictions in batches |
//! | `inference-client` | its client |
//! | `items-server` | a list, an upload and a chat in rooms: a stream in each direction |
//! | `items-client` | its client |
//! | `embed` | a program with threads and a main loop of its own that has a server inside |
//!
//! [`guide`] has patterns to copy, for clients.

pub mod chat;
pub mod embed;
pub mod guide;
pub mod inference;
pub mod items;
pub mod model;
pub mod program;
pub mod rooms;
pub mod terminal;
