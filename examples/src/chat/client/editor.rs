//! Lines of a person at a terminal: line editing, history, completion of commands.

use std::borrow::Cow;
use std::fmt;
use std::sync::mpsc::{self, SyncSender, TrySendError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::MemHistory;
use rustyline::validate::Validator;
use rustyline::{Config, Context, Editor, ExternalPrinter, Helper};
use unicode_width::UnicodeWidthStr;

use super::command::COMMANDS;
use super::event::Event;
use super::input::Input;
use super::prompt::Prompt;
use super::screen::AbovePrompt;
use crate::terminal::theme::Theme;

/// Lines the user may go back to.
const HISTORY: usize = 1000;

/// Texts that may wait to be written above the prompt; more are dropped.
const WAITING_TEXTS: usize = 64;

/// What the prompt tells right now, shared with the loop, which knows.
pub type LivePrompt = Arc<Mutex<Prompt>>;

/// The line editor.
pub struct LineEditor {
    editor: Editor<Assistant, MemHistory>,
    prompt: LivePrompt,
}

impl LineEditor {
    /// An editor on the terminal of the process. It reports to `events` when the user begins to type a message and
    /// when nothing is left of it.
    ///
    /// # Errors
    /// When the terminal cannot be used.
    pub fn new(prompt: LivePrompt, theme: Theme, events: SyncSender<Event>) -> Result<Self, ReadlineError> {
        let config = Config::builder().max_history_size(HISTORY)?.history_ignore_space(true).build();
        let history = MemHistory::with_config(&config);
        let mut editor = Editor::with_history(config, history)?;
        editor.set_helper(Some(Assistant { prompt: Arc::clone(&prompt), theme, events, typing: Mutex::new(false) }));
        Ok(Self { editor, prompt })
    }

    /// A way to write above the line that is being edited. `None` on a terminal that cannot do it.
    ///
    /// The editor takes one text at a time and only while it reads, so a thread of its own waits for that.
    pub fn above_prompt(&mut self) -> Option<AbovePrompt> {
        let mut printer = self.editor.create_external_printer().ok()?;
        let (texts, waiting) = mpsc::sync_channel::<String>(WAITING_TEXTS);
        let print = move || waiting.iter().try_for_each(|text| printer.print(text));
        thread::Builder::new().name("above prompt".to_owned()).spawn(print).ok()?;
        Some(Box::new(move |text| match texts.try_send(text) {
            // News nobody can see any more are no loss.
            Ok(()) | Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {}
        }))
    }
}

impl Input for LineEditor {
    fn line(&mut self, prompt: &Prompt) -> Event {
        *self.prompt.lock().unwrap_or_else(PoisonError::into_inner) = prompt.clone();
        if let Some(assistant) = self.editor.helper() {
            *assistant.typing.lock().unwrap_or_else(PoisonError::into_inner) = false;
        }
        match self.editor.readline(prompt.render(Theme::plain()).as_str()) {
            Ok(line) => {
                // A line that cannot be remembered can be said all the same.
                let _ = self.editor.add_history_entry(line.as_str());
                Event::Line(line)
            }
            Err(ReadlineError::Interrupted) => Event::Left,
            Err(ReadlineError::Eof) => Event::InputEnded(None),
            Err(error) => Event::InputEnded(Some(error.to_string())),
        }
    }
}

impl fmt::Debug for LineEditor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("LineEditor").finish_non_exhaustive()
    }
}

/// What the editor asks while a line is being edited.
struct Assistant {
    prompt: LivePrompt,
    theme: Theme,
    events: SyncSender<Event>,
    /// Whether the line holds a part of a message.
    typing: Mutex<bool>,
}

impl Helper for Assistant {}

impl Validator for Assistant {}

/// Completes commands.
impl Completer for Assistant {
    type Candidate = String;

    fn complete(&self, line: &str, position: usize, _: &Context<'_>) -> Result<(usize, Vec<String>), ReadlineError> {
        let typed = &line[..position];
        let known = COMMANDS.iter().map(|(name, _, _)| *name);
        let candidates = known.filter(|name| typed.starts_with('/') && name.starts_with(typed)).map(str::to_owned);
        Ok((0, candidates.collect()))
    }
}

/// Gives no hints: this is where the editor tells of every change of the line.
impl Hinter for Assistant {
    type Hint = String;

    fn hint(&self, line: &str, _: usize, _: &Context<'_>) -> Option<String> {
        let typing = !line.trim().is_empty() && !line.starts_with('/');
        let mut before = self.typing.lock().unwrap_or_else(PoisonError::into_inner);
        if *before != typing {
            *before = typing;
            // Nobody needs to know who is typing when the loop has no time for it.
            let _ = self.events.try_send(Event::Typing(typing));
        }
        None
    }
}

/// Colours the prompt, and keeps it true while a line is being edited.
impl Highlighter for Assistant {
    fn highlight_prompt<'b, 's: 'b, 'p: 'b>(&'s self, prompt: &'p str, default: bool) -> Cow<'b, str> {
        if !default {
            return Cow::Borrowed(prompt);
        }
        let live = self.prompt.lock().unwrap_or_else(PoisonError::into_inner);
        // The editor has laid the line out for the prompt it was given.
        if live.render(Theme::plain()).width() != prompt.width() {
            return Cow::Borrowed(prompt);
        }
        Cow::Owned(live.render(self.theme))
    }
}
