//! A lane: one mio `Poll` and the connections that belong to it.
//!
//! Only the lane's *leader* polls and reads sockets: on a server the lane's thread, on a client a waiting caller or the
//! channel's keeper. Any other thread may drive a connection's writing side and leaves the rest to the lane by `post`.
//!
//! # Lock levels
//!
//! Locks are taken in rising order only, and none of ours is held while user code runs.
//!
//! | level | lock | never under it |
//! | --- | --- | --- |
//! | 0 | none: user code, parking, waking threads | |
//! | 1 | registries: services, channel state, list of workers, who leads | user code, h2, I/O |
//! | 2 | the core of a connection (never waited for: see `connection::kick`) | user code, parking |
//! | 3 | h2's own mutex, implicit in every h2 call | |
//! | 4 | leaves: inbox, outbox, command list, ready list, timers, waiters, accounts of workers | anything else but level 5 |
//! | 5 | spare buffers (`codec::spare`) | anything else at all |
//!
//! h2 calls wakers at level 3, so that a waker touches level 4 alone. Threads are woken after the drive, under no lock.

pub(crate) mod posts;
pub(crate) mod spin;
pub(crate) mod timers;

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use mio::event::Event;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Registry, Token, Waker};
use slab::Slab;

use crate::codec::spare;
use crate::connection::Connection;
use crate::wait::WakeLane;
use posts::Posts;
use spin::{Lookout, Spin};
use timers::Timers;

/// The lane's own waker.
const WAKER: Token = Token(usize::MAX);

/// How long messages that are likely to be sent by who queues them are let be at most, while more and more come.
const YOUNG_FOR: Duration = Duration::from_millis(1);

/// Tokens from here on belong to whoever leads (listeners), not to connections.
pub(crate) const FIRST_FOREIGN: usize = usize::MAX / 2;

/// What other threads see of a lane.
///
/// # Threads
/// `post` and `wake` are called from any thread; `turn` by the leader alone.
pub(crate) struct Lane {
    waker: Waker,
    registry: Registry,
    posts: Posts<Connection>,
    connections: Mutex<Slab<Arc<Connection>>>,
    pub(crate) timers: Timers,
    pub(crate) lookout: Lookout,
    /// Numbers the turns, so that a connection is driven once in each.
    turns: AtomicU64,
    /// Something was posted that waits for nothing.
    urgent: AtomicBool,
    /// When the messages that were posted as [young](Self::post_young) are to be sent, in microseconds after `origin`.
    young_until: AtomicU64,
    origin: Instant,
}

/// The leader's part of a lane.
#[derive(Debug)]
pub(crate) struct Turn {
    poll: Poll,
    events: Events,
    /// Connections that have something to do and were not driven yet.
    touched: VecDeque<Arc<Connection>>,
    spin: Spin,
    spin_limit: Duration,
}

impl Turn {
    /// Everything that was found ready has been driven.
    pub(crate) fn is_done(&self) -> bool {
        self.touched.is_empty()
    }

    /// Gives up those that have not been driven.
    pub(crate) fn clear(&mut self) -> VecDeque<Arc<Connection>> {
        std::mem::take(&mut self.touched)
    }
}

impl std::fmt::Debug for Lane {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lane").field("connections", &self.len()).finish_non_exhaustive()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Lane {
    /// `spin`: how long the leader may look for news before it sleeps.
    pub(crate) fn new(events: usize, spin: Duration) -> io::Result<(Arc<Self>, Turn)> {
        let poll = Poll::new()?;
        let waker = Waker::new(poll.registry(), WAKER)?;
        let registry = poll.registry().try_clone()?;
        let lane = Self {
            waker,
            registry,
            posts: Posts::new(),
            connections: Mutex::new(Slab::new()),
            timers: Timers::new(),
            lookout: Lookout::new(spin),
            turns: AtomicU64::new(1),
            urgent: AtomicBool::new(false),
            young_until: AtomicU64::new(0),
            origin: Instant::now(),
        };
        Ok((
            Arc::new(lane),
            Turn {
                poll,
                events: Events::with_capacity(events),
                touched: VecDeque::new(),
                spin: Spin::default(),
                spin_limit: spin,
            },
        ))
    }

    /// How many connections the lane has.
    pub(crate) fn len(&self) -> usize {
        lock(&self.connections).len()
    }

    pub(crate) fn connections(&self) -> Vec<Arc<Connection>> {
        lock(&self.connections).iter().map(|(_, connection)| Arc::clone(connection)).collect()
    }

    /// Puts a connection on the lane: `make` gets the registered stream and the token, under the list's lock, so that
    /// no event for the token can be missed.
    pub(crate) fn add(
        &self,
        mut stream: TcpStream,
        make: impl FnOnce(TcpStream, usize) -> Arc<Connection>,
    ) -> io::Result<Arc<Connection>> {
        let mut connections = lock(&self.connections);
        let entry = connections.vacant_entry();
        let token = entry.key();
        self.registry.register(&mut stream, Token(token), Interest::READABLE | Interest::WRITABLE)?;
        let connection = make(stream, token);
        entry.insert(Arc::clone(&connection));
        Ok(connection)
    }

    pub(crate) fn find(&self, token: usize) -> Option<Arc<Connection>> {
        lock(&self.connections).get(token).cloned()
    }

    pub(crate) fn remove(&self, token: usize) {
        let removed = lock(&self.connections).try_remove(token);
        // Dropped here, under no lock: it may be the last handle on a socket.
        drop(removed);
    }

    /// Takes a connection that is dead off the list of those with something to do.
    pub(crate) fn forget(&self, connection: &Connection) {
        self.posts.forget(connection);
    }

    pub(crate) fn registry(&self) -> &Registry {
        &self.registry
    }

    /// The last turn is over: nobody will turn the lane any more. Called by who has joined its thread.
    pub(crate) fn stop(&self) {
        self.posts.stop();
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.posts.is_stopped()
    }

    /// Leaves a connection for the lane's next turn.
    pub(crate) fn post(&self, connection: &Arc<Connection>) {
        self.posts.list(connection);
        self.wake();
    }

    /// As [`post`](Self::post), for messages that will most likely be sent by who queued them, before this has passed.
    pub(crate) fn post_young(&self, connection: &Arc<Connection>, time: Duration) {
        let until = self.origin.elapsed() + time;
        self.young_until.store(until.as_micros() as u64, Ordering::Relaxed);
        self.posts.list(connection);
        self.call();
    }

    /// Something was posted that no turn has taken up.
    pub(crate) fn is_posted(&self) -> bool {
        self.posts.is_called()
    }

    /// Ends the leader's blocking poll.
    pub(crate) fn wake(&self) {
        self.urgent.store(true, Ordering::Release);
        self.call();
    }

    fn call(&self) {
        if self.posts.call()
            && let Err(error) = self.waker.wake()
        {
            tracing::error!(%error, "a lane could not be woken");
        }
    }

    /// One turn: wait for readiness (at most `timeout`), drive what is ready, fire timers that are due.
    ///
    /// `spins`: news may be looked for before the thread sleeps. `wait` runs the blocking poll, so that a leading caller can say where it sleeps. `foreign` gets events that
    /// belong to no connection.
    pub(crate) fn turn(
        &self,
        turn: &mut Turn,
        timeout: Option<Duration>,
        spins: bool,
        wait: impl FnOnce(&mut dyn FnMut()),
        foreign: impl FnMut(&Event),
    ) -> io::Result<()> {
        self.look(turn, timeout, spins, wait, foreign)?;
        self.carry(turn, || false);
        Ok(())
    }

    /// The first half of a [turn](Self::turn): finds out what is ready.
    pub(crate) fn look(
        &self,
        turn: &mut Turn,
        timeout: Option<Duration>,
        spins: bool,
        wait: impl FnOnce(&mut dyn FnMut()),
        mut foreign: impl FnMut(&Event),
    ) -> io::Result<()> {
        let mut timeout = self.timeout(timeout);
        let mut polled = Ok(());
        let Turn { poll, events, touched, spin, spin_limit } = turn;
        events.clear();
        wait(&mut || {
            let found = spins && timeout != Some(Duration::ZERO) && {
                spin.run(*spin_limit, &mut timeout, || {
                    polled = poll.poll(events, Some(Duration::ZERO));
                    polled.is_err() || !events.is_empty()
                })
            };
            if !found {
                polled = poll.poll(events, timeout);
            }
        });
        match polled {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
            _ => {}
        }
        if !spin_limit.is_zero() && !events.is_empty() {
            self.let_grow_up(poll, events)?;
        }
        let number = self.turns.fetch_add(1, Ordering::Relaxed);
        self.collect(number, events, touched, &mut foreign);
        Ok(())
    }

    /// The second half: drives what was found ready until `enough`, one connection at least, and fires timers.
    pub(crate) fn carry(&self, turn: &mut Turn, mut enough: impl FnMut() -> bool) {
        while let Some(connection) = turn.touched.pop_front() {
            connection.drive(true);
            if enough() {
                break;
            }
        }
        let now = Instant::now();
        self.timers.fire(now);
        spare::expire(now);
    }

    /// Woken for young messages alone, lets them be for as long as they are. Whoever queues them at such a rate wants this processor, or is
    /// about to send them itself; and a turn for a part of them would only have both threads run for each other.
    fn let_grow_up(&self, poll: &mut Poll, events: &mut Events) -> io::Result<()> {
        let mut began = None;
        while !self.urgent.load(Ordering::Acquire) && events.iter().all(|event| event.token() == WAKER) {
            let now = Instant::now();
            let since = *began.get_or_insert(now);
            let until = Duration::from_micros(self.young_until.load(Ordering::Relaxed));
            if now.duration_since(self.origin) >= until || now.duration_since(since) >= YOUNG_FOR {
                break;
            }
            thread::yield_now();
            match poll.poll(events, Some(Duration::ZERO)) {
                Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    fn collect(
        &self,
        number: u64,
        events: &Events,
        touched: &mut VecDeque<Arc<Connection>>,
        foreign: &mut impl FnMut(&Event),
    ) {
        {
            let connections = lock(&self.connections);
            for event in events {
                let Token(token) = event.token();
                if event.token() == WAKER {
                    continue;
                }
                if token >= FIRST_FOREIGN {
                    foreign(event);
                } else if let Some(connection) = connections.get(token) {
                    connection.socket.mark(event);
                    if connection.touch(number) {
                        touched.push_back(Arc::clone(connection));
                    }
                }
            }
        }
        // Before the list is taken: what is posted later makes the next turn urgent.
        self.urgent.store(false, Ordering::Relaxed);
        self.posts.take(|connection| {
            if connection.touch(number) {
                touched.push_back(connection);
            }
        });
    }

    /// A list that was posted before the leader came here must not wait for the next event.
    fn timeout(&self, limit: Option<Duration>) -> Option<Duration> {
        let next = self.timers.next().into_iter().chain(spare::expiry()).min();
        let next = next.map(|at| at.saturating_duration_since(Instant::now()));
        match (limit, next) {
            (Some(limit), Some(next)) => Some(limit.min(next)),
            (None, Some(next)) => Some(next),
            (limit, None) => limit,
        }
    }
}

impl WakeLane for Lane {
    fn wake(&self) {
        Self::wake(self);
    }
}
