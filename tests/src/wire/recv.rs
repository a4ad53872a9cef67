//! The verbs a script receives with.
//!
//! Each waits for one frame and leaves the others in the order in which they came, so that a script
//! reads one stream at a time. A reset or the end of the connection fails a wait that it makes
//! hopeless.

use std::time::Instant;

use super::Wire;
use super::frame::{Fields, Frame, Reason, Setting};
use super::send::PREFACE;

/// A HEADERS frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Headers {
    /// The decoded header list.
    pub fields: Fields,
    /// Whether the sender half-closed the stream with it.
    pub end_stream: bool,
}

impl Wire {
    /// The next frame of any kind.
    ///
    /// # Panics
    /// When none comes in time, or the connection ends.
    #[track_caller]
    pub fn recv_frame(&mut self) -> Frame {
        self.recv_match("a frame", None, |_| true)
    }

    /// The next frame that `wanted` accepts; `stream` tells whose reset would make the wait vain.
    #[track_caller]
    pub(super) fn recv_match(&mut self, what: &str, stream: Option<u32>, wanted: impl Fn(&Frame) -> bool) -> Frame {
        let deadline = Instant::now() + self.patience;
        let mut looked_at = 0;
        loop {
            while let Some(frame) = self.pending.get(looked_at) {
                if wanted(frame) {
                    return self.pending.remove(looked_at).expect("the index was just read");
                }
                if let Frame::Reset { stream: ended, reason } = frame
                    && Some(*ended) == stream
                {
                    self.fail(&format!("RST_STREAM({reason:?}) came instead of {what}"));
                }
                looked_at += 1;
            }
            match self.read_frame(deadline, what) {
                Some(frame) => self.pending.push_back(frame),
                None => self.fail(&format!("the connection ended before {what}")),
            }
        }
    }

    /// The client's connection preface.
    ///
    /// # Panics
    /// When something else comes.
    #[track_caller]
    pub fn recv_preface(&mut self) {
        let deadline = Instant::now() + self.patience;
        while self.unread.len() < PREFACE.len() {
            if !self.fill(deadline, "the preface") {
                self.fail("the connection ended before the preface");
            }
        }
        let preface = self.unread.split_to(PREFACE.len());
        assert_eq!(preface, PREFACE, "a client begins with the connection preface");
    }

    /// The peer's SETTINGS (not its acknowledgement of ours).
    ///
    /// # Panics
    /// When none come in time.
    #[track_caller]
    pub fn recv_settings(&mut self) -> Vec<(Setting, u32)> {
        let is_settings = |frame: &Frame| matches!(frame, Frame::Settings { ack: false, .. });
        match self.recv_match("SETTINGS", None, is_settings) {
            Frame::Settings { values, .. } => values,
            other => unreachable!("{other:?} is no SETTINGS frame"),
        }
    }

    /// The next HEADERS frame of `stream`.
    ///
    /// # Panics
    /// When none comes in time, or the stream is reset.
    #[track_caller]
    pub fn recv_headers(&mut self, stream: u32) -> Headers {
        let of_stream = |frame: &Frame| matches!(frame, Frame::Headers { stream: s, .. } if *s == stream);
        match self.recv_match(&format!("HEADERS of stream {stream}"), Some(stream), of_stream) {
            Frame::Headers { fields, end_stream, .. } => Headers { fields, end_stream },
            other => unreachable!("{other:?} is no HEADERS frame"),
        }
    }

    /// The next DATA frame of `stream`: its bytes and whether it half-closed the stream.
    ///
    /// # Panics
    /// When none comes in time, or the stream is reset.
    #[track_caller]
    pub fn recv_data(&mut self, stream: u32) -> (Vec<u8>, bool) {
        let of_stream = |frame: &Frame| matches!(frame, Frame::Data { stream: s, .. } if *s == stream);
        match self.recv_match(&format!("DATA of stream {stream}"), Some(stream), of_stream) {
            Frame::Data { data, end_stream, .. } => (data, end_stream),
            other => unreachable!("{other:?} is no DATA frame"),
        }
    }

    /// At least `length` bytes of `stream`'s DATA, in whole frames.
    ///
    /// # Panics
    /// When they do not come in time, or the stream ends before.
    #[track_caller]
    pub fn recv_data_of(&mut self, stream: u32, length: usize) -> Vec<u8> {
        let mut body = Vec::new();
        while body.len() < length {
            let (data, end_stream) = self.recv_data(stream);
            body.extend_from_slice(&data);
            if end_stream && body.len() < length {
                self.fail(&format!("stream {stream} ended after {} of {length} bytes", body.len()));
            }
        }
        body
    }

    /// All of `stream`'s DATA up to the HEADERS frame that ends it.
    ///
    /// # Panics
    /// When it does not end in time, or the stream is reset.
    #[track_caller]
    pub fn recv_data_until_trailers(&mut self, stream: u32) -> (Vec<u8>, Fields) {
        let mut body = Vec::new();
        let what = format!("trailers of stream {stream}");
        loop {
            let relevant = |frame: &Frame| match frame {
                Frame::Data { stream: s, .. } | Frame::Headers { stream: s, .. } => *s == stream,
                _ => false,
            };
            match self.recv_match(&what, Some(stream), relevant) {
                Frame::Data { data, end_stream: false, .. } => body.extend_from_slice(&data),
                Frame::Headers { fields, end_stream: true, .. } => return (body, fields),
                other => self.fail(&format!("{} came before the {what}", other.summary())),
            }
        }
    }

    /// All of `stream`'s DATA up to the frame that half-closes it without trailers, as a client does.
    ///
    /// # Panics
    /// When it does not end in time, or the stream is reset.
    #[track_caller]
    pub fn recv_data_until_half_close(&mut self, stream: u32) -> Vec<u8> {
        let mut body = Vec::new();
        loop {
            let (data, end_stream) = self.recv_data(stream);
            body.extend_from_slice(&data);
            if end_stream {
                return body;
            }
        }
    }

    /// RST_STREAM of `stream`; frames of the stream that came before it are forgotten.
    ///
    /// # Panics
    /// When none comes in time.
    #[track_caller]
    pub fn recv_reset(&mut self, stream: u32) -> Reason {
        let of_stream = |frame: &Frame| matches!(frame, Frame::Reset { stream: s, .. } if *s == stream);
        match self.recv_match(&format!("RST_STREAM of stream {stream}"), None, of_stream) {
            Frame::Reset { reason, .. } => {
                self.pending.retain(|frame| frame.stream() != stream);
                reason
            }
            other => unreachable!("{other:?} is no RST_STREAM frame"),
        }
    }

    /// GOAWAY: the last stream it names and why.
    ///
    /// # Panics
    /// When none comes in time.
    #[track_caller]
    pub fn recv_goaway(&mut self) -> (u32, Reason) {
        let is_goaway = |frame: &Frame| matches!(frame, Frame::GoAway { .. });
        match self.recv_match("GOAWAY", None, is_goaway) {
            Frame::GoAway { last_stream, reason, .. } => (last_stream, reason),
            other => unreachable!("{other:?} is no GOAWAY frame"),
        }
    }

    /// The next WINDOW_UPDATE of the connection or of any stream; the windows have grown by it already.
    ///
    /// # Panics
    /// When none comes in time.
    #[track_caller]
    pub fn recv_window_update(&mut self) {
        // Those that came before have been counted, and the script has looked at the windows since.
        self.pending.retain(|frame| !matches!(frame, Frame::WindowUpdate { .. }));
        self.recv_match("WINDOW_UPDATE", None, |frame| matches!(frame, Frame::WindowUpdate { .. }));
    }

    /// The peer's PING.
    ///
    /// # Panics
    /// When none comes in time.
    #[track_caller]
    pub fn recv_ping(&mut self) -> [u8; 8] {
        let is_ping = |frame: &Frame| matches!(frame, Frame::Ping { ack: false, .. });
        match self.recv_match("PING", None, is_ping) {
            Frame::Ping { payload, .. } => payload,
            other => unreachable!("{other:?} is no PING frame"),
        }
    }

    /// Waits until the peer ends the connection; frames before that stay readable in
    /// [`Wire::pending`].
    ///
    /// # Panics
    /// When the connection does not end in time.
    #[track_caller]
    pub fn recv_eof(&mut self) {
        let deadline = Instant::now() + self.patience;
        while let Some(frame) = self.read_frame(deadline, "the end of the connection") {
            self.pending.push_back(frame);
        }
    }

    /// Waits until the peer ends the connection, whatever bytes it sends before that.
    ///
    /// # Panics
    /// When the connection does not end in time.
    #[track_caller]
    pub fn recv_unframed_eof(&mut self) {
        let deadline = Instant::now() + self.patience;
        while self.fill(deadline, "the end of the connection") {}
    }

    /// Sends a PING and waits for its answer: everything the peer had sent before is in
    /// [`Wire::pending`] then, and the connection is known to live.
    ///
    /// # Panics
    /// When the answer does not come in time.
    #[track_caller]
    pub fn sync(&mut self) {
        let payload = *b"in sync?";
        self.send_ping(payload);
        let is_answer = |frame: &Frame| matches!(frame, Frame::Ping { ack: true, payload: p } if *p == payload);
        self.recv_match("the answer to a PING", None, is_answer);
    }

    /// Frames that came and that no `recv_*` has taken yet.
    #[must_use]
    pub fn pending(&self) -> Vec<Frame> {
        Vec::from_iter(self.pending.iter().cloned())
    }

    /// Frames of `stream` that came and that no `recv_*` has taken yet.
    #[must_use]
    pub fn pending_of(&self, stream: u32) -> Vec<Frame> {
        let of_stream = self.pending.iter().filter(|frame| frame.stream() == stream);
        Vec::from_iter(of_stream.cloned())
    }
}
