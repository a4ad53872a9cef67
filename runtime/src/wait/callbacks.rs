//! The one thread that runs users' cancellation callbacks, started when needed and gone after a quiet second.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

type Job = Box<dyn FnOnce() + Send>;

const IDLE: Duration = Duration::from_secs(1);

static QUEUE: Mutex<Queue> = Mutex::new(Queue { jobs: VecDeque::new(), thread: false });
static ARRIVED: Condvar = Condvar::new();

struct Queue {
    jobs: VecDeque<Job>,
    /// A thread takes jobs from the queue. Changed under the mutex alone, so that no job is left behind.
    thread: bool,
}

fn queue() -> MutexGuard<'static, Queue> {
    QUEUE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs `job` on the callback thread; here and now if that thread cannot be started.
pub(crate) fn run(job: Job) {
    let start = {
        let mut queue = queue();
        queue.jobs.push_back(job);
        !std::mem::replace(&mut queue.thread, true)
    };
    ARRIVED.notify_one();
    if start && let Err(error) = std::thread::Builder::new().name("stolid-callbacks".to_owned()).spawn(serve) {
        tracing::error!(%error, "the callback thread could not be started");
        let jobs = {
            let mut queue = queue();
            queue.thread = false;
            std::mem::take(&mut queue.jobs)
        };
        for job in jobs {
            call(job);
        }
    }
}

fn serve() {
    let mut locked = queue();
    loop {
        if let Some(job) = locked.jobs.pop_front() {
            drop(locked);
            call(job);
            locked = queue();
            continue;
        }
        let (guard, waited) = ARRIVED.wait_timeout(locked, IDLE).unwrap_or_else(PoisonError::into_inner);
        locked = guard;
        if waited.timed_out() && locked.jobs.is_empty() {
            locked.thread = false;
            return;
        }
    }
}

fn call(job: Job) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(job)) {
        tracing::error!("a cancellation callback panicked");
        // The payload is the user's value, and its drop may panic too.
        let _ = catch_unwind(AssertUnwindSafe(|| drop(panic)));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn jobs_run_in_order_on_the_named_thread_and_survive_a_panic() {
        let (tx, rx) = channel();
        for number in 0..3 {
            let tx = tx.clone();
            run(Box::new(move || {
                tx.send((number, std::thread::current().name().map(str::to_owned))).unwrap();
                assert_ne!(number, 1, "on purpose");
            }));
        }
        for number in 0..3 {
            let got = rx.recv_timeout(Duration::from_secs(10)).unwrap();
            assert_eq!(got, (number, Some("stolid-callbacks".to_owned())));
        }
    }
}
