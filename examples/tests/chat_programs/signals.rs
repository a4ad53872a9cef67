//! Ctrl-C, sent as the signal it is.

use super::programs::ChatServer;

#[test]
fn an_interrupted_server_finishes_its_answers() {
    let server = ChatServer::start(&["--word-delay", "100ms"]);
    let mut client = server.client(&[]);
    client.say("My name is Ada.");
    client.expect("AI Response (gRPC Streaming)");
    let mut server = server.program;
    server.expect("Chunk #1");
    server.signal("INT");
    server.expect("Shutting down: 1 answer has 10s to end (Ctrl+C again stops at once)");
    client.expect("Status: SUCCESS");
    let stopped = server.finish();
    assert_eq!(stopped.code, Some(0), "{}", stopped.output);
    assert!(stopped.output.contains("GRPC RESPONSE COMPLETED"), "{}", stopped.output);
    assert!(stopped.output.contains("0 cut, 0 stuck"), "{}", stopped.output);
    client.expect("Connection lost: ");
    assert_eq!(client.finish().code, Some(0));
}

#[test]
fn an_idle_server_stops_at_once_although_clients_are_connected() {
    for signal in ["INT", "TERM"] {
        let server = ChatServer::start(&[]);
        let mut client = server.client(&[]);
        client.expect("New session created: ");
        let mut server = server.program;
        server.signal(signal);
        server.expect("Shutting down: no answer is being given");
        let stopped = server.finish();
        assert_eq!(stopped.code, Some(0), "{}", stopped.output);
        assert!(stopped.output.contains("0 cut, 0 stuck"), "{}", stopped.output);
        client.expect("the server is shutting down");
    }
}

#[test]
fn a_second_interrupt_stops_the_server_at_once() {
    let server = ChatServer::start(&["--word-delay", "1h"]);
    let mut client = server.client(&[]);
    client.say("Hello");
    let mut server = server.program;
    server.expect("Chunk #1");
    server.signal("INT");
    server.expect("Shutting down: 1 answer has");
    server.signal("INT");
    assert_eq!(server.finish().code, Some(130));
    client.expect("Connection lost: ");
}

#[test]
fn an_interrupted_answer_is_cancelled_on_the_server_and_the_client_goes_on() {
    let server = ChatServer::start(&["--word-delay", "1h"]);
    let mut client = server.client(&[]);
    client.expect("New session created: ");
    let id = client.expect("...");
    client.say("Hello");
    client.expect("AI Response (gRPC Streaming)");
    let mut server = server.program;
    server.expect("Chunk #1");
    client.signal("INT");
    client.expect("Answer cancelled.");
    server.expect(&format!("CANCELLED → {id}: the client cancelled, after 1 chunks"));
    client.say("/stats");
    client.expect("Failed Streams: 1 ");
    client.expect("gRPC Status: CONNECTED ");
    client.expect("Session Messages: 0 ");
    client.say("/ping");
    client.expect("PONG from ");
    assert_eq!(client.finish().code, Some(1));
}

#[test]
fn an_interrupt_between_two_lines_of_a_pipe_leaves() {
    let server = ChatServer::start(&[]);
    let mut client = server.client(&[]);
    client.expect("New session created: ");
    client.say("Hello");
    client.expect("Status: SUCCESS");
    client.say("/ping");
    client.expect("PONG from ");
    client.signal("INT");
    client.expect("Goodbye!");
    assert_eq!(client.finish().code, Some(0));
}
