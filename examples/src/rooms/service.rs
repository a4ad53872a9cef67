//! The rooms as a service, for a server that has no items.

use std::sync::Arc;

use stolid::{Request, Response, Sender, Status, Streaming};

use super::chat;
use super::hub::Hub;
use crate::items::proto::stream_service_server::StreamService;
use crate::items::proto::{ChatMessage, Item, ListItemsRequest, UploadResponse};

/// `stream.v1.StreamService` with the rooms of a hub and nothing else.
#[derive(Clone, Debug)]
pub struct RoomService {
    hub: Arc<Hub>,
}

impl RoomService {
    /// Serves the rooms of `hub`.
    pub fn new(hub: Arc<Hub>) -> Self {
        Self { hub }
    }
}

impl StreamService for RoomService {
    fn list_items(&self, _: Request<ListItemsRequest>, _: Sender<Item>) -> Result<(), Status> {
        Err(no_items())
    }

    fn upload_items(&self, _: Request<Streaming<Item>>) -> Result<Response<UploadResponse>, Status> {
        Err(no_items())
    }

    fn chat(&self, messages: Request<Streaming<ChatMessage>>, replies: Sender<ChatMessage>) -> Result<(), Status> {
        chat::serve(&self.hub, messages.into_inner(), replies);
        Ok(())
    }
}

fn no_items() -> Status {
    Status::unimplemented("this server has rooms and no items; items-server has both")
}
