//! `client_trait`: code that calls a service, tested without one.

use std::sync::{Arc, Mutex};
use std::thread;

use stolid::{BidiStreaming, ClientStreaming, Code, Request, Response, Sender, Status, Streaming};
use stolid_tests::watchdog::watched;

use super::generated::with_trait::chat_client::{ChatApi, ChatClient, MockChatApi};
use super::generated::with_trait::{Chunk, Event, GetRoomRequest, Room, Said, Summary, WatchRequest};
use super::generated::{with_stubs as stubs, with_trait};
use super::{Answer, chat, serve};

struct Rooms;
chat!(with_trait for Rooms);

/// What is to be tested: the texts of all events, and how many people hear them.
fn heard(chat: &dyn ChatApi, room: &str) -> Result<(u32, Vec<String>), Status> {
    let people = chat.get_room(Request::new(GetRoomRequest { name: room.into() }))?.into_inner().people;
    let events = chat.watch(Request::new(WatchRequest { room: room.into(), events: 2 }))?;
    Ok((people, events.map(|event| Ok(event?.text)).collect::<Result<_, Status>>()?))
}

/// A chat without a server, which notes who asks for what.
#[derive(Default)]
struct Scripted {
    asked: Mutex<Vec<String>>,
}

impl ChatApi for Scripted {
    fn get_room(&self, request: Request<GetRoomRequest>) -> Answer<Room> {
        let name = request.into_inner().name;
        self.asked.lock().unwrap().push(name.clone());
        match name.as_str() {
            "cellar" => Err(Status::not_found("no such room")),
            _ => Ok(Response::new(Room { name, people: 2 })),
        }
    }

    fn watch(&self, _: Request<WatchRequest>) -> Result<Streaming<Event>, Status> {
        let event = |number, text: &str| Ok(Event { number, text: text.into() });
        Ok(Streaming::from_iter([event(1, "knock"), event(2, "who is there?")]))
    }

    fn upload(&self, _: Request<()>) -> Result<ClientStreaming<Chunk, Summary>, Status> {
        Err(Status::unimplemented("nothing is uploaded here"))
    }

    fn join(&self, _: Request<()>) -> Result<BidiStreaming<Said, Event>, Status> {
        Err(Status::unimplemented("nobody joins here"))
    }
}

#[test]
fn a_hand_written_client_takes_the_place_of_the_real_one() {
    let scripted = Scripted::default();

    assert_eq!(heard(&scripted, "hall").unwrap(), (2, vec!["knock".to_owned(), "who is there?".to_owned()]));
    assert_eq!(heard(&scripted, "cellar").unwrap_err().code(), Code::NotFound);
    assert_eq!(*scripted.asked.lock().unwrap(), ["hall", "cellar"]);
}

#[test]
fn the_real_client_is_one_too() {
    watched(|| {
        let (_server, channel) = serve(with_trait::chat_server::ChatServer::new(Rooms));
        let client: Arc<dyn ChatApi> = Arc::new(ChatClient::new(channel));

        // Any thread may call.
        let other = Arc::clone(&client);
        let heard = thread::spawn(move || heard(&*other, "hall")).join().unwrap().unwrap();
        assert_eq!(heard, (7, vec!["hall".to_owned(), "hall".to_owned()]));
        let call = client.upload(Request::new(())).unwrap().send_all([Chunk { data: vec![1; 5] }]).unwrap();
        assert_eq!(call.finish().unwrap().into_inner(), Summary { bytes: 5, chunks: 1 });
        let mut call = client.join(Request::new(())).unwrap();
        call.send(Said { text: "hello".into() }).unwrap();
        assert_eq!(call.message().unwrap().unwrap().text, "hello");
    });
}

/// Takes any client by its type.
fn people(chat: &impl ChatApi) -> Result<u32, Status> {
    Ok(chat.get_room(Request::new(GetRoomRequest::default()))?.into_inner().people)
}

#[test]
fn an_attribute_of_the_trait_makes_a_mock() {
    let mut mock = MockChatApi::new();
    mock.expect_get_room().times(1).returning(|_| Ok(Response::new(Room { people: 5, ..Room::default() })));
    mock.expect_watch().returning(|_| Ok(Streaming::from_iter([Err(Status::aborted("enough"))])));

    assert_eq!(people(&mock).unwrap(), 5);
    let mut events = mock.watch(Request::new(WatchRequest::default())).unwrap();
    assert_eq!(events.message().unwrap_err().code(), Code::Aborted);
}

/// Implements one call of four.
struct Counted(u32);

impl stubs::chat_client::ChatApi for Counted {
    fn get_room(&self, _: Request<stubs::GetRoomRequest>) -> Answer<stubs::Room> {
        Ok(Response::new(stubs::Room { name: String::new(), people: self.0 }))
    }
}

#[test]
fn with_default_stubs_a_client_need_not_have_all_calls() {
    use stubs::chat_client::ChatApi;

    let client = Counted(3);
    assert_eq!(client.get_room(Request::new(stubs::GetRoomRequest::default())).unwrap().into_inner().people, 3);
    let error = client.watch(Request::new(stubs::WatchRequest::default())).unwrap_err();
    assert_eq!((error.code(), error.message()), (Code::Unimplemented, "/kinds.v1.Chat/Watch is not implemented"));
    assert_eq!(client.upload(Request::new(())).unwrap_err().code(), Code::Unimplemented);
    assert_eq!(client.join(Request::new(())).unwrap_err().code(), Code::Unimplemented);
}
