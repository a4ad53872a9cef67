//! Client: what a connection tells its channel, and when.

use std::sync::{Arc, Weak};
use std::time::Instant;

use super::core::Core;
use super::{Connection, Opening, Role};
use crate::status::Status;
use crate::stream::Stream;
use crate::stream::effects::Effects;
use crate::stream::inbox::End;
use crate::transport::first_bytes::Verdict;

/// What a channel hears from its connections.
#[derive(Debug)]
pub(crate) enum News {
    /// The server speaks HTTP/2: calls may be made on this connection.
    Ready(Arc<Connection>),
    /// No new calls on this connection, and why: the server drains, or it is lost. May be told more than once.
    Lost(Arc<Connection>, String),
    /// A call that has not begun wants another place: it was not opened, or the server has refused it.
    Returned(Opening),
    /// A place for a stream is free, or one more is allowed.
    PlaceFree,
    /// A call was cancelled while it waited in the channel's queue.
    Cancelled(Arc<Stream>),
    /// An extra connection has had no call for a while.
    Idle(Arc<Connection>),
}

/// A channel, as its connections see it. Called under no lock.
pub(crate) trait ClientEvents: Send + Sync {
    fn hear(&self, news: News);
}

impl News {
    /// Tells the channel; a call whose channel is gone ends here.
    pub(crate) fn tell(self, events: &Weak<dyn ClientEvents>) {
        match (events.upgrade(), self) {
            (Some(events), news) => events.hear(news),
            (None, Self::Returned(Opening { stream, .. })) => {
                let mut effects = Effects::default();
                let status = Status::unavailable("the channel was closed before the call was begun");
                stream.finished(End::Failed(status), None, &mut effects);
                effects.fire();
            }
            (None, _) => {}
        }
    }
}

impl Connection {
    /// Leaves news for the channel; a server has none.
    pub(super) fn tell(&self, news: News, effects: &mut Effects) {
        if let Role::Client(events) = &self.role {
            effects.news.push((Weak::clone(events), news));
        }
    }
}

impl Core {
    /// The end of a client's drive: what has changed for the channel.
    #[inline(never)]
    pub(super) fn report(&mut self, connection: &Arc<Connection>, reads: bool, effects: &mut Effects) {
        let speaks = self.protocol.is_open() && (self.announced || connection.socket.verdict() == Verdict::Http2);
        let announces = speaks && !self.announced;
        // SETTINGS and GOAWAY come by reading only.
        if reads || announces {
            if !self.leaving
                && let Some(goaway) = connection.socket.goaway()
            {
                self.leave(connection, &goaway.to_string(), effects);
            }
            let limit = if self.leaving || !speaks { 0 } else { self.protocol.max_streams() };
            if connection.places.set_limit(limit) {
                connection.tell(News::PlaceFree, effects);
            }
        }
        // What is claimed above a lowered limit waits with the others, in the order in which it came.
        if !self.waiting.is_empty() && speaks && !self.blocked && !self.protocol.allows_more_than(self.table.active()) {
            self.return_waiting(connection, effects);
        }
        let left = std::mem::take(&mut self.table.left);
        if left > 0 && connection.places.give_back(left) {
            connection.tell(News::PlaceFree, effects);
        }
        if announces && !self.leaving {
            self.announced = true;
            connection.tell(News::Ready(Arc::clone(connection)), effects);
        }
        self.watch_idleness(connection, left > 0);
    }

    /// No further call is opened on this connection; those that run go on.
    pub(super) fn leave(&mut self, connection: &Arc<Connection>, why: &str, effects: &mut Effects) {
        self.leaving = true;
        let _ = connection.places.set_limit(0);
        self.return_waiting(connection, effects);
        connection.tell(News::Lost(Arc::clone(connection), why.to_owned()), effects);
    }

    /// Calls that were not opened go back to the channel.
    pub(super) fn return_waiting(&mut self, connection: &Connection, effects: &mut Effects) {
        self.table.left += self.waiting.len();
        for opening in std::mem::take(&mut self.waiting) {
            connection.tell(News::Returned(opening), effects);
        }
    }

    /// An extra connection notes since when it has had no call. The alarm is set once and looks again, so that calls cost
    /// no timer.
    fn watch_idleness(&mut self, connection: &Connection, used: bool) {
        let Some(limit) = connection.idle_limit() else { return };
        if used {
            self.last_used = Instant::now();
        }
        if self.idle_alarm.is_none() && self.protocol.is_open() && self.table.is_empty() {
            self.idle_alarm = Some(self.last_used.max(self.since) + limit);
        }
    }

    /// The alarm has rung.
    pub(super) fn check_idleness(&mut self, connection: &Arc<Connection>, now: Instant, effects: &mut Effects) {
        let Some(limit) = connection.idle_limit() else { return };
        if self.idle_alarm.is_none_or(|at| at > now) {
            return;
        }
        let until = self.last_used + limit;
        self.idle_alarm = if !self.table.is_empty() || !self.waiting.is_empty() {
            None
        } else if until > now {
            Some(until)
        } else {
            connection.tell(News::Idle(Arc::clone(connection)), effects);
            // The channel may still want it.
            Some(now + limit)
        };
    }
}
