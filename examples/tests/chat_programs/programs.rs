//! The real programs, started with pipes.

use std::io::Write;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

use super::output::Output;

/// What could come from the environment of whoever runs the tests.
const FOREIGN: [&str; 10] = [
    "CHAT_MODEL",
    "CLICOLOR_FORCE",
    "GEMINI_API_KEY",
    "GEMINI_BASE_URL",
    "GENAI_MODEL_ID",
    "GOOGLE_API_KEY",
    "NO_COLOR",
    "OPENAI_API_KEY",
    "OPENAI_BASE_URL",
    "RUST_LOG",
];

/// The path of `chat`, `chat-server` or `chat-client`.
pub(crate) fn path(program: &str) -> &'static str {
    match program {
        "chat" => env!("CARGO_BIN_EXE_chat"),
        "chat-server" => env!("CARGO_BIN_EXE_chat-server"),
        "chat-client" => env!("CARGO_BIN_EXE_chat-client"),
        other => panic!("there is no program {other}"),
    }
}

/// The command for a program, in an environment of our own.
pub(crate) fn command(program: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(path(program));
    command.args(arguments).env("TZ", "UTC");
    for name in FOREIGN {
        command.env_remove(name);
    }
    command
}

/// A program that runs; it is killed when the test is done with it.
pub(crate) struct Program {
    child: Child,
    input: Option<ChildStdin>,
    pub(crate) output: Output,
    pub(crate) errors: Output,
    seen: usize,
}

/// What a program left behind.
pub(crate) struct Finished {
    /// Its exit code; `None` after a signal.
    pub(crate) code: Option<i32>,
    /// Everything it wrote.
    pub(crate) output: String,
    /// What it wrote to standard error.
    pub(crate) errors: String,
}

impl Program {
    /// Starts a program.
    pub(crate) fn start(program: &str, arguments: &[&str]) -> Self {
        Self::start_command(command(program, arguments))
    }

    /// Starts a command.
    pub(crate) fn start_command(mut command: Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        let output = Output::of(child.stdout.take().expect("standard output is a pipe"));
        let errors = Output::of(child.stderr.take().expect("standard error is a pipe"));
        Self { input: child.stdin.take(), child, output, errors, seen: 0 }
    }

    /// Writes a line to its input.
    pub(crate) fn say(&mut self, line: &str) {
        let input = self.input.as_mut().expect("the input is open");
        writeln!(input, "{line}").and_then(|()| input.flush()).expect("the program reads its input");
    }

    /// Waits until it has written `wanted` behind what was waited for before; returns what came in between.
    #[track_caller]
    pub(crate) fn expect(&mut self, wanted: &str) -> String {
        let from = self.seen;
        self.seen = self.output.wait_for(wanted, from);
        self.since(from)
    }

    /// The same, within a time that is itself part of what is tested.
    #[track_caller]
    pub(crate) fn expect_within(&mut self, wanted: &str, limit: Duration) -> String {
        let from = self.seen;
        self.seen = self.output.wait_within(wanted, from, limit);
        self.since(from)
    }

    fn since(&self, from: usize) -> String {
        String::from_utf8_lossy(&self.output.text().as_bytes()[from..self.seen]).into_owned()
    }

    /// Sends it a signal, by its name without SIG.
    pub(crate) fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &id]).status().expect("there is a kill");
        assert!(sent.success(), "kill -s {name} {id}: {sent}");
    }

    /// Ends its input and waits until it is over.
    #[track_caller]
    pub(crate) fn finish(mut self) -> Finished {
        drop(self.input.take());
        let output = self.output.wait_for_end();
        let errors = self.errors.wait_for_end();
        // Both pipes are closed, so it has ended or is about to.
        let code = self.child.wait().expect("our own child").code();
        Finished { code, output, errors }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs a program with these lines as its input.
#[track_caller]
pub(crate) fn run(program: &str, arguments: &[&str], lines: &str) -> Finished {
    run_command(command(program, arguments), lines)
}

/// Runs a command with these lines as its input.
#[track_caller]
pub(crate) fn run_command(command: Command, lines: &str) -> Finished {
    let mut program = Program::start_command(command);
    let mut input = program.input.take().expect("the input is open");
    // A program that leaves early does not read everything.
    let _ = input.write_all(lines.as_bytes());
    drop(input);
    program.finish()
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
        Self::listening(Program::start("chat-server", &all))
    }

    /// Starts another server on the port of one that is gone.
    pub(crate) fn start_again(port: &str) -> Self {
        Self::listening(Program::start("chat-server", &["--port", port, "--word-delay", "0"]))
    }

    /// The server that is starting in `program`.
    pub(crate) fn listening(mut program: Program) -> Self {
        program.expect("Listening on: ");
        program.expect(":");
        let port = program.expect("\n").trim().to_owned();
        Self { program, port }
    }

    /// Starts a client of this server.
    pub(crate) fn client(&self, arguments: &[&str]) -> Program {
        let mut all = vec!["--port", self.port.as_str()];
        all.extend(arguments);
        Program::start("chat-client", &all)
    }

    /// Runs a client of this server with these lines as its input.
    #[track_caller]
    pub(crate) fn run_client(&self, arguments: &[&str], lines: &str) -> Finished {
        let mut all = vec!["--port", self.port.as_str()];
        all.extend(arguments);
        run("chat-client", &all, lines)
    }
}
