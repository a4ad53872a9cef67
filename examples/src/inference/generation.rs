//! One answer of a streaming model.

use std::thread;
use std::time::Instant;

use stolid::{Context, Sender, Status};

use super::counters::{Counters, counted};
use super::journal::Journal;
use crate::terminal::durations;

/// An answer from its request to its end. However it ends, dropping this tells the journal how.
#[derive(Debug)]
pub struct Generation<'a> {
    model: &'a str,
    context: Context,
    counters: &'a Counters,
    journal: &'a Journal,
    begun: Instant,
    tokens: u64,
    failure: Option<Status>,
}

impl<'a> Generation<'a> {
    /// An answer of `model` to the call of `context` begins.
    pub fn begin(model: &'a str, context: &Context, counters: &'a Counters, journal: &'a Journal) -> Self {
        counters.count_generation();
        journal.say(format_args!("{model}: started"));
        let context = context.clone();
        Self { model, context, counters, journal, begun: Instant::now(), tokens: 0, failure: None }
    }

    /// Sends each token when it is made.
    ///
    /// # Errors
    /// The model's failure, or the end of the call.
    pub fn run<Out, I>(
        mut self,
        generate: impl FnOnce() -> Result<I, Status>,
        replies: &Sender<Out>,
    ) -> Result<(), Status>
    where
        I: IntoIterator<Item = Result<Out, Status>>,
    {
        let outcome = generate().and_then(|tokens| {
            tokens.into_iter().try_for_each(|token| {
                let token = token?;
                self.tokens += 1;
                self.counters.count_token();
                // This blocks while the client does not read, and fails when it is gone: then the iterator is dropped.
                replies.send(token)
            })
        });
        self.failure = outcome.as_ref().err().cloned();
        outcome
    }
}

impl Drop for Generation<'_> {
    fn drop(&mut self) {
        let how = match (self.context.cancelled(), &self.failure) {
            (Some(cause), _) => format!("cancelled ({cause})"),
            (None, Some(status)) => format!("failed ({status})"),
            (None, None) if thread::panicking() => "panicked".to_owned(),
            (None, None) => "finished".to_owned(),
        };
        let (tokens, time) = (counted(self.tokens, "token", "tokens"), durations::seconds(self.begun.elapsed()));
        self.journal.say(format_args!("{}: {how} after {tokens} and {time}", self.model));
    }
}
