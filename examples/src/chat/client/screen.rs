//! What the client writes.

use std::fmt;
use std::io::Write;
use std::sync::Arc;

use crate::terminal::Width;
use crate::terminal::boxes::TextBox;
use crate::terminal::clock::{Clock, Moment};
use crate::terminal::printable::printable;
use crate::terminal::theme::{Role, Theme};

/// Writes above a line that is being typed, without disturbing it.
pub type AbovePrompt = Box<dyn FnMut(String) + Send>;

/// The screen, or the pipe in its place.
pub struct Screen {
    out: Box<dyn Write + Send>,
    theme: Theme,
    width: Width,
    clock: Arc<dyn Clock>,
    above_prompt: Option<AbovePrompt>,
    prompting: bool,
    /// What goes above the prompt with the next [`Self::settle`].
    news: String,
}

impl Screen {
    /// Writes to `out`.
    pub fn new(out: Box<dyn Write + Send>, theme: Theme, width: Width, clock: Arc<dyn Clock>) -> Self {
        Self { out, theme, width, clock, above_prompt: None, prompting: false, news: String::new() }
    }

    /// The same, but while a line is being typed it writes through `above_prompt`.
    pub fn with_prompt(mut self, above_prompt: Option<AbovePrompt>) -> Self {
        self.above_prompt = above_prompt;
        self
    }

    /// The time now.
    pub fn now(&self) -> Moment {
        self.clock.now()
    }

    /// Columns to write in.
    pub fn width(&self) -> usize {
        (self.width)()
    }

    /// From now on the user types, or does not.
    pub fn set_prompting(&mut self, prompting: bool) {
        self.prompting = prompting;
    }

    /// A box.
    pub fn show(&mut self, text: &TextBox) {
        let text = text.render(self.width(), self.theme);
        self.write(&text);
    }

    /// A line.
    pub fn say(&mut self, text: &str) {
        let text = format!("{}\n", printable(text));
        self.write(&text);
    }

    /// A line with good news.
    pub fn good(&mut self, text: &str) {
        self.say_in(Role::Good, text);
    }

    /// A line to notice.
    pub fn notice(&mut self, text: &str) {
        self.say_in(Role::Notice, text);
    }

    /// A line with bad news.
    pub fn error(&mut self, text: &str) {
        self.say_in(Role::Bad, text);
    }

    /// A heading: the line in front of an answer.
    pub fn heading(&mut self, text: &str) {
        self.say_in(Role::Title, text);
    }

    fn say_in(&mut self, role: Role, text: &str) {
        let text = format!("{}\n", self.theme.paint(role, &printable(text)));
        self.write(&text);
    }

    /// Part of an answer, as it is.
    pub fn write(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        match &self.above_prompt {
            Some(_) if self.prompting => self.news.push_str(text),
            _ => {
                // Whoever closed the pipe does not want to read why it cannot be written to.
                let _ = self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush());
            }
        }
    }

    /// Writes the news that came while the user types, in one piece and with the prompt drawn anew.
    pub fn settle(&mut self) {
        if let Some(above_prompt) = &mut self.above_prompt
            && !self.news.is_empty()
        {
            above_prompt(std::mem::take(&mut self.news));
        }
    }

    /// Empties the screen, if it is one.
    pub fn clear(&mut self) {
        if self.above_prompt.is_some() {
            self.write("\u{1b}[2J\u{1b}[3J\u{1b}[H");
        }
    }
}

impl fmt::Debug for Screen {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Screen").field("prompting", &self.prompting).finish_non_exhaustive()
    }
}
