//! What a server holds: for streams and connections that are open and silent, and when its work is done.

use std::time::Duration;

use crate::Outcome;
use crate::lab::{Lab, Place, Stack, rest};
use crate::part::Part;
use crate::row::{Figure, Target};

/// How long after the last call a server is looked at.
const SETTLED: Duration = Duration::from_secs(2);

/// How long its processor time is watched then.
const WATCHED: Duration = Duration::from_secs(2);

/// Connections without a call.
const CONNECTIONS: usize = 400;

pub(super) fn rows(lab: &Lab) {
    let each = |name| [Figure::new(name, "KiB", Target::Open), Figure::new("threads", "threads", Target::Open)];
    let name = "1,000 open streams without a handler, on 10 connections";
    lab.compare(name, &each("server memory for each"), |stack| held(lab, stack, 10, 100));
    let name = format!("{CONNECTIONS} idle connections");
    lab.compare(&name, &each("server memory for each"), |stack| held(lab, stack, CONNECTIONS, 0));
    let idle = [Figure::new("threads", "threads", Target::Open), Figure::new("CPU", "% of a processor", Target::Open)];
    lab.compare("2 s after 1,000 calls at once and a load of 10x100", &idle, |stack| at_rest(lab, stack));
}

/// Memory of each thing held, and the server's threads meanwhile. A connection was made before, so that what the first
/// costs is not counted.
fn held(lab: &Lab, stack: Stack, connections: usize, streams: usize) -> Outcome<Vec<f64>> {
    let (server, port) = lab.serve(stack, Place::Free)?;
    let mut first = lab.load(Place::Free, &["hold", &port, "1", "0"])?;
    first.measure()?;
    let before = server.process().resident_bytes();
    let mut load = lab.load(Place::Free, &["hold", &port, &connections.to_string(), &streams.to_string()])?;
    let count = load.measure()?[0];
    rest(SETTLED);
    let after = server.process().resident_bytes();
    Ok(vec![(after as f64 - before as f64) / 1024.0 / count, threads(&server)])
}

/// Threads and share of a processor when the load has gone.
fn at_rest(lab: &Lab, stack: Stack) -> Outcome<Vec<f64>> {
    let (server, port) = lab.serve(stack, Place::Free)?;
    lab.load(Place::Free, &["burst", &port, "10", "100", "sleep 100"])?.measure()?;
    lab.load(Place::Free, &["calls", &port, "10", "100", &lab.seconds()])?.measure()?;
    rest(SETTLED);
    let (threads, before) = (threads(&server), server.process().processor_time());
    rest(WATCHED);
    let spent = server.process().processor_time() - before;
    Ok(vec![threads, 100.0 * spent.as_secs_f64() / WATCHED.as_secs_f64()])
}

fn threads(server: &Part) -> f64 {
    server.process().threads().len() as f64
}
