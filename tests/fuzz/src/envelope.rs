//! Envelopes: arbitrary bytes in arbitrary pieces, taken at arbitrary moments, against a reader of the whole.

use arbitrary::{Arbitrary, Unstructured};
use bytes::Bytes;
use stolid::fuzzing::{Assembler, Batch, Broken};

/// What the bytes of a stream are and how they come.
#[derive(Arbitrary, Debug)]
struct Plan {
    limit: u16,
    stream: Vec<Piece>,
    /// Where DATA frames end, and what happens there.
    cuts: Vec<(u16, Moment)>,
}

/// A part of what the peer sends.
#[derive(Arbitrary, Debug)]
enum Piece {
    Bytes(Vec<u8>),
    Envelope {
        compressed: bool,
        message: Vec<u8>,
    },
    /// Many small messages.
    Small {
        count: u8,
        length: u8,
    },
    /// One that comes in several frames.
    Large {
        length: u16,
        byte: u8,
    },
}

/// What the reader does behind a frame.
#[derive(Arbitrary, Clone, Copy, Debug)]
enum Moment {
    Nothing,
    Take,
    TakeAndReadOne,
    TakeAndReadAll(u8),
    TakeAndDecodeAll,
}

type Read = (bool, Vec<u8>, usize);

/// Takes the input for a plan.
pub fn check(data: &[u8]) {
    if let Ok(plan) = Plan::arbitrary_take_rest(Unstructured::new(data)) {
        carry_out(&plan);
    }
}

fn carry_out(plan: &Plan) {
    let limit = usize::from(plan.limit);
    let wire = wire(&plan.stream);
    let whole = Reference::of(&wire, limit);
    let mut reader = Reader { assembler: Assembler::new(limit), batch: Batch::default(), read: Vec::new(), taken: 0 };
    let mut cuts = plan.cuts.iter();
    let mut at = 0;
    let mut pushed = 0;
    loop {
        let (length, moment) = cuts.next().copied().unwrap_or((u16::MAX, Moment::Take));
        let end = wire.len().min(at + usize::from(length));
        let complete = whole.complete(end);
        let state = whole.state(end);
        // A frame of its own allocation, as a connection's read buffer is.
        match reader.assembler.push(Bytes::copy_from_slice(&wire[at..end])) {
            Ok(count) => {
                pushed += count;
                assert_eq!(pushed, complete);
                assert!(matches!(state, Ok(()) | Err(Broken::Cut(..))));
                assert_eq!(reader.assembler.partial_bytes(), end - whole.start(complete));
            }
            Err(broken) => assert_eq!(Err(broken), state),
        }
        assert_eq!(reader.assembler.end(), state);
        assert_eq!(reader.assembler.complete_messages(), complete - reader.taken);
        reader.reach(moment, complete);
        at = end;
        if at == wire.len() {
            break;
        }
    }
    reader.reach(Moment::TakeAndReadAll(7), whole.read.len());
    assert_eq!(reader.read, whole.read);
    assert_eq!(reader.assembler.complete_messages(), 0);
}

struct Reader {
    assembler: Assembler,
    batch: Batch,
    read: Vec<Read>,
    /// Messages that have left the assembler.
    taken: usize,
}

impl Reader {
    fn reach(&mut self, moment: Moment, complete: usize) {
        if matches!(moment, Moment::Nothing) {
            return;
        }
        self.assembler.take(&mut self.batch);
        self.taken = complete;
        match moment {
            Moment::Nothing | Moment::Take => {}
            Moment::TakeAndReadOne => self.read.extend(self.batch.next(usize::MAX)),
            Moment::TakeAndReadAll(step) => {
                while let Some(read) = self.batch.next(usize::from(step)) {
                    self.read.push(read);
                }
            }
            Moment::TakeAndDecodeAll => self.decode_all(),
        }
    }

    /// Reads by `next_message`, on the bytes that a plain reader would get.
    fn decode_all(&mut self) {
        let mut twin = Batch::default();
        let (mut raw, mut decoded) = (Vec::new(), Vec::new());
        while let Some(read) = self.batch.next(usize::MAX) {
            raw.push(read);
        }
        let wire: Vec<u8> = raw.iter().flat_map(|(compressed, message, _)| envelope(*compressed, message)).collect();
        let mut assembler = Assembler::new(usize::MAX);
        // Two frames, so that some message lies in both.
        let (first, second) = wire.split_at(wire.len() / 2);
        for part in [first, second] {
            assembler.push(Bytes::copy_from_slice(part)).expect("they were envelopes before");
        }
        assembler.take(&mut twin);
        while let Some((message, length)) = twin.next_message::<Vec<u8>>() {
            decoded.push((message, length));
        }
        let want = raw.iter().map(|(compressed, message, length)| {
            let message = <Vec<u8> as prost::Message>::decode(&message[..]).ok().filter(|_| !compressed);
            (message, *length)
        });
        assert_eq!(decoded, Vec::from_iter(want));
        self.read.append(&mut raw);
    }
}

fn envelope(compressed: bool, message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).expect("an input is small");
    let mut bytes = vec![u8::from(compressed)];
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(message);
    bytes
}

fn wire(pieces: &[Piece]) -> Vec<u8> {
    let mut wire = Vec::new();
    for piece in pieces.iter().take(64) {
        match piece {
            Piece::Bytes(bytes) => wire.extend_from_slice(bytes),
            Piece::Envelope { compressed, message } => wire.extend(envelope(*compressed, message)),
            Piece::Small { count, length } => {
                for number in 0..*count {
                    wire.extend(envelope(false, &vec![number; usize::from(*length)]));
                }
            }
            Piece::Large { length, byte } => wire.extend(envelope(true, &vec![*byte; usize::from(*length)])),
        }
    }
    wire
}

/// Everything in one slice, message by message.
struct Reference<'a> {
    wire: &'a [u8],
    limit: usize,
    read: Vec<Read>,
    /// Where each envelope ends.
    ends: Vec<usize>,
}

impl<'a> Reference<'a> {
    fn of(wire: &'a [u8], limit: usize) -> Self {
        let mut whole = Self { wire, limit, read: Vec::new(), ends: Vec::new() };
        let mut start = 0;
        while whole.state_from(start, wire.len()).is_ok_and(|length| length > 0) {
            let size = size_at(wire, start) as usize;
            let body = start + 5;
            whole.read.push((wire[start] == 1, wire[body..body + size].to_vec(), 5 + size));
            start = body + size;
            whole.ends.push(start);
        }
        whole
    }

    /// How many messages are complete in the first `end` bytes.
    fn complete(&self, end: usize) -> usize {
        self.ends.partition_point(|complete| *complete <= end)
    }

    /// Where the envelope behind the first `count` ones begins.
    fn start(&self, count: usize) -> usize {
        count.checked_sub(1).map_or(0, |last| self.ends[last])
    }

    /// Whether the stream may end behind its first `end` bytes.
    fn state(&self, end: usize) -> Result<(), Broken> {
        self.state_from(self.start(self.complete(end)), end).map(drop)
    }

    /// The length of the envelope at `start`, all of which is before `end`; zero if nothing is.
    fn state_from(&self, start: usize, end: usize) -> Result<usize, Broken> {
        match end - start {
            0 => return Ok(0),
            have @ 1..5 => return Err(Broken::Cut(have, None)),
            _ => {}
        }
        let (flag, size) = (self.wire[start], size_at(self.wire, start));
        let want = 5 + size as usize;
        match end - start {
            _ if flag > 1 => Err(Broken::BadFlag(flag)),
            _ if size as usize > self.limit => Err(Broken::TooLarge(size, self.limit)),
            have if have < want => Err(Broken::Cut(have, Some(want))),
            _ => Ok(want),
        }
    }
}

fn size_at(wire: &[u8], start: usize) -> u32 {
    u32::from_be_bytes([wire[start + 1], wire[start + 2], wire[start + 3], wire[start + 4]])
}
