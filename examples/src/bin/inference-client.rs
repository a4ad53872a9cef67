//! The client of the model server.

use std::process::ExitCode;

fn main() -> ExitCode {
    stolid_examples::inference::client::program::main()
}
