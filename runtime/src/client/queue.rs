//! What a channel knows of its connections and of the calls that wait for a place, and what follows from each change.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::backoff;
use crate::connection::{Connection, Opening};
use crate::error::{Error, ErrorKind};
use crate::lane::Lane;
use crate::status::Status;
use crate::stream::Stream;
use crate::wait::{Waiter, WaiterList, WakeSet};

/// # Locks
/// Level 1.
#[derive(Default)]
pub(super) struct State {
    /// Those that take calls, oldest first: the oldest is used first, so that the others become idle.
    pub(super) connections: Vec<Arc<Connection>>,
    pub(super) attempt: Attempt,
    /// Attempts to connect that have failed in a row.
    pub(super) failures: u32,
    /// Connections in a row that were lost before they had carried a call, although calls waited.
    pub(super) fruitless: u32,
    /// Threads that wait for there to be any connection.
    pub(super) waiters: WaiterList,
    /// Calls that wait for a place, by their tickets.
    pub(super) queue: BTreeMap<u64, Opening>,
    /// The number of the last call.
    pub(super) ticket: u64,
    /// No handle is left. Calls that were made before go on.
    pub(super) closed: bool,
    pub(super) drained: bool,
}

/// The making of a connection; one at a time.
#[derive(Default)]
pub(super) enum Attempt {
    #[default]
    None,
    /// A keeper is at it.
    Running {
        /// To wake the keeper.
        lane: Option<Arc<Lane>>,
        /// There once TCP is connected.
        connection: Option<Arc<Connection>>,
    },
    /// The last one has failed, and there is no other connection: calls fail with its error until the next one.
    Failed { until: Instant, why: Status, error: Error },
}

/// What follows from a change.
#[derive(Default)]
pub(super) struct Consequences {
    pub(super) wakes: WakeSet,
    /// Start a keeper, which waits for so long before it connects.
    pub(super) start: Option<Duration>,
    pub(super) open: Vec<(Arc<Connection>, Opening)>,
    /// Calls that were cancelled while they waited.
    pub(super) over: Vec<Arc<Stream>>,
    /// Calls whose deadline has passed while they waited.
    pub(super) late: Vec<Arc<Stream>>,
    pub(super) failed: Vec<(Arc<Stream>, Status)>,
    pub(super) drain: Vec<Arc<Connection>>,
    /// The keeper has a reason to look up.
    pub(super) hurry: Option<Arc<Lane>>,
    /// Calls whose connection is gone; the keeper of the next one sees to their deadlines.
    pub(super) timed: Vec<(Arc<Stream>, Arc<Lane>)>,
}

/// What a caller that looks for a connection has to do.
pub(super) enum Step<R> {
    Use(R),
    /// Nobody connects yet: start a keeper, which waits for so long first.
    Start(Duration),
    Fail(Status),
}

impl State {
    /// Somebody wants a connection: uses one that is there, or has one made, or waits.
    pub(super) fn step<R>(
        &mut self,
        waiter: &Arc<Waiter>,
        take: &mut impl FnMut(&mut Self, usize) -> R,
    ) -> Option<Step<R>> {
        if self.closed {
            return Some(Step::Fail(closed()));
        }
        if let Some(home) = self.connections.iter().position(|connection| !connection.is_dead()) {
            return Some(Step::Use(take(self, home)));
        }
        self.connections.clear();
        match &self.attempt {
            Attempt::Failed { until, why, .. } if *until > Instant::now() => Some(Step::Fail(why.clone())),
            Attempt::Running { .. } => {
                self.waiters.add(waiter);
                None
            }
            Attempt::None | Attempt::Failed { .. } => {
                self.attempt = Attempt::Running { lane: None, connection: None };
                Some(Step::Start(self.fruitless_delay()))
            }
        }
    }

    pub(super) fn take_place(&self) -> Option<&Arc<Connection>> {
        self.connections.iter().find(|connection| connection.places.take())
    }

    pub(super) fn enqueue(&mut self, opening: Opening, then: &mut Consequences) {
        let stream = &opening.stream;
        stream.set_queued(true);
        // Looked up only now: whoever cancels later finds the call in the queue.
        if stream.state.cause_by_now().is_some() {
            then.over.push(Arc::clone(stream));
        } else {
            if let Attempt::Running { lane: Some(lane), .. } = &self.attempt
                && stream.connection().is_dead()
            {
                then.timed.push((Arc::clone(stream), Arc::clone(lane)));
            }
            self.queue.insert(stream.ticket.load(Ordering::Relaxed), opening);
        }
    }

    pub(super) fn forget(&mut self, stream: &Arc<Stream>, then: &mut Consequences) {
        let ticket = stream.ticket.load(Ordering::Relaxed);
        if self.queue.get(&ticket).is_some_and(|opening| Arc::ptr_eq(&opening.stream, stream)) {
            self.queue.remove(&ticket);
            then.over.push(Arc::clone(stream));
        }
    }

    /// Calls that wait and whose connection is gone.
    pub(super) fn left_alone(&self) -> Vec<Arc<Stream>> {
        let streams = self.queue.values().map(|opening| &opening.stream);
        streams.filter(|stream| stream.connection().is_dead()).cloned().collect()
    }

    /// Nobody waits for the attempt that is running.
    pub(super) fn is_given_up(&self) -> bool {
        self.closed && self.queue.is_empty()
    }

    /// A server that takes connections but no calls is not asked all the time.
    pub(super) fn fruitless_delay(&self) -> Duration {
        match self.fruitless {
            0 | 1 => Duration::ZERO,
            many => backoff::delay(many - 1, backoff::random()),
        }
    }

    pub(super) fn fail_queue(&mut self, why: &Status, then: &mut Consequences) {
        let queue = std::mem::take(&mut self.queue);
        then.failed.extend(queue.into_values().map(|opening| (opening.stream, why.clone())));
    }

    /// Decides what follows from whatever has changed.
    pub(super) fn settle(&mut self, max_connections: usize, wanted: &AtomicBool, then: &mut Consequences) {
        if self.drained {
            // A running call that the server has just refused: there is no place for it any more.
            self.fail_queue(&closed(), then);
        }
        loop {
            self.give_places(then);
            if self.queue.is_empty() {
                wanted.store(false, Ordering::SeqCst);
                break;
            }
            // Before it was announced that places are wanted, one may have become free unheard.
            if wanted.swap(true, Ordering::SeqCst) {
                break;
            }
        }
        if !self.queue.is_empty() {
            self.find_more(max_connections, then);
        }
        if self.is_given_up() && !self.drained {
            self.drained = true;
            then.drain.extend(self.connections.iter().cloned());
            if let Attempt::Running { lane, connection } = &self.attempt {
                then.drain.extend(connection.clone());
                then.hurry = lane.clone();
            }
        }
    }

    /// Places go to those who have waited longest.
    fn give_places(&mut self, then: &mut Consequences) {
        while let Some(first) = self.queue.first_entry() {
            let stream = &first.get().stream;
            if stream.state.cause().is_some() {
                then.over.push(first.remove().stream);
            } else if stream.state.deadline().is_some_and(|deadline| deadline <= Instant::now()) {
                then.late.push(first.remove().stream);
            } else {
                let Some(connection) = self.connections.iter().find(|connection| connection.places.take()) else {
                    return;
                };
                stream.set_queued(false);
                then.open.push((Arc::clone(connection), first.remove()));
            }
        }
    }

    /// Calls wait: a further connection may help.
    fn find_more(&mut self, max_connections: usize, then: &mut Consequences) {
        let alone = self.connections.is_empty();
        let delay = match &self.attempt {
            Attempt::Running { lane, .. } => {
                if alone {
                    then.hurry = lane.clone();
                }
                return;
            }
            Attempt::Failed { until, why, .. } if alone && *until > Instant::now() => {
                let why = why.clone();
                return self.fail_queue(&why, then);
            }
            Attempt::None | Attempt::Failed { .. } if alone && self.closed => return self.fail_queue(&closed(), then),
            // Nobody asks again when the time has come, so that the keeper waits for it. Without threads it cannot.
            Attempt::Failed { until, error, .. } => {
                let left = until.saturating_duration_since(Instant::now());
                if !left.is_zero() && error.kind() == ErrorKind::Thread {
                    return;
                }
                if alone { self.fruitless_delay() } else { left }
            }
            Attempt::None if alone => self.fruitless_delay(),
            Attempt::None => Duration::ZERO,
        };
        if self.connections.len() < max_connections && !self.closed {
            self.attempt = Attempt::Running { lane: None, connection: None };
            then.start = Some(delay);
        }
    }
}

fn closed() -> Status {
    Status::unavailable("the channel was closed")
}
