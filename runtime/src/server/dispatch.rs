//! One call on its own thread: decode, run the handler, encode, end the call.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::codec::{self, Codec};
use crate::metadata::Metadata;
use crate::request::Request;
use crate::response::Response;
use crate::status::Status;
use crate::stream::Stream;
use crate::stream::outbox::Finish;
use crate::stream::sender::{OnDrop, Sender, with_scratch};
use crate::stream::streaming::{Reader, Streaming};

pub(super) fn unary<C, In, Out>(
    stream: &Arc<Stream>,
    metadata: Metadata,
    handler: &impl Fn(Request<In>) -> Result<Response<Out>, Status>,
) where
    C: Codec<In> + Codec<Out>,
{
    let mut requests = Reader::<In>::new(Arc::clone(stream), <C as Codec<In>>::decode);
    let outcome = requests.request().and_then(|message| {
        let request = Request::new_received(metadata, message, requests.was_compressed(), stream.context());
        guarded(stream, || handler(request))
    });
    respond::<C, Out>(stream, outcome);
}

pub(super) fn client_streaming<C, In, Out>(
    stream: &Arc<Stream>,
    metadata: Metadata,
    handler: &impl Fn(Request<Streaming<In>>) -> Result<Response<Out>, Status>,
) where
    C: Codec<In> + Codec<Out>,
{
    let requests = Streaming::<In>::new(Arc::clone(stream), <C as Codec<In>>::decode);
    let request = Request::new_received(metadata, requests, false, stream.context());
    respond::<C, Out>(stream, guarded(stream, || handler(request)));
}

pub(super) fn server_streaming<C, In, Out>(
    stream: &Arc<Stream>,
    metadata: Metadata,
    handler: &impl Fn(Request<In>, Sender<Out>) -> Result<(), Status>,
) where
    C: Codec<In> + Codec<Out>,
{
    let mut requests = Reader::<In>::new(Arc::clone(stream), <C as Codec<In>>::decode);
    let outcome = requests.request().and_then(|message| {
        let request = Request::new_received(metadata, message, requests.was_compressed(), stream.context());
        let replies = Sender::new(Arc::clone(stream), <C as Codec<Out>>::encode_envelope, OnDrop::Nothing);
        guarded(stream, || handler(request, replies))
    });
    finish(stream, outcome);
}

pub(super) fn streaming<C, In, Out>(
    stream: &Arc<Stream>,
    metadata: Metadata,
    handler: &impl Fn(Request<Streaming<In>>, Sender<Out>) -> Result<(), Status>,
) where
    C: Codec<In> + Codec<Out>,
{
    let requests = Streaming::<In>::new(Arc::clone(stream), <C as Codec<In>>::decode);
    let request = Request::new_received(metadata, requests, false, stream.context());
    let replies = Sender::new(Arc::clone(stream), <C as Codec<Out>>::encode_envelope, OnDrop::Nothing);
    finish(stream, guarded(stream, || handler(request, replies)));
}

fn respond<C: Codec<Out>, Out>(stream: &Arc<Stream>, outcome: Result<Response<Out>, Status>) {
    let response = match outcome {
        Ok(response) => response,
        Err(status) => return stream.finish(Finish::Trailers(Some(status))),
    };
    let compression = stream.coding.send.filter(|_| !response.is_plain());
    let (head, message, trailers) = response.into_parts();
    let encoded = with_scratch(|scratch| {
        codec::encode(C::encode_envelope, &message, stream.limits.send, compression, scratch)?;
        stream.respond(head, scratch, trailers);
        Ok(())
    });
    if let Err(status) = encoded {
        stream.finish(Finish::Trailers(Some(status)));
    }
}

fn finish(stream: &Arc<Stream>, outcome: Result<(), Status>) {
    match outcome {
        // The sender that was detached ends the call.
        Ok(()) if stream.is_detached() => {}
        outcome => stream.finish(Finish::Trailers(outcome.err())),
    }
}

/// Runs user code: its context is current, and a panic costs this call alone.
fn guarded<R>(stream: &Arc<Stream>, handler: impl FnOnce() -> Result<R, Status>) -> Result<R, Status> {
    let context = stream.context();
    let entered = context.enter();
    let outcome = catch_unwind(AssertUnwindSafe(handler));
    drop(entered);
    outcome.unwrap_or_else(|panic| Err(handler_panicked(stream, panic)))
}

#[cold]
#[inline(never)]
fn handler_panicked(stream: &Stream, panic: Box<dyn Any + Send>) -> Status {
    tracing::error!(method = stream.state.method(), "a handler panicked: {}", panic_text(&*panic));
    // The payload is the user's value, and its drop may panic too.
    let _ = catch_unwind(AssertUnwindSafe(|| drop(panic)));
    // What it said stays here: it may hold what the caller must not see.
    Status::internal("the handler panicked")
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no text")
}
