//! The client of `items-server`: lists, uploads, chats.

use std::process::ExitCode;

fn main() -> ExitCode {
    stolid_examples::items::client::main()
}
