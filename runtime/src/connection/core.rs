//! The state that only the driving thread touches, and one drive of it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use super::inbound::{self};
use super::news::News;
use super::opening::{self, Opening};
use super::outbound::{self};
use super::protocol::{Polled, Protocol};
use super::settings::Bounds;
use super::settle::{client_received, client_sent, server_received, server_sent};
use super::table::Table;
use super::{Accepted, Connection, Control, Method, Role, settings};
use crate::lane::timers::TimerKey;
use crate::stream::effects::Effects;
use crate::stream::{Side, Stream};
use crate::transport::socket::Socket;

/// Rounds of polling and carrying in one drive: each but the first follows from news of the one before.
const PASSES: usize = 64;

/// Streams with news that are attended to before h2 is polled. It writes their frames then, and puts the next ones where those were, which
/// is still in the processor's cache.
const IN_A_ROW: usize = 8;

/// Everything behind the connection's lock.
pub(super) struct Core {
    pub(super) protocol: Protocol,
    pub(super) bounds: Bounds,
    pub(super) table: Table,
    /// Client: calls that wait for the peer to allow one more stream.
    pub(super) waiting: VecDeque<Opening>,
    /// Server: calls that wait because the peer does not read.
    held_back: VecDeque<Accepted>,
    keys: Vec<usize>,
    /// Room for the next list of streams with news.
    dirty: Vec<Arc<Stream>>,
    /// Server: the method that was called last.
    recent: Option<Arc<dyn Method>>,
    /// What h2 was told as the connection's receive window.
    window: u32,
    /// Client: h2 takes no further stream at the moment.
    pub(super) blocked: bool,
    /// Client: the channel knows that calls may be made.
    pub(super) announced: bool,
    /// Client: no new calls, and the channel knows it.
    pub(super) leaving: bool,
    /// Client: when a call ended the last time, and when to look whether that was long ago.
    pub(super) last_used: Instant,
    pub(super) idle_alarm: Option<Instant>,
    pub(super) since: Instant,
    pub(super) draining: Option<Instant>,
    /// What draining means was told to h2.
    pub(super) goodbye: bool,
    pub(super) closing: Option<Instant>,
    pub(super) timer: Option<(Instant, TimerKey)>,
}

impl Core {
    pub(super) fn server(socket: &Arc<Socket>, bounds: Bounds) -> Self {
        Self::new(Protocol::server(socket, bounds), bounds)
    }

    pub(super) fn client(socket: &Arc<Socket>, bounds: Bounds) -> Self {
        Self::new(Protocol::client(socket, bounds), bounds)
    }

    fn new(protocol: Protocol, bounds: Bounds) -> Self {
        let now = Instant::now();
        Self {
            protocol,
            bounds,
            table: Table::new(),
            waiting: VecDeque::new(),
            held_back: VecDeque::new(),
            keys: Vec::new(),
            dirty: Vec::new(),
            recent: None,
            window: bounds.connection_window,
            blocked: false,
            announced: false,
            leaving: false,
            last_used: now,
            idle_alarm: None,
            since: now,
            draining: None,
            goodbye: false,
            closing: None,
            timer: None,
        }
    }

    /// One drive: commands, h2, streams, socket. True when the leader must come back without a new event.
    pub(super) fn drive(&mut self, connection: &Arc<Connection>, reads: bool, effects: &mut Effects) -> bool {
        if matches!(self.protocol, Protocol::Dead) {
            self.refuse_commands(connection, effects);
            return false;
        }
        connection.socket.begin(reads);
        self.obey(connection, effects);
        let mut again = self.carry(connection, effects);
        self.enforce(connection, effects);
        self.hold_back(connection, effects);
        self.adjust_window(connection);
        let now = Instant::now();
        let finished = connection.socket.finish(now);
        again |= finished.resumes || (finished.unread && reads);
        again |= finished.broken && self.protocol.is_open();
        if finished.wrote {
            connection.wrote(Instant::now());
        }
        if matches!(self.protocol, Protocol::Lingering) {
            self.linger(connection);
        }
        if matches!(connection.role, Role::Client(_)) {
            self.report(connection, reads, effects);
        }
        self.set_timer(connection);
        again
    }

    /// Polls h2 and carries streams until there is no more news.
    pub(super) fn carry(&mut self, connection: &Arc<Connection>, effects: &mut Effects) -> bool {
        for _ in 0..PASSES {
            if !self.protocol.is_open() {
                return false;
            }
            self.blocked = false;
            if !self.waiting.is_empty() {
                self.open_waiting(connection, effects);
            }
            if !self.advance(connection, effects) {
                return false;
            }
            let mut keys = std::mem::take(&mut self.keys);
            self.table.recall_withheld();
            self.table.woken.take(&mut keys);
            keys.append(&mut self.table.fresh);
            let news = !keys.is_empty();
            for key in keys.drain(..) {
                self.attend(key, effects);
            }
            self.keys = keys;
            // New SETTINGS may allow more streams, and nothing else tells of it.
            let opens =
                !self.blocked && !self.waiting.is_empty() && self.protocol.allows_more_than(self.table.active());
            if !news && !opens {
                return false;
            }
        }
        true
    }

    /// Polls h2. False when the connection has ended.
    fn advance(&mut self, connection: &Arc<Connection>, effects: &mut Effects) -> bool {
        connection.socket.begin_poll();
        let Some(error) = self.poll(connection) else { return true };
        self.closed(connection, error, effects);
        false
    }

    /// Takes calls until h2 has no more. `Some` when the connection ended.
    fn poll(&mut self, connection: &Arc<Connection>) -> Option<Option<h2::Error>> {
        loop {
            match self.protocol.poll() {
                Polled::Pending => return None,
                Polled::Closed(error) => return Some(error),
                Polled::Call(request, respond) => {
                    if let Role::Server(calls) = &connection.role {
                        connection.socket.took_on_a_stream();
                        opening::accept(connection, calls, &mut self.table, &mut self.recent, request, respond);
                    }
                }
            }
        }
    }

    fn obey(&mut self, connection: &Arc<Connection>, effects: &mut Effects) {
        let mut commands = connection.swap_commands(std::mem::take(&mut self.dirty));
        self.waiting.extend(commands.openings);
        for (at, stream) in commands.dirty.drain(..).enumerate() {
            if at % IN_A_ROW == IN_A_ROW - 1 && self.protocol.is_open() {
                self.advance(connection, effects);
            }
            // Cleared before the look: what is changed later is listed again.
            stream.flagged.store(false, Ordering::Release);
            match self.table.find(&stream) {
                Some(key) => self.attend(key, effects),
                None => self.seek_waiting(connection, &stream, effects),
            }
        }
        self.dirty = commands.dirty;
        if let Some(control) = commands.control {
            self.wind_up(connection, control, effects);
        }
    }

    /// Gives up what the connection kept for streams, if none have come for a while.
    pub(super) fn give_up_room(&mut self, now: Instant) {
        if self.table.review(now) {
            self.keys = Vec::new();
            self.dirty = Vec::new();
        }
    }

    #[cold]
    #[inline(never)]
    fn wind_up(&mut self, connection: &Arc<Connection>, control: Control, effects: &mut Effects) {
        match control {
            Control::Drain => self.drain(connection, effects),
            Control::Cut(cause) => self.cut(connection, cause, effects),
            Control::Abandon => self.give_up(connection, "the connection was closed", effects),
        }
    }

    /// Lets no more calls start while too much output waits for the peer, or too many of its handlers run; those that
    /// were held back go first.
    fn hold_back(&mut self, connection: &Arc<Connection>, effects: &mut Effects) {
        if effects.accepted.is_empty() && self.held_back.is_empty() {
            return;
        }
        let full = connection.unsent.load(Ordering::Relaxed) > settings::UNSENT_MAX;
        // As many again as there are streams: a client that cancels a call may make another while the handler winds up.
        let limit = (self.bounds.streams as usize).saturating_mul(2);
        let cancelled = |call: &Accepted| call.stream.state.cause().is_some();
        if self.held_back.is_empty()
            && !full
            && effects.accepted.iter_mut().all(|call| !cancelled(call) && call.take_place(connection, limit))
        {
            return;
        }
        self.hold_back_some(connection, full, limit, effects);
    }

    #[cold]
    #[inline(never)]
    fn hold_back_some(&mut self, connection: &Arc<Connection>, full: bool, limit: usize, effects: &mut Effects) {
        let cancelled = |call: &Accepted| call.stream.state.cause().is_some();
        self.held_back.extend(effects.accepted.drain(..));
        // A call that was cancelled meanwhile is over, and its handler need not know of it.
        self.held_back.retain(|call| !cancelled(call));
        loop {
            while !full && let Some(mut call) = self.held_back.pop_front() {
                if !call.take_place(connection, limit) {
                    self.held_back.push_front(call);
                    break;
                }
                effects.accepted.push(call);
            }
            let waits = !self.held_back.is_empty();
            // A handler that has ended before this was set gave no news of it.
            if connection.calls_wait.swap(waits, Ordering::SeqCst) || !waits || full {
                break;
            }
        }
        if !self.held_back.is_empty() {
            tracing::debug!(peer = ?connection.ends.peer, calls = self.held_back.len(), full, "calls wait");
        }
    }

    /// News of a stream that has no place here: it lives elsewhere by now, or it was cancelled before it was opened.
    fn seek_waiting(&mut self, connection: &Arc<Connection>, stream: &Arc<Stream>, effects: &mut Effects) {
        if !Arc::ptr_eq(stream.connection(), connection) {
            effects.moved.push(Arc::clone(stream));
        } else if stream.state.cause().is_some() {
            if let Some(at) = self.waiting.iter().position(|opening| Arc::ptr_eq(&opening.stream, stream)) {
                self.waiting.remove(at);
                self.table.left += 1;
                stream.over(effects);
            } else if stream.is_queued() {
                connection.tell(News::Cancelled(Arc::clone(stream)), effects);
            }
        }
    }

    /// Takes what h2 still has of a stream after its connection has ended.
    pub(super) fn receive_last(&mut self, key: usize, effects: &mut Effects) {
        let Some((slot, waker)) = self.table.get(key) else { return };
        let before = (slot.held, slot.partial);
        let received = inbound::pump(slot, waker, effects);
        let gone = match slot.stream.side {
            Side::Server => server_received(slot, received, effects),
            Side::Client => client_received(slot, received, effects),
        };
        self.table.account(key, before);
        if gone {
            self.remove(key);
        }
    }

    /// Carries one stream in both directions and acts on what that shows.
    pub(super) fn attend(&mut self, key: usize, effects: &mut Effects) {
        let oldest =
            if self.table.partial > settings::INCOMPLETE_MAX { self.table.oldest_incomplete() } else { Some(key) };
        let Some((slot, waker)) = self.table.get(key) else { return };
        let before = (slot.held, slot.partial);
        let taken = slot.stream.taken_bytes();
        inbound::taken(slot, taken);
        if slot.stream.reader_gone() {
            inbound::release(slot, slot.held);
        }
        let received = inbound::pump(slot, waker, effects);
        if oldest == Some(key) {
            inbound::advance(slot);
        }
        let mut gone = match slot.stream.side {
            Side::Server => server_received(slot, received, effects),
            Side::Client => client_received(slot, received, effects),
        };
        if !gone {
            let sent = outbound::pump(slot, waker, effects);
            gone = match slot.stream.side {
                Side::Server => server_sent(slot, sent, waker, effects),
                Side::Client => client_sent(slot, sent, effects),
            };
        }
        self.table.account(key, before);
        if gone {
            self.remove(key);
        }
    }

    fn remove(&mut self, key: usize) {
        if let Some(mut slot) = self.table.remove(key) {
            // Said explicitly, so that nothing depends on the order in which h2's handles are dropped.
            let held = slot.held;
            inbound::release(&mut slot, held);
        }
    }

    /// The window follows what slow readers hold, so that they do not stop the connection's other streams.
    fn adjust_window(&mut self, connection: &Connection) {
        let held = u32::try_from(self.table.held).unwrap_or(u32::MAX);
        // With too many incomplete messages the window is what keeps the oldest from becoming complete.
        let crowded = self.table.partial > settings::INCOMPLETE_MAX;
        let most = match &connection.role {
            Role::Client(_) => settings::CONNECTION_WINDOW_MAX_CLIENT,
            Role::Server(_) if crowded => settings::CONNECTION_WINDOW_CROWDED,
            Role::Server(_) => settings::CONNECTION_WINDOW_MAX,
        };
        let base = self.bounds.connection_window;
        let target = base.saturating_add(held).min(most.max(base));
        // Small changes are not worth a WINDOW_UPDATE frame, except back to rest.
        let step = base / 8;
        if target.abs_diff(self.window) >= step || (held == 0 && target != self.window) {
            if target >= most && self.window != target && held > 0 {
                tracing::warn!(held, "slow readers hold so much that their connection backs up");
            }
            self.protocol.set_window(target);
            self.window = target;
        }
    }

    #[cold]
    #[inline(never)]
    fn refuse_commands(&mut self, connection: &Arc<Connection>, effects: &mut Effects) {
        let commands = connection.take_commands();
        self.waiting.extend(commands.openings);
        for stream in commands.dirty {
            stream.flagged.store(false, Ordering::Release);
            self.seek_waiting(connection, &stream, effects);
        }
        self.return_waiting(connection, effects);
    }
}
