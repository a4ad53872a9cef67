//! Many calls at once that wait: for time to pass, or for calls of their own.

use crate::Outcome;
use crate::lab::{Lab, Place, Stack};
use crate::row::{Figure, Target};

/// How often the nested calls are made on one server.
const ROUNDS: usize = 20;

pub(super) fn rows(lab: &Lab) {
    // tonic's handlers sleep in `spawn_blocking`, as what blocks must there; asleep on the event loop they would cost no thread.
    let sleep = [Figure::new("until all are answered", "ms", Target::AtMost(300.0))];
    lab.compare("1,000 calls at once that block for 100 ms", &sleep, |stack| all_asleep(lab, stack));
    // What stalls never ends, and then there is no figure.
    let nest = [
        Figure::new("until all are answered", "ms", Target::Open),
        Figure::new("the slowest round", "ms", Target::Open),
    ];
    lab.compare("64 calls at once, nested three deep", &nest, |stack| nested(lab, stack));
}

/// On a server that has not seen such calls before, so that its threads are started too.
fn all_asleep(lab: &Lab, stack: Stack) -> Outcome<Vec<f64>> {
    let (_server, port) = lab.serve(stack, Place::Free)?;
    lab.load(Place::Free, &["burst", &port, "10", "100", "sleep 100"])?.measure()
}

/// The median and the slowest of some rounds.
fn nested(lab: &Lab, stack: Stack) -> Outcome<Vec<f64>> {
    let (_server, port) = lab.serve(stack, Place::Free)?;
    let mut load = lab.load(Place::Free, &["burst", &port, "1", "64", "nest 3"])?;
    let mut times = (0..ROUNDS).map(|_| Ok(load.measure()?[0])).collect::<Outcome<Vec<_>>>()?;
    times.sort_by(f64::total_cmp);
    Ok(vec![times[ROUNDS / 2], times[ROUNDS - 1]])
}
