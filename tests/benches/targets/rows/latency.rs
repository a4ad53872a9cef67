//! One call at a time, and one message there and back at a time, of 16 B: our client and tonic's `block_on` on the same server.

use crate::lab::{Lab, Place, Stack};
use crate::row::{Figure, Target};

pub(super) fn rows(lab: &Lab) {
    let figures = [Figure::new("p50", "us", Target::ShareAtMost(0.5)), Figure::new("p99", "us", Target::Open)];
    for (task, what) in [("unary", "unary ping-pong"), ("bidi", "bidi ping-pong")] {
        for place in [Place::Pinned, Place::Free] {
            for server in [Stack::Tonic, Stack::Stolid] {
                let name = format!("{what}, {}, server {}", lab.label(place), server.word());
                lab.compare(&name, &figures, |client| {
                    let (_server, port) = lab.serve(server, place)?;
                    lab.load(place, &["client", client.word(), task, &port, &lab.seconds()])?.measure()
                });
            }
        }
    }
}
