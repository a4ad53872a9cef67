//! The batcher with models that a test holds in its hand.

use std::num::NonZeroUsize;
use std::panic;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use stolid::{Code, Context, Status};
use stolid_tests::process::eventually;
use stolid_tests::watchdog::watched;

use super::{Batcher, Limits};
use crate::inference::app::Predictions;
use crate::inference::counters::Counters;
use crate::inference::journal::Journal;

/// A batch is complete with so many requests, and never by time.
fn full(max_size: usize) -> Limits {
    within(max_size, Duration::MAX)
}

fn within(max_size: usize, max_wait: Duration) -> Limits {
    Limits { max_size: NonZeroUsize::new(max_size).unwrap(), max_wait }
}

fn start(
    limits: Limits,
    predict: impl Fn(Vec<u32>) -> Predictions<String> + Send + 'static,
) -> (Arc<Batcher<u32, String>>, Arc<Counters>) {
    let counters = Arc::<Counters>::default();
    let batcher = Batcher::start("test", limits, Arc::clone(&counters), Journal::default(), predict);
    (Arc::new(batcher), counters)
}

fn ask(batcher: &Arc<Batcher<u32, String>>, input: u32) -> thread::JoinHandle<Result<String, Status>> {
    ask_for(batcher, input, &Context::new())
}

fn ask_for(
    batcher: &Arc<Batcher<u32, String>>,
    input: u32,
    context: &Context,
) -> thread::JoinHandle<Result<String, Status>> {
    let (batcher, context) = (Arc::clone(batcher), context.clone());
    thread::spawn(move || batcher.predict(input, &context))
}

fn shout(inputs: &[u32]) -> Predictions<String> {
    Ok(inputs.iter().map(|input| Ok(format!("{input}!"))).collect())
}

/// What a test holds of a model that waits for it.
struct Gate {
    /// The batches that the model got.
    called: Receiver<Vec<u32>>,
    /// Lets it answer one batch; dropped, it lets it answer all.
    leave: Sender<()>,
}

/// A model that tells of each batch and waits for leave to answer it.
fn gated() -> (impl Fn(Vec<u32>) -> Predictions<String> + Send, Gate) {
    let (calls, called) = mpsc::channel();
    let (leave, left) = mpsc::channel();
    let predict = move |inputs: Vec<u32>| {
        let results = shout(&inputs);
        // The test may have let go of either.
        let _ = calls.send(inputs);
        let _ = left.recv();
        results
    };
    (predict, Gate { called, leave })
}

/// Why a prediction failed.
fn said(result: Result<String, Status>) -> (Code, String) {
    let status = result.expect_err("the prediction fails");
    (status.code(), status.message().to_owned())
}

#[test]
fn sixty_four_threads_get_their_own_results_from_a_call_for_every_eight() {
    watched(|| {
        let (batcher, counters) = start(full(8), |inputs| shout(&inputs));
        let round = Barrier::new(64);
        thread::scope(|scope| {
            for thread in 0..64 {
                let (batcher, round) = (&batcher, &round);
                scope.spawn(move || {
                    for number in 0..20 {
                        let input = thread * 1000 + number;
                        assert_eq!(batcher.predict(input, &Context::new()).unwrap(), format!("{input}!"));
                        // As many as there are threads, so that the last batch is full too.
                        round.wait();
                    }
                });
            }
        });
        assert_eq!((counters.requests(), counters.batches()), (64 * 20, 64 * 20 / 8));
    });
}

#[test]
fn requests_that_come_while_the_model_works_are_one_batch() {
    watched(|| {
        let (predict, Gate { called, leave }) = gated();
        let (batcher, _) = start(within(32, Duration::ZERO), predict);
        let first = ask(&batcher, 0);
        assert_eq!(called.recv().unwrap(), [0]);
        let others: Vec<_> = (1..6).map(|input| ask(&batcher, input)).collect();
        eventually("five requests wait", || batcher.waiting() == 5);
        leave.send(()).unwrap();
        assert_eq!(first.join().unwrap().unwrap(), "0!");
        let mut batch = called.recv().unwrap();
        batch.sort_unstable();
        assert_eq!(batch, [1, 2, 3, 4, 5]);
        leave.send(()).unwrap();
        for (input, other) in (1..6).zip(others) {
            assert_eq!(other.join().unwrap().unwrap(), format!("{input}!"));
        }
    });
}

#[test]
fn a_batch_is_no_larger_than_it_may_be() {
    watched(|| {
        let (predict, Gate { called, leave }) = gated();
        let (batcher, _) = start(within(2, Duration::ZERO), predict);
        let mut asked = vec![ask(&batcher, 0)];
        called.recv().unwrap();
        asked.extend((1..6).map(|input| ask(&batcher, input)));
        eventually("five requests wait", || batcher.waiting() == 5);
        drop(leave);
        assert!(asked.into_iter().all(|asked| asked.join().unwrap().is_ok()));
        assert_eq!(called.iter().take(3).map(|batch| batch.len()).collect::<Vec<_>>(), [2, 2, 1]);
    });
}

#[test]
fn a_lone_request_waits_no_longer_than_it_must() {
    watched(|| {
        let wait = Duration::from_millis(20);
        let (batcher, _) = start(within(32, wait), |inputs| shout(&inputs));
        // A machine that is busy may be late now and then, but not always.
        let in_time = (0..50).any(|input| {
            let begun = Instant::now();
            assert_eq!(batcher.predict(input, &Context::new()).unwrap(), format!("{input}!"));
            let waited = begun.elapsed();
            assert!(waited >= wait, "{waited:?}");
            waited <= wait + Duration::from_millis(10)
        });
        assert!(in_time);
    });
}

/// A panic that panics again when it is thrown away.
struct Sticky;

impl Drop for Sticky {
    fn drop(&mut self) {
        panic!("again");
    }
}

#[test]
fn a_model_that_fails_fails_its_batch_and_nothing_else() {
    watched(|| {
        let (batcher, _) = start(full(2), |inputs| match inputs[0] {
            0 => panic!("a secret of the model"),
            1 => panic::panic_any(Sticky),
            2 => Err(Status::unavailable("no memory on the device")),
            3 => shout(&inputs[1..]),
            4 => shout(&[&inputs[..], &[4]].concat()),
            _ => shout(&inputs),
        });
        for (input, code, message) in [
            (0, Code::Internal, "the model panicked"),
            (1, Code::Internal, "the model panicked"),
            (2, Code::Unavailable, "no memory on the device"),
            (3, Code::Internal, "the model gave 1 results for 2 requests"),
            (4, Code::Internal, "the model gave 3 results for 2 requests"),
        ] {
            let both = [ask(&batcher, input), ask(&batcher, input)];
            for asked in both {
                assert_eq!(said(asked.join().unwrap()), (code, message.to_owned()));
            }
            // The next batch is as good as any.
            let both = [ask(&batcher, 10), ask(&batcher, 11)].map(|asked| asked.join().unwrap().unwrap());
            assert_eq!(both, ["10!", "11!"]);
        }
    });
}

#[test]
fn a_request_may_fail_alone() {
    watched(|| {
        let (batcher, _) = start(full(2), |inputs| {
            let even = |input: u32| {
                if input.is_multiple_of(2) { Ok("even".to_owned()) } else { Err(Status::not_found("odd")) }
            };
            Ok(inputs.into_iter().map(even).collect())
        });
        let (one, two) = (ask(&batcher, 1), ask(&batcher, 2));
        assert_eq!(said(one.join().unwrap()), (Code::NotFound, "odd".to_owned()));
        assert_eq!(two.join().unwrap().unwrap(), "even");
    });
}

#[test]
fn a_request_that_is_cancelled_while_it_waits_never_reaches_the_model() {
    watched(|| {
        let (predict, Gate { called, leave }) = gated();
        let (batcher, _) = start(full(2), predict);
        drop(leave);
        let context = Context::new();
        let cancelled = ask_for(&batcher, 1, &context);
        eventually("the request waits", || batcher.waiting() == 1);
        context.cancel();
        assert_eq!(said(cancelled.join().unwrap()).0, Code::Cancelled);
        assert_eq!(batcher.waiting(), 0);
        let two = ask(&batcher, 2);
        eventually("the next request waits", || batcher.waiting() == 1);
        let three = ask(&batcher, 3);
        assert_eq!(called.recv().unwrap(), [2, 3]);
        assert_eq!((two.join().unwrap().unwrap(), three.join().unwrap().unwrap()), ("2!".to_owned(), "3!".to_owned()));
        // One that was cancelled before does not even wait.
        assert_eq!(said(batcher.predict(4, &context)).0, Code::Cancelled);
    });
}

#[test]
fn a_request_that_is_cancelled_while_the_model_works_is_not_waited_for() {
    watched(|| {
        let (predict, Gate { called, leave }) = gated();
        let (batcher, _) = start(full(2), predict);
        let context = Context::new();
        let cancelled = ask_for(&batcher, 1, &context);
        eventually("the request waits", || batcher.waiting() == 1);
        let patient = ask(&batcher, 2);
        assert_eq!(called.recv().unwrap(), [1, 2]);
        context.cancel();
        assert_eq!(said(cancelled.join().unwrap()).0, Code::Cancelled);
        leave.send(()).unwrap();
        assert_eq!(patient.join().unwrap().unwrap(), "2!");
    });
}

#[test]
fn the_thread_of_a_model_ends_with_its_batcher() {
    watched(|| {
        let (held, holder) = mpsc::channel::<()>();
        let (batcher, _) = start(full(1), move |inputs| {
            let _held = &held;
            shout(&inputs)
        });
        assert_eq!(batcher.predict(7, &Context::new()).unwrap(), "7!");
        assert_eq!(holder.recv_timeout(Duration::ZERO), Err(RecvTimeoutError::Timeout));
        drop(batcher);
        assert!(holder.recv().is_err());
    });
}
