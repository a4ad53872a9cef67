//! Tests that the user of Stolid writes.

use std::error::Error;

use stolid::{BidiStreaming, ClientStreaming, Request, Response, Server, Status, Streaming};

use super::rooms::rooms_client::{RoomsApi, RoomsClient};
use super::rooms::rooms_server::{Rooms, RoomsServer};
use super::rooms::{Chunk, Event, GetRoomRequest, Room, Summary, WatchRequest};
use super::service::MyRooms;

#[test]
fn a_handler_can_be_called() -> Result<(), Box<dyn Error>> {
    let response = MyRooms.get_room(Request::new(GetRoomRequest { name: "rust".into() }))?;
    assert_eq!(response.into_inner(), Room { name: "rust".into(), people: 2 });
    Ok(())
}

#[test]
fn a_handler_can_be_given_a_stream() -> Result<(), Box<dyn Error>> {
    let chunks = [1, 2, 3].map(|length| Ok(Chunk { data: vec![0; length] }));
    let response = MyRooms.upload(Request::new(Streaming::from_iter(chunks)))?;
    assert_eq!(response.into_inner(), Summary { bytes: 6 });
    Ok(())
}

fn people(rooms: &dyn RoomsApi) -> Result<u32, Status> {
    Ok(rooms.get_room(Request::new(GetRoomRequest { name: "rust".into() }))?.into_inner().people)
}

struct FullRooms;

impl RoomsApi for FullRooms {
    fn get_room(&self, request: Request<GetRoomRequest>) -> Result<Response<Room>, Status> {
        Ok(Response::new(Room { name: request.into_inner().name, people: 64 }))
    }

    fn watch(&self, _request: Request<WatchRequest>) -> Result<Streaming<Event>, Status> {
        Ok(Streaming::from_iter([Ok(Event { text: "hello".into() })]))
    }

    fn upload(&self, _request: Request<()>) -> Result<ClientStreaming<Chunk, Summary>, Status> {
        Err(Status::unimplemented("not in this test"))
    }

    fn join(&self, _request: Request<()>) -> Result<BidiStreaming<Event, Event>, Status> {
        Err(Status::unimplemented("not in this test"))
    }
}

#[test]
fn a_client_can_be_replaced() -> Result<(), Box<dyn Error>> {
    assert_eq!(people(&FullRooms)?, 64);
    assert_eq!(FullRooms.watch(Request::new(WatchRequest::default()))?.count(), 1);
    assert!(FullRooms.upload(Request::new(())).is_err() && FullRooms.join(Request::new(())).is_err());
    Ok(())
}

#[test]
fn a_server_needs_a_line_and_a_free_port() -> Result<(), Box<dyn Error>> {
    let server = Server::builder().add_service(RoomsServer::new(MyRooms)).start("127.0.0.1:0")?;
    let client = RoomsClient::connect(format!("http://{}", server.local_addr()))?;
    assert_eq!(client.get_room(GetRoomRequest { name: "rust".into() })?.into_inner().people, 2);
    Ok(())
}
