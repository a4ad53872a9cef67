//! The test service, with handlers that do what a note's number tells them.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use stolid::{Context, Request, Response, Sender, Status, Streaming};

use self::generated::echo_server::Echo;
pub use self::generated::{Count, Note, echo_client, echo_server};

/// What comes out of the `.proto` file.
mod generated {
    stolid::include_proto!("testing.v1");
}

/// A number that makes a handler wait until its call is over.
pub const HANG: u64 = 101;

/// A number that makes a handler leave without looking at the rest of the requests.
pub const LEAVE: u64 = 102;

/// A number that makes a handler fail.
pub const FAIL: u64 = 103;

/// A number that makes the handler `Repeat` go on for as long as it can.
pub const FOREVER: u64 = 104;

/// How many handlers run.
#[derive(Clone, Debug, Default)]
pub struct Running(Arc<(Mutex<usize>, Condvar)>);

impl Running {
    fn enter(&self) -> Inside {
        *self.0.0.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        Inside(self.clone())
    }

    /// Waits until no more than `count` handlers run; false if that takes longer than `patience`.
    #[must_use]
    pub fn falls_to(&self, count: usize, patience: Duration) -> bool {
        let running = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.0.1.wait_timeout_while(running, patience, |running| *running > count);
        !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }
}

/// Counts a handler for as long as it lives.
struct Inside(Running);

impl Drop for Inside {
    fn drop(&mut self) {
        *self.0.0.0.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        self.0.0.1.notify_all();
    }
}

/// The service.
#[derive(Clone, Debug, Default)]
pub struct Handlers {
    /// Counts its handlers.
    pub running: Running,
}

fn obey(note: &Note, context: &Context) -> Result<(), Status> {
    match note.number {
        HANG => {
            context.wait_cancelled(None);
            context.check()
        }
        FAIL => Err(Status::aborted("as told")),
        _ => Ok(()),
    }
}

impl Echo for Handlers {
    fn say(&self, request: Request<Note>) -> Result<Response<Note>, Status> {
        let _inside = self.running.enter();
        obey(request.get_ref(), &request.context())?;
        let mut response = Response::new(request.get_ref().clone());
        *response.metadata_mut() = request.metadata().clone();
        Ok(response)
    }

    fn repeat(&self, request: Request<Note>, replies: Sender<Note>) -> Result<(), Status> {
        let _inside = self.running.enter();
        obey(request.get_ref(), &request.context())?;
        let note = request.into_inner();
        let count = if note.number == FOREVER { u64::MAX } else { note.number };
        for number in 0..count {
            replies.send(Note { number, ..note.clone() })?;
        }
        Ok(())
    }

    fn gather(&self, requests: Request<Streaming<Note>>) -> Result<Response<Count>, Status> {
        let _inside = self.running.enter();
        let context = requests.context();
        let mut count = Count::default();
        let mut requests = requests.into_inner();
        while let Some(note) = requests.message()? {
            obey(&note, &context)?;
            count.messages += 1;
            count.bytes += note.body.len() as u64;
            if note.number == LEAVE {
                break;
            }
        }
        Ok(Response::new(count))
    }

    fn relay(&self, requests: Request<Streaming<Note>>, replies: Sender<Note>) -> Result<(), Status> {
        let _inside = self.running.enter();
        let context = requests.context();
        let mut requests = requests.into_inner();
        while let Some(note) = requests.message()? {
            obey(&note, &context)?;
            let is_last = note.number == LEAVE;
            replies.send(note)?;
            if is_last {
                break;
            }
        }
        Ok(())
    }
}
