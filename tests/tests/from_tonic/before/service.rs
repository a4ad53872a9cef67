//! The service on tonic.

use std::pin::Pin;

use tokio_stream::wrappers::ReceiverStream;
use tokio_stream::{Stream, StreamExt};
use tonic::{Request, Response, Status, Streaming};

use super::rooms::rooms_server::Rooms;
use super::rooms::{Chunk, Event, GetRoomRequest, Room, Summary, WatchRequest};

pub(crate) struct MyRooms;

#[tonic::async_trait]
impl Rooms for MyRooms {
    async fn get_room(&self, request: Request<GetRoomRequest>) -> Result<Response<Room>, Status> {
        let name = request.into_inner().name;
        if name.is_empty() {
            return Err(Status::invalid_argument("a room has a name"));
        }
        Ok(Response::new(Room { name, people: 2 }))
    }

    type WatchStream = ReceiverStream<Result<Event, Status>>;

    async fn watch(&self, request: Request<WatchRequest>) -> Result<Response<Self::WatchStream>, Status> {
        let WatchRequest { name, events } = request.into_inner();
        let (replies, stream) = tokio::sync::mpsc::channel(16);
        tokio::spawn(async move {
            for number in 1..=events {
                let text = format!("{name}: {number}");
                if replies.send(Ok(Event { text })).await.is_err() {
                    break;
                }
            }
        });
        Ok(Response::new(ReceiverStream::new(stream)))
    }

    async fn upload(&self, request: Request<Streaming<Chunk>>) -> Result<Response<Summary>, Status> {
        let mut chunks = request.into_inner();
        let mut bytes = 0;
        while let Some(chunk) = chunks.message().await? {
            bytes += chunk.data.len() as u64;
        }
        Ok(Response::new(Summary { bytes }))
    }

    type JoinStream = Pin<Box<dyn Stream<Item = Result<Event, Status>> + Send>>;

    async fn join(&self, request: Request<Streaming<Event>>) -> Result<Response<Self::JoinStream>, Status> {
        let events = request.into_inner();
        let replies = events.map(|event| {
            let text = event?.text.to_uppercase();
            Ok(Event { text })
        });
        Ok(Response::new(Box::pin(replies)))
    }
}
