//! The chat server and its client in one process.

use std::process::ExitCode;

fn main() -> ExitCode {
    stolid_examples::chat::both::main()
}
