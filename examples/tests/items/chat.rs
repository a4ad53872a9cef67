//! `Chat`, the programs among themselves.

use stolid::Code;
use stolid_examples::items::proto::ChatMessage;

use super::programs::ItemsServer;
use super::serving::Serving;

#[test]
fn everybody_in_the_room_hears_everything_in_one_order() {
    let server = ItemsServer::start(&[]);
    let mut ada = server.guest("ada", "lobby");
    let mut bob = server.guest("bob", "lobby");
    ada.expect("[lobby] bob came\n");
    let mut eve = server.guest("eve", "kitchen");
    for number in 0..20 {
        ada.say(&format!("ada {number}"));
        bob.say(&format!("bob {number}"));
    }
    ada.say("/who");
    ada.expect("[lobby] 2 here: ada, bob\n");
    bob.say("That is all.");
    ada.expect("[lobby] bob: That is all.\n");
    bob.expect("[lobby] bob: That is all.\n");
    eve.say("Hello?");
    eve.expect("[kitchen] eve: Hello?\n");
    let (eve, bob, ada) = (eve.finish(), bob.finish(), ada.finish());
    assert_eq!(eve.output, "[kitchen] eve came\n[kitchen] eve: Hello?\n");
    let said = |output: &str| {
        Vec::from_iter(output.lines().filter(|line| line.contains(": ") && !line.contains("here")).map(str::to_owned))
    };
    assert_eq!(said(&ada.output), said(&bob.output));
    for name in ["ada", "bob"] {
        let own: Vec<String> =
            said(&ada.output).into_iter().filter(|line| line.starts_with(&format!("[lobby] {name}: {name}"))).collect();
        let expected: Vec<String> = (0..20).map(|number| format!("[lobby] {name}: {name} {number}")).collect();
        assert_eq!(own, expected);
    }
    assert!(ada.output.contains("[lobby] bob left\n"), "{}", ada.output);
    assert!(!bob.output.contains("here"), "an answer to /who is for the asker alone: {}", bob.output);
    for finished in [eve, bob, ada] {
        assert_eq!((finished.code, finished.errors.as_str()), (Some(0), ""));
    }
}

#[test]
fn a_long_script_is_said_whole() {
    let server = ItemsServer::start(&[]);
    let ada = server.guest("ada", "lobby");
    let lines: String = (0..3000).map(|number| format!("{number:0100}\n")).collect();
    let bob = server.run_client(&["chat", "--name", "bob"], &lines);
    assert_eq!((bob.code, bob.errors.as_str()), (Some(0), ""));
    ada.output.wait_for("[lobby] bob left\n", 0);
    let expected: Vec<String> = (0..3000).map(|number| format!("[lobby] bob: {number:0100}")).collect();
    for heard in [bob.output, ada.finish().output] {
        assert_eq!(Vec::from_iter(heard.lines().filter(|line| line.contains("bob: "))), expected);
    }
}

#[test]
fn a_client_that_dies_is_in_no_room() {
    let mut server = ItemsServer::start(&[]);
    let mut ada = server.guest("ada", "lobby");
    let bob = server.guest("bob", "lobby");
    bob.signal("KILL");
    ada.expect("[lobby] bob left\n");
    server.program.expect("[lobby] bob left\n");
    ada.say("/who");
    ada.expect("[lobby] 1 here: ada\n");
}

#[test]
fn a_server_that_stops_ends_the_chats() {
    let server = ItemsServer::start(&[]);
    let ada = server.guest("ada", "lobby");
    let bob = server.guest("bob", "kitchen");
    server.program.signal("TERM");
    for guest in [ada, bob] {
        // Its input is still open.
        guest.errors.wait_for("items-client: UNAVAILABLE: the server is shutting down\n", 0);
        assert_eq!(guest.finish().code, Some(1));
    }
    let server = server.program.finish();
    assert_eq!((server.code, server.errors.as_str()), (Some(0), ""));
    assert!(server.output.ends_with("Server stopped.\n"), "{}", server.output);
}

#[test]
fn a_message_needs_a_room_and_a_sender() {
    let server = ItemsServer::start(&[]);
    let nameless = server.run_client(&["chat", "--name", ""], "");
    assert_eq!(nameless.code, Some(1));
    let expected = "items-client: INVALID_ARGUMENT: the sender needs a name of 1 to 64 bytes\n";
    assert_eq!(nameless.errors, expected);
    let long = "x".repeat(8 * 1024 + 1);
    let talkative = server.run_client(&["chat", "--name", "ada"], &format!("{long}\n"));
    assert_eq!(talkative.errors, "items-client: INVALID_ARGUMENT: a message has at most 8192 bytes\n");
}

#[test]
fn a_message_for_another_room_goes_there() {
    let serving = Serving::start();
    let (requests, mut responses) = serving.client.chat(()).expect("a call").split();
    let message = |room: &str, content: &str| ChatMessage {
        room: room.to_owned(),
        sender: "ada".to_owned(),
        content: content.to_owned(),
        timestamp: "now".to_owned(),
    };
    let mut hear = || responses.message().expect("the call goes on").expect("a message");
    for room in ["lobby", "kitchen"] {
        requests.send(message(room, "")).expect("sent");
        let news = hear();
        assert_eq!((news.room.as_str(), news.sender.as_str(), news.content.as_str()), (room, "", "ada came"));
        requests.send(message(room, "Hi")).expect("sent");
        assert_eq!(hear(), message(room, "Hi"));
    }
    // What the client did not hear, because it was gone.
    let log: Vec<String> = (0..3).map(|_| serving.log_line()).collect();
    assert_eq!(log, ["[lobby] ada came", "[lobby] ada left", "[kitchen] ada came"]);
    requests.send(message("", "Hi")).expect("sent");
    let status = responses.message().expect_err("no such room");
    assert_eq!(status.code(), Code::InvalidArgument);
    assert_eq!(serving.log_line(), "[kitchen] ada left");
}

#[test]
fn the_programs_explain_themselves() {
    for (program, words) in [
        (env!("CARGO_BIN_EXE_items-server"), &["--host", "--port", "--log", "--items", "--store"][..]),
        (env!("CARGO_BIN_EXE_items-client"), &["--host", "--port", "--log", "list", "upload", "chat"][..]),
    ] {
        let help = super::program::Program::run(super::program::command(program, &["--help"]), "");
        assert_eq!(help.code, Some(0));
        words.iter().for_each(|word| assert!(help.output.contains(word), "{word} in {}", help.output));
        let wrong = super::program::Program::run(super::program::command(program, &["--nonsense"]), "");
        assert_eq!(wrong.code, Some(2), "{}", wrong.errors);
    }
}
