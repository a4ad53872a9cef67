//! The boxes of the client.

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::command::COMMANDS;
use super::statistics::Statistics;
use crate::chat::PROTOCOL;
use crate::chat::proto::{ServerStatsResponse, Session};
use crate::chat::session_id::short;
use crate::terminal::boxes::TextBox;
use crate::terminal::clock::Moment;
use crate::terminal::durations;
use crate::terminal::printable::preview;
use crate::terminal::theme::Role;

/// A connection was made.
pub fn connected(now: &Moment, server: &str, framework: &str) -> TextBox {
    TextBox::new(format!("GRPC CONNECTED [{}]", now.clock_time()))
        .row("Server", server)
        .row("Framework", framework)
        .row("Protocol", "gRPC")
        .row("Streaming", "BIDIRECTIONAL")
}

/// A message went out.
pub fn message_sent(session: &str, message: &str) -> TextBox {
    TextBox::new("GRPC MESSAGE SENT")
        .row("Type", "MESSAGE")
        .row("Session", short(session))
        .row("Message", preview(message))
}

/// A whole answer came.
pub fn completed(chunks: i32, time: Duration, context_messages: i32) -> TextBox {
    TextBox::new("GRPC RESPONSE COMPLETED")
        .row("Total Chunks", chunks)
        .row("Total Time", durations::seconds(time))
        .row("Context Messages", context_messages)
        .row("Protocol", PROTOCOL)
        .row_in("Status", "SUCCESS", Role::Good)
}

/// What [`statistics`] shows beside the counters.
#[derive(Clone, Debug)]
pub struct Situation {
    /// How long the client runs.
    pub running: Duration,
    /// Whether there is a connection.
    pub connected: bool,
    /// The current session and the number of its messages.
    pub session: Option<(String, i32)>,
}

/// The client's counters.
pub fn statistics(counters: &Statistics, situation: &Situation) -> TextBox {
    let (status, role) = if situation.connected { ("CONNECTED", Role::Good) } else { ("DISCONNECTED", Role::Bad) };
    let (session, messages) = match &situation.session {
        Some((session, messages)) => (short(session), *messages),
        None => ("none".to_owned(), 0),
    };
    TextBox::new("CLIENT SESSION STATISTICS")
        .row("Client Session Duration", durations::hours(situation.running))
        .row("Messages Sent", counters.messages_sent)
        .row("Successful Streams", counters.successful_streams)
        .row("Failed Streams", counters.failed_streams)
        .row("Total Chunks Received", counters.chunks_received)
        .row("Avg Chunks per Stream", format!("{:.1}", counters.average_chunks()))
        .row("Connection Attempts", counters.connection_attempts)
        .row("Reconnections", counters.reconnections)
        .row("Sessions Created", counters.sessions_created)
        .row("Avg Response Time", durations::seconds(counters.average_response_time()))
        .row_in("gRPC Status", status, role)
        .row("Current Session", session)
        .row("Session Messages", messages)
}

/// The server's counters.
pub fn server_statistics(stats: &ServerStatsResponse) -> TextBox {
    TextBox::new("GRPC SERVER STATISTICS")
        .row("Server Uptime", durations::hours(from_seconds(stats.uptime_seconds)))
        .row("Total Requests", stats.total_requests)
        .row("Successful", stats.successful_requests)
        .row("Failed", stats.failed_requests)
        .row("Active Sessions", stats.active_sessions)
        .row("Total Sessions Created", stats.total_sessions_created)
        .row("Avg Response Time", durations::seconds(from_seconds(stats.average_response_time)))
        .row("Model", &stats.model)
        .row("Framework", &stats.framework)
}

/// The sessions on the server; times are shown in `zone`.
pub fn sessions(sessions: &[Session], current: Option<&str>, zone: &TimeZone) -> TextBox {
    let mut list = TextBox::new(format!("ALL ACTIVE SESSIONS ({})", sessions.len()));
    for (index, session) in sessions.iter().enumerate() {
        let mark = if current == Some(session.session_id.as_str()) { " ← CURRENT" } else { "" };
        list = list.line(format!(
            "{}. {} ({} msgs, {}, {}){mark}",
            index + 1,
            short(&session.session_id),
            session.message_count,
            age(session),
            time_of_day(&session.last_active_at, zone)
        ));
    }
    list
}

/// Everything about one session; times are shown in `zone`.
pub fn information(session: &Session, zone: &TimeZone) -> TextBox {
    TextBox::new("SESSION INFORMATION")
        .row("Session", &session.session_id)
        .row("Model", &session.model)
        .row("Created", date_and_time(&session.created_at, zone))
        .row("Last Active", date_and_time(&session.last_active_at, zone))
        .row("Age", age(session))
        .row("Messages", session.message_count)
        .row("Context Size", format!("{} bytes", session.context_bytes))
        .row("Streams Attached", session.attached_streams)
}

/// The commands.
pub fn help() -> TextBox {
    let mut help = TextBox::new("COMMANDS");
    for (name, argument, text) in COMMANDS {
        let usage = format!("{name} {argument}");
        help = help.line(format!("{usage:<13} {text}"));
    }
    help.line("Anything else is said in the room, or else in the session.")
        .line("Ctrl+C stops an answer; at the prompt it leaves.")
}

fn age(session: &Session) -> String {
    durations::age(Duration::from_secs(u64::try_from(session.age_seconds).unwrap_or_default()))
}

fn time_of_day(timestamp: &str, zone: &TimeZone) -> String {
    in_zone(timestamp, zone, "%H:%M:%S")
}

fn date_and_time(timestamp: &str, zone: &TimeZone) -> String {
    in_zone(timestamp, zone, "%Y-%m-%d %H:%M:%S")
}

/// A server that writes its times in another way shows them as it writes them.
fn in_zone(timestamp: &str, zone: &TimeZone, format: &str) -> String {
    match timestamp.parse::<Timestamp>() {
        Ok(time) => time.to_zoned(zone.clone()).strftime(format).to_string(),
        Err(_) => timestamp.to_owned(),
    }
}

/// A number of seconds from a peer, which may be any number at all.
fn from_seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_peer_says_wrong_is_shown_and_does_no_harm() {
        assert_eq!(time_of_day("yesterday", &TimeZone::UTC), "yesterday");
        assert_eq!(time_of_day("2026-11-21T13:26:52.123Z", &TimeZone::UTC), "13:26:52");
        assert_eq!(from_seconds(f64::NAN), Duration::ZERO);
        assert_eq!(from_seconds(-1.0), Duration::ZERO);
        assert_eq!(from_seconds(f64::INFINITY), Duration::ZERO);
    }
}
