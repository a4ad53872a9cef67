//! The service on Stolid.

use stolid::{Request, Response, Sender, Status, Streaming};

use super::rooms::rooms_server::Rooms;
use super::rooms::{Chunk, Event, GetRoomRequest, Room, Summary, WatchRequest};

pub(crate) struct MyRooms;

impl Rooms for MyRooms {
    fn get_room(&self, request: Request<GetRoomRequest>) -> Result<Response<Room>, Status> {
        let name = request.into_inner().name;
        if name.is_empty() {
            return Err(Status::invalid_argument("a room has a name"));
        }
        Ok(Response::new(Room { name, people: 2 }))
    }

    fn watch(&self, request: Request<WatchRequest>, replies: Sender<Event>) -> Result<(), Status> {
        let WatchRequest { name, events } = request.into_inner();
        for number in 1..=events {
            let text = format!("{name}: {number}");
            replies.send(Event { text })?;
        }
        Ok(())
    }

    fn upload(&self, request: Request<Streaming<Chunk>>) -> Result<Response<Summary>, Status> {
        let mut chunks = request.into_inner();
        let mut bytes = 0;
        while let Some(chunk) = chunks.message()? {
            bytes += chunk.data.len() as u64;
        }
        Ok(Response::new(Summary { bytes }))
    }

    fn join(&self, request: Request<Streaming<Event>>, replies: Sender<Event>) -> Result<(), Status> {
        replies.send_headers();
        for event in request.into_inner() {
            let text = event?.text.to_uppercase();
            replies.send(Event { text })?;
        }
        Ok(())
    }
}
