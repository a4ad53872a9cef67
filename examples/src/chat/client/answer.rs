//! The answer that is arriving.

use std::time::{Duration, Instant};

use crate::terminal::printable::printable;
use crate::terminal::wrap::Wrapper;

/// The server may be silent for this long before the client gives an answer up.
const SILENCE_TIMEOUT: Duration = Duration::from_secs(6 * 60);

/// A server that has sent the whole answer sends the session's state with it.
const UPDATE_TIMEOUT: Duration = Duration::from_secs(2);

/// An answer between its message and its end.
#[derive(Debug)]
pub struct ArrivingAnswer {
    /// What was asked, in case it has to be asked again in another session.
    pub message: String,
    /// Whether it was asked again already.
    pub repeated: bool,
    sent: Instant,
    heard: Instant,
    whole: bool,
    chunks: u64,
    wrapper: Wrapper,
}

impl ArrivingAnswer {
    /// Nothing came yet. The answer will be written in lines of `width` columns.
    pub fn new(message: String, repeated: bool, width: usize, now: Instant) -> Self {
        Self { message, repeated, sent: now, heard: now, whole: false, chunks: 0, wrapper: Wrapper::new(width) }
    }

    /// The server said something about this answer.
    pub fn heard(&mut self, now: Instant) {
        self.heard = now;
    }

    /// A chunk came; returns what to write of it now.
    pub fn chunk(&mut self, text: &str) -> String {
        self.chunks += 1;
        self.wrapper.push(&printable(text))
    }

    /// No more chunks will come; returns what to write to end the answer's last line.
    pub fn finish(&mut self) -> String {
        let mut rest = self.wrapper.finish();
        if self.wrapper.is_mid_line() {
            rest.push('\n');
        }
        rest
    }

    /// The answer is whole; what is missing is the session's new state.
    pub fn complete(&mut self, now: Instant) -> Duration {
        self.whole = true;
        self.heard = now;
        now.saturating_duration_since(self.sent)
    }

    /// Whether every chunk has come.
    pub fn is_whole(&self) -> bool {
        self.whole
    }

    /// Chunks so far.
    pub fn chunks(&self) -> u64 {
        self.chunks
    }

    /// When to stop waiting for the server.
    pub fn patience_ends(&self) -> Instant {
        self.heard + if self.whole { UPDATE_TIMEOUT } else { SILENCE_TIMEOUT }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_is_ended_once() {
        let now = Instant::now();
        let mut answer = ArrivingAnswer::new("?".to_owned(), false, 10, now);
        let written = answer.chunk("Hello ") + &answer.chunk("wide\u{1b} ") + &answer.chunk("world") + &answer.finish();
        assert_eq!(written, "Hello wide\nworld\n");
        assert_eq!(answer.chunks(), 3);
        let mut answer = ArrivingAnswer::new("?".to_owned(), false, 10, now);
        assert_eq!(answer.chunk("Hello\n") + &answer.finish(), "Hello\n");
        let mut answer = ArrivingAnswer::new("?".to_owned(), false, 10, now);
        assert_eq!(answer.finish(), "");
    }

    #[test]
    fn patience_begins_anew_with_every_sign_of_life() {
        let now = Instant::now();
        let mut answer = ArrivingAnswer::new("?".to_owned(), false, 10, now);
        assert_eq!(answer.patience_ends(), now + SILENCE_TIMEOUT);
        let later = now + Duration::from_secs(3);
        answer.heard(later);
        assert_eq!(answer.patience_ends(), later + SILENCE_TIMEOUT);
        assert_eq!(answer.complete(later), Duration::from_secs(3));
        assert_eq!(answer.patience_ends(), later + UPDATE_TIMEOUT);
    }
}
