//! The client's loop: one thread that owns all state and decides what happens.

use std::fmt;
use std::sync::PoisonError;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use jiff::tz::TimeZone;
use stolid::{Response, Status};

use super::answer::ArrivingAnswer;
use super::command::{self, Line};
use super::connection::{Connection, Connector};
use super::editor::LivePrompt;
use super::event::Event;
use super::input::Lines;
use super::prompt::Prompt;
use super::reconnect::{FIRST_DELAY, Reconnecting};
use super::room::CurrentRoom;
use super::screen::Screen;
use super::statistics::Statistics;
use super::talking::CurrentSession;
use crate::chat::proto::chat_request;
use crate::terminal::clock::Moment;

/// How long a PONG may take.
const PING_TIMEOUT: Duration = Duration::from_secs(2);

/// How long the server may take to end the stream when the user leaves.
const GOODBYE_TIMEOUT: Duration = Duration::from_millis(500);

/// The client.
pub struct App {
    pub(super) screen: Screen,
    pub(super) connector: Connector,
    pub(super) statistics: Statistics,
    pub(super) started: Moment,
    pub(super) link: Link,
    pub(super) session: Option<CurrentSession>,
    /// The room the user is in, or will be in again when there is a connection.
    pub(super) room: Option<CurrentRoom>,
    /// The user's name in rooms.
    pub(super) name: String,
    pub(super) activity: Activity,
    pub(super) leaving: bool,
    pub(super) every_turn_succeeded: bool,
    events: Receiver<Event>,
    lines: Lines,
    live_prompt: LivePrompt,
    /// The session to begin in, as the user named it, until there is a connection.
    pub(super) wanted: Option<String>,
    /// Whether the connection was lost, and not given up by the user.
    pub(super) lost: bool,
    /// Numbers the attempts to reconnect.
    pub(super) attempts: u64,
    /// Whether the others on the session believe that we are typing.
    typing: bool,
    interactive: bool,
    editor_sees_interrupts: bool,
}

/// Whether there is a connection.
#[derive(Debug)]
pub(super) enum Link {
    /// There is.
    Up(Connection),
    /// There is none, and perhaps a thread that tries to change that.
    Down(Option<Reconnecting>),
    /// There is none because the user wants none.
    Off,
}

/// What the loop is waiting for.
#[derive(Debug)]
pub(super) enum Activity {
    /// For nothing: the next line is to be asked for.
    Idle,
    /// For a line.
    Prompting,
    /// For the end of an answer.
    Answer(Box<ArrivingAnswer>),
    /// For the PONG that names this, to a PING that went out then.
    Ping { nonce: String, sent: Instant },
    /// For what comes back from the room with this timestamp, until then.
    Room { stamp: String, patience_ends: Instant },
}

/// Where a client begins.
#[derive(Clone, Debug, Default)]
pub struct Start {
    /// The session to begin in, by its id or the beginning of it; without one in a new session.
    pub session: Option<String>,
    /// The room to begin in, in place of a session.
    pub room: Option<String>,
    /// The user's name in rooms.
    pub name: String,
}

/// What an [`App`] is made of.
pub struct Parts {
    /// Where it writes.
    pub screen: Screen,
    /// How it connects.
    pub connector: Connector,
    /// What it hears of.
    pub events: Receiver<Event>,
    /// Where its lines come from.
    pub lines: Lines,
    /// The prompt as the editor shows it.
    pub live_prompt: LivePrompt,
    /// Whether a person types the lines.
    pub interactive: bool,
    /// Whether Ctrl-C at the prompt comes as [`Event::Left`].
    pub editor_sees_interrupts: bool,
}

impl App {
    /// A client that has done nothing yet.
    pub fn new(parts: Parts) -> Self {
        let Parts { screen, connector, events, lines, live_prompt, interactive, editor_sees_interrupts } = parts;
        Self {
            started: screen.now(),
            screen,
            connector,
            statistics: Statistics::default(),
            link: Link::Down(None),
            session: None,
            room: None,
            name: String::new(),
            activity: Activity::Idle,
            leaving: false,
            every_turn_succeeded: true,
            events,
            lines,
            live_prompt,
            wanted: None,
            lost: false,
            attempts: 0,
            typing: false,
            interactive,
            editor_sees_interrupts,
        }
    }

    /// Runs until the user leaves. Returns whether every message was answered.
    pub fn run(mut self, start: Start) -> bool {
        self.begin(start);
        while !self.leaving {
            self.settle();
            match self.next_event() {
                Some(event) => self.handle(event),
                None => self.out_of_patience(),
            }
        }
        self.say_goodbye();
        self.every_turn_succeeded
    }

    fn begin(&mut self, start: Start) {
        self.wanted = start.session;
        self.name = start.name;
        self.room = start.room.map(CurrentRoom::new);
        if self.ensure_connected().is_some() {
            self.ensure_place();
        } else {
            self.reconnect_in_background(FIRST_DELAY);
        }
    }

    /// Brings prompt and input up to date with the state, before the loop waits.
    fn settle(&mut self) {
        let prompt = Prompt {
            session: self.session.as_ref().map(|session| session.id.clone()),
            room: self.room.as_ref().map(|room| room.name.clone()),
            connected: self.connection().is_some(),
        };
        *self.live_prompt.lock().unwrap_or_else(PoisonError::into_inner) = prompt.clone();
        self.screen.settle();
        if matches!(self.activity, Activity::Idle) {
            self.activity = Activity::Prompting;
            self.screen.set_prompting(true);
            self.lines.ask(prompt);
        }
    }

    /// The next event; `None` when the server took too long.
    fn next_event(&self) -> Option<Event> {
        let patience_ends = match &self.activity {
            Activity::Answer(answer) => Some(answer.patience_ends()),
            Activity::Ping { sent, .. } => Some(*sent + PING_TIMEOUT),
            Activity::Room { patience_ends, .. } => Some(*patience_ends),
            Activity::Idle | Activity::Prompting => None,
        };
        let Some(end) = patience_ends else {
            // The connector keeps a sender, so the queue never closes.
            return self.events.recv().ok();
        };
        self.events.recv_timeout(end.saturating_duration_since(Instant::now())).ok()
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Line(line) => self.entered(&line),
            Event::Typing(typing) => self.tell_typing(typing),
            Event::Left => self.leaving = true,
            Event::InputEnded(reason) => {
                if let Some(reason) = reason {
                    self.screen.set_prompting(false);
                    self.screen.error(&format!("The input ended: {reason}"));
                    self.every_turn_succeeded = false;
                }
                self.leaving = true;
            }
            Event::Interrupt => self.interrupted(),
            Event::Response(stream, response) => {
                if self.is_current(stream) {
                    self.hear(response);
                }
            }
            Event::StreamEnded(stream, status) => {
                if self.is_current(stream) {
                    let reason =
                        status.map_or_else(|| "the server ended the stream".to_owned(), |status| status.to_string());
                    self.connection_lost(&reason);
                }
            }
            Event::RoomMessage(number, message) => self.hear_room(number, &message),
            Event::RoomEnded(number, status) => self.room_ended(number, status),
            Event::Reconnected(number, connection, tries) => self.reconnected(number, *connection, tries),
            Event::StillDown(number) => self.still_down(number),
        }
    }

    fn is_current(&self, stream: u64) -> bool {
        self.connection().is_some_and(|connection| connection.is_current(stream))
    }

    fn entered(&mut self, line: &str) {
        self.activity = Activity::Idle;
        self.screen.set_prompting(false);
        self.tell_typing(false);
        match command::parse(line) {
            Line::Empty => {}
            Line::Message(message) if self.room.is_some() => self.say_in_room(message),
            Line::Message(message) => self.say(message, false),
            Line::Command(command) => drop(self.execute(command)),
            Line::Wrong(text) => self.screen.error(&text),
        }
    }

    /// Lets the others on the session know whether this user types. Only a person does.
    fn tell_typing(&mut self, typing: bool) {
        if !self.interactive || self.typing == typing || self.session.is_none() || self.room.is_some() {
            return;
        }
        self.typing = typing;
        let kind = if typing { chat_request::Type::TypingStart } else { chat_request::Type::TypingStop };
        // Should it fail, the stream is over and the loop hears of it.
        let _ = self.send_quietly(kind, "");
    }

    /// Ctrl-C that the line editor did not see.
    fn interrupted(&mut self) {
        match std::mem::replace(&mut self.activity, Activity::Idle) {
            Activity::Answer(answer) => self.cancel_answer(*answer),
            Activity::Ping { .. } => self.screen.notice("Stopped waiting for the PONG."),
            Activity::Room { .. } => self.screen.notice("Stopped waiting for the room."),
            // The line editor sees Ctrl-C itself; one that comes as it starts is not for it.
            Activity::Prompting if self.editor_sees_interrupts => self.activity = Activity::Prompting,
            Activity::Prompting | Activity::Idle => self.leaving = true,
        }
    }

    /// The server did not say in time what the loop waits for.
    fn out_of_patience(&mut self) {
        match std::mem::replace(&mut self.activity, Activity::Idle) {
            // The answer is here; only the number of messages is not.
            Activity::Answer(answer) if answer.is_whole() => {}
            Activity::Answer(mut answer) => {
                let rest = answer.finish();
                self.screen.write(&rest);
                self.screen.error("Error: the server has been silent for too long.");
                self.give_up_stream();
                self.turn_failed();
            }
            Activity::Ping { .. } => {
                let limit = PING_TIMEOUT.as_secs();
                self.screen.error(&format!("No PONG within {limit}s."));
            }
            Activity::Room { .. } => {
                self.screen.error("Error: the room has been silent for too long.");
                self.every_turn_succeeded = false;
            }
            other => self.activity = other,
        }
    }

    /// The connection, if there is one.
    pub(super) fn connection(&self) -> Option<&Connection> {
        match &self.link {
            Link::Up(connection) => Some(connection),
            _ => None,
        }
    }

    pub(super) fn connection_mut(&mut self) -> Option<&mut Connection> {
        match &mut self.link {
            Link::Up(connection) => Some(connection),
            _ => None,
        }
    }

    /// What a call brought; a failure is shown.
    pub(super) fn answered<T>(&mut self, result: Result<Response<T>, Status>) -> Option<T> {
        match result {
            Ok(response) => Some(response.into_inner()),
            Err(status) => {
                self.screen.error(&format!("Error: {status}"));
                None
            }
        }
    }

    /// The time zone of the screen.
    pub(super) fn zone(&self) -> TimeZone {
        self.screen.now().wall.time_zone().clone()
    }

    /// Lets the server end the stream, so that it sees a client that left and not one that was lost.
    fn say_goodbye(&mut self) {
        self.screen.set_prompting(false);
        self.tell_typing(false);
        self.screen.say("Goodbye!");
        let Link::Up(connection) = &self.link else { return };
        // The room's stream half-closes when it is dropped.
        self.room = None;
        connection.close();
        let end = Instant::now() + GOODBYE_TIMEOUT;
        while let Ok(event) = self.events.recv_timeout(end.saturating_duration_since(Instant::now())) {
            if matches!(event, Event::StreamEnded(stream, _) if connection.is_current(stream)) {
                return;
            }
        }
    }
}

impl fmt::Debug for App {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("App")
            .field("link", &self.link)
            .field("activity", &self.activity)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Parts {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Parts").field("connector", &self.connector).finish_non_exhaustive()
    }
}
