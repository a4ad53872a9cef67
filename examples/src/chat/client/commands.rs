//! What the commands do.

use std::time::Duration;

use stolid::Code;

use super::app::{Activity, App};
use super::boxes::{self, Situation};
use super::command::Command;
use super::connection::{request, server_stats};
use crate::chat::proto::{
    DeleteSessionRequest, ListSessionsRequest, ServerStatsRequest, Session, SessionInfoRequest, chat_request,
};
use crate::chat::session_id::short;
use crate::terminal::durations;

/// How long `/health` waits for the server.
const HEALTH_TIMEOUT: Duration = Duration::from_secs(2);

impl App {
    /// Does what the user wants; `None` when it cannot be done, which is on the screen then.
    pub(super) fn execute(&mut self, command: Command) -> Option<()> {
        match command {
            Command::Help => self.screen.show(&boxes::help()),
            Command::Stats => self.show_statistics(),
            Command::Server => self.show_server()?,
            Command::Health => self.show_health(),
            Command::Clear => self.screen.clear(),
            Command::Quit => self.leaving = true,
            Command::Connect => self.connect_now()?,
            Command::Disconnect => self.disconnect(),
            Command::Ping => self.ping()?,
            Command::New => {
                self.ensure_connected()?;
                self.create_session()?;
            }
            Command::Info => self.show_session()?,
            Command::Sessions => self.show_sessions()?,
            Command::Join(id) => self.join(&id)?,
            Command::Delete(id) => self.delete(id)?,
            Command::Room(name) => self.enter_room(name)?,
            Command::Leave => self.leave_room()?,
            Command::Who => self.ask_who()?,
        }
        Some(())
    }

    fn show_statistics(&mut self) {
        let situation = Situation {
            running: self.screen.now().since(&self.started),
            connected: self.connection().is_some(),
            session: self.session.as_ref().map(|session| (session.id.clone(), session.messages)),
        };
        self.screen.show(&boxes::statistics(&self.statistics, &situation));
    }

    fn show_server(&mut self) -> Option<()> {
        let response = self.ensure_connected()?.client().get_server_stats(request(ServerStatsRequest {}));
        let stats = self.answered(response)?;
        self.screen.show(&boxes::server_statistics(&stats));
        Some(())
    }

    fn show_health(&mut self) {
        let begun = self.screen.now();
        let health = match self.connection() {
            Some(connection) => server_stats(connection.client(), HEALTH_TIMEOUT).map_err(|error| error.to_string()),
            None => self.connector.probe(HEALTH_TIMEOUT).map_err(|error| error.to_string()),
        };
        let time = durations::milliseconds(self.screen.now().since(&begun));
        match health {
            Ok(_) => self.screen.good(&format!("Health: SERVING ({time})")),
            Err(reason) => self.screen.error(&format!("Health: {reason} ({time})")),
        }
    }

    fn ping(&mut self) -> Option<()> {
        self.ensure_connected()?;
        let sent = self.screen.now();
        let nonce = sent.rfc3339();
        self.send(chat_request::Type::Ping, &nonce)?;
        self.activity = Activity::Ping { nonce, sent: sent.instant };
        Some(())
    }

    fn show_session(&mut self) -> Option<()> {
        let Some(session) = &self.session else {
            self.screen.notice("There is no current session; /new makes one.");
            return None;
        };
        let session_id = session.id.clone();
        let response = self.ensure_connected()?.client().get_session_info(request(SessionInfoRequest { session_id }));
        let session = self.answered(response)?.session.unwrap_or_default();
        let zone = self.zone();
        self.screen.show(&boxes::information(&session, &zone));
        Some(())
    }

    fn show_sessions(&mut self) -> Option<()> {
        let sessions = self.list_sessions()?;
        let current = self.session.as_ref().map(|session| session.id.as_str());
        let list = boxes::sessions(&sessions, current, &self.zone());
        self.screen.show(&list);
        Some(())
    }

    fn list_sessions(&mut self) -> Option<Vec<Session>> {
        let response = self.ensure_connected()?.client().list_sessions(request(ListSessionsRequest {}));
        Some(self.answered(response)?.sessions)
    }

    /// The one session whose id begins like this.
    fn find_session(&mut self, prefix: &str) -> Option<Session> {
        // An id copied from the screen may still have its dots.
        let prefix = prefix.trim_end_matches('.');
        let mut sessions = self.list_sessions()?;
        sessions.retain(|session| session.session_id.starts_with(prefix));
        match sessions.len() {
            0 => self.screen.error(&format!("No session on the server begins with {prefix}.")),
            1 => return sessions.pop(),
            several => self.screen.error(&format!("{several} sessions begin with {prefix}; write more of the id.")),
        }
        None
    }

    /// Enters the session whose id begins like this.
    pub(super) fn join(&mut self, prefix: &str) -> Option<()> {
        let session = self.find_session(prefix)?;
        let (id, messages) = (short(&session.session_id), session.message_count);
        self.screen.good(&format!("Joined session {id} ({messages} messages, {})", session.model));
        self.enter(session.into());
        Some(())
    }

    fn delete(&mut self, prefix: Option<String>) -> Option<()> {
        let current = self.session.as_ref().map(|session| session.id.clone());
        let session_id = match (prefix, &current) {
            (Some(prefix), _) => self.find_session(&prefix)?.session_id,
            (None, Some(current)) => current.clone(),
            (None, None) => {
                self.screen.notice("There is no current session to delete.");
                return None;
            }
        };
        let id = short(&session_id);
        let deletes_current = current.as_deref() == Some(session_id.as_str());
        let client = self.ensure_connected()?.client().clone();
        if deletes_current {
            // Left first: the news of the deletion is for the others.
            self.session = None;
        }
        let response = client.delete_session(request(DeleteSessionRequest { session_id }));
        if let Err(status) = &response
            && status.code() == Code::NotFound
        {
            self.screen.notice(&format!("Session {id} is not on the server any more."));
            return None;
        }
        self.answered(response)?;
        self.screen.good(&format!("Session {id} deleted."));
        Some(())
    }
}
