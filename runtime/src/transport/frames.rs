//! Looks at the HTTP/2 frames that pass by: h2 tells neither how often it resets streams nor what the peer asks of it.

use std::time::{Duration, Instant};

/// Length of a frame's header (RFC 9113, section 4.1).
const HEADER: usize = 9;

/// RST_STREAM (RFC 9113, section 6.4).
const RST_STREAM: u8 = 3;

/// The length of the client's connection preface, which comes before its first frame.
pub(crate) const PREFACE: usize = 24;

/// Follows the boundaries of frames through a stream of bytes, however it is cut.
#[derive(Debug)]
struct Scanner {
    /// Bytes until the next header.
    skip: usize,
    header: [u8; HEADER],
    filled: usize,
}

impl Scanner {
    /// Calls `frame` with the type of every frame whose header is complete.
    fn scan(&mut self, mut bytes: &[u8], mut frame: impl FnMut(u8)) {
        while !bytes.is_empty() {
            if self.skip > 0 {
                let passed = self.skip.min(bytes.len());
                self.skip -= passed;
                bytes = &bytes[passed..];
                continue;
            }
            let part = (HEADER - self.filled).min(bytes.len());
            self.header[self.filled..self.filled + part].copy_from_slice(&bytes[..part]);
            self.filled += part;
            bytes = &bytes[part..];
            if self.filled == HEADER {
                let [high, middle, low, kind, ..] = self.header;
                self.skip = u32::from_be_bytes([0, high, middle, low]) as usize;
                self.filled = 0;
                frame(kind);
            }
        }
    }
}

/// A bound on the streams that are reset on one connection.
///
/// h2 counts its own resets for the whole life of a connection and then ends it, so that a server which refuses or cancels calls
/// for days would end good connections; that count is switched off. A rate tells the two apart: a peer that makes us reset
/// streams all the time has nothing else in mind.
#[derive(Debug)]
pub(crate) struct ResetRate {
    scanner: Scanner,
    since: Instant,
    resets: u32,
    /// Streams taken on in this period: each may be reset once for a good reason (a cancellation, a deadline).
    taken_on: u32,
}

impl ResetRate {
    /// Resets in one period that are too many.
    const LIMIT: u32 = 20_000;
    const PERIOD: Duration = Duration::from_secs(10);

    /// `preface`: bytes that come before the first frame.
    pub(crate) fn new(preface: usize, now: Instant) -> Self {
        let scanner = Scanner { skip: preface, header: [0; HEADER], filled: 0 };
        Self { scanner, since: now, resets: 0, taken_on: 0 }
    }

    /// Bytes that are about to be written.
    pub(crate) fn wrote(&mut self, bytes: &[u8]) {
        let resets = &mut self.resets;
        self.scanner.scan(bytes, |kind| *resets += u32::from(kind == RST_STREAM));
    }

    /// A stream was accepted.
    pub(crate) fn took_on(&mut self) {
        self.taken_on += 1;
    }

    /// Whether the rate is too high. Asked once for each drive.
    pub(crate) fn is_exceeded(&mut self, now: Instant) -> bool {
        let exceeded = self.resets.saturating_sub(self.taken_on) > Self::LIMIT;
        if now.duration_since(self.since) >= Self::PERIOD {
            self.since = now;
            self.resets = 0;
            self.taken_on = 0;
        }
        exceeded
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, payload: usize) -> Vec<u8> {
        let mut bytes = vec![0, 0, payload as u8, kind, 0, 0, 0, 0, 1];
        bytes.resize(HEADER + payload, RST_STREAM);
        bytes
    }

    #[test]
    fn frames_are_found_however_the_bytes_are_cut() {
        let mut bytes = vec![RST_STREAM; PREFACE];
        for (kind, payload) in [(4, 6), (1, 40), (3, 4), (0, 200), (3, 4), (3, 4), (0, 0)] {
            bytes.extend(frame(kind, payload));
        }
        for piece in 1..bytes.len() {
            let mut rate = ResetRate::new(PREFACE, Instant::now());
            for part in bytes.chunks(piece) {
                rate.wrote(part);
            }
            assert_eq!(rate.resets, 3, "in pieces of {piece}");
        }
    }

    #[test]
    fn the_rate_counts_in_periods() {
        let now = Instant::now();
        let mut rate = ResetRate::new(0, now);
        for _ in 0..ResetRate::LIMIT {
            rate.wrote(&frame(RST_STREAM, 4));
        }
        assert!(!rate.is_exceeded(now));
        rate.wrote(&frame(RST_STREAM, 4));
        assert!(rate.is_exceeded(now));
        // The period that is over is judged a last time, then forgotten.
        assert!(rate.is_exceeded(now + ResetRate::PERIOD));
        assert!(!rate.is_exceeded(now + ResetRate::PERIOD));
    }
}
