//! What the page's table "What is different" says, on both sides.

use std::sync::Mutex;
use std::sync::mpsc::{self, channel};
use std::time::Duration;

use stolid::{Code, Request, Response, Sender, Status, Streaming};
use stolid_tests::config;
use stolid_tests::watchdog::watched;
use tokio_stream::wrappers::ReceiverStream;
use tonic::codegen::BoxStream;

use crate::after::rooms::rooms_client::RoomsClient;
use crate::after::rooms::rooms_server::{Rooms, RoomsServer};
use crate::after::rooms::{Chunk, Event, GetRoomRequest, Room, Summary, WatchRequest};
use crate::before::rooms::rooms_client::RoomsClient as TheirClient;
use crate::before::rooms::rooms_server::{Rooms as TheirRooms, RoomsServer as TheirServer};
use crate::programs::{asking, runtime, their_server};

/// The timeouts that run out here.
const MOMENT: Duration = Duration::from_millis(50);

/// How long tonic is watched doing nothing.
const LONGER: Duration = Duration::from_millis(500);

/// The room whose calls are never answered.
const SILENT: &str = "silent";

/// The room whose handlers panic.
const PANIC: &str = "panic";

/// The room whose handlers fail, with metadata.
const FAIL: &str = "fail";

/// The room whose handlers call for that room and pass on what they get.
const PASS_ON: &str = "pass on";

/// A service of few words on Stolid; what becomes of an upload is told: 0 for its begin, then its end.
struct Quiet {
    uploads: Mutex<mpsc::Sender<Result<u64, Code>>>,
}

impl Rooms for Quiet {
    fn get_room(&self, request: Request<GetRoomRequest>) -> Result<Response<Room>, Status> {
        match &*request.get_ref().name {
            PANIC => panic!("as told"),
            FAIL => {
                let mut status = Status::aborted("as told");
                status.metadata_mut().insert("x-secret", "s3cret")?;
                return Err(status);
            }
            PASS_ON => {
                let address = request.context().local_addr().expect("it is a socket");
                let client = RoomsClient::connect(format!("http://{address}")).expect("the server listens");
                return Ok(Response::new(client.get_room(asking(FAIL))?.into_inner()));
            }
            _ => request.context().wait_cancelled(None),
        };
        Err(Status::cancelled("nobody waits"))
    }

    fn watch(&self, request: Request<WatchRequest>, _replies: Sender<Event>) -> Result<(), Status> {
        request.context().wait_cancelled(None);
        Ok(())
    }

    fn upload(&self, request: Request<Streaming<Chunk>>) -> Result<Response<Summary>, Status> {
        let tell = self.uploads.lock().expect("nobody panics with it").clone();
        tell.send(Ok(0)).expect("the test waits for it");
        let read = request.into_inner().try_fold(0, |bytes, chunk| Ok(bytes + chunk?.data.len() as u64));
        tell.send(read.as_ref().copied().map_err(Status::code)).expect("the test waits for it");
        Ok(Response::new(Summary { bytes: read? }))
    }

    fn join(&self, request: Request<Streaming<Event>>, _replies: Sender<Event>) -> Result<(), Status> {
        request.context().wait_cancelled(None);
        Ok(())
    }
}

/// The same on tonic.
struct TheirQuiet;

#[tonic::async_trait]
impl TheirRooms for TheirQuiet {
    async fn get_room(&self, request: tonic::Request<GetRoomRequest>) -> Result<tonic::Response<Room>, tonic::Status> {
        match &*request.get_ref().name {
            PANIC => panic!("as told"),
            FAIL => {
                let mut status = tonic::Status::aborted("as told");
                status.metadata_mut().insert("x-secret", "s3cret".parse().expect("a good value"));
                Err(status)
            }
            PASS_ON => {
                let address = request.local_addr().expect("it is a socket");
                let mut client = TheirClient::connect(format!("http://{address}")).await.expect("the server listens");
                Ok(tonic::Response::new(client.get_room(asking(FAIL)).await?.into_inner()))
            }
            _ => std::future::pending().await,
        }
    }

    type WatchStream = BoxStream<Event>;

    async fn watch(
        &self,
        _request: tonic::Request<WatchRequest>,
    ) -> Result<tonic::Response<Self::WatchStream>, tonic::Status> {
        Ok(tonic::Response::new(Box::pin(tokio_stream::pending())))
    }

    async fn upload(
        &self,
        request: tonic::Request<tonic::Streaming<Chunk>>,
    ) -> Result<tonic::Response<Summary>, tonic::Status> {
        let mut chunks = request.into_inner();
        let mut bytes = 0;
        while let Some(chunk) = chunks.message().await? {
            bytes += chunk.data.len() as u64;
        }
        Ok(tonic::Response::new(Summary { bytes }))
    }

    type JoinStream = BoxStream<Event>;

    async fn join(
        &self,
        _request: tonic::Request<tonic::Streaming<Event>>,
    ) -> Result<tonic::Response<Self::JoinStream>, tonic::Status> {
        std::future::pending().await
    }
}

/// Runs a test of our client and server.
#[track_caller]
fn on_stolid(test: impl FnOnce(RoomsClient, mpsc::Receiver<Result<u64, Code>>) + Send + 'static) {
    watched(|| {
        let (tell, uploads) = channel();
        let service = RoomsServer::new(Quiet { uploads: Mutex::new(tell) });
        let server = config::server().add_service(service).start("127.0.0.1:0").expect("a loopback port is free");
        test(RoomsClient::connect(format!("http://{}", server.local_addr())).expect("the server listens"), uploads);
    });
}

/// Runs a test of tonic's client and server.
#[track_caller]
fn on_tonic(test: impl AsyncFnOnce(TheirClient<tonic::transport::Channel>) + Send + 'static) {
    watched(|| {
        let runtime = runtime();
        let router = tonic::transport::Server::builder().add_service(TheirServer::new(TheirQuiet));
        let address = their_server(&runtime, router);
        runtime.block_on(async { test(TheirClient::connect(address).await.expect("the server listens")).await });
    });
}

fn soon<T>(message: T) -> tonic::Request<T> {
    let mut request = tonic::Request::new(message);
    request.set_timeout(MOMENT);
    request
}

#[test]
fn a_timeout_covers_the_whole_call() {
    on_stolid(|client, _uploads| {
        let request = Request::new(asking(SILENT)).with_timeout(MOMENT);
        assert_eq!(client.get_room(request).expect_err("it runs out").code(), Code::DeadlineExceeded);
        let request = Request::new(WatchRequest::default()).with_timeout(MOMENT);
        let mut events = client.watch(request).expect("the call opens");
        assert_eq!(events.message().expect_err("it runs out").code(), Code::DeadlineExceeded);
    });
}

#[test]
fn on_tonic_a_timeout_covers_the_headers() {
    on_tonic(async |mut client| {
        let status = client.get_room(soon(asking(SILENT))).await.expect_err("it runs out");
        assert_eq!(status.code(), tonic::Code::Cancelled, "{status}");
        let events = client.watch(soon(WatchRequest::default())).await.expect("the headers come at once");
        let mut events = events.into_inner();
        let waited = tokio::time::timeout(LONGER, events.message()).await;
        assert!(waited.is_err(), "{waited:?}");
    });
}

#[test]
fn a_panic_is_internal() {
    on_stolid(|client, _uploads| {
        let status = client.get_room(asking(PANIC)).expect_err("it panics");
        assert_eq!(status.code(), Code::Internal, "{status}");
    });
}

#[test]
fn on_tonic_a_panic_is_a_reset() {
    on_tonic(async |mut client| {
        let status = client.get_room(asking(PANIC)).await.expect_err("it panics");
        assert_eq!(status.code(), tonic::Code::Cancelled, "{status}");
        assert!(status.message().contains("h2"), "{status}");
    });
}

#[test]
fn a_status_passed_on_loses_its_metadata() {
    on_stolid(|client, _uploads| {
        let status = client.get_room(asking(FAIL)).expect_err("it fails");
        assert_eq!(status.metadata().get("x-secret"), Some("s3cret"));
        let status = client.get_room(asking(PASS_ON)).expect_err("it fails");
        assert_eq!((status.code(), status.message()), (Code::Aborted, "as told"));
        assert!(!status.metadata().contains_key("x-secret"), "{status:?}");
    });
}

#[test]
fn on_tonic_a_status_passed_on_keeps_its_metadata() {
    on_tonic(async |mut client| {
        let status = client.get_room(asking(PASS_ON)).await.expect_err("it fails");
        assert_eq!(status.code(), tonic::Code::Aborted, "{status}");
        assert!(status.metadata().contains_key("x-secret"), "{status:?}");
    });
}

#[test]
fn a_call_that_streams_returns_before_headers() {
    on_stolid(|client, _uploads| {
        let mut call = client.join(()).expect("the call opens");
        call.send(Event::default()).expect("it is sent");
        call.cancel();
        assert_eq!(call.message().expect_err("it is cancelled").code(), Code::Cancelled);
    });
}

#[test]
fn on_tonic_a_call_that_streams_waits_for_headers() {
    on_tonic(async |mut client| {
        let waited = tokio::time::timeout(LONGER, client.join(tokio_stream::pending())).await;
        assert!(waited.is_err(), "{waited:?}");
    });
}

#[test]
fn an_upload_dropped_half_way_is_cancelled() {
    on_stolid(|client, uploads| {
        let mut upload = client.upload(()).expect("the call opens");
        upload.send(Chunk { data: vec![0; 7] }).expect("it is sent");
        assert_eq!(uploads.recv().expect("the handler tells"), Ok(0));
        drop(upload);
        assert_eq!(uploads.recv().expect("the handler tells"), Err(Code::Cancelled));
    });
}

#[test]
fn on_tonic_an_upload_dropped_half_way_looks_whole() {
    on_tonic(async |mut client| {
        let (chunks, stream) = tokio::sync::mpsc::channel(16);
        chunks.send(Chunk { data: vec![0; 7] }).await.expect("there is room");
        // The task that makes the chunks fails and drops its end.
        drop(chunks);
        let summary = client.upload(ReceiverStream::new(stream)).await.expect("nobody notices");
        assert_eq!(summary.into_inner().bytes, 7);
    });
}
