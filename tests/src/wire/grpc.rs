//! Calls over the scripted connection ("gRPC over HTTP/2", Requests and Responses).

use super::frame::{Fields, Frame};
use super::{Headers, Role, Wire};

/// A message as it goes over the wire: flag 0, four bytes of length, the message.
///
/// # Panics
/// When the message is 4 GiB or larger.
#[must_use]
pub fn envelope(message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).expect("a message is smaller than 4 GiB");
    let mut bytes = vec![0];
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(message);
    bytes
}

/// The messages of a stream's DATA.
///
/// # Panics
/// When an envelope is cut short or its flag is not 0.
#[track_caller]
#[must_use]
pub fn envelopes(mut body: &[u8]) -> Vec<Vec<u8>> {
    let mut messages = Vec::new();
    while !body.is_empty() {
        let (prefix, rest) = body.split_at_checked(5).expect("an envelope's prefix is whole");
        assert_eq!(prefix[0], 0, "the message is not compressed");
        let length = u32::from_be_bytes([prefix[1], prefix[2], prefix[3], prefix[4]]);
        let whole = rest.split_at_checked(length as usize);
        let (message, rest) = whole.expect("an envelope's message is whole");
        messages.push(message.to_vec());
        body = rest;
    }
    messages
}

/// The header list of a plain request.
#[must_use]
pub fn request_fields(path: &str) -> [(&str, &str); 6] {
    [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", path),
        (":authority", "stolid.test"),
        ("te", "trailers"),
        ("content-type", "application/grpc"),
    ]
}

/// A call our client opened.
#[derive(Clone, Debug)]
pub struct Call {
    /// Its stream.
    pub stream: u32,
    /// Its request headers.
    pub fields: Fields,
    /// Whether the client half-closed with them.
    pub end_stream: bool,
}

/// All that our server answered on one stream.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The response headers; `None` for a trailers-only response.
    pub headers: Option<Fields>,
    /// The messages, without their envelopes.
    pub messages: Vec<Vec<u8>>,
    /// The trailers; of a trailers-only response its one header block.
    pub trailers: Fields,
}

impl Reply {
    /// `grpc-status` as a number.
    ///
    /// # Panics
    /// When it is missing or no number.
    #[track_caller]
    #[must_use]
    pub fn code(&self) -> i32 {
        let status = self.trailers.get("grpc-status").expect("the trailers have a grpc-status");
        status.parse().expect("grpc-status is a number")
    }

    /// `grpc-message` as it stands on the wire, or an empty text.
    #[must_use]
    pub fn message(&self) -> &str {
        self.trailers.get("grpc-message").unwrap_or_default()
    }
}

impl Wire {
    /// Opens a call at our server and leaves it open; gives its stream.
    ///
    /// # Panics
    /// As [`Wire::send_raw`].
    #[track_caller]
    pub fn open_call(&mut self, path: &str, metadata: &[(&str, &str)]) -> u32 {
        self.open(path, metadata, false)
    }

    /// Opens a call whose HEADERS end the request already: it has no message at all.
    ///
    /// # Panics
    /// As [`Wire::send_raw`].
    #[track_caller]
    pub fn open_empty_call(&mut self, path: &str, metadata: &[(&str, &str)]) -> u32 {
        self.open(path, metadata, true)
    }

    #[track_caller]
    fn open(&mut self, path: &str, metadata: &[(&str, &str)], end_stream: bool) -> u32 {
        let mut fields = request_fields(path).to_vec();
        fields.extend_from_slice(metadata);
        self.open_stream(&fields, end_stream)
    }

    /// Opens the next stream with a header list of the script's own; gives its number.
    ///
    /// # Panics
    /// As [`Wire::send_raw`].
    #[track_caller]
    pub fn open_stream(&mut self, fields: &[(&str, &str)], end_stream: bool) -> u32 {
        assert_eq!(self.role, Role::Client, "only a client opens streams");
        let stream = self.idle_stream();
        self.send_headers(stream, fields, end_stream);
        stream
    }

    /// The number of the next stream, for a script that opens it by frames of its own.
    pub fn idle_stream(&mut self) -> u32 {
        let stream = self.next_stream;
        self.next_stream += 2;
        stream
    }

    /// Makes a whole unary call and gives the answer.
    ///
    /// # Panics
    /// When no answer comes in time.
    #[track_caller]
    pub fn unary_call(&mut self, path: &str, message: &[u8]) -> Reply {
        let stream = self.open_call(path, &[]);
        self.send_body(stream, &envelope(message), true);
        self.recv_reply(stream)
    }

    /// All of our server's answer on `stream`, to its trailers.
    ///
    /// # Panics
    /// When it does not end in time, or the stream is reset.
    #[track_caller]
    pub fn recv_reply(&mut self, stream: u32) -> Reply {
        let Headers { fields, end_stream } = self.recv_headers(stream);
        if end_stream {
            return Reply { headers: None, messages: Vec::new(), trailers: fields };
        }
        let (body, trailers) = self.recv_data_until_trailers(stream);
        Reply { headers: Some(fields), messages: envelopes(&body), trailers }
    }

    /// One message of `stream`; DATA may hold no more than that.
    ///
    /// # Panics
    /// When it does not come in time, or more comes with it.
    #[track_caller]
    pub fn recv_message(&mut self, stream: u32) -> Vec<u8> {
        let mut body = self.recv_data_of(stream, 5);
        let length = u32::from_be_bytes([body[1], body[2], body[3], body[4]]) as usize;
        let missing = (5 + length).saturating_sub(body.len());
        if missing > 0 {
            body.extend(self.recv_data_of(stream, missing));
        }
        assert_eq!(body.len(), 5 + length, "one message came alone");
        body.split_off(5)
    }

    /// The next call our client opens.
    ///
    /// # Panics
    /// When none comes in time.
    #[track_caller]
    pub fn recv_call(&mut self) -> Call {
        assert_eq!(self.role, Role::Server, "only a server takes calls");
        let is_headers = |frame: &Frame| matches!(frame, Frame::Headers { .. });
        match self.recv_match("a call", None, is_headers) {
            Frame::Headers { stream, fields, end_stream } => Call { stream, fields, end_stream },
            other => unreachable!("{other:?} is no HEADERS frame"),
        }
    }

    /// Answers our client's call with plain response headers.
    ///
    /// # Panics
    /// As [`Wire::send_raw`].
    #[track_caller]
    pub fn send_response_headers(&mut self, stream: u32) {
        let fields = [(":status", "200"), ("content-type", "application/grpc")];
        self.send_headers(stream, &fields, false);
    }

    /// Ends our client's call with this status.
    ///
    /// # Panics
    /// As [`Wire::send_raw`].
    #[track_caller]
    pub fn send_trailers(&mut self, stream: u32, status: &str) {
        self.send_headers(stream, &[("grpc-status", status)], true);
    }

    /// Answers our client's call with one message and status OK.
    ///
    /// # Panics
    /// As [`Wire::send_raw`].
    #[track_caller]
    pub fn send_unary_reply(&mut self, stream: u32, message: &[u8]) {
        self.send_response_headers(stream);
        self.send_body(stream, &envelope(message), false);
        self.send_trailers(stream, "0");
    }
}
