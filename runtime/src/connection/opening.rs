//! How calls begin: accepted by a server, opened by a client.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::Bytes;
use h2::RecvStream;
use h2::server::SendResponse;
use http::{Request, Response};

use super::protocol::Protocol;
use super::table::{RecvHandle, SendHandle, Table};
use super::{Accepted, Calls, Connection};
use crate::context::{CallState, CancelCause};
use crate::metadata::Metadata;
use crate::method_name::MethodName;
use crate::protocol::request_head::{self, Rejection, RequestHead};
use crate::protocol::response_head;
use crate::status::Status;
use crate::stream::effects::Effects;
use crate::stream::inbox::End;
use crate::stream::{Side, Stream};

/// Client: a call that wants a stream.
pub(crate) struct Opening {
    pub(crate) stream: Arc<Stream>,
    pub(crate) request: Request<()>,
}

/// How far opening came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Opened {
    /// Nothing waits, or the peer allows no more streams.
    AsAllowed,
    /// h2 takes no further stream at the moment.
    Blocked,
}

/// Client: opens what has a place, first come first served. A request is only handed to h2 when the peer allows one
/// more stream: h2 would open and then reset calls that were cancelled while it queued them.
pub(super) fn open_waiting(
    waiting: &mut VecDeque<Opening>,
    protocol: &mut Protocol,
    table: &mut Table,
    effects: &mut Effects,
) -> Result<Opened, h2::Error> {
    let Protocol::Client { opener: Some(opener), .. } = protocol else { return Ok(Opened::Blocked) };
    while !waiting.is_empty() && table.active() < opener.current_max_send_streams() {
        // The stream opened last may not be on its way yet; its waker makes for another look.
        let waker = table.opening_waker();
        match opener.poll_ready(&mut Context::from_waker(&waker)) {
            Poll::Ready(Ok(())) => {}
            Poll::Ready(Err(error)) => return Err(error),
            Poll::Pending => return Ok(Opened::Blocked),
        }
        let Some(Opening { stream, mut request }) = waiting.pop_front() else { return Ok(Opened::AsAllowed) };
        if stream.state.cause().is_some() {
            // Cancelled while it waited: it was never on the wire.
            stream.over(effects);
            continue;
        }
        if let Some(deadline) = stream.state.deadline() {
            // What was left when the call was made is not what is left after waiting for a place.
            request_head::set_timeout(&mut request, deadline.saturating_duration_since(Instant::now()));
        }
        match opener.send_request(request, false) {
            Ok((response, send)) => {
                let key = table.insert(stream, SendHandle::Stream(send), RecvHandle::Response(response));
                table.woken.push(key);
            }
            Err(error) => {
                let status = Status::unavailable(format!("the call could not be opened: {error}")).with_source(error);
                stream.finished(End::Failed(status), None, effects);
            }
        }
    }
    Ok(Opened::AsAllowed)
}

/// Server: takes on a call, or answers it at once.
pub(super) fn accept(
    connection: &Arc<Connection>,
    calls: &Arc<dyn Calls>,
    table: &mut Table,
    request: Request<RecvStream>,
    mut respond: SendResponse<Bytes>,
) {
    let (parts, body) = request.into_parts();
    let refused = |respond: &mut SendResponse<Bytes>, status: &Status| {
        refuse(respond, response_head::trailers_only(status, &Metadata::new(), calls.coding()));
    };
    let head = match request_head::parse(parts) {
        Ok(head) => head,
        Err(Rejection::Http(code)) => {
            tracing::debug!(peer = ?connection.ends.peer, %code, "request refused");
            return refuse(&mut respond, response_head::http_reject(code, calls.coding()));
        }
        Err(Rejection::Grpc(status)) => {
            tracing::debug!(peer = ?connection.ends.peer, %status, "request refused");
            return refused(&mut respond, &status);
        }
    };
    let Some(method) = calls.method(head.path()) else {
        let status = Status::unimplemented(format!("unknown method {}", head.path()));
        return refused(&mut respond, &status);
    };
    if let Err(status) = head.check_subtype(method.subtype()) {
        return refused(&mut respond, &status);
    }
    let name = MethodName::Shared(method.path().map_or_else(|| head.path().into(), Arc::clone));
    let RequestHead { timeout, metadata, encoding, accepted, .. } = head;
    let timeout = [timeout, calls.timeout()].into_iter().flatten().min();
    let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    if timeout.is_some_and(|timeout| timeout.is_zero()) {
        let status = CancelCause::DeadlineExceeded.status(Side::Server);
        return refused(&mut respond, &status);
    }
    let state = Arc::new(CallState::new(Side::Server, name, deadline, Arc::clone(&connection.ends)));
    let stream = Stream::new(Arc::clone(connection), Side::Server, state, method.limits(), method.coding(&accepted));
    stream.inbox().set_encoding(encoding);
    let own_deadline = calls.timeout().is_some() && timeout == calls.timeout();
    stream.own_deadline.store(own_deadline, Ordering::Relaxed);
    stream.set_timer();
    let one = method.takes_one_request();
    let accepted = Accepted { stream: Arc::clone(&stream), metadata, method, calls: Arc::clone(calls), place: None };
    let key = table.insert(stream, SendHandle::Respond(respond), RecvHandle::Body(body));
    if let Some((slot, _)) = table.get(key) {
        slot.waiting = Some(accepted);
        slot.starts_at_once = !one;
    }
    table.woken.push(key);
}

fn refuse(respond: &mut SendResponse<Bytes>, response: Response<()>) {
    if let Err(error) = respond.send_response(response, true) {
        tracing::debug!(%error, "a refusal could not be sent");
    }
}
