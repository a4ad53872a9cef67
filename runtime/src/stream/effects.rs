//! What a drive (or a cancellation) leads to, carried out after every lock was released.

use std::sync::{Arc, Weak};

use super::Stream;
use crate::connection::{Accepted, ClientEvents, News};
use crate::context::{Callback, CancelCause};
use crate::wait::{WakeSet, callbacks};

/// Collected under locks, carried out by `fire` under none.
#[derive(Default)]
pub(crate) struct Effects {
    /// Threads to wake.
    pub(crate) wakes: WakeSet,
    /// Calls to cancel because the call that they were made for was cancelled.
    pub(crate) cancels: Vec<(Arc<Stream>, CancelCause)>,
    /// Users' callbacks to run.
    pub(crate) callbacks: Vec<(Callback, CancelCause)>,
    /// Users' callbacks that will not run: their drop is user code too.
    pub(crate) unused: Vec<Callback>,
    /// Calls whose handler can start; the connection takes them out.
    pub(crate) accepted: Vec<Accepted>,
    /// What channels hear from their connections, in this order.
    pub(crate) news: Vec<(Weak<dyn ClientEvents>, News)>,
    /// Streams that were found at a connection which they have left: they have something to do at the new one.
    pub(crate) moved: Vec<Arc<Stream>>,
}

impl Effects {
    pub(crate) fn fire(self) {
        let Self { wakes, cancels, callbacks, unused, accepted, news, moved } = self;
        debug_assert!(accepted.is_empty(), "the connection starts calls itself");
        // Before the callers wake, so that one who tries again finds the channel without the lost connection.
        for (events, news) in news {
            news.tell(&events);
        }
        wakes.fire();
        for stream in moved {
            stream.flush();
        }
        for (stream, cause) in cancels {
            stream.cancel(cause);
        }
        // Each is a job of its own: one that panics takes no other with it.
        for (callback, cause) in callbacks {
            callbacks::run(Box::new(move || callback(cause)));
        }
        for callback in unused {
            callbacks::run(Box::new(move || drop(callback)));
        }
    }
}
