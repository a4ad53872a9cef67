//! Envelopes into the outbox of a stream, and out of it in the pieces of DATA frames.

use bytes::BytesMut;
use stolid::fuzzing::Outbox;

use crate::stopwatch::Stopwatch;

/// The most that is taken at once, as by the drive.
const TAKEN: usize = 32 * 1024;

/// The bytes of an envelope, how they are called, and how many are queued before they are taken: less than the quota of a stream.
const SIZES: [(usize, &str, u32); 4] =
    [(23, "23 B", 1), (23, "23 B", 1000), (1 << 10, "1 KiB", 50), (16 << 10, "16 KiB", 3)];

pub(crate) fn rows(watch: &Stopwatch) {
    for (size, called, count) in SIZES {
        let (envelope, mut outbox) = (vec![5; size], Outbox::default());
        // A large envelope leaves with its buffer, so each has one of its own.
        let make = || Vec::from_iter((0..count).map(|_| BytesMut::from(&envelope[..])));
        watch.time_many(&format!("packing: an envelope of {called}, {count} at once"), count, make, |envelopes| {
            for mut envelope in envelopes {
                assert!(outbox.push(&mut envelope), "there is room");
            }
            let mut left = size * count as usize;
            while left > 0 {
                left -= outbox.take(TAKEN).len();
            }
        });
    }
}
