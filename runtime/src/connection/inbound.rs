//! Carries what h2 received for one stream into its inbox, and the peer's windows back.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use h2::RecvStream;
use http::{HeaderMap, Response};

use super::settings;
use super::table::{RecvHandle, Slot};
use crate::codec::BrokenEnvelope;
use crate::protocol::response_head::ResponseHead;
use crate::protocol::{mapping, response_head, trailers};
use crate::status::Status;
use crate::stream::effects::Effects;
use crate::stream::inbox::End;

/// What the receiving side says about the whole call.
#[derive(Debug)]
pub(super) enum Received {
    /// Nothing decisive.
    Open,
    /// Server: the client has half-closed.
    HalfClosed,
    /// Client: the call has its outcome.
    Outcome(End),
    /// The peer broke the protocol of messages.
    Broken(BrokenEnvelope),
    /// The peer, or h2 on its behalf, reset the stream.
    Failed(h2::Error),
}

/// Takes everything h2 has for this stream. Nothing may be left there: h2 charges what is unread to the connection.
pub(super) fn pump(slot: &mut Slot, waker: &Waker, effects: &mut Effects) -> Received {
    let mut broken = None;
    let received = pump_all(slot, waker, effects, &mut broken);
    broken.map_or(received, Received::Broken)
}

fn pump_all(slot: &mut Slot, waker: &Waker, effects: &mut Effects, broken: &mut Option<BrokenEnvelope>) -> Received {
    let mut context = Context::from_waker(waker);
    loop {
        match &mut slot.recv {
            RecvHandle::Response(response) => match Pin::new(response).poll(&mut context) {
                Poll::Ready(Ok(response)) => {
                    if let Some(outcome) = head_arrived(slot, response, effects) {
                        return Received::Outcome(outcome);
                    }
                }
                Poll::Ready(Err(error)) => return Received::Failed(error),
                Poll::Pending => return Received::Open,
            },
            RecvHandle::Body(body) => match body.poll_data(&mut context) {
                Poll::Ready(Some(Ok(data))) if slot.foreign.is_some() => {
                    slot.held += data.len();
                    let outcome = foreign_data(slot, &data);
                    release(slot, data.len());
                    if let Some(outcome) = outcome {
                        return Received::Outcome(outcome);
                    }
                }
                Poll::Ready(Some(Ok(data))) => {
                    // What follows a broken message is taken and thrown away, and the stream's end is still heard.
                    if let Err(what) = data_arrived(slot, data, effects) {
                        *broken = Some(what);
                    }
                }
                Poll::Ready(Some(Err(error))) => return Received::Failed(error),
                Poll::Ready(None) => return body_ended(slot, &mut context, effects),
                Poll::Pending => return Received::Open,
            },
            RecvHandle::Ended(_) | RecvHandle::Done => return Received::Open,
        }
    }
}

fn head_arrived(slot: &mut Slot, response: Response<RecvStream>, effects: &mut Effects) -> Option<End> {
    slot.stream.commit();
    let (parts, body) = response.into_parts();
    let ended = body.is_end_stream();
    slot.recv = if ended { RecvHandle::Ended(body) } else { RecvHandle::Body(body) };
    match response_head::parse(parts, ended) {
        ResponseHead::Headers { metadata, encoding } => {
            let mut inbox = slot.stream.inbox();
            inbox.set_encoding(encoding);
            inbox.head_arrived(metadata, &mut effects.wakes);
            None
        }
        ResponseHead::TrailersOnly(Ok(metadata)) => Some(End::Ok(Box::new(metadata))),
        ResponseHead::TrailersOnly(Err(status)) => Some(End::Failed(status)),
        ResponseHead::NotGrpc(head) if ended => Some(End::Failed(head.into_status(&[]))),
        ResponseHead::NotGrpc(head) => {
            slot.foreign = Some(Box::new((head, Vec::new())));
            None
        }
    }
}

/// The body of an answer that is not gRPC: its beginning often says what went wrong.
fn foreign_data(slot: &mut Slot, data: &[u8]) -> Option<End> {
    let (_, body) = slot.foreign.as_deref_mut()?;
    body.extend_from_slice(&data[..data.len().min(response_head::BODY_SHOWN - body.len())]);
    if body.len() < response_head::BODY_SHOWN { None } else { foreign_end(slot) }
}

fn foreign_end(slot: &mut Slot) -> Option<End> {
    let (head, body) = *slot.foreign.take()?;
    Some(End::Failed(head.into_status(&body)))
}

fn data_arrived(slot: &mut Slot, data: Bytes, effects: &mut Effects) -> Result<(), BrokenEnvelope> {
    let len = data.len();
    slot.held += len;
    let pushed = {
        if slot.discard || slot.stream.reader_gone() {
            Ok(None)
        } else {
            let mut inbox = slot.stream.inbox();
            inbox.push(data, &mut effects.wakes).map(|()| Some(inbox.partial_bytes()))
        }
    };
    match pushed {
        // Bytes of an incomplete message are given back at once, or a message larger than the window never completes.
        Ok(Some(partial)) => {
            slot.partial = partial;
            slot.withheld = partial.min(slot.withheld + len);
        }
        Ok(None) => release(slot, len),
        Err(broken) => {
            slot.discard = true;
            slot.partial = 0;
            let held = slot.held;
            release(slot, held);
            return Err(broken);
        }
    }
    Ok(())
}

fn body_ended(slot: &mut Slot, context: &mut Context<'_>, effects: &mut Effects) -> Received {
    let RecvHandle::Body(body) = &mut slot.recv else { return Received::Open };
    let trailers = match body.poll_trailers(context) {
        Poll::Ready(Ok(trailers)) => trailers,
        Poll::Ready(Err(error)) => return Received::Failed(error),
        Poll::Pending => return Received::Open,
    };
    if let RecvHandle::Body(body) = std::mem::replace(&mut slot.recv, RecvHandle::Done) {
        slot.recv = RecvHandle::Ended(body);
    }
    if let Some(outcome) = foreign_end(slot) {
        return Received::Outcome(outcome);
    }
    match slot.stream.side {
        crate::stream::Side::Server => {
            let mut inbox = slot.stream.inbox();
            match inbox.check_end() {
                Ok(()) => {
                    slot.small = inbox.encoding().is_none() && inbox.complete_bytes() <= settings::SMALL_REQUEST;
                    inbox.finish(End::HalfClosed, &mut effects.wakes);
                    Received::HalfClosed
                }
                Err(broken) => Received::Broken(broken),
            }
        }
        crate::stream::Side::Client => Received::Outcome(outcome(slot, trailers)),
    }
}

fn outcome(slot: &Slot, trailers: Option<HeaderMap>) -> End {
    let Some(trailers) = trailers else {
        return End::Failed(Status::unknown("the stream ended without a grpc-status"));
    };
    match trailers::parse(trailers) {
        Err(status) => End::Failed(status),
        Ok(metadata) => match slot.stream.inbox().check_end() {
            Ok(()) => End::Ok(Box::new(metadata)),
            Err(broken) => End::Failed(mapping::broken_envelope(broken)),
        },
    }
}

/// Gives the bytes of an incomplete message back before it is complete, or one larger than the window never would be;
/// but only while nothing complete waits to be read, or a reader that does not read would be sent ever more.
pub(super) fn advance(slot: &mut Slot) {
    if slot.withheld > 0 && slot.stream.inbox().complete_messages() == 0 {
        slot.advanced += slot.withheld;
        release(slot, slot.withheld);
        slot.withheld = 0;
    }
}

/// The application has taken `bytes`: what was not given back in advance is given back now.
pub(super) fn taken(slot: &mut Slot, bytes: usize) {
    let paid = bytes.min(slot.advanced);
    slot.advanced -= paid;
    release(slot, bytes - paid);
}

/// Gives `bytes` of the windows (stream and connection) back to the peer.
pub(super) fn release(slot: &mut Slot, bytes: usize) {
    let bytes = bytes.min(slot.held);
    if bytes == 0 {
        return;
    }
    slot.held -= bytes;
    slot.withheld = slot.withheld.min(slot.held);
    let (RecvHandle::Body(body) | RecvHandle::Ended(body)) = &mut slot.recv else { return };
    if let Err(error) = body.flow_control().release_capacity(bytes) {
        tracing::debug!(%error, bytes, "received bytes could not be given back");
    }
}
