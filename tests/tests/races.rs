//! Calls that end at odd moments, by the thousand: each ends, with a status that makes sense, and nothing is left.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use stolid::{Code, Request, Status};
use stolid_tests::config;
use stolid_tests::echo::echo_client::EchoClient;
use stolid_tests::echo::echo_server::EchoServer;
use stolid_tests::handlers::{Handlers, note, note_of};
use stolid_tests::pair::{Pair, connect, serve};
use stolid_tests::process::{Process, alone, eventually};
use stolid_tests::watchdog::watched;

/// Numbers that look random and are the same in every run.
struct Dice(u64);

impl Dice {
    /// The next number below `sides`.
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}

#[track_caller]
fn assert_one_of(allowed: &[Code], result: Result<(), Status>) {
    if let Err(status) = result {
        assert!(allowed.contains(&status.code()), "{status:?} is none of {allowed:?}");
    }
}

/// A conversation of a few messages that another thread may cancel at any moment.
fn talk(client: &EchoClient, dice: &mut Dice) -> Result<(), Status> {
    let (sender, mut replies) = client.relay(())?.split();
    let context = replies.context();
    let canceller = (dice.roll(2) == 0).then(|| thread::spawn(move || context.cancel()));
    let talked = (0..dice.roll(5)).try_for_each(|number| {
        sender.send(note(number))?;
        replies.message().map(|reply| assert_eq!(reply, Some(note(number))))
    });
    if let Some(canceller) = canceller {
        canceller.join().expect("cancelling does not panic");
    }
    if dice.roll(2) == 0 {
        drop(replies);
        drop(sender);
    } else {
        drop(sender);
        drop(replies);
    }
    talked
}

/// One call of some kind that ends somehow.
fn call(client: &EchoClient, dice: &mut Dice) -> Result<(), Status> {
    let timeout = Duration::from_micros(1 + dice.roll(3_000));
    match dice.roll(6) {
        0 => client.say(note(1)).map(|answer| assert_eq!(answer.into_inner(), note(1))),
        1 => client.say(Request::new(note_of(100)).with_timeout(timeout)).map(|_| ()),
        2 => {
            let replies = client.repeat(Request::new(note(100)).with_timeout(timeout))?;
            let wanted = dice.roll(100) as usize;
            replies.take(wanted).try_for_each(|reply| reply.map(|_| ()))
        }
        3 => {
            let mut upload = client.gather(())?;
            for _ in 0..dice.roll(20) {
                upload.send(note_of(5_000))?;
            }
            if dice.roll(2) == 0 { upload.finish().map(|_| ()) } else { Ok(()) }
        }
        _ => talk(client, dice),
    }
}

#[test]
fn calls_that_end_at_odd_moments_leave_nothing() {
    watched(|| {
        let _alone = alone();
        let pair = Pair::start(Handlers::new());
        pair.client.say(note(0)).expect("the server answers");
        let process = Process::this();
        let threads = process.threads_named("stolid");
        let callers = (1..=6).map(|seed| {
            let client = pair.client.clone();
            thread::spawn(move || {
                let mut dice = Dice(seed);
                for _ in 0..300 {
                    let result = call(&client, &mut dice);
                    assert_one_of(&[Code::Cancelled, Code::DeadlineExceeded], result);
                }
            })
        });
        for caller in Vec::from_iter(callers) {
            caller.join().expect("every call ends as it may");
        }
        eventually("no handler is left", || pair.server.stats().running == 0);
        eventually("no worker is left", || process.threads_named("stolid") <= threads);
        assert_eq!(pair.server.stats().connections, 1, "the connection has borne it all");
        assert_eq!(pair.client.say(note(9)).expect("the server answers").into_inner(), note(9));
    });
}

#[test]
fn calls_go_on_over_restarts_of_the_server() {
    watched(|| {
        let _alone = alone();
        let mut server = serve(Handlers::new());
        let addr = server.local_addr();
        let over = Arc::new(AtomicBool::new(false));
        let callers = (1..=4).map(|seed| {
            let client = EchoClient::new(connect(addr));
            let over = Arc::clone(&over);
            thread::spawn(move || {
                let mut dice = Dice(seed);
                let mut calls = 0;
                while !over.load(Ordering::Relaxed) {
                    let allowed = [Code::Cancelled, Code::DeadlineExceeded, Code::Unavailable];
                    assert_one_of(&allowed, call(&client, &mut dice));
                    calls += 1;
                }
                calls
            })
        });
        let callers = Vec::from_iter(callers);
        for round in 1..=10 {
            eventually("calls come", || server.stats().calls_started >= 20);
            server.shutdown(Duration::from_millis(if round % 2 == 0 { 0 } else { 1_000 }));
            drop(server);
            let builder = config::server().add_service(EchoServer::new(Handlers::new()));
            server = builder.start(addr).expect("the port is free again");
        }
        over.store(true, Ordering::Relaxed);
        for caller in callers {
            let calls: u64 = caller.join().expect("every call ends as it may");
            assert!(calls > 0);
        }
    });
}
