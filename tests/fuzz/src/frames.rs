//! What a peer may send on an HTTP/2 connection, from whole calls to bytes that are no frames.

use arbitrary::Arbitrary;

/// What a client says before its first frame (RFC 9113 §3.4).
pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The methods of the test service, and paths that name none.
pub const PATHS: [&str; 7] = [
    "/testing.v1.Echo/Say",
    "/testing.v1.Echo/Repeat",
    "/testing.v1.Echo/Gather",
    "/testing.v1.Echo/Relay",
    "/testing.v1.Echo/Nothing",
    "*",
    "",
];

const NAMES: [&str; 24] = [
    ":method",
    ":scheme",
    ":path",
    ":authority",
    ":status",
    ":protocol",
    "te",
    "content-type",
    "content-length",
    "grpc-timeout",
    "grpc-encoding",
    "grpc-accept-encoding",
    "grpc-status",
    "grpc-message",
    "grpc-status-details-bin",
    "user-agent",
    "host",
    "connection",
    "x-text",
    "x-bytes-bin",
    "X-Upper",
    "cookie",
    "",
    "grpc-tags-bin",
];

const VALUES: [&str; 24] = [
    "POST",
    "GET",
    "http",
    "/testing.v1.Echo/Say",
    "stolid.test",
    "200",
    "503",
    "trailers",
    "application/grpc",
    "application/grpc+json",
    "0",
    "1n",
    "1m",
    "99999999H",
    "identity",
    "gzip",
    "16",
    "no%21%",
    "Zg==,Zm8",
    "keep-alive",
    " ",
    "a\tb",
    "\u{e9}",
    "5",
];

/// One thing that a peer sends.
#[derive(Arbitrary, Clone, Debug)]
pub enum Op {
    /// A call as a healthy client makes it.
    Call {
        method: u8,
        timeout: Option<u8>,
        messages: Vec<Message>,
        frame: u16,
    },
    /// An answer as a healthy server gives it.
    Answer {
        stream: u8,
        messages: Vec<Message>,
        frame: u16,
        status: u8,
    },
    Headers {
        stream: u8,
        start: Start,
        fields: Vec<Field>,
        flags: u8,
        pad: u8,
        cut: Option<u8>,
    },
    Data {
        stream: u8,
        body: Body,
        flags: u8,
        pad: u8,
    },
    Reset {
        stream: u8,
        code: u8,
    },
    Settings {
        ack: bool,
        values: Vec<(u8, u32)>,
    },
    Ping {
        ack: bool,
    },
    GoAway {
        last: u8,
        code: u8,
    },
    WindowUpdate {
        stream: u8,
        increment: u32,
    },
    Priority {
        stream: u8,
        on: u8,
    },
    PushPromise {
        stream: u8,
        promised: u8,
        fields: Vec<Field>,
    },
    Continuation {
        stream: u8,
        fields: Vec<Field>,
        flags: u8,
    },
    Frame {
        kind: u8,
        flags: u8,
        stream: u32,
        payload: Vec<u8>,
    },
    /// A frame that says another length than it has.
    Liar {
        kind: u8,
        stream: u8,
        says: u16,
        payload: Vec<u8>,
    },
    Bytes(Vec<u8>),
    /// The peer has time to act on what came so far.
    Pause,
}

/// The fields that a header block begins with.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum Start {
    Nothing,
    Request(u8),
    Response,
    Trailers(u8),
}

/// A field, or something else that a header block may hold (RFC 7541 §6).
#[derive(Arbitrary, Clone, Debug)]
pub enum Field {
    Known { form: u8, name: u8, value: u8 },
    Value { form: u8, name: u8, value: Vec<u8> },
    Long { name: u8, length: u16 },
    Indexed(u8),
    TableSize(u16),
    Bytes(Vec<u8>),
}

/// The payload of DATA.
#[derive(Arbitrary, Clone, Debug)]
pub enum Body {
    Messages(Vec<Message>),
    Flagged(u8, Message),
    /// A prefix that announces so much.
    Announced(u32, Vec<u8>),
    Bytes(Vec<u8>),
    Large(u16),
}

/// A message of the test service.
#[derive(Arbitrary, Clone, Debug)]
pub struct Message {
    /// What the handler does, by the number of the note.
    pub number: u8,
    /// The length of the note's body in bytes.
    pub length: u16,
}

impl Message {
    fn envelope(&self, flag: u8, out: &mut Vec<u8>) {
        let length = usize::from(self.length % 4096);
        let mut note = vec![0x08, self.number & 0x7f, 0x12];
        // A varint of two bytes.
        note.extend([(length & 0x7f) as u8 | 0x80, (length >> 7) as u8]);
        note.resize(note.len() + length, b'n');
        out.push(flag);
        out.extend(u32::try_from(note.len()).expect("a note is small").to_be_bytes());
        out.extend(note);
    }
}

impl Body {
    fn bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        match self {
            Self::Messages(messages) => messages.iter().take(16).for_each(|message| message.envelope(0, &mut out)),
            Self::Flagged(flag, message) => message.envelope(*flag, &mut out),
            Self::Announced(length, bytes) => {
                out.push(0);
                out.extend(length.to_be_bytes());
                out.extend(bytes);
            }
            Self::Bytes(bytes) => out.extend(bytes),
            Self::Large(length) => out.resize(usize::from(*length), 0),
        }
        out
    }
}

/// A connection's bytes, cut where the peer gets time.
#[derive(Debug, Default)]
pub struct Script {
    /// What is sent, and what is between the pauses.
    pub parts: Vec<Vec<u8>>,
    /// The streams of calls as a healthy client makes them.
    pub calls: Vec<u32>,
}

impl Script {
    /// What these operations send.
    #[must_use]
    pub fn of(ops: &[Op]) -> Self {
        let mut script = Self { parts: vec![Vec::new()], calls: Vec::new() };
        for op in ops.iter().take(64) {
            script.add(op);
        }
        script
    }

    /// Whether `text` is among what is sent, in one part and not compressed.
    #[must_use]
    pub fn says(&self, text: &str) -> bool {
        self.parts.iter().any(|part| part.windows(text.len()).any(|window| window == text.as_bytes()))
    }

    fn add(&mut self, op: &Op) {
        if matches!(op, Op::Pause) {
            return self.parts.push(Vec::new());
        }
        let next = u32::try_from(self.calls.len()).expect("there are few") * 2 + 1;
        if matches!(op, Op::Call { .. }) {
            self.calls.push(next);
        }
        let Some(out) = self.parts.last_mut() else {
            return;
        };
        match op {
            Op::Call { method, timeout, messages, frame: size } => {
                let mut block = Start::Request(method % 4).block();
                if let Some(timeout) = timeout {
                    literal(0, b"grpc-timeout", format!("{timeout}S").as_bytes(), &mut block);
                }
                frame(1, 4, next, &block, out);
                body(messages, *size, next, true, out);
            }
            Op::Answer { stream, messages, frame: size, status } => {
                let stream = id(*stream);
                frame(1, 4, stream, &Start::Response.block(), out);
                body(messages, *size, stream, false, out);
                frame(1, 5, stream, &Start::Trailers(*status).block(), out);
            }
            Op::Headers { stream, start, fields, flags, pad, cut } => {
                let block = [start.block(), block(fields)].concat();
                headers(id(*stream), &block, *flags, *pad, *cut, out);
            }
            Op::Data { stream, body, flags, pad } => {
                frame(0, flags & 9, id(*stream), &padded(&body.bytes(), *flags, *pad), out);
            }
            Op::Reset { stream, code } => frame(3, 0, id(*stream), &u32::from(*code).to_be_bytes(), out),
            Op::Settings { ack, values } => frame(4, u8::from(*ack), 0, &settings(values), out),
            Op::Ping { ack } => frame(6, u8::from(*ack), 0, b"the ping", out),
            Op::GoAway { last, code } => {
                frame(7, 0, 0, &[id(*last).to_be_bytes(), u32::from(*code).to_be_bytes()].concat(), out);
            }
            Op::WindowUpdate { stream, increment } => frame(8, 0, id(*stream), &increment.to_be_bytes(), out),
            Op::Priority { stream, on } => {
                frame(2, 0, id(*stream), &[&id(*on).to_be_bytes()[..], &[7]].concat(), out);
            }
            Op::PushPromise { stream, promised, fields } => {
                let payload = [&id(*promised).to_be_bytes()[..], &block(fields)].concat();
                frame(5, 4, id(*stream), &payload, out);
            }
            Op::Continuation { stream, fields, flags } => frame(9, flags & 4, id(*stream), &block(fields), out),
            Op::Frame { kind, flags, stream, payload } => frame(kind % 12, *flags, *stream, payload, out),
            Op::Liar { kind, stream, says, payload } => {
                frame_of(usize::from(*says), kind % 12, 0, id(*stream), payload, out);
            }
            Op::Bytes(bytes) => out.extend(bytes),
            Op::Pause => {}
        }
    }
}

/// Streams of a client mostly; some that cannot be.
fn id(number: u8) -> u32 {
    match number {
        0..=199 => u32::from(number % 8) * 2 + 1,
        200..=239 => 0,
        240..=249 => 2,
        _ => 0x7fff_ffff,
    }
}

/// One frame (RFC 9113 §4.1).
pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8], out: &mut Vec<u8>) {
    frame_of(payload.len(), kind, flags, stream, payload, out);
}

fn frame_of(length: usize, kind: u8, flags: u8, stream: u32, payload: &[u8], out: &mut Vec<u8>) {
    out.extend(&u32::try_from(length).expect("a payload is small").to_be_bytes()[1..]);
    out.extend([kind, flags]);
    out.extend(stream.to_be_bytes());
    out.extend(payload);
}

/// The messages in frames of this size.
fn body(messages: &[Message], size: u16, stream: u32, end: bool, out: &mut Vec<u8>) {
    let body = Body::Messages(messages.to_vec()).bytes();
    // At most some hundred frames.
    let size = usize::from(size).max(body.len() / 256 + 1).min(16_384);
    for piece in body.chunks(size) {
        frame(0, 0, stream, piece, out);
    }
    if end {
        frame(0, 1, stream, b"", out);
    }
}

fn headers(stream: u32, block: &[u8], flags: u8, pad: u8, cut: Option<u8>, out: &mut Vec<u8>) {
    let flags = flags & 0x2d;
    let (first, rest) = block.split_at(cut.map_or(block.len(), |cut| usize::from(cut).min(block.len())));
    let priority: &[u8] = if flags & 0x20 == 0 { b"" } else { &[0, 0, 0, 0, 9] };
    let payload = padded(&[priority, first].concat(), flags, pad);
    frame(1, if cut.is_some() { flags & !4 } else { flags }, stream, &payload, out);
    if cut.is_some() {
        frame(9, flags & 4, stream, rest, out);
    }
}

fn padded(data: &[u8], flags: u8, pad: u8) -> Vec<u8> {
    if flags & 8 == 0 {
        return data.to_vec();
    }
    let mut payload = [&[pad], data].concat();
    payload.resize(payload.len() + usize::from(pad), 0);
    payload
}

fn settings(values: &[(u8, u32)]) -> Vec<u8> {
    let mut payload = Vec::new();
    for (name, value) in values.iter().take(16) {
        payload.extend(u16::from(name % 9).to_be_bytes());
        payload.extend(value.to_be_bytes());
    }
    payload
}

impl Start {
    fn block(self) -> Vec<u8> {
        let status = |number: u8| format!("{}", number % 18);
        let mut block = Vec::new();
        let fields: &[(&str, &str)] = match self {
            Self::Nothing => &[],
            Self::Request(path) => &[
                (":method", "POST"),
                (":scheme", "http"),
                (":path", PATHS[usize::from(path) % PATHS.len()]),
                (":authority", "stolid.test"),
                ("te", "trailers"),
                ("content-type", "application/grpc"),
            ],
            Self::Response => &[(":status", "200"), ("content-type", "application/grpc")],
            Self::Trailers(number) => &[("grpc-status", &status(number))],
        };
        for (name, value) in fields {
            literal(0, name.as_bytes(), value.as_bytes(), &mut block);
        }
        block
    }
}

fn block(fields: &[Field]) -> Vec<u8> {
    let mut out = Vec::new();
    for field in fields.iter().take(64) {
        match field {
            Field::Known { form, name, value } => {
                let value = VALUES[usize::from(*value) % VALUES.len()];
                literal(*form, known(*name), value.as_bytes(), &mut out);
            }
            Field::Value { form, name, value } => literal(*form, known(*name), value, &mut out),
            Field::Long { name, length } => literal(0, known(*name), &vec![b'v'; usize::from(*length)], &mut out),
            Field::Indexed(index) => out.push(0x80 | index),
            Field::TableSize(size) => number(0x20, 0x1f, usize::from(*size), &mut out),
            Field::Bytes(bytes) => out.extend(bytes),
        }
    }
    out
}

fn known(name: u8) -> &'static [u8] {
    NAMES[usize::from(name) % NAMES.len()].as_bytes()
}

/// A literal field, never Huffman-coded, that goes into the table or does not (RFC 7541 §6.2).
fn literal(form: u8, name: &[u8], value: &[u8], out: &mut Vec<u8>) {
    out.push([0, 0x40, 0x10][usize::from(form) % 3]);
    for text in [name, value] {
        number(0, 0x7f, text.len(), out);
        out.extend(text);
    }
}

/// An integer behind the bits of `pattern` (RFC 7541 §5.1).
fn number(pattern: u8, mask: u8, value: usize, out: &mut Vec<u8>) {
    if value < usize::from(mask) {
        return out.push(pattern | value as u8);
    }
    out.push(pattern | mask);
    let mut rest = value - usize::from(mask);
    while rest >= 0x80 {
        out.push((rest & 0x7f) as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}
