//! `greeter-server` and `greeter-client`, as the processes they are.

use std::net::TcpListener;

use greeter::HelloRequest;
use greeter::greeter_client::GreeterClient;
use program::{Finished, Program, command};
use stolid::{Code, Status};
use stolid_tests::watchdog::watched;

#[path = "../support/output.rs"]
mod output;
#[path = "../support/program.rs"]
#[expect(dead_code, reason = "the tests of the chat use the rest of it")]
mod program;

/// The messages and the client of `greeter/v1/greeter.proto`.
pub mod greeter {
    stolid::include_proto!("greeter.v1");
}

const PAGE: &str = include_str!("../../docs/greeter.md");

/// A server on a free port.
fn server() -> (Program, String) {
    let mut server = Program::start(command(env!("CARGO_BIN_EXE_greeter-server"), &["--port", "0"]));
    let port = server.port();
    (server, port)
}

#[track_caller]
fn run_client(arguments: &[&str]) -> Finished {
    Program::run(command(env!("CARGO_BIN_EXE_greeter-client"), arguments), "")
}

/// Runs a test that makes calls of its own to a server.
fn with_client(test: impl FnOnce(GreeterClient) + Send + 'static) {
    watched(|| {
        let (_server, port) = server();
        test(GreeterClient::connect(format!("http://localhost:{port}")).expect("it listens"));
    });
}

fn hello(name: &str, language: &str) -> HelloRequest {
    HelloRequest { name: name.to_owned(), language: language.to_owned() }
}

#[track_caller]
fn assert_refused(status: &Status) {
    assert_eq!(status.code(), Code::InvalidArgument, "{status}");
    assert_eq!(status.message(), "unknown language \"tlh\", please use en, de or fr");
}

#[test]
fn the_client_makes_a_call_of_each_kind() {
    let (server, port) = server();
    let finished = run_client(&["--port", &port, "--language", "fr", "Ada", "Bob"]);
    let expected = "\
SayHello: Bonjour, Ada!
SayHello: Bonjour, Bob!
SayHelloStreamReply: Bonjour, Ada! (1 of 3)
SayHelloStreamReply: Bonjour, Ada! (2 of 3)
SayHelloStreamReply: Bonjour, Ada! (3 of 3)
SayHelloStreamReply: Bonjour, Bob! (1 of 3)
SayHelloStreamReply: Bonjour, Bob! (2 of 3)
SayHelloStreamReply: Bonjour, Bob! (3 of 3)
SayHelloClientStream: 2 greetings: Bonjour, Ada! Bonjour, Bob!
SayHelloBidiStream: Bonjour, Ada!
SayHelloBidiStream: Bonjour, Bob!
";
    assert_eq!((finished.code, finished.output.as_str(), finished.errors.as_str()), (Some(0), expected, ""));
    assert!(PAGE.contains(&format!("```text\n{expected}```")), "the page shows something else");

    server.signal("TERM");
    let stopped = server.finish();
    assert_eq!((stopped.code, stopped.errors.as_str()), (Some(0), ""));
    assert_eq!(stopped.output, format!("Listening on: localhost:{port}\n"));
}

#[test]
fn the_language_changes_the_greeting() {
    let (_server, port) = server();
    for (language, greeting) in [("en", "Hello, Ada!"), ("de", "Hallo, Ada!"), ("fr", "Bonjour, Ada!")] {
        let finished = run_client(&["--port", &port, "--language", language, "Ada"]);
        assert_eq!(finished.code, Some(0), "{finished:?}");
        assert_eq!(finished.output.matches(greeting).count(), 6, "{finished:?}");
    }
    assert!(run_client(&["--port", &port]).output.starts_with("SayHello: Hello, World!\n"));
}

#[test]
fn the_client_says_why_it_was_refused() {
    let (_server, port) = server();
    let finished = run_client(&["--port", &port, "--language", "tlh"]);
    assert_eq!((finished.code, finished.output.as_str()), (Some(1), ""));
    let expected = "greeter-client: INVALID_ARGUMENT: unknown language \"tlh\", please use en, de or fr\n";
    assert_eq!(finished.errors, expected);
    assert!(PAGE.contains(expected), "the page shows something else");
}

#[test]
fn an_unknown_language_is_refused_in_every_kind_of_call() {
    with_client(|client| {
        assert_refused(&client.say_hello(hello("Ada", "tlh")).expect_err("a refusal"));

        let mut replies = client.say_hello_stream_reply(hello("Ada", "tlh")).expect("the call opens");
        assert_refused(&replies.message().expect_err("a refusal"));

        let mut call = client.say_hello_client_stream(()).expect("the call opens");
        // The second may find the call over already.
        let sent = call.send(hello("Ada", "tlh")).and_then(|()| call.send(hello("Bob", "en")));
        assert_refused(&sent.and_then(|()| call.finish()).expect_err("a refusal"));

        let mut call = client.say_hello_bidi_stream(()).expect("the call opens");
        call.send(hello("Ada", "fr")).expect("the call runs");
        assert_eq!(call.message().expect("the call runs").expect("a reply").message, "Bonjour, Ada!");
        call.send(hello("Bob", "tlh")).expect("the call runs");
        assert_refused(&call.message().expect_err("a refusal"));
    });
}

#[test]
fn a_thousand_names_get_one_answer() {
    with_client(|client| {
        let call = client.say_hello_client_stream(()).expect("the call opens");
        let call = call.send_all((0..1_000).map(|n| hello(&n.to_string(), "en"))).expect("the call runs");
        let answer = call.finish().expect("the call is OK").into_inner().message;
        assert!(answer.starts_with("1000 greetings: Hello, 0! Hello, 1! "), "{answer}");
        assert!(answer.ends_with(" Hello, 999!"), "{answer}");
    });
}

#[test]
fn a_name_is_greeted_before_the_next_one_is_sent() {
    with_client(|client| {
        let mut call = client.say_hello_bidi_stream(()).expect("the call opens");
        for (language, greeting) in [("", "Hello"), ("de", "Hallo"), ("fr", "Bonjour"), ("en", "Hello")] {
            call.send(hello("Ada", language)).expect("the call runs");
            let reply = call.message().expect("the call runs").expect("a reply");
            assert_eq!(reply.message, format!("{greeting}, Ada!"));
        }
        call.close();
        assert_eq!(call.message().expect("the call is OK"), None);
    });
}

#[test]
fn a_stopped_server_lets_its_calls_end() {
    watched(|| {
        let (server, port) = server();
        let client = GreeterClient::connect(format!("http://localhost:{port}")).expect("it listens");
        let mut call = client.say_hello_bidi_stream(()).expect("the call opens");
        call.send(hello("Ada", "en")).expect("the call runs");
        assert!(call.message().expect("the call runs").is_some());
        server.signal("TERM");
        // It takes no more calls, but goes on with this one.
        while client.say_hello(hello("Bob", "en")).is_ok() {}
        call.send(hello("Eve", "en")).expect("the call runs");
        assert_eq!(call.message().expect("the call runs").expect("a reply").message, "Hello, Eve!");
        call.close();
        assert_eq!(call.message().expect("the call is OK"), None);
        assert_eq!(server.finish().code, Some(0));
    });
}

#[test]
fn a_second_signal_stops_the_server_at_once() {
    watched(|| {
        let (server, port) = server();
        let client = GreeterClient::connect(format!("http://localhost:{port}")).expect("it listens");
        let mut call = client.say_hello_bidi_stream(()).expect("the call opens");
        call.send(hello("Ada", "en")).expect("the call runs");
        assert!(call.message().expect("the call runs").is_some());
        server.signal("INT");
        // From here on it is shutting down.
        while client.say_hello(hello("Bob", "en")).is_ok() {}
        server.signal("INT");
        assert_eq!(server.finish().code, Some(130));
        assert_eq!(call.message().expect_err("the connection is gone").code(), Code::Unavailable);
    });
}

#[test]
fn nobody_listening_is_told() {
    let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port").port();
    let finished = run_client(&["--host", "127.0.0.1", "--port", &port.to_string()]);
    assert_eq!((finished.code, finished.output.as_str()), (Some(1), ""));
    let expected = format!("greeter-client: cannot connect to 127.0.0.1:{port}: Connection refused");
    assert!(finished.errors.starts_with(&expected), "{finished:?}");
}

#[test]
fn the_log_goes_to_standard_error_and_as_far_as_told() {
    let (_server, port) = server();
    let run = |variable: Option<&str>, arguments: &[&str]| {
        let arguments = [&["--port", &port], arguments].concat();
        let mut client = command(env!("CARGO_BIN_EXE_greeter-client"), &arguments);
        client.envs(variable.map(|level| ("RUST_LOG", level)));
        let finished = Program::run(client, "");
        assert_eq!((finished.code, finished.output.lines().count()), (Some(0), 6), "{finished:?}");
        !finished.errors.is_empty()
    };
    assert!(!run(None, &[]));
    assert!(run(None, &["--log", "trace"]));
    assert!(run(Some("trace"), &[]));
    assert!(!run(Some("trace"), &["--log", "off"]));
}

#[test]
fn wrong_arguments_are_exit_code_2() {
    assert_eq!(run_client(&["--nonsense"]).code, Some(2));
    assert_eq!(Program::run(command(env!("CARGO_BIN_EXE_greeter-server"), &["more"]), "").code, Some(2));
}

#[test]
fn the_programs_are_short() {
    for source in [include_str!("../../src/bin/greeter-server.rs"), include_str!("../../src/bin/greeter-client.rs")] {
        assert!(source.lines().count() <= 80, "{} lines", source.lines().count());
    }
}
