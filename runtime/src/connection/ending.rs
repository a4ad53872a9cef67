//! How a connection ends: limits of time, drain, cut, loss, and the quiet second before the socket is closed.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Instant;

use h2::Reason;

use super::core::Core;
use super::protocol::Protocol;
use super::settings::Bounds;
use super::settle::{self, lose};
use super::{Connection, Role, settings};
use crate::context::CancelCause;
use crate::stream::effects::Effects;
use crate::stream::outbox::{Finish, Sending};
use crate::transport::first_bytes::Verdict;
use crate::transport::frames::Excess;
use crate::transport::socket::Owed;

impl Core {
    /// Limits of time on the connection itself.
    #[inline(never)]
    pub(super) fn enforce(&mut self, connection: &Arc<Connection>, effects: &mut Effects) {
        if !self.protocol.is_open() {
            return;
        }
        if self.draining.is_some() && !self.goodbye {
            self.say_goodbye();
            self.carry(connection, effects);
            if !self.protocol.is_open() {
                return;
            }
        }
        let now = Instant::now();
        let resets = matches!(connection.role, Role::Server(_)).then_some(self.bounds.resets);
        let (excess, owed) = connection.socket.excess(resets, now);
        if self.silent(owed) && now.duration_since(self.since) >= self.bounds.handshake_timeout {
            tracing::info!(peer = ?connection.ends.peer, "no HTTP/2 preface in time: {}", connection.socket.describe_first_bytes());
            self.give_up(connection, "the peer sent no HTTP/2 preface in time", effects);
            return;
        }
        if owed.block_since.is_some_and(|since| now.duration_since(since) >= self.bounds.handshake_timeout) {
            tracing::info!(peer = ?connection.ends.peer, "a header block was not completed in time");
            self.give_up(connection, "the peer did not complete a header block in time", effects);
            return;
        }
        if self.closing.is_none()
            && let Some(excess) = excess
        {
            return self.expel(connection, excess, now, effects);
        }
        if owed.stuck_since.is_some_and(|since| now.duration_since(since) >= self.bounds.write_timeout) {
            tracing::info!(peer = ?connection.ends.peer, "the peer takes no bytes; the connection is closed");
            self.give_up(connection, "the peer takes no bytes", effects);
            return;
        }
        if self.draining.is_some_and(|since| now.duration_since(since) >= settings::DRAIN_PING)
            && self.goodbye
            && self.table.is_empty()
            && self.closing.is_none()
        {
            self.closing = Some(now);
            self.protocol.shut(Reason::NO_ERROR);
            self.carry(connection, effects);
        }
        self.check_idleness(connection, now, effects);
        self.give_up_room(now);
        if self.closing.is_some_and(|since| now.duration_since(since) >= settings::LINGER) {
            self.give_up(connection, "the connection was closed", effects);
        }
    }

    /// Ends the connection of a peer that does too much of something.
    #[cold]
    #[inline(never)]
    fn expel(&mut self, connection: &Arc<Connection>, excess: Excess, now: Instant, effects: &mut Effects) {
        tracing::warn!(peer = ?connection.ends.peer, "{excess}; the connection is closed");
        if self.protocol.shut(Reason::ENHANCE_YOUR_CALM) {
            self.closing = Some(now);
            self.carry(connection, effects);
        } else {
            self.give_up(connection, &excess.to_string(), effects);
        }
    }

    /// The peer has not shown that it speaks HTTP/2.
    fn silent(&self, owed: Owed) -> bool {
        self.protocol.is_handshaking() || owed.verdict != Verdict::Http2
    }

    pub(super) fn drain(&mut self, connection: &Arc<Connection>, effects: &mut Effects) {
        if self.protocol.is_handshaking() {
            return self.give_up(connection, "the server is shutting down", effects);
        }
        if self.draining.is_none() {
            self.draining = Some(Instant::now());
        }
        self.say_goodbye();
    }

    /// Once nothing waits to be opened: a client's calls that were made before its channel was dropped go on to their end.
    fn say_goodbye(&mut self) {
        if self.draining.is_some() && !self.goodbye && self.waiting.is_empty() {
            self.goodbye = self.protocol.drain();
        }
    }

    pub(super) fn cut(&mut self, connection: &Arc<Connection>, cause: CancelCause, effects: &mut Effects) {
        self.return_waiting(connection, effects);
        for key in self.table.keys() {
            let Some((slot, _)) = self.table.get(key) else { continue };
            let stream = Arc::clone(&slot.stream);
            if stream.state.cancelled(cause, effects) {
                let status = cause.status(stream.side);
                stream.inbox().fail_at_once(status.clone(), &mut effects.wakes);
                // A peer that reads hears why; what was queued for it before is not worth the wait.
                let mut outbox = stream.outbox();
                outbox.close(status.clone(), &mut effects.wakes);
                outbox.sending = Sending::Finishing(Finish::Trailers(Some(status)));
            }
            self.attend(key, effects);
        }
        // The goodbye below does not wait for what is not written yet.
        self.carry(connection, effects);
        if self.closing.is_none() && self.protocol.is_open() {
            self.closing = Some(Instant::now());
            if !self.protocol.shut(Reason::NO_ERROR) {
                self.give_up(connection, "the connection was closed", effects);
            }
        }
    }

    /// h2 is done with the connection.
    #[cold]
    #[inline(never)]
    pub(super) fn closed(&mut self, connection: &Arc<Connection>, error: Option<h2::Error>, effects: &mut Effects) {
        let mut why = match &error {
            None => "the peer closed the connection".to_owned(),
            Some(error) => settle::cause(connection, error),
        };
        match connection.socket.verdict() {
            Verdict::Http2 => tracing::debug!(peer = ?connection.ends.peer, %why, "connection closed"),
            Verdict::Unknown | Verdict::Other => {
                let seen = connection.socket.describe_first_bytes();
                tracing::info!(peer = ?connection.ends.peer, %why, "handshake failed: {seen}");
                if !why.contains(&seen) {
                    why = format!("{why} ({seen})");
                }
            }
        }
        // What came just before the end is still with h2.
        for key in self.table.keys() {
            self.receive_last(key, effects);
        }
        let client = matches!(connection.role, Role::Client(_));
        let lost = error.is_some_and(|error| error.is_io()) || client;
        // Best effort: the peer learns that nothing more comes.
        let _ = connection.socket.close_writing();
        self.end(connection, if lost { Protocol::Dead } else { Protocol::Lingering }, &why, effects);
    }

    /// Ends the connection without another word.
    pub(super) fn give_up(&mut self, connection: &Arc<Connection>, why: &str, effects: &mut Effects) {
        connection.socket.finish(Instant::now());
        connection.socket.abort();
        self.end(connection, Protocol::Dead, why, effects);
    }

    fn end(&mut self, connection: &Arc<Connection>, next: Protocol, why: &str, effects: &mut Effects) {
        let dead = matches!(next, Protocol::Dead);
        let before = std::mem::replace(&mut self.protocol, next);
        let slots = self.table.drain();
        for slot in &slots {
            lose(&slot.stream, why, effects);
        }
        // A panic inside h2 poisons its mutex, and then every drop of a handle panics too.
        if catch_unwind(AssertUnwindSafe(|| drop((slots, before)))).is_err() {
            tracing::error!("dropping the handles of a broken connection panicked");
        }
        self.leave(connection, why, effects);
        self.closing = Some(Instant::now());
        if dead {
            self.bury(connection);
        } else {
            self.linger(connection);
        }
    }

    /// Closing a socket with unread bytes resets it, which could destroy the last answer on its way.
    pub(super) fn linger(&mut self, connection: &Arc<Connection>) {
        let late = self.closing.is_none_or(|since| since.elapsed() >= settings::LINGER);
        if connection.socket.discard() || late {
            self.protocol = Protocol::Dead;
            self.bury(connection);
        }
    }

    fn bury(&mut self, connection: &Arc<Connection>) {
        if let Some((_, key)) = self.timer.take() {
            connection.lane.timers.remove(key);
        }
        if !connection.dead.swap(true, Ordering::AcqRel) {
            connection.socket.abort();
            connection.gone();
        }
    }

    /// When this connection must be looked at even if nothing happens.
    fn next_deadline(&self, connection: &Connection) -> Option<Instant> {
        let Bounds { handshake_timeout, write_timeout, .. } = self.bounds;
        let owed = connection.socket.owed();
        let silent = (self.protocol.is_open() && self.silent(owed)).then_some(self.since);
        // A time past the end of the clock never comes.
        let handshake = silent.and_then(|since| since.checked_add(handshake_timeout));
        let block = owed.block_since.and_then(|since| since.checked_add(handshake_timeout));
        let stuck = owed.stuck_since.and_then(|since| since.checked_add(write_timeout));
        let drained = self.draining.filter(|_| self.closing.is_none() && self.table.is_empty());
        let drained = drained.map(|since| since + settings::DRAIN_PING);
        let closing = self.closing.map(|since| since + settings::LINGER);
        let review = self.table.review.filter(|_| self.protocol.is_open());
        [handshake, block, stuck, drained, closing, self.idle_alarm, review].into_iter().flatten().min()
    }

    pub(super) fn set_timer(&mut self, connection: &Arc<Connection>) {
        let wanted = if matches!(self.protocol, Protocol::Dead) { None } else { self.next_deadline(connection) };
        if self.timer.map(|(at, _)| at) == wanted && self.timer.is_none_or(|(at, _)| at > Instant::now()) {
            return;
        }
        if let Some((_, key)) = self.timer.take() {
            connection.lane.timers.remove(key);
        }
        if let Some(at) = wanted {
            let target: Weak<Connection> = Arc::downgrade(connection);
            let (key, earliest) = connection.lane.timers.add(at, target);
            self.timer = Some((at, key));
            if earliest {
                connection.lane.wake();
            }
        }
    }
}
