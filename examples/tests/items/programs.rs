//! `items-server` and `items-client`.

use std::process::Command;

pub(crate) use super::program::{Finished, Program};

/// The command for a client of the server on this port.
pub(crate) fn client_command(port: &str, arguments: &[&str]) -> Command {
    let all = [&["--port", port], arguments].concat();
    super::program::command(env!("CARGO_BIN_EXE_items-client"), &all)
}

/// A server on a port of its own.
pub(crate) struct ItemsServer {
    pub(crate) program: Program,
    pub(crate) port: String,
}

impl ItemsServer {
    /// Starts a server on a free port.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let all = [&["--port", "0"], arguments].concat();
        let mut program = Program::start(super::program::command(env!("CARGO_BIN_EXE_items-server"), &all));
        let port = program.port();
        Self { program, port }
    }

    /// Starts a client.
    pub(crate) fn client(&self, arguments: &[&str]) -> Program {
        Program::start(client_command(&self.port, arguments))
    }

    /// Runs a client with these lines as its input.
    #[track_caller]
    pub(crate) fn run_client(&self, arguments: &[&str], lines: &str) -> Finished {
        Program::run(client_command(&self.port, arguments), lines)
    }

    /// Somebody who has entered a room and knows it.
    #[track_caller]
    pub(crate) fn guest(&self, name: &str, room: &str) -> Program {
        let mut guest = self.client(&["chat", "--name", name, "--room", room]);
        guest.expect(&format!("[{room}] {name} came\n"));
        guest
    }
}
