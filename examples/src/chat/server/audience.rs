//! The streams that hear of one session.

use std::sync::{Mutex, MutexGuard, PoisonError};

use stolid::Sender;

use crate::chat::proto::ChatResponse;

/// Streams one session speaks to at most; further ones get their own answers but no news.
const MAX_STREAMS: usize = 256;

/// Hands news to every stream on a session.
///
/// News is what a client may miss: when the queue of a stream is full it is left out, so that one client who
/// does not read holds up nobody.
///
/// # Locks
/// `streams` is a leaf; messages are sent after it is released.
#[derive(Debug, Default)]
pub struct Audience {
    streams: Mutex<Vec<Listener>>,
}

#[derive(Debug)]
struct Listener {
    stream: u64,
    replies: Sender<ChatResponse>,
}

impl Audience {
    /// A stream joins; joining twice changes nothing. False when the audience is full.
    pub fn join(&self, stream: u64, replies: &Sender<ChatResponse>) -> bool {
        let mut streams = self.lock();
        if streams.iter().any(|listener| listener.stream == stream) {
            return true;
        }
        if streams.len() >= MAX_STREAMS {
            return false;
        }
        streams.push(Listener { stream, replies: replies.clone() });
        true
    }

    /// A stream leaves.
    pub fn leave(&self, stream: u64) {
        let mut streams = self.lock();
        let left = streams.iter().position(|listener| listener.stream == stream);
        let left = left.map(|at| streams.swap_remove(at));
        drop(streams);
        drop(left);
    }

    /// How many streams there are.
    pub fn len(&self) -> usize {
        self.lock().len()
    }

    /// Whether nobody listens.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Offers `news` to every stream.
    pub fn tell_all(&self, news: &ChatResponse) {
        self.tell(|_| true, news);
    }

    /// Offers `news` to every stream but `except`.
    pub fn tell_others(&self, except: u64, news: &ChatResponse) {
        self.tell(|stream| stream != except, news);
    }

    fn tell(&self, whom: impl Fn(u64) -> bool, news: &ChatResponse) {
        let told: Vec<Sender<ChatResponse>> = self
            .lock()
            .iter()
            .filter(|listener| whom(listener.stream))
            .map(|listener| listener.replies.clone())
            .collect();
        for replies in told {
            // A full or a closed stream misses the news, see above.
            let _ = replies.try_send(news.clone());
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Listener>> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
