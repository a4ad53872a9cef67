//! The connections of a channel, and the calls that wait for a place on one of them.
//!
//! Every change goes through [`Pool::change`]: it is made under the lock, then `State::settle` decides what follows from
//! it (who gets a place, whether a connection is to be made), and that is carried out under no lock.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use super::builder::Config;
use super::channel::ConnectivityState;
use super::queue::{Attempt, Consequences, State, Step};
use super::target::Target;
use super::{backoff, keeper};
use crate::connection::{ClientEvents, Connection, Control, News, Opening};
use crate::context::{CancelCause, Context};
use crate::error::{Error, ErrorKind};
use crate::lane::Lane;
use crate::status::Status;
use crate::stream::effects::Effects;
use crate::stream::inbox::End;
use crate::stream::{Side, wait};
use crate::wait::Waiter;

/// What a channel's handles and its keepers share.
pub(super) struct Pool {
    pub(super) target: Target,
    pub(super) config: Config,
    state: Mutex<State>,
    /// Calls wait for a place; stored under the lock, read by every connection that has one to give.
    wanted: Arc<AtomicBool>,
    myself: Weak<Self>,
}

/// What a keeper does while it is to wait before it connects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pause {
    Wait,
    Connect,
    GiveUp,
}

/// A call's place: a stream on a connection, or a number in the queue.
pub(super) struct Claim<'a> {
    pool: &'a Pool,
    /// Where the stream begins its life; when the call queues, it may move on to another.
    pub(super) connection: Arc<Connection>,
    ticket: u64,
    granted: bool,
}

impl Claim<'_> {
    /// Opens the call, now or when its turn has come.
    pub(super) fn open(mut self, opening: Opening) {
        opening.stream.ticket.store(self.ticket, Ordering::Relaxed);
        if std::mem::take(&mut self.granted) {
            self.connection.open(opening);
        } else {
            self.pool.change(|state, then| state.enqueue(opening, then));
        }
    }
}

/// A call that was never opened gives its place back.
impl Drop for Claim<'_> {
    fn drop(&mut self) {
        if self.granted && self.connection.places.give_back(1) {
            self.pool.change(|_, _| {});
        }
    }
}

impl Pool {
    pub(super) fn new(target: Target, config: Config) -> Arc<Self> {
        Arc::new_cyclic(|myself| Self {
            target,
            config,
            state: Mutex::default(),
            wanted: Arc::default(),
            myself: Weak::clone(myself),
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut State, &mut Consequences)) {
        let mut then = Consequences::default();
        {
            let mut state = self.lock();
            change(&mut state, &mut then);
            state.settle(self.config.max_connections, &self.wanted, &mut then);
        }
        self.carry_out(then);
    }

    fn carry_out(&self, then: Consequences) {
        let Consequences { wakes, start, open, over, late, failed, drain, hurry, timed } = then;
        let mut effects = Effects::default();
        for (stream, lane) in timed {
            stream.time_on(&lane);
        }
        for (stream, status) in failed {
            stream.finished(End::Failed(status), None, &mut effects);
        }
        for stream in late {
            // Still marked as queued: another thread may be about to say how the call ended, and what it waited for.
            stream.cancel(CancelCause::DeadlineExceeded);
            stream.over(&mut effects);
        }
        for stream in over {
            stream.over(&mut effects);
        }
        for (connection, opening) in open {
            opening.stream.move_to(&connection, &mut effects);
            connection.open(opening);
        }
        effects.fire();
        wakes.fire();
        for connection in drain {
            connection.control(Control::Drain);
        }
        if let Some(lane) = hurry {
            lane.wake();
        }
        if let Some(delay) = start {
            self.start_keeper(delay);
        }
    }

    fn start_keeper(&self, delay: Duration) {
        if let Some(pool) = self.myself.upgrade() {
            keeper::start(&pool, delay);
        }
    }

    // What callers ask for.

    /// A place for a call, or a number in the queue. Blocks while there is no connection: at most until `deadline`, or
    /// until `parent` is cancelled.
    pub(super) fn claim(&self, deadline: Option<Instant>, parent: Option<&Context>) -> Result<Claim<'_>, Status> {
        self.wait(deadline, parent, |state, home| {
            state.ticket += 1;
            let place = if state.queue.is_empty() { state.take_place() } else { None };
            let granted = place.is_some();
            let connection = Arc::clone(place.unwrap_or(&state.connections[home]));
            Claim { pool: self, connection, ticket: state.ticket, granted }
        })
    }

    /// Blocks until there is a connection.
    pub(super) fn wait_until_connected(
        &self,
        deadline: Option<Instant>,
        parent: Option<&Context>,
    ) -> Result<(), Status> {
        self.wait(deadline, parent, |_, _| ())
    }

    fn wait<R>(
        &self,
        deadline: Option<Instant>,
        parent: Option<&Context>,
        mut take: impl FnMut(&mut State, usize) -> R,
    ) -> Result<R, Status> {
        loop {
            let waited = wait::until(
                None,
                deadline,
                |waiter| {
                    let cause = parent.and_then(|parent| parent.state.watch(waiter));
                    match cause {
                        None => self.lock().step(waiter, &mut take),
                        Some(cause) => Some(Step::Fail(cause.status(Side::Client))),
                    }
                },
                |waiter| self.lock().waiters.remove(waiter),
            );
            if let Some(parent) = parent {
                parent.state.unwatch(&Waiter::current());
            }
            match waited {
                Ok(Step::Use(found)) => return Ok(found),
                Ok(Step::Fail(status)) => return Err(status),
                Ok(Step::Start(delay)) => self.start_keeper(delay),
                Err(wait::TimedOut) => {
                    let authority = &self.target.authority;
                    return Err(Status::deadline_exceeded(format!(
                        "the call's deadline passed while connecting to {authority}"
                    )));
                }
            }
        }
    }

    pub(super) fn connectivity(&self) -> ConnectivityState {
        let state = self.lock();
        match &state.attempt {
            _ if state.closed => ConnectivityState::Shutdown,
            _ if state.connections.iter().any(|connection| !connection.is_dead()) => ConnectivityState::Ready,
            Attempt::None => ConnectivityState::Idle,
            Attempt::Running { .. } => ConnectivityState::Connecting,
            Attempt::Failed { until, .. } if *until <= Instant::now() => ConnectivityState::Idle,
            Attempt::Failed { .. } => ConnectivityState::TransientFailure,
        }
    }

    pub(super) fn last_error(&self) -> Option<Error> {
        match &self.lock().attempt {
            Attempt::Failed { error, .. } => Some(error.clone()),
            _ => None,
        }
    }

    /// The last handle is gone: running calls go on to their end, and so do those that wait; no others begin.
    pub(super) fn close(&self) {
        self.change(|state, then| {
            state.closed = true;
            state.waiters.take(&mut then.wakes);
        });
    }

    // What the keeper tells and asks.

    /// The keeper has a lane; false when nobody wants a connection any more.
    pub(super) fn keeps(&self, lane: &Arc<Lane>) -> bool {
        let (wanted, waiting) = {
            let mut state = self.lock();
            if let Attempt::Running { lane: known, .. } = &mut state.attempt {
                *known = Some(Arc::clone(lane));
            }
            (!state.is_given_up(), state.left_alone())
        };
        for stream in waiting {
            stream.time_on(lane);
        }
        wanted
    }

    /// Whether to go on waiting before the next attempt.
    pub(super) fn pause(&self) -> Pause {
        let mut state = self.lock();
        let alone = state.connections.is_empty();
        if state.is_given_up() || (!alone && state.queue.is_empty()) {
            // Those that waited for a further connection have found a place.
            state.attempt = Attempt::None;
            Pause::GiveUp
        } else if alone && state.fruitless_delay().is_zero() {
            // The connection that calls could wait for is gone.
            Pause::Connect
        } else {
            Pause::Wait
        }
    }

    /// TCP is connected; false when nobody wants a connection any more.
    pub(super) fn connected(&self, made: &Arc<Connection>) -> bool {
        let mut state = self.lock();
        if state.is_given_up() {
            return false;
        }
        if let Attempt::Running { connection, .. } = &mut state.attempt {
            *connection = Some(Arc::clone(made));
        }
        true
    }

    pub(super) fn is_given_up(&self) -> bool {
        self.lock().is_given_up()
    }

    /// The attempt has failed. With another connection calls wait for that one, and for the next attempt; without one
    /// they fail with `error` until the next attempt.
    pub(super) fn failed(&self, kind: ErrorKind, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) {
        let authority = &self.target.authority;
        let error = Error::new(kind, authority.to_string(), cause);
        let why = Status::unavailable(error.to_string()).with_source(error.clone());
        tracing::info!(%authority, %why, "connecting failed");
        self.change(|state, then| {
            state.failures += 1;
            let delay = backoff::delay(state.failures, backoff::random());
            if !state.connections.is_empty() && !state.queue.is_empty() && kind != ErrorKind::Thread {
                state.attempt = Attempt::Running { lane: None, connection: None };
                then.start = Some(delay);
                return;
            }
            if state.connections.is_empty() {
                state.fail_queue(&why, then);
            }
            state.attempt = Attempt::Failed { until: Instant::now() + delay, why, error };
            state.waiters.take(&mut then.wakes);
        });
    }

    pub(super) fn events(&self) -> Weak<dyn ClientEvents> {
        let events: Weak<Self> = Weak::clone(&self.myself);
        events
    }

    pub(super) fn wanted(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.wanted)
    }

    /// How long the connection that is being made may go without a call: an only one as long as it likes.
    pub(super) fn idle_limit(&self) -> Option<Duration> {
        (!self.lock().connections.is_empty()).then_some(self.config.idle_limit)
    }

    fn lost(&self, connection: &Arc<Connection>, why: &str) {
        let mut failed = false;
        self.change(|state, _| {
            if matches!(&state.attempt, Attempt::Running { connection: Some(made), .. } if Arc::ptr_eq(made, connection)) {
                failed = true;
            } else if let Some(at) = state.connections.iter().position(|used| Arc::ptr_eq(used, connection)) {
                state.connections.remove(at);
                if connection.places.was_used() {
                    state.fruitless = 0;
                } else if !state.queue.is_empty() {
                    state.fruitless += 1;
                }
            }
        });
        if failed {
            self.failed(ErrorKind::Handshake, why);
        }
    }
}

impl ClientEvents for Pool {
    fn hear(&self, news: News) {
        match news {
            News::Ready(connection) => {
                tracing::debug!(authority = %self.target.authority, "connected");
                self.change(|state, then| {
                    let made = match &state.attempt {
                        Attempt::Running { connection: Some(made), .. } => Arc::ptr_eq(made, &connection),
                        _ => false,
                    };
                    if made {
                        state.attempt = Attempt::None;
                        state.failures = 0;
                        state.connections.push(connection);
                        state.waiters.take(&mut then.wakes);
                    }
                });
            }
            News::Lost(connection, why) => self.lost(&connection, &why),
            News::Returned(opening) => self.change(|state, then| state.enqueue(opening, then)),
            News::PlaceFree => self.change(|_, _| {}),
            News::Cancelled(stream) => self.change(|state, then| state.forget(&stream, then)),
            News::Idle(connection) => self.change(|state, then| {
                if state.connections.len() > 1 && state.queue.is_empty() && connection.places.all_free() {
                    state.connections.retain(|other| !Arc::ptr_eq(other, &connection));
                    then.drain.push(connection);
                }
            }),
        }
    }
}
