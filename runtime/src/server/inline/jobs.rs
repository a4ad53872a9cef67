//! The run queue of a lane: its connections take turns, so that one with many calls does not keep the others waiting.

use std::collections::VecDeque;

/// Calls of one connection that run before the next one has its turn.
const IN_A_ROW: usize = 32;

/// Jobs of type `J`, in lines by key.
#[derive(Debug)]
pub(super) struct Jobs<J> {
    lines: VecDeque<Line<J>>,
    /// The jobs of all of them.
    len: usize,
    /// Empty lines, to be used again.
    spare: Vec<VecDeque<J>>,
}

#[derive(Debug)]
struct Line<J> {
    key: usize,
    jobs: VecDeque<J>,
    /// How many have run in this turn.
    run: usize,
}

impl<J> Default for Jobs<J> {
    fn default() -> Self {
        Self { lines: VecDeque::new(), len: 0, spare: Vec::new() }
    }
}

impl<J> Jobs<J> {
    pub(super) fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Adds a job to the end of the line with this key.
    pub(super) fn push(&mut self, key: usize, job: J) {
        // What is found together mostly belongs together.
        let last = self.lines.back_mut().filter(|line| line.key == key);
        let line = match last {
            Some(line) => line,
            None => {
                let place = self.lines.iter().position(|line| line.key == key);
                let place = place.unwrap_or_else(|| {
                    let jobs = self.spare.pop().unwrap_or_default();
                    self.lines.push_back(Line { key, jobs, run: 0 });
                    self.lines.len() - 1
                });
                &mut self.lines[place]
            }
        };
        line.jobs.push_back(job);
        self.len += 1;
    }

    /// The job that is next.
    pub(super) fn pop(&mut self) -> Option<J> {
        let line = self.lines.front_mut()?;
        let job = line.jobs.pop_front();
        line.run += 1;
        self.len -= 1;
        if line.jobs.is_empty() {
            // Its memory is kept, within reason, and with it the line's place is gone.
            if let Some(Line { jobs, .. }) = self.lines.pop_front()
                && self.spare.len() < IN_A_ROW
                && jobs.capacity() <= 4 * IN_A_ROW
            {
                self.spare.push(jobs);
            }
        } else if line.run == IN_A_ROW {
            line.run = 0;
            self.lines.rotate_left(1);
        }
        job
    }
}

#[cfg(all(test, not(stolid_loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_served_in_order() {
        let mut jobs = Jobs::default();
        for job in 0..100 {
            jobs.push(7, job);
        }
        assert_eq!(jobs.len(), 100);
        let served: Vec<_> = std::iter::from_fn(|| jobs.pop()).collect();
        assert_eq!(served, (0..100).collect::<Vec<_>>());
        assert!(jobs.is_empty());
        assert_eq!(jobs.len(), 0);
        assert_eq!(jobs.pop(), None);
    }

    #[test]
    fn a_long_line_does_not_keep_a_short_one_waiting() {
        let mut jobs = Jobs::default();
        for job in 0..1_000 {
            jobs.push(1, (1, job));
        }
        jobs.push(2, (2, 0));
        jobs.push(1, (1, 1_000));
        let mut before = 0;
        while jobs.pop() != Some((2, 0)) {
            before += 1;
        }
        assert_eq!(before, IN_A_ROW);
        let rest: Vec<_> = std::iter::from_fn(|| jobs.pop()).map(|(_, job)| job).collect();
        assert_eq!(rest, (IN_A_ROW..=1_000).collect::<Vec<_>>(), "its own order stays");
    }

    #[test]
    fn lines_take_turns() {
        let mut jobs = Jobs::default();
        for job in 0..2 * IN_A_ROW {
            jobs.push(1, (1, job));
            jobs.push(2, (2, job));
        }
        let keys: Vec<_> = std::iter::from_fn(|| jobs.pop()).map(|(key, _)| key).collect();
        let turns: Vec<_> = keys.chunks(IN_A_ROW).map(|turn| turn.iter().sum::<usize>() / IN_A_ROW).collect();
        assert_eq!(turns, [1, 2, 1, 2]);
    }
}
