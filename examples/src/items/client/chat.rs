//! `items-client chat`.

use std::error::Error;
use std::io::{self, BufRead, Write};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;

use stolid::Sender;

use crate::items::proto::ChatMessage;
use crate::items::proto::stream_service_client::StreamServiceClient;
use crate::terminal::clock::{Clock, SystemClock};
use crate::terminal::printable::printable;

/// Says each line of standard input in the room, and prints what is said there, both at the same time. The end of the
/// input leaves the room.
///
/// # Errors
/// When the call fails, or standard output cannot be written to.
pub fn run(client: &StreamServiceClient, name: &str, room: &str) -> Result<(), Box<dyn Error>> {
    let (requests, responses) = client.chat(())?.split();
    let you = ChatMessage { room: room.to_owned(), sender: name.to_owned(), ..ChatMessage::default() };
    let awaited = Arc::new(Awaited::default());
    let said = Arc::clone(&awaited);
    thread::Builder::new().name("input".to_owned()).spawn(move || say_lines(&requests, &you, &said))?;
    let mut out = io::stdout().lock();
    for message in responses {
        let ChatMessage { room, sender, content, timestamp } = message?;
        let colon = if sender.is_empty() { "" } else { ": " };
        writeln!(out, "[{}] {}{colon}{}", printable(&room), printable(&sender), printable(&content))?;
        awaited.heard(&timestamp);
    }
    Ok(())
}

/// Enters the room and says everything. Ends early when the call is over; whoever prints the answers knows why.
fn say_lines(requests: &Sender<ChatMessage>, you: &ChatMessage, awaited: &Awaited) -> Option<()> {
    requests.send(you.clone()).ok()?;
    for line in io::stdin().lock().lines() {
        let content = line.ok()?;
        // A message without content says nothing.
        if !content.trim().is_empty() {
            let timestamp = SystemClock.now().rfc3339_unique();
            awaited.begin(&timestamp);
            requests.send(ChatMessage { content, timestamp, ..you.clone() }).ok()?;
            awaited.wait();
        }
    }
    requests.close();
    Some(())
}

/// The message that has not come back yet. The next line waits for it: a client that speaks faster than it listens would be
/// dropped as one that is too slow.
#[derive(Debug, Default)]
struct Awaited {
    timestamp: Mutex<Option<String>>,
    news: Condvar,
}

impl Awaited {
    fn begin(&self, timestamp: &str) {
        *self.timestamp.lock().unwrap_or_else(PoisonError::into_inner) = Some(timestamp.to_owned());
    }

    fn heard(&self, timestamp: &str) {
        let mut awaited = self.timestamp.lock().unwrap_or_else(PoisonError::into_inner);
        if awaited.as_deref() == Some(timestamp) {
            *awaited = None;
            self.news.notify_one();
        }
    }

    fn wait(&self) {
        let awaited = self.timestamp.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.news.wait_while(awaited, |awaited| awaited.is_some());
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }
}
