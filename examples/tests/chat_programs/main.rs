//! The chat from end to end: the service through its generated client, and the programs through their pipes,
//! their terminals and their signals.

mod boxes;
mod cancelling;
mod commands;
mod compression;
mod draining;
mod golden;
mod lasting;
mod limits;
mod models;
#[path = "../support/output.rs"]
mod output;
mod piped;
#[path = "../support/program.rs"]
mod program;
mod programs;
mod remote;
mod rooms;
#[path = "../support/scripted_http.rs"]
#[expect(dead_code, reason = "the tests of the models use the rest of it")]
mod scripted_http;
mod serving;
mod sessions;
mod sharing;
mod signals;
mod terminal;
mod turns;
