//! A peer in a process of its own: to be measured, to be killed.
//!
//! The program of most tests is `src/bin/test-peer.rs`; they name it by `env!("CARGO_BIN_EXE_test-peer")`.

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::process::{ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use crate::process::Process;

/// How long a child may take to say a line.
const PATIENCE: Duration = Duration::from_secs(20);

/// A child process; killed when dropped.
#[derive(Debug)]
pub struct Child {
    process: std::process::Child,
    input: Option<ChildStdin>,
    lines: Receiver<String>,
}

impl Child {
    /// Starts a server whose calls say what to do (see [`Handlers::as_told`]); gives its address.
    ///
    /// [`Handlers::as_told`]: crate::handlers::Handlers::as_told
    ///
    /// # Panics
    /// When it does not come up.
    #[track_caller]
    #[must_use]
    pub fn server(program: &str) -> (Self, SocketAddr) {
        Self::server_with(program, &[])
    }

    /// As [`Child::server`], with settings written as `name=number`.
    ///
    /// # Panics
    /// When it does not come up.
    #[track_caller]
    #[must_use]
    pub fn server_with(program: &str, settings: &[&str]) -> (Self, SocketAddr) {
        Self::listening(Self::start(program, &[&["serve"], settings].concat()))
    }

    /// As [`Child::server`], in a process that may have only `files` open files.
    ///
    /// # Panics
    /// When it does not come up.
    #[track_caller]
    #[must_use]
    pub fn server_with_files(program: &str, files: usize) -> (Self, SocketAddr) {
        let script = format!("ulimit -n {files}; exec \"$0\" serve");
        Self::listening(Self::start("sh", &["-c", &script, program]))
    }

    #[track_caller]
    fn listening(child: Self) -> (Self, SocketAddr) {
        let line = child.expect_line("listening ");
        let addr = line.parse().expect("the child says its address");
        (child, addr)
    }

    /// Starts a client that makes one call (`say`, `repeat`, `gather` or `relay`) and stays in it.
    ///
    /// # Panics
    /// When it does not get as far as calling.
    #[track_caller]
    #[must_use]
    pub fn client(program: &str, addr: SocketAddr, method: &str) -> Self {
        let child = Self::start(program, &["call", &addr.to_string(), method]);
        child.expect_line("calling");
        child
    }

    /// Starts a program with these arguments.
    ///
    /// # Panics
    /// When it cannot be started.
    #[track_caller]
    #[must_use]
    pub fn start(program: &str, arguments: &[&str]) -> Self {
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().expect("the program was built with the test");
        let output = process.stdout.take().expect("the output is a pipe");
        let input = process.stdin.take();
        let (say, lines) = mpsc::channel();
        let listen = move || {
            let mut said = BufReader::new(output).lines().map_while(Result::ok);
            // Nobody listens any more once the test has dropped the child.
            let _ended = said.try_for_each(|line| say.send(line));
        };
        let listener = thread::Builder::new().name("child-output".to_owned()).spawn(listen);
        listener.expect("a test may start a thread");
        Self { process, input, lines }
    }

    /// Waits for the child's next line and gives what follows `prefix`.
    ///
    /// # Panics
    /// When it says something else, or nothing within 20 s.
    #[track_caller]
    pub fn expect_line(&self, prefix: &str) -> String {
        let line = self.lines.recv_timeout(PATIENCE).expect("the child says a line");
        let rest = line.strip_prefix(prefix);
        rest.unwrap_or_else(|| panic!("the child said {line:?}, not {prefix:?}")).to_owned()
    }

    /// Has a child server shut down with this much time for its calls; does not wait for it.
    ///
    /// # Panics
    /// When the child is gone.
    #[track_caller]
    pub fn shut_down(&mut self, grace: Duration) {
        self.tell(&format!("shutdown {}", grace.as_millis()));
    }

    /// Waits until so many handlers of a child server run: a client that waits need not have been heard yet.
    ///
    /// # Panics
    /// When that does not happen within 20 s.
    #[track_caller]
    pub fn until_running(&mut self, handlers: usize) {
        let begun = Instant::now();
        let wanted = handlers.to_string();
        loop {
            self.tell("running");
            let running = self.expect_line("running ");
            if running == wanted {
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "{running} handlers run, not {wanted}");
            thread::yield_now();
        }
    }

    /// Writes a line to the child's standard input.
    ///
    /// # Panics
    /// When the child is gone.
    #[track_caller]
    pub fn tell(&mut self, line: &str) {
        let input = self.input.as_mut().expect("the input is a pipe");
        writeln!(input, "{line}").expect("the child listens");
    }

    /// Kills the child as `kill -9` does and waits until it is gone.
    ///
    /// # Panics
    /// When it cannot be killed.
    #[track_caller]
    pub fn kill(&mut self) {
        self.process.kill().expect("a child can be killed");
        self.process.wait().expect("a killed child ends");
    }

    /// The child, to be measured.
    #[must_use]
    pub fn measured(&self) -> Process {
        Process::with_id(self.process.id())
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // It may have ended already; then there is nothing to do.
        let _gone = self.process.kill();
        let _reaped = self.process.wait();
    }
}
