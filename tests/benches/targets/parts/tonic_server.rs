//! tonic's server of the same two services, written as its users do: what blocks goes to `spawn_blocking`.

use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread;

use stolid_tests::echo::{Count, Note};
use stolid_tests::lab::{Req, Resp, StreamReq, Summary};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc;
use tokio::task;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;
use tonic::codegen::BoxStream;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Endpoint, Server};
use tonic::{Request, Response, Status, Streaming};

use super::errand::Errand;
use super::stay;
use crate::{LARGEST, Outcome};
use echo::echo_client::EchoClient;
use echo::echo_server::{Echo, EchoServer};
use lab::bench_server::{Bench, BenchServer};

/// tonic's client and server of the measurements; the messages are ours.
#[expect(
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    unreachable_pub,
    unused_qualifications,
    reason = "tonic's generator writes it"
)]
pub(super) mod lab {
    include!(concat!(env!("OUT_DIR"), "/tonic/lab.rs"));
}

/// tonic's client and server of the notes; the messages are ours.
#[expect(
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    unreachable_pub,
    unused_qualifications,
    reason = "tonic's generator writes it"
)]
pub(super) mod echo {
    include!(concat!(env!("OUT_DIR"), "/tonic/testing.v1.rs"));
}

/// A client of this very server.
static ITSELF: OnceLock<EchoClient<Channel>> = OnceLock::new();

/// The sending ends of streams that stay open.
static HELD: Mutex<Vec<mpsc::Sender<Note>>> = Mutex::new(Vec::new());

/// A runtime with so many workers; with none, the thread that blocks on it does all.
pub(super) fn runtime(workers: usize) -> Outcome<Runtime> {
    let mut builder = if workers == 0 { Builder::new_current_thread() } else { Builder::new_multi_thread() };
    if workers > 0 {
        builder.worker_threads(workers);
    }
    Ok(builder.enable_all().build()?)
}

/// Listens on a free port of this machine; the runtime must have been entered.
pub(super) fn listen() -> Outcome<(TcpIncoming, u16)> {
    let incoming = TcpIncoming::bind(([127, 0, 0, 1], 0).into())?;
    let port = incoming.local_addr()?.port();
    // As `serve` has it by default.
    Ok((incoming.with_nodelay(Some(true)), port))
}

/// Serves until the input ends; prints the port.
pub(super) fn serve(workers: usize) -> Outcome {
    let runtime = runtime(workers)?;
    let entered = runtime.enter();
    let (incoming, port) = listen()?;
    let itself = Endpoint::from_shared(format!("http://127.0.0.1:{port}"))?.connect_lazy();
    drop(entered);
    ITSELF.set(EchoClient::new(itself)).map_err(|_second| "one server a process")?;
    println!("{port}");
    let bench = BenchServer::new(Measured).max_decoding_message_size(LARGEST);
    let router = Server::builder().add_service(bench).add_service(EchoServer::new(Errands));
    let served = router.serve_with_incoming(incoming);
    if workers > 0 {
        // Its workers do all, and this thread waits, as that of our server.
        runtime.spawn(async move { served.await.expect("nothing ends the server") });
        return stay();
    }
    thread::spawn(|| stay().expect("an input can be read"));
    Ok(runtime.block_on(served)?)
}

struct Measured;

#[tonic::async_trait]
impl Bench for Measured {
    async fn unary(&self, request: Request<Req>) -> Result<Response<Resp>, Status> {
        let payload = request.into_inner().payload;
        Ok(Response::new(Resp { payload }))
    }

    type ServerStreamStream = BoxStream<Resp>;

    async fn server_stream(&self, request: Request<StreamReq>) -> Result<Response<BoxStream<Resp>>, Status> {
        let StreamReq { count, size } = request.into_inner();
        let replies = (0..count).map(move |_| Ok(Resp { payload: vec![7; size as usize] }));
        Ok(Response::new(Box::pin(tokio_stream::iter(replies))))
    }

    async fn client_stream(&self, requests: Request<Streaming<Req>>) -> Result<Response<Summary>, Status> {
        let mut requests = requests.into_inner();
        let mut summary = Summary::default();
        while let Some(message) = requests.message().await? {
            summary.count += 1;
            summary.bytes += message.payload.len() as u64;
        }
        Ok(Response::new(summary))
    }

    type BidiStream = BoxStream<Resp>;

    async fn bidi(&self, requests: Request<Streaming<Req>>) -> Result<Response<BoxStream<Resp>>, Status> {
        let replies = requests.into_inner().map(|message| message.map(|Req { payload }| Resp { payload }));
        Ok(Response::new(Box::pin(replies)))
    }
}

struct Errands;

#[tonic::async_trait]
impl Echo for Errands {
    async fn say(&self, request: Request<Note>) -> Result<Response<Note>, Status> {
        let note = request.into_inner();
        match Errand::of(&note.text) {
            Errand::Echo => {}
            Errand::Nest(depth) => {
                let mut itself = ITSELF.get().ok_or_else(|| Status::unavailable("not ready yet"))?.clone();
                itself.say(Note { text: format!("nest {}", depth - 1), ..note.clone() }).await?;
            }
            errand => {
                let blocked = task::spawn_blocking(move || errand.block()).await;
                blocked.map_err(|error| Status::internal(error.to_string()))?;
            }
        }
        Ok(Response::new(note))
    }

    type RepeatStream = BoxStream<Note>;

    async fn repeat(&self, request: Request<Note>) -> Result<Response<BoxStream<Note>>, Status> {
        let (replies, queue) = mpsc::channel(4);
        // There is room for four.
        let _sent = replies.send(request.into_inner()).await;
        HELD.lock().unwrap_or_else(PoisonError::into_inner).push(replies);
        Ok(Response::new(Box::pin(ReceiverStream::new(queue).map(Ok))))
    }

    async fn gather(&self, _requests: Request<Streaming<Note>>) -> Result<Response<Count>, Status> {
        Err(Status::unimplemented("nothing here uploads notes"))
    }

    type RelayStream = BoxStream<Note>;

    async fn relay(&self, _requests: Request<Streaming<Note>>) -> Result<Response<BoxStream<Note>>, Status> {
        Err(Status::unimplemented("nothing here relays notes"))
    }
}
