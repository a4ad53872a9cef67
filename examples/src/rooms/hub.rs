//! The rooms of one server, and the calls that are in them.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use stolid::{DetachedSender, Overflow, Sender, Status};

use super::room::{Room, Seat};
use crate::items::proto::ChatMessage;

/// Bytes that may wait for one client: room for a burst of some thousand messages.
const QUEUE_LIMIT: usize = 1024 * 1024;

/// Where the news of all rooms go, beside those who are in them.
#[derive(Clone)]
pub struct Log(Arc<dyn Fn(&str) + Send + Sync>);

impl Log {
    /// News go to this function, which must not use the hub.
    pub fn new(log: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self(Arc::new(log))
    }

    /// One line of news.
    pub fn line(&self, text: &str) {
        (self.0)(text);
    }
}

impl fmt::Debug for Log {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Log")
    }
}

/// All rooms; a room is there as long as somebody is in it.
///
/// # Locks
/// `rooms` and `calls` are leaves.
#[derive(Debug)]
pub struct Hub {
    rooms: Mutex<HashMap<String, Weak<Room>>>,
    calls: Mutex<Calls>,
    log: Log,
}

#[derive(Debug, Default)]
struct Calls {
    closed: bool,
    opened: u64,
    open: HashMap<u64, DetachedSender<ChatMessage>>,
}

impl Hub {
    /// A hub without rooms.
    pub fn new(log: Log) -> Self {
        Self { rooms: Mutex::default(), calls: Mutex::default(), log }
    }

    /// Takes a call in. It ends when the guard says so, or when the hub is closed.
    pub(super) fn admit(&self, replies: Sender<ChatMessage>) -> Admitted<'_> {
        // Who does not read must hold up nobody: a client that is so far behind is dropped.
        let replies = replies.with_queue_limit(QUEUE_LIMIT).with_overflow(Overflow::Disconnect);
        let detached = replies.clone().detach();
        let mut calls = self.calls();
        calls.opened += 1;
        let number = calls.opened;
        if calls.closed {
            drop(calls);
            detached.finish(Err(shutting_down()));
        } else {
            calls.open.insert(number, detached);
        }
        Admitted { hub: self, number, replies }
    }

    /// Ends every call: the server shuts down.
    pub fn close(&self) {
        let mut calls = self.calls();
        calls.closed = true;
        let open = std::mem::take(&mut calls.open);
        drop(calls);
        open.into_values().for_each(|call| call.finish(Err(shutting_down())));
    }

    fn room(&self, name: &str) -> Arc<Room> {
        let mut rooms = self.rooms.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(room) = rooms.get(name).and_then(Weak::upgrade) {
            return room;
        }
        rooms.retain(|_, room| room.strong_count() > 0);
        let room = Arc::new(Room::new(name, self.log.clone()));
        rooms.insert(name.to_owned(), Arc::downgrade(&room));
        room
    }

    fn calls(&self) -> MutexGuard<'_, Calls> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn shutting_down() -> Status {
    Status::unavailable("the server is shutting down")
}

/// A call that the hub knows.
#[derive(Debug)]
pub(super) struct Admitted<'a> {
    hub: &'a Hub,
    number: u64,
    replies: Sender<ChatMessage>,
}

impl Admitted<'_> {
    /// Takes a place in a room, which is made if it is not there.
    pub(super) fn enter(&self, room: &str, name: &str) -> Seat {
        self.hub.room(room).enter(self.number, name, self.replies.clone())
    }

    /// Ends the call, unless it has ended already.
    pub(super) fn finish(self, result: Result<(), Status>) {
        let call = self.hub.calls().open.remove(&self.number);
        if let Some(call) = call {
            call.finish(result);
        }
    }
}

impl Drop for Admitted<'_> {
    fn drop(&mut self) {
        // Only a handler that panicked left something here, and the sender's drop says so to the client.
        let call = self.hub.calls().open.remove(&self.number);
        drop(call);
    }
}
