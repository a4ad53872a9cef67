//! The three methods of `stream.v1.StreamService`.

use std::fmt;
use std::sync::Arc;

use stolid::{Context, Request, Response, Sender, Status, Streaming};

use super::proto::stream_service_server::StreamService;
use super::proto::{ChatMessage, Item, ListItemsRequest, UploadResponse};
use super::repository::Repository;
use crate::rooms::chat;
use crate::rooms::hub::{Hub, Log};

/// Items that are read at a time.
const BATCH: usize = 100;

/// The service.
pub struct Items {
    repository: Box<dyn Repository>,
    hub: Arc<Hub>,
    log: Log,
}

impl Items {
    /// Serves the items of `repository` and the rooms of `hub`; tells `log` how each call with items ended.
    pub fn new(repository: Box<dyn Repository>, hub: Arc<Hub>, log: Log) -> Self {
        Self { repository, hub, log }
    }

    /// Sends all items; `sent` counts them also when it fails.
    fn send_items(&self, context: &Context, replies: &Sender<Item>, sent: &mut usize) -> Result<(), Status> {
        let mut cursor = Some(0);
        while let Some(from) = cursor {
            // Nobody waits for the next batch of a call that was cancelled or has run out of time.
            context.check()?;
            let batch = self.repository.batch(from, BATCH);
            let batch = batch.map_err(|error| Status::internal(format!("failed to fetch items: {error}")))?;
            for item in batch.items {
                replies.send(item)?;
                *sent += 1;
            }
            cursor = batch.next;
        }
        Ok(())
    }

    /// Keeps items until there are no more; `uploaded` counts them also when it fails.
    fn save_items(&self, items: &mut Streaming<Item>, uploaded: &mut UploadResponse) -> Result<(), Status> {
        while let Some(item) = items.message()? {
            let saved = self.repository.save(&item);
            saved.map_err(|error| Status::internal(format!("failed to save items: {error}")))?;
            uploaded.item_count = uploaded.item_count.saturating_add(1);
            uploaded.total_size += item.data.len() as i64;
        }
        Ok(())
    }

    fn log_end(&self, what: &str, result: &Result<(), Status>) {
        let how = match result {
            Ok(()) => String::new(),
            Err(status) => format!(", then {}: {}", status.code().name(), status.message()),
        };
        self.log.line(&format!("{what}{how}"));
    }
}

impl StreamService for Items {
    fn list_items(&self, request: Request<ListItemsRequest>, replies: Sender<Item>) -> Result<(), Status> {
        let mut sent = 0;
        let result = self.send_items(&request.context(), &replies, &mut sent);
        self.log_end(&format!("ListItems: {sent} items"), &result);
        result
    }

    fn upload_items(&self, items: Request<Streaming<Item>>) -> Result<Response<UploadResponse>, Status> {
        let mut uploaded = UploadResponse::default();
        let result = self.save_items(&mut items.into_inner(), &mut uploaded);
        let UploadResponse { item_count, total_size } = uploaded;
        self.log_end(&format!("UploadItems: {item_count} items, {total_size} bytes"), &result);
        result.map(|()| Response::new(uploaded))
    }

    fn chat(&self, messages: Request<Streaming<ChatMessage>>, replies: Sender<ChatMessage>) -> Result<(), Status> {
        chat::serve(&self.hub, messages.into_inner(), replies);
        Ok(())
    }
}

impl fmt::Debug for Items {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Items").field("hub", &self.hub).finish_non_exhaustive()
    }
}
