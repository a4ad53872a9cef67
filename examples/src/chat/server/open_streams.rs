//! The Chat streams that are open, so that a draining server can end them.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use stolid::{Context, Sender};

use super::client_stream::ClientStream;
use crate::chat::proto::ChatResponse;

/// Every open Chat stream.
///
/// # Locks
/// `state` comes before the locks of a stream.
#[derive(Debug, Default)]
pub struct OpenStreams {
    opened: AtomicU64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    draining: bool,
    open: HashMap<u64, Arc<ClientStream>>,
}

impl OpenStreams {
    /// A stream opens. On a draining server it is retired from the start.
    pub fn open(&self, replies: Sender<ChatResponse>, context: Context) -> Arc<ClientStream> {
        // Only the number's uniqueness matters; the first is 1.
        let id = self.opened.fetch_add(1, Ordering::Relaxed) + 1;
        let stream = Arc::new(ClientStream::new(id, replies, context));
        let mut state = self.lock();
        state.open.insert(id, Arc::clone(&stream));
        let draining = state.draining;
        drop(state);
        if draining {
            stream.retire();
        }
        stream
    }

    /// A stream is over.
    pub fn close(&self, stream: &ClientStream) {
        self.lock().open.remove(&stream.id());
    }

    /// No stream takes another turn; each ends with the last turn it has. Returns the number of those turns.
    pub fn drain(&self) -> usize {
        let mut state = self.lock();
        state.draining = true;
        let open: Vec<Arc<ClientStream>> = state.open.values().cloned().collect();
        drop(state);
        let running = open.iter().map(|stream| stream.running_turns()).sum();
        open.iter().for_each(|stream| stream.retire());
        running
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
