//! Who gives work to which worker thread, and who may become one.
//!
//! The rule that keeps a job from sitting behind a blocked handler: the *submitter* takes an idle
//! worker out of the list and calls it, so each job that waits has a worker of its own on the way
//! to it, and no worker is counted on twice.

use std::collections::VecDeque;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use crate::sync::atomic::AtomicBool;
use crate::sync::atomic::Ordering::Relaxed;
use crate::sync::{Condvar, Mutex, lock};
use crate::wait::Waiter;

/// The accounts of one group of worker threads, for jobs of type `J`.
///
/// # Threads
/// [`offer`](Self::offer) and [`close`](Self::close) are anybody's, [`next`](Self::next) is a
/// worker's. At any time there are at least as many workers called and not yet arrived as there
/// are jobs: a submitter adds one of each in one step, and a worker that arrives takes a job if
/// there is one. A worker that has just ended a job takes one as well; then somebody who was called
/// arrives to find nothing and goes back to rest.
///
/// # Locks
/// One mutex, a leaf: held for a push, a pop or a count. Workers are woken without it.
pub(crate) struct Claims<J> {
    limit: usize,
    accounts: Mutex<Accounts<J>>,
    /// Rung whenever `live` goes down.
    left: Condvar,
}

struct Accounts<J> {
    /// Jobs for the workers that were called.
    jobs: VecDeque<J>,
    /// The last to come idle is the first to be called: its stack is still in the caches, and the
    /// others reach their idle time and leave.
    idle: VecDeque<Arc<Seat>>,
    /// Threads that run, and permits for threads that will: `idle.len() <= live`, and at most `limit` besides those that were adopted.
    live: usize,
    closed: bool,
}

/// What became of a job.
#[derive(Debug)]
pub(crate) enum Offer<J> {
    /// A worker is on its way to it.
    Taken,
    /// Every worker is busy, and one more thread may be started for the job. Either a thread works
    /// under this permit and ends by [`Claims::next`], or [`Claims::give_back`] returns it.
    Permit(J),
    /// Every worker is busy, and there may be no more.
    AtLimit(J),
    /// No work is taken any more.
    Closed(J),
}

impl<J> Claims<J> {
    /// Accounts of a group that may grow to `limit` threads.
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            limit,
            accounts: Mutex::new(Accounts { jobs: VecDeque::new(), idle: VecDeque::new(), live: 0, closed: false }),
            left: Condvar::new(),
        }
    }

    /// Gives `job` to an idle worker, or hands it back with a permit or a refusal.
    pub(crate) fn offer(&self, job: J) -> Offer<J> {
        let called = {
            let mut accounts = lock(&self.accounts);
            if accounts.closed {
                return Offer::Closed(job);
            }
            // The limit is on jobs that run. Threads at rest are left out of it: with those that were adopted there may be more
            // threads than the limit.
            if accounts.live - accounts.idle.len() >= self.limit {
                return Offer::AtLimit(job);
            }
            let Some(seat) = accounts.call() else {
                accounts.live += 1;
                return Offer::Permit(job);
            };
            accounts.jobs.push_back(job);
            seat
        };
        // Under no lock: a wake may be a system call.
        called.waiter.wake();
        Offer::Taken
    }

    /// Counts a thread that came to run a job without an offer, over the limit if need be. It ends by
    /// [`give_back`](Self::give_back).
    pub(crate) fn adopt(&self) {
        lock(&self.accounts).live += 1;
    }

    /// Gives back a permit that no thread works under.
    pub(crate) fn give_back(&self) {
        self.strike_off(&mut lock(&self.accounts));
    }

    /// The next job of the calling worker, whose own seat is `seat`. `None` after `idle_timeout`
    /// without one, or when closed: the worker is struck off the accounts and must end.
    pub(crate) fn next(&self, seat: &Arc<Seat>, idle_timeout: Duration) -> Option<J> {
        // An idle time past the end of the clock is for ever.
        let deadline = Instant::now().checked_add(idle_timeout);
        let mut leaves = false;
        loop {
            {
                let mut accounts = lock(&self.accounts);
                if leaves {
                    accounts.get_up(seat);
                }
                // Jobs come before leaving, as they may count on this worker: it may have been
                // called just as its time was over, or just before the group was closed.
                if let Some(job) = accounts.jobs.pop_front() {
                    return Some(job);
                }
                if leaves || accounts.closed {
                    self.strike_off(&mut accounts);
                    return None;
                }
                accounts.sit_down(seat);
            }
            leaves = !seat.wait(deadline);
        }
    }

    /// Takes no more work: submitters get [`Offer::Closed`], idle workers leave at once, busy ones
    /// after their job.
    pub(crate) fn close(&self) {
        let called: Vec<_> = {
            let mut accounts = lock(&self.accounts);
            accounts.closed = true;
            std::iter::from_fn(|| accounts.call()).collect()
        };
        for seat in called {
            seat.waiter.wake();
        }
    }

    /// The number of worker threads, those about to start included.
    pub(crate) fn live(&self) -> usize {
        lock(&self.accounts).live
    }

    /// Waits until at most `rest` workers are left, or until `deadline`. The number left.
    pub(crate) fn wait_left(&self, rest: usize, deadline: Instant) -> usize {
        let mut accounts = lock(&self.accounts);
        while accounts.live > rest {
            let time = deadline.saturating_duration_since(Instant::now());
            if time.is_zero() {
                break;
            }
            accounts = self.left.wait_timeout(accounts, time).unwrap_or_else(PoisonError::into_inner).0;
        }
        accounts.live
    }

    fn strike_off(&self, accounts: &mut Accounts<J>) {
        accounts.live -= 1;
        self.left.notify_all();
    }
}

impl<J> Accounts<J> {
    /// Takes a worker out of the list, which the caller then wakes.
    fn call(&mut self) -> Option<Arc<Seat>> {
        let seat = self.idle.pop_back()?;
        seat.rests.store(false, Relaxed);
        Some(seat)
    }

    fn sit_down(&mut self, seat: &Arc<Seat>) {
        seat.rests.store(true, Relaxed);
        self.idle.push_back(Arc::clone(seat));
    }

    /// Takes a worker out of the list that was not called, if it was not.
    fn get_up(&mut self, seat: &Arc<Seat>) {
        // The longest idle are in front, so the search ends soon.
        let place = self.idle.iter().position(|idle| Arc::ptr_eq(idle, seat));
        if let Some(place) = place {
            self.idle.remove(place);
            seat.rests.store(false, Relaxed);
        }
    }
}

/// A worker's place to rest.
///
/// # Threads
/// Made by the worker, which alone waits in it. `rests` says whether the seat is in the idle list
/// and is stored under the accounts' lock together with every change of the list: true by the
/// worker, false by whoever takes it out. The worker also loads it without the lock, to tell a call
/// from notices that were left over by waits inside a job, or by a submitter that took the worker
/// out, was overtaken by it, and wakes it only in its next rest. Relaxed will do, as the wake that
/// follows a call orders it, and what the call is about is read under the lock.
#[derive(Debug)]
pub(crate) struct Seat {
    rests: AtomicBool,
    waiter: Arc<Waiter>,
}

impl Seat {
    /// The seat of the calling thread.
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { rests: AtomicBool::new(false), waiter: Waiter::current() })
    }

    fn rests(&self) -> bool {
        self.rests.load(Relaxed)
    }

    /// Waits to be called. False if `deadline` passed first.
    fn wait(&self, deadline: Option<Instant>) -> bool {
        loop {
            self.waiter.begin();
            if !self.rests() {
                return true;
            }
            match deadline {
                None => self.waiter.park(None),
                Some(deadline) => {
                    if !self.waiter.park_until(deadline) {
                        return false;
                    }
                }
            }
        }
    }
}

#[cfg(all(test, not(stolid_loom)))]
mod tests {
    use super::*;

    fn permit(claims: &Claims<u32>) {
        assert!(matches!(claims.offer(0), Offer::Permit(0)));
    }

    #[test]
    fn permits_go_up_to_the_limit_and_come_back() {
        let claims = Claims::<u32>::new(2);
        permit(&claims);
        permit(&claims);
        assert!(matches!(claims.offer(0), Offer::AtLimit(0)));
        assert_eq!(claims.live(), 2);
        claims.give_back();
        permit(&claims);
        claims.give_back();
        claims.give_back();
        assert_eq!(claims.live(), 0);
    }

    #[test]
    fn a_worker_without_a_job_is_struck_off_after_its_idle_time() {
        let claims = Claims::<u32>::new(1);
        permit(&claims);
        assert_eq!(claims.next(&Seat::new(), Duration::from_millis(1)), None);
        assert_eq!(claims.live(), 0);
        permit(&claims);
    }

    #[test]
    fn after_close_there_is_no_claim_and_workers_leave() {
        let claims = Claims::<u32>::new(2);
        permit(&claims);
        claims.close();
        assert!(matches!(claims.offer(0), Offer::Closed(0)));
        assert_eq!(claims.next(&Seat::new(), Duration::MAX), None);
        assert_eq!(claims.live(), 0);
    }

    /// Seats as if of other workers, at rest in this order.
    fn rest<const N: usize>(claims: &Claims<u32>) -> [Arc<Seat>; N] {
        let seats = std::array::from_fn(|_| std::thread::spawn(Seat::new).join().unwrap());
        seats.iter().for_each(|_| permit(claims));
        for seat in &seats {
            lock(&claims.accounts).sit_down(seat);
        }
        seats
    }

    #[test]
    fn the_last_to_come_idle_is_the_first_to_be_called() {
        let claims = Claims::new(2);
        let [first, last] = rest(&claims);
        assert!(matches!(claims.offer(1), Offer::Taken));
        assert!(first.rests() && !last.rests());
        assert!(matches!(claims.offer(2), Offer::Taken));
        assert!(!first.rests());
        assert!(matches!(claims.offer(3), Offer::AtLimit(3)));
    }

    #[test]
    fn a_thread_that_was_adopted_leaves_one_less_for_those_at_rest() {
        let claims = Claims::new(2);
        let [first, last] = rest(&claims);
        claims.adopt();
        assert!(matches!(claims.offer(1), Offer::Taken));
        assert!(first.rests() && !last.rests());
        assert!(matches!(claims.offer(2), Offer::AtLimit(2)), "two run");
        claims.give_back();
        assert!(matches!(claims.offer(3), Offer::Taken));
        assert!(matches!(claims.offer(4), Offer::AtLimit(4)));
    }

    #[test]
    fn jobs_are_taken_in_order_by_whoever_comes_first_even_after_close() {
        let claims = Claims::new(2);
        let [_, _] = rest(&claims);
        claims.offer(1);
        claims.offer(2);
        claims.close();
        let seat = Seat::new();
        assert_eq!(claims.next(&seat, Duration::ZERO), Some(1));
        assert_eq!(claims.next(&seat, Duration::ZERO), Some(2));
        assert_eq!(claims.next(&seat, Duration::ZERO), None);
        assert_eq!(claims.live(), 1);
    }

    #[test]
    fn waiting_for_the_last_worker_ends_at_the_deadline() {
        let claims = Claims::<u32>::new(1);
        permit(&claims);
        let deadline = Instant::now() + Duration::from_millis(5);
        assert_eq!(claims.wait_left(0, deadline), 1);
        assert!(Instant::now() >= deadline);
        assert_eq!(claims.wait_left(1, deadline), 1);
    }
}

/// Workers, submitters and `close` in every interleaving.
/// `RUSTFLAGS="--cfg stolid_loom" cargo test --release --lib model`
///
/// A model has no clock: an idle time that ends is over at any moment, [`Duration::MAX`] never.
#[cfg(all(test, stolid_loom))]
mod model {
    use loom::sync::atomic::{AtomicUsize, Ordering::Relaxed};
    use loom::thread;

    use super::*;

    const ANY_MOMENT: Duration = Duration::ZERO;

    /// Claims and what became of the jobs.
    struct Group {
        claims: Claims<Job>,
        idle_timeout: Duration,
        ran: [AtomicUsize; 4],
        refused: AtomicUsize,
        /// Jobs that wait for each other have come this far.
        met: Mutex<usize>,
        all_met: Condvar,
    }

    #[derive(Clone, Copy)]
    enum Job {
        Quick(usize),
        /// Blocks until so many of its kind are running.
        Meet(usize, usize),
    }

    impl Group {
        fn new(limit: usize, idle_timeout: Duration) -> Arc<Self> {
            Arc::new(Self {
                claims: Claims::new(limit),
                idle_timeout,
                ran: [0; 4].map(AtomicUsize::new),
                refused: AtomicUsize::new(0),
                met: Mutex::new(0),
                all_met: Condvar::new(),
            })
        }

        fn run(&self, job: Job) {
            let number = match job {
                Job::Quick(number) => number,
                Job::Meet(number, all) => {
                    let mut met = lock(&self.met);
                    *met += 1;
                    self.all_met.notify_all();
                    while *met < all {
                        met = self.all_met.wait(met).unwrap();
                    }
                    number
                }
            };
            self.ran[number].fetch_add(1, Relaxed);
        }

        fn work(&self, first: Job) {
            let seat = Seat::new();
            let mut next = Some(first);
            while let Some(job) = next {
                self.run(job);
                next = self.claims.next(&seat, self.idle_timeout);
            }
        }

        /// As `Workers::submit`, with a thread started at once.
        fn submit(self: &Arc<Self>, job: Job) -> Option<thread::JoinHandle<()>> {
            match self.claims.offer(job) {
                Offer::Taken => {}
                Offer::Permit(job) => {
                    let group = Arc::clone(self);
                    return Some(thread::spawn(move || group.work(job)));
                }
                Offer::AtLimit(_) | Offer::Closed(_) => {
                    self.refused.fetch_add(1, Relaxed);
                }
            }
            None
        }

        #[track_caller]
        fn assert_each_ran_once(&self, jobs: usize) {
            for ran in &self.ran[..jobs] {
                assert_eq!(ran.load(Relaxed), 1, "a job is lost or doubled");
            }
        }

        #[track_caller]
        fn assert_all_gone(&self) {
            let accounts = lock(&self.claims.accounts);
            assert_eq!(accounts.live, 0, "the accounts do not add up");
            assert!(accounts.idle.is_empty(), "a seat is left without a worker");
            assert!(accounts.jobs.is_empty(), "a job is left without a worker");
        }
    }

    /// Every interleaving, up to so many preemptions if bounded.
    fn check(preemptions: Option<usize>, model: impl Fn() + Send + Sync + 'static) {
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = preemptions;
        builder.check(model);
    }

    fn join(workers: impl IntoIterator<Item = Option<thread::JoinHandle<()>>>) {
        for worker in workers.into_iter().flatten() {
            worker.join().unwrap();
        }
    }

    #[test]
    fn a_worker_whose_idle_time_ends_while_it_is_claimed() {
        check(Some(4), || {
            let group = Group::new(2, ANY_MOMENT);
            let workers = [group.submit(Job::Quick(0)), group.submit(Job::Quick(1)), group.submit(Job::Quick(2))];
            let refused = group.refused.load(Relaxed);
            join(workers);
            let ran: usize = group.ran.iter().map(|ran| ran.load(Relaxed)).sum();
            assert_eq!(ran + refused, 3, "a job is lost or doubled");
            group.assert_all_gone();
        });
    }

    /// The two jobs need each other running. If one were left to a worker that has the other, or
    /// both to the same worker, they would wait for ever.
    #[test]
    fn two_submitters_of_jobs_that_need_each_other() {
        check(Some(3), || {
            let group = Group::new(3, ANY_MOMENT);
            let worker = group.submit(Job::Quick(0));
            let other = {
                let group = Arc::clone(&group);
                thread::spawn(move || join([group.submit(Job::Meet(1, 2))]))
            };
            let last = group.submit(Job::Meet(2, 2));
            other.join().unwrap();
            join([worker, last]);
            assert_eq!(group.refused.load(Relaxed), 0);
            group.assert_each_ran_once(3);
            group.assert_all_gone();
        });
    }

    /// A submitter takes the worker out of the list and is held up. The worker's idle time ends,
    /// it finds the job, runs it and rests again; only then the wake comes. If the worker took that
    /// for a call it would be in the list twice, and the last two jobs could both be left to it.
    #[test]
    fn a_wake_that_comes_in_the_next_rest() {
        check(Some(2), || {
            let group = Group::new(4, ANY_MOMENT);
            let workers = [
                group.submit(Job::Quick(0)),
                group.submit(Job::Quick(1)),
                group.submit(Job::Meet(2, 2)),
                group.submit(Job::Meet(3, 2)),
            ];
            join(workers);
            assert_eq!(group.refused.load(Relaxed), 0);
            group.assert_each_ran_once(4);
            group.assert_all_gone();
        });
    }

    #[test]
    fn close_meets_workers_that_wait_for_ever() {
        check(Some(3), || {
            let group = Group::new(2, Duration::MAX);
            let worker = group.submit(Job::Quick(0));
            let closer = {
                let group = Arc::clone(&group);
                thread::spawn(move || group.claims.close())
            };
            let second = group.submit(Job::Quick(1));
            closer.join().unwrap();
            join([worker, second]);
            let ran = group.ran[1].load(Relaxed);
            assert_eq!(ran + group.refused.load(Relaxed), 1, "lost or doubled");
            assert_eq!(group.ran[0].load(Relaxed), 1);
            group.assert_all_gone();
        });
    }

    #[test]
    fn close_meets_a_worker_whose_idle_time_ends() {
        check(None, || {
            let group = Group::new(1, ANY_MOMENT);
            let worker = group.submit(Job::Quick(0));
            let second = group.submit(Job::Quick(1));
            group.claims.close();
            join([worker, second]);
            let ran = group.ran[1].load(Relaxed);
            assert_eq!(ran + group.refused.load(Relaxed), 1, "lost or doubled");
            group.assert_all_gone();
        });
    }

    #[test]
    fn waiting_for_the_last_worker() {
        check(None, || {
            let group = Group::new(1, ANY_MOMENT);
            let worker = group.submit(Job::Quick(0));
            let far = Instant::now() + Duration::from_secs(3600);
            assert_eq!(group.claims.wait_left(0, far), 0);
            join([worker]);
            group.assert_all_gone();
        });
    }
}
