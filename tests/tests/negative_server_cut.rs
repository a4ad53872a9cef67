//! A client that is gone after any byte of its call: the handler ends, nothing is left behind, and others do not notice.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use stolid::{Request, Server};
use stolid_tests::echo::echo_client::EchoClient;
use stolid_tests::gate::Gate;
use stolid_tests::handlers::{DO, Handlers, note};
use stolid_tests::pair::{client_of, serve};
use stolid_tests::process::{Process, alone, eventually};
use stolid_tests::scene::Method;
use stolid_tests::watchdog::watched_for;
use stolid_tests::wire::{flag, kind};

/// How the script goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Leaves {
    /// With a FIN; what the server says is read.
    ByFin,
    /// With a TCP RST, which the kernel sends for a socket that is closed with bytes unread.
    ByRst,
}

/// A call of our own client, with what its handler is told to do.
fn call(method: Method, told: Option<&str>, client: &EchoClient) {
    fn request<T>(message: T, told: Option<&str>) -> Request<T> {
        let request = Request::new(message);
        match told {
            Some(told) => request.with_metadata(DO, told).expect("the metadata is legal"),
            None => request,
        }
    }
    // How the call ends is another test's matter: a handler that hangs goes with its connection.
    let _ended = match method {
        Method::Say => client.say(request(note(1), told)).map(|_| ()),
        Method::Repeat => client.repeat(request(note(2), told)).map(|replies| replies.for_each(drop)),
        Method::Gather => {
            let call = client.gather(request((), told)).and_then(|call| call.send_all([note(1), note(2)]));
            call.and_then(|call| call.finish().map(|_| ()))
        }
        Method::Relay => client.relay(request((), told)).map(|call| {
            let (sender, replies) = call.split();
            for number in 0..2 {
                let _ended = sender.send(note(number));
            }
            sender.close();
            replies.for_each(drop);
        }),
    };
}

/// The bytes of a connection of our own client with this one call on it.
fn record(server: SocketAddr, method: Method, told: Option<&'static str>) -> Vec<u8> {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a loopback port is free");
    let addr = listener.local_addr().expect("a bound socket has an address");
    let calling = thread::spawn(move || call(method, told, &client_of(addr)));
    let (mut from_client, _) = listener.accept().expect("the client dials");
    let mut to_server = TcpStream::connect(server).expect("the server listens");
    let mut answers = to_server.try_clone().expect("a socket can be cloned");
    let mut back = from_client.try_clone().expect("a socket can be cloned");
    let answering = thread::spawn(move || std::io::copy(&mut answers, &mut back));
    let mut recorded = Vec::new();
    let mut buffer = [0; 4096];
    from_client.set_read_timeout(Some(Duration::from_millis(100))).expect("a socket has timeouts");
    loop {
        match from_client.read(&mut buffer) {
            Ok(0) => break,
            Ok(length) => {
                recorded.extend_from_slice(&buffer[..length]);
                to_server.write_all(&buffer[..length]).expect("the server reads");
            }
            // A call that hangs says nothing more once its request is out.
            Err(_) if told.is_some() && half_closes(&recorded) => break,
            Err(_) => {}
        }
    }
    for socket in [&from_client, &to_server] {
        // Either side may have closed it already.
        let _closed = socket.shutdown(Shutdown::Both);
    }
    // The way back ends with the sockets.
    let _copied = answering.join().expect("copying does not panic");
    calling.join().expect("the caller does not panic");
    recorded
}

/// Whether DATA with END_STREAM for stream 1 is among the frames.
fn half_closes(recorded: &[u8]) -> bool {
    recorded.windows(6).any(|bytes| *bytes == [kind::DATA, flag::END_STREAM, 0, 0, 0, 1])
}

/// Says these bytes and goes.
fn say_and_leave(server: SocketAddr, bytes: &[u8], leaves: Leaves) {
    let mut socket = TcpStream::connect(server).expect("the server listens");
    socket.set_read_timeout(Some(Duration::from_secs(10))).expect("a socket has timeouts");
    socket.write_all(bytes).expect("the server reads");
    match leaves {
        Leaves::ByRst => {
            socket.peek(&mut [0]).expect("the server says its settings");
        }
        Leaves::ByFin => {
            socket.shutdown(Shutdown::Write).expect("the connection is open");
            let mut said = Vec::new();
            socket.read_to_end(&mut said).expect("the server ends the connection");
        }
    }
}

/// A client of ours that calls all the time; gives the number of its calls, which all are OK.
fn bystander(addr: SocketAddr, stop: &AtomicBool) -> u64 {
    let client = client_of(addr);
    let mut calls = 0;
    while !stop.load(Ordering::Relaxed) {
        let answer = client.say(note(calls)).expect("a bystander's call is OK");
        assert_eq!(answer.into_inner(), note(calls));
        calls += 1;
    }
    calls
}

/// Cuts the recorded bytes behind each of them.
#[track_caller]
fn cut_everywhere(server: &Server, recorded: &[u8], leaves: Leaves) {
    for length in 0..=recorded.len() {
        say_and_leave(server.local_addr(), &recorded[..length], leaves);
    }
}

#[track_caller]
fn assert_cut(method: Method) {
    watched_for(Duration::from_secs(120), move || {
        let _alone = alone();
        let server = serve(Handlers::as_told(&Gate::new()));
        let addr = server.local_addr();
        let recordings = [None, Some("hang")].map(|told| record(addr, method, told));
        eventually("the recorded connections are gone", || server.stats().connections == 0);
        let files = Process::this().open_files();

        // The whole of it makes a handler hang, so that what is cut has something to end.
        let mut whole = TcpStream::connect(addr).expect("the server listens");
        whole.write_all(&recordings[1]).expect("the server reads");
        eventually("the handler hangs", || server.stats().running == 1);
        drop(whole);

        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let calling = thread::spawn(move || bystander(addr, &stopped));
        for recorded in &recordings {
            assert!(recorded.len() > 100, "a connection with a call has more than {} bytes", recorded.len());
            for leaves in [Leaves::ByFin, Leaves::ByRst] {
                cut_everywhere(&server, recorded, leaves);
                let what = format!("{method:?}: connections cut {leaves:?} are gone");
                eventually(&what, || server.stats().connections <= 1);
            }
        }
        stop.store(true, Ordering::Relaxed);
        assert!(calling.join().expect("every call of the bystander is OK") > 0);
        eventually("no handler is left", || server.stats().running == 0);
        eventually("all files are closed", || Process::this().open_files() <= files);
        drop(server);
        eventually("all threads are gone", || Process::this().threads_named("stolid") == 0);
    });
}

#[test]
fn a_unary_call_cut_at_every_byte_ends_and_leaves_nothing() {
    assert_cut(Method::Say);
}

#[test]
fn a_server_streaming_call_cut_at_every_byte_ends_and_leaves_nothing() {
    assert_cut(Method::Repeat);
}

#[test]
fn a_client_streaming_call_cut_at_every_byte_ends_and_leaves_nothing() {
    assert_cut(Method::Gather);
}

#[test]
fn a_bidirectional_call_cut_at_every_byte_ends_and_leaves_nothing() {
    assert_cut(Method::Relay);
}
