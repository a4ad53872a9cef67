//! The verbs a script sends with.

use std::io::{self, Write};
use std::time::Instant;

use super::frame::{self, Reason, Setting, flag, kind};
use super::{Wire, header_block};

/// What a client says before its first frame (RFC 9113 §3.4).
pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The largest frame every peer must take.
const MAX_FRAME: usize = 16_384;

/// Held bytes go out at this size, so that a script of any length needs little memory.
const HELD_LIMIT: usize = 64 * 1024;

impl Wire {
    /// Sends bytes as they are.
    ///
    /// # Panics
    /// When the peer has closed the connection or takes no bytes for 10 s.
    #[track_caller]
    pub fn send_raw(&mut self, bytes: &[u8]) {
        if let Err(error) = self.try_send_raw(bytes) {
            self.fail(&format!("sending failed: {error}"));
        }
    }

    /// Sends bytes as they are, to a peer that may be gone.
    ///
    /// # Errors
    /// When the peer has closed the connection or takes no bytes for 10 s.
    pub fn try_send_raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        let Some(held) = &mut self.held else {
            return self.socket.write_all(bytes);
        };
        held.extend_from_slice(bytes);
        if held.len() < HELD_LIMIT {
            return Ok(());
        }
        let full = std::mem::take(held);
        self.socket.write_all(&full)
    }

    /// Holds what is sent from here on, so that many frames leave in one segment. [`Wire::flush`]
    /// and every `recv_*` let them go.
    pub fn hold(&mut self) {
        self.held.get_or_insert_default();
    }

    /// Sends what [`Wire::hold`] held and holds no more.
    ///
    /// # Panics
    /// When the peer has closed the connection or takes no bytes for 10 s.
    #[track_caller]
    pub fn flush(&mut self) {
        if let Some(held) = self.held.take() {
            self.send_raw(&held);
        }
    }

    /// Takes back what [`Wire::hold`] held, for a script that sends it in pieces of its own.
    #[must_use]
    pub fn take_held(&mut self) -> Vec<u8> {
        self.held.take().unwrap_or_default()
    }

    /// Sends one frame of any type, flags and payload; windows are not looked at.
    ///
    /// # Panics
    /// As [`Wire::send_raw`].
    #[track_caller]
    pub fn send_frame(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        if let Err(error) = self.try_send_frame(kind, flags, stream, payload) {
            self.fail(&format!("sending failed: {error}"));
        }
    }

    /// Sends one frame to a peer that may be gone.
    ///
    /// # Errors
    /// When the peer has closed the connection or takes no bytes for 10 s.
    pub fn try_send_frame(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) -> io::Result<()> {
        let mut bytes = Vec::with_capacity(frame::HEAD + payload.len());
        frame::encode(kind, flags, stream, payload, &mut bytes);
        self.note(format!("-> type {kind} flags {flags:#x} stream {stream}, {} bytes", payload.len()));
        self.try_send_raw(&bytes)
    }

    /// Sends the client's connection preface.
    ///
    /// # Panics
    /// As [`Wire::send_raw`].
    #[track_caller]
    pub fn send_preface(&mut self) {
        self.send_raw(PREFACE);
    }

    /// Sends SETTINGS.
    ///
    /// # Panics
    /// As [`Wire::send_raw`].
    #[track_caller]
    pub fn send_settings(&mut self, settings: &[(Setting, u32)]) {
        let mut payload = Vec::new();
        for (setting, value) in settings {
            payload.extend_from_slice(&setting.0.to_be_bytes());
            payload.extend_from_slice(&value.to_be_bytes());
        }
        self.send_frame(kind::SETTINGS, 0, 0, &payload);
    }

    /// Acknowledges the peer's SETTINGS.
    ///
    /// # Panics
    /// As [`Wire::send_raw`].
    #[track_caller]
    pub fn send_settings_ack(&mut self) {
        self.send_frame(kind::SETTINGS, flag::ACK, 0, &[]);
    }

    /// Sends a header block, over CONTINUATION frames where one frame is too small.
    ///
    /// # Panics
    /// As [`Wire::send_raw`].
    #[track_caller]
    pub fn send_headers(&mut self, stream: u32, fields: &[(&str, &str)], end_stream: bool) {
        let block = header_block::encode(fields);
        let mut pieces = block.chunks(MAX_FRAME).peekable();
        let mut kind = kind::HEADERS;
        let mut flags = if end_stream { flag::END_STREAM } else { 0 };
        while let Some(piece) = pieces.next() {
            if pieces.peek().is_none() {
                flags |= flag::END_HEADERS;
            }
            self.send_frame(kind, flags, stream, piece);
            (kind, flags) = (kind::CONTINUATION, 0);
        }
    }

    /// Sends one DATA frame as soon as the peer's windows let it.
    ///
    /// # Panics
    /// When the windows stay shut, and as [`Wire::send_raw`].
    #[track_caller]
    pub fn send_data(&mut self, stream: u32, bytes: &[u8], end_stream: bool) {
        let flags = if end_stream { flag::END_STREAM } else { 0 };
        self.send_data_frame(stream, flags, bytes);
    }

    /// Sends one DATA frame with `padding` zero bytes behind its data.
    ///
    /// # Panics
    /// As [`Wire::send_data`].
    #[track_caller]
    pub fn send_padded_data(&mut self, stream: u32, bytes: &[u8], padding: u8, end_stream: bool) {
        let mut payload = vec![padding];
        payload.extend_from_slice(bytes);
        payload.resize(payload.len() + usize::from(padding), 0);
        let end = if end_stream { flag::END_STREAM } else { 0 };
        self.send_data_frame(stream, flag::PADDED | end, &payload);
    }

    /// Sends bytes of any length in DATA frames as large as frame size and windows let them be.
    ///
    /// # Panics
    /// As [`Wire::send_data`].
    #[track_caller]
    pub fn send_body(&mut self, stream: u32, bytes: &[u8], end_stream: bool) {
        let mut pieces = bytes.chunks(MAX_FRAME).peekable();
        while let Some(piece) = pieces.next() {
            let last = pieces.peek().is_none();
            self.send_data(stream, piece, end_stream && last);
        }
        if bytes.is_empty() {
            self.send_data(stream, bytes, end_stream);
        }
    }

    #[track_caller]
    fn send_data_frame(&mut self, stream: u32, flags: u8, payload: &[u8]) {
        assert!(payload.len() <= MAX_FRAME, "a peer need not take a frame of {}", payload.len());
        self.wait_for_window(stream, payload.len());
        self.send_windows.spend(stream, payload.len());
        self.send_frame(kind::DATA, flags, stream, payload);
    }

    #[track_caller]
    fn wait_for_window(&mut self, stream: u32, bytes: usize) {
        let deadline = Instant::now() + self.patience;
        let bytes = i64::try_from(bytes).expect("a frame is small");
        while bytes > 0 && self.send_windows.available(stream) < bytes {
            let holding = self.held.is_some();
            match self.read_frame(deadline, "WINDOW_UPDATE") {
                Some(frame) => self.pending.push_back(frame),
                None => self.fail("the connection ended while a window was awaited"),
            }
            if holding {
                self.hold();
            }
        }
    }

    /// Bytes the peer's windows let out on `stream` now, as far as its frames have been read.
    #[must_use]
    pub fn send_window(&self, stream: u32) -> i64 {
        self.send_windows.available(stream)
    }

    /// Sends RST_STREAM.
    ///
    /// # Panics
    /// As [`Wire::send_raw`].
    #[track_caller]
    pub fn send_reset(&mut self, stream: u32, reason: Reason) {
        self.send_frame(kind::RST_STREAM, 0, stream, &reason.0.to_be_bytes());
    }

    /// Sends GOAWAY.
    ///
    /// # Panics
    /// As [`Wire::send_raw`].
    #[track_caller]
    pub fn send_goaway(&mut self, last_stream: u32, reason: Reason, debug: &str) {
        let mut payload = last_stream.to_be_bytes().to_vec();
        payload.extend_from_slice(&reason.0.to_be_bytes());
        payload.extend_from_slice(debug.as_bytes());
        self.send_frame(kind::GOAWAY, 0, 0, &payload);
    }

    /// Sends PING.
    ///
    /// # Panics
    /// As [`Wire::send_raw`].
    #[track_caller]
    pub fn send_ping(&mut self, payload: [u8; 8]) {
        self.send_frame(kind::PING, 0, 0, &payload);
    }

    /// Answers a PING.
    ///
    /// # Panics
    /// As [`Wire::send_raw`].
    #[track_caller]
    pub fn send_pong(&mut self, payload: [u8; 8]) {
        self.send_frame(kind::PING, flag::ACK, 0, &payload);
    }

    /// Sends WINDOW_UPDATE for a stream, or with 0 for the connection.
    ///
    /// # Panics
    /// As [`Wire::send_raw`].
    #[track_caller]
    pub fn send_window_update(&mut self, stream: u32, increment: u32) {
        // A peer that is closing may be gone already; what matters then shows at the next read.
        let _gone = self.try_send_frame(kind::WINDOW_UPDATE, 0, stream, &increment.to_be_bytes());
    }

    /// Leaves the peer's answer to a PING unread, so that dropping the script resets the TCP connection instead of ending
    /// it. What is sent in between still goes out.
    ///
    /// # Panics
    /// As [`Wire::send_raw`]; when no answer comes in time.
    #[track_caller]
    pub fn arm_reset(&mut self) {
        self.send_ping(*b"unheard!");
        self.socket.set_read_timeout(Some(self.patience)).expect("the timeout is not zero");
        let seen = self.socket.peek(&mut [0]).expect("the peer answers a PING");
        assert_eq!(seen, 1, "the connection is open");
    }
}
