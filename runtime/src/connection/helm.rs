//! Client: whose turn it is to read a connection's socket.

use std::sync::Arc;
use std::time::Instant;

use crate::sync::{Mutex, lock};
use crate::wait::Waiter;

/// Turns with at most one waiting caller after which the keeper lets callers lead again. A model has no time for many.
const QUIET_TURNS: u32 = if cfg!(stolid_loom) { 1 } else { 32 };

/// Who leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Holder {
    Free,
    Caller,
    Keeper,
}

#[derive(Debug)]
struct State {
    holder: Holder,
    /// Callers that wait while somebody else leads.
    waiting: usize,
    /// The one that waits, where it is known that there is only one.
    lone: Option<Arc<Waiter>>,
    idle_since: Instant,
    keeper: Option<Arc<Waiter>>,
    /// The keeper sleeps until it is woken: a caller leads.
    keeper_asleep: bool,
    quiet: u32,
    closed: bool,
}

/// Who leads, passed between callers and the keeper.
///
/// The lead falls free only while nothing is posted to the lane, and no caller waits but one that is woken to take it. Whoever comes next takes
/// it: a caller that waits, who posts (for the keeper), or the keeper after its tick.
///
/// # Threads
/// [`enter`](Self::enter), [`stay_over`](Self::stay_over) and [`leave`](Self::leave) are the callers', [`board`](Self::board), [`next`](Self::next),
/// [`turned`](Self::turned) and [`close`](Self::close) the keeper's, [`attend`](Self::attend) is anybody's.
///
/// # Locks
/// `state` is level 1. The keeper is woken without it.
#[derive(Debug)]
pub(super) struct Helm {
    state: Mutex<State>,
}

/// What the keeper does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// It leads: one turn of the lane.
    Turn,
    /// It waits until it is woken: a caller leads.
    Rest,
    /// It waits until it is woken or its tick is over, which began at this instant: nobody leads.
    Tick(Instant),
}

impl Helm {
    /// The keeper leads at first: it makes the connection.
    pub(super) fn new() -> Self {
        let state = State {
            holder: Holder::Keeper,
            waiting: 0,
            lone: None,
            idle_since: Instant::now(),
            keeper: None,
            keeper_asleep: false,
            quiet: 0,
            closed: false,
        };
        Self { state: Mutex::new(state) }
    }

    /// A caller is about to wait. True when it leads meanwhile, and then [`leave`](Self::leave)s; else it waits, and then its
    /// [`stay_over`](Self::stay_over).
    pub(super) fn enter(&self, waiter: &Arc<Waiter>) -> bool {
        let mut state = lock(&self.state);
        if state.holder == Holder::Free && !state.closed {
            state.holder = Holder::Caller;
            return true;
        }
        state.lone = (state.waiting == 0).then(|| Arc::clone(waiter));
        state.waiting += 1;
        false
    }

    /// A caller that waited while somebody else led waits no more.
    pub(super) fn stay_over(&self) {
        let mut state = lock(&self.state);
        state.waiting -= 1;
        state.lone = None;
    }

    /// A caller waits while somebody else leads.
    pub(super) fn has_waiting(&self) -> bool {
        lock(&self.state).waiting > 0
    }

    /// The caller's lead ends: to the keeper if anyone waits, else it falls free. `posted`: something was posted to the lane that no turn has taken
    /// up.
    pub(super) fn leave(&self, posted: impl FnOnce() -> bool) {
        let keeper = {
            let mut state = lock(&self.state);
            // What was posted after the last turn must not wait for the keeper's tick either. Asked under the lock: who posts later finds the lead
            // free, in `attend`.
            let posted = posted();
            if state.waiting > 0 || posted {
                state.holder = Holder::Keeper;
                state.quiet = 0;
            } else {
                state.holder = Holder::Free;
                state.idle_since = Instant::now();
            }
            // Without a waiting caller the keeper's own tick is soon enough, unless it sleeps without one.
            if state.waiting > 0 || posted || state.keeper_asleep { state.keeper.clone() } else { None }
        };
        if let Some(keeper) = keeper {
            keeper.wake();
        }
    }

    /// Something was posted to the lane: somebody must turn it.
    pub(super) fn attend(&self) {
        let keeper = {
            let mut state = lock(&self.state);
            if state.holder != Holder::Free {
                return;
            }
            state.holder = Holder::Keeper;
            state.quiet = 0;
            state.keeper.clone()
        };
        if let Some(keeper) = keeper {
            keeper.wake();
        }
    }

    /// The keeper is there, and sleeps in `waiter`.
    pub(super) fn board(&self, waiter: &Arc<Waiter>) {
        lock(&self.state).keeper = Some(Arc::clone(waiter));
    }

    /// What the keeper does next; `ticked` tells whether a tick that began then is over.
    pub(super) fn next(&self, ticked: impl FnOnce(Instant) -> bool) -> Step {
        let mut state = lock(&self.state);
        state.keeper_asleep = false;
        match state.holder {
            Holder::Keeper => Step::Turn,
            Holder::Caller => {
                state.keeper_asleep = true;
                Step::Rest
            }
            Holder::Free => {
                if !ticked(state.idle_since) {
                    return Step::Tick(state.idle_since);
                }
                state.holder = Holder::Keeper;
                // One quiet turn is enough to let the next lone caller lead again.
                state.quiet = QUIET_TURNS - 1;
                Step::Turn
            }
        }
    }

    /// The keeper has turned the lane: after some quiet turns its lead falls free. `posted` as in [`leave`](Self::leave).
    ///
    /// A caller that makes one call after another waits nearly always, so that the lead would never come to it if that had to end first: it is
    /// woken, looks, and leads if it has to wait on.
    pub(super) fn turned(&self, posted: impl FnOnce() -> bool) {
        let lone = {
            let mut state = lock(&self.state);
            state.quiet = if state.waiting <= 1 { state.quiet + 1 } else { 0 };
            let few = state.waiting == 0 || (state.waiting == 1 && state.lone.is_some());
            if state.quiet < QUIET_TURNS || !few || posted() {
                return;
            }
            state.holder = Holder::Free;
            state.idle_since = Instant::now();
            state.lone.take()
        };
        if let Some(lone) = lone {
            lone.wake();
        }
    }

    /// The connection is gone: nobody leads any more.
    pub(super) fn close(&self) {
        let mut state = lock(&self.state);
        state.closed = true;
        state.holder = Holder::Keeper;
    }
}

#[cfg(all(test, not(stolid_loom)))]
mod tests {
    use super::*;

    /// The keeper's turns until its lead falls free.
    fn turn_until_free(helm: &Helm) -> u32 {
        let mut turns = 0;
        while helm.next(|_| false) == Step::Turn {
            helm.turned(|| false);
            turns += 1;
        }
        turns
    }

    #[test]
    fn the_keeper_leads_first_and_lets_go_after_some_quiet_turns() {
        let helm = Helm::new();
        assert!(!helm.enter(&Waiter::current()), "the keeper leads");
        helm.turned(|| false);
        helm.stay_over();
        assert_eq!(turn_until_free(&helm), QUIET_TURNS - 1);
        assert!(helm.enter(&Waiter::current()), "nobody leads");
        assert_eq!(helm.next(|_| true), Step::Rest);
        helm.leave(|| false);
        assert!(matches!(helm.next(|_| false), Step::Tick(_)));
        assert_eq!(helm.next(|_| true), Step::Turn);
        helm.turned(|| false);
        assert!(helm.enter(&Waiter::current()), "one quiet turn was enough");
    }

    #[test]
    fn a_lone_caller_that_always_waits_comes_to_lead() {
        let (helm, waiter) = (Helm::new(), Waiter::current());
        waiter.begin();
        assert!(!helm.enter(&waiter));
        for _ in 1..QUIET_TURNS {
            helm.turned(|| false);
            assert_eq!(helm.next(|_| false), Step::Turn);
        }
        assert!(!waiter.is_noticed());
        helm.turned(|| false);
        assert!(waiter.is_noticed(), "it looks for itself now");
        helm.stay_over();
        assert!(helm.enter(&waiter));
    }

    #[test]
    fn the_lead_does_not_fall_free_while_callers_wait() {
        let (helm, waiter) = (Helm::new(), Waiter::current());
        waiter.begin();
        assert!(!helm.enter(&waiter) && !helm.enter(&waiter));
        for _ in 0..3 * QUIET_TURNS {
            helm.turned(|| false);
        }
        assert_eq!(helm.next(|_| false), Step::Turn);
        helm.stay_over();
        for _ in 0..3 * QUIET_TURNS {
            helm.turned(|| false);
        }
        assert_eq!(helm.next(|_| false), Step::Turn, "nobody knows which of them waits");
        assert!(!waiter.is_noticed());
        helm.stay_over();
        helm.turned(|| false);
        assert!(helm.enter(&waiter));
        assert!(!helm.enter(&waiter), "somebody leads");
        assert!(helm.has_waiting());
        helm.leave(|| false);
        assert_eq!(helm.next(|_| false), Step::Turn, "the keeper follows");
    }

    #[test]
    fn the_lead_does_not_fall_free_while_something_is_posted() {
        let helm = Helm::new();
        turn_until_free(&helm);
        assert!(helm.enter(&Waiter::current()));
        helm.leave(|| true);
        assert_eq!(helm.next(|_| false), Step::Turn);
        for _ in 0..2 * QUIET_TURNS {
            helm.turned(|| true);
        }
        assert_eq!(helm.next(|_| false), Step::Turn);
        turn_until_free(&helm);
        helm.attend();
        assert_eq!(helm.next(|_| false), Step::Turn, "who posts calls the keeper");
    }

    #[test]
    fn nobody_leads_a_connection_that_is_gone() {
        let helm = Helm::new();
        turn_until_free(&helm);
        assert!(helm.enter(&Waiter::current()));
        helm.close();
        helm.leave(|| false);
        assert!(!helm.enter(&Waiter::current()), "also after one that led to the end");
    }
}

/// Callers, the keeper and the peer in every interleaving.
///
/// A model has no clock: either the keeper's tick is over at any moment, or it never is. Whoever waits for an answer or for the end of
/// a post while nobody reads is a deadlock, which loom reports.
#[cfg(all(test, stolid_loom))]
mod model {
    use loom::sync::Condvar;
    use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
    use loom::thread;

    use super::*;
    use crate::lane::posts::{Listable, Listed, Posts};
    use crate::wait::WakeLane;

    /// The poll: the peer's answers, and whether it was woken.
    #[derive(Default)]
    struct Poll {
        woken: bool,
        answers: Vec<usize>,
    }

    struct Lane {
        poll: Mutex<Poll>,
        news: Condvar,
        posts: Posts<Nothing>,
    }

    /// Nothing is listed here: a call for the leader is all that a post is to the helm.
    struct Nothing(Listed);

    impl Listable for Nothing {
        fn listed(&self) -> &Listed {
            &self.0
        }
    }

    impl WakeLane for Lane {
        fn wake(&self) {
            if self.posts.call() {
                lock(&self.poll).woken = true;
                self.news.notify_all();
            }
        }
    }

    impl Lane {
        fn sleep(&self) {
            let mut poll = lock(&self.poll);
            while !poll.woken && poll.answers.is_empty() {
                poll = self.news.wait(poll).unwrap();
            }
            poll.woken = false;
        }
    }

    /// A call that waits for its answer.
    #[derive(Default)]
    struct Call {
        answered: bool,
        waiter: Option<Arc<Waiter>>,
    }

    struct Client {
        helm: Helm,
        lane: Arc<Lane>,
        turn: Mutex<()>,
        calls: [Mutex<Call>; 2],
        /// What was posted, and what of it a turn has done.
        posted: AtomicUsize,
        done: Mutex<usize>,
        progress: Condvar,
        over: AtomicBool,
        ticks: bool,
    }

    impl Client {
        fn new(ticks: bool, free: bool) -> Arc<Self> {
            let helm = Helm::new();
            if free {
                lock(&helm.state).holder = Holder::Free;
            }
            let lane = Lane { poll: Mutex::default(), news: Condvar::new(), posts: Posts::new() };
            Arc::new(Self {
                helm,
                lane: Arc::new(lane),
                turn: Mutex::new(()),
                calls: [Mutex::default(), Mutex::default()],
                posted: AtomicUsize::new(0),
                done: Mutex::new(0),
                progress: Condvar::new(),
                over: AtomicBool::new(false),
                ticks,
            })
        }

        /// One turn of whoever leads.
        fn turn(&self, sleep: impl FnOnce(&mut dyn FnMut())) {
            let Ok(_turn) = self.turn.try_lock() else { panic!("two lead") };
            sleep(&mut || self.lane.sleep());
            self.lane.posts.take(|_| {});
            let answers = std::mem::take(&mut lock(&self.lane.poll).answers);
            for answer in answers {
                let waiter = {
                    let mut call = lock(&self.calls[answer]);
                    call.answered = true;
                    call.waiter.take()
                };
                if let Some(waiter) = waiter {
                    waiter.wake();
                }
            }
            let posted = self.posted.load(Ordering::Relaxed);
            *lock(&self.done) = posted;
            self.progress.notify_all();
        }

        /// A call, from the sending on.
        fn call(&self, number: usize) {
            let waiter = Waiter::current();
            loop {
                waiter.begin();
                {
                    let mut call = lock(&self.calls[number]);
                    if call.answered {
                        return;
                    }
                    call.waiter = Some(Arc::clone(&waiter));
                }
                self.wait(&waiter);
            }
        }

        /// As `Lead::wait`, with one turn for others.
        fn wait(&self, waiter: &Arc<Waiter>) {
            if !self.helm.enter(waiter) {
                waiter.park(None);
                self.helm.stay_over();
                return;
            }
            let lane: Arc<dyn WakeLane> = Arc::<Lane>::clone(&self.lane);
            loop {
                let mut noticed = false;
                self.turn(|sleep| noticed = waiter.poll(&lane, sleep));
                if noticed || waiter.is_noticed() || self.helm.has_waiting() {
                    break;
                }
            }
            self.helm.leave(|| self.lane.posts.is_called());
        }

        /// As `Lead::keep`.
        fn keep(&self) {
            let waiter = Waiter::current();
            self.helm.board(&waiter);
            loop {
                waiter.begin();
                if self.over.load(Ordering::Acquire) {
                    break;
                }
                match self.helm.next(|_| self.ticks) {
                    Step::Turn => {
                        self.turn(|sleep| sleep());
                        self.helm.turned(|| self.lane.posts.is_called());
                    }
                    Step::Rest | Step::Tick(_) => waiter.park(None),
                }
            }
            self.helm.close();
        }

        fn answer(&self, number: usize) {
            lock(&self.lane.poll).answers.push(number);
            self.lane.news.notify_all();
        }

        /// As `Connection::post`.
        fn post(&self) {
            self.posted.fetch_add(1, Ordering::Relaxed);
            self.lane.wake();
            self.helm.attend();
        }

        fn wait_until_done(&self, posts: usize) {
            let mut done = lock(&self.done);
            while *done < posts {
                done = self.progress.wait(done).unwrap();
            }
        }

        fn wait_until_read(&self, number: usize) {
            let mut done = lock(&self.done);
            while !lock(&self.calls[number]).answered {
                done = self.progress.wait(done).unwrap();
            }
        }

        /// The connection is gone, which the keeper hears of.
        fn end(&self, keeper: thread::JoinHandle<()>) {
            self.over.store(true, Ordering::Release);
            let waiter = lock(&self.helm.state).keeper.clone();
            if let Some(waiter) = waiter {
                waiter.wake();
            }
            self.lane.wake();
            keeper.join().unwrap();
            assert_eq!(lock(&self.helm.state).waiting, 0, "a caller is counted that does not wait");
        }
    }

    fn spawn(client: &Arc<Client>, life: impl FnOnce(&Client) + 'static) -> thread::JoinHandle<()> {
        let client = Arc::clone(client);
        thread::spawn(move || life(&client))
    }

    fn check(preemptions: usize, model: impl Fn() + Send + Sync + 'static) {
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = Some(preemptions);
        builder.check(model);
    }

    fn a_lone_call(ticks: bool, free: bool) {
        check(3, move || {
            let client = Client::new(ticks, free);
            let keeper = spawn(&client, Client::keep);
            let peer = spawn(&client, |client| client.answer(0));
            client.call(0);
            peer.join().unwrap();
            client.end(keeper);
        });
    }

    #[test]
    fn a_lone_call_is_answered() {
        a_lone_call(false, true);
    }

    #[test]
    fn a_lone_call_is_answered_while_the_keeper_leads() {
        a_lone_call(false, false);
    }

    #[test]
    fn a_lone_call_is_answered_while_the_keeper_ticks() {
        a_lone_call(true, true);
    }

    /// A GOAWAY, say, which comes while no call runs.
    #[test]
    fn what_comes_after_the_last_call_is_read() {
        check(3, || {
            let client = Client::new(true, true);
            let keeper = spawn(&client, Client::keep);
            let peer = spawn(&client, |client| client.answer(0));
            client.call(0);
            client.answer(1);
            client.wait_until_read(1);
            peer.join().unwrap();
            client.end(keeper);
        });
    }

    fn two_calls(free: bool) {
        check(2, move || {
            let client = Client::new(false, free);
            let keeper = spawn(&client, Client::keep);
            let other = spawn(&client, |client| client.call(1));
            let peer = spawn(&client, |client| {
                client.answer(1);
                client.answer(0);
            });
            client.call(0);
            other.join().unwrap();
            peer.join().unwrap();
            client.end(keeper);
        });
    }

    #[test]
    fn two_calls_are_answered() {
        two_calls(true);
    }

    #[test]
    fn two_calls_are_answered_while_the_keeper_leads() {
        two_calls(false);
    }

    #[test]
    fn what_is_posted_while_the_keepers_lead_falls_free_is_taken_up() {
        check(4, || {
            let client = Client::new(false, false);
            let keeper = spawn(&client, Client::keep);
            client.post();
            client.post();
            client.wait_until_done(2);
            client.end(keeper);
        });
    }

    #[test]
    fn what_is_posted_while_nobody_leads_is_taken_up() {
        check(3, || {
            let client = Client::new(false, true);
            let keeper = spawn(&client, Client::keep);
            let other = spawn(&client, Client::post);
            client.post();
            client.wait_until_done(2);
            other.join().unwrap();
            client.end(keeper);
        });
    }

    #[test]
    fn what_is_posted_while_a_caller_leaves_is_taken_up() {
        check(2, || {
            let client = Client::new(false, true);
            let keeper = spawn(&client, Client::keep);
            let caller = spawn(&client, |client| client.call(0));
            let peer = spawn(&client, |client| client.answer(0));
            client.post();
            client.wait_until_done(1);
            caller.join().unwrap();
            peer.join().unwrap();
            client.end(keeper);
        });
    }
}
