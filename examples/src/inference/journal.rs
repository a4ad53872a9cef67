//! What happens on the server, for a person who watches.

use std::fmt;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

/// Writes lines; clones write to the same place.
///
/// # Threads
/// Any thread may write, and its line stays in one piece. As with any program on a terminal, a reader who stops reading
/// stops those who write.
#[derive(Clone)]
pub struct Journal(Arc<Mutex<dyn Write + Send>>);

impl Journal {
    /// A journal that goes to `out`.
    pub fn new(out: impl Write + Send + 'static) -> Self {
        Self(Arc::new(Mutex::new(out)))
    }

    /// Writes a line.
    pub fn say(&self, line: impl fmt::Display) {
        let mut out = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Nobody may be there to read it, and the models go on.
        let _ = out.write_all(format!("{line}\n").as_bytes()).and_then(|()| out.flush());
    }
}

/// A journal that nobody reads.
impl Default for Journal {
    fn default() -> Self {
        Self::new(io::sink())
    }
}

impl fmt::Debug for Journal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Journal").finish_non_exhaustive()
    }
}
