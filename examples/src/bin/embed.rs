//! A server embedded in a program with threads and a main loop of its own.

use std::process::ExitCode;

fn main() -> ExitCode {
    stolid_examples::embed::program::main()
}
