//! Messages to envelopes and back.

use bytes::{Bytes, BytesMut};
use stolid::fuzzing::{Assembler, Batch, encode_message};
use stolid_tests::lab::Req;

use crate::stopwatch::Stopwatch;

/// Larger than all messages here.
const LIMIT: usize = 4 << 20;

/// The payload of a DATA frame as most peers send it.
const FRAME: usize = 16 * 1024;

/// Payload bytes, how they are called, and how many messages come at once.
const SIZES: [(usize, &str, u32); 3] = [(16, "16 B", 100), (1024, "1 KiB", 15), (64 << 10, "64 KiB", 1)];

pub(crate) fn rows(watch: &Stopwatch) {
    for (size, called, count) in SIZES {
        let message = Req { payload: vec![5; size] };
        let mut out = BytesMut::new();
        watch.time(&format!("envelope: encode a message of {called}"), || {
            out.clear();
            encode_message(&message, LIMIT, &mut out).expect("it is below the limit");
            out.len()
        });
        let frames = frames(&message, count);
        let name = format!("envelope: assemble and decode a message of {called}, {count} at once");
        watch.time_many(
            &name,
            count,
            || (Assembler::new(LIMIT), frames.clone()),
            |(assembler, frames)| read(assembler, frames, count),
        );
    }
}

/// The bytes of so many messages.
fn frames(message: &Req, count: u32) -> Vec<Bytes> {
    let mut out = BytesMut::new();
    for _ in 0..count {
        encode_message(message, LIMIT, &mut out).expect("it is below the limit");
    }
    out.chunks(FRAME).map(Bytes::copy_from_slice).collect()
}

/// As a stream reads: frames are pushed as they come, complete messages are taken and decoded.
fn read(mut assembler: Assembler, frames: Vec<Bytes>, count: u32) -> usize {
    let (mut batch, mut bytes, mut messages) = (Batch::default(), 0, 0);
    for frame in frames {
        assembler.push(frame).expect("the envelopes are whole");
        if assembler.take(&mut batch) > 0 {
            while let Some((message, _wire_len)) = batch.next_message::<Req>() {
                bytes += message.expect("it can be decoded").payload.len();
                messages += 1;
            }
        }
    }
    assert_eq!(messages, count, "all messages are there");
    bytes
}
