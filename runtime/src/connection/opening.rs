//! How calls begin: accepted by a server, opened by a client.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::Bytes;
use h2::RecvStream;
use h2::server::SendResponse;
use http::{Request, Response};

use super::core::Core;
use super::protocol::Protocol;
use super::table::{RecvHandle, SendHandle, Table};
use super::{Accepted, Calls, Connection, Method, settle};
use crate::context::{CallState, CancelCause};
use crate::metadata::Metadata;
use crate::method_name::MethodName;
use crate::protocol::request_head::{self, Rejection, RequestHead};
use crate::protocol::response_head;
use crate::status::Status;
use crate::stream::effects::Effects;
use crate::stream::inbox::{End, Inbox};
use crate::stream::{Side, Stream};

/// Client: a call that wants a stream.
#[derive(Debug)]
pub(crate) struct Opening {
    pub(crate) stream: Arc<Stream>,
    pub(crate) request: Request<()>,
}

impl Core {
    /// Client: opens what has a place, first come first served. A request is only handed to h2 when the peer allows one
    /// more stream: h2 would open and then reset calls that were cancelled while it queued them.
    #[inline(never)]
    pub(super) fn open_waiting(&mut self, connection: &Arc<Connection>, effects: &mut Effects) {
        while !self.waiting.is_empty() && self.protocol.allows_more_than(self.table.active()) {
            let Protocol::Client { opener: Some(opener), .. } = &mut self.protocol else { return };
            // The stream opened last may not be on its way yet; its waker makes for another look.
            let waker = self.table.opening_waker();
            match opener.poll_ready(&mut Context::from_waker(&waker)) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(error)) => {
                    // Most likely after GOAWAY: calls that run go on, and the channel makes a new connection for these.
                    let why = settle::cause(connection, &error);
                    return self.leave(connection, &format!("the connection takes no new calls: {why}"), effects);
                }
                Poll::Pending => {
                    self.blocked = true;
                    return;
                }
            }
            let Some(Opening { stream, mut request }) = self.waiting.pop_front() else { return };
            if stream.state.cause().is_some() {
                // Cancelled while it waited: it was never on the wire.
                self.table.left += 1;
                stream.over(effects);
                continue;
            }
            if let Some(deadline) = stream.state.deadline() {
                // What was left when the call was made is not what is left after waiting for a place.
                request_head::set_timeout(&mut request, deadline.saturating_duration_since(Instant::now()));
            }
            match opener.send_request(request, false) {
                Ok((response, send)) => {
                    connection.places.count_opened();
                    let used_up = response.stream_id().as_u32() >= connection.last_stream;
                    let key = self.table.insert(stream, SendHandle::Stream(send), RecvHandle::Response(response));
                    self.table.woken.push(key);
                    if used_up && !self.leaving {
                        self.leave(connection, "the connection has used up its numbers for streams", effects);
                        return self.drain(connection, effects);
                    }
                }
                Err(error) => {
                    self.table.left += 1;
                    let why = format!("the call could not be opened: {error}");
                    let status = Status::unavailable(why).with_source(error);
                    stream.finished(End::Failed(status), None, effects);
                }
            }
        }
    }
}

/// Server: takes on a call, or answers it at once. A function of its own, or every thread with a handler would have room on its stack
/// for what it keeps there.
#[inline(never)]
pub(super) fn accept(
    connection: &Arc<Connection>,
    calls: &Arc<dyn Calls>,
    table: &mut Table,
    recent: &mut Option<Arc<dyn Method>>,
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
    // One client mostly calls one method many times.
    let again = recent.as_ref().filter(|method| method.path().is_some_and(|path| **path == *head.path()));
    let Some(method) = again.cloned().or_else(|| calls.method(head.path())) else {
        let status = Status::unimplemented(format!("unknown method {}", head.path()));
        return refused(&mut respond, &status);
    };
    if again.is_none() {
        *recent = Some(Arc::clone(&method));
    }
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
    let (limits, coding) = (method.limits(), method.coding(&accepted));
    let inbox = Inbox::of_request(limits.receive, encoding, metadata);
    let stream = Stream::new(Arc::clone(connection), Side::Server, state, limits, coding, inbox);
    let own_deadline = calls.timeout().is_some() && timeout == calls.timeout();
    stream.own_deadline.store(own_deadline, Ordering::Relaxed);
    stream.set_timer();
    let one = method.takes_one_request();
    let accepted = Accepted { stream: Arc::clone(&stream), method, small: false, place: None };
    let key = table.insert(stream, SendHandle::Respond(respond), RecvHandle::Body(body));
    if let Some((slot, _)) = table.get(key) {
        slot.waiting = Some(accepted);
        slot.starts_at_once = !one;
    }
    table.fresh.push(key);
}

fn refuse(respond: &mut SendResponse<Bytes>, response: Response<()>) {
    if let Err(error) = respond.send_response(response, true) {
        tracing::debug!(%error, "a refusal could not be sent");
    }
}
