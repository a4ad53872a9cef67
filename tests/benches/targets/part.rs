//! A process that plays a part of a measurement: a server, or what calls it.
//!
//! It is this program again. It prints a line when it is ready, and then, for each line it is told, one with figures. It ends
//! with its input.

use std::env;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use stolid_tests::process::Process;

use crate::Outcome;

/// How long a part may take for one line.
const PATIENCE: Duration = Duration::from_secs(90);

/// The process; killed when dropped.
#[derive(Debug)]
pub(crate) struct Part {
    process: Child,
    input: ChildStdin,
    lines: Receiver<String>,
}

impl Drop for Part {
    fn drop(&mut self) {
        // It may have ended already; then there is nothing to do.
        let _gone = self.process.kill();
        let _reaped = self.process.wait();
    }
}

impl Part {
    /// Starts this program with these words, on one processor if told so.
    pub(crate) fn start(processor: Option<usize>, words: &[&str]) -> Outcome<Self> {
        let program = env::current_exe()?;
        let mut command = match processor {
            // It becomes the program it starts, so that the process is the part's own.
            Some(processor) => {
                let mut command = Command::new("taskset");
                command.arg("-c").arg(processor.to_string()).arg(program);
                command
            }
            None => Command::new(program),
        };
        let mut process = command.arg("part").args(words).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let input = process.stdin.take().ok_or("the input is a pipe")?;
        let output = process.stdout.take().ok_or("the output is a pipe")?;
        let (tell, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                // Nobody may listen any more; the lines are read to the end all the same.
                let _unheard = tell.send(line);
            }
        });
        Ok(Self { process, input, lines })
    }

    /// The next line it prints.
    pub(crate) fn line(&self) -> Outcome<String> {
        Ok(self.lines.recv_timeout(PATIENCE).map_err(|error| format!("no line of a part: {error}"))?)
    }

    /// Has it measure once more.
    pub(crate) fn measure(&mut self) -> Outcome<Vec<f64>> {
        writeln!(self.input)?;
        let line = self.line()?;
        Ok(line.split_whitespace().map(str::parse).collect::<Result<_, _>>()?)
    }

    /// What it costs.
    pub(crate) fn process(&self) -> Process {
        Process::with_id(self.process.id())
    }
}
