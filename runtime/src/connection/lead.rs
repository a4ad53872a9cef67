//! Client: who reads the socket.
//!
//! A lone caller reads for itself: no other thread has to wake up for its answer. From the second waiting caller on, the
//! channel's *keeper* thread reads, for handing the lead from caller to caller would cost a wake-up each time. While no
//! call runs, the keeper takes over after a moment, so that PING, GOAWAY and the end of the connection are seen.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::Thread;
use std::time::{Duration, Instant};

use crate::lane::{Lane, Turn};
use crate::wait::{Waiter, WakeLane};

/// How long nobody reads before the keeper does.
const KEEPER_TICK: Duration = Duration::from_millis(10);

/// Turns with at most one waiting caller after which the keeper lets callers lead again.
const QUIET_TURNS: u32 = 32;

/// Turns in which a leading caller served others, after which the keeper takes over.
const TURNS_FOR_OTHERS: u32 = 32;

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
    idle_since: Instant,
    keeper: Option<Thread>,
    /// The keeper sleeps until it is unparked: a caller leads.
    keeper_asleep: bool,
    quiet: u32,
    closed: bool,
}

/// The lead of one client connection.
///
/// # Threads
/// `wait` by callers, `keep` by the keeper, `attend` by anyone. The lead never falls free while a caller waits: both are
/// decided under one mutex.
///
/// # Locks
/// `state` is level 1; `turn` is only taken by the holder of the lead, so that it never blocks.
#[derive(Debug)]
pub(crate) struct Lead {
    lane: Arc<Lane>,
    state: Mutex<State>,
    turn: Mutex<Turn>,
}

impl Lead {
    /// The keeper leads at first: it makes the connection.
    pub(crate) fn new(lane: &Arc<Lane>, turn: Turn) -> Self {
        let state = State {
            holder: Holder::Keeper,
            waiting: 0,
            idle_since: Instant::now(),
            keeper: None,
            keeper_asleep: false,
            quiet: 0,
            closed: false,
        };
        Self { lane: Arc::clone(lane), state: Mutex::new(state), turn: Mutex::new(turn) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Blocks a caller until it is woken or `deadline` passes; it reads the socket meanwhile if nobody else does.
    pub(crate) fn wait(&self, waiter: &Arc<Waiter>, deadline: Option<Instant>) {
        let leads = {
            let mut state = self.state();
            if state.holder == Holder::Free && !state.closed {
                state.holder = Holder::Caller;
                true
            } else {
                state.waiting += 1;
                false
            }
        };
        if leads {
            let _leaving = Leaving(self);
            self.lead_as_caller(waiter, deadline);
        } else {
            waiter.park(deadline);
            self.state().waiting -= 1;
        }
    }

    fn lead_as_caller(&self, waiter: &Arc<Waiter>, deadline: Option<Instant>) {
        let mut turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let lane: Arc<dyn WakeLane> = Arc::<Lane>::clone(&self.lane);
        let mut for_others = 0;
        while for_others < TURNS_FOR_OTHERS {
            let timeout = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            let mut noticed = false;
            // With others waiting the keeper is about to lead anyway.
            let alone = for_others == 0;
            let turned = self.lane.turn(&mut turn, timeout, alone, |poll| noticed = waiter.poll(&lane, poll), |_| {});
            if let Err(error) = turned {
                tracing::error!(%error, "polling a connection failed");
                return;
            }
            if noticed || waiter.is_noticed() || deadline.is_some_and(|deadline| deadline <= Instant::now()) {
                return;
            }
            for_others += u32::from(self.state().waiting > 0);
        }
    }

    /// The caller's lead ends: to the keeper if anyone waits, else it falls free.
    fn leave(&self) {
        let mut state = self.state();
        // What was posted after the last turn must not wait for the keeper's tick either.
        let posted = self.lane.is_posted();
        if state.waiting > 0 || posted {
            state.holder = Holder::Keeper;
            state.quiet = 0;
        } else {
            state.holder = Holder::Free;
            state.idle_since = Instant::now();
        }
        // Without a waiting caller the keeper's own tick is soon enough, unless it sleeps without one.
        if (state.waiting > 0 || posted || state.keeper_asleep)
            && let Some(keeper) = &state.keeper
        {
            keeper.unpark();
        }
    }

    /// Something was posted to the lane: somebody must turn it.
    pub(crate) fn attend(&self) {
        let mut state = self.state();
        if state.holder == Holder::Free {
            state.holder = Holder::Keeper;
            state.quiet = 0;
            if let Some(keeper) = &state.keeper {
                keeper.unpark();
            }
        }
    }

    /// The keeper's life with one connection, until `done` says so.
    pub(crate) fn keep(&self, done: impl Fn() -> bool) {
        self.state().keeper = Some(std::thread::current());
        while !done() {
            match self.next_step() {
                Step::Turn => self.turn_as_keeper(),
                Step::Park(limit) => match limit {
                    Some(limit) => std::thread::park_timeout(limit),
                    None => std::thread::park(),
                },
            }
        }
        let mut state = self.state();
        state.closed = true;
        state.holder = Holder::Keeper;
    }

    fn next_step(&self) -> Step {
        let mut state = self.state();
        state.keeper_asleep = false;
        match state.holder {
            Holder::Keeper => Step::Turn,
            Holder::Caller => {
                state.keeper_asleep = true;
                Step::Park(None)
            }
            Holder::Free => {
                let idle = state.idle_since.elapsed();
                if idle < KEEPER_TICK {
                    return Step::Park(Some(KEEPER_TICK - idle));
                }
                state.holder = Holder::Keeper;
                // One quiet turn is enough to let the next lone caller lead again.
                state.quiet = QUIET_TURNS - 1;
                Step::Turn
            }
        }
    }

    fn turn_as_keeper(&self) {
        {
            let mut turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
            if let Err(error) = self.lane.turn(&mut turn, None, false, |poll| poll(), |_| {}) {
                tracing::error!(%error, "polling a connection failed");
            }
        }
        let mut state = self.state();
        state.quiet = if state.waiting <= 1 { state.quiet + 1 } else { 0 };
        if state.quiet >= QUIET_TURNS && state.waiting == 0 {
            state.holder = Holder::Free;
            state.idle_since = Instant::now();
        }
    }
}

/// What the keeper does next.
enum Step {
    Turn,
    Park(Option<Duration>),
}

/// Gives the lead back, panics included.
struct Leaving<'a>(&'a Lead);

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        self.0.leave();
    }
}
