//! Patterns of the guide, tried on the real `greeter-server`.

#[path = "support/cable.rs"]
#[expect(dead_code, reason = "here the server dies, and nobody cuts the cable")]
mod cable;
#[path = "support/output.rs"]
mod output;
#[path = "support/program.rs"]
#[expect(dead_code, reason = "the tests of the chat use the rest of it")]
mod program;

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use cable::Cable;
use program::{Program, command};
use stolid::Code;
use stolid_examples::guide::batches::greet_in_batches;
use stolid_examples::guide::failures::Failure;
use stolid_examples::guide::greeter::{hello, hello_in_klingon};
use stolid_examples::guide::many_messages::{greet_guests, greet_guests_each};
use stolid_examples::guide::proto::greeter_client::GreeterClient;
use stolid_examples::guide::retries::Backoff;
use stolid_examples::guide::shared_channel::greet_in_parallel;
use stolid_tests::watchdog::watched;

/// A server, and its address.
fn start() -> (Program, SocketAddr) {
    let mut server = Program::start(command(env!("CARGO_BIN_EXE_greeter-server"), &["--port", "0"]));
    let port = server.port().parse().expect("a port");
    (server, SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
}

/// A client of a server that lives as long as the first.
fn connect() -> (Program, GreeterClient) {
    let (server, address) = start();
    (server, GreeterClient::connect(format!("http://{address}")).expect("it listens"))
}

#[test]
fn a_thousand_messages_go_in_one_stream() {
    watched(|| {
        let (_server, client) = connect();
        assert!(greet_guests(&client, 1000).unwrap().contains("1000"));
        assert_eq!(greet_guests_each(&client, 1000).unwrap().len(), 1000);
    });
}

#[test]
fn batches_and_threads_lose_nobody() {
    watched(|| {
        let (_server, client) = connect();
        let names: Vec<_> = (0..100).map(|n| hello(format!("guest {n}"))).collect();
        let replies = greet_in_parallel(&client, &names, 8).unwrap();
        assert!(replies.into_iter().eq((0..100).map(|n| format!("Hello, guest {n}!"))));
        let answer = greet_in_batches(&client, names, 30, Duration::from_millis(1)).unwrap();
        assert!(answer.contains("100"), "{answer}");
    });
}

#[test]
fn a_stream_outlives_two_servers_that_die_in_the_middle_of_it() {
    watched(|| {
        let (mut server, address) = start();
        let cable = Cable::to(address);
        let client = GreeterClient::connect(cable.target()).expect("it listens");
        let mut attempts = 0;
        let outcome = Backoff::default().retry(|| {
            attempts += 1;
            let names = (1..=1000).map(|n| {
                if n == 500 && attempts <= 2 {
                    let (other, address) = start();
                    cable.move_to(address);
                    // Dropped, a program is killed.
                    server = other;
                }
                hello(format!("guest {n}"))
            });
            client.say_hello_client_stream(())?.send_all(names)?.finish()
        });
        drop(server);
        assert!(outcome.unwrap().into_inner().message.contains("1000"));
        assert_eq!(attempts, 3);
    });
}

#[test]
fn a_refusal_and_a_loss_are_told_apart() {
    watched(|| {
        let (server, client) = connect();
        let refused = client.say_hello(hello_in_klingon("Worf")).unwrap_err();
        assert_eq!(Failure::from(&refused), Failure::Refused(Code::InvalidArgument));
        drop(server);
        let lost = client.say_hello(hello("Ada")).unwrap_err();
        assert_eq!(Failure::from(&lost), Failure::ConnectionLost);
    });
}
