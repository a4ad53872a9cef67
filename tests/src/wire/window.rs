//! How much the scripted peer may still send (RFC 9113 §5.2).

use std::collections::HashMap;

use super::frame::{Frame, Setting};

/// The window every connection and stream begins with.
const INITIAL: i64 = 65_535;

/// The windows the other side gave us.
#[derive(Debug)]
pub(super) struct SendWindows {
    connection: i64,
    initial: i64,
    streams: HashMap<u32, i64>,
}

impl Default for SendWindows {
    fn default() -> Self {
        Self { connection: INITIAL, initial: INITIAL, streams: HashMap::new() }
    }
}

impl SendWindows {
    /// Bytes that may go out on `stream` now; negative after the peer shrank its windows.
    pub(super) fn available(&self, stream: u32) -> i64 {
        self.connection.min(*self.streams.get(&stream).unwrap_or(&self.initial))
    }

    pub(super) fn spend(&mut self, stream: u32, bytes: usize) {
        let bytes = i64::try_from(bytes).expect("a frame is small");
        self.connection -= bytes;
        *self.streams.entry(stream).or_insert(self.initial) -= bytes;
    }

    /// Takes note of what the peer's frame changes.
    pub(super) fn observe(&mut self, frame: &Frame) {
        match frame {
            Frame::WindowUpdate { stream: 0, increment } => {
                self.connection += i64::from(*increment);
            }
            Frame::WindowUpdate { stream, increment } => {
                let window = self.streams.entry(*stream).or_insert(self.initial);
                *window += i64::from(*increment);
            }
            Frame::Settings { ack: false, values } => {
                for (setting, value) in values {
                    if *setting == Setting::INITIAL_WINDOW_SIZE {
                        self.resize(i64::from(*value));
                    }
                }
            }
            _ => {}
        }
    }

    /// A new initial window changes every open stream by the difference (RFC 9113 §6.9.2).
    fn resize(&mut self, initial: i64) {
        for window in self.streams.values_mut() {
            *window += initial - self.initial;
        }
        self.initial = initial;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smaller_of_both_windows_counts() {
        let mut windows = SendWindows::default();
        windows.observe(&Frame::WindowUpdate { stream: 1, increment: 10 });
        assert_eq!(windows.available(1), 65_535);
        windows.observe(&Frame::WindowUpdate { stream: 0, increment: 100 });
        assert_eq!(windows.available(1), 65_545);
        assert_eq!(windows.available(3), 65_535);
    }

    #[test]
    fn a_smaller_initial_window_can_make_a_window_negative() {
        let mut windows = SendWindows::default();
        windows.spend(1, 60_000);
        let values = vec![(Setting::INITIAL_WINDOW_SIZE, 10_000)];
        windows.observe(&Frame::Settings { ack: false, values });
        assert_eq!(windows.available(1), 5_535 - 55_535);
        assert_eq!(windows.available(3), 5_535);
    }
}
