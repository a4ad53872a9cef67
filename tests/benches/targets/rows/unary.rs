//! Unary echoes of 16 B: what a call costs the server, and how many there are in a second. Columns are connections × calls
//! at a time on each; the load is that of `load`, the same for both.

use crate::Outcome;
use crate::lab::{Lab, Place, Stack};
use crate::row::{Figure, Target};

/// Connections, calls at a time on each, and the target of what a call costs a server with a processor for itself.
const SHAPES: [(usize, usize, Target); 6] = [
    (1, 1, Target::ShareAtMost(1.0)),
    (1, 10, Target::Open),
    (1, 100, Target::ShareAtMost(0.45)),
    (10, 10, Target::ShareAtMost(0.45)),
    (10, 100, Target::ShareAtMost(0.45)),
    (100, 10, Target::ShareAtMost(0.45)),
];

pub(super) fn rows(lab: &Lab) {
    for place in [Place::Pinned, Place::Free] {
        for (connections, depth, pinned) in SHAPES {
            let name = format!("unary {connections}x{depth}, {}", place.label());
            let (cost, rate) = match (place, connections, depth) {
                (Place::Pinned, ..) => (pinned, Target::Open),
                (Place::Free, 10, 100) => (Target::ShareAtMost(0.4), Target::TimesAtLeast(2.0)),
                (Place::Free, ..) => (Target::Open, Target::Open),
            };
            let figures =
                [Figure::new("server CPU per call", "us", cost), Figure::new("calls per second", "1/s", rate)];
            lab.compare(&name, &figures, |stack| measure(lab, stack, place, connections, depth));
        }
    }
}

fn measure(lab: &Lab, stack: Stack, place: Place, connections: usize, depth: usize) -> Outcome<Vec<f64>> {
    let (server, port) = lab.serve(stack, place)?;
    let (connections, depth) = (connections.to_string(), depth.to_string());
    let mut load = lab.load(place, &["calls", &port, &connections, &depth, &lab.seconds()])?;
    let before = server.spent();
    let [rate, calls] = load.measure()?[..] else { return Err("two figures are expected".into()) };
    let spent = server.spent().since(&before);
    if spent.is_zero() {
        return Err(format!("{calls} calls are too few to see what they cost").into());
    }
    Ok(vec![spent.as_secs_f64() * 1e6 / calls, rate])
}
