//! Handlers that block in numbers, and the limits on them.

use std::thread;
use std::time::{Duration, Instant};

use prost::Message;
use stolid::{Code, Request};
use stolid_tests::echo::Note;
use stolid_tests::gate::Gate;
use stolid_tests::handlers::{DO, Handlers, note};
use stolid_tests::pair::Pair;
use stolid_tests::process::{Process, alone, eventually, eventually_within};
use stolid_tests::watchdog::watched;
use stolid_tests::wire::{Reply, Wire, envelope};

const SAY: &str = "/testing.v1.Echo/Say";
const RELAY: &str = "/testing.v1.Echo/Relay";

const RESOURCE_EXHAUSTED: i32 = 8;

fn told<T>(message: T, what: &str) -> Request<T> {
    Request::new(message).with_metadata(DO, what).expect("the metadata is legal")
}

#[test]
fn two_hundred_blocked_handlers_delay_no_other_call() {
    watched(|| {
        let _alone = alone();
        let gate = Gate::new();
        let pair = Pair::start(Handlers::as_told(&gate));
        pair.client.say(note(0)).expect("the server answers");
        let at_rest = Process::this().threads_named("stolid");
        let mut wire = Wire::client(pair.server.local_addr());
        let open_blocked = |wire: &mut Wire, number| {
            let stream = wire.open_call(SAY, &[(DO, "gate")]);
            wire.send_data(stream, &envelope(&note(number).encode_to_vec()), true);
            stream
        };
        let blocked = Vec::from_iter((0..200).map(|number| open_blocked(&mut wire, number)));
        gate.wait_for_arrivals(200);

        let callers = (0..4).map(|_| {
            let client = pair.client.clone();
            thread::spawn(move || {
                for number in 0..500 {
                    assert_eq!(client.say(note(number)).expect("not delayed").into_inner(), note(number));
                }
                let replies = client.repeat(note(100)).expect("the call opens");
                assert_eq!(replies.filter(Result::is_ok).count(), 100);
            })
        });
        for caller in Vec::from_iter(callers) {
            caller.join().expect("the caller does not panic");
        }
        assert_eq!(wire.unary_call(SAY, &[]).code(), 0, "nor on the connection of the blocked calls");
        for stream in &blocked {
            assert_eq!(wire.pending_of(*stream), [], "the handlers wait still");
        }
        gate.open();
        for (number, stream) in (0..).zip(blocked) {
            let reply = wire.recv_reply(stream);
            assert_eq!((reply.code(), reply.messages), (0, vec![note(number).encode_to_vec()]));
        }
        eventually_within(Duration::from_secs(3), "the workers are gone", || {
            Process::this().threads_named("stolid") <= at_rest
        });
    });
}

#[test]
fn a_call_over_the_worker_limit_is_refused_at_once() {
    watched(|| {
        let _alone = alone();
        let gate = Gate::new();
        let pair = Pair::start_with(Handlers::as_told(&gate), |builder| builder.worker_limit(3));
        let open = || pair.client.gather(told((), "gate")).expect("the call opens");
        let blocked = Vec::from_iter((0..3).map(|_| open()));
        gate.wait_for_arrivals(3);

        let asked = Instant::now();
        let status = open().finish().expect_err("there is no worker left");
        assert_eq!(status.code(), Code::ResourceExhausted);
        assert!(status.message().contains('3'), "the message names the limit: {status}");
        assert!(asked.elapsed() < Duration::from_secs(1), "took {:?}", asked.elapsed());

        gate.open();
        for call in blocked {
            assert_eq!(call.finish().expect("the handler goes on").into_inner().messages, 0);
        }
        eventually("a worker is free again", || open().finish().is_ok());
    });
}

/// Makes a call that needs a thread.
fn streaming_call(wire: &mut Wire) -> Reply {
    let stream = wire.open_call(RELAY, &[]);
    wire.send_data(stream, &envelope(&note(1).encode_to_vec()), true);
    wire.recv_reply(stream)
}

#[test]
fn a_thread_that_cannot_start_refuses_its_call_and_no_other() {
    watched(|| {
        let _alone = alone();
        let huge = |builder: stolid::ServerBuilder| builder.worker_stack_size(1 << 46);
        let server = stolid_tests::pair::serve_with(Handlers::new(), huge);
        let mut wire = Wire::client(server.local_addr());
        for _ in 0..10 {
            let reply = streaming_call(&mut wire);
            assert_eq!(reply.code(), RESOURCE_EXHAUSTED, "{}", reply.message());
            assert!(reply.message().contains("thread"), "says what is missing: {}", reply.message());
        }
        wire.sync();
        let mut other = Wire::client(server.local_addr());
        assert_eq!(streaming_call(&mut other).code(), RESOURCE_EXHAUSTED);
        assert_eq!(server.stats().connections, 2);
    });
}

#[test]
fn handlers_may_call_their_own_server() {
    watched(|| {
        let _alone = alone();
        let slot = std::sync::Arc::new(std::sync::OnceLock::<stolid_tests::echo::echo_client::EchoClient>::new());
        let own = std::sync::Arc::clone(&slot);
        // Each call makes the next one, and all of them wait at once: a pool with a queue would never end this.
        let handlers = Handlers::new().say(move |request| {
            let note = request.into_inner();
            let Some(number) = note.number.checked_sub(1) else {
                return Ok(stolid::Response::new(note));
            };
            let client = own.get().expect("set before the first call");
            client.say(Note { number, ..note })
        });
        let pair = Pair::start(handlers);
        slot.set(pair.client.clone()).expect("set once");
        let answer = pair.client.say(note(100)).expect("every call finds a thread");
        assert_eq!(answer.into_inner(), note(0));
    });
}
