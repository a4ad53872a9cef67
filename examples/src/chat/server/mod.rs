//! The chat server.
//!
//! | file | what it is |
//! | --- | --- |
//! | [`service`] | the six methods |
//! | [`stream`] | reads one Chat stream: answers PINGs, passes typing on, starts turns |
//! | [`client_stream`], [`open_streams`] | what turns answer on; and how all of that ends when the server stops |
//! | [`turn`], [`turn_queue`] | one turn, from its message to its end; and whose turn it is |
//! | [`session`], [`sessions`] | one session; and the bounded map of them |
//! | [`history`], [`audience`] | what was said in a session; and who hears of it |
//! | [`stop`] | why a running turn must stop |
//! | [`answer`], [`chunks`] | what the model says, on its way out |
//! | [`statistics`] | the counters |
//! | [`journal`], [`boxes`] | the log a person watches |
//! | [`running`], [`program`], [`arguments`] | the server as a whole, and `chat-server` |
//!
//! # Threads
//! Each Chat stream has a thread of the runtime that reads it. Each session with something to answer has one
//! thread that answers its turns in order; it ends with the last of them. Nothing waits for a slow reader but
//! the turn that writes to it.

pub mod answer;
pub mod arguments;
pub mod audience;
pub mod boxes;
pub mod chunks;
pub mod client_stream;
pub mod history;
pub mod journal;
pub mod open_streams;
pub mod program;
pub mod running;
pub mod service;
pub mod session;
pub mod sessions;
pub mod statistics;
pub mod stop;
pub mod stream;
pub mod turn;
pub mod turn_queue;
