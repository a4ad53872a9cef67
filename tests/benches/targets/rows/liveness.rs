//! Quick calls beside slow ones on the same connection, 2,000 calls in a second whether answered or not; ours alone.

use std::time::Duration;

use crate::Outcome;
use crate::lab::{Lab, Place, Stack};
use crate::row::{Figure, Target};

/// The tail needs more calls than a short measurement makes.
const LEAST: Duration = Duration::from_secs(1);

pub(super) fn rows(lab: &Lab) {
    let figures = |limit| {
        let limit = Target::AtMost(limit);
        [("p50", Target::Open), ("p99", limit), ("max", Target::Open)]
            .map(|(name, target)| Figure::new(name, "us", target))
    };
    for place in [Place::Pinned, Place::Free] {
        for what in ["sleepers-of-the-same-method", "sleepers-of-another-method"] {
            let name = format!("quick calls, every tenth with {}, {}", what.replace('-', " "), place.label());
            lab.alone(&name, &figures(500.0), || quick(lab, place, what));
        }
    }
    lab.alone("quick calls while a handler spins for 1 s", &figures(2000.0), || quick(lab, Place::Free, "spinner"));
}

fn quick(lab: &Lab, place: Place, what: &str) -> Outcome<Vec<f64>> {
    let (_server, port) = lab.serve(Stack::Stolid, place)?;
    let span = lab.flags.span.max(LEAST).as_secs_f64().to_string();
    lab.load(place, &["steady", &port, what, &span])?.measure()
}
