//! Several threads with one channel: our client and tonic's `block_on` on the same server.

use crate::lab::{Lab, Place, Stack};
use crate::row::{Figure, Target};

pub(super) fn rows(lab: &Lab) {
    let figures = [Figure::new("calls per second", "1/s", Target::TimesAtLeast(2.0))];
    for threads in [8, 64] {
        for server in [Stack::Stolid, Stack::Tonic] {
            let name = format!("{threads} threads on one channel, server {}", server.word());
            lab.compare(&name, &figures, |client| {
                let (_server, port) = lab.serve(server, Place::Free)?;
                lab.client(client, lab.processors, Place::Free, &format!("threads:{threads}"), &port)
            });
        }
    }
}
