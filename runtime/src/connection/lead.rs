//! Client: who reads the socket.
//!
//! A lone caller reads for itself: no other thread has to wake up for its answer. From the second waiting caller on, the
//! channel's *keeper* thread reads, for handing the lead from caller to caller would cost a wake-up each time. While no
//! call runs, the keeper takes over after a moment, so that PING, GOAWAY and the end of the connection are seen.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::helm::{Helm, Step};
use crate::lane::{Lane, Turn};
use crate::wait::{Waiter, WakeLane};

/// How long nobody reads before the keeper does.
const KEEPER_TICK: Duration = Duration::from_millis(10);

/// Turns in which a leading caller served others, after which the keeper takes over.
const TURNS_FOR_OTHERS: u32 = 32;

/// The lead of one client connection.
///
/// # Threads
/// `wait` by callers, `keep` by the keeper, `attend` by anyone.
///
/// # Locks
/// `turn` is only taken by the holder of the lead, so that it never blocks.
#[derive(Debug)]
pub(crate) struct Lead {
    lane: Arc<Lane>,
    helm: Helm,
    turn: Mutex<Turn>,
}

impl Lead {
    /// The keeper leads at first: it makes the connection.
    pub(crate) fn new(lane: &Arc<Lane>, turn: Turn) -> Self {
        Self { lane: Arc::clone(lane), helm: Helm::new(), turn: Mutex::new(turn) }
    }

    /// Blocks a caller until it is woken or `deadline` passes; it reads the socket meanwhile if nobody else does.
    pub(crate) fn wait(&self, waiter: &Arc<Waiter>, deadline: Option<Instant>) {
        if self.helm.enter(waiter) {
            let _leaving = Leaving(self);
            self.lead_as_caller(waiter, deadline);
        } else {
            waiter.park(deadline);
            self.helm.stay_over();
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
            for_others += u32::from(self.helm.has_waiting());
        }
    }

    /// Something was posted to the lane: somebody must turn it.
    pub(crate) fn attend(&self) {
        self.helm.attend();
    }

    /// The keeper's life with one connection, until `done` says so.
    pub(crate) fn keep(&self, done: impl Fn() -> bool) {
        let waiter = Waiter::current();
        self.helm.board(&waiter);
        loop {
            waiter.begin();
            if done() {
                break;
            }
            match self.helm.next(|since| since.elapsed() >= KEEPER_TICK) {
                Step::Turn => self.turn_as_keeper(),
                Step::Rest => waiter.park(None),
                Step::Tick(since) => waiter.park(Some(since + KEEPER_TICK)),
            }
        }
        self.helm.close();
    }

    fn turn_as_keeper(&self) {
        {
            let mut turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
            if let Err(error) = self.lane.turn(&mut turn, None, false, |poll| poll(), |_| {}) {
                tracing::error!(%error, "polling a connection failed");
            }
        }
        self.helm.turned(|| self.lane.is_posted());
    }
}

/// Gives the lead back, panics included.
struct Leaving<'a>(&'a Lead);

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        self.0.helm.leave(|| self.0.lane.is_posted());
    }
}
