//! What a stream's news mean for its call, on either side.

use std::io;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use h2::Reason;

use super::inbound::Received;
use super::outbound::{self, Sent};
use super::table::{RecvHandle, SendHandle, Slot};
use super::{Connection, News, Opening, settings};
use crate::code::Code;
use crate::context::CancelCause;
use crate::protocol::mapping;
use crate::status::Status;
use crate::stream::effects::Effects;
use crate::stream::inbox::End;
use crate::stream::outbox::Finish;
use crate::stream::{Side, Stream};

/// The connection is lost for this call.
pub(super) fn lose(stream: &Arc<Stream>, why: &str, effects: &mut Effects) {
    match stream.side {
        Side::Server => stream.cancelled_by(CancelCause::ConnectionLost, effects),
        Side::Client => {
            let status = lost(stream.connection(), why);
            stream.finished(End::Failed(status), Some(CancelCause::ConnectionLost), effects);
        }
    }
}

/// Why a connection ended, as far as the peer has told: what it said when it said goodbye comes first.
pub(super) fn cause(connection: &Connection, error: &h2::Error) -> String {
    // h2's words for an end of file among them.
    let hung_up = error.get_io().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe);
    let end = if hung_up { "the peer closed the connection".to_owned() } else { error.to_string() };
    match connection.socket.goaway() {
        None => end,
        Some(goaway) if error.is_go_away() && error.is_remote() => goaway.to_string(),
        Some(goaway) => format!("{goaway}, then: {end}"),
    }
}

fn lost(connection: &Connection, why: &str) -> Status {
    let peer = connection.ends.peer.map_or_else(|| "at an unknown address".to_owned(), |peer| peer.to_string());
    mapping::lost(Side::Client, peer, Some(why.into()))
}

/// Server: acts on what was received. True when the slot is done.
pub(super) fn server_received(slot: &mut Slot, received: Received, effects: &mut Effects) -> bool {
    match received {
        Received::Open if slot.waits_for_one_request() && slot.stream.inbox().has_begun_a_second_message() => {
            // The client may not come to its end: what it sends waits for a window that only a reader opens.
            slot.waiting = None;
            let finish = Finish::Trailers(Some(mapping::second_message(Side::Server)));
            slot.stream.outbox().finish(finish, &mut effects.wakes);
            return false;
        }
        Received::Open | Received::Outcome(_) | Received::HalfClosed => {}
        Received::Broken(broken) => {
            let status = mapping::broken_envelope(broken);
            if slot.waits_for_one_request() {
                slot.waiting = None;
                let finish = Finish::Trailers(Some(status));
                slot.stream.outbox().finish(finish, &mut effects.wakes);
                return false;
            }
            slot.stream.inbox().finish(End::Failed(status), &mut effects.wakes);
        }
        Received::Failed(error) => {
            let lost = error.is_io() || error.is_go_away();
            let cause = if lost { CancelCause::ConnectionLost } else { CancelCause::PeerReset };
            tracing::debug!(method = slot.stream.state.method(), %error, "call cancelled");
            slot.stream.cancelled_by(cause, effects);
            return true;
        }
    }
    let complete = matches!(slot.recv, RecvHandle::Ended(_) | RecvHandle::Done);
    if (complete || slot.starts_at_once)
        && let Some(mut accepted) = slot.waiting.take()
    {
        accepted.small = complete && slot.small;
        effects.accepted.push(accepted);
    }
    false
}

/// Server: a finished response ends the call; while it runs, the peer may reset it.
pub(super) fn server_sent(slot: &mut Slot, sent: Sent, waker: &Waker, effects: &mut Effects) -> bool {
    match sent {
        Sent::Open => {}
        Sent::Finished => {
            if !slot.stream.reader_gone() {
                let late = Status::cancelled("the call has ended");
                slot.stream.inbox().fail_at_once(late, &mut effects.wakes);
            }
            slot.stream.over(effects);
            return true;
        }
        Sent::Reset => {
            let cause = why_reset(slot, waker).unwrap_or(CancelCause::PeerReset);
            slot.stream.cancelled_by(cause, effects);
            return true;
        }
    }
    // The receiving side tells of a reset as long as it is open; after that only this does.
    if !matches!(slot.recv, RecvHandle::Ended(_) | RecvHandle::Done) {
        return false;
    }
    let Some(cause) = why_reset(slot, waker) else { return false };
    tracing::debug!(method = slot.stream.state.method(), %cause, "call cancelled");
    slot.stream.cancelled_by(cause, effects);
    true
}

/// Server: why the stream was reset; `None` when it was not.
fn why_reset(slot: &mut Slot, waker: &Waker) -> Option<CancelCause> {
    let mut context = Context::from_waker(waker);
    let reset = match &mut slot.send {
        SendHandle::Respond(handle) => handle.poll_reset(&mut context),
        SendHandle::Stream(handle) | SendHandle::Ended(handle) => handle.poll_reset(&mut context),
        SendHandle::Done => return Some(CancelCause::PeerReset),
    };
    match reset {
        Poll::Ready(Ok(_)) => Some(CancelCause::PeerReset),
        Poll::Ready(Err(_)) => Some(CancelCause::ConnectionLost),
        Poll::Pending => None,
    }
}

fn is_late(stream: &Stream) -> bool {
    stream.state.deadline().is_some_and(|deadline| deadline <= Instant::now())
}

/// Client: the status of a call whose stream ended without trailers.
fn failure(error: &h2::Error, stream: &Stream) -> (Status, CancelCause) {
    let reset = error.is_reset().then(|| error.reason()).flatten();
    match reset {
        Some(Reason::CANCEL) if is_late(stream) => {
            (CancelCause::DeadlineExceeded.status(Side::Client), CancelCause::DeadlineExceeded)
        }
        Some(reason) if error.is_library() => (mapping::violation(reason), CancelCause::PeerReset),
        Some(reason) => (mapping::reset(reason, Side::Client), CancelCause::PeerReset),
        None => {
            let connection = stream.connection();
            (lost(connection, &cause(connection, error)), CancelCause::ConnectionLost)
        }
    }
}

/// Client: acts on what was received. True when the slot is done.
pub(super) fn client_received(slot: &mut Slot, received: Received, effects: &mut Effects) -> bool {
    let stream = Arc::clone(&slot.stream);
    match received {
        Received::Open | Received::HalfClosed => {}
        Received::Outcome(end) => {
            match end {
                // A server cancels a call whose deadline has passed, and its clock runs behind ours: when its word comes
                // before our thread has looked at the clock, it is still the deadline that ended the call.
                End::Failed(status) if status.code() == Code::Cancelled && is_late(&stream) => {
                    let cause = CancelCause::DeadlineExceeded;
                    stream.finished(End::Failed(cause.status(Side::Client)), Some(cause), effects);
                }
                end => stream.finished(end, None, effects),
            }
            slot.over = true;
            // The server has answered before the requests were complete: it does not want the rest, and that is no
            // failure of the call. What it still sends behind its answer is refused.
            match (&slot.send, &slot.recv) {
                (SendHandle::Stream(_), _) => outbound::reset_stream(slot, Reason::NO_ERROR),
                (_, RecvHandle::Ended(_) | RecvHandle::Done) => {}
                _ => outbound::reset_stream(slot, Reason::CANCEL),
            }
        }
        Received::Broken(broken) => {
            outbound::reset_stream(slot, Reason::CANCEL);
            stream.finished(End::Failed(mapping::broken_envelope(broken)), None, effects);
            return true;
        }
        Received::Failed(error) => {
            // REFUSED_STREAM and a GOAWAY that leaves the stream out promise that nothing was done (RFC 9113, sections 6.8
            // and 8.7).
            let left_out = error.is_go_away() && error.is_remote();
            let refused = left_out || (error.is_reset() && error.reason() == Some(Reason::REFUSED_STREAM));
            // A response that has begun shows that the promise does not hold.
            let begun = !matches!(slot.recv, RecvHandle::Response(_));
            if refused && !begun && stream.state.cause().is_none() && !is_late(&stream) {
                if let Some(request) = stream.rewind() {
                    tracing::debug!(method = stream.state.method(), %error, "the call was not processed and is made again");
                    let connection = Arc::clone(stream.connection());
                    connection.tell(News::Returned(Opening { stream, request }), effects);
                    return true;
                }
                stream.set_refused();
            }
            let (status, cause) = failure(&error, &stream);
            stream.finished(End::Failed(status), Some(cause), effects);
            slot.over = true;
            slot.send = SendHandle::Done;
            slot.recv = match std::mem::replace(&mut slot.recv, RecvHandle::Done) {
                RecvHandle::Body(body) | RecvHandle::Ended(body) => RecvHandle::Ended(body),
                RecvHandle::Response(_) | RecvHandle::Done => RecvHandle::Done,
            };
        }
    }
    client_done(slot)
}

pub(super) fn client_sent(slot: &Slot, sent: Sent, effects: &mut Effects) -> bool {
    // Our own reset, by a cancellation: nobody waits for the outcome.
    if sent == Sent::Reset && slot.stream.state.cause().is_some() {
        slot.stream.over(effects);
        return true;
    }
    client_done(slot)
}

/// The slot stays while the application has not taken what holds the windows, unless it is not worth the wait.
fn client_done(slot: &Slot) -> bool {
    slot.over && (slot.held <= settings::SMALL_REST || slot.stream.reader_gone())
}
