//! The four kinds of calls, and what every server and client has.

use std::sync::Arc;

use stolid::client::Grpc;
use stolid::server::Service;
use stolid::{Code, Request, Response, Sender, Server, Status, Streaming};
use stolid_tests::config;
use stolid_tests::watchdog::watched;

use super::called::arrived;
use super::golden::kinds::v1::chat_client::ChatClient;
use super::golden::kinds::v1::chat_server::{Chat, ChatServer};
use super::golden::kinds::v1::{Chunk, Event, GetRoomRequest, Room, Said, Summary, WatchRequest};
use super::{Answer, serve};

struct Rooms;

impl Chat for Rooms {
    fn get_room(&self, request: Request<GetRoomRequest>) -> Answer<Room> {
        match arrived(request).name {
            name if name.is_empty() => Err(Status::not_found("no room without a name")),
            name => Ok(Response::new(Room { name, people: 7 })),
        }
    }

    fn watch(&self, request: Request<WatchRequest>, replies: Sender<Event>) -> Result<(), Status> {
        let WatchRequest { room, events } = arrived(request);
        replies.send_all((1..=u64::from(events)).map(|number| Event { number, text: room.clone() }))
    }

    fn upload(&self, requests: Request<Streaming<Chunk>>) -> Answer<Summary> {
        let mut summary = Summary::default();
        for chunk in arrived(requests) {
            summary.chunks += 1;
            summary.bytes += chunk?.data.len() as u64;
        }
        Ok(Response::new(summary))
    }

    fn join(&self, requests: Request<Streaming<Said>>, replies: Sender<Event>) -> Result<(), Status> {
        for (number, said) in (1..).zip(arrived(requests)) {
            replies.send(Event { number, text: said?.text })?;
        }
        Ok(())
    }
}

fn rooms() -> (Server, ChatClient) {
    let (server, channel) = serve(config::server().add_service(ChatServer::new(Rooms)));
    (server, ChatClient::new(channel))
}

pub(crate) fn call_all() {
    let (_server, client) = rooms();

    let room = client.get_room(GetRoomRequest { name: "hall".into() }).unwrap();
    assert_eq!(room.into_inner(), Room { name: "hall".into(), people: 7 });
    let error = client.get_room(Request::new(GetRoomRequest::default())).unwrap_err();
    assert_eq!((error.code(), error.message()), (Code::NotFound, "no room without a name"));

    let events = client.watch(WatchRequest { room: "hall".into(), events: 3 }).unwrap();
    let events: Vec<Event> = events.map(Result::unwrap).collect();
    assert_eq!(events, (1..=3).map(|number| Event { number, text: "hall".into() }).collect::<Vec<_>>());

    let chunks = [10, 0, 300].map(|length| Chunk { data: vec![1; length] });
    let summary = client.upload(()).unwrap().send_all(chunks).unwrap().finish().unwrap();
    assert_eq!(summary.into_inner(), Summary { bytes: 310, chunks: 3 });

    let (sender, mut events) = client.join(Request::new(())).unwrap().split();
    for (number, text) in (1..).zip(["one", "two"]) {
        sender.send(Said { text: text.into() }).unwrap();
        assert_eq!(events.message().unwrap(), Some(Event { number, text: text.into() }));
    }
    drop(sender);
    assert_eq!(events.message().unwrap(), None);
}

#[test]
fn the_four_kinds_of_calls() {
    watched(call_all);
}

#[test]
fn the_name_is_that_of_the_proto_file() {
    assert_eq!(ChatServer::<Rooms>::NAME, "kinds.v1.Chat");
    assert_eq!(<ChatServer<Rooms> as Service>::NAME, "kinds.v1.Chat");
}

#[test]
fn one_implementation_can_be_shared() {
    watched(|| {
        let shared = Arc::new(Rooms);
        let service = ChatServer::from_arc(Arc::clone(&shared));
        // Neither needs an implementation that is `Clone` or `Debug`.
        let (_server, channel) = serve(config::server().add_service(service.clone()));

        assert_eq!(format!("{service:?}"), "ChatServer { .. }");
        assert_eq!(Arc::strong_count(&shared), 2 + 4, "the service, and one for each method");
        let client = ChatClient::new(channel);
        let copy = client.clone();
        drop(client);
        assert_eq!(copy.get_room(GetRoomRequest { name: "a".into() }).unwrap().into_inner().name, "a");
        assert!(format!("{copy:?}").starts_with("ChatClient"));
    });
}

#[test]
fn connecting_and_limits() {
    watched(|| {
        let (server, _) = rooms();
        let url = format!("http://{}", server.local_addr());
        let name = "x".repeat(2_000);
        let request = GetRoomRequest { name };

        let client = ChatClient::connect(&url).unwrap();
        assert!(client.get_room(request.clone()).is_ok());
        let sends_little = client.clone().max_encoding_message_size(1_000);
        assert_eq!(sends_little.get_room(request.clone()).unwrap_err().code(), Code::ResourceExhausted);
        let takes_little = client.max_decoding_message_size(1_000);
        assert_eq!(takes_little.get_room(request).unwrap_err().code(), Code::ResourceExhausted);
        assert!(ChatClient::connect("no address at all").is_err());
    });
}

#[test]
fn a_method_that_is_not_there() {
    watched(|| {
        let (_server, channel) = serve(config::server().add_service(ChatServer::new(Rooms)));
        let grpc = Grpc::new(channel);
        let error = grpc.unary::<Said, Said>("/kinds.v1.Chat/Leave", Request::new(Said::default())).unwrap_err();

        assert_eq!(error.code(), Code::Unimplemented);
    });
}
