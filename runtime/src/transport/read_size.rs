//! How much room a read is offered.

use super::socket::READ_BUDGET;

/// Offered at least, in bytes: of the buffer of a connection with little to say no more than this is ever touched, so that the rest takes no
/// memory.
const LEAST: usize = 1024;

/// Reads in a row that leave most of the room empty, before less is offered.
const PATIENCE: u8 = 32;

/// Room that the next read is offered, going by what came so far. It is cleared before each read, so that too much of it costs time; too
/// little costs another system call.
#[derive(Debug)]
pub(super) struct ReadSize {
    /// In bytes.
    pub(super) now: usize,
    /// Reads in a row that filled less than a quarter of it.
    small: u8,
}

impl ReadSize {
    pub(super) fn new() -> Self {
        Self { now: LEAST, small: 0 }
    }

    /// A read got `bytes`.
    pub(super) fn filled(&mut self, bytes: usize) {
        if bytes >= self.now {
            self.now = (2 * self.now).min(READ_BUDGET);
            self.small = 0;
        } else if bytes >= self.now / 4 {
            self.small = 0;
        } else {
            self.small += 1;
            if self.small == PATIENCE {
                *self = Self { now: (self.now / 2).max(LEAST), small: 0 };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grows_with_full_reads_and_shrinks_after_many_small_ones() {
        let mut size = ReadSize::new();
        for _ in 0..100 {
            size.filled(100);
        }
        assert_eq!(size.now, LEAST);
        size.filled(LEAST);
        size.filled(2 * LEAST);
        assert_eq!(size.now, 4 * LEAST);
        for _ in 0..1000 {
            // Seldom enough for it to stay.
            (1..PATIENCE).for_each(|_| size.filled(1));
            size.filled(LEAST);
        }
        assert_eq!(size.now, 4 * LEAST);
        (0..PATIENCE).for_each(|_| size.filled(LEAST - 1));
        assert_eq!(size.now, 2 * LEAST);
    }

    #[test]
    fn is_never_more_than_what_one_drive_may_read() {
        let mut size = ReadSize::new();
        for _ in 0..20 {
            size.filled(size.now);
        }
        assert_eq!(size.now, READ_BUDGET);
    }
}
