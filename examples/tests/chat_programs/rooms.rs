//! Rooms on the chat server, and the chat client in them.

use std::sync::Arc;

use stolid::Server;
use stolid_examples::chat::proto::chat_service_server::ChatServiceServer;
use stolid_examples::chat::server::journal::Journal;
use stolid_examples::chat::server::service::ChatService;
use stolid_examples::items::proto::ChatMessage;
use stolid_examples::items::proto::stream_service_client::StreamServiceClient;
use stolid_examples::terminal::clock::SystemClock;

use super::models::counting;
use super::program::Program;
use super::programs::{ChatServer, run};
use super::serving::SETTINGS;
use super::terminal::{ENTER, Terminal};

/// A client that is in the room and knows it.
#[track_caller]
fn guest(server: &ChatServer, name: &str, room: &str) -> Program {
    let mut guest = server.client(&["--room", room, "--name", name]);
    guest.expect(&format!("You are {name} in #{room}; /leave leaves it.\n"));
    guest.expect(&format!("[#{room}] {name} came\n"));
    guest.expect(" here: ");
    guest
}

#[test]
fn what_is_said_in_a_room_is_heard_by_everybody_there() {
    let mut server = ChatServer::start(&[]);
    let mut ada = guest(&server, "ada", "lobby");
    let mut bob = guest(&server, "bob", "lobby");
    ada.expect("[#lobby] bob came\n");
    let mut eve = guest(&server, "eve", "kitchen");
    ada.say("Hello, Bob!");
    for somebody in [&mut ada, &mut bob] {
        somebody.expect("[#lobby] ada: Hello, Bob!\n");
    }
    bob.say("Hello, Ada!");
    for somebody in [&mut ada, &mut bob] {
        somebody.expect("[#lobby] bob: Hello, Ada!\n");
    }
    eve.say("/who");
    eve.expect("[#kitchen] 1 here: eve\n");
    ada.say("/who");
    ada.expect("[#lobby] 2 here: ada, bob\n");
    let eve = eve.finish();
    assert!(!eve.output.contains("Hello"), "{}", eve.output);
    assert!(!eve.output.contains("New session created"), "{}", eve.output);
    assert!(!eve.output.contains('\u{1b}'), "{}", eve.output);
    assert_eq!((eve.code, eve.errors.as_str()), (Some(0), ""));
    bob.say("/quit");
    ada.expect("[#lobby] bob left\n");
    server.program.expect("[lobby] bob left\n");
}

#[test]
fn a_script_goes_in_and_out_of_rooms() {
    let server = ChatServer::start(&[]);
    let lines = "/who\n/leave\n/room lobby\nHello?\n/room kitchen\nHello again?\n/who\n/leave\n\
        My name is Ada.\nWhat is my name?\n/quit\n";
    let finished = server.run_client(&["--name", "ada"], lines);
    assert_eq!((finished.code, finished.errors.as_str()), (Some(0), ""), "{}", finished.output);
    let steps = [
        "New session created: ",
        "You are in no room; /room NAME enters one.\nYou are in no room; /room NAME enters one.\n",
        "You are ada in #lobby; /leave leaves it.\n[#lobby] ada came\n[#lobby] 1 here: ada\n[#lobby] ada: Hello?\n",
        "You are ada in #kitchen; /leave leaves it.\n[#kitchen] ada came\n[#kitchen] 1 here: ada\n",
        "[#kitchen] ada: Hello again?\n[#kitchen] 1 here: ada\nYou left #kitchen.\n",
        "Message: My name is Ada.",
        "Message: What is my name?",
        "Ada",
        "Goodbye!\n",
    ];
    let mut rest = finished.output.as_str();
    for step in steps {
        let at = rest.find(step).unwrap_or_else(|| panic!("{step} is missing in {}", finished.output));
        rest = &rest[at + step.len()..];
    }
    assert_eq!(finished.output.matches("GRPC MESSAGE SENT").count(), 2, "{}", finished.output);
    assert_eq!(finished.output.matches("New session created").count(), 1, "{}", finished.output);
}

#[test]
fn chat_alone_has_rooms_too() {
    // The room's own news bear the same millisecond now and then, and are not the echo that the program waits for.
    for _ in 0..20 {
        let finished = run("chat", &["--name", "ada"], "/room den\nIs anybody here?\n");
        assert_eq!(finished.code, Some(0), "{}", finished.output);
        assert!(finished.output.contains("[#den] ada: Is anybody here?\n"), "{}", finished.output);
    }
}

#[test]
fn a_client_that_dies_is_in_no_room() {
    let server = ChatServer::start(&[]);
    let mut ada = guest(&server, "ada", "lobby");
    guest(&server, "bob", "lobby").signal("KILL");
    ada.expect("[#lobby] bob came\n");
    ada.expect("[#lobby] bob left\n");
    ada.say("/who");
    ada.expect("[#lobby] 1 here: ada\n");
}

#[test]
fn the_room_is_kept_when_the_server_comes_back() {
    let server = ChatServer::start(&[]);
    let mut ada = guest(&server, "ada", "lobby");
    let port = server.port.clone();
    drop(server);
    ada.expect("Connection lost: ");
    let server = ChatServer::start_again(&port);
    ada.expect("Reconnected to ");
    ada.expect("You are ada in #lobby; /leave leaves it.\n");
    ada.expect("[#lobby] 1 here: ada\n");
    let mut bob = guest(&server, "bob", "lobby");
    ada.say("Still here.");
    bob.expect("[#lobby] ada: Still here.\n");
    ada.expect("[#lobby] ada: Still here.\n");
    let finished = ada.finish();
    assert_eq!(finished.code, Some(0), "nothing that was said was lost: {}", finished.output);
    assert!(!finished.output.contains("New session created"), "{}", finished.output);
}

#[test]
fn disconnecting_leaves_the_room_until_the_connection_is_back() {
    let server = ChatServer::start(&[]);
    let mut bob = guest(&server, "bob", "lobby");
    let mut ada = guest(&server, "ada", "lobby");
    bob.expect("[#lobby] ada came\n");
    ada.say("/disconnect");
    ada.expect("Disconnected from ");
    bob.expect("[#lobby] ada left\n");
    ada.say("Can you hear me?");
    ada.expect("Not connected; /connect connects.\n");
    ada.say("/connect");
    ada.expect("[#lobby] 2 here: ada, bob\n");
    ada.say("And now?");
    bob.expect("[#lobby] ada: And now?\n");
    ada.expect("[#lobby] ada: And now?\n");
    let finished = ada.finish();
    assert_eq!(finished.code, Some(1), "one message was not said: {}", finished.output);
    let heard = bob.finish().output;
    assert!(!heard.contains("Can you hear me?"), "{heard}");
}

#[test]
fn a_server_that_stops_closes_its_rooms() {
    let server = ChatServer::start(&[]);
    let mut ada = guest(&server, "ada", "lobby");
    server.program.signal("TERM");
    ada.expect("Connection lost: UNAVAILABLE: the server is shutting down. Reconnecting...\n");
    let server = server.program.finish();
    assert_eq!(server.code, Some(0), "{}", server.errors);
    assert!(server.output.contains("0 cut, 0 stuck\n"), "{}", server.output);
}

#[test]
fn what_the_room_does_not_take_is_an_error() {
    let server = ChatServer::start(&[]);
    let long = "x".repeat(8 * 1024 + 1);
    let finished = server.run_client(&["--room", "lobby", "--name", "ada"], &format!("{long}\n"));
    assert_eq!(finished.code, Some(1), "{}", finished.output);
    let reason = "You are no longer in #lobby: INVALID_ARGUMENT: a message has at most 8192 bytes\n";
    assert!(finished.output.contains(reason), "{}", finished.output);
}

#[test]
fn a_server_without_rooms_is_an_error() {
    let service = ChatService::new(SETTINGS, counting(), Journal::silent(Arc::new(SystemClock)));
    let server = Server::builder().add_service(ChatServiceServer::new(service)).start("127.0.0.1:0");
    let port = server.as_ref().expect("a free port").local_addr().port().to_string();
    let finished = run("chat-client", &["--port", &port, "--room", "lobby", "--name", "ada"], "Hello?\n/who\n");
    assert_eq!(finished.code, Some(1), "{}", finished.output);
    assert!(finished.output.contains("You are no longer in #lobby: UNIMPLEMENTED: "), "{}", finished.output);
    assert!(finished.output.contains("You are in no room; /room NAME enters one.\n"), "{}", finished.output);
}

#[test]
fn other_clients_of_the_rooms_are_heard_and_hear() {
    let server = ChatServer::start(&[]);
    let mut ada = guest(&server, "ada", "lobby");
    let client = StreamServiceClient::connect(format!("http://localhost:{}", server.port)).expect("it listens");
    let (requests, mut responses) = client.chat(()).expect("a call").split();
    let message = ChatMessage {
        room: "lobby".to_owned(),
        sender: "bot\u{1b}[31m".to_owned(),
        content: "Beep\u{7}".to_owned(),
        timestamp: String::new(),
    };
    requests.send(message).expect("sent");
    ada.expect("[#lobby] bot");
    let shown = ada.expect("Beep");
    assert!(!shown.contains('\u{1b}'), "{shown:?}");
    ada.say("What?");
    let mut heard = Vec::from_iter((0..3).map(|_| responses.message().expect("no failure").expect("a message")));
    let what = heard.pop().expect("the third");
    assert_eq!((what.sender.as_str(), what.content.as_str()), ("ada", "What?"));
    assert!(heard.iter().chain([&what]).all(|message| message.timestamp.ends_with('Z')), "{heard:?}");
    requests.close();
    assert_eq!(responses.message().expect("a clean end"), None);
    ada.expect(" left\n");
}

#[test]
fn the_prompt_shows_the_room() {
    let server = ChatServer::start(&[]);
    let mut bob = guest(&server, "bob", "lobby");
    let mut terminal = Terminal::client(&server, &["--name", "ada"]);
    terminal.press("/room lobby");
    terminal.press(ENTER);
    terminal.expect("[#lobby] 2 here: ada, bob");
    terminal.expect("You [#lobby] \u{1b}[32m●\u{1b}[0m › ");
    bob.say("Welcome!");
    terminal.expect("[#lobby] bob: Welcome!");
    terminal.press("Thanks.");
    terminal.press(ENTER);
    terminal.expect("[#lobby] ada: Thanks.");
    bob.expect("[#lobby] ada: Thanks.\n");
    terminal.press("/leave");
    terminal.press(ENTER);
    terminal.expect("You left #lobby.");
    terminal.expect("...] \u{1b}[32m●\u{1b}[0m › ");
    bob.expect("[#lobby] ada left\n");
    terminal.press("/quit");
    terminal.press(ENTER);
    terminal.expect("Goodbye!");
    terminal.assert_exit(0);
}
