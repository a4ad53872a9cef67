//! Unary echoes of 16 B: what a call costs the server, and how many there are in a second. Columns are connections × calls
//! at a time on each; the load is that of `load`, the same for both.

use crate::Outcome;
use crate::lab::{Lab, Place, Stack};
use crate::row::{Figure, Target};

/// Connections, calls at a time on each, and the target of the cost of a call.
const SHAPES: [(usize, usize, Target); 5] = [
    (1, 1, Target::Open),
    (1, 10, Target::Open),
    (1, 100, Target::ShareAtMost(0.45)),
    (10, 10, Target::ShareAtMost(0.45)),
    (10, 100, Target::ShareAtMost(0.45)),
];

pub(super) fn rows(lab: &Lab) {
    for place in [Place::Pinned, Place::Free] {
        for (connections, depth, target) in SHAPES {
            let name = format!("unary {connections}x{depth}, {}", lab.label(place));
            // The targets are those of a server with a processor for itself.
            let target = if place == Place::Pinned { target } else { Target::Open };
            let figures = [
                Figure::new("server CPU per call", "us", target),
                Figure::new("calls per second", "1/s", Target::Open),
            ];
            lab.compare(&name, &figures, |stack| cost(lab, stack, place, connections, depth));
        }
    }
}

fn cost(lab: &Lab, stack: Stack, place: Place, connections: usize, depth: usize) -> Outcome<Vec<f64>> {
    let (server, port) = lab.serve(stack, place)?;
    let (connections, depth) = (connections.to_string(), depth.to_string());
    let mut load = lab.load(place, &["calls", &port, &connections, &depth, &lab.seconds()])?;
    let before = server.process().processor_time();
    let [rate, calls] = load.measure()?[..] else { return Err("two figures are expected".into()) };
    let spent = server.process().processor_time() - before;
    Ok(vec![spent.as_secs_f64() * 1e6 / calls, rate])
}
