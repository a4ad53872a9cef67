//! A real program of the examples, started with pipes.

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

/// The command for the program at `path`, in an environment of our own.
pub(crate) fn command(path: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(path);
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
#[derive(Debug)]
pub(crate) struct Finished {
    /// Its exit code; `None` after a signal.
    pub(crate) code: Option<i32>,
    /// Everything it wrote.
    pub(crate) output: String,
    /// What it wrote to standard error.
    pub(crate) errors: String,
}

impl Program {
    /// Starts a command.
    pub(crate) fn start(mut command: Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        let output = Output::of(child.stdout.take().expect("standard output is a pipe"));
        let errors = Output::of(child.stderr.take().expect("standard error is a pipe"));
        Self { input: child.stdin.take(), child, output, errors, seen: 0 }
    }

    /// Runs a command to its end with these lines as its input.
    #[track_caller]
    pub(crate) fn run(command: Command, lines: &str) -> Finished {
        let mut program = Self::start(command);
        let mut input = program.input.take().expect("the input is open");
        // A program that leaves early does not read everything.
        let _ = input.write_all(lines.as_bytes());
        drop(input);
        program.finish()
    }

    /// Waits until a server listens; returns its port.
    #[track_caller]
    pub(crate) fn port(&mut self) -> String {
        self.expect("Listening on: ");
        let address = self.expect("\n");
        let (_, port) = address.trim().rsplit_once(':').expect("HOST:PORT");
        port.to_owned()
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

    /// The number of its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends it a signal, by its name without SIG.
    pub(crate) fn signal(&self, name: &str) {
        let id = self.id().to_string();
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
