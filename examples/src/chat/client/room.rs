//! The room the user is in: what is said there, and how the client comes back to it.

use std::time::{Duration, Instant};

use stolid::{Code, SendTimeoutError, Sender, Status};

use super::app::{Activity, App};
use super::connection::Connection;
use crate::items::proto::ChatMessage;
use crate::rooms::message::WHO;

/// How long the server may refuse to take a message.
const SEND_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a message may take to come back.
const ECHO_TIMEOUT: Duration = Duration::from_secs(10);

/// A stream that carries what is said in rooms; dropping it leaves the room.
#[derive(Debug)]
pub struct RoomStream {
    /// Tells its events from those of other streams.
    pub number: u64,
    /// What this client says.
    pub requests: Sender<ChatMessage>,
}

/// The room the user is in.
#[derive(Debug)]
pub(super) struct CurrentRoom {
    pub(super) name: String,
    /// There is none while there is no connection.
    stream: Option<RoomStream>,
}

impl CurrentRoom {
    /// A room that is to be entered when there is a connection.
    pub(super) fn new(name: String) -> Self {
        Self { name, stream: None }
    }
}

impl App {
    /// `/room`.
    pub(super) fn enter_room(&mut self, name: String) -> Option<()> {
        self.room = None;
        self.ensure_connected()?;
        self.room = Some(CurrentRoom::new(name));
        self.open_room();
        Some(())
    }

    /// `/leave`.
    pub(super) fn leave_room(&mut self) -> Option<()> {
        let Some(room) = self.room.take() else { return self.no_room() };
        self.screen.good(&format!("You left #{}.", room.name));
        Some(())
    }

    /// `/who`.
    pub(super) fn ask_who(&mut self) -> Option<()> {
        if self.room.is_none() {
            return self.no_room();
        }
        self.ensure_connected()?;
        self.send_to_room(WHO.to_owned())
    }

    /// Says something to everybody in the room; it is said when it comes back.
    pub(super) fn say_in_room(&mut self, message: String) {
        let said = self.ensure_connected().is_some() && self.send_to_room(message).is_some();
        if !said {
            self.every_turn_succeeded = false;
        }
    }

    /// Enters the room on a connection that is new, if there is a room.
    pub(super) fn open_room(&mut self) {
        let Some(room) = &self.room else { return };
        let name = room.name.clone();
        match self.connection().map(Connection::open_room) {
            Some(Ok(stream)) => self.room = Some(CurrentRoom { name, stream: Some(stream) }),
            Some(Err(error)) => return self.left_without_wish(&error.to_string()),
            None => return,
        }
        self.screen.good(&format!("You are {} in #{}; /leave leaves it.", self.name, self.current_room()));
        // Should it fail, the screen says why.
        let _ = self.send_to_room(WHO.to_owned());
    }

    /// The connection is gone; the room is entered again on the next one.
    pub(super) fn shut_room(&mut self) {
        if let Some(room) = &mut self.room {
            room.stream = None;
        }
    }

    fn send_to_room(&mut self, content: String) -> Option<()> {
        let CurrentRoom { name, stream: Some(stream) } = self.room.as_ref()? else { return None };
        let now = self.screen.now();
        // What the room says of itself has another precision, and is never taken for the echo.
        let stamp = now.rfc3339_unique();
        let message = ChatMessage { room: name.clone(), sender: self.name.clone(), content, timestamp: stamp.clone() };
        let status = match stream.requests.send_timeout(message, SEND_TIMEOUT) {
            Ok(()) => {
                self.await_room(stamp, now.instant + ECHO_TIMEOUT);
                return Some(());
            }
            Err(SendTimeoutError::Closed(_, status)) => status,
            Err(SendTimeoutError::Timeout(_)) => Status::deadline_exceeded("the server takes no messages"),
        };
        self.room_failed(Some(status));
        None
    }

    /// The next line waits for what comes back, unless it is being typed already.
    fn await_room(&mut self, stamp: String, patience_ends: Instant) {
        if matches!(self.activity, Activity::Idle | Activity::Room { .. }) {
            self.activity = Activity::Room { stamp, patience_ends };
        }
    }

    /// Something came from a room.
    pub(super) fn hear_room(&mut self, stream: u64, message: &ChatMessage) {
        if !self.is_in_room(stream) {
            return;
        }
        let ChatMessage { room, sender, content, timestamp } = message;
        match sender.as_str() {
            "" => self.screen.notice(&format!("[#{room}] {content}")),
            _ => self.screen.say(&format!("[#{room}] {sender}: {content}")),
        }
        let ours = sender.is_empty() || *sender == self.name;
        if ours && matches!(&self.activity, Activity::Room { stamp, .. } if stamp == timestamp) {
            self.activity = Activity::Idle;
        }
    }

    /// The stream of a room is over.
    pub(super) fn room_ended(&mut self, stream: u64, status: Option<Status>) {
        if self.is_in_room(stream) {
            self.room_failed(status);
        }
    }

    fn room_failed(&mut self, status: Option<Status>) {
        match status {
            // Then the Chat stream is over as well, or about to be.
            Some(status) if status.code() == Code::Unavailable => self.connection_lost(&status.to_string()),
            Some(status) => self.left_without_wish(&status.to_string()),
            None => self.left_without_wish("the server ended the stream"),
        }
    }

    fn left_without_wish(&mut self, reason: &str) {
        self.screen.error(&format!("You are no longer in #{}: {reason}", self.current_room()));
        self.room = None;
        self.every_turn_succeeded = false;
        if matches!(self.activity, Activity::Room { .. }) {
            self.activity = Activity::Idle;
        }
    }

    fn no_room(&mut self) -> Option<()> {
        self.screen.notice("You are in no room; /room NAME enters one.");
        None
    }

    fn current_room(&self) -> &str {
        self.room.as_ref().map(|room| room.name.as_str()).unwrap_or_default()
    }

    fn is_in_room(&self, stream: u64) -> bool {
        let open = self.room.as_ref().and_then(|room| room.stream.as_ref());
        open.is_some_and(|open| open.number == stream)
    }
}
