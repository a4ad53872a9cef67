//! The threads of a lane: one leads, one waits to take its place, and those from whom the role was taken are in handlers.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::super::listener::Listeners;
use super::super::running::Shared;
use super::lead::{self, Desk, End};
use super::pulse::Pulse;
use super::role::{Lent, Role};
use super::seats::Seats;
use crate::lane::{Lane, Turn};

/// A lane with its threads.
///
/// # Locks
/// `desk` belongs to the holder of the role and is never waited for.
pub(in crate::server) struct Crew {
    pub(in crate::server) lane: Arc<Lane>,
    number: usize,
    pub(super) role: Role,
    desk: Mutex<Desk>,
    seats: Seats<Leader>,
    /// Handlers may run on the thread that leads.
    inline: AtomicBool,
    /// The number of the method that the leader has lent its role for. Stored before it is lent.
    pub(super) method: AtomicUsize,
}

/// A thread of a lane.
#[derive(Debug)]
pub(in crate::server) struct Member {
    handle: JoinHandle<()>,
    away: Arc<AtomicBool>,
}

impl Member {
    /// The role was taken from it, and it is not back: nobody waits for it.
    pub(in crate::server) fn is_away(&self) -> bool {
        self.away.load(Ordering::SeqCst)
    }

    pub(in crate::server) fn is_finished(&self) -> bool {
        self.handle.is_finished()
    }

    pub(in crate::server) fn join(self) {
        if self.handle.join().is_err() {
            tracing::error!("a lane's thread panicked");
        }
    }
}

/// What others know of the thread that leads.
struct Leader {
    /// Set when the role is taken from it.
    away: Arc<AtomicBool>,
    pulse: Pulse,
}

impl Crew {
    pub(in crate::server) fn new(
        lane: &Arc<Lane>,
        number: usize,
        turn: Turn,
        listeners: Option<Listeners>,
        inline: bool,
    ) -> Self {
        Self {
            lane: Arc::clone(lane),
            number,
            role: Role::new(),
            desk: Mutex::new(Desk::new(turn, listeners)),
            seats: Seats::new(),
            inline: AtomicBool::new(inline),
            method: AtomicUsize::new(0),
        }
    }

    pub(super) fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The role's word, and whether it is lent.
    pub(super) fn sight(&self) -> (u64, bool) {
        let word = self.role.word();
        (word, Lent::of(word).is_some())
    }

    /// Whether the role is lent, for who says that it sleeps.
    pub(super) fn last_look(&self) -> bool {
        self.role.last_look()
    }

    /// Whether the leader may run a handler: somebody waits to take over from it should it be stuck.
    pub(super) fn may_lend(&self) -> bool {
        self.seats.may_lend()
    }

    /// Nothing is missing that the leader could need.
    pub(in crate::server) fn is_complete(&self) -> bool {
        self.may_lend() || !self.inline.load(Ordering::Relaxed)
    }

    /// Whether the leader waits for something other than a processor, and how long it has had one in its life.
    pub(super) fn leader_pulse(&self) -> (bool, Option<Duration>) {
        self.seats.leader(|leader| leader.map_or((true, None), |leader| (leader.pulse.sleeps(), leader.pulse.ran())))
    }

    /// Takes the role from a leader that is stuck in a handler, and gives it to the spare. False when it is back.
    pub(super) fn take_over(&self, server: &Shared, lent: Lent) -> bool {
        let method = self.method.load(Ordering::Relaxed);
        let taken = self.seats.take(&self.role, lent, |leader| {
            // The thread is a worker from here on: counted before it can be back, to count itself off.
            server.workers.adopt();
            if let Some(leader) = leader {
                leader.away.store(true, Ordering::SeqCst);
            }
        });
        if !taken {
            return false;
        }
        if let Some(pace) = server.methods.pace(method) {
            pace.was_taken();
        }
        server.member_left();
        true
    }

    /// A spare is missing and none is on its way; true once, for the one who then starts it.
    pub(super) fn wants_spare(&self) -> bool {
        self.inline.load(Ordering::Relaxed) && self.seats.wants_spare()
    }

    /// The spare that was on its way does not come.
    pub(super) fn spare_failed(&self) {
        self.seats.spare_failed();
    }

    /// The server stops: the spare leaves.
    pub(in crate::server) fn dismiss(&self) {
        self.lane.wake();
        self.seats.dismiss();
    }

    /// What nobody will do any more.
    pub(in crate::server) fn clear(&self) {
        let left = self.desk().clear();
        drop(left);
    }

    /// Starts the threads of a lane.
    ///
    /// # Errors
    /// When there is no thread for the leader. Where there is none with a handler's stack, or none to spare, handlers run elsewhere.
    pub(in crate::server) fn start(server: &Arc<Shared>, number: usize) -> io::Result<()> {
        let crew = &server.crews[number];
        if !crew.inline.load(Ordering::Relaxed) {
            return Self::spawn(server, number, true, None);
        }
        let stack = Some(server.stack_size);
        let without = |error: io::Error| {
            tracing::debug!(%error, "handlers do not run on the thread that reads");
            crew.inline.store(false, Ordering::Relaxed);
            crew.spare_failed();
        };
        if let Err(error) = Self::spawn(server, number, true, stack) {
            without(error);
            return Self::spawn(server, number, true, None);
        }
        if let Err(error) = Self::spawn(server, number, false, stack) {
            without(error);
        }
        Ok(())
    }

    /// Starts a spare.
    pub(super) fn spawn_spare(server: &Arc<Shared>, number: usize) -> io::Result<()> {
        Self::spawn(server, number, false, Some(server.stack_size))
    }

    /// Starts a thread of the lane, which leads at once or waits as the spare.
    fn spawn(server: &Arc<Shared>, number: usize, leads: bool, stack: Option<usize>) -> io::Result<()> {
        let away = Arc::new(AtomicBool::new(false));
        if !leads {
            server.crews[number].seats.spare_comes();
        }
        let (shared, mine) = (Arc::clone(server), Arc::clone(&away));
        let mut state = server.state();
        if server.stop.load(Ordering::SeqCst) {
            // Nobody would wait for its end: who stops the server has seen, or is about to see, that all have gone.
            return Ok(());
        }
        let mut thread = thread::Builder::new().name(format!("stolid-lane-{number}"));
        if let Some(bytes) = stack {
            thread = thread.stack_size(bytes);
        }
        let handle = thread.spawn(move || serve(&shared, number, leads, &mine))?;
        state.present += 1;
        state.members.retain(|member: &Member| !member.is_finished());
        state.members.push(Member { handle, away });
        Ok(())
    }
}

/// The life of a lane's thread.
fn serve(server: &Arc<Shared>, number: usize, mut leads: bool, away: &Arc<AtomicBool>) {
    let crew = &server.crews[number];
    while leads || crew.seats.rest(|| server.tell()) {
        crew.seats.lead(Leader { away: Arc::clone(away), pulse: Pulse::mine() });
        if !crew.is_complete() {
            server.watch.wake();
        }
        match lead::lead(server, crew) {
            End::Over => break,
            End::Robbed => {
                leads = false;
                crew.seats.robbed();
                if !server.member_returns(away) {
                    return;
                }
            }
        }
    }
    server.member_left();
}

impl std::fmt::Debug for Crew {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Crew").field("number", &self.number).field("role", &self.role).finish_non_exhaustive()
    }
}
