//! One HTTP/2 connection: an actor that owns every h2 handle.
//!
//! Nobody ever waits for a connection. Threads change leaf state (a stream's outbox, the command list) and *kick*:
//! whoever finds the actor free drives it; whoever finds it busy leaves a note and goes, and the driver goes round again.

#[cfg(all(test, not(stolid_loom)))]
mod buried;
#[cfg(all(test, not(stolid_loom)))]
mod company;
mod core;
mod ending;
mod helm;
mod inbound;
pub(crate) mod kick;
pub(crate) mod lead;
mod news;
mod opening;
mod outbound;
mod pace;
mod places;
mod protocol;
pub(crate) mod settings;
mod settle;
mod table;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError, Weak};
use std::time::{Duration, Instant};

use http::HeaderValue;
use mio::net::TcpStream;

use crate::compression::Coding;
use crate::context::{CancelCause, Ends};
use crate::lane::Lane;
use crate::lane::posts::{Listable, Listed};
use crate::lane::timers::Due;
use crate::metadata::Metadata;
use crate::stream::effects::Effects;
use crate::stream::{MessageLimits, Stream};
use crate::transport::first_bytes::Expect;
use crate::transport::socket::Socket;
use core::Core;
use kick::{Kick, Kicked};
use lead::Lead;
pub(crate) use news::{ClientEvents, News};
pub(crate) use opening::Opening;
pub(crate) use pace::Pace;
use places::Places;
use settings::Bounds;

/// A call whose handler can start.
pub(crate) struct Accepted {
    pub(crate) stream: Arc<Stream>,
    pub(crate) method: Arc<dyn Method>,
    /// All its requests have come, and are quickly decoded.
    pub(crate) small: bool,
    /// Held while the handler runs; `None` until it may start.
    pub(crate) place: Option<Place>,
}

/// One of the handlers that a connection may have running.
///
/// A stream that was reset is no stream for HTTP/2 any more, but its handler may go on for as long as it likes. Without a
/// bound of their own, resets would let one connection start handlers without end (CVE-2023-44487).
#[derive(Debug)]
pub(crate) struct Place(Arc<Connection>);

impl Place {
    /// Takes a place if one of `limit` is free.
    fn take(connection: &Arc<Connection>, limit: usize) -> Option<Self> {
        let taken = &connection.handlers;
        taken.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |taken| (taken < limit).then_some(taken + 1)).ok()?;
        Some(Self(Arc::clone(connection)))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.handlers.fetch_sub(1, Ordering::SeqCst);
        // Set before the driver looked at the count a last time, so that one of the two sees the other.
        if self.0.calls_wait.load(Ordering::SeqCst) {
            // Not driven here: a call that is refused gives its place back, and the next one might be refused on top of it.
            self.0.post();
        }
    }
}

impl Accepted {
    /// Whether the handler may start: `limit` is how many of the connection may run at a time.
    fn take_place(&mut self, connection: &Arc<Connection>, limit: usize) -> bool {
        self.place = self.place.take().or_else(|| Place::take(connection, limit));
        self.place.is_some()
    }
}

/// What a server lends to its connections.
pub(crate) trait Calls: Send + Sync {
    /// Finds a method by its path. Called under the connection's lock: a look-up and nothing more.
    fn method(&self, path: &str) -> Option<Arc<dyn Method>>;
    /// Starts a handler, on another thread. Called under no lock.
    fn start(&self, call: Accepted);
    /// How refusals are coded that no method makes.
    fn coding(&self) -> &Coding;
    /// A bound on every call's time, whatever the client asks for.
    fn timeout(&self) -> Option<Duration>;
    /// The connection is gone for good.
    fn gone(&self, connection: &Connection);
}

/// One method of a service.
pub(crate) trait Method: Send + Sync {
    /// Its path; `None` when it takes whatever path no other method has.
    fn path(&self) -> Option<&Arc<str>>;
    /// The format of its messages; `None` when it takes any.
    fn subtype(&self) -> Option<&'static str>;
    fn limits(&self) -> MessageLimits;
    /// How it codes its messages for a client that accepts these encodings.
    fn coding(&self, accepted: &[HeaderValue]) -> Coding;
    /// Whether exactly one request message is expected, so that the handler starts when it is there.
    fn takes_one_request(&self) -> bool;
    /// One request and one response: a call takes as long as its handler.
    fn is_unary(&self) -> bool;
    /// Its number in the server's table.
    fn number(&self) -> usize;
    /// How long its handlers take; `None` when each has a thread of its own whatever that is.
    fn pace(&self) -> Option<&Pace>;
    /// Runs the handler on this thread, to the end of the call.
    fn run(&self, stream: &Arc<Stream>, metadata: Metadata);
}

/// Which side of the connection we are.
pub(crate) enum Role {
    Server(Arc<dyn Calls>),
    Client(Weak<dyn ClientEvents>),
}

/// What a channel gives to a connection that it makes.
pub(crate) struct ClientRole {
    pub(crate) events: Weak<dyn ClientEvents>,
    pub(crate) lead: Lead,
    /// Set while calls of the channel wait for a place.
    pub(crate) wanted: Arc<AtomicBool>,
    /// How long the connection goes without a call before the channel hears of it; `None`: it never does.
    pub(crate) idle_limit: Option<Duration>,
    /// The number of a stream after which no further one is opened.
    pub(crate) last_stream: u32,
    pub(crate) bounds: Bounds,
}

/// What other threads ask of a connection, apart from streams with something to do.
///
/// In rising order: the stronger of two stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Control {
    /// Say goodbye, finish what runs, close.
    Drain,
    /// Cancel every call with this cause, then close.
    Cut(CancelCause),
    /// Close without another word.
    Abandon,
}

#[derive(Default)]
struct Commands {
    openings: Vec<Opening>,
    dirty: Vec<Arc<Stream>>,
    control: Option<Control>,
}

/// A connection.
///
/// # Threads
/// Everything may be called from any thread; `drive(true)` by the lane's leader alone.
///
/// # Locks
/// `core` is level 2 and only taken by the holder of the LOCKED bit, so that it never blocks; `commands` is a leaf.
pub(crate) struct Connection {
    kick: Kick,
    core: Mutex<Core>,
    commands: Mutex<Commands>,
    pub(crate) socket: Arc<Socket>,
    pub(crate) lane: Arc<Lane>,
    token: usize,
    listed: Listed,
    last_turn: AtomicU64,
    pub(crate) ends: Arc<Ends>,
    role: Role,
    lead: Option<Lead>,
    /// Client: the streams that the server allows.
    pub(crate) places: Places,
    /// Client: how long an extra connection goes without a call before the channel hears of it.
    idle_limit: Option<Duration>,
    /// Client: the number of a stream after which no further one is opened.
    last_stream: u32,
    /// Queued bytes of one stream that are sent without waiting for more.
    packing: usize,
    /// How soon after a write further messages are left to the lane.
    flush_delay: Duration,
    origin: Instant,
    /// Microseconds from `origin` to the last write; stored by the driver, read by senders.
    flushed: AtomicU64,
    /// Address of the stream whose sender was the last to write a message by itself: compared, never followed.
    flusher: AtomicUsize,
    /// The last pack of a stream was sent because it was large enough, so that the next one will most likely be too.
    fills_packs: AtomicBool,
    dead: AtomicBool,
    /// Server: handlers that run for this connection, whether or not their streams are still open.
    handlers: AtomicUsize,
    /// Server: calls were held back, so that the end of a handler is news.
    calls_wait: AtomicBool,
    /// Bytes in the outboxes of all streams; counted by whoever adds or takes them.
    pub(crate) unsent: Arc<AtomicUsize>,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection").field("peer", &self.ends.peer).finish_non_exhaustive()
    }
}

impl Connection {
    pub(crate) fn server(
        stream: TcpStream,
        token: usize,
        lane: &Arc<Lane>,
        ends: Ends,
        calls: Arc<dyn Calls>,
        bounds: Bounds,
    ) -> Arc<Self> {
        let socket = Arc::new(Socket::new(stream, Expect::Preface, Instant::now()));
        let core = Core::server(&socket, bounds);
        Arc::new(Self::new(socket, core, token, lane, ends, Role::Server(calls)))
    }

    pub(crate) fn client(stream: TcpStream, token: usize, lane: &Arc<Lane>, ends: Ends, role: ClientRole) -> Arc<Self> {
        let ClientRole { events, lead, wanted, idle_limit, last_stream, bounds } = role;
        let socket = Arc::new(Socket::new(stream, Expect::Settings, Instant::now()));
        let core = Core::client(&socket, bounds);
        let connection = Self::new(socket, core, token, lane, ends, Role::Client(events));
        Arc::new(Self { lead: Some(lead), places: Places::new(wanted), idle_limit, last_stream, ..connection })
    }

    fn new(socket: Arc<Socket>, core: Core, token: usize, lane: &Arc<Lane>, ends: Ends, role: Role) -> Self {
        let Bounds { packing, flush_delay, .. } = core.bounds;
        Self {
            kick: Kick::new(),
            core: Mutex::new(core),
            commands: Mutex::default(),
            socket,
            lane: Arc::clone(lane),
            token,
            listed: Listed::new(),
            last_turn: AtomicU64::new(0),
            ends: Arc::new(ends),
            role,
            lead: None,
            places: Places::new(Arc::default()),
            idle_limit: None,
            last_stream: settings::LAST_STREAM,
            packing,
            flush_delay,
            origin: Instant::now(),
            flushed: AtomicU64::new(0),
            flusher: AtomicUsize::new(0),
            fills_packs: AtomicBool::new(false),
            dead: AtomicBool::new(false),
            handlers: AtomicUsize::new(0),
            calls_wait: AtomicBool::new(false),
            unsent: Arc::default(),
        }
    }

    fn commands(&self) -> MutexGuard<'_, Commands> {
        self.commands.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Client: who may read this connection's socket.
    pub(crate) fn lead(&self) -> Option<&Lead> {
        self.lead.as_ref()
    }

    fn idle_limit(&self) -> Option<Duration> {
        self.idle_limit
    }

    /// Nothing can be sent or received any more.
    pub(crate) fn is_dead(&self) -> bool {
        self.dead.load(Ordering::Acquire)
    }

    /// True for the first caller in the turn with this number.
    pub(crate) fn touch(&self, turn: u64) -> bool {
        self.last_turn.swap(turn, Ordering::Relaxed) != turn
    }

    /// Client: starts a call. The caller drives.
    pub(crate) fn open(self: &Arc<Self>, opening: Opening) {
        self.commands().openings.push(opening);
        self.drive(false);
    }

    pub(crate) fn control(self: &Arc<Self>, control: Control) {
        {
            let mut commands = self.commands();
            commands.control = commands.control.max(Some(control));
        }
        // The leader goes round too: it sets the timers that follow.
        self.drive(false);
        self.post();
    }

    pub(crate) fn add_dirty(&self, stream: Arc<Stream>) {
        self.commands().dirty.push(stream);
    }

    /// Sends what threads have queued, if there is anything: before one of them blocks.
    pub(crate) fn flush_queued(self: &Arc<Self>) {
        let queued = !self.commands().dirty.is_empty();
        if queued {
            self.drive(false);
        }
    }

    /// A message was queued on a stream: send it now, or let it wait for company.
    ///
    /// A lone message must not wait; in a burst every system call saved counts. `newly`: the stream had nothing queued
    /// that a drive is already due for. `before` and `bytes`: what the stream had queued without the message, and has with it.
    pub(crate) fn message_queued(self: &Arc<Self>, stream: &Stream, newly: bool, before: usize, bytes: usize) {
        if before < self.packing && bytes >= self.packing {
            self.fills_packs.store(true, Ordering::Relaxed);
            self.drive(false);
        } else if self.is_dead() || self.lane.is_stopped() {
            // Nobody turns the lane any more.
            self.drive(false);
        } else if newly {
            let flushed = Duration::from_micros(self.flushed.load(Ordering::Relaxed));
            let age = self.origin.elapsed().saturating_sub(flushed);
            // One that sends no faster than a write takes has the time to write. With several streams it is one of them that does.
            let fills_packs = self.fills_packs.load(Ordering::Relaxed);
            let goes_on = !fills_packs && self.flusher.load(Ordering::Relaxed) == std::ptr::from_ref(stream).addr();
            let delay = if goes_on { self.flush_delay / settings::GOES_ON } else { self.flush_delay };
            if age >= delay {
                self.fills_packs.store(false, Ordering::Relaxed);
                self.flusher.store(std::ptr::from_ref(stream).addr(), Ordering::Relaxed);
                self.drive(false);
            } else if fills_packs {
                self.post_young(self.flush_delay.min(settings::FLUSH_DELAY).saturating_sub(age));
            } else {
                self.post();
            }
        }
    }

    /// Leaves the connection to its lane.
    fn post(self: &Arc<Self>) {
        self.lane.post(self);
        self.posted();
    }

    fn post_young(self: &Arc<Self>, time: Duration) {
        self.lane.post_young(self, time);
        self.posted();
    }

    fn posted(self: &Arc<Self>) {
        if self.is_dead() || self.lane.is_stopped() {
            // The lane may never be turned again, and the list would keep the connection alive.
            self.lane.forget(self);
            // So would the streams on our own list, which that turn was to take: they are refused here and now.
            self.drive(false);
        } else if let Some(lead) = &self.lead {
            lead.attend();
        }
    }

    /// Moves the connection on as far as it goes, unless another thread is at it: then that one goes round again.
    ///
    /// Only the lane's leader reads the socket (`leads`). Others leave after two rounds, or a `send` would end up
    /// carrying other people's traffic.
    pub(crate) fn drive(self: &Arc<Self>, leads: bool) {
        let mut effects = Effects::default();
        let mut again = false;
        let rounds = if leads { 16 } else { 2 };
        let mut alive = !self.is_dead();
        loop {
            let kicked = self.kick.kick(leads, rounds, || again |= self.round(leads, &mut effects));
            match kicked {
                Kicked::Busy => {}
                // Whoever listed a stream before this drive buried the connection may have found it alive and left the
                // rest to the lane, which does not have it any more.
                Kicked::Driven { .. } if alive && self.is_dead() => {
                    alive = false;
                    continue;
                }
                // Nobody turns the lane of a dead connection, so that what was left is refused here and now.
                Kicked::Driven { post: true } if self.is_dead() || self.lane.is_stopped() => continue,
                Kicked::Driven { post } if post || again => self.post(),
                Kicked::Driven { .. } => {}
            }
            break;
        }
        let accepted = std::mem::take(&mut effects.accepted);
        effects.fire();
        if let Role::Server(calls) = &self.role {
            for call in accepted {
                calls.start(call);
            }
        }
    }

    /// One drive; true when the leader must come back soon.
    fn round(self: &Arc<Self>, leads: bool, effects: &mut Effects) -> bool {
        let mut core = match self.core.try_lock() {
            Ok(core) => core,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => {
                // Only the holder of LOCKED comes here.
                debug_assert!(false, "two threads drive one connection");
                return true;
            }
        };
        let driven = catch_unwind(AssertUnwindSafe(|| core.drive(self, leads, effects)));
        driven.unwrap_or_else(|_| {
            tracing::error!(peer = ?self.ends.peer, "a connection panicked and is given up");
            core.give_up(self, "an internal error in the connection", effects);
            false
        })
    }

    fn wrote(&self, now: Instant) {
        let since = now.saturating_duration_since(self.origin);
        self.flushed.store(since.as_micros() as u64, Ordering::Relaxed);
    }

    fn take_commands(&self) -> Commands {
        std::mem::take(&mut *self.commands())
    }

    /// As [`take_commands`](Self::take_commands); the next streams are listed in `list`, which is empty.
    fn swap_commands(&self, list: Vec<Arc<Stream>>) -> Commands {
        std::mem::replace(&mut *self.commands(), Commands { dirty: list, ..Commands::default() })
    }

    /// The core is closed: tell who cares, leave the lane.
    fn gone(&self) {
        self.lane.remove(self.token);
        self.lane.forget(self);
        if let Role::Server(calls) = &self.role {
            calls.gone(self);
        }
    }
}

impl Listable for Connection {
    fn listed(&self) -> &Listed {
        &self.listed
    }
}

impl Due for Connection {
    fn due(&self, _now: Instant) {
        let found = self.lane.find(self.token);
        // The token may have been given to another connection since.
        if let Some(connection) = found.filter(|found| std::ptr::eq(Arc::as_ptr(found), self)) {
            connection.drive(true);
        }
    }
}
