//! The running server: what its lanes, connections and workers share.

use std::any::Any;
use std::cell::Cell;
use std::net::SocketAddr;
use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::inline::crew::{Crew, Member};
use super::inline::lead;
use super::inline::watch::Watch;
use super::service::Table;
use super::workers::{Job, Refusal, Workers};
use crate::compression::Coding;
use crate::connection::settings::Bounds;
use crate::connection::{Accepted, Calls, Connection, Method};
use crate::status::Status;
use crate::stream::Stream;
use crate::stream::outbox::Finish;

/// How long a start waits for the threads that it has started.
const SETTLED_WITHIN: Duration = Duration::from_secs(1);

/// A unary call that takes longer is logged.
const SLOW_CALL: Duration = Duration::from_secs(1);

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
    /// Threads of the lanes, also those from whom the role was taken.
    pub(super) members: Vec<Member>,
    /// How many of them lead or wait for that.
    pub(super) present: usize,
    pub(super) watch: Option<JoinHandle<()>>,
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
    pub(super) crews: Vec<Arc<Crew>>,
    pub(super) watch: Watch,
    pub(super) stack_size: usize,
    worker_limit: usize,
    processors: usize,
    pub(super) addresses: Vec<SocketAddr>,
    pub(super) draining: Arc<AtomicBool>,
    /// The lanes' threads end.
    pub(super) stop: AtomicBool,
    /// The listeners close.
    pub(super) closed: AtomicBool,
    state: Mutex<State>,
    changed: Condvar,
    /// Handlers that run. Changed for every call, and therefore not under the mutex, as `taken`.
    running: AtomicUsize,
    /// Calls whose handler runs, or whose thread was asked for.
    taken: AtomicUsize,
    /// Somebody waits for handlers to end: set before that one looks at `taken`, read after it was changed, so that one of
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
        crews: Vec<Arc<Crew>>,
        addresses: Vec<SocketAddr>,
        stack_size: usize,
        worker_limit: usize,
    ) -> Arc<Self> {
        Arc::new_cyclic(|myself| Self {
            methods,
            workers,
            limits,
            crews,
            watch: Watch::default(),
            stack_size,
            worker_limit,
            processors: thread::available_parallelism().map_or(1, NonZero::get),
            addresses,
            draining: Arc::default(),
            stop: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            state: Mutex::default(),
            changed: Condvar::new(),
            running: AtomicUsize::new(0),
            taken: AtomicUsize::new(0),
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

    /// Whether there is a processor for one more thread than there are handlers that do not wait for their peers.
    pub(super) fn has_free_processor(&self) -> bool {
        let waiting: usize = self.crews.iter().map(|crew| crew.lane.lookout.waiting()).sum();
        self.running().saturating_sub(waiting) < self.processors
    }

    /// Handlers that run now or as soon as they have a thread: what a shutdown waits for.
    pub(super) fn taken(&self) -> usize {
        self.taken.load(Ordering::SeqCst)
    }

    /// From here on the end of every handler is told to those who `wait`.
    pub(super) fn watch_handlers(&self) {
        self.stopping.store(true, Ordering::SeqCst);
    }

    pub(super) fn notify(&self) {
        self.changed.notify_all();
    }

    /// Something has changed that is not under the mutex: a waiter is between its look and its sleep, or asleep.
    pub(super) fn tell(&self) {
        drop(self.state());
        self.notify();
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

    /// Waits until the server's own threads run: from then on the first quick call needs no worker, and the number of
    /// threads is that of a server at rest. Where one does not come the server does without it.
    pub(super) fn wait_until_settled(&self) {
        let patience = Instant::now() + SETTLED_WITHIN;
        self.workers.wait_begun(patience);
        self.wait(Some(patience), |_| self.watch.runs() && self.crews.iter().all(|crew| crew.is_complete()));
    }

    /// Counts one more handler; false when there are as many as there may be. The workers count their threads, but one that runs a
    /// handler on the thread that reads is none of theirs until the role is taken from it.
    fn take_place(&self) -> bool {
        let free = |taken| (taken < self.worker_limit).then_some(taken + 1);
        self.taken.fetch_update(Ordering::SeqCst, Ordering::SeqCst, free).is_ok()
    }

    /// Gives a call a thread of its own.
    pub(super) fn submit(&self, call: Accepted) {
        let Some(server) = self.myself.upgrade() else { return };
        // Counted from here on: a shutdown that begins while the thread starts waits for it as for any other.
        if self.take_place() {
            self.workers.submit(Box::new(Call { server, call }));
        } else {
            self.refuse(&call, &Refusal::AtLimit { limit: self.worker_limit });
        }
    }

    fn refuse(&self, call: &Accepted, why: &Refusal) {
        self.calls_refused.fetch_add(1, Ordering::Relaxed);
        let method = call.stream.state.method();
        tracing::warn!(method, %why, "call refused");
        let status = match why {
            Refusal::Closed => Status::unavailable("the server is shutting down"),
            Refusal::AtLimit { .. } | Refusal::NoThread(_) => Status::resource_exhausted(why.to_string()),
        };
        call.stream.finish(Finish::Trailers(Some(status)));
    }

    /// A thread of a lane neither leads nor waits for that any more.
    pub(super) fn member_left(&self) {
        self.state().present -= 1;
        self.notify();
    }

    /// A thread from which the role was taken has done its job. False when it is not needed any more.
    pub(super) fn member_returns(&self, away: &AtomicBool) -> bool {
        self.workers.release();
        let mut state = self.state();
        if self.stop.load(Ordering::SeqCst) {
            return false;
        }
        state.present += 1;
        away.store(false, Ordering::SeqCst);
        true
    }
}

impl Calls for Shared {
    fn method(&self, path: &str) -> Option<Arc<dyn Method>> {
        self.methods.find(path)
    }

    fn start(&self, call: Accepted) {
        if let Some(call) = lead::keep(call) {
            self.submit(call);
        }
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

/// One that is counted, until it is dropped.
pub(super) struct Running<'a> {
    server: &'a Shared,
    begun: bool,
}

impl<'a> Running<'a> {
    /// `None` when as many handlers run as may.
    pub(super) fn new(server: &'a Shared) -> Option<Self> {
        server.take_place().then(|| Self::counted(server))
    }

    /// For a call that was counted when it was submitted.
    fn counted(server: &'a Shared) -> Self {
        Self { server, begun: false }
    }

    /// The handler runs on this thread from here on.
    fn begin(&mut self) {
        self.begun = true;
        self.server.calls_started.fetch_add(1, Ordering::Relaxed);
        self.server.running.fetch_add(1, Ordering::SeqCst);
        SERVING.set(self.server);
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        if self.begun {
            SERVING.set(std::ptr::null());
            self.server.running.fetch_sub(1, Ordering::SeqCst);
        }
        self.server.taken.fetch_sub(1, Ordering::SeqCst);
        if self.server.stopping.load(Ordering::SeqCst) {
            // Under the mutex, or the waiter could be between its look and its sleep.
            let _state = self.server.state();
            self.server.notify();
        }
    }
}

impl Job for Call {
    fn run(self: Box<Self>) {
        let Self { server, call } = *self;
        let began = Instant::now();
        execute(Running::counted(&server), &call);
        let time = began.elapsed();
        if let Some(pace) = call.method.pace() {
            pace.took(time);
        }
        if call.method.is_unary() {
            note_slow(&*call.method, time);
        }
    }

    fn refuse(self: Box<Self>, why: Refusal) {
        self.server.refuse(&self.call, &why);
        drop(Running::counted(&self.server));
    }
}

/// Runs the handler of a call on this thread.
pub(super) fn execute(mut running: Running<'_>, call: &Accepted) {
    running.begin();
    let Accepted { stream, method, .. } = call;
    let metadata = stream.inbox().head().unwrap_or_default();
    // A handler's own panic is caught nearer; this one comes from a message that does not decode or encode itself.
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| method.run(stream, metadata))) {
        message_panicked(stream, panic);
    }
}

#[cold]
#[inline(never)]
fn message_panicked(stream: &Arc<Stream>, panic: Box<dyn Any + Send>) {
    tracing::error!(method = stream.state.method(), "a message panicked");
    let _ = catch_unwind(AssertUnwindSafe(|| drop(panic)));
    stream.finish(Finish::Trailers(Some(Status::internal("the server panicked over a message"))));
}

/// Says in the log that a unary call has taken long.
pub(super) fn note_slow(method: &dyn Method, time: Duration) {
    if time >= SLOW_CALL {
        let method = method.path().map_or("unknown", |path| path);
        tracing::info!(method, took_ms = time.as_millis() as u64, "slow call");
    }
}
