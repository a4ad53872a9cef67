//! What a note's text tells a handler to do, for the servers of both sides.

use std::hint;
use std::thread;
use std::time::{Duration, Instant};

/// What a unary call does before it echoes its note.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Errand {
    /// Nothing.
    Echo,
    /// Sleeps.
    Sleep(Duration),
    /// Keeps its processor busy.
    Spin(Duration),
    /// Calls the server itself, with one less of this.
    Nest(u64),
}

impl Errand {
    /// Reads `sleep MILLISECONDS`, `spin MILLISECONDS` or `nest DEPTH`; anything else is an echo.
    pub(super) fn of(text: &str) -> Self {
        let (word, number) = text.split_once(' ').unwrap_or((text, ""));
        let number = number.parse().unwrap_or(0);
        match word {
            "sleep" => Self::Sleep(Duration::from_millis(number)),
            "spin" => Self::Spin(Duration::from_millis(number)),
            "nest" if number > 0 => Self::Nest(number),
            _ => Self::Echo,
        }
    }

    /// Does what blocks the thread.
    pub(super) fn block(self) {
        match self {
            Self::Sleep(time) => thread::sleep(time),
            Self::Spin(time) => spin_until(Instant::now() + time),
            Self::Echo | Self::Nest(_) => {}
        }
    }
}

/// Keeps the processor busy until an instant.
pub(super) fn spin_until(end: Instant) {
    while Instant::now() < end {
        hint::spin_loop();
    }
}
