//! What is left of calls, channels and servers that are gone: no thread, no file, whatever the order.
//!
//! The tests count threads and files of this process, so each of them runs `alone`.

use std::net::TcpListener;
use std::sync::{Mutex, mpsc};

use stolid::{Sender, Server, Streaming};
use stolid_tests::echo::Note;
use stolid_tests::echo::echo_client::EchoClient;
use stolid_tests::handlers::{Handlers, note};
use stolid_tests::pair::{Pair, scripted_server};
use stolid_tests::process::{Process, alone, eventually};
use stolid_tests::watchdog::watched;

/// Threads of the library and files of the process, to come back to.
struct AtRest {
    threads: usize,
    files: usize,
}

impl AtRest {
    /// Measured after a first round, for what the library starts once for the whole process is there then.
    fn measure() -> Self {
        running_call().into_iter().for_each(drop_part);
        let process = Process::this();
        eventually("the first round's threads are gone", || process.threads_named("stolid") <= 1);
        Self { threads: process.threads_named("stolid"), files: process.open_files() }
    }

    #[track_caller]
    fn wait(&self) {
        let process = Process::this();
        eventually("all threads are gone", || process.threads_named("stolid") <= self.threads);
        eventually("all files are closed", || process.open_files() <= self.files);
    }
}

/// What there is to drop.
enum Part {
    Server(Server),
    Client(EchoClient),
    Sender(Sender<Note>),
    Replies(Streaming<Note>),
}

/// All orders of four things.
fn orders() -> Vec<[usize; 4]> {
    let mut orders = Vec::new();
    for code in 0..4_usize.pow(4) {
        let order = [code / 64, code / 16 % 4, code / 4 % 4, code % 4];
        if (0..4).all(|part| order.contains(&part)) {
            orders.push(order);
        }
    }
    orders
}

/// A call in both directions that has done something, in its parts.
fn running_call() -> [Option<Part>; 4] {
    let Pair { server, channel, client } = Pair::start(Handlers::new());
    drop(channel);
    let (sender, mut replies) = client.relay(()).expect("the call opens").split();
    sender.send(note(1)).expect("the call runs");
    assert_eq!(replies.message().expect("the call runs"), Some(note(1)));
    [Part::Server(server), Part::Client(client), Part::Sender(sender), Part::Replies(replies)].map(Some)
}

fn drop_part(part: Option<Part>) {
    match part.expect("each part is dropped once") {
        Part::Server(server) => drop(server),
        Part::Client(client) => drop(client),
        Part::Sender(sender) => drop(sender),
        Part::Replies(replies) => drop(replies),
    }
}

#[test]
fn the_parts_of_a_call_may_be_dropped_in_any_order() {
    watched(|| {
        let _alone = alone();
        let at_rest = AtRest::measure();
        let orders = orders();
        assert_eq!(orders.len(), 24);
        for order in orders {
            let mut parts = running_call();
            for part in order {
                drop_part(parts[part].take());
            }
        }
        at_rest.wait();
    });
}

#[test]
fn parts_may_be_dropped_by_threads_at_once() {
    watched(|| {
        let _alone = alone();
        let at_rest = AtRest::measure();
        for _ in 0..50 {
            let threads = running_call().map(|part| std::thread::spawn(move || drop_part(part)));
            for thread in threads {
                thread.join().expect("dropping does not panic");
            }
        }
        at_rest.wait();
    });
}

#[test]
fn a_channel_without_calls_closes_its_connection() {
    watched(|| {
        let _alone = alone();
        let at_rest = AtRest::measure();
        let (client, mut wire) = scripted_server();
        drop(client);
        wire.recv_eof();
        drop(wire);
        at_rest.wait();
    });
}

#[test]
fn a_server_lets_go_of_its_port() {
    watched(|| {
        let _alone = alone();
        let at_rest = AtRest::measure();
        let pair = Pair::start(Handlers::new());
        let addr = pair.server.local_addr();
        assert_eq!(pair.client.say(note(1)).expect("the server answers").into_inner(), note(1));
        drop(pair);
        TcpListener::bind(addr).expect("the port is free again");
        at_rest.wait();
    });
}

#[test]
fn connections_that_come_and_go_leave_nothing() {
    watched(|| {
        let _alone = alone();
        let at_rest = AtRest::measure();
        let pair = Pair::start(Handlers::new());
        for number in 0..100 {
            let client = stolid_tests::pair::client_of(pair.server.local_addr());
            assert_eq!(client.say(note(number)).expect("the server answers").into_inner(), note(number));
        }
        eventually("only the pair's own connection is left", || pair.server.stats().connections == 1);
        drop(pair);
        at_rest.wait();
    });
}

#[test]
fn a_detached_stream_needs_no_thread() {
    watched(|| {
        let _alone = alone();
        let (give, given) = mpsc::channel();
        let give = Mutex::new(give);
        let handlers = Handlers::new().repeat(move |_request, replies| {
            let give = give.lock().expect("no handler panics");
            give.send(replies.detach()).expect("the test listens");
            Ok(())
        });
        let pair = Pair::start(handlers);
        pair.client.say(note(0)).expect("the server answers");
        let process = Process::this();
        let threads = process.threads_named("stolid");
        let open = (0..50).map(|_| pair.client.repeat(note(0)).expect("the call opens"));
        let streams = Vec::from_iter(open);
        let senders = Vec::from_iter((0..50).map(|_| given.recv().expect("the handler ran")));
        eventually("the workers are gone", || process.threads_named("stolid") <= threads);
        for sender in senders {
            sender.send(note(7)).expect("the call runs");
            sender.finish(Ok(()));
        }
        for stream in streams {
            let received = stream.collect::<Result<Vec<_>, _>>().expect("the call is OK");
            assert_eq!(received, [note(7)]);
        }
    });
}
