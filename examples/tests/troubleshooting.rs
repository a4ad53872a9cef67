//! The messages in `docs/TROUBLESHOOTING.md` are the ones that users see: each is provoked here.

#[path = "support/cable.rs"]
#[expect(dead_code, reason = "the tests of the guide use the rest of it")]
mod cable;

use std::io::{self, Write};
use std::net::TcpListener;
use std::thread;
use std::time::Duration;

use cable::Cable;
use stolid::{Channel, Request, Sender, Server, ServerBuilder, Status};
use stolid_examples::guide::greeter::{PatientGreeter, hello};
use stolid_examples::guide::proto::greeter_client::GreeterClient;
use stolid_examples::guide::proto::greeter_server::GreeterServer;
use stolid_tests::watchdog::watched;

const PAGE: &str = include_str!("../docs/TROUBLESHOOTING.md");

const SHORT: Duration = Duration::from_millis(50);
const NEVER: PatientGreeter = PatientGreeter { pause: Duration::from_secs(3600) };
const LARGE: usize = 5_000_000;

fn start(greeter: PatientGreeter, configure: impl FnOnce(ServerBuilder) -> ServerBuilder) -> (Server, GreeterClient) {
    let server = configure(Server::builder()).add_service(GreeterServer::new(greeter)).start("127.0.0.1:0");
    let server = server.expect("a loopback port is free");
    let client = client(&server);
    (server, client)
}

fn client(server: &Server) -> GreeterClient {
    GreeterClient::connect(format!("http://{}", server.local_addr())).expect("it listens")
}

/// A listener that never answers, and what a channel connects to.
fn silent() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a loopback port is free");
    let target = format!("http://{}", listener.local_addr().expect("it is bound"));
    (listener, target)
}

fn call_within(client: &GreeterClient, timeout: Duration) -> Status {
    client.say_hello(Request::new(hello("Ada")).with_timeout(timeout)).expect_err("it is too slow")
}

// Timeout.

fn the_server_is_too_slow() -> String {
    let (_server, client) = start(NEVER, |builder| builder);
    call_within(&client, SHORT).to_string()
}

fn the_host_is_silent() -> String {
    let (_silent, target) = silent();
    call_within(&GreeterClient::new(Channel::connect_lazy(target).expect("a target")), SHORT).to_string()
}

fn the_host_is_silent_at_the_start() -> String {
    let (_silent, target) = silent();
    Channel::builder(target).connect_timeout(SHORT).connect().expect_err("nobody answers").to_string()
}

// Memory.

fn the_request_is_too_large() -> String {
    let (_server, client) = start(PatientGreeter::default(), |builder| builder);
    client.say_hello(hello("x".repeat(LARGE))).expect_err("it is too large").to_string()
}

fn the_response_is_too_large() -> String {
    let (_server, client) = start(PatientGreeter::default(), |builder| builder.max_decoding_message_size(2 * LARGE));
    client.say_hello(hello("x".repeat(LARGE))).expect_err("it is too large").to_string()
}

fn more_is_sent_than_one_wants() -> String {
    let (_server, client) = start(PatientGreeter::default(), |builder| builder);
    let client = client.max_encoding_message_size(1000);
    client.say_hello(hello("x".repeat(1000))).expect_err("it is too large").to_string()
}

fn all_threads_are_busy() -> String {
    let (_server, client) = start(NEVER, |builder| builder.worker_limit(1));
    let mut busy = client.say_hello_stream_reply(hello("Ada")).expect("there is one thread");
    assert!(busy.message().expect("it replies once").is_some());
    client.say_hello(hello("Bob")).expect_err("there is no other thread").to_string()
}

fn the_peer_does_not_read() -> String {
    let (_server, client) = start(PatientGreeter::default(), |builder| builder);
    let (requests, _replies) = client.say_hello_bidi_stream(()).expect("it is connected").split();
    let requests = requests.with_overflow(stolid::Overflow::Fail);
    let refused = (0..).find_map(|_| requests.send(hello("x".repeat(10_000))).err());
    refused.expect("it does not end before").to_string()
}

// Network.

fn nobody_listens() -> String {
    let (listener, target) = silent();
    drop(listener);
    Channel::connect(target).expect_err("nobody listens").to_string()
}

fn the_name_is_unknown() -> String {
    Channel::connect("http://greeter.invalid:50051").expect_err("the name never exists").to_string()
}

fn the_target_has_no_scheme() -> String {
    Channel::connect("grpc:localhost:50051").expect_err("no target").to_string()
}

fn the_target_wants_tls() -> String {
    Channel::connect("https://localhost:50051").expect_err("there is no TLS").to_string()
}

fn the_port_is_taken() -> String {
    let (taken, _) = silent();
    Server::builder().start(taken.local_addr().expect("it is bound")).expect_err("it is taken").to_string()
}

fn the_server_speaks_http_1() -> String {
    let (listener, target) = silent();
    thread::spawn(move || {
        let (mut socket, _) = listener.accept()?;
        socket.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")?;
        // Closed with unread bytes, the connection would be reset, and the answer lost.
        io::copy(&mut socket, &mut io::sink())
    });
    Channel::connect(target).expect_err("it is no HTTP/2 server").to_string()
}

fn the_connection_breaks() -> String {
    let (server, _) = start(NEVER, |builder| builder);
    let cable = Cable::to(server.local_addr());
    let client = GreeterClient::connect(cable.target()).expect("the cable is whole");
    let mut replies = client.say_hello_stream_reply(hello("Ada")).expect("it is connected");
    assert!(replies.message().expect("it replies once").is_some());
    cable.cut();
    replies.message().expect_err("the cable is cut").to_string()
}

fn the_server_stops() -> String {
    let (server, client) = start(NEVER, |builder| builder);
    let mut replies = client.say_hello_stream_reply(hello("Ada")).expect("it is connected");
    assert!(replies.message().expect("it replies once").is_some());
    server.shutdown(Duration::ZERO);
    replies.message().expect_err("the server is gone").to_string()
}

fn the_service_is_not_there() -> String {
    let server = Server::builder().start("127.0.0.1:0").expect("a loopback port is free");
    client(&server).say_hello(hello("Ada")).expect_err("there is no greeter").to_string()
}

fn the_reply_is_another_message() -> String {
    let garbage = |_: Request<_>, replies: Sender<_>| replies.send(vec![0xff; 7].into());
    let server = Server::builder().unknown_service_handler(garbage).start("127.0.0.1:0");
    client(&server.expect("a loopback port is free")).say_hello(hello("Ada")).expect_err("it is garbage").to_string()
}

fn the_handler_panics() -> String {
    let panics = |_: Request<_>, _: Sender<_>| panic!("a bug");
    let server = Server::builder().unknown_service_handler(panics).start("127.0.0.1:0");
    client(&server.expect("a loopback port is free")).say_hello(hello("Ada")).expect_err("a panic").to_string()
}

/// In the order of the page.
const PROVOCATIONS: &[fn() -> String] = &[
    the_server_is_too_slow,
    the_host_is_silent,
    the_host_is_silent_at_the_start,
    the_request_is_too_large,
    the_response_is_too_large,
    more_is_sent_than_one_wants,
    all_threads_are_busy,
    the_peer_does_not_read,
    nobody_listens,
    the_name_is_unknown,
    the_target_has_no_scheme,
    the_target_wants_tls,
    the_port_is_taken,
    the_server_speaks_http_1,
    the_connection_breaks,
    the_server_stops,
    the_service_is_not_there,
    the_reply_is_another_message,
    the_handler_panics,
];

/// A message without what is different each time, or on each system: ports, and the system's own words.
fn lasting(message: &str) -> String {
    let mut words = message.to_owned();
    for system in ["failed to lookup address information", "was lost"] {
        if let Some(at) = words.find(system) {
            words.truncate(at + system.len());
        }
    }
    let Some((before, after)) = words.split_once("127.0.0.1:") else { return words };
    format!("{before}127.0.0.1:PORT{}", after.trim_start_matches(|c: char| c.is_ascii_digit()))
}

#[test]
fn the_page_has_the_messages_that_are_seen_and_no_others() {
    watched(|| {
        let on_the_page = PAGE.split("```text\n").skip(1).filter_map(|rest| rest.split("\n```").next());
        let on_the_page: Vec<String> = on_the_page.map(lasting).collect();
        let seen: Vec<String> = PROVOCATIONS.iter().map(|provoke| lasting(&provoke())).collect();
        assert_eq!(on_the_page, seen);
    });
}
