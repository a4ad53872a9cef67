//! Messages some time apart, and how long each is on its way: server and client in one process, so that they share a clock.

use std::sync::LazyLock;
use std::thread;
use std::time::{Duration, Instant};

use stolid::{Request, Response, Sender, Server, Status, Streaming};
use stolid_tests::echo::echo_client::EchoClient;
use stolid_tests::echo::echo_server::{Echo, EchoServer};
use stolid_tests::echo::{Count, Note};
use tokio::sync::mpsc;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;
use tonic::codegen::BoxStream;
use tonic::transport::Endpoint;

use super::errand::spin_until;
use super::tonic_server::{self, listen, runtime};
use super::{each_time_told, p50_p99};
use crate::Outcome;

/// The clock of both sides: a note's number is the nanoseconds since then.
static ZERO: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Longer pauses are slept; a thread does not sleep for so short a time.
const SPUN: Duration = Duration::from_micros(200);

/// Prints p50 and p99 of the way of so many messages, in microseconds.
pub(super) fn run(how: &str, pause: Duration, count: u64) -> Outcome {
    match how {
        "stolid" => ours(Pacer { pause, count, flushes: false }),
        "stolid-flushed" => ours(Pacer { pause, count, flushes: true }),
        "tonic" => theirs(Pacer { pause, count, flushes: false }),
        _ => Err(format!("nothing is paced by {how}").into()),
    }
}

/// What a handler sends, and when.
#[derive(Clone, Copy, Debug)]
struct Pacer {
    pause: Duration,
    count: u64,
    flushes: bool,
}

impl Pacer {
    /// Hands over each message at its time until nobody takes them.
    fn pace(self, mut send: impl FnMut(Note) -> bool) {
        let mut due = Instant::now();
        for _ in 0..self.count {
            due += self.pause;
            if self.pause > SPUN {
                thread::sleep(due.saturating_duration_since(Instant::now()));
            } else {
                spin_until(due);
            }
            let number = ZERO.elapsed().as_nanos() as u64;
            if !send(Note { number, ..Note::default() }) {
                return;
            }
        }
    }
}

/// How long a note was on its way.
fn way(note: &Note) -> Duration {
    ZERO.elapsed().saturating_sub(Duration::from_nanos(note.number))
}

/// Leaves the beginning out, in which connections and buffers are made.
fn figures(mut times: Vec<Duration>) -> Vec<f64> {
    times.drain(..times.len() / 10);
    p50_p99(times)
}

fn ours(pacer: Pacer) -> Outcome {
    let server = Server::builder().add_service(EchoServer::new(pacer)).start("127.0.0.1:0")?;
    let client = EchoClient::connect(format!("http://{}", server.local_addr()))?;
    each_time_told(|| {
        let mut times = Vec::new();
        for note in client.repeat(Note::default())? {
            times.push(way(&note?));
        }
        Ok(figures(times))
    })
}

fn theirs(pacer: Pacer) -> Outcome {
    let runtime = runtime(2)?;
    let entered = runtime.enter();
    let (incoming, port) = listen()?;
    drop(entered);
    let service = tonic_server::echo::echo_server::EchoServer::new(pacer);
    runtime.spawn(tonic::transport::Server::builder().add_service(service).serve_with_incoming(incoming));
    let endpoint = Endpoint::from_shared(format!("http://127.0.0.1:{port}"))?;
    let channel = runtime.block_on(endpoint.connect())?;
    let mut client = tonic_server::echo::echo_client::EchoClient::new(channel);
    each_time_told(|| {
        let mut replies = runtime.block_on(client.repeat(Note::default()))?.into_inner();
        let mut times = Vec::new();
        while let Some(note) = runtime.block_on(replies.message())? {
            times.push(way(&note));
        }
        Ok(figures(times))
    })
}

impl Echo for Pacer {
    fn say(&self, request: Request<Note>) -> Result<Response<Note>, Status> {
        Ok(Response::new(request.into_inner()))
    }

    fn repeat(&self, _request: Request<Note>, replies: Sender<Note>) -> Result<(), Status> {
        self.pace(|note| {
            let sent = replies.send(note);
            if self.flushes {
                replies.flush();
            }
            sent.is_ok()
        });
        Ok(())
    }

    fn gather(&self, _requests: Request<Streaming<Note>>) -> Result<Response<Count>, Status> {
        Err(Status::unimplemented("nothing here uploads notes"))
    }

    fn relay(&self, _requests: Request<Streaming<Note>>, _replies: Sender<Note>) -> Result<(), Status> {
        Err(Status::unimplemented("nothing here relays notes"))
    }
}

#[tonic::async_trait]
impl tonic_server::echo::echo_server::Echo for Pacer {
    async fn say(&self, request: tonic::Request<Note>) -> Result<tonic::Response<Note>, tonic::Status> {
        Ok(tonic::Response::new(request.into_inner()))
    }

    type RepeatStream = BoxStream<Note>;

    async fn repeat(&self, _request: tonic::Request<Note>) -> Result<tonic::Response<BoxStream<Note>>, tonic::Status> {
        let (replies, queue) = mpsc::channel(64);
        let pacer = *self;
        // A handler that keeps a worker busy would stop the others; this is what its users are told to do.
        tokio::task::spawn_blocking(move || pacer.pace(|note| replies.blocking_send(note).is_ok()));
        Ok(tonic::Response::new(Box::pin(ReceiverStream::new(queue).map(Ok))))
    }

    async fn gather(
        &self,
        _requests: tonic::Request<tonic::Streaming<Note>>,
    ) -> Result<tonic::Response<Count>, tonic::Status> {
        Err(tonic::Status::unimplemented("nothing here uploads notes"))
    }

    type RelayStream = BoxStream<Note>;

    async fn relay(
        &self,
        _requests: tonic::Request<tonic::Streaming<Note>>,
    ) -> Result<tonic::Response<BoxStream<Note>>, tonic::Status> {
        Err(tonic::Status::unimplemented("nothing here relays notes"))
    }
}
