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
    let each = |limit| {
        let limit = Target::AtMost(limit);
        [Figure::new("resident memory for each", "KiB", limit), Figure::new("threads", "threads", Target::Open)]
    };
    let name = format!("{CONNECTIONS} idle connections");
    lab.compare(&name, &each(24.0), |stack| held(lab, stack, "nothing", CONNECTIONS, 1));
    // Ours have a thread each.
    let name = "1,000 idle bidi streams with their handlers, on 10 connections";
    lab.compare(name, &each(24.0), |stack| held(lab, stack, "bidi", 10, 100));
    let name = "1,000 open server streams without a handler, on 10 connections";
    lab.compare(name, &each(10.0), |stack| held(lab, stack, "detached", 10, 100));
    let threads = Figure::new("threads", "threads", Target::AtMost((4 + lanes(lab)) as f64));
    // Whatever rounds to 0.0.
    let processor = Figure::new("CPU", "% of a processor", Target::AtMost(0.05));
    lab.compare("2 s after 1,000 calls at once and a load of 10x100", &[threads, processor], |stack| {
        at_rest(lab, stack)
    });
}

/// How many lanes our server has by default.
fn lanes(lab: &Lab) -> usize {
    lab.processors.div_ceil(2).min(8)
}

/// Memory of each thing held, and the server's threads meanwhile. There was one before, so that what the first costs is not
/// counted.
fn held(lab: &Lab, stack: Stack, what: &str, connections: usize, streams: usize) -> Outcome<Vec<f64>> {
    let (server, port) = lab.serve(stack, Place::Free)?;
    let mut first = lab.load(Place::Free, &["hold", &port, what, "1", "1"])?;
    first.measure()?;
    rest(SETTLED);
    let before = server.process().resident_bytes();
    let mut load = lab.load(Place::Free, &["hold", &port, what, &connections.to_string(), &streams.to_string()])?;
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
    let (threads, before) = (threads(&server), server.spent());
    rest(WATCHED);
    let spent = server.spent().since(&before);
    Ok(vec![threads, 100.0 * spent.as_secs_f64() / WATCHED.as_secs_f64()])
}

fn threads(server: &Part) -> f64 {
    server.process().threads().len() as f64
}
