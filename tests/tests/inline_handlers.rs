//! Quick unary handlers run on the thread that reads their requests; one that is not quick costs nobody else anything.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use prost::Message;
use stolid::{Code, Request, Response};
use stolid_tests::echo::echo_client::EchoClient;
use stolid_tests::gate::Gate;
use stolid_tests::handlers::{DO, Handlers, note, note_of};
use stolid_tests::pair::Pair;
use stolid_tests::process::{Process, alone, eventually};
use stolid_tests::watchdog::watched;
use stolid_tests::wire::{Wire, envelope};

const SAY: &str = "/testing.v1.Echo/Say";

fn told<T>(message: T, what: &str) -> Request<T> {
    Request::new(message).with_metadata(DO, what).expect("the metadata is legal")
}

/// A pair whose server handles quick calls on the thread that reads, however the rest of the suite is run.
fn inline_pair(handlers: Handlers) -> Pair {
    Pair::start_with(handlers, |builder| builder.inline_handlers(true))
}

/// Handlers that note the name of the thread they run on.
fn naming() -> (Handlers, Arc<Mutex<Vec<String>>>) {
    let names = Arc::<Mutex<Vec<String>>>::default();
    let seen = Arc::clone(&names);
    let handlers = Handlers::new().say(move |request| {
        let name = thread::current().name().unwrap_or("none").to_owned();
        seen.lock().expect("no handler panics").push(name);
        Ok(Response::new(request.into_inner()))
    });
    (handlers, names)
}

/// Makes calls until one ran on a thread whose name begins so.
fn eventually_on(thread: &str, client: &EchoClient, names: &Mutex<Vec<String>>) {
    eventually(&format!("a handler runs on {thread}"), || {
        client.say(note(1)).expect("the server answers");
        let names = names.lock().expect("no handler panics");
        names.last().is_some_and(|name| name.starts_with(thread))
    });
}

#[test]
fn a_quick_handler_runs_on_the_thread_that_reads() {
    watched(|| {
        let (handlers, names) = naming();
        let pair = inline_pair(handlers);
        eventually_on("stolid-lane", &pair.client, &names);
    });
}

#[test]
fn a_server_may_want_a_thread_for_each_call() {
    watched(|| {
        let (handlers, names) = naming();
        let pair = Pair::start_with(handlers, |builder| builder.inline_handlers(false));
        for _ in 0..50 {
            pair.client.say(note(1)).expect("the server answers");
        }
        let names = names.lock().expect("no handler panics");
        assert!(names.iter().all(|name| name == "stolid-worker"), "{names:?}");
    });
}

#[test]
fn a_large_request_goes_to_a_worker() {
    watched(|| {
        let (handlers, names) = naming();
        let pair = inline_pair(handlers);
        for _ in 0..5 {
            pair.client.say(note_of(100_000)).expect("the server answers");
        }
        let names = names.lock().expect("no handler panics");
        assert!(names.iter().all(|name| name == "stolid-worker"), "{names:?}");
    });
}

#[test]
fn the_first_call_of_a_method_may_block_and_delays_nobody() {
    watched(|| {
        let gate = Gate::new();
        let pair = inline_pair(Handlers::as_told(&gate));
        // Nothing is known of the method, so that this one blocks the thread that reads.
        let mut wire = Wire::client(pair.server.local_addr());
        let stream = wire.open_call(SAY, &[(DO, "gate")]);
        wire.send_data(stream, &envelope(&note(1).encode_to_vec()), true);
        gate.wait_for_arrivals(1);
        // On the same connection and on others.
        assert_eq!(wire.unary_call(SAY, &[]).code(), 0);
        assert_eq!(pair.client.say(note(2)).expect("the server answers").into_inner(), note(2));
        gate.open();
        assert_eq!(wire.recv_reply(stream).code(), 0);
    });
}

#[test]
fn calls_that_were_read_together_with_one_that_blocks_are_answered() {
    watched(|| {
        for round in 0..20 {
            let gate = Gate::new();
            let pair = inline_pair(Handlers::as_told(&gate));
            let mut wire = Wire::client(pair.server.local_addr());
            // All in one write, the one that blocks somewhere among them.
            let mut streams = Vec::new();
            wire.hold();
            for number in 0..20 {
                let what: &[(&str, &str)] = if number == round { &[(DO, "gate")] } else { &[] };
                let stream = wire.open_call(SAY, what);
                wire.send_data(stream, &envelope(&note(number).encode_to_vec()), true);
                streams.push(stream);
            }
            wire.flush();
            let blocked = streams.remove(round as usize);
            for stream in streams {
                assert_eq!(wire.recv_reply(stream).code(), 0, "round {round}");
            }
            gate.open();
            assert_eq!(wire.recv_reply(blocked).code(), 0, "round {round}");
        }
    });
}

#[test]
fn a_handler_that_spins_delays_nobody_for_long() {
    watched(|| {
        let done = Arc::<AtomicBool>::default();
        let stop = Arc::clone(&done);
        let handlers = Handlers::new().say(move |request| {
            if request.get_ref().number == 7 {
                while !stop.load(Ordering::Acquire) {
                    std::hint::spin_loop();
                }
            }
            Ok(Response::new(request.into_inner()))
        });
        let pair = inline_pair(handlers);
        let spinning = pair.client.clone();
        let spinner = thread::spawn(move || spinning.say(note(7)).map(Response::into_inner));
        for _ in 0..100 {
            pair.client.say(note(1)).expect("the server answers");
        }
        assert!(!spinner.is_finished(), "it spins until it is told");
        done.store(true, Ordering::Release);
        let answer = spinner.join().expect("the caller does not panic");
        assert_eq!(answer.expect("the call succeeds"), note(7));
    });
}

#[test]
fn every_call_may_block_although_they_take_turns_to_be_quick() {
    watched(|| {
        let _alone = alone();
        let gate = Gate::new();
        let pair = inline_pair(Handlers::as_told(&gate));
        pair.client.say(note(0)).expect("the server answers");
        let at_rest = Process::this().threads_named("stolid");
        let mut blocked = Vec::new();
        for number in 0..30 {
            // Quick ones until the method counts as quick again, so that the next one blocks the thread that reads.
            for _ in 0..200 {
                pair.client.say(note(1)).expect("the server answers");
            }
            let client = pair.client.clone();
            blocked.push(thread::spawn(move || client.say(told(note(number), "gate")).map(Response::into_inner)));
            gate.wait_for_arrivals(blocked.len());
        }
        pair.client.say(note(1)).expect("thirty handlers block and the server answers");
        gate.open();
        for (number, caller) in (0..).zip(blocked) {
            let answer = caller.join().expect("the caller does not panic");
            assert_eq!(answer.expect("the call succeeds"), note(number));
        }
        eventually("the threads are gone", || Process::this().threads_named("stolid") <= at_rest);
    });
}

#[test]
fn a_blocking_call_of_the_library_gives_the_lead_up_at_once() {
    watched(|| {
        let Pair { server: _elsewhere, client: other, .. } = Pair::start(Handlers::new());
        let handlers = Handlers::new().say(move |request| other.say(request.into_inner()));
        let pair = inline_pair(handlers);
        for number in 0..200 {
            assert_eq!(pair.client.say(note(number)).expect("it is passed on").into_inner(), note(number));
        }
    });
}

#[test]
fn handlers_three_deep_call_their_own_server_sixty_four_at_once() {
    watched(|| {
        let slot = Arc::new(std::sync::OnceLock::<EchoClient>::new());
        let own = Arc::clone(&slot);
        let handlers = Handlers::new().say(move |request| {
            let message = request.into_inner();
            let Some(number) = message.number.checked_sub(1) else {
                return Ok(Response::new(message));
            };
            own.get().expect("set before the first call").say(note(number))
        });
        let pair = inline_pair(handlers);
        slot.set(pair.client.clone()).expect("set once");
        let callers = Vec::from_iter((0..64).map(|_| {
            let client = pair.client.clone();
            thread::spawn(move || (0..5).all(|_| client.say(note(3)).is_ok_and(|answer| answer.get_ref().number == 0)))
        }));
        for caller in callers {
            assert!(caller.join().expect("the caller does not panic"));
        }
    });
}

#[test]
fn with_two_workers_the_third_blocking_call_is_refused_at_once() {
    watched(|| {
        let gate = Gate::new();
        let pair = Pair::start_with(Handlers::as_told(&gate), |builder| builder.inline_handlers(true).worker_limit(2));
        let mut wire = Wire::client(pair.server.local_addr());
        let open = |wire: &mut Wire| {
            let stream = wire.open_call(SAY, &[(DO, "gate")]);
            wire.send_data(stream, &envelope(&note(1).encode_to_vec()), true);
            stream
        };
        let first = open(&mut wire);
        gate.wait_for_arrivals(1);
        let second = open(&mut wire);
        gate.wait_for_arrivals(2);
        let asked = Instant::now();
        let status = pair.client.say(told(note(3), "gate")).expect_err("there is no worker left");
        assert_eq!(status.code(), Code::ResourceExhausted, "{status}");
        assert!(asked.elapsed() < Duration::from_secs(1), "took {:?}", asked.elapsed());
        gate.open();
        for stream in [first, second] {
            assert_eq!(wire.recv_reply(stream).code(), 0);
        }
        eventually("there is room again", || pair.client.say(note(4)).is_ok());
    });
}

#[test]
fn a_panic_on_the_thread_that_reads_costs_its_own_call() {
    watched(|| {
        let calls = AtomicU64::new(0);
        let handlers = Handlers::new().say(move |request| {
            assert!(calls.fetch_add(1, Ordering::Relaxed).is_multiple_of(2), "every second handler panics");
            Ok(Response::new(request.into_inner()))
        });
        let pair = inline_pair(handlers);
        for number in 0..50 {
            let answer = pair.client.say(note(number));
            match answer {
                Ok(answer) => assert_eq!((number % 2, answer.into_inner()), (0, note(number))),
                Err(status) => assert_eq!((number % 2, status.code()), (1, Code::Internal), "{status}"),
            }
        }
    });
}
