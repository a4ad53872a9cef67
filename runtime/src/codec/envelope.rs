//! `Assembler`: finds the envelopes in the payloads of DATA frames.
//!
//! An envelope is a 5-byte prefix (a flag and a big-endian length) and a message. Frames and envelopes have nothing to
//! do with each other: a frame may carry a thousand messages or one byte of a prefix.

use std::mem;

use bytes::{Buf, Bytes, BytesMut};

use super::PREFIX_LEN;
use super::batch::Batch;
use super::chunks::Chunks;
use super::spare;

/// Payloads shorter than this are copied, because each of them keeps the connection's whole read buffer alive.
const SMALL: usize = 2 * 1024;

/// The room asked for when the buffer for small payloads is full.
const TAIL_STEP: usize = 512;

/// The buffer for small payloads is closed and queued when it has come to this size.
const TAIL_MAX: usize = 64 * 1024;

/// A buffer that has held more than this is not kept for the next payloads.
const TAIL_KEPT: usize = 4 * 1024;

/// Envelopes of this size and more are copied together as they come. So the connection's read buffers are free again at once
/// and a decoder finds one slice; it would have to copy the pieces together itself, when they are no longer in the cache.
const GATHERED: usize = 32 * 1024;

/// Room for such an envelope is at most this many times what has come of it.
const GATHERED_GROWTH: usize = 4;

/// Collects what one stream receives and knows how much of it is complete envelopes.
///
/// A payload costs a look at each prefix in it and nothing per message beyond that. A length over the limit is found in
/// the prefix; nothing is ever allocated for bytes that have not come.
#[derive(Debug)]
pub(crate) struct Assembler {
    /// The largest message accepted, in bytes.
    limit: usize,
    /// The older bytes.
    chunks: Chunks,
    /// The newer bytes: small payloads, copied; or the incomplete envelope, if it is being gathered.
    tail: BytesMut,
    /// The length of the envelope that is being gathered, of which the tail is all that has come and nothing else; 0 without
    /// one.
    gathers: usize,
    /// How many of the stored bytes, counted from the oldest, are complete envelopes.
    complete_bytes: usize,
    complete_messages: usize,
    /// How many bytes of the first incomplete envelope have come, its prefix included.
    partial: usize,
    /// The first `partial` bytes of this prefix have come.
    prefix: [u8; PREFIX_LEN],
    /// The length of the incomplete envelope; valid once its prefix is complete.
    want: usize,
    /// The rule that was broken; nothing is accepted afterwards.
    broken: Option<BrokenEnvelope>,
}

/// What a peer got wrong about envelopes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BrokenEnvelope {
    /// The prefix announces more than the limit.
    TooLarge { size: u32, limit: usize },
    /// The first byte is neither 0 nor 1.
    BadFlag(u8),
    /// The stream ended after `have` bytes of an envelope of `want` bytes, if its prefix was there.
    Cut { have: usize, want: Option<usize> },
}

/// Where the envelopes in a payload end.
#[derive(Clone, Copy, Debug, Default)]
struct Scan {
    /// The messages that end in the payload.
    messages: usize,
    /// The end of the envelope that began in an earlier payload; 0 if there is none or it does not end here.
    first_end: usize,
    /// The end of the last envelope that ends here.
    last_end: usize,
}

impl Assembler {
    /// An assembler that refuses messages of more than `limit` bytes.
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            limit,
            chunks: Chunks::default(),
            tail: BytesMut::new(),
            gathers: 0,
            complete_bytes: 0,
            complete_messages: 0,
            partial: 0,
            prefix: [0; PREFIX_LEN],
            want: 0,
            broken: None,
        }
    }

    /// Takes in the payload of a DATA frame and says how many messages it completed.
    ///
    /// # Errors
    ///
    /// When a prefix breaks a rule, now or in an earlier call. The messages before it can still be taken.
    pub(crate) fn push(&mut self, data: Bytes) -> Result<usize, BrokenEnvelope> {
        if let Some(broken) = self.broken {
            return Err(broken);
        }
        let mut scan = Scan::default();
        let before = self.partial;
        let result = self.scan(&data, &mut scan);
        if scan.messages > 0 {
            self.complete_bytes += before + scan.last_end;
            self.complete_messages += scan.messages;
        }
        match result {
            Ok(()) => {
                self.store(data, scan);
                Ok(scan.messages)
            }
            Err(broken) => {
                self.partial = 0;
                self.broken = Some(broken);
                let mut data = data;
                data.truncate(scan.last_end);
                self.store(data, scan);
                Err(broken)
            }
        }
    }

    /// Moves every complete envelope to `into` and returns the number of their bytes on the wire.
    pub(crate) fn take(&mut self, into: &mut Batch) -> usize {
        let bytes = mem::take(&mut self.complete_bytes);
        self.complete_messages = 0;
        let from_tail = bytes.saturating_sub(self.chunks.len());
        self.chunks.move_to(bytes, &mut into.chunks);
        if from_tail > 0 {
            into.chunks.push(self.split_tail(from_tail));
        }
        bytes
    }

    /// How many complete envelopes wait to be taken.
    pub(crate) fn complete_messages(&self) -> usize {
        self.complete_messages
    }

    /// The bytes of the complete envelopes that wait to be taken, prefixes included.
    pub(crate) fn complete_bytes(&self) -> usize {
        self.complete_bytes
    }

    /// How many bytes of the first incomplete envelope have come, its prefix included.
    pub(crate) fn partial_bytes(&self) -> usize {
        self.partial
    }

    /// Checks that the stream may end here.
    ///
    /// # Errors
    ///
    /// When it would end in the middle of an envelope, or was broken before.
    pub(crate) fn end(&self) -> Result<(), BrokenEnvelope> {
        match self.broken {
            Some(broken) => Err(broken),
            None if self.partial == 0 => Ok(()),
            None => {
                Err(BrokenEnvelope::Cut { have: self.partial, want: (self.partial >= PREFIX_LEN).then_some(self.want) })
            }
        }
    }

    /// Goes from prefix to prefix through `data`.
    fn scan(&mut self, data: &[u8], scan: &mut Scan) -> Result<(), BrokenEnvelope> {
        let mut at = 0;
        if self.partial > 0 {
            let Some(end) = self.finish_partial(data)? else {
                return Ok(());
            };
            *scan = Scan { messages: 1, first_end: end, last_end: end };
            at = end;
        }
        loop {
            let rest = &data[at..];
            let Some(prefix) = rest.first_chunk::<PREFIX_LEN>() else {
                self.prefix[..rest.len()].copy_from_slice(rest);
                self.partial = rest.len();
                return Ok(());
            };
            let want = self.envelope_len(prefix)?;
            if rest.len() < want {
                self.prefix = *prefix;
                self.partial = rest.len();
                self.want = want;
                return Ok(());
            }
            at += want;
            scan.messages += 1;
            scan.last_end = at;
        }
    }

    /// Adds `data` to the incomplete envelope; returns where in `data` that envelope ends, if it does.
    fn finish_partial(&mut self, data: &[u8]) -> Result<Option<usize>, BrokenEnvelope> {
        let mut at = 0;
        if self.partial < PREFIX_LEN {
            at = data.len().min(PREFIX_LEN - self.partial);
            self.prefix[self.partial..self.partial + at].copy_from_slice(&data[..at]);
            self.partial += at;
            if self.partial < PREFIX_LEN {
                return Ok(None);
            }
            self.want = self.envelope_len(&self.prefix)?;
        }
        let missing = self.want - self.partial;
        if data.len() - at < missing {
            self.partial += data.len() - at;
            return Ok(None);
        }
        self.partial = 0;
        Ok(Some(at + missing))
    }

    /// The length of the envelope with this prefix.
    fn envelope_len(&self, prefix: &[u8; PREFIX_LEN]) -> Result<usize, BrokenEnvelope> {
        let &[flag, a, b, c, d] = prefix;
        if flag > 1 {
            return Err(BrokenEnvelope::BadFlag(flag));
        }
        let size = u32::from_be_bytes([a, b, c, d]);
        match usize::try_from(size) {
            Ok(length) if length <= self.limit => Ok(PREFIX_LEN.saturating_add(length)),
            _ => Err(BrokenEnvelope::TooLarge { size, limit: self.limit }),
        }
    }

    /// Keeps a payload.
    fn store(&mut self, mut data: Bytes, mut scan: Scan) {
        if self.gathers > 0 {
            let end = if scan.messages > 0 { scan.first_end } else { data.len() };
            self.gather(&data[..end]);
            if scan.messages == 0 {
                return;
            }
            self.seal_gathered();
            data.advance(end);
            scan.first_end = 0;
            scan.last_end -= end;
        }
        let begins = data.len() - scan.last_end == self.partial && self.partial >= PREFIX_LEN;
        if begins && self.want >= GATHERED {
            let large = data.split_off(scan.last_end);
            self.store_pieces(data, scan);
            self.chunks.push(mem::take(&mut self.tail).freeze());
            self.gathers = self.want;
            self.gather(&large);
        } else {
            self.store_pieces(data, scan);
        }
    }

    /// Adds to the envelope that is being gathered.
    fn gather(&mut self, data: &[u8]) {
        let have = self.tail.len() + data.len();
        if self.tail.capacity() < have {
            let room = have.saturating_mul(GATHERED_GROWTH).min(self.gathers);
            self.grow_tail(room);
        }
        self.tail.extend_from_slice(data);
    }

    /// Makes room for `room` bytes in all, in a buffer that has been used before if there is one.
    fn grow_tail(&mut self, room: usize) {
        match spare::take(room) {
            Some(mut buffer) => {
                buffer.extend_from_slice(&self.tail);
                let small = mem::replace(&mut self.tail, buffer);
                let size = small.capacity();
                spare::keep(small, size);
            }
            None => self.tail.reserve(room - self.tail.len()),
        }
    }

    /// Queues the envelope that was gathered, whose buffer is used again when it has been read.
    fn seal_gathered(&mut self) {
        self.gathers = 0;
        let size = self.tail.capacity();
        let gathered = self.tail.split().freeze();
        self.chunks.push(gathered);
        spare::keep(mem::take(&mut self.tail), size);
    }

    /// Keeps what is large as it is, what is small as a copy.
    ///
    /// A large payload is cut at the ends of its first and last envelope, so that an envelope of which two payloads
    /// have a few bytes each comes to lie in one piece.
    fn store_pieces(&mut self, mut data: Bytes, scan: Scan) {
        if data.len() < SMALL {
            if self.partial == 0 && self.chunks.is_empty() && self.tail.is_empty() {
                // Most calls have one small message at a time. A copy of just that size costs them the least.
                self.chunks.push(Bytes::copy_from_slice(&data));
            } else {
                self.copy(&data);
            }
            return;
        }
        if scan.first_end > 0 {
            if scan.first_end < SMALL {
                self.copy(&data[..scan.first_end]);
                data.advance(scan.first_end);
            } else {
                self.keep(data.split_to(scan.first_end));
            }
        }
        let incomplete = data.split_off(scan.last_end - scan.first_end);
        for piece in [data, incomplete] {
            if piece.len() < SMALL {
                self.copy(&piece);
            } else {
                self.keep(piece);
            }
        }
    }

    fn keep(&mut self, data: Bytes) {
        if !self.tail.is_empty() {
            let older = self.split_tail(self.tail.len());
            self.chunks.push(older);
        }
        self.chunks.push(data);
    }

    fn copy(&mut self, data: &[u8]) {
        if self.tail.len() + data.len() > TAIL_MAX {
            self.chunks.push(mem::take(&mut self.tail).freeze());
        }
        if self.tail.capacity() - self.tail.len() < data.len() {
            self.tail.reserve(data.len().max(TAIL_STEP));
        }
        self.tail.extend_from_slice(data);
    }

    /// Takes the first `count` bytes out of the tail.
    fn split_tail(&mut self, count: usize) -> Bytes {
        if self.tail.len() <= TAIL_KEPT {
            return self.tail.split_to(count).freeze();
        }
        let rest = BytesMut::from(&self.tail[count..]);
        let mut taken = mem::replace(&mut self.tail, rest);
        taken.truncate(count);
        taken.freeze()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: usize = 1 << 20;

    /// The flag and message of an envelope.
    type Read = (bool, Vec<u8>);

    fn wire(messages: &[Read]) -> Vec<u8> {
        let mut wire = Vec::new();
        for (compressed, message) in messages {
            wire.push(u8::from(*compressed));
            wire.extend_from_slice(&u32::try_from(message.len()).unwrap().to_be_bytes());
            wire.extend_from_slice(message);
        }
        wire
    }

    /// The decoder in its plainest form: everything in one slice, message by message. Gives the messages and the end of
    /// each of their envelopes.
    fn reference(wire: &[u8]) -> (Vec<Read>, Vec<usize>) {
        let (mut messages, mut ends) = (Vec::new(), Vec::new());
        let mut at = 0;
        while let Some((prefix, rest)) = wire[at..].split_first_chunk::<5>() {
            let length = u32::from_be_bytes([prefix[1], prefix[2], prefix[3], prefix[4]]) as usize;
            let Some(message) = rest.get(..length) else {
                break;
            };
            messages.push((prefix[0] == 1, message.to_vec()));
            at += 5 + length;
            ends.push(at);
        }
        (messages, ends)
    }

    #[track_caller]
    fn drain(assembler: &mut Assembler, into: &mut Vec<Read>) {
        let (count, bytes) = (assembler.complete_messages(), assembler.complete_bytes());
        let before = into.len();
        let mut batch = Batch::default();
        assert_eq!(assembler.take(&mut batch), bytes);
        assert_eq!(batch.wire_bytes(), bytes);
        let mut read = 0;
        while let Some(mut envelope) = batch.next() {
            let length = envelope.body.remaining();
            assert_eq!(envelope.wire_len, PREFIX_LEN + length);
            read += envelope.wire_len;
            let message = envelope.body.copy_to_bytes(length);
            into.push((envelope.compressed, message.to_vec()));
        }
        assert_eq!((into.len() - before, read), (count, bytes));
        assert!(batch.is_empty());
        assert_eq!((assembler.complete_messages(), assembler.complete_bytes()), (0, 0));
    }

    /// Pushes `wire` in pieces of the given sizes, taking after a piece when `take` says so, and compares with the
    /// reference at every step.
    #[track_caller]
    fn compare(wire: &[u8], sizes: impl Iterator<Item = usize>, mut take: impl FnMut() -> bool) {
        let (expected, ends) = reference(wire);
        let mut assembler = Assembler::new(LIMIT);
        let mut read = Vec::new();
        let mut at = 0;
        let mut seen = 0;
        for size in sizes {
            let end = wire.len().min(at + size);
            seen += assembler.push(Bytes::copy_from_slice(&wire[at..end])).unwrap();
            at = end;
            let complete = ends.partition_point(|&end| end <= at);
            let partial = at - complete.checked_sub(1).map_or(0, |last| ends[last]);
            assert_eq!(seen, complete);
            assert_eq!(assembler.partial_bytes(), partial);
            assert_eq!(assembler.end().is_ok(), partial == 0);
            if take() {
                drain(&mut assembler, &mut read);
            }
            if at == wire.len() {
                break;
            }
        }
        assert_eq!(at, wire.len(), "the pieces did not cover the bytes");
        drain(&mut assembler, &mut read);
        assert!(read == expected, "the messages differ");
        assert!(assembler.chunks.len() + assembler.tail.len() == assembler.partial_bytes());
    }

    fn sample() -> Vec<u8> {
        wire(&[
            (false, b"hello".to_vec()),
            (false, Vec::new()),
            (true, b"x".to_vec()),
            (false, Vec::new()),
            (false, vec![7; 300]),
            (true, b"end".to_vec()),
        ])
    }

    /// A xorshift generator: the same numbers on every run.
    struct Numbers(u64);

    impl Numbers {
        fn below(&mut self, bound: usize) -> usize {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            usize::try_from(self.0 % bound as u64).unwrap()
        }
    }

    #[test]
    fn every_split_in_two_and_three() {
        let wire = sample();
        for first in 0..=wire.len() {
            compare(&wire, [first, wire.len()].into_iter(), || true);
            compare(&wire, [first, wire.len()].into_iter(), || false);
            for second in 0..20 {
                compare(&wire, [first, second, wire.len()].into_iter(), || true);
            }
        }
    }

    #[test]
    fn every_split_of_messages_that_are_kept_as_they_came() {
        let wire = wire(&[
            (false, vec![1; SMALL - 1]),
            (false, vec![2; 3 * SMALL]),
            (true, b"small".to_vec()),
            (false, vec![3; 2 * SMALL]),
        ]);
        for first in (0..wire.len()).step_by(7) {
            compare(&wire, [first, wire.len()].into_iter(), || true);
            let thirds = [first, 3 * SMALL, wire.len()];
            compare(&wire, thirds.into_iter(), || false);
        }
    }

    #[test]
    fn one_byte_at_a_time() {
        compare(&sample(), std::iter::repeat(1), || true);
        compare(&sample(), std::iter::repeat(1), || false);
    }

    #[test]
    fn random_messages_in_random_pieces() {
        let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
        for round in 0..300 {
            let messages: Vec<Read> = (0..1 + numbers.below(40))
                .map(|number| {
                    let length = match numbers.below(10) {
                        0 => 0,
                        1 => numbers.below(4 * GATHERED),
                        2 => SMALL - 8 + numbers.below(16),
                        _ => numbers.below(60),
                    };
                    (numbers.below(5) == 0, vec![number as u8; length])
                })
                .collect();
            let mut wire = wire(&messages);
            wire.truncate(wire.len() - numbers.below(wire.len().min(10)));
            let largest = [3, 100, 5_000, 40_000][round % 4];
            let mut sizes = Numbers(numbers.0);
            let sizes = std::iter::repeat_with(|| sizes.below(largest + 1));
            compare(&wire, sizes, || numbers.below(3) == 0);
        }
    }

    #[test]
    fn an_empty_message_is_a_message() {
        let mut assembler = Assembler::new(0);
        assert_eq!(assembler.push(Bytes::from_static(&[0; 15])), Ok(3));
        assert_eq!(assembler.push(Bytes::new()), Ok(0));
        let mut read = Vec::new();
        drain(&mut assembler, &mut read);
        assert_eq!(read, vec![(false, Vec::new()); 3]);
        assert_eq!(assembler.end(), Ok(()));
    }

    #[test]
    fn a_large_payload_is_not_copied() {
        let data = Bytes::from(wire(&[(false, vec![7; 2 * SMALL])]));
        let address = data.as_ptr();
        let mut assembler = Assembler::new(LIMIT);
        assembler.push(data).unwrap();
        let mut batch = Batch::default();
        assembler.take(&mut batch);
        let envelope = batch.next().unwrap();
        assert_eq!(envelope.body.chunk().as_ptr(), address.wrapping_add(5));
    }

    #[test]
    fn a_large_message_lies_in_one_piece() {
        let large = vec![7; 10 * GATHERED];
        let wire =
            Bytes::from(wire(&[(false, vec![1; 10]), (false, large.clone()), (true, large), (false, vec![2; 10])]));
        let mut assembler = Assembler::new(LIMIT);
        for at in (0..wire.len()).step_by(16_384) {
            assembler.push(wire.slice(at..wire.len().min(at + 16_384))).unwrap();
            let room = assembler.tail.capacity();
            assert!(room <= 2 * GATHERED_GROWTH * assembler.tail.len().max(TAIL_STEP), "{room}");
        }
        let mut batch = Batch::default();
        assembler.take(&mut batch);
        for length in [10, 10 * GATHERED, 10 * GATHERED, 10] {
            let body = batch.next().unwrap().body;
            assert!(matches!(body, super::super::Body::Whole(bytes) if bytes.len() == length));
        }
        assert!(batch.is_empty());
    }

    #[test]
    fn an_envelope_over_two_large_payloads_lies_in_one_piece() {
        let wire = Bytes::from(wire(&vec![(false, vec![7; 100]); 200]));
        let mut assembler = Assembler::new(LIMIT);
        let mut batch = Batch::default();
        // Neither cut is at the end of an envelope.
        for part in [0..6_000, 6_000..12_011, 12_011..wire.len()] {
            assembler.push(wire.slice(part)).unwrap();
        }
        assembler.take(&mut batch);
        let mut count = 0;
        while let Some(envelope) = batch.next() {
            assert!(matches!(envelope.body, super::super::Body::Whole(_)));
            count += 1;
        }
        assert_eq!(count, 200);
    }

    #[test]
    fn the_limit_is_checked_on_the_prefix() {
        let mut assembler = Assembler::new(10);
        let too_large = BrokenEnvelope::TooLarge { size: 11, limit: 10 };
        let good = wire(&[(false, vec![1; 10])]);
        let mut data = good.clone();
        data.extend_from_slice(&[0, 0, 0, 0, 11]);
        assert_eq!(assembler.push(Bytes::from(data)), Err(too_large));
        // What came before the broken prefix is good, what comes after it is lost.
        assert_eq!(assembler.push(Bytes::from(good)), Err(too_large));
        assert_eq!(assembler.end(), Err(too_large));
        let mut read = Vec::new();
        drain(&mut assembler, &mut read);
        assert_eq!(read, [(false, vec![1; 10])]);
        assert_eq!(assembler.chunks.len() + assembler.tail.len(), 0);
    }

    #[test]
    fn a_huge_length_reserves_nothing() {
        for prefix in [&[0, 255, 255, 255, 255][..], &[1, 255, 255, 255, 255]] {
            for cut in 0..prefix.len() {
                let mut assembler = Assembler::new(usize::MAX);
                assembler.push(Bytes::copy_from_slice(&prefix[..cut])).unwrap();
                assert_eq!(assembler.push(Bytes::copy_from_slice(&prefix[cut..])), Ok(0));
                assert_eq!(assembler.partial_bytes(), 5);
                assert!(assembler.tail.capacity() <= TAIL_STEP);
                let cut = BrokenEnvelope::Cut { have: 5, want: Some(5 + 0xffff_ffff) };
                assert_eq!(assembler.end(), Err(cut));
            }
        }
    }

    #[test]
    fn flags_other_than_0_and_1_are_refused() {
        for flag in 2..=255 {
            let mut assembler = Assembler::new(LIMIT);
            let data = Bytes::copy_from_slice(&[0, 0, 0, 0, 0, flag, 0, 0, 0, 0]);
            assert_eq!(assembler.push(data), Err(BrokenEnvelope::BadFlag(flag)));
            assert_eq!(assembler.complete_messages(), 1);
        }
        let mut assembler = Assembler::new(LIMIT);
        assembler.push(Bytes::from_static(&[2])).unwrap();
        let rest = assembler.push(Bytes::from_static(&[0, 0, 0, 0]));
        assert_eq!(rest, Err(BrokenEnvelope::BadFlag(2)));
    }

    #[test]
    fn an_end_inside_an_envelope_is_an_error() {
        let mut assembler = Assembler::new(LIMIT);
        for (data, have, want) in
            [(&b"\0"[..], 1, None), (b"\0\0\0", 4, None), (b"\x03", 5, Some(8)), (b"ab", 7, Some(8))]
        {
            assembler.push(Bytes::from_static(data)).unwrap();
            assert_eq!(assembler.end(), Err(BrokenEnvelope::Cut { have, want }));
        }
        assembler.push(Bytes::from_static(b"c")).unwrap();
        assert_eq!(assembler.end(), Ok(()));
    }

    #[test]
    fn bytes_that_are_no_envelopes_never_panic() {
        let mut numbers = Numbers(7);
        for _ in 0..2_000 {
            let mut assembler = Assembler::new(1_000);
            for _ in 0..4 {
                let length = numbers.below(50);
                let data: Vec<u8> = (0..length).map(|_| numbers.below(4) as u8).collect();
                if assembler.push(Bytes::from(data)).is_err() {
                    break;
                }
            }
            let mut read = Vec::new();
            drain(&mut assembler, &mut read);
        }
    }

    /// The allocated bytes that an assembler keeps alive, shared buffers of payloads included.
    fn kept(assembler: &Assembler, payload_buffers: usize) -> usize {
        // Every payload in the test is a slice of a buffer of its own. A buffer of copies grows by doubling.
        payload_buffers * 8 * 1024 + 2 * assembler.chunks.len() + assembler.tail.capacity()
    }

    #[test]
    fn many_tiny_frames_do_not_keep_their_read_buffers() {
        const MESSAGES: usize = 100_000;

        let mut assembler = Assembler::new(LIMIT);
        let mut owners = Vec::with_capacity(MESSAGES);
        for _ in 0..MESSAGES {
            let mut buffer = vec![0; 8 * 1024];
            buffer[..6].copy_from_slice(&[0, 0, 0, 0, 1, b'm']);
            let owner = std::sync::Arc::new(ReadBuffer(buffer));
            owners.push(std::sync::Arc::downgrade(&owner));
            let data = Bytes::from_owner(SharedBuffer(owner));
            assert_eq!(assembler.push(data.slice(..6)), Ok(1));
        }
        let alive = owners.iter().filter(|owner| owner.strong_count() > 0).count();
        assert_eq!(alive, 0);
        assert!(kept(&assembler, alive) < 4 << 20);
        // Growing one buffer for everything would copy all of it again and again.
        assert!(assembler.tail.capacity() <= 2 * TAIL_MAX);
        let mut read = Vec::new();
        drain(&mut assembler, &mut read);
        assert_eq!(read, vec![(false, b"m".to_vec()); MESSAGES]);
    }

    #[test]
    fn a_burst_leaves_no_large_buffer_behind() {
        let mut assembler = Assembler::new(LIMIT);
        for _ in 0..50 {
            let data = wire(&[(false, vec![7; 1_000])]);
            assembler.push(Bytes::from(data)).unwrap();
        }
        // The beginning of a message that may take its time.
        assembler.push(Bytes::from_static(&[0, 0])).unwrap();
        drain(&mut assembler, &mut Vec::new());
        assert_eq!(assembler.partial_bytes(), 2);
        assert!(assembler.tail.capacity() <= TAIL_KEPT, "{}", assembler.tail.capacity());
    }

    /// Stands for the buffer into which a connection reads.
    struct ReadBuffer(Vec<u8>);

    struct SharedBuffer(std::sync::Arc<ReadBuffer>);

    impl AsRef<[u8]> for SharedBuffer {
        fn as_ref(&self) -> &[u8] {
            &self.0.0
        }
    }
}
