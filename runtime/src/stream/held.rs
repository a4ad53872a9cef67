//! The end of a call that waits for the drive which its thread is going to do anyway.

use std::cell::Cell;
use std::ptr;
use std::sync::Arc;

use super::Stream;

thread_local! {
    /// The stream whose end this thread leaves to a later drive; only ever compared.
    static HELD: Cell<*const Stream> = const { Cell::new(ptr::null()) };
}

/// Ends with the work, panics included.
struct Held;

impl Drop for Held {
    fn drop(&mut self) {
        HELD.set(ptr::null());
    }
}

impl Stream {
    /// Runs `work`; the call's end, when this thread queues it meanwhile, waits for a drive that the caller sees to.
    pub(crate) fn without_flushing<R>(self: &Arc<Self>, work: impl FnOnce() -> R) -> R {
        HELD.set(Arc::as_ptr(self));
        let _held = Held;
        work()
    }

    /// As `flush`, for what ends the call.
    pub(super) fn flush_end(self: &Arc<Self>) {
        if HELD.get() == Arc::as_ptr(self) {
            self.touch();
        } else {
            self.flush();
        }
    }
}
