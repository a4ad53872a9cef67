//! The log of the server that a person watches: boxes and lines, each written in one piece.

use std::fmt;
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::boxes;
use super::stop::StopReason;
use crate::chat::session_id::short;
use crate::terminal::boxes::TextBox;
use crate::terminal::clock::{Clock, Moment};
use crate::terminal::durations;
use crate::terminal::printable::printable;
use crate::terminal::theme::{Role, Theme};
use crate::terminal::{Width, width_of_a_file};

/// Writes what happens on the server.
///
/// # Threads
/// Any thread may write; what one call writes stays together.
///
/// # Locks
/// `out` is a leaf, held for one write. A reader of the log who stops reading stops the turns that write to it,
/// as with any program on a terminal.
pub struct Journal {
    out: Mutex<Box<dyn Write + Send>>,
    clock: Arc<dyn Clock>,
    theme: Theme,
    width: Width,
}

impl Journal {
    /// A log that goes to `out`.
    pub fn new(out: Box<dyn Write + Send>, clock: Arc<dyn Clock>, theme: Theme, width: Width) -> Self {
        Self { out: Mutex::new(out), clock, theme, width }
    }

    /// A log that nobody reads.
    pub fn silent(clock: Arc<dyn Clock>) -> Self {
        Self::new(Box::new(std::io::sink()), clock, Theme::plain(), width_of_a_file)
    }

    /// The time now, by the clock that stamps the log.
    pub fn now(&self) -> Moment {
        self.clock.now()
    }

    /// The server is ready.
    pub fn started(&self, model: &str, framework: &str, address: &str) {
        let banner = boxes::banner(model, framework).render((self.width)(), self.theme);
        self.write(&format!(
            "{banner}Listening on: {address}\nProtocol: gRPC with bidirectional streaming\nPress Ctrl+C to stop\n"
        ));
    }

    /// A MESSAGE arrived.
    pub fn request(&self, session: &str, message: &str) {
        self.write_box(&boxes::request(&self.now(), "ChatService.Chat", session, message));
    }

    /// The model is asked.
    pub fn generating(&self, session: &str, context_messages: usize, model: &str) {
        self.write_box(&boxes::generating(session, context_messages, model));
    }

    /// A chunk goes out.
    pub fn chunk(&self, session: &str, number: usize, text: &str) {
        self.line(&format!("Chunk #{number} → {}: {text:?}", short(session)));
    }

    /// A whole answer went out.
    pub fn completed(&self, session: &str, chunks: usize, time: Duration, context_messages: usize) {
        self.write_box(&boxes::completed(session, chunks, time, context_messages));
    }

    /// A turn was stopped.
    pub fn cancelled(&self, session: &str, chunks: usize, time: Duration, reason: StopReason) {
        let mark = self.theme.paint(Role::Notice, "CANCELLED");
        let time = durations::seconds(time);
        self.line(&format!("{mark} → {}: {reason}, after {chunks} chunks and {time}", short(session)));
    }

    /// A turn ended in an ERROR.
    pub fn failed(&self, session: &str, error: &str) {
        let mark = self.theme.paint(Role::Bad, "FAILED");
        self.line(&format!("{mark} → {}: {}", short(session), printable(error)));
    }

    /// Anything else worth a line; it gets the time in front.
    pub fn line(&self, text: &str) {
        let time = self.theme.paint(Role::Frame, &format!("[{}]", self.now().precise_time()));
        self.write(&format!("{time} {text}\n"));
    }

    /// A line for the person who started the server, without a time.
    pub fn say(&self, text: &str) {
        self.write(&format!("{text}\n"));
    }

    fn write_box(&self, text: &TextBox) {
        self.write(&text.render((self.width)(), self.theme));
    }

    fn write(&self, text: &str) {
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        // A log that cannot be written (a closed pipe, a full disk) is no reason to stop answering.
        let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    }
}

impl fmt::Debug for Journal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Journal").finish_non_exhaustive()
    }
}
