//! HTTP/2 frames as a test reads and writes them (RFC 9113 §4 and §6).

use std::fmt;

/// The nine bytes before every frame's payload.
pub(super) const HEAD: usize = 9;

/// The flags of a frame (RFC 9113 §6).
pub mod flag {
    /// DATA, HEADERS: the sender half-closes the stream.
    pub const END_STREAM: u8 = 0x1;
    /// SETTINGS, PING: the answer to one.
    pub const ACK: u8 = 0x1;
    /// HEADERS, CONTINUATION: the header block is complete.
    pub const END_HEADERS: u8 = 0x4;
    /// DATA, HEADERS: the payload begins with the length of its padding.
    pub const PADDED: u8 = 0x8;
    /// HEADERS: the payload has the fields of PRIORITY.
    pub const PRIORITY: u8 = 0x20;
}

/// The frame types of RFC 9113 §6 that these tests name.
pub mod kind {
    /// DATA.
    pub const DATA: u8 = 0x0;
    /// HEADERS.
    pub const HEADERS: u8 = 0x1;
    /// PRIORITY.
    pub const PRIORITY: u8 = 0x2;
    /// RST_STREAM.
    pub const RST_STREAM: u8 = 0x3;
    /// SETTINGS.
    pub const SETTINGS: u8 = 0x4;
    /// PUSH_PROMISE.
    pub const PUSH_PROMISE: u8 = 0x5;
    /// PING.
    pub const PING: u8 = 0x6;
    /// GOAWAY.
    pub const GOAWAY: u8 = 0x7;
    /// WINDOW_UPDATE.
    pub const WINDOW_UPDATE: u8 = 0x8;
    /// CONTINUATION.
    pub const CONTINUATION: u8 = 0x9;
}

/// An HTTP/2 error code (RFC 9113 §7).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Reason(pub u32);

impl Reason {
    /// Nothing is wrong.
    pub const NO_ERROR: Self = Self(0x0);
    /// The peer broke the protocol.
    pub const PROTOCOL_ERROR: Self = Self(0x1);
    /// The sender of the frame has a fault of its own.
    pub const INTERNAL_ERROR: Self = Self(0x2);
    /// The peer sent more than its window.
    pub const FLOW_CONTROL_ERROR: Self = Self(0x3);
    /// Settings were not acknowledged in time.
    pub const SETTINGS_TIMEOUT: Self = Self(0x4);
    /// A frame came for a stream that was half-closed.
    pub const STREAM_CLOSED: Self = Self(0x5);
    /// A frame has a size it cannot have.
    pub const FRAME_SIZE_ERROR: Self = Self(0x6);
    /// The stream was not processed at all.
    pub const REFUSED_STREAM: Self = Self(0x7);
    /// The stream is no longer wanted.
    pub const CANCEL: Self = Self(0x8);
    /// The header compression state is lost.
    pub const COMPRESSION_ERROR: Self = Self(0x9);
    /// A CONNECT tunnel broke.
    pub const CONNECT_ERROR: Self = Self(0xa);
    /// The peer makes too much work.
    pub const ENHANCE_YOUR_CALM: Self = Self(0xb);
    /// The transport is not secure enough.
    pub const INADEQUATE_SECURITY: Self = Self(0xc);
    /// HTTP/1.1 is wanted.
    pub const HTTP_1_1_REQUIRED: Self = Self(0xd);
}

impl fmt::Debug for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const NAMES: [&str; 14] = [
            "NO_ERROR",
            "PROTOCOL_ERROR",
            "INTERNAL_ERROR",
            "FLOW_CONTROL_ERROR",
            "SETTINGS_TIMEOUT",
            "STREAM_CLOSED",
            "FRAME_SIZE_ERROR",
            "REFUSED_STREAM",
            "CANCEL",
            "COMPRESSION_ERROR",
            "CONNECT_ERROR",
            "ENHANCE_YOUR_CALM",
            "INADEQUATE_SECURITY",
            "HTTP_1_1_REQUIRED",
        ];
        match NAMES.get(self.0 as usize) {
            Some(name) => f.write_str(name),
            None => write!(f, "Reason({})", self.0),
        }
    }
}

/// The name of a value in a SETTINGS frame (RFC 9113 §6.5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Setting(pub u16);

impl Setting {
    /// How large the peer's header table may be, in bytes.
    pub const HEADER_TABLE_SIZE: Self = Self(0x1);
    /// Whether the server may push.
    pub const ENABLE_PUSH: Self = Self(0x2);
    /// How many streams the peer may have open.
    pub const MAX_CONCURRENT_STREAMS: Self = Self(0x3);
    /// The window a new stream begins with, in bytes.
    pub const INITIAL_WINDOW_SIZE: Self = Self(0x4);
    /// The largest frame the peer may send, in bytes.
    pub const MAX_FRAME_SIZE: Self = Self(0x5);
    /// The largest header list the peer should send, in bytes.
    pub const MAX_HEADER_LIST_SIZE: Self = Self(0x6);
}

/// A decoded header list: names and values in the order in which they came.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Fields(pub Vec<(String, String)>);

impl Fields {
    /// The first value of `name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// All values of `name`, in order.
    #[must_use]
    pub fn all(&self, name: &str) -> Vec<&str> {
        let with_name = self.0.iter().filter(|(key, _)| key == name);
        with_name.map(|(_, value)| value.as_str()).collect()
    }

    /// Where `name` stands in the list.
    #[must_use]
    pub fn position(&self, name: &str) -> Option<usize> {
        self.0.iter().position(|(key, _)| key == name)
    }
}

impl fmt::Debug for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pairs = self.0.iter().map(|(name, value)| (name, value));
        f.debug_map().entries(pairs).finish()
    }
}

/// One frame from the peer; a HEADERS frame with its CONTINUATION frames is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// DATA without its padding.
    Data {
        /// The stream it belongs to.
        stream: u32,
        /// The bytes, without padding.
        data: Vec<u8>,
        /// What it costs of the windows, in bytes: padding counts.
        flow: usize,
        /// Whether the sender half-closed the stream with it.
        end_stream: bool,
    },
    /// HEADERS.
    Headers {
        /// The stream it belongs to.
        stream: u32,
        /// The decoded header list.
        fields: Fields,
        /// Whether the sender half-closed the stream with it.
        end_stream: bool,
    },
    /// RST_STREAM.
    Reset {
        /// The stream that ends.
        stream: u32,
        /// Why.
        reason: Reason,
    },
    /// SETTINGS.
    Settings {
        /// Whether it answers ours.
        ack: bool,
        /// What it sets.
        values: Vec<(Setting, u32)>,
    },
    /// PING.
    Ping {
        /// Whether it answers ours.
        ack: bool,
        /// Its eight bytes.
        payload: [u8; 8],
    },
    /// GOAWAY.
    GoAway {
        /// The last stream that was or may be processed.
        last_stream: u32,
        /// Why.
        reason: Reason,
        /// What the sender adds for a human.
        debug: String,
    },
    /// WINDOW_UPDATE.
    WindowUpdate {
        /// The stream, or 0 for the connection.
        stream: u32,
        /// Bytes added.
        increment: u32,
    },
    /// Any other frame.
    Other {
        /// Its type.
        kind: u8,
        /// Its stream.
        stream: u32,
    },
}

impl Frame {
    /// The stream the frame belongs to; 0 is the connection.
    #[must_use]
    pub fn stream(&self) -> u32 {
        match self {
            Self::Data { stream, .. }
            | Self::Headers { stream, .. }
            | Self::Reset { stream, .. }
            | Self::WindowUpdate { stream, .. }
            | Self::Other { stream, .. } => *stream,
            Self::Settings { .. } | Self::Ping { .. } | Self::GoAway { .. } => 0,
        }
    }

    /// The frame on one short line: data only by its length.
    pub(super) fn summary(&self) -> String {
        match self {
            Self::Data { stream, data, end_stream, .. } => {
                let end = if *end_stream { " END_STREAM" } else { "" };
                format!("DATA stream {stream}, {} bytes{end}", data.len())
            }
            other => format!("{other:?}"),
        }
    }
}

/// One frame as it goes over the wire, for scripts that send many at once.
///
/// # Panics
/// When the payload is longer than a frame's length can say.
#[must_use]
pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEAD + payload.len());
    encode(kind, flags, stream, payload, &mut bytes);
    bytes
}

/// One frame as it goes over the wire.
pub(super) fn encode(kind: u8, flags: u8, stream: u32, payload: &[u8], out: &mut Vec<u8>) {
    let length = u32::try_from(payload.len()).expect("a test's frame fits 24 bits");
    out.extend_from_slice(&length.to_be_bytes()[1..]);
    out.extend_from_slice(&[kind, flags]);
    out.extend_from_slice(&stream.to_be_bytes());
    out.extend_from_slice(payload);
}

/// The head of a frame: payload length, type, flags and stream.
pub(super) fn decode_head(head: &[u8; HEAD]) -> (usize, u8, u8, u32) {
    let length = usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]);
    (length, head[3], head[4], word(&head[5..9]) & 0x7fff_ffff)
}

/// A payload without its padding and priority fields.
pub(super) fn strip(payload: &[u8], flags: u8, has_priority: bool) -> &[u8] {
    let (mut start, mut end) = (0, payload.len());
    if flags & flag::PADDED != 0 {
        start += 1;
        end -= usize::from(payload[0]);
    }
    if has_priority && flags & flag::PRIORITY != 0 {
        start += 5;
    }
    &payload[start..end]
}

/// Frames that need neither a header table nor a stream's state.
pub(super) fn decode_simple(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Frame {
    match kind {
        kind::DATA => Frame::Data {
            stream,
            data: strip(payload, flags, false).to_vec(),
            flow: payload.len(),
            end_stream: flags & flag::END_STREAM != 0,
        },
        kind::RST_STREAM => Frame::Reset { stream, reason: Reason(word(payload)) },
        kind::SETTINGS => Frame::Settings {
            ack: flags & flag::ACK != 0,
            values: payload
                .chunks_exact(6)
                .map(|value| (Setting(u16::from_be_bytes([value[0], value[1]])), word(&value[2..])))
                .collect(),
        },
        kind::PING => {
            Frame::Ping { ack: flags & flag::ACK != 0, payload: payload.try_into().expect("a PING has eight bytes") }
        }
        kind::GOAWAY => Frame::GoAway {
            last_stream: word(payload) & 0x7fff_ffff,
            reason: Reason(word(&payload[4..])),
            debug: String::from_utf8_lossy(&payload[8..]).into_owned(),
        },
        kind::WINDOW_UPDATE => Frame::WindowUpdate { stream, increment: word(payload) & 0x7fff_ffff },
        kind => Frame::Other { kind, stream },
    }
}

fn word(bytes: &[u8]) -> u32 {
    u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
}
