//! What Stolid's user writes in place of interceptors.

use stolid::{InvalidMetadata, Metadata, Request, Response, Sender, Status, Streaming};

use super::rooms::rooms_server::Rooms;
use super::rooms::{Chunk, Event, GetRoomRequest, Room, Summary, WatchRequest};

fn check(metadata: &Metadata) -> Result<(), Status> {
    match metadata.get("authorization") {
        Some("Bearer t0ken") => Ok(()),
        _ => Err(Status::unauthenticated("who are you?")),
    }
}

pub(crate) struct Guarded<T>(pub(crate) T);

impl<T: Rooms> Rooms for Guarded<T> {
    fn get_room(&self, request: Request<GetRoomRequest>) -> Result<Response<Room>, Status> {
        check(request.metadata())?;
        self.0.get_room(request)
    }

    fn watch(&self, request: Request<WatchRequest>, replies: Sender<Event>) -> Result<(), Status> {
        check(request.metadata())?;
        self.0.watch(request, replies)
    }

    fn upload(&self, request: Request<Streaming<Chunk>>) -> Result<Response<Summary>, Status> {
        check(request.metadata())?;
        self.0.upload(request)
    }

    fn join(&self, request: Request<Streaming<Event>>, replies: Sender<Event>) -> Result<(), Status> {
        check(request.metadata())?;
        self.0.join(request, replies)
    }
}

pub(crate) fn signed<T>(message: T) -> Result<Request<T>, InvalidMetadata> {
    Request::new(message).with_metadata("authorization", "Bearer t0ken")
}
