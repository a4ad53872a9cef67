//! Carries one stream's outbox into h2 as far as the peer's windows allow.

use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use h2::{Reason, SendStream};

use super::table::{SendHandle, Slot};
use crate::metadata::Metadata;
use crate::protocol::{response_head, trailers};
use crate::status::Status;
use crate::stream::Stream;
use crate::stream::effects::Effects;
use crate::stream::outbox::{Finish, Outbox, Rest, Sending};

/// What became of the sending side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sent {
    /// More may follow.
    Open,
    /// The last byte of this side is with h2.
    Finished,
    /// The stream was reset, by us or by the peer.
    Reset,
}

/// Sends what can be sent now.
pub(super) fn pump(slot: &mut Slot, waker: &Waker, effects: &mut Effects) -> Sent {
    let (head, last, len) = {
        let mut outbox = slot.stream.outbox();
        if let Some(reason) = outbox.reset.take() {
            drop(outbox);
            reset_stream(slot, reason);
            return Sent::Reset;
        }
        let head = matches!(slot.send, SendHandle::Respond(_)).then(|| decide_head(&mut outbox));
        (head, outbox.take_last(), outbox.len())
    };
    if let Some(head) = head
        && let Some(done) = send_head(slot, head)
    {
        return done;
    }
    let SendHandle::Stream(handle) = &mut slot.send else { return Sent::Open };
    let sent = match last {
        Some((message, metadata)) => send_last(handle, &slot.stream, message, metadata, waker, effects),
        None => send_body(handle, &slot.stream, len, waker, effects),
    };
    let sent = match sent {
        Ok(sent) => sent,
        // What ended the stream is told by the receiving side.
        Err(error) => {
            tracing::trace!(%error, "a stream does not take data any more");
            Sent::Reset
        }
    };
    // The handle is kept: only through it can a stream be reset whose response nobody wants any more, and it knows why
    // the stream ended.
    if sent != Sent::Open
        && let SendHandle::Stream(handle) = std::mem::replace(&mut slot.send, SendHandle::Done)
    {
        slot.send = SendHandle::Ended(handle);
    }
    sent
}

pub(super) fn reset_stream(slot: &mut Slot, reason: Reason) {
    match std::mem::replace(&mut slot.send, SendHandle::Done) {
        SendHandle::Respond(mut handle) => handle.send_reset(reason),
        SendHandle::Stream(mut handle) | SendHandle::Ended(mut handle) => handle.send_reset(reason),
        SendHandle::Done => {}
    }
}

/// What the head of the response must be at this moment.
enum Head {
    /// Nothing to say yet: as long as there is none, an error can still be told by trailers alone.
    Later,
    Headers(Metadata),
    TrailersOnly(Status, Metadata),
}

fn decide_head(outbox: &mut Outbox) -> Head {
    let finishing = matches!(outbox.sending, Sending::Finishing(_));
    if outbox.len() == 0 && !outbox.head_now {
        let plain = outbox.head.as_ref().is_none_or(Metadata::is_empty);
        if plain && let Sending::Finishing(Finish::Trailers(Some(status))) = &outbox.sending {
            // Senders that come later still hear how the call ended.
            let status = status.clone();
            return Head::TrailersOnly(status, std::mem::take(&mut outbox.trailers));
        }
        if !finishing {
            return Head::Later;
        }
    }
    Head::Headers(outbox.head.take().unwrap_or_default())
}

/// Sends the response headers when it is time. `Some` when nothing follows now.
fn send_head(slot: &mut Slot, head: Head) -> Option<Sent> {
    let SendHandle::Respond(respond) = &mut slot.send else { return None };
    let (response, end) = match head {
        Head::Later => return Some(Sent::Open),
        Head::Headers(metadata) => (response_head::build(metadata, &slot.stream.coding), false),
        Head::TrailersOnly(status, metadata) => {
            (response_head::trailers_only(&status, &metadata, &slot.stream.coding), true)
        }
    };
    match respond.send_response(response, end) {
        Ok(handle) if !end => {
            slot.send = SendHandle::Stream(handle);
            None
        }
        Ok(_) => {
            slot.send = SendHandle::Done;
            Some(Sent::Finished)
        }
        Err(error) => {
            tracing::trace!(%error, "response headers could not be sent");
            slot.send = SendHandle::Done;
            Some(Sent::Reset)
        }
    }
}

/// Sends the last message and the end behind it, if the peer's windows have room for it all.
fn send_last(
    handle: &mut SendStream<Bytes>,
    stream: &Stream,
    message: Bytes,
    metadata: Metadata,
    waker: &Waker,
    effects: &mut Effects,
) -> Result<Sent, h2::Error> {
    handle.reserve_capacity(message.len());
    if handle.capacity() < message.len() {
        let len = {
            let mut outbox = stream.outbox();
            outbox.put_last_back(message, metadata);
            outbox.len()
        };
        return send_body(handle, stream, len, waker, effects);
    }
    handle.send_data(message, false)?;
    handle.send_trailers(trailers::build(&Ok(()), metadata))?;
    Ok(Sent::Finished)
}

/// Sends what is queued; `len`: so many bytes at the last look.
fn send_body(
    handle: &mut SendStream<Bytes>,
    stream: &Stream,
    mut len: usize,
    waker: &Waker,
    effects: &mut Effects,
) -> Result<Sent, h2::Error> {
    loop {
        if len == 0 {
            if let Some(sent) = send_end(handle, stream)? {
                return Ok(sent);
            }
            len = stream.outbox().len();
            continue;
        }
        // Never reserved without something to send: a held reservation starves the connection's other streams.
        handle.reserve_capacity(len);
        let capacity = handle.capacity();
        if capacity == 0 {
            match handle.poll_capacity(&mut Context::from_waker(waker)) {
                Poll::Ready(Some(Ok(_))) => {
                    len = stream.outbox().len();
                    continue;
                }
                Poll::Ready(Some(Err(error))) => return Err(error),
                Poll::Ready(None) => return Ok(Sent::Reset),
                Poll::Pending => {
                    stream.outbox().stall();
                    return Ok(Sent::Open);
                }
            }
        }
        let (chunk, last) = {
            let mut outbox = stream.outbox();
            let chunk = outbox.take(capacity);
            outbox.wake_if_room(&mut effects.wakes);
            len = outbox.len();
            (chunk, len == 0 && matches!(outbox.sending, Sending::Finishing(Finish::HalfClose)))
        };
        if chunk.is_empty() {
            // Emptied by a cancellation in between.
            continue;
        }
        handle.send_data(chunk, last)?;
        if last {
            return Ok(Sent::Finished);
        }
    }
}

/// Ends the stream if that is what comes next. `None` when messages were queued since the last look.
fn send_end(handle: &mut SendStream<Bytes>, stream: &Stream) -> Result<Option<Sent>, h2::Error> {
    let rest = stream.outbox().rest();
    match rest {
        Rest::Queued => return Ok(None),
        Rest::Nothing => return Ok(Some(Sent::Open)),
        Rest::HalfClose => handle.send_data(Bytes::new(), true)?,
        Rest::Trailers(status, metadata) => {
            handle.send_trailers(trailers::build(&status.map_or(Ok(()), Err), metadata))?
        }
    }
    Ok(Some(Sent::Finished))
}
