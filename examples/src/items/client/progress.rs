//! A progress bar on a terminal.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

/// Columns of the bar itself.
const BAR: usize = 30;

/// How often it is drawn.
const PAUSE: Duration = Duration::from_millis(100);

/// Shows on standard error how much is done; shows nothing where that is no terminal.
#[derive(Debug)]
pub struct Progress {
    total: u64,
    done: u64,
    begun: Instant,
    drawn: Option<Instant>,
    shown: bool,
}

impl Progress {
    /// Nothing of `total` bytes is done.
    pub fn new(total: u64) -> Self {
        Self { total, done: 0, begun: Instant::now(), drawn: None, shown: io::stderr().is_terminal() }
    }

    /// So many more bytes are done.
    pub fn add(&mut self, bytes: u64) {
        self.done += bytes;
        let now = Instant::now();
        if self.shown && self.drawn.is_none_or(|drawn| now - drawn >= PAUSE || self.done >= self.total) {
            self.drawn = Some(now);
            let line = line(self.done, self.total, now - self.begun);
            // A bar nobody can see is not worth failing for.
            let _ = write!(io::stderr(), "\r{line}");
        }
    }

    /// Takes the bar off the screen.
    pub fn clear(self) {
        if self.drawn.is_some() {
            let _ = write!(io::stderr(), "\r\u{1b}[K");
        }
    }
}

/// Bytes for a person: `1073.7 MB`.
pub fn megabytes(bytes: f64) -> String {
    format!("{:.1} MB", bytes / 1e6)
}

fn line(done: u64, total: u64, time: Duration) -> String {
    // A file that grows while it is read is done more than once.
    let part = if total == 0 { 1.0 } else { (done as f64 / total as f64).min(1.0) };
    let filled = "#".repeat((part * BAR as f64) as usize);
    let rate = megabytes(done as f64 / time.as_secs_f64().max(1e-3));
    format!(
        "[{filled:-<BAR$}] {:3.0}%  {} of {}  {rate}/s ",
        part * 100.0,
        megabytes(done as f64),
        megabytes(total as f64)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_grows_from_empty_to_full() {
        let second = Duration::from_secs(1);
        assert_eq!(line(0, 10_000_000, second), "[------------------------------]   0%  0.0 MB of 10.0 MB  0.0 MB/s ");
        let half = line(5_000_000, 10_000_000, second);
        assert_eq!(half, "[###############---------------]  50%  5.0 MB of 10.0 MB  5.0 MB/s ");
        let full = "[##############################] 100%";
        assert!(line(10_000_000, 10_000_000, second).starts_with(full));
        assert!(line(11_000_000, 10_000_000, second).starts_with(full));
        assert!(line(0, 0, Duration::ZERO).starts_with(full));
    }
}
