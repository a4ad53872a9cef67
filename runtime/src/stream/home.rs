//! Where a stream lives: on one connection and its lane, until the call moves on to another.
//!
//! A call moves at most while the server has not begun with it: it waited for a stream and another connection had one
//! first, or the server has refused it.

use std::sync::{Arc, OnceLock, Weak};

use super::{Stream, lock};
use crate::connection::Connection;
use crate::context::CancelCause;
use crate::lane::Lane;
use crate::lane::timers::TimerKey;
use crate::status::Status;
use crate::stream::effects::Effects;

/// The connections that a stream has lived on; the last one is where it is.
///
/// # Threads
/// Read by anyone without a lock, for this is asked with every message; `add` by whoever moves the stream, which is one
/// thread at a time.
pub(super) struct Homes {
    connection: Arc<Connection>,
    next: OnceLock<Box<Self>>,
}

impl Homes {
    pub(super) fn new(connection: Arc<Connection>) -> Self {
        Self { connection, next: OnceLock::new() }
    }

    fn last(&self) -> &Self {
        let mut home = self;
        while let Some(next) = home.next.get() {
            home = next;
        }
        home
    }

    fn add(&self, connection: Arc<Connection>) {
        let mut new = Box::new(Self::new(connection));
        // Taken by somebody else at the same moment: the next place is the last one then.
        while let Err(refused) = self.last().next.set(new) {
            new = refused;
        }
    }
}

/// A timer and the lane that it belongs to.
pub(super) type HomeTimer = Option<(Arc<Lane>, TimerKey)>;

impl Stream {
    /// The connection that the stream lives on now.
    pub(crate) fn connection(&self) -> &Arc<Connection> {
        &self.homes.last().connection
    }

    /// The status of the call when it ends for this reason now.
    pub(super) fn status_of(&self, cause: CancelCause) -> Status {
        if cause != CancelCause::DeadlineExceeded || !self.is_queued() {
            return cause.status(self.side);
        }
        let connection = self.connection();
        let peer = connection.ends.peer.map_or_else(String::new, |peer| format!(" to {peer}"));
        Status::deadline_exceeded(if connection.is_dead() {
            format!("the call's deadline passed while it waited for a connection{peer}")
        } else {
            format!(
                "the call's deadline passed while it waited for a free stream: the connection{peer} has no more of them"
            )
        })
    }

    /// The stream goes on to another connection, which has not seen it yet. Threads that wait for the stream look up, so
    /// that they wait at the new place from now on.
    pub(crate) fn move_to(self: &Arc<Self>, connection: &Arc<Connection>, effects: &mut Effects) {
        if Arc::ptr_eq(self.connection(), connection) {
            return;
        }
        self.homes.add(Arc::clone(connection));
        self.inbox().rouse(&mut effects.wakes);
        self.outbox().rouse(&mut effects.wakes);
        self.state.rouse(&mut effects.wakes);
        self.time_on(&connection.lane);
    }

    /// From now on this lane enforces the deadline, if one did so far: nobody turns the lane of a lost connection.
    pub(crate) fn time_on(self: &Arc<Self>, lane: &Arc<Lane>) {
        let timed = lock(&self.timer).take();
        if let Some((former, key)) = timed {
            former.timers.remove(key);
            self.set_timer_on(lane);
        }
    }

    /// Asks the lane to enforce the deadline even if nobody waits.
    pub(crate) fn set_timer(self: &Arc<Self>) {
        self.set_timer_on(&self.connection().lane);
    }

    fn set_timer_on(self: &Arc<Self>, lane: &Arc<Lane>) {
        let Some(deadline) = self.state.deadline() else { return };
        let target: Weak<Self> = Arc::downgrade(self);
        let (key, earliest) = lane.timers.add(deadline, target);
        *lock(&self.timer) = Some((Arc::clone(lane), key));
        if self.state.is_over() {
            // The call ended before there was a timer to clear.
            self.clear_timer();
            return;
        }
        if earliest {
            lane.wake();
        }
    }

    pub(super) fn clear_timer(&self) {
        let timer = lock(&self.timer).take();
        if let Some((lane, key)) = timer {
            lane.timers.remove(key);
        }
    }
}
