//! Long streams, each stack on both sides or tonic's client on both servers; and large messages.

use crate::Outcome;
use crate::lab::{Lab, Place, Stack};
use crate::row::{Figure, Target};

pub(super) fn rows(lab: &Lab) {
    for (task, what) in [("server-stream", "server stream"), ("client-stream", "client stream")] {
        for (size, times) in [(16, 1.3), (1024, 1.0)] {
            let figures = [Figure::new("messages per second", "1/s", Target::TimesAtLeast(times))];
            let task = format!("{task}:{size}");
            for client in [None, Some(Stack::Tonic)] {
                let clients = if client.is_some() { "tonic's client" } else { "both sides" };
                let name = format!("{what} of {size} B, {clients}, {}", lab.label(Place::Pinned));
                lab.compare(&name, &figures, |stack| flow(lab, stack, client.unwrap_or(stack), &task));
            }
        }
    }
    let figures = [Figure::new("payload one way", "MB/s", Target::Open)];
    let name = format!("unary echo of 4 MiB, both sides, {}", lab.label(Place::Pinned));
    lab.compare(&name, &figures, |stack| flow(lab, stack, stack, "large:4194304"));
}

fn flow(lab: &Lab, server: Stack, client: Stack, task: &str) -> Outcome<Vec<f64>> {
    let (_server, port) = lab.serve(server, Place::Pinned)?;
    lab.load(Place::Pinned, &["client", client.word(), task, &port, &lab.seconds()])?.measure()
}
