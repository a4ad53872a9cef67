//! Looks at the HTTP/2 frames that pass by: h2 tells neither how often it resets streams nor what the peer asks of it.

use std::time::{Duration, Instant};

/// Length of a frame's header (RFC 9113, section 4.1).
const HEADER: usize = 9;

/// Frame types (RFC 9113, section 6).
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;

/// Flags of DATA, HEADERS and CONTINUATION (RFC 9113, section 6).
const END_STREAM: u8 = 0x1;
const END_HEADERS: u8 = 0x4;

/// The length of the client's connection preface, which comes before its first frame.
pub(crate) const PREFACE: usize = 24;

/// What a frame's header says.
#[derive(Debug, Clone, Copy)]
struct Head {
    kind: u8,
    flags: u8,
    length: usize,
}

impl Head {
    fn read(header: &[u8; HEADER]) -> Self {
        let &[high, middle, low, kind, flags, ..] = header;
        Self { kind, flags, length: u32::from_be_bytes([0, high, middle, low]) as usize }
    }

    /// A part of a header block, and not its last.
    fn leaves_block_open(self) -> bool {
        matches!(self.kind, HEADERS | CONTINUATION) && self.flags & END_HEADERS == 0
    }

    /// Headers, or bytes of a message: what connections are for.
    fn is_of_a_call(self) -> bool {
        self.kind == HEADERS || (self.kind == DATA && (self.length > 0 || self.flags & END_STREAM != 0))
    }

    /// PING, SETTINGS, WINDOW_UPDATE, PRIORITY, DATA without data and frames that nobody knows: cheap for their sender. h2
    /// bounds the frames of one header block, and resets are counted apart.
    fn is_cheap(self) -> bool {
        !self.is_of_a_call() && !matches!(self.kind, RST_STREAM | GOAWAY | CONTINUATION)
    }
}

/// Follows the boundaries of frames through a stream of bytes, however it is cut.
#[derive(Debug)]
struct Scanner {
    /// Bytes until the next header.
    skip: usize,
    header: [u8; HEADER],
    filled: usize,
}

impl Scanner {
    /// `preface`: bytes that come before the first frame.
    fn new(preface: usize) -> Self {
        Self { skip: preface, header: [0; HEADER], filled: 0 }
    }

    /// Calls `frame` for every frame whose header is complete.
    fn scan(&mut self, mut bytes: &[u8], mut frame: impl FnMut(Head)) {
        while !bytes.is_empty() {
            if self.skip > 0 {
                let passed = self.skip.min(bytes.len());
                self.skip -= passed;
                bytes = &bytes[passed..];
                continue;
            }
            if self.filled == 0
                && let Some((header, rest)) = bytes.split_first_chunk::<HEADER>()
            {
                let head = Head::read(header);
                self.skip = head.length;
                bytes = rest;
                frame(head);
                continue;
            }
            let part = (HEADER - self.filled).min(bytes.len());
            self.header[self.filled..self.filled + part].copy_from_slice(&bytes[..part]);
            self.filled += part;
            bytes = &bytes[part..];
            if self.filled == HEADER {
                let head = Head::read(&self.header);
                self.skip = head.length;
                self.filled = 0;
                frame(head);
            }
        }
    }
}

/// What a peer does too much of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Excess {
    /// It makes us reset streams that were never taken on.
    Refusals,
    /// Calls are reset, by it or because of it.
    Resets,
    /// Frames that carry nothing.
    CheapFrames,
}

impl std::fmt::Display for Excess {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Refusals => "too many streams had to be refused",
            Self::Resets => "too many calls were reset",
            Self::CheapFrames => "too many frames came that carry nothing",
        })
    }
}

/// Counts frames, to tell a busy peer from an attack.
///
/// h2 counts its own resets for the whole life of a connection and then ends it, so that a server which refuses or cancels calls
/// for days would end good connections; that count is switched off. A rate tells the two apart: a peer that makes us reset
/// streams all the time has nothing else in mind.
#[derive(Debug)]
pub(crate) struct Traffic {
    incoming: Scanner,
    outgoing: Scanner,
    /// The header block that comes goes on in a further frame.
    block_open: bool,
    /// The frame that comes is part of a header block.
    in_block: bool,
    /// Since when the peer owes the rest of a header block.
    block_since: Option<Instant>,
    /// Frames received since something could be sent.
    unanswered: u32,
    period: Period,
}

/// What was counted in one period.
#[derive(Debug)]
struct Period {
    since: Instant,
    resets_sent: u32,
    resets_received: u32,
    /// Streams taken on: each may be reset once for a good reason (a cancellation, a deadline).
    taken_on: u32,
    cheap: u32,
    /// Frames of calls, in both directions: a healthy peer's cheap frames follow from them.
    of_calls: u32,
}

impl Period {
    fn new(now: Instant) -> Self {
        Self { since: now, resets_sent: 0, resets_received: 0, taken_on: 0, cheap: 0, of_calls: 0 }
    }
}

impl Traffic {
    const PERIOD: Duration = Duration::from_secs(10);

    /// Resets of streams that were not taken on, in one period, that are too many.
    const REFUSALS: u32 = 20_000;

    /// Cheap frames in one period that are too many.
    const CHEAP: u32 = 50_000;

    /// Cheap frames that one frame of a call explains: a WINDOW_UPDATE for the stream and one for the connection, a
    /// PING that measures the way, its answer.
    const CHEAP_FOR_A_CALL: u32 = 4;

    /// Frames read while nothing can be sent. Each may make h2 keep something until it can, such as a reset.
    const UNANSWERED: u32 = 10_000;

    /// Bytes that come before the first frame in each direction.
    pub(crate) fn new(incoming: usize, outgoing: usize, now: Instant) -> Self {
        Self {
            incoming: Scanner::new(incoming),
            outgoing: Scanner::new(outgoing),
            block_open: false,
            in_block: false,
            block_since: None,
            unanswered: 0,
            period: Period::new(now),
        }
    }

    /// Bytes that were read.
    pub(crate) fn read(&mut self, bytes: &[u8]) {
        let Self { incoming, block_open, in_block, block_since, unanswered, period, .. } = self;
        incoming.scan(bytes, |head| {
            *unanswered = unanswered.saturating_add(1);
            period.of_calls += u32::from(head.is_of_a_call());
            period.cheap += u32::from(head.is_cheap());
            period.resets_received += u32::from(head.kind == RST_STREAM);
            if !*block_open {
                *block_since = None;
            }
            *in_block = matches!(head.kind, HEADERS | CONTINUATION);
            *block_open = head.leaves_block_open();
        });
        if *block_open || (*in_block && incoming.skip > 0) {
            // Rare: most reads end behind a whole frame. The clock is asked then only.
            block_since.get_or_insert_with(Instant::now);
        } else {
            *block_since = None;
        }
    }

    /// Since when the peer has owed us the rest of a header block.
    pub(crate) fn block_since(&self) -> Option<Instant> {
        self.block_since
    }

    /// Bytes that are about to be written.
    pub(crate) fn wrote(&mut self, bytes: &[u8]) {
        let period = &mut self.period;
        self.outgoing.scan(bytes, |head| {
            period.resets_sent += u32::from(head.kind == RST_STREAM);
            period.of_calls += u32::from(head.is_of_a_call());
        });
    }

    /// The peer has taken bytes.
    pub(crate) fn sent(&mut self) {
        self.unanswered = 0;
    }

    /// Whether so much came without anything going out that more must wait.
    pub(crate) fn is_unanswered(&self) -> bool {
        self.unanswered >= Self::UNANSWERED
    }

    /// A stream was accepted.
    pub(crate) fn took_on(&mut self) {
        self.period.taken_on += 1;
    }

    /// What there is too much of, with at most `resets` a second: `None` on a client, whose own program resets what it
    /// likes. Asked once for each drive.
    pub(crate) fn excess(&mut self, resets: Option<u32>, now: Instant) -> Option<Excess> {
        let period = &self.period;
        let cheap_allowed = period.of_calls.saturating_mul(Self::CHEAP_FOR_A_CALL);
        let is_server = resets.is_some();
        let resets_allowed = resets.unwrap_or(u32::MAX).saturating_mul(Self::PERIOD.as_secs() as u32);
        let excess = if is_server && period.resets_sent.saturating_sub(period.taken_on) > Self::REFUSALS {
            Some(Excess::Refusals)
        } else if period.resets_sent.saturating_add(period.resets_received) > resets_allowed {
            Some(Excess::Resets)
        } else if period.cheap.saturating_sub(cheap_allowed) > Self::CHEAP {
            Some(Excess::CheapFrames)
        } else {
            None
        };
        if now.duration_since(period.since) >= Self::PERIOD {
            self.period = Period::new(now);
        }
        excess
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTINGS: u8 = 4;
    const PING: u8 = 6;

    fn frame_with(kind: u8, flags: u8, payload: usize) -> Vec<u8> {
        let mut bytes = vec![0, 0, payload as u8, kind, flags, 0, 0, 0, 1];
        bytes.resize(HEADER + payload, RST_STREAM);
        bytes
    }

    fn frame(kind: u8, payload: usize) -> Vec<u8> {
        frame_with(kind, END_HEADERS, payload)
    }

    fn traffic(now: Instant) -> Traffic {
        Traffic::new(0, 0, now)
    }

    #[test]
    fn frames_are_found_however_the_bytes_are_cut() {
        let mut bytes = vec![RST_STREAM; PREFACE];
        for (kind, payload) in
            [(SETTINGS, 6), (HEADERS, 40), (RST_STREAM, 4), (DATA, 200), (RST_STREAM, 4), (RST_STREAM, 4), (DATA, 0)]
        {
            bytes.extend(frame(kind, payload));
        }
        for piece in 1..bytes.len() {
            let mut traffic = Traffic::new(PREFACE, PREFACE, Instant::now());
            for part in bytes.chunks(piece) {
                traffic.wrote(part);
                traffic.read(part);
            }
            let Period { resets_sent, resets_received, cheap, of_calls, .. } = traffic.period;
            assert_eq!((resets_sent, resets_received, cheap, of_calls), (3, 3, 2, 4), "in pieces of {piece}");
            assert_eq!(traffic.unanswered, 7);
        }
    }

    #[test]
    fn refusals_are_counted_in_periods() {
        let now = Instant::now();
        let mut traffic = traffic(now);
        for _ in 0..Traffic::REFUSALS {
            traffic.wrote(&frame(RST_STREAM, 4));
        }
        assert_eq!(traffic.excess(Some(u32::MAX), now), None);
        traffic.wrote(&frame(RST_STREAM, 4));
        assert_eq!(traffic.excess(Some(u32::MAX), now), Some(Excess::Refusals));
        assert_eq!(traffic.excess(None, now), None, "a client may");
        // The period that is over is judged a last time, then forgotten.
        assert_eq!(traffic.excess(Some(u32::MAX), now + Traffic::PERIOD), Some(Excess::Refusals));
        assert_eq!(traffic.excess(Some(u32::MAX), now + Traffic::PERIOD), None);
    }

    #[test]
    fn resets_of_both_sides_are_counted_together() {
        let now = Instant::now();
        let mut traffic = traffic(now);
        for _ in 0..500 {
            traffic.took_on();
            traffic.read(&frame(RST_STREAM, 4));
            traffic.took_on();
            traffic.wrote(&frame(RST_STREAM, 4));
        }
        assert_eq!(traffic.excess(Some(100), now), None);
        traffic.read(&frame(RST_STREAM, 4));
        assert_eq!(traffic.excess(Some(100), now), Some(Excess::Resets));
    }

    #[test]
    fn cheap_frames_are_too_many_when_no_call_explains_them() {
        let now = Instant::now();
        let mut traffic = traffic(now);
        for _ in 0..=Traffic::CHEAP {
            traffic.read(&frame(PING, 8));
        }
        assert_eq!(traffic.excess(Some(u32::MAX), now), Some(Excess::CheapFrames));
        traffic.wrote(&frame(DATA, 100));
        assert_eq!(traffic.excess(Some(u32::MAX), now), None);
    }

    #[test]
    fn a_header_block_is_owed_until_its_last_byte() {
        let mut traffic = traffic(Instant::now());
        let block = [frame_with(HEADERS, 0, 3), frame_with(CONTINUATION, 0, 0), frame(CONTINUATION, 2)].concat();
        let mut first = None;
        for (at, byte) in block.iter().enumerate() {
            assert_eq!(traffic.block_since(), first, "before byte {at}");
            traffic.read(&[*byte]);
            if at == HEADER - 1 {
                first = traffic.block_since();
                assert!(first.is_some(), "its frame has begun");
            }
            if at == block.len() - 1 {
                assert_eq!(traffic.block_since(), None, "it is complete");
            }
        }
        traffic.read(&frame(DATA, 50)[..20]);
        assert_eq!(traffic.block_since(), None, "a body takes as long as it likes");
    }

    #[test]
    fn a_block_that_begins_as_another_ends_is_a_new_one() {
        let mut traffic = traffic(Instant::now());
        let block = frame(HEADERS, 5);
        traffic.read(&block[..HEADER]);
        let first = traffic.block_since().unwrap();
        while first == Instant::now() {}
        traffic.read(&[&block[HEADER..], &block[..HEADER]].concat());
        assert!(traffic.block_since().unwrap() > first);
    }
}
