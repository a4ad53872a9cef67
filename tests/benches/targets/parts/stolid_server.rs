//! Our server: `lab.Bench` with the handlers of the measurements, `testing.v1.Echo` with what notes tell it.

use std::sync::{Mutex, OnceLock, PoisonError};

use stolid::{Channel, DetachedSender, Request, Response, Sender, Server, Status, Streaming};
use stolid_tests::echo::echo_client::EchoClient;
use stolid_tests::echo::echo_server::{Echo, EchoServer};
use stolid_tests::echo::{Count, Note};
use stolid_tests::lab::bench_server::BenchServer;
use stolid_tests::measured::Measured;

use super::errand::Errand;
use super::stay;
use crate::{LARGEST, Outcome};

/// A client of this very server, from the first call on that needs it: its thread is none of a server at rest.
static ITSELF: OnceLock<EchoClient> = OnceLock::new();

/// Where this server is.
static TARGET: OnceLock<String> = OnceLock::new();

/// Streams that were detached; they stay open.
static HELD: Mutex<Vec<DetachedSender<Note>>> = Mutex::new(Vec::new());

/// Serves until the input ends; prints the port.
pub(super) fn serve() -> Outcome {
    let server = Server::builder()
        .add_service(BenchServer::new(Measured))
        .add_service(EchoServer::new(Errands))
        .max_decoding_message_size(LARGEST)
        .start("127.0.0.1:0")?;
    TARGET.set(format!("http://{}", server.local_addr())).map_err(|_second| "one server a process")?;
    println!("{}", server.local_addr().port());
    stay()
}

fn itself() -> Result<&'static EchoClient, Status> {
    if let Some(itself) = ITSELF.get() {
        return Ok(itself);
    }
    let target = TARGET.get().ok_or_else(|| Status::unavailable("not ready yet"))?;
    let channel = Channel::connect_lazy(target).map_err(|error| Status::internal(error.to_string()))?;
    // Of two that come at once, one keeps its channel.
    Ok(ITSELF.get_or_init(|| EchoClient::new(channel)))
}

struct Errands;

impl Echo for Errands {
    fn say(&self, request: Request<Note>) -> Result<Response<Note>, Status> {
        let note = request.into_inner();
        match Errand::of(&note.text) {
            Errand::Nest(depth) => {
                itself()?.say(Note { text: format!("nest {}", depth - 1), ..note.clone() })?;
            }
            errand => errand.block(),
        }
        Ok(Response::new(note))
    }

    fn repeat(&self, request: Request<Note>, replies: Sender<Note>) -> Result<(), Status> {
        replies.send(request.into_inner())?;
        HELD.lock().unwrap_or_else(PoisonError::into_inner).push(replies.detach());
        Ok(())
    }

    fn gather(&self, _requests: Request<Streaming<Note>>) -> Result<Response<Count>, Status> {
        Err(Status::unimplemented("nothing here uploads notes"))
    }

    fn relay(&self, _requests: Request<Streaming<Note>>, _replies: Sender<Note>) -> Result<(), Status> {
        Err(Status::unimplemented("nothing here relays notes"))
    }
}
