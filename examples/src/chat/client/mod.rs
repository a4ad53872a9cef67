//! The terminal client of the chat.
//!
//! | file | what it is |
//! | --- | --- |
//! | [`app`] | the one loop that decides what happens; [`commands`], [`talking`] and [`linking`] are what it does |
//! | [`command`] | what a line means |
//! | [`room`] | the room the user is in |
//! | [`answer`] | the answer that is arriving |
//! | [`connection`], [`reconnect`] | the channel and its Chat stream, and how it comes back |
//! | [`event`] | what the loop hears of |
//! | [`input`], [`editor`] | lines from a pipe, lines from a person |
//! | [`screen`], [`boxes`] | what a person sees |
//! | [`statistics`] | the counters |
//! | [`program`], [`arguments`] | `chat-client` |
//!
//! # Threads
//! One thread runs the loop and owns all state. Others only wait for something and send an [`event::Event`] when
//! it comes: one reads lines, one reads the Chat stream and one the room, one listens for Ctrl-C, one tries to reconnect.

pub mod answer;
pub mod app;
pub mod arguments;
pub mod boxes;
pub mod command;
pub mod commands;
pub mod connection;
pub mod editor;
pub mod event;
pub mod input;
pub mod linking;
pub mod program;
pub mod prompt;
pub mod reconnect;
pub mod room;
pub mod screen;
pub mod statistics;
pub mod talking;
