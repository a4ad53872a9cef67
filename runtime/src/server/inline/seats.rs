//! The seats of a lane's threads: one leads, one waits to take its place, one may be on its way.

use std::sync::Arc;

use super::role::{Lent, Role};
use crate::sync::atomic::AtomicBool;
use crate::sync::atomic::Ordering::Relaxed;
use crate::sync::{Mutex, lock};
use crate::wait::Waiter;

/// Who leads, and who is next. `L` is what others know of the one that leads.
///
/// # Threads
/// [`lead`](Self::lead), [`rest`](Self::rest) and [`robbed`](Self::robbed) are the lane's threads', the others anybody's. A leader lends its
/// role only while a spare waits, so that a taking always has somebody to go to; after [`dismiss`](Self::dismiss) alone it may
/// have not, and then nobody is to lead any more.
///
/// # Locks
/// `places` is level 1; leaves may be taken under it. Who waits is woken without it.
pub(super) struct Seats<L> {
    places: Mutex<Places<L>>,
    /// A spare waits. Stored under `places` and read by the leader before each lending. Relaxed, for nothing is read on its word: whoever takes the
    /// role looks for the spare under the lock, and a leader has been under the lock since the one before it was robbed.
    spare: AtomicBool,
}

struct Places<L> {
    spare: Option<Arc<Waiter>>,
    /// The spare is to lead, and has not taken note yet.
    promoted: bool,
    /// A thread was started that will be the spare.
    coming: bool,
    /// The one that leads.
    leader: Option<L>,
    /// The lane's threads end.
    over: bool,
}

impl<L> Seats<L> {
    pub(super) fn new() -> Self {
        let places = Places { spare: None, promoted: false, coming: false, leader: None, over: false };
        Self { places: Mutex::new(places), spare: AtomicBool::new(false) }
    }

    /// A spare waits to take over: the role may be lent.
    pub(super) fn may_lend(&self) -> bool {
        self.spare.load(Relaxed)
    }

    /// The calling thread leads from here on.
    pub(super) fn lead(&self, leader: L) {
        lock(&self.places).leader = Some(leader);
    }

    /// Reads what is known of the one that leads; `None` while the role passes from one to the next.
    pub(super) fn leader<R>(&self, read: impl FnOnce(Option<&L>) -> R) -> R {
        read(lock(&self.places).leader.as_ref())
    }

    /// Takes the role from a leader that is stuck in a handler, and gives it to the spare. `mark` gets what was known of the leader, before that
    /// one can be back. False when it is.
    pub(super) fn take(&self, role: &Role, lent: Lent, mark: impl FnOnce(Option<L>)) -> bool {
        let spare = {
            let mut places = lock(&self.places);
            // Under the lock: the one that is robbed may be back at once, and waits in `robbed` until all of this is done.
            if !role.take(lent) {
                return false;
            }
            mark(places.leader.take());
            places.promoted = true;
            self.spare.store(false, Relaxed);
            places.spare.take()
        };
        if let Some(spare) = spare {
            spare.wake();
        }
        true
    }

    /// The role was taken from the calling thread; whoever took it has done everything that goes with that.
    pub(super) fn robbed(&self) {
        drop(lock(&self.places));
    }

    /// Waits as the spare; `seated` is called once it does. True when it is to lead, false when there is a spare already or the threads
    /// are dismissed.
    pub(super) fn rest(&self, seated: impl FnOnce()) -> bool {
        let waiter = Waiter::current();
        {
            let mut places = lock(&self.places);
            places.coming = false;
            if places.spare.is_some() || places.promoted {
                return false;
            }
            places.spare = Some(Arc::clone(&waiter));
            self.spare.store(true, Relaxed);
        }
        seated();
        loop {
            waiter.begin();
            {
                let mut places = lock(&self.places);
                if std::mem::take(&mut places.promoted) {
                    return true;
                }
                if places.over {
                    places.spare = None;
                    self.spare.store(false, Relaxed);
                    return false;
                }
            }
            waiter.park(None);
        }
    }

    /// A spare is missing and none is on its way; true once, for the one who then starts it.
    pub(super) fn wants_spare(&self) -> bool {
        let mut places = lock(&self.places);
        let wants = places.spare.is_none() && !places.promoted && !places.coming && places.leader.is_some();
        places.coming |= wants;
        wants
    }

    /// A spare is on its way.
    pub(super) fn spare_comes(&self) {
        lock(&self.places).coming = true;
    }

    /// The spare that was on its way does not come.
    pub(super) fn spare_failed(&self) {
        lock(&self.places).coming = false;
    }

    /// The threads end: the spare leaves, and whoever comes to rest.
    pub(super) fn dismiss(&self) {
        let spare = {
            let mut places = lock(&self.places);
            places.over = true;
            places.spare.clone()
        };
        if let Some(spare) = spare {
            spare.wake();
        }
    }
}

#[cfg(all(test, not(stolid_loom)))]
mod tests {
    use std::sync::mpsc;
    use std::thread;
    use std::time::Duration;

    use super::*;

    const LONG: Duration = Duration::from_secs(30);

    /// A spare of its own thread, seated; the receiver tells whether it came to lead.
    fn seat(seats: &Arc<Seats<u32>>) -> mpsc::Receiver<bool> {
        let (seated, sits) = mpsc::channel();
        let (told, outcome) = mpsc::channel();
        let seats = Arc::clone(seats);
        thread::spawn(move || {
            let leads = seats.rest(|| seated.send(()).unwrap());
            told.send(leads).unwrap();
        });
        sits.recv_timeout(LONG).unwrap();
        outcome
    }

    #[test]
    fn a_spare_leads_when_the_role_is_taken_and_another_is_wanted_then() {
        let seats = Arc::new(Seats::new());
        let role = Role::new();
        seats.lead(1);
        assert!(!seats.may_lend());
        assert!(seats.wants_spare());
        assert!(!seats.wants_spare(), "one is on its way");
        let spare = seat(&seats);
        assert!(seats.may_lend());
        assert!(!seats.wants_spare(), "one sits");
        assert!(!seats.rest(|| unreachable!("there is a spare")));

        let lent = role.lend();
        let mut marked = 0;
        assert!(seats.take(&role, lent, |leader| marked = leader.unwrap()));
        assert_eq!(marked, 1);
        assert!(!seats.take(&role, lent, |_| unreachable!("taken once")));
        seats.robbed();
        assert!(spare.recv_timeout(LONG).unwrap(), "the spare leads");
        assert!(!seats.may_lend());
        assert!(!seats.wants_spare(), "nobody leads yet");
        seats.lead(2);
        assert_eq!(seats.leader(|leader| leader.copied()), Some(2));
        assert!(seats.wants_spare());
        seats.spare_failed();
        assert!(seats.wants_spare());
    }

    #[test]
    fn the_spare_is_dismissed_and_nobody_sits_down_afterwards() {
        let seats = Arc::new(Seats::new());
        let spare = seat(&seats);
        seats.dismiss();
        assert!(!spare.recv_timeout(LONG).unwrap());
        assert!(!seats.may_lend());
        assert!(!seats.rest(|| {}));
        assert!(!seats.may_lend());
    }
}

/// A leader, its spare, who takes the role and who ends it all, in every interleaving.
///
/// A lane that nobody leads and a spare that nobody wakes are deadlocks, which loom reports.
#[cfg(all(test, stolid_loom))]
mod model {
    use loom::sync::Condvar;
    use loom::sync::atomic::AtomicUsize;
    use loom::thread;

    use super::*;

    /// What goes with the role is relaxed: whatever a leader sees of it, it owes to the role and the seats.
    struct Lane {
        role: Role,
        seats: Seats<Arc<AtomicBool>>,
        leaders: AtomicUsize,
        calls: AtomicUsize,
        handled: AtomicUsize,
        handlers: AtomicUsize,
        poll: Mutex<Poll>,
        woken: Condvar,
        /// Times that somebody has begun to lead.
        terms: Mutex<usize>,
        begun: Condvar,
    }

    /// Where the leader sleeps.
    #[derive(Default)]
    struct Poll {
        wake: bool,
        stop: bool,
    }

    impl Lane {
        fn new(calls: usize) -> Arc<Self> {
            Arc::new(Self {
                role: Role::new(),
                seats: Seats::new(),
                leaders: AtomicUsize::new(0),
                calls: AtomicUsize::new(calls),
                handled: AtomicUsize::new(0),
                handlers: AtomicUsize::new(0),
                poll: Mutex::default(),
                woken: Condvar::new(),
                terms: Mutex::new(0),
                begun: Condvar::new(),
            })
        }

        /// The life of a thread of the lane, as in `crew::serve`.
        fn serve(&self, mut leads: bool) {
            let away = Arc::new(AtomicBool::new(false));
            while leads || self.seats.rest(|| {}) {
                self.seats.lead(Arc::clone(&away));
                *lock(&self.terms) += 1;
                self.begun.notify_all();
                if self.lead() {
                    break;
                }
                leads = false;
                self.seats.robbed();
                assert!(away.load(Relaxed), "the one who took the role is not done with that");
                away.store(false, Relaxed);
            }
            assert!(!away.load(Relaxed), "whoever leaves is known to be here");
        }

        /// True when it is over, false when the role was taken.
        fn lead(&self) -> bool {
            assert_eq!(self.leaders.fetch_add(1, Relaxed), 0, "two lead");
            loop {
                // A load and a store: work that was done before and is not seen is done twice.
                let calls = self.calls.load(Relaxed);
                if calls == 0 {
                    if self.sleep() {
                        self.leaders.fetch_sub(1, Relaxed);
                        return true;
                    }
                    continue;
                }
                self.calls.store(calls - 1, Relaxed);
                self.handled.store(self.handled.load(Relaxed) + 1, Relaxed);
                self.handlers.fetch_add(1, Relaxed);
                if self.seats.may_lend() {
                    self.leaders.fetch_sub(1, Relaxed);
                    let lent = self.role.lend();
                    if !self.role.regain(lent) {
                        return false;
                    }
                    assert_eq!(self.leaders.fetch_add(1, Relaxed), 0, "two lead");
                }
            }
        }

        /// True when it is over.
        fn sleep(&self) -> bool {
            let mut poll = lock(&self.poll);
            while !poll.wake {
                poll = self.woken.wait(poll).unwrap();
            }
            poll.wake = false;
            poll.stop
        }

        fn take(&self, lent: Lent) -> bool {
            self.seats.take(&self.role, lent, |away| away.unwrap().store(true, Relaxed))
        }

        /// Takes the role if it is lent just now, and then does not go on before somebody else leads.
        fn take_over(&self) -> bool {
            let Some(lent) = Lent::of(self.role.word()) else { return false };
            let before = *lock(&self.terms);
            if !self.take(lent) {
                return false;
            }
            let mut terms = lock(&self.terms);
            while *terms == before {
                terms = self.begun.wait(terms).unwrap();
            }
            true
        }

        fn stop(&self) {
            *lock(&self.poll) = Poll { wake: true, stop: true };
            self.woken.notify_all();
            self.seats.dismiss();
        }

        fn thread(self: &Arc<Self>, leads: bool) -> thread::JoinHandle<()> {
            let lane = Arc::clone(self);
            thread::spawn(move || lane.serve(leads))
        }

        /// Everybody has gone.
        fn assert_over(&self) {
            assert_eq!(self.leaders.load(Relaxed), 0, "somebody leads still");
            assert!(!self.seats.may_lend(), "a spare is counted on that has left");
            let places = lock(&self.seats.places);
            assert!(places.spare.is_none(), "a seat is taken by nobody");
            assert!(!places.coming, "a spare is waited for that has come");
            assert!(!places.promoted, "nobody has taken note of a promotion");
            drop(places);
            assert_eq!(self.calls.load(Relaxed), 0, "a call was left lying");
            assert_eq!(
                self.handled.load(Relaxed),
                self.handlers.load(Relaxed),
                "a leader has not seen what was done before"
            );
        }
    }

    fn check(preemptions: usize, model: impl Fn() + Send + Sync + 'static) {
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = Some(preemptions);
        builder.check(model);
    }

    fn join(threads: impl IntoIterator<Item = thread::JoinHandle<()>>) {
        for thread in threads {
            thread.join().unwrap();
        }
    }

    #[test]
    fn a_taking_is_followed_by_somebody_who_leads() {
        check(4, || {
            let lane = Lane::new(1);
            let threads = [lane.thread(true), lane.thread(false)];
            lane.take_over();
            // Whoever leads handles what is left, and hears of the end.
            lane.stop();
            join(threads);
            lane.assert_over();
        });
    }

    #[test]
    fn the_robbed_one_comes_back_to_be_the_spare() {
        check(4, || {
            let lane = Lane::new(2);
            let threads = [lane.thread(true), lane.thread(false)];
            if lane.take_over() {
                lane.take_over();
            }
            lane.stop();
            join(threads);
            lane.assert_over();
        });
    }

    #[test]
    fn the_watch_and_a_blocking_call_take_the_role_once() {
        check(4, || {
            let lane = Lane::new(1);
            let spare = lane.thread(false);
            let watch = {
                let lane = Arc::clone(&lane);
                thread::spawn(move || usize::from(lane.take_over()))
            };
            let away = Arc::new(AtomicBool::new(false));
            lane.seats.lead(Arc::clone(&away));
            let mut robbed = 0;
            if lane.seats.may_lend() {
                let lent = lane.role.lend();
                // The handler makes a blocking call of ours.
                robbed += usize::from(lane.take(lent));
                assert!(!lane.role.regain(lent), "the role was taken by one or the other");
                lane.seats.robbed();
                assert!(away.load(Relaxed), "the one who took the role is not done with that");
            } else {
                lane.calls.store(0, Relaxed);
            }
            let lent = Lent::of(lane.role.word()).is_some();
            let taken = robbed + watch.join().unwrap();
            assert!(taken <= 1 && !lent, "taken twice, or lent for ever");
            lane.stop();
            spare.join().unwrap();
            assert!(!lane.seats.may_lend(), "a spare is counted on that has left");
        });
    }

    #[test]
    fn one_spare_is_started_and_one_sits() {
        check(4, || {
            let lane = Lane::new(1);
            let mut threads = vec![lane.thread(true), lane.thread(false)];
            if lane.take_over() {
                if lane.seats.wants_spare() {
                    assert!(!lane.seats.wants_spare(), "one is on its way");
                    // It meets the one that was robbed, which wants the same seat.
                    threads.push(lane.thread(false));
                } else {
                    assert!(lane.seats.may_lend(), "no spare, and nobody is to start one");
                }
            }
            lane.stop();
            join(threads);
            lane.assert_over();
        });
    }

    #[test]
    fn the_end_meets_a_spare_that_comes() {
        check(3, || {
            let lane = Lane::new(0);
            let threads = [lane.thread(true), lane.thread(false), lane.thread(false)];
            lane.stop();
            join(threads);
            lane.assert_over();
        });
    }
}
