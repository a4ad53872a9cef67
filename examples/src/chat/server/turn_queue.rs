//! Whose turn it is in one session.

use std::collections::VecDeque;

/// Turns that wait behind the running one at most.
const MAX_WAITING: usize = 16;

/// Lets one turn run at a time, in the order of arrival.
#[derive(Debug)]
pub struct TurnQueue<T> {
    running: bool,
    waiting: VecDeque<T>,
}

/// Too many turns wait already; the number of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full(pub usize);

impl<T> TurnQueue<T> {
    /// Nothing runs, nothing waits.
    pub fn new() -> Self {
        Self { running: false, waiting: VecDeque::new() }
    }

    /// A turn arrives: it is given back to be run at once, or kept until [`Self::leave`] gives it out.
    ///
    /// # Errors
    /// When too many turns wait.
    pub fn enter(&mut self, turn: T) -> Result<Option<T>, Full> {
        if !self.running {
            self.running = true;
            return Ok(Some(turn));
        }
        if self.waiting.len() >= MAX_WAITING {
            return Err(Full(self.waiting.len()));
        }
        self.waiting.push_back(turn);
        Ok(None)
    }

    /// The running turn is over: the next one, or none and the queue is free.
    pub fn leave(&mut self) -> Option<T> {
        let next = self.waiting.pop_front();
        self.running = next.is_some();
        next
    }

    /// Whether a turn runs.
    pub fn is_busy(&self) -> bool {
        self.running
    }

    /// The turns that wait.
    pub fn waiting(&self) -> impl Iterator<Item = &T> {
        self.waiting.iter()
    }
}

impl<T> Default for TurnQueue<T> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_runs_the_others_wait_in_order() {
        let mut queue = TurnQueue::new();
        assert_eq!(queue.enter(1), Ok(Some(1)));
        assert_eq!(queue.enter(2), Ok(None));
        assert_eq!(queue.enter(3), Ok(None));
        assert_eq!(queue.leave(), Some(2));
        assert!(queue.is_busy());
        assert_eq!(queue.leave(), Some(3));
        assert_eq!(queue.leave(), None);
        assert!(!queue.is_busy());
        assert_eq!(queue.enter(4), Ok(Some(4)));
    }

    #[test]
    fn the_queue_is_bounded() {
        let mut queue = TurnQueue::new();
        assert_eq!(queue.enter(0), Ok(Some(0)));
        for turn in 0..MAX_WAITING {
            assert_eq!(queue.enter(turn), Ok(None));
        }
        assert_eq!(queue.enter(99), Err(Full(MAX_WAITING)));
        assert_eq!(queue.waiting().count(), MAX_WAITING);
        assert_eq!(queue.leave(), Some(0));
        assert_eq!(queue.enter(99), Ok(None));
    }
}
