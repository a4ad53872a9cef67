//! Server-sent events: how both APIs stream an answer.
//!
//! See "Interpreting an event stream" in the HTML standard, section 9.2.6. Only the data of an event
//! matters here; its type, its id and the retry time are passed over.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read};

use serde_json::Value;
use ureq::BodyReader;

/// The data of the event that ends an answer of an OpenAI-compatible API.
pub(super) const DONE: &str = "[DONE]";

/// An event longer than this, in bytes, is taken for something that is no event stream.
const MAX_EVENT: usize = 1024 * 1024;

/// A parser that takes bytes as they arrive, however they are split.
#[derive(Debug, Default)]
pub(super) struct EventParser {
    line: Vec<u8>,
    data: Option<String>,
    /// The last byte was a carriage return, so that a line feed now belongs to the same line end.
    after_return: bool,
    /// Past the first line, before which a byte order mark may stand.
    begun: bool,
    /// A line was there that no event stream has.
    foreign: bool,
}

/// The fields that an event may have.
const FIELDS: [&str; 4] = ["data", "event", "id", "retry"];

/// An event is longer than [`MAX_EVENT`].
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooLong;

impl EventParser {
    /// Takes the next bytes and appends the data of every event that they complete to `events`.
    pub(super) fn push(&mut self, bytes: &[u8], events: &mut VecDeque<String>) -> Result<(), TooLong> {
        for &byte in bytes {
            let after_return = std::mem::replace(&mut self.after_return, byte == b'\r');
            match byte {
                b'\n' if after_return => {}
                b'\r' | b'\n' => self.end_line(events),
                _ => {
                    self.line.push(byte);
                    if self.line.len() + self.data.as_ref().map_or(0, String::len) > MAX_EVENT {
                        return Err(TooLong);
                    }
                }
            }
        }
        Ok(())
    }

    /// The data of an event that the end of the stream left without its blank line.
    ///
    /// The standard throws it away. Some servers end the stream right after the last data, which
    /// then holds `[DONE]` or the reason why the answer ends.
    pub(super) fn finish(&mut self) -> Option<String> {
        let mut events = VecDeque::new();
        self.end_line(&mut events);
        self.data.take().or_else(|| events.pop_front())
    }

    fn end_line(&mut self, events: &mut VecDeque<String>) {
        let bytes = std::mem::take(&mut self.line);
        let line = String::from_utf8_lossy(&bytes);
        let begun = std::mem::replace(&mut self.begun, true);
        let line = match line.strip_prefix('\u{feff}') {
            Some(rest) if !begun => rest,
            _ => &line,
        };
        if line.is_empty() {
            events.extend(self.data.take());
            return;
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        // A stream that was cut may end in the middle of a field's name; a comment has none.
        self.foreign |= !FIELDS.iter().any(|known| known.starts_with(field));
        if field != "data" {
            return;
        }
        let value = value.strip_prefix(' ').unwrap_or(value);
        match &mut self.data {
            Some(data) => {
                data.push('\n');
                data.push_str(value);
            }
            None => self.data = Some(value.to_owned()),
        }
    }
}

/// The events of a reply.
pub(super) struct EventSource {
    body: BodyReader<'static>,
    parser: EventParser,
    events: VecDeque<String>,
}

/// Why there is no next event.
#[derive(Debug)]
pub(super) enum EventError {
    /// The event has no end.
    TooLong,
    /// The connection failed.
    Connection(ureq::Error),
}

impl EventSource {
    pub(super) fn new(body: BodyReader<'static>) -> Self {
        Self { body, parser: EventParser::default(), events: VecDeque::new() }
    }

    /// Whether the reply holds something that no event stream does.
    pub(super) fn is_foreign(&self) -> bool {
        self.parser.foreign
    }

    /// The data of the next event, as soon as it is there; `None` at the end of the reply.
    pub(super) fn next(&mut self) -> Result<Option<String>, EventError> {
        let mut buffer = [0; 4096];
        while self.events.is_empty() {
            match self.body.read(&mut buffer) {
                Ok(0) => return Ok(self.parser.finish().filter(|data| is_whole(data))),
                Ok(length) => {
                    self.parser.push(&buffer[..length], &mut self.events).map_err(|TooLong| EventError::TooLong)?
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(EventError::Connection(error.into())),
            }
        }
        Ok(self.events.pop_front())
    }
}

/// Whether the data that the end of a reply left is all of its event: a cut leaves a half.
fn is_whole(data: &str) -> bool {
    data == DONE || serde_json::from_str::<Value>(data).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &str = "\u{feff}: a comment\r\nid: 7\r\ndata: {\"text\":\"Grüße 🙂\"}\r\n\r\n\
        event: message\ndata: two\ndata:lines\n\n\n\ndata\n\nretry: 10\rdata:  indented\r\r\
        data: [DONE]\n\n";

    const EVENTS: [&str; 5] = ["{\"text\":\"Grüße 🙂\"}", "two\nlines", "", " indented", "[DONE]"];

    fn parse<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> Vec<String> {
        let mut parser = EventParser::default();
        let mut events = VecDeque::new();
        for chunk in chunks {
            assert_eq!(parser.push(chunk, &mut events), Ok(()));
        }
        assert_eq!(parser.finish(), None);
        events.into()
    }

    #[test]
    fn every_split_gives_the_same_events() {
        let bytes = STREAM.as_bytes();
        for first in 0..=bytes.len() {
            for second in first..=bytes.len() {
                let chunks = [&bytes[..first], &bytes[first..second], &bytes[second..]];
                assert_eq!(parse(chunks), EVENTS, "split at {first} and {second}");
            }
        }
        assert_eq!(parse(bytes.chunks(1)), EVENTS, "byte by byte");
    }

    #[test]
    fn an_event_is_there_with_the_byte_that_ends_it() {
        let mut parser = EventParser::default();
        let mut events = VecDeque::new();
        assert_eq!(parser.push(b"data: now\r\n\r", &mut events), Ok(()));
        assert_eq!(events, ["now"]);
        assert_eq!(parser.push(b"\ndata: next\n\n", &mut events), Ok(()));
        assert_eq!(events, ["now", "next"]);
    }

    #[test]
    fn the_end_gives_the_event_without_a_blank_line() {
        for (stream, left) in [
            ("data: [DONE]", Some("[DONE]")),
            ("data: [DONE]\r\n", Some("[DONE]")),
            ("data: a\ndata: b", Some("a\nb")),
            (": comment", None),
            ("", None),
        ] {
            let mut parser = EventParser::default();
            let mut events = VecDeque::new();
            assert_eq!(parser.push(stream.as_bytes(), &mut events), Ok(()));
            assert!(events.is_empty());
            assert_eq!(parser.finish().as_deref(), left, "{stream:?}");
        }
    }

    #[test]
    fn an_endless_event_is_refused() {
        let mut parser = EventParser::default();
        let mut events = VecDeque::new();
        let line = format!("data: {}\n", "x".repeat(1023));
        let result = (0..2000).try_for_each(|_| parser.push(line.as_bytes(), &mut events));
        assert_eq!(result, Err(TooLong));
    }
}
