//! tonic's server of the test service, whose notes say what to do.
//!
//! The text of a note tells it: nothing means echo, `fail` ends the call with [`failure`] of the
//! note's number, `fail late` does so after a message, `say` fails the call with the body as its
//! message, `fail richly` with the details
//! that `details` makes, `hang` waits for ever, `early` answers an upload before its end, `port` answers with
//! the caller's port. The metadata that `samples` makes is checked and answered.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::mpsc::{self, Receiver, Sender};
use std::task::{Context, Poll};

use stolid_tests::echo::{Count, Note};
use tokio::runtime::Runtime;
use tokio_stream::{Stream, StreamExt};
use tonic::codegen::{BoxStream, Bytes};
use tonic::metadata::MetadataMap;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Code, Request, Response, Status, Streaming};

use crate::details;
use crate::echo::echo_server::{Echo, EchoServer};
use crate::runtime;
use crate::samples::{assert_theirs, theirs};

/// A server of tonic's on a free loopback port; it ends with its runtime.
#[derive(Debug)]
pub(crate) struct TonicServer {
    addr: SocketAddr,
    ended: Receiver<&'static str>,
    _runtime: Runtime,
}

impl TonicServer {
    /// Starts a server that `configure` has set up.
    #[track_caller]
    pub(crate) fn start(configure: impl FnOnce(Server) -> Server) -> Self {
        let runtime = runtime();
        let entered = runtime.enter();
        let incoming = TcpIncoming::bind(([127, 0, 0, 1], 0).into());
        let incoming = incoming.expect("a loopback port is free");
        let addr = incoming.local_addr().expect("it is bound");
        drop(entered);
        let (tell, ended) = mpsc::channel();
        let service = EchoServer::new(TonicEcho { tell });
        let router = configure(Server::builder()).add_service(service);
        runtime.spawn(router.serve_with_incoming(incoming));
        Self { addr, ended, _runtime: runtime }
    }

    /// Where it listens.
    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Waits until tonic has let go of a call that it had not answered; gives its method.
    #[track_caller]
    pub(super) fn ended(&self) -> &'static str {
        self.ended.recv().expect("the server runs")
    }
}

/// The status of a call that was told to fail.
pub(super) fn failure(number: u64) -> Status {
    let code = Code::from_i32(i32::try_from(number).expect("it is a code"));
    let details = Bytes::from(vec![number as u8; 300]);
    let message = format!("as told: {number}");
    Status::with_details_and_metadata(code, message, details, theirs("failure"))
}

/// A note that asks for something else than an echo.
pub(crate) fn told(text: &str, number: u64) -> Note {
    let (text, body) = (text.to_owned(), Vec::new());
    Note { number, body, text }
}

struct TonicEcho {
    tell: Sender<&'static str>,
}

/// What tonic holds for as long as it works on a call; as a stream it never ends.
struct Held {
    method: &'static str,
    tell: Sender<&'static str>,
}

impl Drop for Held {
    fn drop(&mut self) {
        // The test may be over without having asked.
        let _gone = self.tell.send(self.method);
    }
}

impl Stream for Held {
    type Item = Result<Note, Status>;

    fn poll_next(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Pending
    }
}

impl TonicEcho {
    fn hold(&self, method: &'static str) -> Held {
        let tell = self.tell.clone();
        Held { method, tell }
    }
}

/// Checks the request's metadata if it has any, and gives the response's.
fn answer(request: &MetadataMap) -> MetadataMap {
    if !request.contains_key("request-word") {
        return MetadataMap::new();
    }
    assert_theirs("request", request);
    theirs("header")
}

#[tonic::async_trait]
impl Echo for TonicEcho {
    async fn say(&self, request: Request<Note>) -> Result<Response<Note>, Status> {
        let metadata = answer(request.metadata());
        let caller = request.remote_addr();
        let mut note = request.into_inner();
        match note.text.as_str() {
            "fail" => return Err(failure(note.number)),
            "fail richly" => return Err(details::theirs()),
            "say" => {
                let message = String::from_utf8(note.body).expect("the test sends text");
                return Err(Status::aborted(message));
            }
            "hang" => {
                let _held = self.hold("say");
                std::future::pending::<()>().await;
            }
            "port" => note.number = caller.map_or(0, |caller| caller.port()).into(),
            _ => (),
        }
        let mut response = Response::new(note);
        *response.metadata_mut() = metadata;
        Ok(response)
    }

    type RepeatStream = BoxStream<Note>;

    async fn repeat(&self, request: Request<Note>) -> Result<Response<BoxStream<Note>>, Status> {
        let metadata = answer(request.metadata());
        let note = request.into_inner();
        let told = note.text.clone();
        let failure = failure(note.number);
        if told == "fail" {
            return Err(failure);
        }
        if told == "fail richly" {
            let notes = tokio_stream::iter([Ok(note), Err(details::theirs())]);
            return Ok(Response::new(Box::pin(notes)));
        }
        if told == "fail late" {
            let notes = tokio_stream::iter([Ok(note), Err(failure)]);
            return Ok(Response::new(Box::pin(notes)));
        }
        let numbers = 0..note.number;
        let notes = tokio_stream::iter(numbers.map(move |number| Ok(Note { number, ..note.clone() })));
        let mut response = Response::new(if told == "hang" {
            Box::pin(notes.chain(self.hold("repeat"))) as BoxStream<Note>
        } else {
            // tonic's way to set the trailers of a stream that ends well.
            let end = Status::with_metadata(Code::Ok, "", theirs("trailer"));
            Box::pin(notes.chain(tokio_stream::once(Err(end))))
        });
        *response.metadata_mut() = metadata;
        Ok(response)
    }

    async fn gather(&self, request: Request<Streaming<Note>>) -> Result<Response<Count>, Status> {
        let _held = self.hold("gather");
        let mut notes = request.into_inner();
        let mut count = Count::default();
        while let Some(note) = notes.message().await? {
            count.messages += 1;
            count.bytes += note.body.len() as u64;
            match note.text.as_str() {
                "fail" => return Err(failure(note.number)),
                "early" => break,
                _ => (),
            }
        }
        Ok(Response::new(count))
    }

    type RelayStream = BoxStream<Note>;

    async fn relay(&self, requests: Request<Streaming<Note>>) -> Result<Response<BoxStream<Note>>, Status> {
        let held = self.hold("relay");
        let notes = requests.into_inner().map(move |note| {
            let _held = &held;
            match note {
                Ok(note) if note.text == "fail" => Err(failure(note.number)),
                note => note,
            }
        });
        Ok(Response::new(Box::pin(notes)))
    }
}
