//! Programs built on Stolid, and what they are made of.
//!
//! | program | what it is |
//! | --- | --- |
//! | `chat-server` | a multi-turn chat server: sessions, a model behind a trait, answers word by word |
//! | `chat-client` | its terminal client |
//! | `chat` | both in one process |

pub mod chat;
pub mod model;
pub mod program;
pub mod terminal;
