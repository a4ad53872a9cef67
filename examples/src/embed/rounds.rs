//! A thousand times: start a server, call it, stop it. Nothing may be left over.

use std::error::Error;
use std::fmt;
use std::thread;
use std::time::{Duration, Instant};

use stolid::Server;

use super::footprint::Footprint;
use super::own_calls;
use super::proto::job_service_client::JobServiceClient;
use super::proto::job_service_server::JobServiceServer;
use super::runner::RunnerHandle;
use super::service::JobDoor;
use crate::program::address::{Address, ListenArguments};

/// The job of every round, and what it must find.
const JOB: (u32, u32) = (100, 25);

/// How long a server may take to stop; it has nothing to do any more.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(10);

/// The thread of the last channel ends a moment after the channel; this is a long one.
const LAST_THREAD: Duration = Duration::from_secs(5);

/// How much more memory may be in use behind the last round than before the first, KiB.
const MEMORY_LIMIT: u64 = 5 * 1024;

/// What the rounds came to.
#[derive(Clone, Copy, Debug)]
pub struct Outcome {
    rounds: u32,
    times: Times,
    before: Footprint,
    after: Footprint,
}

/// The time that each of three steps took.
#[derive(Clone, Copy, Debug, Default)]
struct Times {
    start: Duration,
    call: Duration,
    stop: Duration,
}

/// Does so many rounds.
///
/// # Errors
/// When a server does not start, does not answer or does not stop; where there is no `/proc`.
pub fn run(rounds: u32, listen: &ListenArguments, runner: &RunnerHandle) -> Result<Outcome, Box<dyn Error>> {
    let before = Footprint::now()?;
    let mut times = Times::default();
    for _ in 0..rounds {
        let Times { start, call, stop } = round(listen, runner)?;
        times = Times { start: times.start + start, call: times.call + call, stop: times.stop + stop };
    }
    let deadline = Instant::now() + LAST_THREAD;
    let mut after = Footprint::now()?;
    while after.threads > before.threads && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(1));
        after = Footprint::now()?;
    }
    Ok(Outcome { rounds, times, before, after })
}

/// One round.
fn round(listen: &ListenArguments, runner: &RunnerHandle) -> Result<Times, Box<dyn Error>> {
    let begun = Instant::now();
    let door = JobServiceServer::new(JobDoor::new(runner.clone()));
    let server = Server::builder().add_service(door).start(listen)?;
    let start = begun.elapsed();

    let begun = Instant::now();
    let client = JobServiceClient::connect(Address::new(&*listen.host, server.local_addr().port()).target())?;
    let found = own_calls::run(&client, JOB.0)?;
    let call = begun.elapsed();

    let begun = Instant::now();
    drop(client);
    let report = server.shutdown(SHUTDOWN_TIMEOUT);
    let stop = begun.elapsed();
    if found != JOB.1 || (report.cut, report.stuck) != (0, 0) {
        return Err(format!("{found} found, {report:?}").into());
    }
    Ok(Times { start, call, stop })
}

impl Outcome {
    /// Whether nothing is left over.
    pub fn is_clean(&self) -> bool {
        let Self { before, after, .. } = self;
        let memory = after.resident.saturating_sub(before.resident);
        (after.threads, after.files) == (before.threads, before.files) && memory <= MEMORY_LIMIT
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rounds, times: Times { start, call, stop }, before, after } = self;
        let average = |time: &Duration| time.as_secs_f64() * 1e3 / f64::from(*rounds);
        let mebibytes = |footprint: &Footprint| footprint.resident as f64 / 1024.0;
        let all = (*start + *call + *stop).as_secs_f64();
        writeln!(f, "{rounds} rounds in {all:.3}s")?;
        writeln!(f, "start {:.2}ms, call {:.2}ms, stop {:.2}ms", average(start), average(call), average(stop))?;
        writeln!(f, "Threads: {} before, {} after", before.threads, after.threads)?;
        writeln!(f, "Open files: {} before, {} after", before.files, after.files)?;
        write!(f, "Memory: {:.1} MiB before, {:.1} MiB after", mebibytes(before), mebibytes(after))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_over_is_told() {
        let before = Footprint { threads: 4, files: 5, resident: 4096 };
        let outcome = |after| Outcome { rounds: 2, times: Times::default(), before, after };
        assert!(outcome(before).is_clean());
        assert!(outcome(Footprint { resident: 4096 + 5120, ..before }).is_clean());
        assert!(!outcome(Footprint { resident: 4096 + 5121, ..before }).is_clean());
        assert!(!outcome(Footprint { threads: 5, ..before }).is_clean());
        assert!(!outcome(Footprint { files: 6, ..before }).is_clean());
    }
}
