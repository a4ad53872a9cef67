//! Where the lines come from.

use std::fmt;
use std::io::{self, BufRead, Read};
use std::sync::mpsc::{self, SyncSender};
use std::thread;

use super::event::Event;
use super::prompt::Prompt;

/// Bytes of one line at most; what is longer is no message a server would take.
const MAX_LINE: u64 = 1024 * 1024;

/// Something that can be asked for a line.
pub trait Input: Send {
    /// Blocks until there is a line, or until there will be none.
    fn line(&mut self, prompt: &Prompt) -> Event;
}

/// The thread that waits for lines, one at a time and only when asked.
#[derive(Debug)]
pub struct Lines {
    asked: SyncSender<Prompt>,
}

impl Lines {
    /// Starts the thread; its lines go to `events`.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(mut input: Box<dyn Input>, events: SyncSender<Event>) -> io::Result<Self> {
        let (asked, requests) = mpsc::sync_channel::<Prompt>(1);
        thread::Builder::new().name("input".to_owned()).spawn(move || {
            for prompt in requests {
                if events.send(input.line(&prompt)).is_err() {
                    return;
                }
            }
        })?;
        Ok(Self { asked })
    }

    /// Asks for the next line, which comes as an event.
    pub fn ask(&self, prompt: Prompt) {
        // The thread ends only with its input, and said so.
        let _ = self.asked.send(prompt);
    }
}

/// Lines of a pipe or a file; there is nobody to prompt.
pub struct PipedInput<R> {
    reader: R,
}

impl<R: BufRead + Send> PipedInput<R> {
    /// Takes the lines of `reader`.
    pub fn new(reader: R) -> Self {
        Self { reader }
    }
}

impl<R: BufRead + Send> Input for PipedInput<R> {
    fn line(&mut self, _: &Prompt) -> Event {
        let mut line = Vec::new();
        match self.reader.by_ref().take(MAX_LINE).read_until(b'\n', &mut line) {
            Ok(0) => Event::InputEnded(None),
            Ok(_) if !line.ends_with(b"\n") && line.len() as u64 == MAX_LINE => {
                Event::InputEnded(Some(format!("a line is longer than {MAX_LINE} bytes")))
            }
            Ok(_) => Event::Line(String::from_utf8_lossy(&line).into_owned()),
            Err(error) => Event::InputEnded(Some(error.to_string())),
        }
    }
}

impl<R> fmt::Debug for PipedInput<R> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("PipedInput").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    #[test]
    fn lines_come_as_they_are_and_then_the_end() {
        let mut input = PipedInput::new(Cursor::new(b"one\n\ntwo \xff\nlast".to_vec()));
        let mut lines = Vec::new();
        loop {
            match input.line(&Prompt::default()) {
                Event::Line(line) => lines.push(line),
                Event::InputEnded(None) => break,
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(lines, ["one\n", "\n", "two \u{fffd}\n", "last"]);
    }

    #[test]
    fn a_line_without_end_is_refused() {
        let endless = io::BufReader::new(io::repeat(b'x'));
        let mut input = PipedInput::new(endless);
        assert!(matches!(input.line(&Prompt::default()), Event::InputEnded(Some(_))));
    }
}
