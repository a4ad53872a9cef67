//! Rooms to talk in: what is behind `stream.v1.StreamService/Chat`, for any server to add.
//!
//! | file | what it is |
//! | --- | --- |
//! | [`hub`] | the rooms of one server and the calls that are in them |
//! | [`room`] | one room: every message to all its members, and what happens to a slow one |
//! | [`chat`] | the handler of one Chat call |
//! | [`message`] | what may be said |
//! | [`service`] | the rooms as a service, for a server that has no items |
//!
//! # Threads
//! Each call has a thread of the runtime that reads it; whoever says something sends it to everybody in the room on
//! that thread. So the receiving and the sending side of a call run at the same time, and there is no thread
//! that could fall behind.

pub mod chat;
pub mod hub;
pub mod message;
pub mod room;
pub mod service;
