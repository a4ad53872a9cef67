//! Every command of the client.

use super::programs::{ChatServer, Program};

/// A client in its first session; the short id of that.
fn connected(server: &ChatServer, arguments: &[&str]) -> (Program, String) {
    let mut client = server.client(arguments);
    client.expect("GRPC CONNECTED [");
    client.expect("New session created: ");
    let id = client.expect(" (embedded)\n").replace(" (embedded)\n", "");
    (client, id)
}

/// Says something and waits for the end of the answer; returns what was written.
#[track_caller]
fn ask(client: &mut Program, message: &str) -> String {
    client.say(message);
    let answer = client.expect("Status: SUCCESS");
    client.expect("┘\n");
    answer
}

/// The box that begins with this title, without its frame.
#[track_caller]
fn shown(client: &mut Program, command: &str, title: &str) -> String {
    client.say(command);
    client.expect(&format!("│ {title} "));
    client.expect("├");
    let rows = client.expect("└");
    client.expect("┘\n");
    let lines = rows.lines().filter_map(|line| line.strip_prefix("│ ")?.strip_suffix(" │"));
    lines.map(|line| format!("{}\n", line.trim_end())).collect()
}

#[test]
fn connecting_shows_the_server() {
    let server = ChatServer::start(&[]);
    let mut client = server.client(&[]);
    client.expect("│ GRPC CONNECTED [");
    let time = client.expect("]").replace(']', "");
    assert_eq!(time.split(':').map(str::len).collect::<Vec<_>>(), [2, 2, 2], "{time}");
    let rows = client.expect("└");
    for row in [&format!("Server: localhost:{} ", server.port), "Framework: ", "Protocol: gRPC", "Streaming: "] {
        assert!(rows.contains(&format!("│ {row}")), "{row} in {rows}");
    }
    client.expect("New session created: ");
    let session = client.expect("\n");
    let (id, model) = session.trim().split_once("... ").expect("an id and a model");
    assert_eq!((id.len(), model), (8, "(embedded)"));
}

#[test]
fn a_message_and_its_answer_are_shown() {
    let server = ChatServer::start(&[]);
    let (mut client, id) = connected(&server, &[]);
    let answer = ask(&mut client, "My name is Ada.");
    for part in [
        "│ GRPC MESSAGE SENT ",
        "│ Type: MESSAGE ",
        &format!("│ Session: {id} "),
        "│ Message: My name is Ada. ",
        "\nGenerating response... (Context: 1 messages)\n",
        &format!("\nAI Response (gRPC Streaming) ({id} - embedded)\n"),
        "│ GRPC RESPONSE COMPLETED ",
        "│ Total Chunks: ",
        "│ Total Time: ",
        "│ Context Messages: 1 ",
        "│ Protocol: ",
        "│ Status: SUCCESS",
    ] {
        assert!(answer.contains(part), "{part} in {answer}");
    }
    let mut server = server.program;
    for part in [
        "│ GRPC REQUEST [",
        "│ Method: ",
        &format!("│ Session: {id} "),
        "│ Message: My name is Ada. ",
        "│ GENERATING RESPONSE ",
        "│ Context Messages: 1 ",
        "│ Model: embedded ",
        "│ Protocol: ",
        &format!("] Chunk #1 → {id}: \""),
        "│ GRPC RESPONSE COMPLETED ",
        "│ Total Chunks: ",
        "│ Processing Time: ",
        "│ Context Messages: 1 ",
        "│ Status: SUCCESS ",
    ] {
        server.expect(part);
    }
}

#[test]
fn stats_counts_what_the_client_did() {
    let server = ChatServer::start(&[]);
    let (mut client, id) = connected(&server, &[]);
    ask(&mut client, "one");
    ask(&mut client, "two");
    let stats = shown(&mut client, "/stats", "CLIENT SESSION STATISTICS");
    for row in [
        "Client Session Duration: 0:0",
        "Messages Sent: 2\n",
        "Successful Streams: 2\n",
        "Failed Streams: 0\n",
        "Total Chunks Received: ",
        "Avg Chunks per Stream: ",
        "Connection Attempts: 1\n",
        "Reconnections: 0\n",
        "Sessions Created: 1\n",
        "Avg Response Time: 0.",
        "gRPC Status: CONNECTED\n",
        &format!("Current Session: {id}\n"),
        "Session Messages: 4\n",
    ] {
        assert!(stats.contains(row), "{row} in {stats}");
    }
}

#[test]
fn server_shows_the_counters_of_the_server() {
    let server = ChatServer::start(&[]);
    let (mut client, _) = connected(&server, &[]);
    ask(&mut client, "one");
    let (mut other, _) = connected(&server, &[]);
    ask(&mut other, "one");
    ask(&mut other, "two");
    let stats = shown(&mut client, "/server", "GRPC SERVER STATISTICS");
    for row in [
        "Server Uptime: 0:0",
        "Total Requests: 3\n",
        "Successful: 3\n",
        "Failed: 0\n",
        "Active Sessions: 2\n",
        "Total Sessions Created: 2\n",
        "Avg Response Time: 0.",
        "Model: embedded\n",
        "Framework: ",
    ] {
        assert!(stats.contains(row), "{row} in {stats}");
    }
}

#[test]
fn info_shows_everything_about_the_session() {
    let server = ChatServer::start(&[]);
    let (mut client, id) = connected(&server, &[]);
    ask(&mut client, "My name is Ada.");
    let mut other = server.client(&["--session", &id]);
    other.expect("Joined session ");
    other.say("/ping");
    other.expect("PONG");
    let info = shown(&mut client, "/info", "SESSION INFORMATION");
    for row in [
        &format!("Session: {}", &id[..8]),
        "Model: embedded\n",
        "Created: 20",
        "Last Active: 20",
        "Age: ",
        "Messages: 2\n",
        "Context Size: ",
        "Streams Attached: 2\n",
    ] {
        assert!(info.contains(row), "{row} in {info}");
    }
}

#[test]
fn sessions_are_listed_joined_and_deleted() {
    let server = ChatServer::start(&[]);
    let (mut client, first) = connected(&server, &[]);
    ask(&mut client, "My name is Ada.");
    client.say("/new");
    client.expect("New session created: ");
    let second = client.expect("...");
    let list = shown(&mut client, "/sessions", "ALL ACTIVE SESSIONS (2)");
    assert!(list.starts_with(&format!("1. {first} (2 msgs, ")), "{list}");
    let second_line = list.lines().nth(1).expect("two sessions");
    assert!(second_line.starts_with(&format!("2. {second} (0 msgs, ")), "{list}");
    assert!(second_line.ends_with(") ← CURRENT"), "{list}");
    assert_eq!(list.matches("CURRENT").count(), 1, "{list}");

    client.say(&format!("/join {}", &first[..6]));
    client.expect(&format!("Joined session {first} (2 messages, embedded)"));
    let answer = ask(&mut client, "What is my name?");
    assert!(answer.contains("Context: 3 messages") && answer.contains("Ada"), "{answer}");

    client.say(&format!("/delete {second}"));
    client.expect(&format!("Session {second} deleted."));
    client.say("/delete");
    client.expect(&format!("Session {first} deleted."));
    client.say("/sessions");
    client.expect("ALL ACTIVE SESSIONS (0)");
    client.say("/delete");
    client.expect("There is no current session to delete.");
    client.say("/info");
    client.expect("There is no current session; /new makes one.");
    client.say(&format!("/join {first}"));
    client.expect(&format!("No session on the server begins with {}.", &first[..8]));
    // The next message gets a session of its own.
    client.say("Hello");
    client.expect("New session created: ");
    client.expect("GRPC RESPONSE COMPLETED");
    assert_eq!(client.finish().code, Some(0));
}

#[test]
fn a_prefix_of_several_sessions_joins_none() {
    let server = ChatServer::start(&[]);
    let (mut client, _) = connected(&server, &[]);
    client.say("/new");
    client.expect("New session created: ");
    // The empty beginning, as dots are not counted.
    client.say("/join ...");
    client.expect("2 sessions begin with");
}

#[test]
fn a_session_is_found_by_its_id_at_the_start() {
    let server = ChatServer::start(&[]);
    let (mut client, id) = connected(&server, &[]);
    ask(&mut client, "My name is Ada.");
    let info = shown(&mut client, "/info", "SESSION INFORMATION");
    let whole = info.lines().next().and_then(|line| line.strip_prefix("Session: ")).expect("the whole id");
    for name in [whole, &id, &id[..8]] {
        let mut other = server.client(&["--session", name]);
        other.expect(&format!("Joined session {id} (2 messages, embedded)"));
        other.say("/info");
        other.expect(whole);
        assert_eq!(other.finish().code, Some(0));
    }
    let mut lost = server.client(&["--session", "no-such-session"]);
    lost.expect("No session on the server begins with no-such-session.");
    lost.expect("New session created: ");
}

#[test]
fn ping_and_health_measure_the_way() {
    let server = ChatServer::start(&[]);
    let (mut client, _) = connected(&server, &[]);
    client.say("/ping");
    client.expect(&format!("PONG from localhost:{} (", server.port));
    client.expect("ms)\n");
    client.say("/health");
    client.expect("Health: SERVING (");
    client.expect("ms)\n");
}

#[test]
fn disconnecting_lasts_until_connect() {
    let server = ChatServer::start(&[]);
    let (mut client, id) = connected(&server, &[]);
    client.say("/connect");
    client.expect("Already connected to localhost:");
    client.say("/disconnect");
    client.expect("Disconnected from localhost:");
    client.say("/disconnect");
    client.expect("Not connected.");
    client.say("Hello");
    client.expect("Not connected; /connect connects.");
    client.say("/ping");
    client.expect("Not connected; /connect connects.");
    client.say("/health");
    client.expect("Health: SERVING (");
    client.say("/stats");
    client.expect("gRPC Status: DISCONNECTED");
    client.say("/connect");
    client.expect("GRPC CONNECTED [");
    let stats = shown(&mut client, "/stats", "CLIENT SESSION STATISTICS");
    for row in [
        "gRPC Status: CONNECTED\n",
        "Connection Attempts: 2\n",
        "Reconnections: 0\n",
        "Sessions Created: 1\n",
        &format!("Current Session: {id}\n"),
        "Messages Sent: 0\n",
    ] {
        assert!(stats.contains(row), "{row} in {stats}");
    }
    ask(&mut client, "Hello");
    // The message that was not sent counts for the exit code.
    assert_eq!(client.finish().code, Some(1));
}

#[test]
fn help_names_every_command_and_mistakes_are_explained() {
    let server = ChatServer::start(&[]);
    let (mut client, _) = connected(&server, &[]);
    let help = shown(&mut client, "/help", "COMMANDS");
    for command in [
        "/help",
        "/stats",
        "/server",
        "/health",
        "/clear",
        "/quit",
        "/connect",
        "/disconnect",
        "/ping",
        "/new",
        "/info",
        "/sessions",
        "/join",
        "/delete",
    ] {
        assert!(help.contains(&format!("{command} ")), "{command} in {help}");
    }
    client.say("/nonsense");
    client.expect("There is no command /nonsense; /help lists them.");
    client.say("/join");
    client.expect("/join needs the id of a session");
    client.say("   ");
    client.say("/quit");
    assert_eq!(client.finish().code, Some(0));
}

#[test]
fn limits_of_the_server_reach_the_user() {
    let server = ChatServer::start(&["--max-sessions", "1", "--history-limit", "2"]);
    let (mut client, _) = connected(&server, &[]);
    ask(&mut client, "one");
    client.say("two");
    client.expect("Error: RESOURCE_EXHAUSTED: the session is full");
    client.say("/new");
    client.expect("Error: RESOURCE_EXHAUSTED: the server holds 1 sessions");
    assert_eq!(client.finish().code, Some(1));
}
