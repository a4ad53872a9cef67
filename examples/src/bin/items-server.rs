//! A server with a stream in each direction.

use std::process::ExitCode;

fn main() -> ExitCode {
    stolid_examples::items::server::main()
}
