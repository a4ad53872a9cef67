//! How a wait ends: the words of the tables in `endings_of_client_waits.rs` and
//! `endings_of_server_waits.rs`.

use std::sync::mpsc::{self, Receiver, Sender};
use std::time::{Duration, Instant};

use stolid::{CancelCause, Code, Context};

use crate::process::{ThreadProbe, eventually};

/// How long after its end a wait may take to wake.
pub const WAKES_WITHIN: Duration = Duration::from_secs(1);

/// The timeout of calls that end by their deadline.
pub const TIMEOUT: Duration = Duration::from_millis(400);

/// What a thread waits in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// `Sender::send` with windows and quota used up.
    Send,
    /// `Streaming::message` with nothing to read.
    Message,
    /// A unary call without an answer.
    Unary,
    /// `Context::wait_cancelled`.
    Cancelled,
}

/// What ends the wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The call's deadline passes.
    Deadline,
    /// Another thread of this side cancels the call.
    Cancel,
    /// The peer resets the stream.
    Reset,
    /// The peer's process is killed.
    Kill,
    /// The server shuts down and gives its calls no time.
    Shutdown,
}

/// A thread that is about to wait: it tells who it is and reports when it wakes.
#[derive(Debug)]
pub struct Waiting {
    tell: Sender<Told>,
}

#[derive(Debug)]
enum Told {
    Began(ThreadProbe, Context),
    Woke(Woken),
}

/// What a thread knew when it woke.
#[derive(Debug)]
pub struct Woken {
    code: Code,
    cause: Option<CancelCause>,
    at: Instant,
}

/// The test's side of [`Waiting`].
#[derive(Debug)]
pub struct Watching {
    told: Receiver<Told>,
}

/// One thread's wait and its observer.
#[must_use]
pub fn wait() -> (Waiting, Watching) {
    let (tell, told) = mpsc::channel();
    (Waiting { tell }, Watching { told })
}

impl Waiting {
    /// Says that the calling thread waits in `context`'s call from here on.
    ///
    /// # Panics
    /// When the test is over.
    pub fn begin(&self, context: &Context) {
        let began = Told::Began(ThreadProbe::current(), context.clone());
        self.tell.send(began).expect("the test watches");
    }

    /// Says that the wait ended with `code`.
    ///
    /// # Panics
    /// When the test is over.
    pub fn woke(&self, code: Code, context: &Context) {
        let woken = Woken { code, cause: context.cancelled(), at: Instant::now() };
        self.tell.send(Told::Woke(woken)).expect("the test watches");
    }
}

impl Watching {
    /// Waits until the thread sleeps in its wait; gives the context of its call.
    ///
    /// # Panics
    /// When it does not come so far.
    #[track_caller]
    #[must_use]
    pub fn until_asleep(&self) -> Context {
        match self.told.recv().expect("the thread says who it is") {
            Told::Began(probe, context) => {
                eventually("the thread waits", || probe.is_asleep());
                context
            }
            Told::Woke(woken) => panic!("the wait ended before it began: {woken:?}"),
        }
    }

    /// Checks how the wait ends that should end at `due`.
    ///
    /// # Panics
    /// When code or cause are others, or the thread wakes late or early.
    #[track_caller]
    pub fn assert_woken(&self, cell: &str, due: Instant, code: Code, cause: Option<CancelCause>) {
        let woken = match self.told.recv_timeout(due + 5 * WAKES_WITHIN - Instant::now()) {
            Ok(Told::Woke(woken)) => woken,
            other => panic!("{cell}: still waiting long after its end ({other:?})"),
        };
        assert_eq!((woken.code, woken.cause), (code, cause), "{cell}");
        let late = woken.at.saturating_duration_since(due);
        assert!(late < WAKES_WITHIN, "{cell}: woke {late:?} after its end");
        let early = due.saturating_duration_since(woken.at);
        assert!(early < TIMEOUT / 2, "{cell}: woke {early:?} before its end");
    }
}
