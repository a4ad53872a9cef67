//! One thread's place to sleep: parked, or inside a lane's poll.

use std::sync::Arc;
use std::time::Instant;

use crate::sync::atomic::AtomicU8;
use crate::sync::atomic::Ordering::{AcqRel, Acquire};
use crate::sync::thread::{self, Thread};
use crate::sync::{Mutex, lock, thread_local};

/// The thread is awake and nobody has called it.
const RUNNING: u8 = 0;

/// The thread sleeps in `park`, or is about to: wake it with `unpark`.
const PARKED: u8 = 1;

/// The thread sleeps in a lane's poll, or is about to: wake it through that lane.
const POLLING: u8 = 2;

/// Somebody has called; the thread has not taken note yet.
const NOTIFIED: u8 = 3;

/// Wakes whoever sleeps in a lane's poll.
///
/// A wake must stick: if nobody polls at that moment, the next poll returns at once. (`mio`'s
/// waker does so.)
pub(crate) trait WakeLane: Send + Sync {
    /// Ends the lane's present or next poll. Called with no lock held.
    fn wake(&self);
}

/// One thread's place to sleep.
///
/// A wait is a loop of three steps, in this order:
///
/// 1. [`begin`](Self::begin) forgets notices of earlier waits;
/// 2. look at the condition, and see that whoever changes it will know of this waiter;
/// 3. [`park`](Self::park) or [`poll`](Self::poll), which say where the thread sleeps and look for
///    a notice a last time in one step, and only then sleep.
///
/// Whoever changes the condition does so first and then calls [`wake`](Self::wake). Its notice
/// falls before step 1, and then step 2 sees the changed condition; or between 1 and 3, and then
/// step 3 does not sleep; or after 3, and then it finds out how the thread sleeps and wakes it.
/// Notices may also come from an earlier wait, so every return of step 3 means "look again" and
/// nothing else.
///
/// # Threads
/// `begin`, `park` and `poll` are the owner's and do not nest; `wake` is anybody's. The word is
/// stored RUNNING by the owner (`begin`, and on its way out of a sleep), PARKED or POLLING by the
/// owner if it still was RUNNING, NOTIFIED by wakers, who learn from the value they replace whom to
/// call. All stores are `AcqRel` read-modify-writes: what a waker did before its call is visible to the
/// owner once it has replaced that notice, also when the condition is a relaxed atomic.
///
/// # Locks
/// `lane` is a leaf: held to store, clone or take the handle; the lane is called without it. A
/// waker may find the handle gone, or that of a later poll. In both cases the owner has left the
/// poll meant and has seen the notice; at worst the later poll returns once for nothing.
pub(crate) struct Waiter {
    word: AtomicU8,
    thread: Thread,
    lane: Mutex<Option<Arc<dyn WakeLane>>>,
}

thread_local! {
    static CURRENT: Arc<Waiter> = Arc::new(Waiter {
        word: AtomicU8::new(RUNNING),
        thread: thread::current(),
        lane: Mutex::new(None),
    });
}

impl Waiter {
    /// The calling thread's waiter.
    ///
    /// # Panics
    /// When called while the thread's local values are being destroyed.
    pub(crate) fn current() -> Arc<Self> {
        CURRENT.with(Arc::clone)
    }

    /// Forgets every notice so far. Comes before the look at the condition, never after it: a
    /// notice forgotten after that look may be the one that told of the change.
    pub(crate) fn begin(&self) {
        self.assert_owner();
        // A swap and not a store: it acquires what the forgotten notice's waker did, so the look
        // at the condition that follows sees it.
        self.word.swap(RUNNING, AcqRel);
    }

    /// Sleeps until a notice or until `deadline`; does not sleep if there was a notice since
    /// [`begin`](Self::begin).
    pub(crate) fn park(&self, deadline: Option<Instant>) {
        self.sleep(deadline);
    }

    /// As [`park`](Self::park), and tells how it ended: true by a notice, false by the deadline.
    pub(crate) fn park_until(&self, deadline: Instant) -> bool {
        self.sleep(Some(deadline))
    }

    /// Runs `poll`, which sleeps in the poll of `lane`, unless there was a notice since
    /// [`begin`](Self::begin). A notice during `poll` wakes the lane. True if there was one.
    pub(crate) fn poll(&self, lane: &Arc<dyn WakeLane>, poll: impl FnOnce()) -> bool {
        self.assert_owner();
        #[cfg(not(stolid_loom))]
        super::before::about_to_block();
        // The handle is there before the word says POLLING, so whoever reads POLLING finds it.
        *lock(&self.lane) = Some(Arc::clone(lane));
        if self.word.compare_exchange(RUNNING, POLLING, AcqRel, Acquire).is_ok() {
            poll();
        }
        let notified = self.leave();
        // Not kept until the next poll: this thread may be the last to know the lane.
        let lane = lock(&self.lane).take();
        drop(lane);
        notified
    }

    /// Whether somebody has called since `begin` or the last sleep.
    pub(crate) fn is_noticed(&self) -> bool {
        self.word.load(Acquire) == NOTIFIED
    }

    /// Leaves a notice, and ends the owner's sleep if it sleeps.
    ///
    /// Comes after the change of the condition, and with no lock held.
    pub(crate) fn wake(&self) {
        match self.word.swap(NOTIFIED, AcqRel) {
            PARKED => self.thread.unpark(),
            POLLING => {
                let lane = lock(&self.lane).clone();
                if let Some(lane) = lane {
                    lane.wake();
                }
            }
            // Awake, or called already by somebody who saw to its waking.
            _ => {}
        }
    }

    fn sleep(&self, deadline: Option<Instant>) -> bool {
        self.assert_owner();
        #[cfg(not(stolid_loom))]
        super::before::about_to_block();
        // The last look for a notice and the word of how to end the sleep are one step.
        if self.word.compare_exchange(RUNNING, PARKED, AcqRel, Acquire).is_ok() {
            // `unpark` leaves a token behind that may be of an earlier wait, so only the word
            // tells whether this one is over.
            while self.word.load(Acquire) == PARKED && park_once(deadline) {}
        }
        self.leave()
    }

    /// Ends a sleep, whatever ended it. True if a notice did or came as well.
    fn leave(&self) -> bool {
        self.word.swap(RUNNING, AcqRel) == NOTIFIED
    }

    fn assert_owner(&self) {
        debug_assert_eq!(thread::current().id(), self.thread.id(), "a thread waits on its own waiter only");
    }
}

impl std::fmt::Debug for Waiter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Waiter").field("word", &self.word).field("thread", &self.thread).finish_non_exhaustive()
    }
}

/// Parks once, for a token at the longest. False if the deadline has passed.
#[cfg(not(stolid_loom))]
fn park_once(deadline: Option<Instant>) -> bool {
    let Some(deadline) = deadline else {
        thread::park();
        return true;
    };
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return false;
    }
    thread::park_timeout(left);
    true
}

/// Parks once; a model has no clock, so there a deadline is one that has passed. Together with the
/// interleavings before and after, that is a deadline which passes at any moment.
#[cfg(stolid_loom)]
fn park_once(deadline: Option<Instant>) -> bool {
    if deadline.is_some() {
        return false;
    }
    thread::park();
    true
}

#[cfg(all(test, not(stolid_loom)))]
mod tests {
    use std::sync::mpsc::{self, Receiver};
    use std::time::Duration;

    use super::*;

    const LONG: Duration = Duration::from_secs(10);

    struct Bell {
        rung: mpsc::Sender<()>,
    }

    impl WakeLane for Bell {
        fn wake(&self) {
            self.rung.send(()).unwrap();
        }
    }

    fn bell() -> (Arc<dyn WakeLane>, Receiver<()>) {
        let (rung, rings) = mpsc::channel();
        (Arc::new(Bell { rung }), rings)
    }

    fn soon() -> Option<Instant> {
        Some(Instant::now() + Duration::from_millis(1))
    }

    #[test]
    fn a_thread_has_one_waiter_and_each_thread_its_own() {
        let waiter = Waiter::current();
        assert!(Arc::ptr_eq(&waiter, &Waiter::current()));
        let other = thread::spawn(Waiter::current).join().unwrap();
        assert!(!Arc::ptr_eq(&waiter, &other));
    }

    #[test]
    fn a_sleep_ends_at_its_deadline() {
        let waiter = Waiter::current();
        waiter.begin();
        let deadline = Instant::now() + Duration::from_millis(5);
        assert!(!waiter.park_until(deadline));
        assert!(Instant::now() >= deadline);
        waiter.park(soon());
        assert!(!waiter.park_until(Instant::now()));
    }

    #[test]
    fn a_notice_since_begin_prevents_the_sleep() {
        let waiter = Waiter::current();
        waiter.begin();
        waiter.wake();
        waiter.wake();
        assert!(waiter.park_until(Instant::now() + LONG));
        // One sleep has used it up.
        assert!(!waiter.park_until(Instant::now()));
    }

    #[test]
    fn begin_forgets_earlier_notices() {
        let waiter = Waiter::current();
        waiter.wake();
        waiter.begin();
        assert!(!waiter.park_until(Instant::now()));
    }

    #[test]
    fn a_wake_ends_a_sleep_without_deadline() {
        let (send, receive) = mpsc::channel();
        let (done, finished) = mpsc::channel();
        thread::spawn(move || {
            let waiter = Waiter::current();
            waiter.begin();
            send.send(Arc::clone(&waiter)).unwrap();
            waiter.park(None);
            done.send(()).unwrap();
        });
        receive.recv_timeout(LONG).unwrap().wake();
        finished.recv_timeout(LONG).unwrap();
    }

    #[test]
    fn an_unpark_by_a_stranger_does_not_end_a_sleep() {
        let waiter = Waiter::current();
        waiter.begin();
        thread::current().unpark();
        let deadline = Instant::now() + Duration::from_millis(5);
        assert!(!waiter.park_until(deadline));
        assert!(Instant::now() >= deadline);
    }

    #[test]
    fn a_notice_during_a_poll_wakes_the_lane_once() {
        let waiter = Waiter::current();
        let (lane, rings) = bell();
        waiter.begin();
        let notified = waiter.poll(&lane, || {
            waiter.wake();
            waiter.wake();
            rings.recv_timeout(LONG).unwrap();
        });
        assert!(notified);
        assert!(rings.try_recv().is_err());
    }

    #[test]
    fn a_poll_without_notice_says_so_and_gives_up_the_lane() {
        let waiter = Waiter::current();
        let (lane, rings) = bell();
        waiter.begin();
        assert!(!waiter.poll(&lane, || {}));
        assert_eq!(Arc::strong_count(&lane), 1);
        waiter.wake();
        assert!(rings.try_recv().is_err());
    }

    #[test]
    fn a_notice_before_a_poll_prevents_it() {
        let waiter = Waiter::current();
        let (lane, rings) = bell();
        waiter.begin();
        waiter.wake();
        assert!(waiter.poll(&lane, || unreachable!("there was a notice")));
        assert!(rings.try_recv().is_err());
    }
}

/// Sleepers and wakers in every interleaving.
/// `RUSTFLAGS="--cfg stolid_loom" cargo test --release --lib model`
///
/// A sleeper that nobody wakes is a deadlock, which loom reports.
#[cfg(all(test, stolid_loom))]
mod model {
    use loom::sync::Condvar;
    use loom::sync::atomic::{AtomicBool, Ordering::Relaxed};

    use super::*;

    /// A lane whose poll sleeps until it is woken, once for each wake and each event.
    struct Lane {
        ready: Mutex<bool>,
        bell: Condvar,
    }

    impl Lane {
        fn new() -> Arc<Self> {
            Arc::new(Self { ready: Mutex::new(false), bell: Condvar::new() })
        }

        fn poll(&self) {
            let mut ready = lock(&self.ready);
            while !*ready {
                ready = self.bell.wait(ready).unwrap();
            }
            *ready = false;
        }
    }

    impl WakeLane for Lane {
        fn wake(&self) {
            *lock(&self.ready) = true;
            self.bell.notify_one();
        }
    }

    /// Something to wait for.
    trait Condition: Send + Sync + 'static {
        fn new() -> Self;
        fn set(&self);
        fn is_set(&self) -> bool;
    }

    impl Condition for Mutex<bool> {
        fn new() -> Self {
            Self::new(false)
        }
        fn set(&self) {
            *lock(self) = true;
        }
        fn is_set(&self) -> bool {
            *lock(self)
        }
    }

    /// Relaxed: it owes its visibility to the waiter's ordering alone.
    impl Condition for AtomicBool {
        fn new() -> Self {
            Self::new(false)
        }
        fn set(&self) {
            self.store(true, Relaxed);
        }
        fn is_set(&self) -> bool {
            self.load(Relaxed)
        }
    }

    fn park_until_set(condition: &impl Condition) {
        let waiter = Waiter::current();
        loop {
            waiter.begin();
            if condition.is_set() {
                return;
            }
            waiter.park(None);
        }
    }

    fn poll_until_set(condition: &impl Condition, lane: &Arc<Lane>) {
        let waiter = Waiter::current();
        let wake: Arc<dyn WakeLane> = Arc::clone(lane) as _;
        loop {
            waiter.begin();
            if condition.is_set() {
                return;
            }
            waiter.poll(&wake, || lane.poll());
        }
    }

    /// A thread that sets `condition` and wakes `waiter` so many times.
    fn waker<C: Condition>(condition: &Arc<C>, waiter: &Arc<Waiter>, wakes: usize) -> thread::JoinHandle<()> {
        let (condition, waiter) = (Arc::clone(condition), Arc::clone(waiter));
        thread::spawn(move || {
            condition.set();
            for _ in 0..wakes {
                waiter.wake();
            }
        })
    }

    /// Every interleaving.
    fn check(model: impl Fn() + Send + Sync + 'static) {
        loom::model::Builder::new().check(model);
    }

    /// Every interleaving with up to four preemptions, for models of three threads.
    fn check_bounded(model: impl Fn() + Send + Sync + 'static) {
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = Some(4);
        builder.check(model);
    }

    fn one_parked_wait<C: Condition>() {
        let condition = Arc::new(C::new());
        let waker = waker(&condition, &Waiter::current(), 1);
        park_until_set(&*condition);
        waker.join().unwrap();
    }

    fn one_polling_wait<C: Condition>() {
        let condition = Arc::new(C::new());
        let waker = waker(&condition, &Waiter::current(), 1);
        poll_until_set(&*condition, &Lane::new());
        waker.join().unwrap();
    }

    #[test]
    fn a_parked_wait_for_a_locked_condition() {
        check(one_parked_wait::<Mutex<bool>>);
    }

    #[test]
    fn a_parked_wait_for_a_relaxed_condition() {
        check(one_parked_wait::<AtomicBool>);
    }

    #[test]
    fn a_polling_wait_for_a_locked_condition() {
        check(one_polling_wait::<Mutex<bool>>);
    }

    #[test]
    fn a_polling_wait_for_a_relaxed_condition() {
        check(one_polling_wait::<AtomicBool>);
    }

    /// The first waker's second notice falls anywhere into the second wait, or after it.
    #[test]
    fn notices_of_an_earlier_wait() {
        check_bounded(|| {
            let first = Arc::new(AtomicBool::new(false));
            let second = Arc::new(AtomicBool::new(false));
            let early = waker(&first, &Waiter::current(), 2);
            park_until_set(&*first);
            let late = waker(&second, &Waiter::current(), 1);
            park_until_set(&*second);
            early.join().unwrap();
            late.join().unwrap();
        });
    }

    /// The poll ends by an event of its own while a waker has seen POLLING and not yet called the
    /// lane. The owner goes on to a parked wait and to the poll of another lane.
    #[test]
    fn a_waker_who_is_late_for_a_poll() {
        check_bounded(|| {
            let first = Arc::new(AtomicBool::new(false));
            let second = Arc::new(AtomicBool::new(false));
            let lane = Lane::new();
            lane.wake();
            let early = waker(&first, &Waiter::current(), 1);
            poll_until_set(&*first, &lane);
            let late = waker(&second, &Waiter::current(), 1);
            poll_until_set(&*second, &Lane::new());
            early.join().unwrap();
            late.join().unwrap();
        });
        check_bounded(|| {
            let first = Arc::new(AtomicBool::new(false));
            let second = Arc::new(AtomicBool::new(false));
            let lane = Lane::new();
            lane.wake();
            let early = waker(&first, &Waiter::current(), 1);
            poll_until_set(&*first, &lane);
            let late = waker(&second, &Waiter::current(), 1);
            park_until_set(&*second);
            early.join().unwrap();
            late.join().unwrap();
        });
    }

    /// One wait in two places: the poll ends by an event of its own, somebody else leads from then
    /// on, and the owner goes on waiting parked.
    #[test]
    fn a_wait_that_goes_on_parked_after_a_poll() {
        fn wait<C: Condition>() {
            let condition = Arc::new(C::new());
            let lane = Lane::new();
            lane.wake();
            let wake: Arc<dyn WakeLane> = Arc::clone(&lane) as _;
            let waiter = Waiter::current();
            let waker = waker(&condition, &waiter, 1);
            waiter.begin();
            if !condition.is_set() {
                if waiter.poll(&wake, || lane.poll()) {
                    assert!(condition.is_set(), "a notice came without its condition");
                }
                park_until_set(&*condition);
            }
            waker.join().unwrap();
        }
        check(wait::<Mutex<bool>>);
        check(wait::<AtomicBool>);
    }

    #[test]
    fn two_wakers_of_one_wait() {
        check_bounded(|| {
            let first = Arc::new(AtomicBool::new(false));
            let second = Arc::new(AtomicBool::new(false));
            let wakers = [waker(&first, &Waiter::current(), 1), waker(&second, &Waiter::current(), 1)];
            let lane = Lane::new();
            let wake: Arc<dyn WakeLane> = Arc::clone(&lane) as _;
            let waiter = Waiter::current();
            loop {
                waiter.begin();
                if first.is_set() && second.is_set() {
                    break;
                }
                waiter.poll(&wake, || lane.poll());
            }
            for waker in wakers {
                waker.join().unwrap();
            }
        });
    }

    /// A deadline that passes while a waker is at it: the owner is awake in any case, and hears of
    /// the notice at the latest in its next wait.
    #[test]
    fn a_deadline_that_passes() {
        check(|| {
            let condition = Arc::new(AtomicBool::new(false));
            let waiter = Waiter::current();
            let waker = waker(&condition, &waiter, 1);
            waiter.begin();
            if !condition.is_set() && waiter.park_until(Instant::now()) {
                assert!(condition.is_set(), "a notice came without its condition");
            }
            park_until_set(&*condition);
            waker.join().unwrap();
        });
    }
}
