//! The multi-turn chat server.

use std::process::ExitCode;

fn main() -> ExitCode {
    stolid_examples::chat::server::program::main()
}
