//! Tests that the user of Stolid writes.

use std::error::Error;

use stolid::{Request, Server, Streaming};

use super::rooms::rooms_client::RoomsClient;
use super::rooms::rooms_server::{Rooms, RoomsServer};
use super::rooms::{Chunk, GetRoomRequest, Room, Summary};
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

#[test]
fn a_server_needs_a_line_and_a_free_port() -> Result<(), Box<dyn Error>> {
    let server = Server::builder().add_service(RoomsServer::new(MyRooms)).start("127.0.0.1:0")?;
    let client = RoomsClient::connect(format!("http://{}", server.local_addr()))?;
    assert_eq!(client.get_room(GetRoomRequest { name: "rust".into() })?.into_inner().people, 2);
    Ok(())
}
