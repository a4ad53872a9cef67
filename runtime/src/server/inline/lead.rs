//! Leading a lane: read what has come, run the quick handlers, send what they answered, and again.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::MutexGuard;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use mio::event::Event;

use super::super::listener::Listeners;
use super::super::running::{Running, Shared, execute, note_slow};
use super::crew::Crew;
use super::jobs::Jobs;
use super::role::Lent;
use crate::connection::{Accepted, Connection};
use crate::lane::Turn;
use crate::wait;

/// Handlers that run between two looks at the sockets.
const JOBS: usize = 128;

/// The time they may take together.
const TIME: Duration = Duration::from_micros(250);

/// Handlers that take longer than this, and would have to wait for others for more than [`DELAY`], go to workers.
const SHORT: Duration = Duration::from_micros(20);

/// See [`SHORT`].
const DELAY: Duration = Duration::from_micros(200);

/// Calls that wait, from which on no further connection is read before some have run: memory that was just written is still in the
/// processor's cache.
const BATCH: usize = 64;

/// What goes with the role.
pub(super) struct Desk {
    turn: Turn,
    listeners: Option<Listeners>,
    jobs: Jobs<Accepted>,
    /// What a turn finds; empty between turns.
    found: Vec<Accepted>,
    /// Connections with answers that were not sent.
    dirty: Vec<Arc<Connection>>,
}

impl Desk {
    pub(super) fn new(turn: Turn, listeners: Option<Listeners>) -> Self {
        Self { turn, listeners, jobs: Jobs::default(), found: Vec::new(), dirty: Vec::new() }
    }

    pub(super) fn clear(&mut self) -> impl Sized + use<> {
        let connections = (self.turn.clear(), std::mem::take(&mut self.dirty));
        (self.listeners.take(), std::mem::take(&mut self.jobs), connections)
    }

    /// Sends what was answered.
    fn flush(&mut self) {
        for connection in self.dirty.drain(..) {
            connection.drive(false);
        }
    }

    fn answered(&mut self, connection: &Arc<Connection>) {
        // The calls of one connection mostly follow one another.
        if self.dirty.last().is_none_or(|last| !Arc::ptr_eq(last, connection)) {
            self.dirty.push(Arc::clone(connection));
        }
    }
}

/// Why a thread does not lead any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// The server has stopped.
    Over,
    /// The role was taken while a handler ran.
    Robbed,
}

thread_local! {
    /// Calls that the turn of this thread has found, while it is one that leads.
    static FOUND: RefCell<Option<Vec<Accepted>>> = const { RefCell::new(None) };
    /// The lending that goes on while this thread runs a handler for a lane.
    static LENT: Cell<Option<Lent>> = const { Cell::new(None) };
}

/// Keeps a call for the thread's own run queue, if it leads a lane and the call may be a quick one; else gives it back.
pub(in crate::server) fn keep(call: Accepted) -> Option<Accepted> {
    let suits = call.small && call.method.pace().is_some();
    let mut call = Some(call);
    if suits {
        FOUND.with_borrow_mut(|found| {
            if let Some(found) = found {
                found.extend(call.take());
            }
        });
    }
    call
}

/// Leads the lane until the server stops or the role is taken away.
pub(super) fn lead(server: &Arc<Shared>, crew: &Arc<Crew>) -> End {
    let (giver, lane) = (Arc::clone(server), Arc::clone(crew));
    // A blocking call of ours inside a handler need not wait for the watch to see that it blocks.
    let _duty = wait::before::blocking(Rc::new(move || {
        if let Some(lent) = LENT.take() {
            hand_over(&giver, &lane, lent);
        }
    }));
    let mut desk = crew.desk();
    loop {
        desk.flush();
        if server.stop.load(Ordering::SeqCst) {
            return End::Over;
        }
        turn(server, crew, &mut desk);
        desk = match run(server, crew, desk) {
            Some(held) => held,
            None => return End::Robbed,
        };
    }
}

fn hand_over(server: &Arc<Shared>, crew: &Crew, lent: Lent) {
    if let Some(pace) = server.methods.pace(crew.method.load(Ordering::Relaxed)) {
        pace.blocks();
    }
    if crew.take_over(server, lent) {
        // Another spare is needed.
        server.watch.wake();
    }
}

/// Reads what has come, and accepts connections.
fn turn(server: &Arc<Shared>, crew: &Crew, desk: &mut Desk) {
    let Desk { turn, listeners, jobs, found, .. } = desk;
    if turn.is_done() {
        let left = listeners.as_ref().and_then(Listeners::pause_left);
        let pause = if jobs.is_empty() { left } else { Some(Duration::ZERO) };
        let mark = |event: &Event| {
            if let Some(listeners) = listeners {
                listeners.mark(event.token());
            }
        };
        if let Err(error) = crew.lane.look(turn, pause, server.has_free_processor(), |poll| poll(), mark) {
            tracing::error!(%error, "a lane's poll failed");
        }
    }
    FOUND.set(Some(std::mem::take(found)));
    let wait = jobs.len();
    crew.lane.carry(turn, || wait + FOUND.with_borrow(|found| found.as_ref().map_or(0, Vec::len)) >= BATCH);
    *found = FOUND.take().unwrap_or_default();
    for call in found.drain(..) {
        jobs.push(Arc::as_ptr(call.stream.connection()) as usize, call);
    }
    // A server at rest does not keep room for a flood.
    if found.capacity() > 2 * JOBS {
        *found = Vec::new();
    }
    if server.closed.load(Ordering::Acquire) {
        // Dropping them closes the ports.
        *listeners = None;
    }
    if let Some(listeners) = listeners {
        listeners.accept(server);
    }
}

/// Runs quick handlers, some at a time. The desk is let go of while one runs, and taken again only if the role is still ours:
/// `None` when it was taken away.
fn run<'a>(server: &Arc<Shared>, crew: &'a Crew, mut desk: MutexGuard<'a, Desk>) -> Option<MutexGuard<'a, Desk>> {
    if desk.jobs.is_empty() {
        return Some(desk);
    }
    let began = Instant::now();
    let mut at = began;
    for _ in 0..JOBS {
        let Some(mut call) = desk.jobs.pop() else { break };
        let Some(pace) = call.method.pace() else { continue };
        let late = pace.expected() > SHORT && at.duration_since(began) > DELAY;
        let suits = pace.is_quick() && !late && crew.may_lend();
        let Some(running) = suits.then(|| Running::new(server)).flatten() else {
            server.submit(call);
            continue;
        };
        drop(desk);
        crew.method.store(call.method.number(), Ordering::Relaxed);
        let lent = crew.role.lend();
        server.watch.attend();
        LENT.set(Some(lent));
        call.stream.without_flushing(|| execute(running, &call));
        LENT.set(None);
        let place = call.place.take();
        drop(place);
        let connection = call.stream.connection();
        if !crew.role.regain(lent) {
            connection.drive(false);
            note_slow(&*call.method, at.elapsed());
            return None;
        }
        desk = crew.desk();
        desk.answered(connection);
        let now = Instant::now();
        pace.took_in_turn(now.duration_since(at));
        at = now;
        if at.duration_since(began) > TIME {
            break;
        }
    }
    Some(desk)
}
