//! The model server.

use std::process::ExitCode;

fn main() -> ExitCode {
    stolid_examples::inference::server::program::main()
}
