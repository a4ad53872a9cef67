//! One room.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use stolid::{Code, Sender};

use super::hub::Log;
use super::message::WHO;
use crate::items::proto::ChatMessage;
use crate::terminal::clock::{Clock, SystemClock};

/// A room, which exists as long as somebody is in it.
///
/// # Locks
/// `members` is held while a message goes to everybody, so that all members get all messages in the same order. A
/// slow member can hold that up once, for 10 ms, and is no member any more then: see
/// [`Overflow::Disconnect`](stolid::Overflow::Disconnect), which each member's sender has.
#[derive(Debug)]
pub struct Room {
    name: String,
    members: Mutex<Vec<Member>>,
    log: Log,
}

#[derive(Debug)]
struct Member {
    call: u64,
    name: String,
    replies: Sender<ChatMessage>,
}

impl Room {
    /// A room with nobody in it; its news also go to `log`.
    pub fn new(name: &str, log: Log) -> Self {
        Self { name: name.to_owned(), members: Mutex::default(), log }
    }

    /// Lets somebody in, who hears everything from now on until the seat is dropped.
    pub fn enter(self: &Arc<Self>, call: u64, name: &str, replies: Sender<ChatMessage>) -> Seat {
        let mut members = self.lock();
        members.push(Member { call, name: name.to_owned(), replies });
        self.tell_news(&mut members, format!("{name} came"));
        Seat { room: Arc::clone(self), call, name: name.to_owned() }
    }

    /// Sends a message to all members, and then what came of it: whoever cannot take it is no member any more.
    fn tell(&self, members: &mut Vec<Member>, message: ChatMessage) {
        let mut messages = VecDeque::from([message]);
        while let Some(message) = messages.pop_front() {
            members.retain(|member| {
                let Err(status) = member.replies.send(message.clone()) else { return true };
                let how =
                    if status.code() == Code::ResourceExhausted { "was too slow and was dropped" } else { "left" };
                messages.push_back(self.news(format!("{} {how}", member.name)));
                false
            });
        }
    }

    fn tell_news(&self, members: &mut Vec<Member>, text: String) {
        let news = self.news(text);
        self.tell(members, news);
    }

    /// Something the room itself says.
    fn news(&self, content: String) -> ChatMessage {
        self.log.line(&format!("[{}] {content}", self.name));
        ChatMessage { room: self.name.clone(), sender: String::new(), content, timestamp: now() }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Member>> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place in a room; dropping it leaves the room.
#[derive(Debug)]
pub struct Seat {
    room: Arc<Room>,
    call: u64,
    name: String,
}

impl Seat {
    /// Whether this is the place of this sender in this room.
    pub fn is(&self, room: &str, sender: &str) -> bool {
        self.room.name == room && self.name == sender
    }

    /// Says something to everybody in the room.
    pub fn say(&self, mut message: ChatMessage) {
        if message.timestamp.is_empty() {
            message.timestamp = now();
        }
        self.room.tell(&mut self.room.lock(), message);
    }

    /// Tells the asker alone who is in the room.
    pub fn answer_who(&self, question: &ChatMessage) {
        let members = self.room.lock();
        let mut names: Vec<&str> = members.iter().map(|member| member.name.as_str()).collect();
        names.sort_unstable();
        let answer = ChatMessage {
            room: self.room.name.clone(),
            sender: String::new(),
            content: format!("{} here: {}", names.len(), names.join(", ")),
            timestamp: question.timestamp.clone(),
        };
        if let Some(asker) = members.iter().find(|member| member.call == self.call) {
            // Should the asker be gone, its next read says so.
            let _ = asker.replies.send(answer);
        }
    }

    /// Does what the content of a message wants: nothing if there is none.
    pub fn hear(&self, message: ChatMessage) {
        match message.content.as_str() {
            "" => {}
            WHO => self.answer_who(&message),
            _ => self.say(message),
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut members = self.room.lock();
        let here = members.len();
        members.retain(|member| member.call != self.call);
        // Somebody who was dropped was missed already.
        if members.len() < here {
            self.room.tell_news(&mut members, format!("{} left", self.name));
        }
    }
}

fn now() -> String {
    SystemClock.now().rfc3339()
}
