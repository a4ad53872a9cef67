//! Finds GOAWAY among the frames that a server sends (RFC 9113, section 6.8).
//!
//! h2 forgets what a GOAWAY said when the connection then breaks, and says nothing of it before the next call is opened.

use std::fmt;

use h2::Reason;

/// Length of a frame's header (RFC 9113, section 4.1).
const HEADER: usize = 9;

const GOAWAY: u8 = 7;

/// Last stream and error code, before the debug data.
const FIXED: usize = 8;

/// Bytes of debug data that are kept.
const DEBUG_KEPT: usize = 256;

/// What a server said when it said goodbye.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Goaway {
    pub(crate) last_stream: u32,
    pub(crate) reason: Reason,
    debug: Vec<u8>,
}

impl fmt::Display for Goaway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the server sent GOAWAY ({})", name(self.reason))?;
        if self.debug.is_empty() { Ok(()) } else { write!(f, ": \"{}\"", self.debug.escape_ascii()) }
    }
}

/// The name as the specification writes it; h2 has a sentence only.
fn name(reason: Reason) -> String {
    let name = match reason {
        Reason::NO_ERROR => "NO_ERROR",
        Reason::PROTOCOL_ERROR => "PROTOCOL_ERROR",
        Reason::INTERNAL_ERROR => "INTERNAL_ERROR",
        Reason::FLOW_CONTROL_ERROR => "FLOW_CONTROL_ERROR",
        Reason::SETTINGS_TIMEOUT => "SETTINGS_TIMEOUT",
        Reason::STREAM_CLOSED => "STREAM_CLOSED",
        Reason::FRAME_SIZE_ERROR => "FRAME_SIZE_ERROR",
        Reason::REFUSED_STREAM => "REFUSED_STREAM",
        Reason::CANCEL => "CANCEL",
        Reason::COMPRESSION_ERROR => "COMPRESSION_ERROR",
        Reason::CONNECT_ERROR => "CONNECT_ERROR",
        Reason::ENHANCE_YOUR_CALM => "ENHANCE_YOUR_CALM",
        Reason::INADEQUATE_SECURITY => "INADEQUATE_SECURITY",
        Reason::HTTP_1_1_REQUIRED => "HTTP_1_1_REQUIRED",
        other => return format!("error {}", u32::from(other)),
    };
    name.to_owned()
}

/// Follows the server's frames, however they are cut, and keeps its last GOAWAY.
#[derive(Debug, Default)]
pub(crate) struct GoawayWatch {
    header: [u8; HEADER],
    filled: usize,
    /// Bytes of the payload that are still to come.
    left: usize,
    /// The payload of the GOAWAY that is being read.
    payload: Option<Vec<u8>>,
    last: Option<Box<Goaway>>,
}

impl GoawayWatch {
    /// Bytes that were received.
    pub(crate) fn saw(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if self.left > 0 {
                let (part, rest) = bytes.split_at(self.left.min(bytes.len()));
                bytes = rest;
                self.left -= part.len();
                if let Some(payload) = &mut self.payload {
                    let room = (FIXED + DEBUG_KEPT).saturating_sub(payload.len());
                    payload.extend_from_slice(&part[..room.min(part.len())]);
                }
                if self.left == 0 {
                    self.frame_ended();
                }
                continue;
            }
            let (part, rest) = bytes.split_at((HEADER - self.filled).min(bytes.len()));
            bytes = rest;
            self.header[self.filled..self.filled + part.len()].copy_from_slice(part);
            self.filled += part.len();
            if self.filled == HEADER {
                self.filled = 0;
                let [high, middle, low, kind, ..] = self.header;
                self.left = u32::from_be_bytes([0, high, middle, low]) as usize;
                self.payload = (kind == GOAWAY).then(Vec::new);
            }
        }
    }

    fn frame_ended(&mut self) {
        let Some(payload) = self.payload.take() else { return };
        let Some((&[a, b, c, d, e, f, g, h], debug)) = payload.split_first_chunk::<FIXED>() else { return };
        let last_stream = u32::from_be_bytes([a & 0x7f, b, c, d]);
        let reason = Reason::from(u32::from_be_bytes([e, f, g, h]));
        self.last = Some(Box::new(Goaway { last_stream, reason, debug: debug.to_vec() }));
    }

    /// The last GOAWAY, if there was one.
    pub(crate) fn last(&self) -> Option<&Goaway> {
        self.last.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0, (payload.len() >> 8) as u8, payload.len() as u8, kind, 0, 0, 0, 0, 0];
        bytes.extend_from_slice(payload);
        bytes
    }

    fn goaway(last_stream: u32, reason: u32, debug: &[u8]) -> Vec<u8> {
        frame(GOAWAY, &[&last_stream.to_be_bytes(), &reason.to_be_bytes(), debug].concat())
    }

    #[test]
    fn a_goaway_is_found_however_the_bytes_are_cut() {
        let looks_like_one = goaway(9, 9, b"inside of DATA");
        let bytes = [
            frame(4, &[]),
            frame(0, &looks_like_one),
            goaway(0x7fff_ffff, 0, b""),
            frame(6, &[7; 8]),
            goaway(5, 11, b"too_many_pings"),
            frame(0, &looks_like_one),
        ]
        .concat();
        for piece in 1..bytes.len() {
            let mut watch = GoawayWatch::default();
            for part in bytes.chunks(piece) {
                watch.saw(part);
            }
            let last = watch.last().expect("it was there");
            assert_eq!((last.last_stream, last.reason), (5, Reason::ENHANCE_YOUR_CALM), "in pieces of {piece}");
            assert_eq!(last.to_string(), "the server sent GOAWAY (ENHANCE_YOUR_CALM): \"too_many_pings\"");
        }
    }

    #[test]
    fn long_or_odd_debug_data_is_cut_and_escaped() {
        let mut watch = GoawayWatch::default();
        watch.saw(&goaway(1, 0x99, &[b'\n'; 1000]));
        let text = watch.last().expect("it was there").to_string();
        assert!(text.starts_with("the server sent GOAWAY (error 153): \"\\n"), "{text}");
        assert_eq!(text.matches("\\n").count(), DEBUG_KEPT);
        // Too short to be one: h2 ends the connection for it.
        let mut watch = GoawayWatch::default();
        watch.saw(&frame(GOAWAY, &[0; 7]));
        assert_eq!(watch.last(), None);
    }
}
