//! Streams in all three directions: the programs through their pipes, the service through its generated client.

mod chat;
mod list;
#[path = "../support/output.rs"]
mod output;
#[path = "../support/program.rs"]
mod program;
mod programs;
mod serving;
mod stalled;
mod upload;
