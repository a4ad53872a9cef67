//! The model server from end to end: its programs, and its registry with models made for a test.

mod batching;
mod cancelling;
mod command_line;
mod failing;
mod memory;
#[path = "../support/output.rs"]
mod output;
#[path = "../support/program.rs"]
#[expect(dead_code, reason = "other programs read their input")]
mod program;
mod programs;
mod registry;
mod serving;
mod streaming;
