//! The threads that run handlers: they grow with the calls in hand and never queue.
//!
//! Each job has a thread of its own for as long as it runs, so a handler that blocks delays nobody
//! else, and handlers that wait for each other cannot lock up behind a full queue. Threads are
//! reused, and leave when they have been idle for a while.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use std::{io, ptr, thread};

use crossbeam_channel::{Receiver, Sender};

use super::claim::{Claims, Offer, Seat};

/// Work for a thread of its own.
pub(crate) trait Job: Send + 'static {
    /// Does the work. May block as long as it likes. A panic ends the job and not the thread.
    fn run(self: Box<Self>);

    /// Called in place of [`run`](Self::run) when there is no thread for the job: on the submitting
    /// thread or on the one that starts workers, so it must not block.
    fn refuse(self: Box<Self>, why: Refusal);
}

/// Why a job got no thread.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// As many jobs run as there may be threads.
    AtLimit {
        /// The greatest number of threads.
        limit: usize,
    },
    /// The workers were closed.
    Closed,
    /// The system could not start another thread.
    NoThread(io::Error),
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::AtLimit { limit } => write!(f, "all {limit} handler threads of the server are busy"),
            Self::Closed => f.write_str("the server is shutting down"),
            Self::NoThread(error) => write!(f, "the server could not start a thread for the call: {error}"),
        }
    }
}

/// What the worker threads are to be like.
#[derive(Debug, Clone)]
pub(crate) struct WorkerConfig {
    /// The threads are called by this name and `-worker`.
    pub(crate) name: String,
    /// The greatest number of threads.
    pub(crate) limit: usize,
    /// The size of each thread's stack in bytes.
    pub(crate) stack_size: usize,
    /// How long a thread waits for another job before it ends.
    pub(crate) idle_timeout: Duration,
}

/// A group of worker threads.
///
/// Clones are handles on the same group. It is closed when the last of them is dropped.
///
/// # Threads
/// `submit` and the rest are anybody's, also a worker's, and never wait, except `join`. Threads are
/// started by one *starter* thread, so that `submit` does not wait for the system to make one; it
/// ends on `close`.
///
/// # Locks
/// That of [`Claims`], a leaf, then, if a thread has to be started, `starts` at level 1: one after
/// the other and never together.
#[derive(Clone)]
pub(crate) struct Workers {
    handle: Arc<Handle>,
}

/// Dropped with the last [`Workers`]; the threads hold the [`Crew`] alone.
struct Handle {
    crew: Arc<Crew>,
    /// Jobs for the starter. Sent to under the lock, so that after `close` has taken the sender
    /// nothing can be sent that the starter does not see. The channel has no bound of its own:
    /// each job in it holds a permit.
    starts: Mutex<Option<Sender<Box<dyn Job>>>>,
    /// Disconnected once the starter runs.
    begun: Receiver<()>,
    /// Disconnected once the starter has ended.
    starter: Receiver<()>,
}

/// What the threads share.
struct Crew {
    config: WorkerConfig,
    claims: Claims<Box<dyn Job>>,
}

impl Workers {
    /// A group without workers yet, and its starter.
    ///
    /// # Errors
    /// When the starter's thread cannot be started.
    pub(crate) fn new(config: WorkerConfig) -> io::Result<Self> {
        let crew = Arc::new(Crew { claims: Claims::new(config.limit), config });
        let (starts, jobs) = crossbeam_channel::unbounded();
        let (beginning, begun) = crossbeam_channel::bounded(0);
        let (alive, starter) = crossbeam_channel::bounded(0);
        let starting = Arc::clone(&crew);
        thread::Builder::new().name(format!("{}-starter", crew.config.name)).spawn(move || {
            drop(beginning);
            for job in jobs {
                starting.start(job);
            }
            drop(alive);
        })?;
        Ok(Self { handle: Arc::new(Handle { crew, starts: Mutex::new(Some(starts)), begun, starter }) })
    }

    /// Gives `job` to an idle worker or to a new one, or refuses it.
    ///
    /// Does not block. The job never waits for another job, at most for the start of its thread.
    pub(crate) fn submit(&self, job: Box<dyn Job>) {
        let crew = &self.handle.crew;
        match crew.claims.offer(job) {
            Offer::Taken => {}
            Offer::Permit(job) => self.handle.start(job),
            Offer::AtLimit(job) => job.refuse(Refusal::AtLimit { limit: crew.config.limit }),
            Offer::Closed(job) => job.refuse(Refusal::Closed),
        }
    }

    /// Counts a thread that came to run a job of its own accord.
    pub(crate) fn adopt(&self) {
        self.handle.crew.claims.adopt();
    }

    /// The thread that was counted so has done its job.
    pub(crate) fn release(&self) {
        self.handle.crew.claims.give_back();
    }

    /// The number of worker threads, those about to start included.
    pub(crate) fn threads(&self) -> usize {
        self.handle.crew.claims.live()
    }

    /// Waits until the starter runs, or until `deadline`: from then on it has its name, and no job waits for it.
    pub(crate) fn wait_begun(&self, deadline: Instant) {
        // Nothing is ever sent.
        let _ = self.handle.begun.recv_deadline(deadline);
    }

    /// Takes no more jobs. Those taken before still run; threads leave as they become idle.
    pub(crate) fn close(&self) {
        self.handle.close();
    }

    /// Waits until every worker has left, or until `deadline`. The number that still runs: those
    /// are stuck in their jobs and are left to themselves.
    ///
    /// Comes after [`close`](Self::close); without it idle threads leave only by their idle time. A
    /// worker that calls this neither waits for itself nor counts itself. A thread that has left
    /// runs no more jobs; the system may take a moment longer to end it.
    pub(crate) fn join(&self, deadline: Instant) -> usize {
        let crew = &self.handle.crew;
        let itself = usize::from(ptr::eq(WORKS_FOR.get(), Arc::as_ptr(crew)));
        let running = crew.claims.wait_left(itself, deadline) - itself;
        // The starter of an open group stays.
        if running == 0 && self.handle.starts().is_none() {
            // Nothing is ever sent, so this ends by the starter's end or by the deadline.
            let _ = self.handle.starter.recv_deadline(deadline);
        }
        running
    }
}

thread_local! {
    /// The group that the thread is a worker of; only ever compared. The worker keeps it alive, so
    /// no other group has its address meanwhile.
    static WORKS_FOR: Cell<*const Crew> = const { Cell::new(ptr::null()) };
}

impl std::fmt::Debug for Workers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Workers")
            .field("config", &self.handle.crew.config)
            .field("threads", &self.threads())
            .finish_non_exhaustive()
    }
}

impl Handle {
    fn start(&self, job: Box<dyn Job>) {
        let refused = match &*self.starts() {
            // The starter outlives the sender, so an error can only mean that it panicked.
            Some(starts) => starts.send(job).err().map(|unsent| unsent.0),
            None => Some(job),
        };
        if let Some(job) = refused {
            self.crew.claims.give_back();
            job.refuse(Refusal::Closed);
        }
    }

    fn close(&self) {
        self.crew.claims.close();
        drop(self.starts().take());
    }

    fn starts(&self) -> MutexGuard<'_, Option<Sender<Box<dyn Job>>>> {
        self.starts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.close();
    }
}

impl Crew {
    /// Starts a worker with `job` for its first. On the starter's thread.
    fn start(self: &Arc<Self>, job: Box<dyn Job>) {
        // A failed start drops what the thread would have run, so the job is kept outside of it.
        let first = Arc::new(Mutex::new(Some(job)));
        let crew = Arc::clone(self);
        let parcel = Arc::clone(&first);
        let started = thread::Builder::new()
            .name(format!("{}-worker", self.config.name))
            .stack_size(self.config.stack_size)
            .spawn(move || {
                let job = unpack(&parcel);
                drop(parcel);
                crew.work(job);
            });
        if let Err(error) = started {
            tracing::warn!(%error, "no thread for a call");
            self.claims.give_back();
            if let Some(job) = unpack(&first) {
                contain(|| job.refuse(Refusal::NoThread(error)));
            }
        }
    }

    /// A worker's life: the first job, then those it is handed.
    fn work(&self, first: Option<Box<dyn Job>>) {
        WORKS_FOR.set(self);
        let seat = Seat::new();
        let mut next = first;
        while let Some(job) = next {
            contain(|| job.run());
            next = self.claims.next(&seat, self.config.idle_timeout);
        }
    }
}

fn unpack(parcel: &Mutex<Option<Box<dyn Job>>>) -> Option<Box<dyn Job>> {
    parcel.lock().unwrap_or_else(PoisonError::into_inner).take()
}

/// Runs a job's code and keeps its panic to itself: a thread that unwound out of its loop would
/// stay in the accounts for ever.
fn contain(code: impl FnOnce()) {
    let Err(payload) = catch_unwind(AssertUnwindSafe(code)) else {
        return;
    };
    // The payload is the user's as well, and its drop may panic in turn.
    if let Err(second) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        std::mem::forget(second);
    }
}

#[cfg(all(test, not(stolid_loom)))]
mod tests {
    use std::collections::HashSet;
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering::SeqCst};

    use super::*;

    const LONG: Duration = Duration::from_secs(30);

    /// A job made of a closure, which reports its refusal.
    struct Task<F> {
        work: F,
        refused: Sender<Refusal>,
    }

    impl<F: FnOnce() + Send + 'static> Job for Task<F> {
        fn run(self: Box<Self>) {
            (self.work)();
        }

        fn refuse(self: Box<Self>, why: Refusal) {
            self.refused.send(why).unwrap();
        }
    }

    fn workers(limit: usize) -> Workers {
        configured(limit, 1 << 20, LONG)
    }

    fn configured(limit: usize, stack_size: usize, idle_timeout: Duration) -> Workers {
        Workers::new(WorkerConfig { name: "test".to_owned(), limit, stack_size, idle_timeout }).unwrap()
    }

    /// Submits `work`. The receiver yields the refusal, or is disconnected once the job has run.
    fn submit(workers: &Workers, work: impl FnOnce() + Send + 'static) -> Receiver<Refusal> {
        let (refused, refusal) = crossbeam_channel::bounded(1);
        workers.submit(Box::new(Task { work, refused }));
        refusal
    }

    #[track_caller]
    fn assert_ran(refusal: &Receiver<Refusal>) {
        match refusal.recv_timeout(LONG) {
            Err(crossbeam_channel::RecvTimeoutError::Disconnected) => {}
            other => panic!("the job has not run: {other:?}"),
        }
    }

    /// Submits `work` again as long as the group is at its limit: a worker that has run a job takes
    /// a moment to come idle.
    fn submit_when_idle(workers: &Workers, work: impl Fn() + Send + Clone + 'static) {
        let patience = Instant::now() + LONG;
        while let Ok(refusal) = submit(workers, work.clone()).recv_timeout(LONG) {
            assert!(matches!(refusal, Refusal::AtLimit { .. }), "{refusal:?}");
            assert!(Instant::now() < patience, "no worker comes idle");
            thread::yield_now();
        }
    }

    fn join(workers: &Workers) -> usize {
        workers.join(Instant::now() + LONG)
    }

    #[test]
    fn grows_to_the_limit_and_refuses_beyond_it() {
        let workers = workers(4);
        let all = Arc::new(Barrier::new(5));
        let jobs: Vec<_> = (0..4)
            .map(|_| {
                let all = Arc::clone(&all);
                submit(&workers, move || {
                    all.wait();
                })
            })
            .collect();
        assert_eq!(workers.threads(), 4);
        let fifth = submit(&workers, || unreachable!("a fifth thread"));
        let refusal = fifth.recv_timeout(LONG).unwrap();
        assert!(matches!(refusal, Refusal::AtLimit { limit: 4 }), "{refusal:?}");
        all.wait();
        for job in &jobs {
            assert_ran(job);
        }
        workers.close();
        assert_eq!(join(&workers), 0);
    }

    #[test]
    fn one_worker_runs_job_after_job_under_its_name() {
        let workers = workers(1);
        let threads = Arc::new(Mutex::new(HashSet::new()));
        for _ in 0..100 {
            let threads = Arc::clone(&threads);
            submit_when_idle(&workers, move || {
                let current = thread::current();
                let name = current.name().map(str::to_owned);
                threads.lock().unwrap().insert((current.id(), name));
            });
        }
        let threads = threads.lock().unwrap();
        assert_eq!(threads.len(), 1, "{threads:?}");
        let (_, name) = threads.iter().next().unwrap();
        assert_eq!(name.as_deref(), Some("test-worker"));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_thread_that_cannot_be_started_is_the_refusal_of_that_job() {
        // More than a process can address.
        let workers = configured(1, 1 << 47, LONG);
        for _ in 0..2 {
            let job = submit(&workers, || unreachable!("there is no thread"));
            let refusal = job.recv_timeout(LONG).unwrap();
            assert!(matches!(refusal, Refusal::NoThread(_)), "{refusal:?}");
            assert_eq!(workers.threads(), 0);
        }
    }

    #[test]
    fn idle_threads_leave() {
        let workers = configured(3, 1 << 20, Duration::from_millis(5));
        let all = Arc::new(Barrier::new(3));
        for _ in 0..3 {
            let all = Arc::clone(&all);
            submit(&workers, move || {
                all.wait();
            });
        }
        assert_eq!(join(&workers), 0);
        assert_eq!(workers.threads(), 0);
        // The group is still open.
        assert_ran(&submit(&workers, || {}));
    }

    #[test]
    fn close_refuses_and_join_reports_the_stuck() {
        let workers = workers(2);
        let (release, stuck) = crossbeam_channel::bounded::<()>(0);
        let (entered, running) = crossbeam_channel::bounded(1);
        let job = submit(&workers, move || {
            entered.send(()).unwrap();
            let _ = stuck.recv();
        });
        running.recv_timeout(LONG).unwrap();
        // A second one, which is idle or about to be when the group closes.
        assert_ran(&submit(&workers, || {}));

        workers.close();
        let refusal = submit(&workers, || unreachable!("closed")).recv_timeout(LONG).unwrap();
        assert!(matches!(refusal, Refusal::Closed), "{refusal:?}");
        // The idle one goes, the stuck one does not.
        let patience = Instant::now() + LONG;
        while workers.threads() > 1 {
            assert!(Instant::now() < patience, "the idle worker has not left");
            thread::yield_now();
        }
        assert_eq!(workers.join(Instant::now() + Duration::from_millis(5)), 1);

        drop(release);
        assert_ran(&job);
        assert_eq!(join(&workers), 0);
        assert!(matches!(workers.handle.starter.try_recv(), Err(crossbeam_channel::TryRecvError::Disconnected)));
        workers.close();
    }

    #[test]
    fn a_worker_that_joins_does_not_wait_for_itself() {
        let workers = workers(2);
        let (release, stuck) = crossbeam_channel::bounded::<()>(0);
        let other = submit(&workers, move || {
            let _ = stuck.recv();
        });
        let (left, lefts) = crossbeam_channel::unbounded();
        let inside = workers.clone();
        let shutdown = submit(&workers, move || {
            inside.close();
            left.send(inside.join(Instant::now())).unwrap();
            drop(release);
            left.send(inside.join(Instant::now() + LONG)).unwrap();
        });
        assert_eq!(lefts.recv_timeout(LONG), Ok(1));
        assert_eq!(lefts.recv_timeout(LONG), Ok(0));
        assert_ran(&other);
        assert_ran(&shutdown);
        assert_eq!(join(&workers), 0);
    }

    #[test]
    fn jobs_submitted_while_the_group_closes_run_or_are_refused() {
        for _ in 0..100 {
            let workers = workers(8);
            let ran = Arc::new(AtomicUsize::new(0));
            let refusals = AtomicUsize::new(0);
            let start = Barrier::new(4);
            thread::scope(|scope| {
                for _ in 0..3 {
                    scope.spawn(|| {
                        start.wait();
                        for _ in 0..20 {
                            let ran = Arc::clone(&ran);
                            let job = submit(&workers, move || {
                                ran.fetch_add(1, SeqCst);
                            });
                            if job.recv_timeout(LONG).is_ok() {
                                refusals.fetch_add(1, SeqCst);
                            }
                        }
                    });
                }
                start.wait();
                workers.close();
            });
            assert_eq!(join(&workers), 0);
            assert_eq!(ran.load(SeqCst) + refusals.load(SeqCst), 60);
        }
    }

    #[test]
    fn the_last_handle_closes_the_group() {
        let workers = workers(1);
        let crew = Arc::clone(&workers.handle.crew);
        let clone = workers.clone();
        assert_ran(&submit(&workers, || {}));
        drop(workers);
        submit_when_idle(&clone, || {});
        drop(clone);
        assert_eq!(crew.claims.wait_left(0, Instant::now() + LONG), 0);
    }

    /// Panics once more when the panic's payload is dropped.
    struct Bomb;

    impl Drop for Bomb {
        fn drop(&mut self) {
            std::panic::resume_unwind(Box::new("the payload's drop"));
        }
    }

    #[test]
    fn a_panic_ends_the_job_and_not_the_worker() {
        let workers = workers(1);
        submit(&workers, || std::panic::resume_unwind(Box::new("a job")));
        submit_when_idle(&workers, || std::panic::resume_unwind(Box::new(Bomb)));
        let ran = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&ran);
        submit_when_idle(&workers, move || {
            count.fetch_add(1, SeqCst);
        });
        assert_eq!(ran.load(SeqCst), 1);
        assert_eq!(workers.threads(), 1);
    }

    #[test]
    fn ten_thousand_jobs_of_eight_submitters_run_once_each() {
        const LIMIT: usize = 32;
        let workers = configured(LIMIT, 1 << 20, Duration::from_millis(1));
        let runs: Arc<Vec<AtomicU32>> = Arc::new((0..10_000).map(|_| AtomicU32::new(0)).collect());
        let running = Arc::new(AtomicUsize::new(0));
        thread::scope(|scope| {
            for submitter in 0..8 {
                let (workers, runs, running) = (&workers, &runs, &running);
                scope.spawn(move || {
                    for number in (submitter..runs.len()).step_by(8) {
                        let (runs, running) = (Arc::clone(runs), Arc::clone(running));
                        submit_when_idle(workers, move || {
                            assert!(running.fetch_add(1, SeqCst) < LIMIT);
                            runs[number].fetch_add(1, SeqCst);
                            running.fetch_sub(1, SeqCst);
                        });
                    }
                });
            }
        });
        workers.close();
        assert_eq!(join(&workers), 0);
        let wrong = runs.iter().filter(|runs| runs.load(SeqCst) != 1).count();
        assert_eq!(wrong, 0, "jobs that did not run exactly once");
    }
}
