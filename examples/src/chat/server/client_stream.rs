//! One Chat stream as the turns on it see it: something to answer to, until it ends.

use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use stolid::{CancelCause, Context, DetachedSender, SendTimeoutError, Sender, Status};

use super::stop::StopReason;
use crate::chat::proto::ChatResponse;

/// A client that takes nothing for this long is given up.
const STALL_TIMEOUT: Duration = Duration::from_secs(30);

/// The sending side of a Chat stream.
///
/// # Threads
/// Shared by the stream's handler, the turns that answer on it, and the server that drains.
///
/// # Locks
/// `turns` and `end` are leaves; nothing is sent under them.
pub struct ClientStream {
    id: u64,
    replies: Sender<ChatResponse>,
    context: Context,
    turns: Mutex<Turns>,
    idle: Condvar,
    end: Mutex<Option<DetachedSender<ChatResponse>>>,
}

#[derive(Debug, Default)]
struct Turns {
    running: usize,
    retiring: bool,
}

impl ClientStream {
    /// Takes over the sending side of the call with this context.
    pub fn new(id: u64, replies: Sender<ChatResponse>, context: Context) -> Self {
        Self {
            id,
            context,
            turns: Mutex::default(),
            idle: Condvar::new(),
            replies: replies.clone(),
            end: Mutex::new(Some(replies.detach())),
        }
    }

    /// A number that tells streams apart.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// The call.
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// Where answers go.
    pub fn replies(&self) -> &Sender<ChatResponse> {
        &self.replies
    }

    /// Sends a response, however long the client takes to read what is before it.
    ///
    /// # Errors
    /// Why nothing can be sent any more.
    pub fn send(&self, response: ChatResponse) -> Result<(), StopReason> {
        match self.replies.send_timeout(response, STALL_TIMEOUT) {
            Ok(()) => Ok(()),
            Err(SendTimeoutError::Closed(_, _)) => {
                let cause = self.context.cancelled();
                Err(cause.unwrap_or(CancelCause::ConnectionLost).into())
            }
            Err(SendTimeoutError::Timeout(_)) => {
                self.context.cancel();
                Err(StopReason::StreamAbandoned)
            }
        }
    }

    /// A turn begins on this stream; it lasts as long as the guard. `None` when the stream takes no more turns.
    pub fn begin_turn(self: &Arc<Self>) -> Option<RunningTurn> {
        let mut turns = self.lock();
        if turns.retiring {
            return None;
        }
        turns.running += 1;
        Some(RunningTurn { stream: Arc::clone(self) })
    }

    /// The server drains: the stream takes no more turns and ends with the last one it has.
    pub fn retire(&self) {
        let mut turns = self.lock();
        turns.retiring = true;
        let over = turns.running == 0;
        drop(turns);
        if over {
            self.end(Err(shutting_down()));
        }
    }

    /// Blocks until no turn runs on this stream.
    pub fn wait_idle(&self) {
        let waited = self.idle.wait_while(self.lock(), |turns| turns.running > 0);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }

    /// Ends the call; only the first end counts.
    pub fn end(&self, result: Result<(), Status>) {
        let end = self.end.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(end) = end {
            end.finish(result);
        }
    }

    /// Number of turns that run or wait.
    pub fn running_turns(&self) -> usize {
        self.lock().running
    }

    fn lock(&self) -> MutexGuard<'_, Turns> {
        self.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for ClientStream {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ClientStream").field("id", &self.id).finish_non_exhaustive()
    }
}

/// What a call gets that comes, or is still open, when the server stops.
pub fn shutting_down() -> Status {
    Status::unavailable("the server is shutting down")
}

/// A turn that runs or waits to run; dropped when it is over.
#[derive(Debug)]
pub struct RunningTurn {
    stream: Arc<ClientStream>,
}

impl RunningTurn {
    /// The stream the turn answers on.
    pub fn stream(&self) -> &ClientStream {
        &self.stream
    }
}

impl Drop for RunningTurn {
    fn drop(&mut self) {
        let mut turns = self.stream.lock();
        turns.running -= 1;
        let over = turns.running == 0;
        let retiring = turns.retiring;
        drop(turns);
        if over {
            self.stream.idle.notify_all();
        }
        if over && retiring {
            self.stream.end(Err(shutting_down()));
        }
    }
}
