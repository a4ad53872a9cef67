//! A process that plays a part of a measurement: a server, or what calls it.
//!
//! It is this program again. It prints a line when it is ready, and then, for each line it is told, one with figures. It ends
//! with its input, in the middle of a measurement too, and so does not outlive who started it.

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsString;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use stolid_tests::process::Process;

use crate::Outcome;

/// How a line begins that says why there are no figures.
pub(crate) const FAILED: &str = "failed: ";

/// How long a part may take for one line.
const PATIENCE: Duration = Duration::from_secs(90);

/// The process; killed when dropped.
#[derive(Debug)]
pub(crate) struct Part {
    process: Child,
    input: ChildStdin,
    lines: Receiver<String>,
}

/// Processor time of a process up to a moment.
#[derive(Clone, Debug)]
pub(crate) struct Spent {
    /// In steps of 10 ms.
    all: Duration,
    /// To the nanosecond, but only of the threads that there were at the moment.
    threads: BTreeMap<OsString, Duration>,
}

impl Spent {
    /// What was spent between an earlier moment and this one.
    pub(crate) fn since(&self, before: &Self) -> Duration {
        let total = |spent: &Self| spent.threads.values().sum::<Duration>();
        if total(before).is_zero() || before.threads.keys().any(|thread| !self.threads.contains_key(thread)) {
            // A thread has ended, and what it has run is known to the step alone.
            return self.all - before.all;
        }
        total(self) - total(before)
    }
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

    /// The next line it prints; an error if that says why there are no figures.
    pub(crate) fn line(&self) -> Outcome<String> {
        let line = self.lines.recv_timeout(PATIENCE).map_err(|error| match error {
            RecvTimeoutError::Timeout => format!("nothing is heard of a part for {PATIENCE:?}"),
            RecvTimeoutError::Disconnected => "a part has ended without a word".to_owned(),
        })?;
        line.strip_prefix(FAILED).map_or(Ok(line.clone()), |reason| Err(reason.into()))
    }

    /// Has it measure once more.
    pub(crate) fn measure(&mut self) -> Outcome<Vec<f64>> {
        writeln!(self.input)?;
        let line = self.line()?;
        Ok(line.split_whitespace().map(str::parse).collect::<Result<_, _>>()?)
    }

    /// What it has spent of the processors so far.
    pub(crate) fn spent(&self) -> Spent {
        let process = self.process();
        Spent { all: process.processor_time(), threads: process.running_times() }
    }

    /// What it costs.
    pub(crate) fn process(&self) -> Process {
        Process::with_id(self.process.id())
    }
}
