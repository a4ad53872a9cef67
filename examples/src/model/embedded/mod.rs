//! A model without a network: it recalls what the person told it in earlier turns.
//!
//! An answer is worked out in three steps: [`phrase`] takes each message apart, [`statement`] and
//! [`question`] say what a clause means, and [`reply`] answers out of a [`memory`] that is built
//! anew from the history each time. So the same history always gets the same answer, and nothing of
//! one session can ever show up in another.

mod being;
mod liking;
mod memory;
mod phrase;
mod question;
mod recall;
mod reply;
mod statement;
mod wording;

use super::{Answer, Limits, Model, ModelError, Turn};

/// The model in this program. It recalls names, likes and other things the person said, and answers
/// questions about the conversation itself; it knows nothing else and says so.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Embedded;

impl Model for Embedded {
    fn name(&self) -> &str {
        "embedded"
    }

    fn framework(&self) -> &str {
        "Stolid embedded"
    }

    fn answer(&self, history: &[Turn], limits: &Limits) -> Result<Answer, ModelError> {
        if limits.is_cancelled() {
            return Err(ModelError::cancelled());
        }
        let words: Vec<_> = reply::to(history).split_inclusive(' ').map(|word| Ok(word.to_owned())).collect();
        Ok(Answer { complete: true, pieces: Box::new(words.into_iter()) })
    }
}
