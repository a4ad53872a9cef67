//! The terminal client of the multi-turn chat.

use std::process::ExitCode;

fn main() -> ExitCode {
    stolid_examples::chat::client::program::main()
}
