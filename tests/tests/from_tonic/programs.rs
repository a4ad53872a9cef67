//! The two programs, run against themselves and against each other.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use stolid::{Code, Context, Request, Response, Sender, Server, Status, Streaming};
use stolid_tests::config;
use stolid_tests::process::eventually;
use stolid_tests::watchdog::watched;
use tokio::runtime::{Builder, Runtime};
use tonic::transport::server::{Router, TcpIncoming};

use crate::after::rooms::rooms_client::RoomsClient;
use crate::after::rooms::rooms_server::{Rooms, RoomsServer};
use crate::after::rooms::{Chunk, Event, GetRoomRequest, Room, Summary, WatchRequest};
use crate::after::service::MyRooms;
use crate::after::waiting::{self, Board};
use crate::before::rooms::rooms_client::RoomsClient as TheirClient;
use crate::before::rooms::rooms_server::RoomsServer as TheirServer;
use crate::{Seen, after, before};

pub(crate) fn runtime() -> Runtime {
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("the machine has threads left")
}

fn our_server() -> (Server, String) {
    let server = config::server().add_service(RoomsServer::new(MyRooms)).start("127.0.0.1:0");
    let server = server.expect("a loopback port is free");
    let address = format!("http://{}", server.local_addr());
    (server, address)
}

/// Starts tonic's server on a free port; it ends with the runtime.
pub(crate) fn their_server(runtime: &Runtime, router: Router) -> String {
    let _entered = runtime.enter();
    let incoming = TcpIncoming::bind(([127, 0, 0, 1], 0).into()).expect("a loopback port is free");
    let address = incoming.local_addr().expect("it is bound");
    runtime.spawn(router.serve_with_incoming(incoming));
    format!("http://{address}")
}

pub(crate) fn asking(name: &str) -> GetRoomRequest {
    GetRoomRequest { name: name.to_owned() }
}

fn rust() -> Room {
    Room { name: "rust".to_owned(), people: 2 }
}

/// What a client of either program sees at a server of either.
fn everything() -> Seen {
    Seen {
        room: rust(),
        events: ["rust: 1", "rust: 2", "rust: 3"].map(str::to_owned).into(),
        bytes: 6,
        replies: ["ONE", "TWO"].map(str::to_owned).into(),
    }
}

#[test]
fn each_client_sees_the_same_at_each_server() {
    watched(|| {
        let runtime = runtime();
        let (_ours, our_address) = our_server();
        let router = tonic::transport::Server::builder().add_service(TheirServer::new(before::service::MyRooms));
        let their_address = their_server(&runtime, router);
        for address in [our_address, their_address] {
            let seen = after::calls::all_four(address.clone()).expect("the calls succeed");
            assert_eq!(seen, everything(), "{address}");
            let seen = runtime.block_on(before::calls::all_four(address.clone())).expect("the calls succeed");
            assert_eq!(seen, everything(), "{address}");
        }
    });
}

#[test]
fn both_servers_start_and_stop_as_shown() {
    watched(|| {
        let (stop, stopped) = channel();
        drop(stop);
        after::program::serve("127.0.0.1:0", &stopped).expect("it starts and stops");
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let served = runtime().block_on(before::program::serve(address, std::future::ready(())));
        served.expect("it starts and stops");

        let server = after::program::compressing().expect("it starts");
        let client = RoomsClient::connect(format!("http://{}", server.local_addr())).expect("the server listens");
        assert_eq!(client.get_room(asking("rust")).expect("it answers").into_inner(), rust());
    });
}

#[test]
fn the_build_scripts_say_what_they_miss() {
    // There is no such file here; that the scripts compile and run is the point.
    for script in [after::build_script::main, after::build_script::with_messages] {
        let error = script().expect_err("the file is missing").to_string();
        assert!(error.contains("proto/rooms.proto"), "{error}");
    }
}

#[test]
fn both_channels_are_configured_as_shown() {
    watched(|| {
        let (_server, address) = our_server();
        for channel in [after::calls::configured(&address), after::calls::lazy(&address)] {
            let client = RoomsClient::new(channel.expect("the server listens"));
            let (rust_room, go) = after::calls::two_at_once(&client).expect("it answers");
            assert_eq!((rust_room, go.name), (rust(), "go".to_owned()));
        }
        runtime().block_on(async {
            let eager = before::calls::configured(address.clone()).await;
            let lazy = before::calls::lazy(address.clone());
            for channel in [eager, lazy] {
                let client = TheirClient::new(channel.expect("the server listens"));
                let (rust_room, go) = before::calls::two_at_once(&client).await.expect("it answers");
                assert_eq!((rust_room, go.name), (rust(), "go".to_owned()));
            }
            let client = RoomsClient::connect(&address).expect("the server listens");
            assert_eq!(waiting::from_async(client).await.expect("it answers"), rust());
        });
    });
}

#[test]
fn metadata_is_the_same_on_both_sides() {
    let ours = after::calls::with_metadata("rust").expect("legal metadata");
    assert_eq!(after::calls::read(ours.metadata()), (Some("ada"), Some(vec![1, 2])));
    let theirs = before::calls::with_metadata("rust").expect("legal metadata");
    assert_eq!(before::calls::read(theirs.metadata()), (Some("ada"), Some(vec![1, 2])));

    let ours = after::calls::answer(rust()).expect("legal metadata");
    assert_eq!(ours.metadata().get("x-region"), Some("north"));
    assert_eq!(ours.trailers().get("x-cost"), Some("7"));
    let theirs = before::calls::answer(rust()).expect("legal metadata");
    assert_eq!(theirs.metadata().get("x-region").expect("it is there"), "north");
}

#[test]
fn details_are_the_same_on_both_sides() {
    let ours = after::details::failure();
    assert_eq!(after::calls::wrong_fields(&ours), ["name"]);
    let theirs = tonic::Status::with_details(
        tonic::Code::InvalidArgument,
        ours.message(),
        tonic::codegen::Bytes::copy_from_slice(ours.details()),
    );
    assert_eq!(before::calls::wrong_fields(&theirs), ["name"]);
}

/// An order of calls: without the token, and with it.
#[track_caller]
fn assert_guarded(client: &RoomsClient) {
    let refused = client.get_room(asking("rust")).expect_err("it has no token");
    assert_eq!(refused.code(), Code::Unauthenticated);
    let signed = after::guard::signed(asking("rust")).expect("a good token");
    assert_eq!(client.get_room(signed).expect("it has the token").into_inner(), rust());
}

#[test]
fn a_guard_does_what_an_interceptor_did() {
    watched(|| {
        let runtime = runtime();
        let guarded = RoomsServer::new(after::guard::Guarded(MyRooms));
        let server = config::server().add_service(guarded).start("127.0.0.1:0").expect("a loopback port is free");
        let our_address = format!("http://{}", server.local_addr());
        let router = tonic::transport::Server::builder().add_service(before::guard::service());
        let their_address = their_server(&runtime, router);
        for address in [our_address, their_address] {
            let client = RoomsClient::connect(&address).expect("the server listens");
            assert_guarded(&client);
            let watching = after::guard::signed(WatchRequest { name: "rust".to_owned(), events: 2 });
            let events = client.watch(watching.expect("a good token")).expect("the call opens");
            assert_eq!(events.map(|event| event.expect("the stream goes on").text).last(), Some("rust: 2".to_owned()));
            let upload = client.upload(()).expect("the call opens");
            assert_eq!(upload.finish().expect_err("it has no token").code(), Code::Unauthenticated);
            let mut call = client.join(()).expect("the call opens");
            assert_eq!(call.message().expect_err("it has no token").code(), Code::Unauthenticated);

            let room = runtime.block_on(async {
                let mut client = before::guard::client(before::calls::lazy(address).expect("an address"));
                client.get_room(asking("rust")).await
            });
            assert_eq!(room.expect("it is signed").into_inner(), rust());
        }
    });
}

#[test]
fn a_codec_of_ones_own_is_used_by_both_sides() {
    watched(|| {
        let server = config::server().add_service(after::codecs::Doubler).start("127.0.0.1:0");
        let server = server.expect("a loopback port is free");
        let channel = config::channel(format!("http://{}", server.local_addr())).connect().expect("the server listens");
        assert_eq!(after::codecs::double(channel, 21).expect("it answers"), 42);
    });
}

/// A service whose calls go on until they are ended.
#[derive(Default)]
struct Waiting {
    board: Arc<Board>,
}

impl Rooms for Waiting {
    fn get_room(&self, request: Request<GetRoomRequest>) -> Result<Response<Room>, Status> {
        let context = request.context();
        context.wait_cancelled(None);
        context.check()?;
        Ok(Response::new(rust()))
    }

    fn watch(&self, _request: Request<WatchRequest>, replies: Sender<Event>) -> Result<(), Status> {
        self.board.watch(replies)
    }

    fn upload(&self, _request: Request<Streaming<Chunk>>) -> Result<Response<Summary>, Status> {
        Err(Status::unimplemented("nobody calls it"))
    }

    fn join(&self, _request: Request<Streaming<Event>>, _replies: Sender<Event>) -> Result<(), Status> {
        Err(Status::unimplemented("nobody calls it"))
    }
}

#[test]
fn waits_end_as_shown() {
    watched(|| {
        let service = Waiting::default();
        let board = Arc::clone(&service.board);
        let server = config::server().add_service(RoomsServer::new(service)).start("127.0.0.1:0");
        let server = server.expect("a loopback port is free");
        let client = RoomsClient::connect(format!("http://{}", server.local_addr())).expect("the server listens");

        let mut events = client.watch(WatchRequest::default()).expect("the call opens");
        let event = waiting::next_within(&mut events, Duration::from_millis(20)).expect("the call runs");
        assert_eq!(event, None);
        eventually("the handler has returned", || server.stats().calls_started == 1 && server.stats().running == 0);
        board.announce("hello");
        let event = waiting::next_within(&mut events, Duration::from_secs(20)).expect("the call runs");
        assert_eq!(event, Some(Event { text: "hello".to_owned() }));

        let stop = Context::new();
        let stopping = stop.clone();
        let called = thread::spawn(move || waiting::cancellable(&client, &stopping));
        eventually("the handler waits", || server.stats().running == 1);
        stop.cancel();
        let status = called.join().expect("it does not panic").expect_err("it was cancelled");
        assert_eq!(status.code(), Code::Cancelled, "{status}");
    });
}

#[test]
fn work_and_streams_come_to_their_end_as_shown() {
    watched(|| {
        let request = Request::new(WatchRequest::default());
        assert_eq!(waiting::counted(&request, 5).expect("nobody cancels it"), 10);

        let events = ["a", "b"].map(|text| Ok(Event { text: text.to_owned() }));
        let (_keyboard, words) = crossbeam_channel::unbounded();
        let seen = waiting::merged(Streaming::from_iter(events), &words);
        assert_eq!(seen.expect("the stream ends well"), ["a", "b"]);
    });
}
