//! Waiting, giving up, and doing several things at once.

use std::sync::Mutex;
use std::time::Duration;

use crossbeam_channel::{Receiver, select, unbounded};
use stolid::{Context, DetachedSender, Event as Delivered, RecvTimeoutError, Request, Sender, Status, Streaming};

use super::rooms::rooms_client::RoomsClient;
use super::rooms::{Event, GetRoomRequest, Room, WatchRequest};

/// The next message, if it comes in time.
pub(crate) fn next_within(events: &mut Streaming<Event>, time: Duration) -> Result<Option<Event>, Status> {
    match events.message_timeout(time) {
        Ok(event) => Ok(event),
        Err(RecvTimeoutError::Timeout) => Ok(None),
        Err(RecvTimeoutError::Status(status)) => Err(status),
    }
}

/// A call that another thread may end.
pub(crate) fn cancellable(client: &RoomsClient, stop: &Context) -> Result<Room, Status> {
    let request = Request::new(GetRoomRequest { name: "rust".into() }).with_parent(stop.clone());
    Ok(client.get_room(request)?.into_inner())
}

/// A handler's long work, given up when nobody waits for it.
pub(crate) fn counted(request: &Request<WatchRequest>, steps: u64) -> Result<u64, Status> {
    let context = request.context();
    let mut sum = 0;
    for step in 0..steps {
        context.check()?;
        sum += step;
    }
    Ok(sum)
}

/// What comes first: an event of the stream, or a word of the user.
pub(crate) fn merged(events: Streaming<Event>, keyboard: &Receiver<String>) -> Result<Vec<String>, Status> {
    let (deliver, stream) = unbounded();
    events.deliver_to(deliver)?;
    let mut seen = Vec::new();
    loop {
        select! {
            recv(stream) -> event => match event {
                Ok(Delivered::Message(event)) => seen.push(event.text),
                Ok(Delivered::End(outcome)) => return outcome.map(|_trailers| seen),
                Err(_disconnected) => return Ok(seen),
            },
            recv(keyboard) -> word => seen.extend(word),
        }
    }
}

/// Streams that go on after their handlers have returned.
#[derive(Default)]
pub(crate) struct Board {
    watchers: Mutex<Vec<DetachedSender<Event>>>,
}

impl Board {
    pub(crate) fn watch(&self, replies: Sender<Event>) -> Result<(), Status> {
        self.watchers.lock().unwrap().push(replies.detach());
        Ok(())
    }

    pub(crate) fn announce(&self, text: &str) {
        let mut watchers = self.watchers.lock().unwrap();
        watchers.retain(|watcher| watcher.send(Event { text: text.into() }).is_ok());
    }
}

/// A call out of a program that is async.
pub(crate) async fn from_async(client: RoomsClient) -> Result<Room, Status> {
    let called = tokio::task::spawn_blocking(move || client.get_room(GetRoomRequest { name: "rust".into() }));
    let response = called.await.map_err(|error| Status::internal(error.to_string()))?;
    Ok(response?.into_inner())
}
