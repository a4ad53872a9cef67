//! How a call ends other than by its handler: cancelled, lost, over.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use h2::Reason;

use super::effects::Effects;
use super::inbox::End;
use super::outbox::{self, Finish, Sending};
use super::{Side, Stream};
use crate::context::CancelCause;
use crate::status::Status;

fn too_slow() -> Status {
    Status::resource_exhausted("the peer does not take messages as fast as they are sent: the call was ended")
}

impl Stream {
    /// Ends the call because the peer does not take what is sent; gives the status that it ends with.
    pub(crate) fn disconnect(self: &Arc<Self>) -> Status {
        let status = too_slow();
        let mut effects = Effects::default();
        if self.state.cancelled(CancelCause::Local, &mut effects) {
            self.too_slow.store(true, Ordering::Release);
            self.inbox().fail_at_once(status.clone(), &mut effects.wakes);
            {
                let mut outbox = self.outbox();
                outbox.close(status.clone(), &mut effects.wakes);
                match self.side {
                    Side::Client => outbox.reset = Some(Reason::CANCEL),
                    Side::Server => outbox.sending = Sending::Finishing(Finish::Trailers(Some(status.clone()))),
                }
            }
            self.flush();
        }
        effects.fire();
        status
    }

    /// A cancelled call says why, whatever it was closed with afterwards.
    pub(super) fn why_closed(&self, status: Status) -> Status {
        if self.too_slow.load(Ordering::Acquire) {
            return too_slow();
        }
        match self.state.cause() {
            Some(cause) if self.side == Side::Server => cause.status(self.side),
            _ => status,
        }
    }

    /// Ends the call from this side. The first cause stands; a call that is over stays as it ended.
    pub(crate) fn cancel(self: &Arc<Self>, cause: CancelCause) {
        let mut effects = Effects::default();
        if self.state.cancelled(cause, &mut effects) {
            let status = self.status_of(cause);
            self.inbox().fail_at_once(status.clone(), &mut effects.wakes);
            {
                let mut outbox = self.outbox();
                let whole = outbox.len() == 0;
                outbox.close(status.clone(), &mut effects.wakes);
                let late = self.side == Side::Server && cause == CancelCause::DeadlineExceeded;
                // A client whose clock says that there is time left would take a reset for a cancellation; and with a
                // deadline of the server's own it has nothing else that would explain one. Where messages are thrown
                // away, one may be cut in the middle: its client does not read, or is late itself.
                if late && (whole || self.own_deadline.load(Ordering::Relaxed)) {
                    outbox.sending = Sending::Finishing(Finish::Trailers(Some(status)));
                } else {
                    outbox.reset = Some(Reason::CANCEL);
                }
            }
            self.flush();
        }
        effects.fire();
    }

    /// Server: the call is cancelled by something that happened to its connection.
    pub(crate) fn cancelled_by(&self, cause: CancelCause, effects: &mut Effects) {
        if self.state.cancelled(cause, effects) {
            let status = cause.status(self.side);
            self.inbox().fail_at_once(status.clone(), &mut effects.wakes);
            self.outbox().close(status, &mut effects.wakes);
        }
        self.over(effects);
    }

    /// Client: the call has its final status. What was received before a failure can still be read.
    pub(crate) fn finished(&self, end: End, cause: Option<CancelCause>, effects: &mut Effects) {
        if let Some(cause) = cause {
            self.state.cancelled(cause, effects);
        }
        let status = match &end {
            End::Failed(status) => status.clone(),
            End::Ok(_) | End::HalfClosed => outbox::ended_well(),
        };
        self.inbox().finish(end, &mut effects.wakes);
        self.outbox().close(status, &mut effects.wakes);
        self.over(effects);
    }

    /// The call is over: contexts stop, the timer goes.
    pub(crate) fn over(&self, effects: &mut Effects) {
        self.state.ended(effects);
        if self.state.deadline().is_some() {
            self.clear_timer();
        }
    }
}
