//! `Context`: what a handler and its helpers may know and do about the call they work for.

use std::cell::RefCell;
use std::fmt;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use crate::method_name::MethodName;
use crate::protocol::mapping::Side;
use crate::status::Status;
use crate::stream::Stream;
use crate::stream::effects::Effects;
use crate::wait::WaiterList;
use crate::wait::callbacks;

/// Why a call was cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum CancelCause {
    /// The peer reset the stream: a client that cancelled or dropped its call, a server that gave up.
    PeerReset,
    /// The call's deadline passed.
    DeadlineExceeded,
    /// The connection was lost.
    ConnectionLost,
    /// The server is shutting down and its time to drain is over.
    Shutdown,
    /// This side cancelled: `cancel()`, a dropped handle, or the call that this one was made for.
    Local,
}

impl CancelCause {
    fn from_u8(value: u8) -> Option<Self> {
        match value {
            1 => Some(Self::PeerReset),
            2 => Some(Self::DeadlineExceeded),
            3 => Some(Self::ConnectionLost),
            4 => Some(Self::Shutdown),
            5 => Some(Self::Local),
            _ => None,
        }
    }

    fn as_u8(self) -> u8 {
        match self {
            Self::PeerReset => 1,
            Self::DeadlineExceeded => 2,
            Self::ConnectionLost => 3,
            Self::Shutdown => 4,
            Self::Local => 5,
        }
    }

    /// The status of a call that ended for this reason, as the given side sees it.
    pub(crate) fn status(self, side: Side) -> Status {
        match self {
            Self::PeerReset => Status::cancelled("the peer cancelled the call"),
            Self::DeadlineExceeded => Status::deadline_exceeded("the call's deadline has passed"),
            Self::ConnectionLost if side == Side::Client => {
                Status::unavailable("the connection to the server was lost")
            }
            Self::ConnectionLost => Status::cancelled("the connection to the client was lost"),
            Self::Shutdown => Status::unavailable("the server is shutting down"),
            Self::Local => Status::cancelled("the call was cancelled on this side"),
        }
    }
}

impl fmt::Display for CancelCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PeerReset => "reset by the peer",
            Self::DeadlineExceeded => "deadline exceeded",
            Self::ConnectionLost => "connection lost",
            Self::Shutdown => "server shutdown",
            Self::Local => "cancelled locally",
        })
    }
}

/// Who is at the two ends of a connection.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ends {
    pub(crate) peer: Option<SocketAddr>,
    pub(crate) local: Option<SocketAddr>,
    /// Set when the server begins to drain.
    pub(crate) draining: Arc<AtomicBool>,
}

/// A user's function for the moment of cancellation.
pub(crate) type Callback = Box<dyn FnOnce(CancelCause) + Send>;

/// The part of a call that a context shares.
///
/// # Threads
/// Everything may be called from any thread. `cause` is stored once, by `cancelled`, and read by everybody.
///
/// # Locks
/// `inner` is a leaf (level 4).
pub(crate) struct CallState {
    side: Side,
    method: MethodName,
    deadline: Option<Instant>,
    ends: Arc<Ends>,
    cause: AtomicU8,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    waiters: WaiterList,
    callbacks: Vec<(u64, Callback)>,
    children: Vec<Weak<Stream>>,
    next_callback: u64,
    ended: bool,
    /// The stream to cancel; `None` for a context without a call.
    stream: Option<Weak<Stream>>,
}

impl CallState {
    pub(crate) fn new(side: Side, method: MethodName, deadline: Option<Instant>, ends: Arc<Ends>) -> Self {
        Self { side, method, deadline, ends, cause: AtomicU8::new(0), inner: Mutex::new(Inner::default()) }
    }

    pub(crate) fn attach(&self, stream: &Arc<Stream>) {
        self.lock().stream = Some(Arc::downgrade(stream));
    }

    pub(crate) fn is_over(&self) -> bool {
        self.lock().ended
    }

    pub(crate) fn stream(&self) -> Option<Arc<Stream>> {
        self.lock().stream.as_ref().and_then(Weak::upgrade)
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    pub(crate) fn method(&self) -> &str {
        self.method.as_str()
    }

    pub(crate) fn cause(&self) -> Option<CancelCause> {
        CancelCause::from_u8(self.cause.load(Ordering::Acquire))
    }

    /// The cause, if the call was cancelled before; whoever cancels it later sees what this thread did until now.
    pub(crate) fn cause_by_now(&self) -> Option<CancelCause> {
        let _inner = self.lock();
        self.cause()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Stores the cause, unless the call was cancelled or over before; tells whether it did. What follows from it
    /// (waiters, callbacks, child calls) is left in `effects`.
    pub(crate) fn cancelled(&self, cause: CancelCause, effects: &mut Effects) -> bool {
        let mut inner = self.lock();
        if inner.ended || self.cause().is_some() {
            return false;
        }
        self.cause.store(cause.as_u8(), Ordering::Release);
        inner.waiters.take(&mut effects.wakes);
        for child in std::mem::take(&mut inner.children).iter().filter_map(Weak::upgrade) {
            effects.cancels.push((child, cause_for_child(cause)));
        }
        effects
            .callbacks
            .extend(std::mem::take(&mut inner.callbacks).into_iter().map(|(_, callback)| (callback, cause)));
        true
    }

    /// The call is over: nothing can be cancelled any more. Callbacks that did not run are left in `effects`, for they
    /// are user code and dropped under no lock.
    pub(crate) fn ended(&self, effects: &mut Effects) {
        let mut inner = self.lock();
        inner.ended = true;
        inner.waiters.take(&mut effects.wakes);
        inner.children.clear();
        effects.unused.extend(std::mem::take(&mut inner.callbacks).into_iter().map(|(_, callback)| callback));
    }

    /// Registers a waiter that wants to know of the cancellation.
    pub(crate) fn watch(&self, waiter: &Arc<crate::wait::Waiter>) -> Option<CancelCause> {
        let mut inner = self.lock();
        let cause = self.cause();
        if cause.is_none() {
            inner.waiters.add(waiter);
        }
        cause
    }

    /// Wakes everybody who waits for the cancellation, for another look.
    pub(crate) fn rouse(&self, wakes: &mut crate::wait::WakeSet) {
        self.lock().waiters.take(wakes);
    }

    pub(crate) fn unwatch(&self, waiter: &Arc<crate::wait::Waiter>) {
        self.lock().waiters.remove(waiter);
    }

    /// Makes a client call a child of this one: it is cancelled together with it.
    pub(crate) fn adopt(&self, child: &Arc<Stream>) {
        let cause = {
            let mut inner = self.lock();
            if inner.ended {
                None
            } else if let Some(cause) = self.cause() {
                Some(cause)
            } else {
                // Only when the list is full, so that a context with many calls does not go through all of them for each.
                if inner.children.len() == inner.children.capacity() {
                    inner.children.retain(|other| other.strong_count() > 0);
                }
                inner.children.push(Arc::downgrade(child));
                None
            }
        };
        if let Some(cause) = cause {
            child.cancel(cause_for_child(cause));
        }
    }
}

fn cause_for_child(cause: CancelCause) -> CancelCause {
    match cause {
        CancelCause::DeadlineExceeded => CancelCause::DeadlineExceeded,
        _ => CancelCause::Local,
    }
}

/// A handle on one call: its deadline, its cancellation, and who is calling.
///
/// Cheap to clone and usable from any thread, also while the handler is blocked. A context outlives its call: then
/// nothing happens to it any more.
///
/// # Examples
/// ```
/// use stolid::{Context, Status};
///
/// fn search(context: &Context, haystack: &[u64], needle: u64) -> Result<bool, Status> {
///     for chunk in haystack.chunks(1024) {
///         context.check()?; // stops when the client has gone or its deadline has passed
///         if chunk.contains(&needle) {
///             return Ok(true);
///         }
///     }
///     Ok(false)
/// }
/// assert!(search(&Context::new(), &[1, 2, 3], 3).unwrap());
/// ```
#[derive(Clone)]
pub struct Context {
    pub(crate) state: Arc<CallState>,
}

impl Context {
    pub(crate) fn of(state: Arc<CallState>) -> Self {
        Self { state }
    }

    /// A context that belongs to no call: it has no deadline and is cancelled by [`cancel`](Self::cancel) alone. For calls
    /// that another thread shall be able to cancel ([`Request::with_parent`](crate::Request::with_parent)), and for
    /// tests of handlers.
    #[must_use]
    pub fn new() -> Self {
        Self::of(Arc::new(CallState::new(Side::Client, MethodName::Static(""), None, Arc::new(Ends::default()))))
    }

    /// The context of the handler that runs on this thread, if there is one.
    ///
    /// Client calls made on this thread inherit its deadline and its cancellation; threads that a handler starts do not.
    #[must_use]
    pub fn current() -> Option<Self> {
        // Not there any more while the thread's own values are dropped.
        CURRENT.try_with(|current| current.borrow().clone()).ok().flatten()
    }

    /// The instant by which the call must be over.
    ///
    /// On a server it counts from the arrival of the call's headers. A client cannot give a call more than 292 years: a
    /// longer `grpc-timeout` is cut to that.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.state.deadline
    }

    /// What is left until the deadline; zero when it has passed, `None` without one.
    #[must_use]
    pub fn time_remaining(&self) -> Option<Duration> {
        self.state.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()))
    }

    /// Whether the call was cancelled, for whatever reason.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.cancelled().is_some()
    }

    /// Why the call was cancelled; `None` while it runs and when it ended by itself.
    #[must_use]
    pub fn cancelled(&self) -> Option<CancelCause> {
        self.expire();
        self.state.cause()
    }

    /// Fails when the call was cancelled, so that a long loop can say `context.check()?`.
    ///
    /// # Errors
    /// CANCELLED, DEADLINE_EXCEEDED or UNAVAILABLE, by the cause.
    pub fn check(&self) -> Result<(), Status> {
        self.cancelled().map_or(Ok(()), |cause| Err(cause.status(self.state.side)))
    }

    /// Blocks until the call is cancelled or over, at most for `timeout` (`None`: as long as it takes).
    ///
    /// Returns the cause, or `None` when the time ran out or the call ended by itself.
    pub fn wait_cancelled(&self, timeout: Option<Duration>) -> Option<CancelCause> {
        let limit = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let deadline = [limit, self.state.deadline].into_iter().flatten().min();
        let stream = self.state.stream();
        let check = |waiter: &Arc<crate::wait::Waiter>| {
            let mut inner = self.state.lock();
            if let Some(cause) = self.state.cause() {
                return Some(Some(cause));
            }
            if inner.ended {
                return Some(None);
            }
            inner.waiters.add(waiter);
            None
        };
        let waited =
            crate::stream::wait::until(stream.as_deref(), deadline, check, |waiter| self.state.unwatch(waiter));
        waited.unwrap_or_else(|crate::stream::wait::TimedOut| self.cancelled())
    }

    /// Pauses this thread for `time`, or until the call is cancelled.
    ///
    /// A call that is over by itself needs no pause any more: then this returns at once.
    ///
    /// # Errors
    /// As [`check`](Self::check), as soon as the call is cancelled.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    /// use stolid::{Context, Sender, Status};
    ///
    /// fn count_slowly(context: &Context, replies: &Sender<u32>) -> Result<(), Status> {
    ///     for number in 1..=5 {
    ///         replies.send(number)?;
    ///         context.sleep(Duration::from_millis(500))?; // nobody counts on when the client has gone
    ///     }
    ///     Ok(())
    /// }
    /// ```
    pub fn sleep(&self, time: Duration) -> Result<(), Status> {
        self.wait_cancelled(Some(time)).map_or(Ok(()), |cause| Err(cause.status(self.state.side)))
    }

    /// Runs `callback` when the call is cancelled: at once if it already is, never if the call ends by itself or the
    /// returned guard is dropped first.
    ///
    /// Callbacks run one after another on one thread of the library (`stolid-callbacks`), never under a lock of ours: they
    /// may block, but then they hold up other callbacks.
    pub fn on_cancel(&self, callback: impl FnOnce(CancelCause) + Send + 'static) -> CancelGuard {
        let mut inner = self.state.lock();
        let id = inner.next_callback;
        inner.next_callback += 1;
        if let Some(cause) = self.state.cause() {
            // Also when the call is over by now: it was cancelled before that, or it would have no cause.
            drop(inner);
            callbacks::run(Box::new(move || callback(cause)));
        } else if inner.ended {
            drop(inner);
            drop(callback);
        } else {
            inner.callbacks.push((id, Box::new(callback)));
        }
        CancelGuard { state: Arc::downgrade(&self.state), id }
    }

    /// Cancels the call: the peer is told, everything that blocks on the call wakes with CANCELLED, and so do the calls
    /// that were made on its behalf.
    pub fn cancel(&self) {
        let stream = self.state.lock().stream.clone();
        match stream {
            Some(stream) => {
                if let Some(stream) = stream.upgrade() {
                    stream.cancel(CancelCause::Local);
                }
            }
            None => {
                let mut effects = Effects::default();
                self.state.cancelled(CancelCause::Local, &mut effects);
                effects.fire();
            }
        }
    }

    /// Whether the server has begun to shut down: finish soon.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.state.ends.draining.load(Ordering::Relaxed)
    }

    /// The method's path: `/package.Service/Method`. Empty for a context that belongs to no call.
    #[must_use]
    pub fn method(&self) -> &str {
        self.state.method()
    }

    /// The address of the peer, where the transport has one.
    #[must_use]
    pub fn peer_addr(&self) -> Option<SocketAddr> {
        self.state.ends.peer
    }

    /// Our own address on this connection, where the transport has one.
    #[must_use]
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.state.ends.local
    }

    /// A deadline holds even if nobody was there to enforce it yet.
    fn expire(&self) {
        if self.state.cause().is_none()
            && self.state.deadline.is_some_and(|deadline| deadline <= Instant::now())
            && let Some(stream) = self.state.stream()
        {
            stream.cancel(CancelCause::DeadlineExceeded);
        }
    }

    /// Makes this the current context of the thread until the guard is dropped, panics included.
    pub(crate) fn enter(self) -> Entered {
        Entered { before: CURRENT.replace(Some(self)) }
    }
}

impl Default for Context {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("method", &self.state.method())
            .field("deadline", &self.state.deadline)
            .field("cancelled", &self.state.cause())
            .finish_non_exhaustive()
    }
}

thread_local! {
    static CURRENT: RefCell<Option<Context>> = const { RefCell::new(None) };
}

/// Restores the context that was current before.
pub(crate) struct Entered {
    before: Option<Context>,
}

impl Drop for Entered {
    fn drop(&mut self) {
        let ours = CURRENT.replace(self.before.take());
        drop(ours);
    }
}

/// Keeps a callback of [`Context::on_cancel`] registered; dropping it takes the callback out.
#[must_use = "dropping the guard removes the callback; call `forget` to keep it until the call's end"]
pub struct CancelGuard {
    state: Weak<CallState>,
    id: u64,
}

impl CancelGuard {
    /// Leaves the callback registered until the call's end.
    pub fn forget(mut self) {
        self.state = Weak::new();
    }
}

impl Drop for CancelGuard {
    fn drop(&mut self) {
        let Some(state) = self.state.upgrade() else { return };
        let removed = {
            let mut inner = state.lock();
            let at = inner.callbacks.iter().position(|(id, _)| *id == self.id);
            at.map(|at| inner.callbacks.swap_remove(at))
        };
        // User code, so it is dropped under no lock.
        drop(removed);
    }
}

impl fmt::Debug for CancelGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CancelGuard").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;
    use crate::code::Code;

    #[test]
    fn a_pause_lasts_as_long_as_it_should() {
        let (before, time) = (Instant::now(), Duration::from_millis(20));
        assert!(Context::new().sleep(time).is_ok());
        assert!(before.elapsed() >= time);
    }

    #[test]
    fn a_callback_that_comes_after_the_cancellation_runs_whether_or_not_the_call_is_over() {
        for over in [false, true] {
            let state = CallState::new(Side::Server, MethodName::Shared("/a/b".into()), None, Arc::default());
            let state = Arc::new(state);
            let mut effects = Effects::default();
            assert!(state.cancelled(CancelCause::PeerReset, &mut effects));
            if over {
                state.ended(&mut effects);
            }
            let (tell, told) = std::sync::mpsc::channel();
            let context = Context::of(Arc::clone(&state));
            context.on_cancel(move |cause| tell.send(cause).unwrap()).forget();
            let cause = told.recv_timeout(Duration::from_secs(30));
            assert_eq!(cause, Ok(CancelCause::PeerReset), "over: {over}");
        }
    }

    #[test]
    fn a_callback_of_a_call_that_ended_by_itself_is_let_go() {
        let state = CallState::new(Side::Server, MethodName::Shared("/a/b".into()), None, Arc::default());
        let state = Arc::new(state);
        state.ended(&mut Effects::default());
        let (tell, told) = std::sync::mpsc::channel();
        Context::of(state).on_cancel(move |cause| tell.send(cause).unwrap()).forget();
        assert_eq!(told.recv(), Err(std::sync::mpsc::RecvError), "it was dropped");
    }

    #[test]
    fn a_pause_ends_with_the_call() {
        let context = Context::new();
        let cancelling = context.clone();
        let canceller = thread::spawn(move || cancelling.cancel());
        // Without an end of its own before the test's patience.
        assert_eq!(context.sleep(Duration::from_secs(3600)).unwrap_err().code(), Code::Cancelled);
        assert_eq!(context.sleep(Duration::ZERO).unwrap_err().code(), Code::Cancelled);
        canceller.join().unwrap();
    }
}
