//! `callstream-server` and `call-grpc-stream`, as the processes they are.

use std::net::TcpListener;
use std::sync::Mutex;
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use bento::bento_service_server::{BentoService, BentoServiceServer};
use bento::{Request, Response};
use program::{Finished, Program, command};
use stolid::{Sender, Server, Status};

#[path = "../support/output.rs"]
mod output;
#[path = "../support/program.rs"]
#[expect(dead_code, reason = "the tests of the chat use the rest of it")]
mod program;

/// The messages and the server of `bentoml/grpc/v1alpha1/service.proto`.
pub mod bento {
    stolid::include_proto!("bentoml.grpc.v1alpha1");
}

/// What every run ends with.
const END: &str = "------------------------\nConnection closed.\n";

/// A server on a free port.
fn server(arguments: &[&str]) -> (Program, String) {
    let arguments = [&["--port", "0"], arguments].concat();
    let mut server = Program::start(command(env!("CARGO_BIN_EXE_callstream-server"), &arguments));
    let port = server.port();
    (server, port)
}

fn client(arguments: &[&str]) -> Program {
    Program::start(command(env!("CARGO_BIN_EXE_call-grpc-stream"), arguments))
}

/// What a run prints before the first answer comes.
fn beginning(address: &str, data: &str) -> String {
    format!(
        "Connecting to gRPC server at {address}...\nSending data: '{data}' to CallStream...\n--- Streamed Responses ---\n"
    )
}

/// The run failed with this status, and said so in the way it always does.
#[track_caller]
fn assert_failed(finished: &Finished, address: &str, error: &str) {
    assert_eq!(finished.code, Some(1), "{finished:?}");
    let responses = finished.output.strip_prefix(&beginning(address, "Test Message from CLI"));
    let responses = responses.and_then(|text| text.strip_suffix(END));
    let responses = responses.unwrap_or_else(|| panic!("beginning or end are missing: {finished:?}"));
    for (line, i) in responses.lines().zip(1..) {
        assert_eq!(line, format!("Response {i} for 'Test Message from CLI'"));
    }
    assert!(finished.errors.starts_with(&format!("An error occurred: {error}")), "{finished:?}");
    assert_eq!(finished.errors.lines().count(), 1, "{finished:?}");
}

#[test]
fn both_print_what_they_promise() {
    let (server, port) = server(&[]);
    let data = "Test Message from CLI";
    let finished = client(&["--host", "localhost", "--port", &port, "--data", data]).finish();
    let responses: String = (1..=5).map(|i| format!("Response {i} for '{data}'\n")).collect();
    assert_eq!(finished.output, beginning(&format!("localhost:{port}"), data) + &responses + END);
    assert_eq!((finished.code, finished.errors.as_str()), (Some(0), ""));

    server.signal("TERM");
    let finished = server.finish();
    let sent: String = (1..=5).map(|i| format!("Sending: Response {i} for '{data}'\n")).collect();
    let expected = format!(
        "gRPC server started on port {port}\nListening on: localhost:{port}\nCallStream received: {data}\n{sent}CallStream finished.\n"
    );
    assert_eq!(finished.output, expected);
    assert_eq!((finished.code, finished.errors.as_str()), (Some(0), ""));
}

#[test]
fn the_page_shows_what_is_printed() {
    let data = "Test Message from CLI";
    let responses: String = (1..=5).map(|i| format!("Response {i} for '{data}'\n")).collect();
    let run = beginning("localhost:50051", data) + &responses + END;
    assert!(include_str!("../../docs/callstream.md").contains(&format!("```text\n{run}```")), "not there:\n{run}");
}

#[test]
fn lines_come_half_a_second_apart() {
    let (_server, port) = server(&[]);
    // A busy machine may look at a line late and so find it too near to the next one; it does not do so every time.
    let apart = (0..10).any(|_| {
        let mut client = client(&["--port", &port]);
        let stamps = (1..=5).map(|i| {
            client.expect(&format!("Response {i} for 'Test Message from CLI'\n"));
            Instant::now()
        });
        let stamps: Vec<Instant> = stamps.collect();
        stamps.windows(2).all(|pair| pair[1] - pair[0] >= Duration::from_millis(400))
    });
    assert!(apart, "the lines never came 0.4 s apart");
}

/// Sends what the test tells it, when the test tells it.
struct Told(Mutex<Receiver<String>>);

impl BentoService for Told {
    fn call_stream(&self, _: stolid::Request<Request>, replies: Sender<Response>) -> Result<(), Status> {
        let told = self.0.lock().expect("one call at a time");
        told.iter().try_for_each(|data| replies.send(Response { data }))
    }
}

#[test]
fn a_line_is_printed_when_it_arrives() {
    let (tell, told) = mpsc::channel();
    let service = BentoServiceServer::new(Told(Mutex::new(told)));
    let server = Server::builder().add_service(service).start("127.0.0.1:0").expect("a free port");
    let mut client = client(&["--port", &server.local_addr().port().to_string()]);
    for line in ["one", "two", "three"] {
        // The next one is not sent before this one was seen.
        tell.send(line.to_owned()).expect("the call runs");
        client.expect(&format!("\n{line}"));
    }
    drop(tell);
    let finished = client.finish();
    assert!(finished.output.ends_with(&format!("\none\ntwo\nthree\n{END}")), "{finished:?}");
    assert_eq!(finished.code, Some(0));
}

#[test]
fn nobody_listening_is_told() {
    let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port").port();
    let address = format!("127.0.0.1:{port}");
    let finished = client(&["--host", "127.0.0.1", "--port", &port.to_string()]).finish();
    assert_failed(&finished, &address, &format!("UNAVAILABLE: cannot connect to {address}: Connection refused"));
}

#[test]
fn an_unknown_host_is_told() {
    let finished = client(&["--host", "no-such-host.invalid"]).finish();
    let address = "no-such-host.invalid:50051";
    assert_failed(&finished, address, &format!("UNAVAILABLE: cannot resolve \"{address}\": "));
}

#[test]
fn a_host_that_is_none_is_told() {
    let finished = client(&["--host", "two words"]).finish();
    assert_failed(&finished, "two words:50051", "INTERNAL: invalid address \"http://two words:50051\": ");
}

#[test]
fn a_server_that_dies_is_told() {
    let (server, port) = server(&[]);
    let mut client = client(&["--port", &port]);
    client.expect("Response 2 for");
    // As kill -9 does.
    drop(server);
    let finished = client.finish();
    assert_failed(&finished, &format!("localhost:{port}"), "UNAVAILABLE: the connection to the server ");
}

#[test]
fn a_deadline_ends_the_call_on_both_sides() {
    let (server, port) = server(&[]);
    let finished = client(&["--port", &port, "--timeout", "0.7"]).finish();
    assert_failed(&finished, &format!("localhost:{port}"), "DEADLINE_EXCEEDED: ");
    server.signal("TERM");
    let log = server.finish().output;
    assert!(!log.contains("CallStream finished."), "it takes two seconds to send everything: {log}");
}

#[test]
fn wrong_arguments_are_exit_code_2() {
    for wrong in [&["--timeout", "soon"][..], &["--timeout=-1"], &["--port", "70000"], &["--nonsense"], &["more"]] {
        let finished = client(wrong).finish();
        assert_eq!((finished.code, finished.output.as_str()), (Some(2), ""), "{wrong:?}: {}", finished.errors);
        assert!(finished.errors.starts_with("error: "), "{wrong:?}: {}", finished.errors);
    }
    let server = command(env!("CARGO_BIN_EXE_callstream-server"), &["--port", "none"]);
    assert_eq!(Program::run(server, "").code, Some(2));
}

#[test]
fn localhost_is_every_address_of_it() {
    let mut hosts = vec!["127.0.0.1"];
    // Not every machine has IPv6.
    if TcpListener::bind("[::1]:0").is_ok() {
        hosts.push("::1");
    }
    for host in hosts {
        let (_server, port) = server(&["--host", host]);
        let mut client = client(&["--host", "localhost", "--port", &port]);
        client.expect("Response 1 for 'Test Message from CLI'\n");
    }
}

#[test]
fn a_stopped_server_lets_the_stream_end() {
    let (server, port) = server(&[]);
    let mut client = client(&["--port", &port]);
    client.expect("Response 1 for");
    server.signal("INT");
    let finished = client.finish();
    assert_eq!(finished.code, Some(0), "{finished:?}");
    assert!(finished.output.contains("Response 5 for"), "{finished:?}");
    let stopped = server.finish();
    assert_eq!(stopped.code, Some(0));
    assert!(stopped.output.ends_with("CallStream finished.\n"), "{stopped:?}");
}

#[test]
fn a_port_that_is_taken_is_told() {
    let (_server, port) = server(&[]);
    let second = command(env!("CARGO_BIN_EXE_callstream-server"), &["--port", &port]);
    let finished = Program::run(second, "");
    assert_eq!((finished.code, finished.output.as_str()), (Some(1), ""));
    let expected = format!("callstream-server: cannot listen on 127.0.0.1:{port}: Address already in use");
    assert!(finished.errors.starts_with(&expected), "{finished:?}");
}

#[test]
fn the_programs_are_short() {
    let sources =
        [include_str!("../../src/bin/callstream-server.rs"), include_str!("../../src/bin/call-grpc-stream.rs")];
    for source in sources {
        assert!(source.lines().count() <= 80, "{} lines", source.lines().count());
    }
}
