//! The programs of the chat.

use std::process::Command;
use std::time::Instant;

use stolid_tests::process::eventually_within;

use super::output::PATIENCE;
pub(crate) use super::program::{Finished, Program};

/// The command for `chat`, `chat-server` or `chat-client`, in an environment of our own.
pub(crate) fn command(program: &str, arguments: &[&str]) -> Command {
    let path = match program {
        "chat" => env!("CARGO_BIN_EXE_chat"),
        "chat-server" => env!("CARGO_BIN_EXE_chat-server"),
        "chat-client" => env!("CARGO_BIN_EXE_chat-client"),
        other => panic!("there is no program {other}"),
    };
    super::program::command(path, arguments)
}

/// Runs a program with these lines as its input.
#[track_caller]
pub(crate) fn run(program: &str, arguments: &[&str], lines: &str) -> Finished {
    Program::run(command(program, arguments), lines)
}

/// A chat server on a port of its own.
pub(crate) struct ChatServer {
    pub(crate) program: Program,
    pub(crate) port: String,
}

impl ChatServer {
    /// Starts a server on a free port, which answers without pauses unless `arguments` say otherwise.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let mut all = vec!["--port", "0"];
        if !arguments.contains(&"--word-delay") {
            all.extend(["--word-delay", "0"]);
        }
        all.extend(arguments);
        Self::listening(Program::start(command("chat-server", &all)))
    }

    /// Starts another server on the port of one that is gone.
    pub(crate) fn start_again(port: &str) -> Self {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let program = Program::start(command("chat-server", &["--port", port, "--word-delay", "0"]));
            let said = || program.output.text().contains("Listening on: ") || program.errors.text().ends_with('\n');
            eventually_within(PATIENCE, "the server listens or says why not", said);
            let error = program.errors.text();
            if error.is_empty() {
                return Self::listening(program);
            }
            // For a moment the port may belong to a connection of somebody else on this machine.
            assert!(error.contains("in use") && Instant::now() < deadline, "{error}");
        }
    }

    /// The server that is starting in `program`.
    pub(crate) fn listening(mut program: Program) -> Self {
        let port = program.port();
        Self { program, port }
    }

    /// Starts a client of this server.
    pub(crate) fn client(&self, arguments: &[&str]) -> Program {
        let mut all = vec!["--port", self.port.as_str()];
        all.extend(arguments);
        Program::start(command("chat-client", &all))
    }

    /// Runs a client of this server with these lines as its input.
    #[track_caller]
    pub(crate) fn run_client(&self, arguments: &[&str], lines: &str) -> Finished {
        let mut all = vec!["--port", self.port.as_str()];
        all.extend(arguments);
        run("chat-client", &all, lines)
    }
}
