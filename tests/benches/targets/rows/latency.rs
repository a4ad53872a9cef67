//! One call at a time, and one message there and back at a time, of 16 B: our client, and tonic's `block_on` on a runtime
//! with one thread, with the same server; streams also each with its own.

use crate::lab::{Lab, Place, Stack};
use crate::row::{Figure, Target};

/// Calls and streams, their server (none: each stack its own), and the target of the median.
const PAIRS: [(&str, &str, Option<Stack>, f64); 5] = [
    ("unary", "unary ping-pong", Some(Stack::Stolid), 0.5),
    // Half of the time is that of the server, which is the same for both.
    ("unary", "unary ping-pong", Some(Stack::Tonic), 0.65),
    ("bidi", "bidi ping-pong", None, 0.5),
    ("bidi", "bidi ping-pong", Some(Stack::Stolid), 0.5),
    ("bidi", "bidi ping-pong", Some(Stack::Tonic), 0.5),
];

pub(super) fn rows(lab: &Lab) {
    for (task, what, server, share) in PAIRS {
        let figures =
            [Figure::new("p50", "us", Target::ShareAtMost(share)), Figure::new("p99", "us", Target::ShareAtMost(1.0))];
        let with = server.map_or_else(|| "both sides".to_owned(), |server| format!("server {}", server.word()));
        for place in [Place::Pinned, Place::Free] {
            lab.compare(&format!("{what}, {with}, {}", place.label()), &figures, |client| {
                let (_server, port) = lab.serve(server.unwrap_or(client), place)?;
                lab.client(client, 0, place, task, &port)
            });
        }
    }
}
