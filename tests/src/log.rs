//! A log that a test reads.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

/// Keeps what is written to it; clones are the same log.
#[derive(Clone, Debug, Default)]
pub struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("no writer panics").extend_from_slice(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    /// Whether this was written so far.
    ///
    /// # Panics
    /// When a writer panicked.
    #[must_use]
    pub fn says(&self, text: &str) -> bool {
        self.text().contains(text)
    }

    /// All that was written so far.
    ///
    /// # Panics
    /// When a writer panicked.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().expect("no writer panics")).into_owned()
    }
}
