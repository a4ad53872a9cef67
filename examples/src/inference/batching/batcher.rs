//! `Batcher`: the thread that calls a model, and the threads that wait for it.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;

use stolid::{Context, Status};

use super::Limits;
use super::answer::Answer;
use super::waiting::{Readiness, Waiting};
use crate::inference::app::Predictions;
use crate::inference::counters::Counters;
use crate::inference::journal::Journal;
use crate::terminal::durations;

/// Groups requests and calls a model for all of a group. Its thread ends when this is dropped.
pub struct Batcher<In, Out> {
    queue: Arc<Queue<In, Out>>,
}

type Job<In, Out> = (In, Answer<Out>);

/// What the model's thread and the waiting ones share.
///
/// # Locks
/// `state` is a leaf: neither the model runs under it nor is anybody answered.
struct Queue<In, Out> {
    state: Mutex<State<In, Out>>,
    changed: Condvar,
}

struct State<In, Out> {
    waiting: Waiting<Job<In, Out>>,
    closed: bool,
}

impl<In, Out> Batcher<In, Out> {
    /// Starts the thread of `model`.
    ///
    /// # Panics
    /// When the system refuses a thread.
    pub fn start(
        model: &str,
        limits: Limits,
        counters: Arc<Counters>,
        journal: Journal,
        predict: impl Fn(Vec<In>) -> Predictions<Out> + Send + 'static,
    ) -> Self
    where
        In: Send + 'static,
        Out: Send + 'static,
    {
        let state = State { waiting: Waiting::new(limits), closed: false };
        let queue = Arc::new(Queue { state: Mutex::new(state), changed: Condvar::new() });
        let worker = Worker { model: model.to_owned(), queue: Arc::clone(&queue), counters, journal, predict };
        let thread = thread::Builder::new().name(format!("model-{model}"));
        thread.spawn(move || worker.run()).expect("a server that starts gets its threads");
        Self { queue }
    }

    /// Waits for the result for `input`, which goes to the model together with others. Waits no longer than until the call
    /// of `context` is cancelled or its deadline passes; a request that the model has not got by then never reaches it.
    ///
    /// # Errors
    /// What the model said about this request or about its batch; INTERNAL when it said nothing; the end of the call.
    pub fn predict(&self, input: In, context: &Context) -> Result<Out, Status>
    where
        Out: Send + 'static,
    {
        context.check()?;
        let (sender, result) = mpsc::channel();
        let number = self.queue.add((input, Answer::new(sender.clone())));
        let cancelled = context.on_cancel(move |cause| {
            // What the call ended with is asked of the context below.
            let _ = sender.send(Err(Status::cancelled(cause.to_string())));
        });
        let result = result.recv().unwrap_or_else(|_| Err(Status::internal("nobody answers for the model")));
        drop(cancelled);
        // Gone with its batch, unless the call has ended before.
        drop(self.queue.remove(number));
        context.check()?;
        result
    }
}

#[cfg(test)]
impl<In, Out> Batcher<In, Out> {
    /// Requests that wait for their batch.
    pub(super) fn waiting(&self) -> usize {
        self.queue.lock().waiting.len()
    }
}

impl<In, Out> Drop for Batcher<In, Out> {
    fn drop(&mut self) {
        self.queue.lock().closed = true;
        self.queue.changed.notify_all();
    }
}

impl<In, Out> Queue<In, Out> {
    fn lock(&self) -> MutexGuard<'_, State<In, Out>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, job: Job<In, Out>) -> u64 {
        let number = self.lock().waiting.add(job, Instant::now());
        self.changed.notify_one();
        number
    }

    fn remove(&self, number: u64) -> Option<Job<In, Out>> {
        self.lock().waiting.remove(number)
    }

    /// The next complete batch; `None` when there will be none.
    fn next_batch(&self) -> Option<Vec<Job<In, Out>>> {
        let mut state = self.lock();
        while !state.closed {
            let now = Instant::now();
            state = match state.waiting.readiness(now) {
                Readiness::Complete => return Some(state.waiting.take_batch()),
                Readiness::At(end) => {
                    let waited = self.changed.wait_timeout(state, end - now);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
                Readiness::WithMore => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
        }
        None
    }
}

/// The thread of a model.
struct Worker<In, Out, F> {
    model: String,
    queue: Arc<Queue<In, Out>>,
    counters: Arc<Counters>,
    journal: Journal,
    predict: F,
}

impl<In, Out, F> Worker<In, Out, F>
where
    F: Fn(Vec<In>) -> Predictions<Out>,
{
    fn run(self) {
        while let Some(batch) = self.queue.next_batch() {
            self.answer(batch);
        }
    }

    fn answer(&self, batch: Vec<Job<In, Out>>) {
        let (inputs, answers): (Vec<In>, Vec<Answer<Out>>) = batch.into_iter().unzip();
        let size = inputs.len();
        self.counters.count_batch(size);
        let begun = Instant::now();
        let results = self.call(inputs);
        let how = match &results {
            Ok(_) => String::new(),
            Err(status) => format!(" failed ({status})"),
        };
        let line = format!("{}: batch of {size}{how} in {}", self.model, durations::seconds(begun.elapsed()));
        match results {
            Ok(results) => answers.into_iter().zip(results).for_each(|(answer, result)| answer.give(result)),
            Err(status) => answers.into_iter().for_each(|answer| answer.give(Err(status.clone()))),
        }
        // Last, for nobody waits for it.
        self.journal.say(line);
    }

    /// Exactly as many results as inputs, or one failure for them all.
    fn call(&self, inputs: Vec<In>) -> Predictions<Out> {
        let size = inputs.len();
        let called = catch_unwind(AssertUnwindSafe(|| (self.predict)(inputs)));
        let results = called.unwrap_or_else(|panic| {
            // What the model threw may panic once more when it is dropped.
            let _ = catch_unwind(AssertUnwindSafe(|| drop(panic)));
            Err(Status::internal("the model panicked"))
        })?;
        if results.len() == size {
            return Ok(results);
        }
        // A result too few or too many, and nobody knows whose they are.
        Err(Status::internal(format!("the model gave {} results for {size} requests", results.len())))
    }
}

impl<In, Out> fmt::Debug for Batcher<In, Out> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Batcher").finish_non_exhaustive()
    }
}
