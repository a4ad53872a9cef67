//! The threads that call, and the one that cancels their calls.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use stolid::{Code, Context};
use stolid_tests::attack::Dice;

use crate::call::{Call, Failure};
use crate::place::Place;
use crate::tally::Tally;

/// Threads that call each place.
const THREADS: usize = 3;

/// A call that takes longer hangs: connecting may take 20 s, and nothing else takes time.
const LONGEST_CALL: Duration = Duration::from_secs(40);

/// One call in so many begins with a new channel.
const RENEWED: u64 = 300;

/// All threads that call.
#[derive(Debug)]
pub(crate) struct Callers {
    over: Arc<AtomicBool>,
    callers: Vec<(Began, JoinHandle<()>)>,
    canceller: JoinHandle<()>,
}

/// When a thread began with its present call.
type Began = Arc<Mutex<Instant>>;

/// One thread that calls.
struct Caller {
    place: Arc<Place>,
    tally: Arc<Tally>,
    dice: Dice,
    cancel: Sender<Context>,
    over: Arc<AtomicBool>,
    began: Began,
}

impl Callers {
    /// Starts to call the places.
    pub(crate) fn start(places: &[Arc<Place>], tally: &Arc<Tally>, dice: &mut Dice) -> Self {
        let over = Arc::<AtomicBool>::default();
        let (cancel, contexts) = mpsc::channel();
        let mut callers = Vec::new();
        for place in places.iter().flat_map(|place| [place; THREADS]) {
            let (place, tally, over) = (Arc::clone(place), Arc::clone(tally), Arc::clone(&over));
            let began = Arc::new(Mutex::new(Instant::now()));
            let caller =
                Caller { place, tally, dice: dice.fork(), cancel: cancel.clone(), over, began: Arc::clone(&began) };
            callers.push((began, spawn("caller", move || caller.call_all_the_time())));
        }
        let mut dice = dice.fork();
        Self { over, callers, canceller: spawn("canceller", move || cancel_soon(&contexts, &mut dice)) }
    }

    /// Whether one of them is in a call that does not end.
    pub(crate) fn hang(&self) -> bool {
        let took = |began: &Began| began.lock().unwrap_or_else(PoisonError::into_inner).elapsed();
        self.callers.iter().any(|(began, thread)| !thread.is_finished() && took(began) > LONGEST_CALL)
    }

    /// Lets each finish its call.
    pub(crate) fn end(self, tally: &Tally) {
        self.over.store(true, Ordering::Relaxed);
        while !self.callers.iter().all(|(_, thread)| thread.is_finished()) {
            if self.hang() {
                // What it holds shows among what is left.
                return tally.add_unexpected("a call does not end".to_owned());
            }
            thread::park_timeout(Duration::from_millis(5));
        }
        let callers = self.callers.into_iter().map(|(_, thread)| thread);
        for thread in callers.chain([self.canceller]) {
            if thread.join().is_err() {
                tally.add_unexpected("a thread panicked".to_owned());
            }
        }
    }
}

impl Caller {
    fn call_all_the_time(mut self) {
        while !self.over.load(Ordering::Relaxed) {
            *self.began.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
            if self.dice.roll(RENEWED) == 0 {
                self.place.renew(&mut self.dice);
            }
            let call = Call::roll(&mut self.dice);
            let outcome = call.make(&self.place.client(&mut self.dice), &self.cancel);
            self.tally.count(&call, &outcome, self.place.may_be_lost);
            if matches!(&outcome, Err(Failure::Status(status)) if status.code() == Code::Unavailable) {
                self.stay_away();
            }
        }
    }

    /// A channel that failed to connect rests a second and more, and its calls fail at once: without a pause they would be most
    /// of all calls, and without new channels there would be no load.
    fn stay_away(&mut self) {
        if self.dice.roll(4) == 0 {
            self.place.renew(&mut self.dice);
        }
        thread::park_timeout(Duration::from_millis(self.dice.roll(20)));
    }
}

/// Cancels what comes, after a moment in which the call gets somewhere.
fn cancel_soon(contexts: &Receiver<Context>, dice: &mut Dice) {
    while let Ok(first) = contexts.recv() {
        thread::park_timeout(Duration::from_micros(dice.roll(1_000)));
        first.cancel();
        contexts.try_iter().for_each(|context| context.cancel());
    }
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> JoinHandle<()> {
    thread::Builder::new().name(name.to_owned()).spawn(work).expect("the machine has threads left")
}
