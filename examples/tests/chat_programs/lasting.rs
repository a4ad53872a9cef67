//! What survives the loss of the server.

use std::time::Duration;

use super::programs::{ChatServer, Program, command};

/// How soon the user must hear that the server is gone.
const SOON: Duration = Duration::from_secs(1);

#[test]
fn a_server_killed_in_mid_answer_is_noticed_and_found_again() {
    let server = ChatServer::start(&["--word-delay", "1h"]);
    let port = server.port.clone();
    let mut client = server.client(&[]);
    client.expect("New session created: ");
    let id = client.expect("...");
    client.say("Hello");
    client.expect("AI Response (gRPC Streaming)");
    server.program.signal("KILL");
    client.expect_within("Connection lost: ", SOON);
    client.expect("Reconnecting...");
    // The client goes on: its commands work, and it knows that it is alone.
    client.say("/stats");
    client.expect("Failed Streams: 1");
    client.expect("gRPC Status: DISCONNECTED");
    let _server = ChatServer::start_again(&port);
    client.expect("Reconnected to localhost:");
    client.expect("GRPC CONNECTED [");
    client.expect(&format!("Session {id} is no longer on the server; starting a new one."));
    client.expect("New session created: ");
    client.say("My name is Ada.");
    client.expect("Status: SUCCESS");
    client.say("/stats");
    for row in [
        "Messages Sent: 2 ",
        "Successful Streams: 1 ",
        "Failed Streams: 1 ",
        "Reconnections: 1 ",
        "Sessions Created: 2 ",
        "gRPC Status: CONNECTED ",
        "Session Messages: 2 ",
    ] {
        client.expect(row);
    }
    assert_eq!(client.finish().code, Some(1));
}

#[test]
fn a_server_that_restarts_between_two_messages_costs_only_the_session() {
    let server = ChatServer::start(&[]);
    let port = server.port.clone();
    let mut client = server.client(&[]);
    client.expect("New session created: ");
    client.say("My name is Ada.");
    client.expect("Status: SUCCESS");
    server.program.signal("TERM");
    client.expect("Connection lost: ");
    let stopped = server.program.finish();
    assert_eq!(stopped.code, Some(0), "{}", stopped.output);
    let _server = ChatServer::start_again(&port);
    client.expect("is no longer on the server; starting a new one.");
    client.expect("New session created: ");
    client.say("What is my name?");
    let answer = client.expect("Status: SUCCESS");
    assert!(!answer.contains("Ada"), "{answer}");
    // Every message was answered.
    assert_eq!(client.finish().code, Some(0));
}

#[test]
fn a_session_deleted_by_another_client_is_replaced_and_the_message_said_again() {
    let server = ChatServer::start(&[]);
    let mut client = server.client(&[]);
    client.expect("New session created: ");
    let id = client.expect("...");
    // Once this is answered, the server knows that the client listens.
    client.say("/ping");
    client.expect("PONG");
    let deleted = server.run_client(&[], &format!("/delete {id}\n"));
    assert!(deleted.output.contains(&format!("Session {id} deleted.")), "{}", deleted.output);
    client.expect("The session was deleted.");
    client.say("My name is Ada.");
    client.expect(&format!("Session {id} is no longer on the server; starting a new one."));
    client.expect("New session created: ");
    client.expect("Message: My name is Ada.");
    client.expect("Status: SUCCESS");
    assert_eq!(client.finish().code, Some(0));
}

#[test]
fn a_client_that_starts_before_its_server_waits_for_it() {
    let gone = ChatServer::start(&[]);
    let port = gone.port.clone();
    let mut client = gone.client(&[]);
    client.expect("New session created: ");
    drop(client);
    gone.program.signal("KILL");
    gone.program.finish();
    let mut client = Program::start(command("chat-client", &["--port", &port]));
    client.expect(&format!("Not connected to localhost:{port}: "));
    let _server = ChatServer::start_again(&port);
    client.expect("Connected to localhost:");
    client.expect("New session created: ");
    client.say("Hello");
    client.expect("Status: SUCCESS");
    assert_eq!(client.finish().code, Some(0));
}

#[test]
fn a_server_that_hangs_is_no_reason_to_wait_for_ever() {
    let server = ChatServer::start(&[]);
    let mut client = server.client(&[]);
    client.expect("New session created: ");
    server.program.signal("STOP");
    // A process stops some time after the signal was sent.
    let mut health = String::from("SERVING");
    for _ in 0..1000 {
        if !health.starts_with("SERVING") {
            break;
        }
        client.say("/health");
        client.expect("Health: ");
        health = client.expect(")\n");
    }
    assert!(health.starts_with("DEADLINE_EXCEEDED"), "{health}");
    client.say("/ping");
    client.expect("No PONG within 2s.");
    server.program.signal("CONT");
    client.say("Hello");
    client.expect("Status: SUCCESS");
}
