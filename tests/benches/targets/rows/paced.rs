//! Messages some time apart: how long one is on its way. Waiting for others must not make a message late, so the targets are
//! those of ours against ours flushed one by one; tonic's are there to be read.

use crate::Outcome;
use crate::lab::{Lab, Place, Stack};
use crate::row::{Figure, Target};

/// The pauses in nanoseconds, and what they are called.
const PAUSES: [(u64, &str); 3] = [(1_000_000, "1 ms"), (20_000, "20 us"), (5_000, "5 us")];

/// So many messages at least, for the tail of the times.
const LEAST: u64 = 300;

pub(super) fn rows(lab: &Lab) {
    let figures = |p50, p99| [Figure::new("p50 of one way", "us", p50), Figure::new("p99 of one way", "us", p99)];
    for (nanos, pause) in PAUSES {
        let open = figures(Target::Open, Target::Open);
        lab.compare(&format!("messages {pause} apart"), &open, |stack| way(lab, stack.word(), nanos));
        let flushed = figures(Target::ShareAtMost(1.2), Target::ShareAtMost(2.0));
        let name = format!("messages {pause} apart, theirs is ours flushed one by one");
        lab.compare(&name, &flushed, |stack| {
            way(lab, if stack == Stack::Tonic { "stolid-flushed" } else { "stolid" }, nanos)
        });
    }
}

fn way(lab: &Lab, how: &str, nanos: u64) -> Outcome<Vec<f64>> {
    let count = (lab.flags.span.as_nanos() as u64 / nanos).max(LEAST);
    lab.load(Place::Free, &["paced", how, &nanos.to_string(), &count.to_string()])?.measure()
}
