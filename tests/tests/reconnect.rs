//! Connecting, failing to, and connecting again.

use std::net::{SocketAddr, TcpListener};
use std::thread;
use std::time::{Duration, Instant};

use stolid::{Channel, Code, ConnectivityState, ErrorKind, Server};
use stolid_tests::config;
use stolid_tests::echo::echo_client::EchoClient;
use stolid_tests::echo::echo_server::EchoServer;
use stolid_tests::gate::Gate;
use stolid_tests::handlers::{DO, Handlers, note};
use stolid_tests::pair::{Pair, connect, serve};
use stolid_tests::process::eventually;
use stolid_tests::watchdog::watched;
use stolid_tests::wire::WireListener;

/// An address where nobody listens.
fn nobody() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a loopback port is free");
    listener.local_addr().expect("a bound socket has an address")
}

fn serve_at(addr: SocketAddr) -> Server {
    config::server().add_service(EchoServer::new(Handlers::new())).start(addr).expect("the port is free")
}

#[test]
fn connecting_to_nobody_names_phase_peer_and_cause() {
    watched(|| {
        let addr = nobody();
        let error = Channel::connect(format!("http://{addr}")).expect_err("nobody listens");
        assert_eq!(error.kind(), ErrorKind::Connect);
        let text = error.to_string();
        for part in ["connect", &addr.to_string(), "refused"] {
            assert!(text.contains(part), "{part} is missing: {text}");
        }
    });
}

#[test]
fn a_name_that_does_not_resolve_says_so() {
    watched(|| {
        let error = Channel::connect("http://no-such-host.invalid:1").expect_err("reserved by RFC 2606");
        assert_eq!(error.kind(), ErrorKind::Resolve);
        assert!(error.to_string().contains("no-such-host.invalid"), "{error}");
    });
}

#[test]
fn a_bad_address_is_refused_before_any_socket() {
    watched(|| {
        for target in ["", "http://", "ftp://127.0.0.1:1", "http://127.0.0.1:99999", "http://:1", "http://a b:1"] {
            let error = Channel::connect_lazy(target).expect_err(target);
            assert_eq!(error.kind(), ErrorKind::InvalidAddress, "{target:?}: {error}");
        }
    });
}

#[test]
fn a_server_that_cannot_bind_says_so() {
    watched(|| {
        let server = serve(Handlers::new());
        let addr = server.local_addr();
        let builder = config::server().add_service(EchoServer::new(Handlers::new()));
        let error = builder.start(addr).expect_err("the port is taken");
        assert_eq!(error.kind(), ErrorKind::Bind);
        assert!(error.to_string().contains(&addr.to_string()), "{error}");
    });
}

#[test]
fn a_peer_that_speaks_no_http2_is_named() {
    watched(|| {
        let listener = WireListener::bind();
        let target = listener.target();
        let connecting = thread::spawn(move || config::channel(target).connect());
        let mut wire = listener.accept_silently();
        wire.send_raw(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n");
        let error = connecting.join().expect("connecting does not panic").expect_err("no HTTP/2");
        assert_eq!(error.kind(), ErrorKind::Handshake);
        assert!(error.to_string().contains("HTTP/1.1"), "{error}");
    });
}

#[test]
fn a_peer_that_expects_tls_is_named() {
    watched(|| {
        // An alert, as a server answers what is no handshake: record type, version, length, fatal, unexpected message.
        for answer in [&[0x15, 3, 1, 0, 2, 2, 10][..], &[0x15, 3, 3, 0, 2, 2, 70][..]] {
            let listener = WireListener::bind();
            let target = listener.target();
            let connecting = thread::spawn(move || config::channel(target).connect());
            let mut wire = listener.accept_silently();
            wire.send_raw(answer);
            drop(wire);
            let error = connecting.join().expect("connecting does not panic").expect_err("no HTTP/2");
            assert_eq!(error.kind(), ErrorKind::Handshake);
            assert!(error.to_string().contains("TLS"), "{error}");
        }
    });
}

#[test]
fn calls_get_the_reason_why_a_server_is_not_understood() {
    watched(|| {
        let listener = WireListener::bind();
        let channel = config::channel(listener.target()).connect_lazy().expect("the address is good");
        let client = EchoClient::new(channel.clone());
        let caller = client.clone();
        let calling = thread::spawn(move || caller.say(note(1)).expect_err("no HTTP/2"));
        let mut wire = listener.accept_silently();
        wire.send_raw(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n");
        let first = calling.join().expect("the caller does not panic");
        // Until the next attempt, which comes a second later, calls fail at once and for the same reason.
        assert_eq!(channel.state(), ConnectivityState::TransientFailure);
        let second = client.say(note(1)).expect_err("no HTTP/2");
        for status in [first, second] {
            assert_eq!(status.code(), Code::Unavailable);
            for part in ["HTTP/1.1", &listener.addr().to_string()] {
                assert!(status.message().contains(part), "{part} is missing: {status}");
            }
        }
    });
}

#[test]
fn attempts_rest_longer_after_each_failure_until_one_succeeds() {
    watched(|| {
        let listener = WireListener::bind();
        let channel = config::channel(listener.target()).connect_lazy().expect("the address is good");
        let client = EchoClient::new(channel.clone());
        // TCP connects, and that is not enough to count as a success: how long until the next attempt, at least and at most.
        let fail = || {
            let caller = client.clone();
            let calling = thread::spawn(move || caller.say(note(1)).expect_err("no HTTP/2"));
            let mut wire = listener.accept_silently();
            let before = Instant::now();
            wire.send_raw(b"HTTP/1.1 503 Service Unavailable\r\n\r\n");
            assert_eq!(calling.join().expect("the caller does not panic").code(), Code::Unavailable);
            let after = Instant::now();
            eventually("the next attempt may come", || channel.state() == ConnectivityState::Idle);
            (before.elapsed(), after.elapsed())
        };
        assert!(fail().0 >= Duration::from_millis(800));
        assert!(fail().0 >= Duration::from_millis(1_280));
        let caller = client.clone();
        let calling = thread::spawn(move || caller.say(note(1)));
        let mut wire = listener.accept();
        let stream = wire.recv_call().stream;
        wire.send_unary_reply(stream, &[]);
        calling.join().expect("the caller does not panic").expect("the call is OK");
        drop(wire);
        eventually("the connection is lost", || channel.state() == ConnectivityState::Idle);
        // A third failure in a row would cost more than two seconds.
        let (least, most) = fail();
        assert!(least >= Duration::from_millis(800) && most < Duration::from_millis(2_000), "{least:?} {most:?}");
    });
}

#[test]
fn a_peer_that_hangs_up_at_once_is_an_error() {
    watched(|| {
        let listener = WireListener::bind();
        let target = listener.target();
        let connecting = thread::spawn(move || config::channel(target).connect());
        drop(listener.accept_silently());
        let error = connecting.join().expect("connecting does not panic").expect_err("nobody answers");
        assert_eq!(error.kind(), ErrorKind::Handshake, "{error}");
    });
}

#[test]
fn a_silent_peer_costs_the_connect_timeout() {
    watched(|| {
        let listener = WireListener::bind();
        let builder = config::channel(listener.target()).connect_timeout(Duration::from_millis(100));
        let connecting = thread::spawn(move || builder.connect());
        let _silent = listener.accept_silently();
        let error = connecting.join().expect("connecting does not panic").expect_err("nobody answers");
        assert!(error.to_string().contains("time"), "{error}");
        assert!(error.to_string().contains(&listener.addr().to_string()), "{error}");
    });
}

#[test]
fn every_address_of_a_name_is_tried() {
    watched(|| {
        let server = serve(Handlers::new());
        let target = format!("http://localhost:{}", server.local_addr().port());
        let client = EchoClient::connect(target).expect("one of its addresses answers");
        assert_eq!(client.say(note(1)).expect("the server answers").into_inner(), note(1));
    });
}

#[test]
fn a_lazy_channel_connects_with_its_first_call() {
    watched(|| {
        let server = serve(Handlers::new());
        let channel = config::channel(format!("http://{}", server.local_addr())).connect_lazy();
        let channel = channel.expect("the address is good");
        assert_eq!(channel.state(), ConnectivityState::Idle);
        assert_eq!(server.stats().connections, 0);
        let client = EchoClient::new(channel.clone());
        assert_eq!(client.say(note(1)).expect("the server answers").into_inner(), note(1));
        assert_eq!(channel.state(), ConnectivityState::Ready);
        assert_eq!(server.stats().connections, 1);
    });
}

#[test]
fn calls_to_nobody_fail_with_the_connect_error() {
    watched(|| {
        let addr = nobody();
        let channel = config::channel(format!("http://{addr}")).connect_lazy().expect("the address is good");
        let client = EchoClient::new(channel);
        let status = client.say(note(1)).expect_err("nobody listens");
        assert_eq!(status.code(), Code::Unavailable);
        for part in [addr.to_string().as_str(), "refused"] {
            assert!(status.message().contains(part), "{part} is missing: {status}");
        }
        let server = serve_at(addr);
        eventually("the channel finds the server", || client.say(note(1)).is_ok());
        drop(server);
    });
}

#[test]
fn a_restarted_server_is_found_again() {
    watched(|| {
        let mut server = serve(Handlers::new());
        let addr = server.local_addr();
        let client = EchoClient::new(connect(addr));
        for round in 0..3 {
            assert_eq!(client.say(note(round)).expect("the server answers").into_inner(), note(round));
            drop(server);
            let status = client.say(note(round)).expect_err("nobody is there");
            assert_eq!(status.code(), Code::Unavailable);
            server = serve_at(addr);
            eventually("the channel finds the server again", || client.say(note(round)).is_ok());
        }
    });
}

#[test]
fn a_draining_server_finishes_its_calls_and_takes_no_new_ones() {
    watched(|| {
        let gate = Gate::new();
        let pair = Pair::start(Handlers::as_told(&gate));
        let wait = stolid::Request::new(note(1)).with_metadata(DO, "gate").expect("legal metadata");
        let waiter = pair.client.clone();
        let waiting = thread::spawn(move || waiter.say(wait));
        gate.wait_for_arrivals(1);
        let draining = pair.server;
        let addr = draining.local_addr();
        let shutting_down = thread::spawn(move || draining.shutdown(Duration::from_secs(30)));
        eventually("the port is free", || TcpListener::bind(addr).is_ok());

        let successor = serve_at(addr);
        // Until the old server's GOAWAY is there, it still answers.
        eventually("new calls go to the successor", || {
            pair.client.say(note(2)).is_ok() && successor.stats().connections == 1
        });
        gate.open();
        let answer = waiting.join().expect("the caller does not panic");
        assert_eq!(answer.expect("the old server finishes").into_inner(), note(1));
        let report = shutting_down.join().expect("a shutdown does not panic");
        assert_eq!((report.cut, report.stuck), (0, 0), "{report:?}");
    });
}

#[test]
fn threads_that_find_no_connection_share_the_next_one() {
    watched(|| {
        let server = serve(Handlers::new());
        let channel = config::channel(format!("http://{}", server.local_addr())).connect_lazy();
        let client = EchoClient::new(channel.expect("the address is good"));
        let callers = (0..8).map(|number| {
            let client = client.clone();
            thread::spawn(move || client.say(note(number)).expect("the server answers").into_inner())
        });
        for (number, caller) in (0..).zip(Vec::from_iter(callers)) {
            assert_eq!(caller.join().expect("the caller does not panic"), note(number));
        }
        assert_eq!(server.stats().connections, 1);
    });
}
