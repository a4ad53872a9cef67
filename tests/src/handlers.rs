//! The test service with handlers that a test writes as closures.

use std::fmt;

use stolid::{Context, Request, Response, Sender, Status, Streaming};

use crate::echo::echo_server::Echo;
use crate::echo::{Count, Note};
use crate::gate::Gate;

/// The metadata key by which a call tells [`Handlers::as_told`] what to do.
pub const DO: &str = "x-do";

type Say = dyn Fn(Request<Note>) -> Result<Response<Note>, Status> + Send + Sync;
type Repeat = dyn Fn(Request<Note>, Sender<Note>) -> Result<(), Status> + Send + Sync;
type Gather = dyn Fn(Request<Streaming<Note>>) -> Result<Response<Count>, Status> + Send + Sync;
type Relay = dyn Fn(Request<Streaming<Note>>, Sender<Note>) -> Result<(), Status> + Send + Sync;

/// `testing.v1.Echo` as its comments say, except for the methods a test replaces.
pub struct Handlers {
    say: Box<Say>,
    repeat: Box<Repeat>,
    gather: Box<Gather>,
    relay: Box<Relay>,
}

impl fmt::Debug for Handlers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handlers").finish_non_exhaustive()
    }
}

impl Default for Handlers {
    fn default() -> Self {
        Self {
            say: Box::new(|request| Ok(Response::new(request.into_inner()))),
            repeat: Box::new(repeat),
            gather: Box::new(|requests| count(requests.into_inner())),
            relay: Box::new(|requests, replies| relay(requests.into_inner(), &replies)),
        }
    }
}

impl Handlers {
    /// All four methods echo.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A service that each call tells what to do, for a server in a process of its own.
    ///
    /// The metadata value [`DO`] says it: nothing means echo, `gate` waits at the gate before
    /// anything else, `open` opens it, `hang` waits until the call is cancelled.
    #[must_use]
    pub fn as_told(gate: &Gate) -> Self {
        let gates = [(); 4].map(|()| gate.clone());
        let [say_gate, repeat_gate, gather_gate, relay_gate] = gates;
        Self::new()
            .say(move |request| {
                obey(request.metadata().get(DO), &request.context(), &say_gate)?;
                Ok(Response::new(request.into_inner()))
            })
            .repeat(move |request, replies| {
                obey(request.metadata().get(DO), &request.context(), &repeat_gate)?;
                repeat(request, replies)
            })
            .gather(move |requests| {
                obey(requests.metadata().get(DO), &requests.context(), &gather_gate)?;
                count(requests.into_inner())
            })
            .relay(move |requests, replies| {
                obey(requests.metadata().get(DO), &requests.context(), &relay_gate)?;
                relay(requests.into_inner(), &replies)
            })
    }

    /// Replaces the unary method.
    #[must_use]
    pub fn say(
        mut self,
        handler: impl Fn(Request<Note>) -> Result<Response<Note>, Status> + Send + Sync + 'static,
    ) -> Self {
        self.say = Box::new(handler);
        self
    }

    /// Replaces the server-streaming method.
    #[must_use]
    pub fn repeat(
        mut self,
        handler: impl Fn(Request<Note>, Sender<Note>) -> Result<(), Status> + Send + Sync + 'static,
    ) -> Self {
        self.repeat = Box::new(handler);
        self
    }

    /// Replaces the client-streaming method.
    #[must_use]
    pub fn gather(
        mut self,
        handler: impl Fn(Request<Streaming<Note>>) -> Result<Response<Count>, Status> + Send + Sync + 'static,
    ) -> Self {
        self.gather = Box::new(handler);
        self
    }

    /// Replaces the bidirectional method.
    #[must_use]
    pub fn relay(
        mut self,
        handler: impl Fn(Request<Streaming<Note>>, Sender<Note>) -> Result<(), Status> + Send + Sync + 'static,
    ) -> Self {
        self.relay = Box::new(handler);
        self
    }
}

impl Echo for Handlers {
    fn say(&self, request: Request<Note>) -> Result<Response<Note>, Status> {
        (self.say)(request)
    }

    fn repeat(&self, request: Request<Note>, replies: Sender<Note>) -> Result<(), Status> {
        (self.repeat)(request, replies)
    }

    fn gather(&self, requests: Request<Streaming<Note>>) -> Result<Response<Count>, Status> {
        (self.gather)(requests)
    }

    fn relay(&self, requests: Request<Streaming<Note>>, replies: Sender<Note>) -> Result<(), Status> {
        (self.relay)(requests, replies)
    }
}

/// A note with this number and nothing else.
#[must_use]
pub fn note(number: u64) -> Note {
    Note { number, ..Note::default() }
}

/// A note with a body of `length` bytes.
#[must_use]
pub fn note_of(length: usize) -> Note {
    Note { body: vec![b'n'; length], ..Note::default() }
}

/// Counts a stream to its end.
///
/// # Errors
/// When the stream fails.
pub fn count(mut requests: Streaming<Note>) -> Result<Response<Count>, Status> {
    let mut count = Count::default();
    while let Some(note) = requests.message()? {
        count.messages += 1;
        count.bytes += note.body.len() as u64;
    }
    Ok(Response::new(count))
}

/// Sends back what comes, as it comes.
///
/// # Errors
/// When either direction fails.
pub fn relay(mut requests: Streaming<Note>, replies: &Sender<Note>) -> Result<(), Status> {
    while let Some(note) = requests.message()? {
        replies.send(note)?;
    }
    Ok(())
}

fn repeat(request: Request<Note>, replies: Sender<Note>) -> Result<(), Status> {
    let note = request.into_inner();
    for number in 0..note.number {
        replies.send(Note { number, ..note.clone() })?;
    }
    Ok(())
}

fn obey(told: Option<&str>, context: &Context, gate: &Gate) -> Result<(), Status> {
    match told {
        None => Ok(()),
        Some("open") => {
            gate.open();
            Ok(())
        }
        Some("gate") => {
            gate.enter();
            Ok(())
        }
        Some("hang") => {
            context.wait_cancelled(None);
            context.check()
        }
        Some(other) => Err(Status::invalid_argument(format!("nobody knows how to {other}"))),
    }
}
