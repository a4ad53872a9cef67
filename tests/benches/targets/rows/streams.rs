//! Long streams and large messages, each stack on both sides; and tonic's client with both servers, which tells the servers'
//! part in it. tonic's client runs on one thread and on workers, and the better of the two counts.

use crate::Outcome;
use crate::lab::{Lab, Place, Stack};
use crate::row::{Figure, Target};

/// Sizes, and what is aimed at with a processor for each side and without.
const SIZES: [(u64, [f64; 2]); 2] = [(16, [1.3, 1.3]), (1024, [1.0, 1.3])];

pub(super) fn rows(lab: &Lab) {
    let rate = |target| [Figure::new("messages per second", "1/s", target)];
    for (task, what) in [("server-stream", "server stream"), ("client-stream", "client stream")] {
        for (size, times) in SIZES {
            let task = format!("{task}:{size}");
            for (place, times) in [Place::Pinned, Place::Free].into_iter().zip(times) {
                let name = format!("{what} of {size} B, both sides, {}", place.label());
                lab.compare(&name, &rate(Target::TimesAtLeast(times)), |stack| flow(lab, stack, stack, place, &task));
            }
            let name = format!("{what} of {size} B, client tonic, {}", Place::Pinned.label());
            lab.compare(&name, &rate(Target::Open), |server| flow(lab, server, Stack::Tonic, Place::Pinned, &task));
        }
    }
    for place in [Place::Pinned, Place::Free] {
        let figures = [Figure::new("payload one way", "MB/s", Target::TimesAtLeast(1.0))];
        let name = format!("unary echo of 4 MiB, both sides, {}", place.label());
        lab.compare(&name, &figures, |stack| flow(lab, stack, stack, place, "large:4194304"));
    }
}

fn flow(lab: &Lab, server: Stack, client: Stack, place: Place, task: &str) -> Outcome<Vec<f64>> {
    let with_workers = |workers| {
        let (_server, port) = lab.serve(server, place)?;
        lab.client(client, workers, place, task, &port)
    };
    let on_one_thread = with_workers(0)?;
    if client == Stack::Stolid {
        return Ok(on_one_thread);
    }
    let on_workers = with_workers(lab.processors_at(place))?;
    Ok(on_one_thread.into_iter().zip(on_workers).map(|(one, other)| one.max(other)).collect())
}
