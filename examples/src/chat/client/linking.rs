//! How the client comes by its connection, loses it and gets it back.

use std::time::Duration;

use stolid::Code;

use super::app::{Activity, App, Link};
use super::boxes;
use super::connection::{Connection, request};
use super::reconnect::{CAUTIOUS_DELAY, FIRST_DELAY, Reconnecting};
use super::talking::CurrentSession;
use crate::chat::proto::SessionInfoRequest;

/// A connection that was lost sooner than this was not worth much.
const WORKING_AGE: Duration = Duration::from_secs(5);

impl App {
    /// The connection, made now if need be. Without one the screen says why.
    pub(super) fn ensure_connected(&mut self) -> Option<&Connection> {
        if matches!(self.link, Link::Off) {
            self.screen.error("Not connected; /connect connects.");
            return None;
        }
        if self.connection().is_none() {
            self.statistics.connection_attempts += 1;
            match self.connector.connect() {
                Ok(connection) => self.connected(connection),
                Err(error) => {
                    let address = self.connector.address();
                    self.screen.error(&format!("Not connected to {address}: {error}"));
                    return None;
                }
            }
        }
        self.connection()
    }

    /// A session to talk in: the one the user wanted at the start, or a new one.
    pub(super) fn ensure_session(&mut self) -> Option<()> {
        if self.session.is_some() {
            return Some(());
        }
        match self.wanted.take() {
            Some(wanted) if self.join(&wanted).is_some() => Some(()),
            _ => self.create_session(),
        }
    }

    /// A place to talk in: the room, or else a session.
    pub(super) fn ensure_place(&mut self) -> Option<()> {
        if self.room.is_some() { Some(()) } else { self.ensure_session() }
    }

    /// `/connect`.
    pub(super) fn connect_now(&mut self) -> Option<()> {
        if self.connection().is_some() {
            let address = self.connector.address();
            self.screen.notice(&format!("Already connected to {address}."));
            return Some(());
        }
        self.link = Link::Down(None);
        if self.ensure_connected().is_some() {
            return self.ensure_place();
        }
        self.reconnect_in_background(FIRST_DELAY);
        None
    }

    /// `/disconnect`.
    pub(super) fn disconnect(&mut self) {
        let address = self.connector.address();
        let text = match std::mem::replace(&mut self.link, Link::Off) {
            Link::Off => "Not connected.".to_owned(),
            Link::Down(_) => format!("No longer trying to connect to {address}; /connect does."),
            Link::Up(connection) => {
                connection.close();
                format!("Disconnected from {address}; /connect connects again.")
            }
        };
        self.lost = false;
        self.screen.notice(&text);
        self.shut_room();
    }

    fn connected(&mut self, connection: Connection) {
        let address = self.connector.address().to_string();
        self.screen.show(&boxes::connected(&self.screen.now(), &address, connection.framework()));
        if std::mem::take(&mut self.lost) {
            self.statistics.reconnections += 1;
        }
        let over = connection.is_over();
        self.link = Link::Up(connection);
        if over {
            // Its stream ended before this was the connection in use, and nobody listened.
            return self.connection_lost("the server ended the stream");
        }
        if let Some(session) = self.session.take() {
            self.resume(session);
        }
        self.open_room();
    }

    /// Goes on in a session that was there before; if it is not any more, in a new one.
    fn resume(&mut self, session: CurrentSession) {
        let Some(connection) = self.connection() else { return };
        let session_id = session.id.clone();
        let response = connection.client().get_session_info(request(SessionInfoRequest { session_id }));
        match response {
            Ok(response) => {
                let session = response.into_inner().session.unwrap_or_default();
                self.enter(session.into());
            }
            Err(status) => {
                self.session = Some(session);
                if status.code() == Code::NotFound {
                    self.session_is_gone();
                } else {
                    self.screen.error(&format!("Error: {status}"));
                }
            }
        }
    }

    /// The attempt with this number has brought a connection.
    pub(super) fn reconnected(&mut self, number: u64, connection: Connection, tries: u32) {
        if !self.is_reconnecting(number) {
            // The user was faster; this connection is not needed.
            return connection.close();
        }
        self.statistics.connection_attempts += 1;
        let tries = if tries == 1 { "1 try".to_owned() } else { format!("{tries} tries") };
        let address = self.connector.address();
        let again = if self.lost { "Reconnected" } else { "Connected" };
        self.screen.good(&format!("{again} to {address} after {tries}."));
        self.connected(connection);
        if self.connection().is_some() {
            // What fails here is on the screen, and the next message tries again.
            let _ = self.ensure_place();
        }
    }

    /// The attempt with this number has tried in vain.
    pub(super) fn still_down(&mut self, number: u64) {
        if self.is_reconnecting(number) {
            self.statistics.connection_attempts += 1;
        }
    }

    fn is_reconnecting(&self, number: u64) -> bool {
        matches!(&self.link, Link::Down(Some(reconnecting)) if reconnecting.is(number))
    }

    /// The connection broke, for this reason: what was under way has failed, and a thread tries to reconnect.
    pub(super) fn connection_lost(&mut self, reason: &str) {
        let lasted = self.connection().map(Connection::age).unwrap_or_default();
        self.lost = true;
        self.link = Link::Down(None);
        self.shut_room();
        let mut failed = false;
        match std::mem::replace(&mut self.activity, Activity::Idle) {
            Activity::Answer(mut answer) => {
                failed = !answer.is_whole();
                let rest = answer.finish();
                self.screen.write(&rest);
            }
            Activity::Prompting => self.activity = Activity::Prompting,
            Activity::Room { .. } => self.every_turn_succeeded = false,
            Activity::Ping { .. } | Activity::Idle => {}
        }
        self.screen.error(&format!("Connection lost: {reason}. Reconnecting..."));
        if failed {
            self.turn_failed();
        }
        self.reconnect_in_background(if lasted >= WORKING_AGE { FIRST_DELAY } else { CAUTIOUS_DELAY });
    }

    /// Tries to connect, the first time after `delay`, until it works or the user wants something else.
    pub(super) fn reconnect_in_background(&mut self, delay: Duration) {
        self.attempts += 1;
        match Reconnecting::start(self.connector.clone(), self.attempts, delay) {
            Ok(reconnecting) => self.link = Link::Down(Some(reconnecting)),
            Err(error) => self.screen.error(&format!("Cannot reconnect by itself ({error}); /connect does.")),
        }
    }
}
