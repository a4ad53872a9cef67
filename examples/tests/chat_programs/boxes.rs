//! Every box of both programs, with a clock that stands still.

use std::sync::Arc;
use std::time::Duration;

use jiff::Zoned;
use jiff::tz::TimeZone;
use stolid_examples::chat::client::boxes as client;
use stolid_examples::chat::client::statistics::Statistics;
use stolid_examples::chat::proto::{ServerStatsResponse, Session};
use stolid_examples::chat::server::boxes as server;
use stolid_examples::chat::server::journal::Journal;
use stolid_examples::chat::server::stop::StopReason;
use stolid_examples::terminal::boxes::TextBox;
use stolid_examples::terminal::clock::{Clock, FixedClock};
use stolid_examples::terminal::theme::Theme;
use stolid_examples::terminal::width_of_a_file;

use super::golden::assert_golden;
use super::output::Output;

const SESSION: &str = "e5f6a7b8-1c2d-4e3f-8a9b-0c1d2e3f4a5b";
const OTHER: &str = "a1b2c3d4-5e6f-4a7b-8c9d-0e1f2a3b4c5d";

fn clock() -> FixedClock {
    let wall: Zoned = "2026-11-21T14:26:52.123+01:00[+01:00]".parse().expect("a time");
    FixedClock::new(wall)
}

/// The boxes as they look in wide and in narrow terminals.
fn assert_boxes(name: &str, boxes: &[TextBox]) {
    let render = |width: usize| boxes.iter().map(|text| text.render(width, Theme::plain())).collect::<String>();
    assert_golden(name, &format!("{}\n{}", render(64), render(32)));
}

#[test]
fn the_servers_boxes() {
    let now = clock().now();
    let long = "a message that is much longer than a box is wide, so that it has to go on in the next line ".repeat(4);
    assert_boxes(
        "server-boxes.txt",
        &[
            server::banner("gemini-2.0-flash", "Gemini API"),
            server::request(&now, "ChatService.Chat", SESSION, "What is my name?"),
            server::request(&now, "ChatService.Chat", SESSION, &long),
            server::generating(SESSION, 3, "gemini-2.0-flash"),
            server::completed(SESSION, 12, Duration::from_micros(1_734_499), 3),
        ],
    );
}

#[test]
fn the_servers_log() {
    let log = Output::default();
    let journal = Journal::new(Box::new(log.clone()), Arc::new(clock()), Theme::plain(), width_of_a_file);
    journal.started("embedded", "Stolid embedded", "localhost:50051");
    journal.request(SESSION, "What is \u{1b}[2Jmy name?");
    journal.generating(SESSION, 3, "embedded");
    journal.chunk(SESSION, 1, "Your ");
    journal.chunk(SESSION, 2, "\"name\"\n");
    journal.completed(SESSION, 2, Duration::from_millis(50), 3);
    journal.cancelled(SESSION, 7, Duration::from_millis(350), StopReason::ClientCancelled);
    journal.failed(SESSION, "UNAVAILABLE: The answer was cut.");
    assert_golden("server-log.txt", &log.text());
}

fn session(session_id: &str, message_count: i32, age_seconds: i64, last_active_at: &str) -> Session {
    Session {
        session_id: session_id.to_owned(),
        model: "embedded".to_owned(),
        created_at: "2026-11-21T13:21:40.000Z".to_owned(),
        last_active_at: last_active_at.to_owned(),
        message_count,
        age_seconds,
        context_bytes: 1234,
        attached_streams: 2,
    }
}

#[test]
fn the_clients_boxes() {
    let now = clock().now();
    let zone = now.wall.time_zone().clone();
    let sessions = [
        session(SESSION, 8, 312, "2026-11-21T13:26:52.123Z"),
        session(OTHER, 0, 7300, "2026-11-21T11:25:12.000Z"),
        session("00000000", 2, 9, "2026-11-21T13:26:50.000Z"),
    ];
    assert_boxes(
        "client-boxes.txt",
        &[
            client::connected(&now, "localhost:50051", "Stolid embedded"),
            client::message_sent(SESSION, "What is my name?"),
            client::completed(12, Duration::from_micros(1_734_499), 3),
            client::sessions(&sessions, Some(SESSION), &zone),
            client::sessions(&[], None, &TimeZone::UTC),
            client::information(&sessions[0], &zone),
            client::help(),
        ],
    );
}

#[test]
fn the_clients_counters() {
    let mut counters = Statistics::default();
    counters.messages_sent = 5;
    counters.chunks_received = 61;
    counters.connection_attempts = 4;
    counters.reconnections = 1;
    counters.sessions_created = 2;
    [2400, 2512, 2456].iter().for_each(|time| counters.answered(Duration::from_millis(*time)));
    counters.failed();
    let running = Duration::from_secs(923);
    let there = client::Situation { running, connected: true, session: Some((SESSION.to_owned(), 8)) };
    let alone = client::Situation { running, connected: false, session: None };
    let stats = ServerStatsResponse {
        uptime_seconds: 4523.7,
        total_requests: 42,
        successful_requests: 39,
        failed_requests: 2,
        active_sessions: 3,
        total_sessions_created: 17,
        average_response_time: 1.9876,
        model: "embedded".to_owned(),
        framework: "Stolid embedded".to_owned(),
    };
    assert_boxes(
        "statistics-boxes.txt",
        &[
            client::statistics(&counters, &there),
            client::statistics(&Statistics::default(), &alone),
            client::server_statistics(&stats),
        ],
    );
}
