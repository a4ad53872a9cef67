//! The programs with a pipe as input: what a script sees.

use std::fs;
use std::net::TcpStream;

use super::programs::{ChatServer, Program, command, run};

/// The text between `AI Response` and the box behind it, for every answer.
fn answers(output: &str) -> Vec<String> {
    let answers = output.split("AI Response (gRPC Streaming) ").skip(1);
    answers.map(|rest| rest.split('┌').next().unwrap_or_default().to_owned()).collect()
}

#[test]
fn the_second_answer_knows_the_name_and_another_session_does_not() {
    let lines = "My name is Ada.\nWhat is my name?\n/new\nWhat is my name?\n/quit\n";
    let finished = run("chat", &[], lines);
    assert_eq!(finished.code, Some(0), "{}{}", finished.output, finished.errors);
    let answers = answers(&finished.output);
    assert_eq!(answers.len(), 3, "{}", finished.output);
    assert!(answers[1].contains("Ada"), "{}", answers[1]);
    assert!(!answers[2].contains("Ada"), "{}", answers[2]);
    assert_eq!(finished.errors, "");
}

#[test]
fn the_output_of_a_pipe_has_no_escape_codes() {
    let server = ChatServer::start(&[]);
    let lines =
        "Hello\n/help\n/stats\n/server\n/health\n/ping\n/info\n/sessions\n/clear\n/nonsense\n/join nobody\n/quit\n";
    let finished = server.run_client(&[], lines);
    assert_eq!(finished.code, Some(0), "{}", finished.output);
    assert!(!finished.output.contains('\u{1b}'), "{}", finished.output);
    assert!(!finished.output.contains('\r'), "{}", finished.output);
    assert!(!server.program.output.text().contains('\u{1b}'));
}

#[test]
fn each_line_waits_for_the_answer_before_it() {
    let server = ChatServer::start(&["--word-delay", "1ms"]);
    let finished = server.run_client(&[], "one\ntwo\nthree\n");
    let steps = ["GRPC MESSAGE SENT", "Generating response", "AI Response", "GRPC RESPONSE COMPLETED"];
    let mut rest = finished.output.as_str();
    for message in ["one", "two", "three"] {
        for step in steps {
            let at = rest.find(step).unwrap_or_else(|| panic!("{step} of {message} in {}", finished.output));
            let skipped = &rest[..at];
            assert!(!steps.iter().any(|other| *other != step && skipped.contains(other)), "{}", finished.output);
            rest = &rest[at + step.len()..];
        }
    }
    assert!(!rest.contains("GRPC MESSAGE SENT"), "{rest}");
    for context in [1, 3, 5] {
        assert!(finished.output.contains(&format!("Generating response... (Context: {context} messages)")));
    }
}

#[test]
fn the_end_of_the_input_acts_like_quit() {
    let server = ChatServer::start(&[]);
    for lines in ["", "/quit\nnever said\n", "Hello\n", "Hello"] {
        let finished = server.run_client(&[], lines);
        assert_eq!(finished.code, Some(0), "{lines:?}: {}", finished.output);
        assert!(finished.output.ends_with("Goodbye!\n"), "{lines:?}: {}", finished.output);
        assert!(!finished.output.contains("never said"));
        let hellos = finished.output.matches("GRPC RESPONSE COMPLETED").count();
        assert_eq!(hellos, usize::from(lines.starts_with("Hello")), "{lines:?}");
    }
}

#[test]
fn a_message_without_an_answer_makes_the_exit_code_1() {
    // Nothing listens on port 1, so the model cannot be reached.
    let mut unreachable = command("chat", &[]);
    unreachable.env("CHAT_MODEL", "openai").env("OPENAI_BASE_URL", "http://127.0.0.1:1/v1");
    let finished = Program::run(unreachable, "Hello\n/stats\n/quit\n");
    assert_eq!(finished.code, Some(1), "{}", finished.output);
    assert!(finished.output.contains("Error: UNAVAILABLE: "), "{}", finished.output);
    assert!(finished.output.contains("Failed Streams: 1"), "{}", finished.output);
}

#[test]
fn without_a_server_the_client_says_so() {
    let gone = ChatServer::start(&[]);
    let port = gone.port.clone();
    drop(gone);
    let finished = run("chat-client", &["--port", &port], "/health\n/sessions\nHello\n/stats\n");
    assert_eq!(finished.code, Some(1), "{}", finished.output);
    assert!(finished.output.contains(&format!("Not connected to localhost:{port}: ")), "{}", finished.output);
    assert!(finished.output.contains("Health: "), "{}", finished.output);
    assert!(!finished.output.contains("SERVING"), "{}", finished.output);
    assert!(finished.output.contains("gRPC Status: DISCONNECTED"), "{}", finished.output);
    assert!(finished.output.contains("Messages Sent: 0"), "{}", finished.output);
}

#[test]
fn chat_hides_the_log_of_its_server_unless_it_is_asked_for() {
    let log = tempfile::tempdir().expect("a directory");
    let path = log.path().join("server.log");
    let finished = run("chat", &["--word-delay", "0", "--server-log", path.to_str().expect("UTF-8")], "Hello\n");
    assert_eq!(finished.code, Some(0), "{}", finished.errors);
    for hidden in ["GRPC MULTI-TURN CHAT SERVER", "Listening on", "GRPC REQUEST", "GENERATING RESPONSE", "Chunk #"] {
        assert!(!finished.output.contains(hidden), "{hidden} in {}", finished.output);
        assert!(fs::read_to_string(&path).expect("a log").contains(hidden), "{hidden}");
    }
    let finished = run("chat", &["--server-log", "/nowhere/server.log"], "Hello\n");
    assert_eq!(finished.code, Some(1));
    assert!(finished.errors.starts_with("chat: cannot write /nowhere/server.log: "), "{}", finished.errors);
}

#[test]
fn the_server_listens_on_ipv4_and_ipv6() {
    let server = ChatServer::start(&[]);
    let port: u16 = server.port.parse().expect("a port");
    TcpStream::connect(("127.0.0.1", port)).expect("IPv4");
    // A machine without IPv6 is served all the same.
    if std::net::TcpListener::bind("[::1]:0").is_ok() {
        TcpStream::connect(("::1", port)).expect("IPv6");
    }
}

#[test]
fn the_server_introduces_itself() {
    let server = ChatServer::start(&[]);
    let port = server.port.clone();
    let mut program = server.program;
    program.expect("Protocol: gRPC with bidirectional streaming\nPress Ctrl+C to stop\n");
    let output = program.output.text();
    for line in [
        "│ GRPC MULTI-TURN CHAT SERVER ",
        "│ Model: embedded ",
        "│ Framework: ",
        "│ Multi-turn: ENABLED ",
        "│ Streaming: BIDIRECTIONAL ",
        "│ Status: READY ",
        &format!("\nListening on: localhost:{port}\n"),
    ] {
        assert!(output.contains(line), "{line} in {output}");
    }
}

#[test]
fn a_port_in_use_is_an_error() {
    let server = ChatServer::start(&[]);
    let finished = run("chat-server", &["--port", &server.port], "");
    assert_eq!(finished.code, Some(1));
    let expected = format!("chat-server: cannot listen on localhost:{}: ", server.port);
    assert!(finished.errors.starts_with(&expected), "{}", finished.errors);
}

#[test]
fn every_program_explains_itself_and_refuses_nonsense() {
    for (program, flags) in [
        (
            "chat-server",
            &["--host", "--port", "--log", "--max-sessions", "--session-idle", "--history-limit", "--word-delay"][..],
        ),
        ("chat-client", &["--host", "--port", "--log", "--session"][..]),
        ("chat", &["--host", "--port", "--log", "--server-log", "--max-sessions", "--word-delay"][..]),
    ] {
        let help = run(program, &["--help"], "");
        assert_eq!(help.code, Some(0));
        flags.iter().for_each(|flag| assert!(help.output.contains(flag), "{flag} in {}", help.output));
        let wrong = run(program, &["--nonsense"], "");
        assert_eq!(wrong.code, Some(2), "{}", wrong.errors);
    }
}

#[test]
fn the_runtimes_log_is_shown_on_demand_and_on_standard_error() {
    let server = ChatServer::start(&[]);
    let quiet = server.run_client(&[], "Hello\n");
    assert_eq!(quiet.errors, "");
    let loud = server.run_client(&["--log", "trace"], "Hello\n");
    assert!(loud.errors.contains("TRACE") || loud.errors.contains("DEBUG"), "{}", loud.errors);
    let mut variable = command("chat-client", &["--port", &server.port]);
    variable.env("RUST_LOG", "trace");
    let loud = Program::run(variable, "Hello\n");
    assert!(loud.errors.contains("TRACE") || loud.errors.contains("DEBUG"), "{}", loud.errors);
}

#[test]
fn a_client_that_is_slow_to_type_keeps_its_session() {
    let server = ChatServer::start(&[]);
    let mut client = server.client(&[]);
    client.expect("New session created: ");
    client.say("My name is Ada.");
    client.expect("GRPC RESPONSE COMPLETED");
    client.say("What is my name?");
    let answer = client.expect("GRPC RESPONSE COMPLETED");
    assert!(answer.contains("Ada"), "{answer}");
    let finished = Program::finish(client);
    assert_eq!(finished.code, Some(0));
}
