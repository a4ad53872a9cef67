//! The running server: what its lanes, connections and workers share.

use std::cell::Cell;
use std::io;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::listener::Listeners;
use super::service::Table;
use super::workers::{Job, Refusal, Workers};
use crate::compression::Coding;
use crate::connection::settings::Bounds;
use crate::connection::{Accepted, Calls, Connection, Method};
use crate::lane::{Lane, Turn};
use crate::status::Status;
use crate::stream::outbox::Finish;

/// The limits of a server, as configured.
#[derive(Debug, Clone)]
pub(super) struct Limits {
    pub(super) max_connections: usize,
    pub(super) connection: Bounds,
    pub(super) timeout: Option<Duration>,
}

/// What changes while the server runs.
///
/// # Locks
/// Level 1.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) connections: usize,
    /// Handlers that wait for the end of a shutdown they asked for.
    pub(super) stopping_handlers: usize,
    pub(super) lanes: Vec<JoinHandle<()>>,
    pub(super) phase: Phase,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Phase {
    #[default]
    Serving,
    Stopping,
    Stopped,
}

/// Shared by everything that belongs to one server.
pub(super) struct Shared {
    pub(super) methods: Table,
    pub(super) workers: Workers,
    pub(super) limits: Limits,
    pub(super) lanes: Vec<Arc<Lane>>,
    pub(super) addresses: Vec<SocketAddr>,
    pub(super) draining: Arc<AtomicBool>,
    /// The lanes' threads end.
    pub(super) stop: AtomicBool,
    /// The listeners close.
    pub(super) closed: AtomicBool,
    state: Mutex<State>,
    changed: Condvar,
    /// Handlers that run. Changed for every call, and therefore not under the mutex.
    running: AtomicUsize,
    /// Somebody waits for handlers to end: set before that one looks at `running`, read after it was changed, so that one of
    /// the two sees the other. Nobody is woken for a finished call before.
    stopping: AtomicBool,
    pub(super) calls_started: AtomicU64,
    pub(super) calls_refused: AtomicU64,
    myself: Weak<Self>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("addresses", &self.addresses).finish_non_exhaustive()
    }
}

thread_local! {
    /// The server whose handler runs on this thread.
    static SERVING: Cell<*const Shared> = const { Cell::new(std::ptr::null()) };
}

impl Shared {
    pub(super) fn new(
        methods: Table,
        workers: Workers,
        limits: Limits,
        lanes: Vec<Arc<Lane>>,
        addresses: Vec<SocketAddr>,
    ) -> Arc<Self> {
        Arc::new_cyclic(|myself| Self {
            methods,
            workers,
            limits,
            lanes,
            addresses,
            draining: Arc::default(),
            stop: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            state: Mutex::default(),
            changed: Condvar::new(),
            running: AtomicUsize::new(0),
            stopping: AtomicBool::new(false),
            calls_started: AtomicU64::new(0),
            calls_refused: AtomicU64::new(0),
            myself: Weak::clone(myself),
        })
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Handlers that run now.
    pub(super) fn running(&self) -> usize {
        self.running.load(Ordering::SeqCst)
    }

    /// From here on the end of every handler is told to those who `wait`.
    pub(super) fn watch_handlers(&self) {
        self.stopping.store(true, Ordering::SeqCst);
    }

    pub(super) fn notify(&self) {
        self.changed.notify_all();
    }

    /// Blocks until `done`, at most until `deadline`; tells whether it came to that.
    pub(super) fn wait(&self, deadline: Option<Instant>, mut done: impl FnMut(&State) -> bool) -> bool {
        let mut state = self.state();
        while !done(&state) {
            let Some(deadline) = deadline else {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    pub(super) fn calls(&self) -> Arc<dyn Calls> {
        // Whoever calls this holds an Arc.
        let Some(shared) = self.myself.upgrade() else { unreachable!("a server is used after its end") };
        shared
    }

    /// Counts a connection; false when the limit is reached.
    pub(super) fn connection_opened(&self) -> bool {
        let mut state = self.state();
        if state.connections >= self.limits.max_connections {
            return false;
        }
        state.connections += 1;
        true
    }

    pub(super) fn connection_closed(&self) {
        self.state().connections -= 1;
        self.notify();
    }

    /// Whether this thread runs a handler of this server.
    pub(super) fn is_inside_handler(&self) -> bool {
        SERVING.get() == std::ptr::from_ref(self)
    }

    /// The life of a lane's thread.
    pub(super) fn serve_lane(self: &Arc<Self>, lane: &Lane, mut turn: Turn, mut listeners: Option<Listeners>) {
        if let Some(listeners) = &mut listeners {
            listeners.accept(self);
        }
        while !self.stop.load(Ordering::Acquire) {
            let pause = listeners.as_ref().and_then(Listeners::pause_left);
            let turned = lane.turn(
                &mut turn,
                pause,
                |poll| poll(),
                |event| {
                    if let Some(listeners) = &mut listeners {
                        listeners.mark(event.token());
                    }
                },
            );
            if let Err(error) = turned {
                tracing::error!(%error, "a lane's poll failed");
            }
            if self.closed.load(Ordering::Acquire) {
                // Dropping them closes the ports.
                listeners = None;
            }
            if let Some(listeners) = &mut listeners {
                listeners.accept(self);
            }
        }
    }
}

impl Calls for Shared {
    fn method(&self, path: &str) -> Option<Arc<dyn Method>> {
        self.methods.find(path)
    }

    fn start(&self, call: Accepted) {
        let Some(server) = self.myself.upgrade() else { return };
        self.workers.submit(Box::new(Call { server, call }));
    }

    fn coding(&self) -> &Coding {
        &self.methods.refusals
    }

    fn timeout(&self) -> Option<Duration> {
        self.limits.timeout
    }

    fn gone(&self, _connection: &Connection) {
        self.connection_closed();
    }
}

/// A call on its way to a thread.
struct Call {
    server: Arc<Shared>,
    call: Accepted,
}

/// Counts a running handler and says on which server's thread we are, panics included.
struct Running<'a>(&'a Shared);

impl<'a> Running<'a> {
    fn new(server: &'a Shared) -> Self {
        server.calls_started.fetch_add(1, Ordering::Relaxed);
        server.running.fetch_add(1, Ordering::SeqCst);
        SERVING.set(server);
        Self(server)
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        SERVING.set(std::ptr::null());
        self.0.running.fetch_sub(1, Ordering::SeqCst);
        if self.0.stopping.load(Ordering::SeqCst) {
            // Under the mutex, or the waiter could be between its look and its sleep.
            let _state = self.0.state();
            self.0.notify();
        }
    }
}

impl Job for Call {
    fn run(self: Box<Self>) {
        let Self { server, call } = *self;
        let running = Running::new(&server);
        let Accepted { stream, metadata, method, place, .. } = call;
        // A handler's own panic is caught nearer; this one comes from a message that does not decode or encode itself.
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| method.run(&stream, metadata))) {
            tracing::error!(method = stream.state.method(), "a message panicked");
            let _ = catch_unwind(AssertUnwindSafe(|| drop(panic)));
            stream.finish(Finish::Trailers(Some(Status::internal("the server panicked over a message"))));
        }
        drop(running);
        drop(place);
    }

    fn refuse(self: Box<Self>, why: Refusal) {
        self.server.calls_refused.fetch_add(1, Ordering::Relaxed);
        let method = self.call.stream.state.method();
        tracing::warn!(method, %why, "call refused");
        let status = match why {
            Refusal::Closed => Status::unavailable("the server is shutting down"),
            Refusal::AtLimit { .. } | Refusal::NoThread(_) => Status::resource_exhausted(why.to_string()),
        };
        self.call.stream.finish(Finish::Trailers(Some(status)));
    }
}

/// Starts a lane's thread.
pub(super) fn spawn_lane(
    server: &Arc<Shared>,
    number: usize,
    turn: Turn,
    listeners: Option<Listeners>,
) -> io::Result<JoinHandle<()>> {
    let shared = Arc::clone(server);
    let lane = Arc::clone(&server.lanes[number]);
    let thread = std::thread::Builder::new().name(format!("stolid-lane-{number}"));
    thread.spawn(move || shared.serve_lane(&lane, turn, listeners))
}
