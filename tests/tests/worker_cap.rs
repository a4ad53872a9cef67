//! A server with two handler threads: the third call that blocks is refused at once, and every place is used again.

use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use prost::Message;
use stolid::{Code, Context, Response, Server, ServerBuilder, Status};
use stolid_tests::echo::echo_client::EchoClient;
use stolid_tests::gate::Gate;
use stolid_tests::handlers::{DO, Handlers, count, note, relay};
use stolid_tests::pair::{Pair, client_of, serve_with};
use stolid_tests::process::eventually;
use stolid_tests::watchdog::watched;
use stolid_tests::wire::{Reason, Wire, envelope};

const SAY: &str = "/testing.v1.Echo/Say";
const RELAY: &str = "/testing.v1.Echo/Relay";
const KINDS: [&str; 4] = [SAY, "/testing.v1.Echo/Repeat", "/testing.v1.Echo/Gather", RELAY];

/// What a refusal takes at most, while the calls that cause it block for as long as they like.
const AT_ONCE: Duration = Duration::from_secs(1);

const DEADLINE_EXCEEDED: i32 = 4;
const RESOURCE_EXHAUSTED: i32 = 8;

/// A server of at most two handlers, and what its handlers do when they are told to block.
struct Capped {
    server: Server,
    /// Counts the handlers that block; holds nobody.
    blocked: Gate,
    /// Holds those that were told `gate`.
    gate: Gate,
}

impl Capped {
    /// `inline`: quick unary handlers run on the thread that reads.
    fn start(inline: bool) -> Self {
        Self::start_with(|builder| builder.inline_handlers(inline))
    }

    fn start_with(configure: impl FnOnce(ServerBuilder) -> ServerBuilder) -> Self {
        let (blocked, gate) = (Gate::new(), Gate::new());
        blocked.open();
        let handlers = blocking(&blocked, &gate);
        let server = serve_with(handlers, |builder| configure(builder.worker_limit(2)));
        Self { server, blocked, gate }
    }

    fn wire(&self) -> Wire {
        Wire::client(self.server.local_addr())
    }

    /// Makes a call and waits until its handler blocks.
    #[track_caller]
    fn block(&self, wire: &mut Wire, path: &str, what: &str) -> u32 {
        let before = self.blocked.arrivals();
        let stream = open(wire, path, &[(DO, what)]);
        self.blocked.wait_for_arrivals(before + 1);
        stream
    }

    /// As `block`, as often as the call is refused because a thread is still on its way back from the call before.
    #[track_caller]
    fn block_when_free(&self, wire: &mut Wire, path: &str, what: &str) -> u32 {
        loop {
            let before = self.blocked.arrivals();
            let stream = open(wire, path, &[(DO, what)]);
            eventually("the call begins or is refused", || {
                wire.sync();
                self.blocked.arrivals() > before || !wire.pending_of(stream).is_empty()
            });
            if self.blocked.arrivals() > before {
                return stream;
            }
            assert_eq!(wire.recv_reply(stream).code(), RESOURCE_EXHAUSTED);
        }
    }

    /// Makes a call of each kind, told and untold, and sees that all are refused at once.
    #[track_caller]
    fn assert_full(&self, wire: &mut Wire) {
        for path in KINDS {
            for told in [&[(DO, "gate")][..], &[]] {
                let asked = Instant::now();
                let stream = open(wire, path, told);
                let reply = wire.recv_reply(stream);
                let took = asked.elapsed();
                assert_eq!(reply.code(), RESOURCE_EXHAUSTED, "{path}: {}", reply.message());
                assert!(reply.message().contains('2'), "it names the limit: {}", reply.message());
                assert!(took < AT_ONCE, "{path}: refused after {took:?}");
            }
        }
        // The server has done with what it has refused, and counts it no more.
        wire.sync();
    }

    /// Waits until a call of each kind is answered.
    #[track_caller]
    fn assert_room(&self, wire: &mut Wire) {
        for path in KINDS {
            eventually("there is room again", || {
                let stream = open(wire, path, &[]);
                let code = wire.recv_reply(stream).code();
                assert!(code == 0 || code == RESOURCE_EXHAUSTED, "{path}: {code}");
                code == 0
            });
        }
    }
}

/// Handlers that echo, unless they are told to wait at the `gate` or, by any other word, for the end of their call.
fn blocking(blocked: &Gate, gate: &Gate) -> Handlers {
    let (blocked, gate) = (blocked.clone(), gate.clone());
    let obey = move |told: Option<&str>, context: &Context| -> Result<(), Status> {
        let Some(told) = told else { return Ok(()) };
        blocked.enter();
        if told == "gate" {
            gate.wait();
            return Ok(());
        }
        context.wait_cancelled(None);
        context.check()
    };
    let [say, repeat, gather, passed_on] = [(); 4].map(|()| obey.clone());
    Handlers::new()
        .say(move |request| {
            say(request.metadata().get(DO), &request.context())?;
            Ok(Response::new(request.into_inner()))
        })
        .repeat(move |request, replies| {
            repeat(request.metadata().get(DO), &request.context())?;
            replies.send(request.into_inner())
        })
        .gather(move |requests| {
            gather(requests.metadata().get(DO), &requests.context())?;
            count(requests.into_inner())
        })
        .relay(move |requests, replies| {
            passed_on(requests.metadata().get(DO), &requests.context())?;
            relay(requests.into_inner(), &replies)
        })
}

/// Makes a call of any kind with one message.
fn open(wire: &mut Wire, path: &str, metadata: &[(&str, &str)]) -> u32 {
    let stream = wire.open_call(path, metadata);
    wire.send_data(stream, &envelope(&note(1).encode_to_vec()), true);
    stream
}

#[test]
fn the_third_call_is_refused_at_once_whatever_kinds_block() {
    watched(|| {
        for (inline, blocker) in [true, false].into_iter().flat_map(|inline| KINDS.map(|kind| (inline, kind))) {
            let capped = Capped::start(inline);
            let mut wire = capped.wire();
            let streams = [(); 2].map(|()| capped.block(&mut wire, blocker, "gate"));
            // On the connection of those that block, and on another one.
            capped.assert_full(&mut wire);
            let mut other = capped.wire();
            capped.assert_full(&mut other);
            assert_eq!(capped.blocked.arrivals(), 2, "no handler of a refused call has run");
            for stream in streams {
                assert_eq!(wire.pending_of(stream), [], "{blocker} blocks still");
            }
            capped.gate.open();
            for stream in streams {
                assert_eq!(wire.recv_reply(stream).code(), 0, "{blocker}");
            }
            capped.assert_room(&mut wire);
            capped.assert_room(&mut other);
        }
    });
}

#[test]
fn two_kinds_that_block_fill_the_server_together() {
    watched(|| {
        for (inline, first) in [true, false].into_iter().flat_map(|inline| KINDS.map(|kind| (inline, kind))) {
            for second in KINDS {
                let capped = Capped::start(inline);
                let mut wire = capped.wire();
                let streams = [first, second].map(|kind| capped.block(&mut wire, kind, "hang"));
                capped.assert_full(&mut wire);
                for stream in streams {
                    wire.send_reset(stream, Reason::CANCEL);
                }
                capped.assert_room(&mut wire);
            }
        }
    });
}

/// How a call that blocks comes to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Return,
    Cancel,
    Deadline,
    LostConnection,
}

#[test]
fn a_place_is_used_again_when_a_call_ends_and_one_only() {
    watched(|| {
        for (inline, kind) in [true, false].into_iter().flat_map(|inline| KINDS.map(|kind| (inline, kind))) {
            for end in [End::Return, End::Cancel, End::Deadline, End::LostConnection] {
                let capped = Capped::start(inline);
                let (mut ends, mut stays) = (capped.wire(), capped.wire());
                let stayer = capped.block(&mut stays, RELAY, "hang");
                let stream = if end == End::Deadline {
                    let stream = open(&mut ends, kind, &[(DO, "hang"), ("grpc-timeout", "1S")]);
                    capped.blocked.wait_for_arrivals(2);
                    stream
                } else {
                    let stream = capped.block(&mut ends, kind, if end == End::Return { "gate" } else { "hang" });
                    capped.assert_full(&mut stays);
                    stream
                };
                match end {
                    End::Return => {
                        capped.gate.open();
                        assert_eq!(ends.recv_reply(stream).code(), 0);
                    }
                    End::Cancel => ends.send_reset(stream, Reason::CANCEL),
                    End::Deadline => assert_eq!(ends.recv_reply(stream).code(), DEADLINE_EXCEEDED),
                    End::LostConnection => drop(ends),
                }
                // Exactly one place is free: it is taken, and the server is full again.
                let next = capped.block_when_free(&mut stays, kind, "hang");
                capped.assert_full(&mut stays);
                assert_eq!(stays.pending_of(stayer), [], "{kind} {end:?}: the other one blocks still");
                for stream in [stayer, next] {
                    stays.send_reset(stream, Reason::CANCEL);
                }
                capped.assert_room(&mut stays);
            }
        }
    });
}

#[test]
fn quick_calls_beside_one_that_blocks_are_answered_and_beside_two_refused() {
    watched(|| {
        for inline in [true, false] {
            let capped = Capped::start(inline);
            let client = client_of(capped.server.local_addr());
            let mut wire = capped.wire();
            let quick = || match client.say(note(7)) {
                Ok(answer) => {
                    assert_eq!(answer.into_inner(), note(7));
                    true
                }
                // A thread may have answered and not be back from that.
                Err(status) => {
                    assert_eq!(status.code(), Code::ResourceExhausted, "{status}");
                    false
                }
            };
            let first = capped.block(&mut wire, RELAY, "hang");
            for _ in 0..200 {
                eventually("a quick call is answered", quick);
            }
            let second = capped.block_when_free(&mut wire, RELAY, "hang");
            for _ in 0..200 {
                let asked = Instant::now();
                assert!(!quick(), "there is no place for a quick call either");
                assert!(asked.elapsed() < AT_ONCE, "refused after {:?}", asked.elapsed());
            }
            assert_eq!(wire.pending_of(first), []);
            wire.send_reset(second, Reason::CANCEL);
            for _ in 0..200 {
                eventually("a quick call is answered again", quick);
            }
            wire.send_reset(first, Reason::CANCEL);
        }
    });
}

#[test]
fn handlers_on_the_threads_of_several_lanes_count_at_once() {
    watched(|| {
        for _ in 0..20 {
            let capped = Capped::start_with(|builder| builder.lanes(4).inline_handlers(true));
            // Each has a lane to itself, whose thread is in the handler until another takes over.
            let mut wires = [(); 3].map(|()| capped.wire());
            let first = capped.block(&mut wires[0], SAY, "gate");
            let second = capped.block(&mut wires[1], SAY, "gate");
            capped.assert_full(&mut wires[2]);
            capped.gate.open();
            assert_eq!(wires[0].recv_reply(first).code(), 0);
            assert_eq!(wires[1].recv_reply(second).code(), 0);
            capped.assert_room(&mut wires[2]);
        }
    });
}

#[test]
fn threads_that_rest_do_not_raise_the_limit() {
    watched(|| {
        for _ in 0..5 {
            let capped = Capped::start(true);
            let mut wire = capped.wire();
            // Two threads come to rest.
            for stream in [(); 2].map(|()| capped.block(&mut wire, RELAY, "hang")) {
                wire.send_reset(stream, Reason::CANCEL);
            }
            capped.assert_room(&mut wire);
            // One that blocks the thread that reads, and so brings a thread of its own.
            capped.block_when_free(&mut wire, SAY, "gate");
            capped.block_when_free(&mut wire, RELAY, "gate");
            capped.assert_full(&mut wire);
            assert_eq!(capped.server.stats().running, 2, "two block");
            capped.gate.open();
            capped.assert_room(&mut wire);
        }
    });
}

/// A server of at most two handlers that make a unary call to it in their turn if their note says so.
fn nesting(inline: bool) -> (Pair, Gate) {
    let slot = Arc::new(OnceLock::<EchoClient>::new());
    let own = Arc::clone(&slot);
    let blocked = Gate::new();
    let held = blocked.clone();
    let nest = move |number: u64| -> Result<(), Status> {
        match number {
            0 => Ok(()),
            number => own.get().expect("set before the first call").say(note(number - 1)).map(drop),
        }
    };
    let [say, repeat, gather] = [(); 3].map(|()| nest.clone());
    let handlers = Handlers::new()
        .say(move |request| {
            say(request.get_ref().number)?;
            Ok(Response::new(request.into_inner()))
        })
        .repeat(move |request, replies| {
            repeat(request.get_ref().number)?;
            replies.send(request.into_inner())
        })
        .gather(move |requests| {
            gather(1)?;
            count(requests.into_inner())
        })
        .relay(move |requests, replies| {
            if requests.metadata().get(DO).is_some() {
                held.enter();
            } else {
                nest(1)?;
            }
            relay(requests.into_inner(), &replies)
        });
    let pair = Pair::start_with(handlers, |builder| builder.worker_limit(2).inline_handlers(inline));
    slot.set(pair.client.clone()).expect("set once");
    (pair, blocked)
}

#[test]
fn nested_calls_take_places_too_and_one_too_deep_fails_at_once() {
    watched(|| {
        for inline in [true, false] {
            let (pair, _) = nesting(inline);
            let exhausted = |depth| {
                let asked = Instant::now();
                let status = pair.client.say(note(depth)).expect_err("there is no place for the third");
                assert_eq!(status.code(), Code::ResourceExhausted, "{status}");
                assert!(asked.elapsed() < AT_ONCE, "took {:?}", asked.elapsed());
            };
            exhausted(2);
            for _ in 0..50 {
                eventually("two find their places", || match pair.client.say(note(1)) {
                    Ok(answer) => answer.into_inner() == note(1),
                    Err(status) => {
                        assert_eq!(status.code(), Code::ResourceExhausted, "{status}");
                        false
                    }
                });
                exhausted(2);
                exhausted(20);
            }
        }
    });
}

#[test]
fn a_call_nested_in_any_kind_is_refused_beside_one_that_blocks() {
    watched(|| {
        for inline in [true, false] {
            let (pair, blocked) = nesting(inline);
            let mut wire = Wire::client(pair.server.local_addr());
            let blocker = open(&mut wire, RELAY, &[(DO, "gate")]);
            blocked.wait_for_arrivals(1);
            for path in KINDS {
                let asked = Instant::now();
                let stream = open(&mut wire, path, &[]);
                let reply = wire.recv_reply(stream);
                assert_eq!(reply.code(), RESOURCE_EXHAUSTED, "{path}: {}", reply.message());
                assert!(asked.elapsed() < AT_ONCE, "{path}: took {:?}", asked.elapsed());
            }
            blocked.open();
            assert_eq!(wire.recv_reply(blocker).code(), 0);
            for path in KINDS {
                eventually("the call and the one in it find their places", || {
                    let stream = open(&mut wire, path, &[]);
                    let code = wire.recv_reply(stream).code();
                    assert!(code == 0 || code == RESOURCE_EXHAUSTED, "{path}: {code}");
                    code == 0
                });
            }
        }
    });
}

#[test]
fn a_full_server_that_shuts_down_drains_what_ends_in_time() {
    watched(|| {
        for (inline, kind) in [true, false].into_iter().flat_map(|inline| KINDS.map(|kind| (inline, kind))) {
            let capped = Capped::start(inline);
            let mut wire = capped.wire();
            let streams = [(); 2].map(|()| capped.block(&mut wire, kind, "gate"));
            capped.assert_full(&mut wire);
            let handle = capped.server.handle();
            let shutdown = thread::spawn(move || handle.shutdown(Duration::from_secs(30)));
            wire.recv_goaway();
            capped.gate.open();
            for stream in streams {
                assert_eq!(wire.recv_reply(stream).code(), 0, "{kind}");
            }
            let report = shutdown.join().expect("a shutdown does not panic");
            assert_eq!((report.drained, report.cut, report.stuck), (2, 0, 0), "{kind}: {report:?}");
        }
    });
}

#[test]
fn a_full_server_that_shuts_down_cuts_what_does_not_end() {
    watched(|| {
        for (inline, kind) in [true, false].into_iter().flat_map(|inline| KINDS.map(|kind| (inline, kind))) {
            let capped = Capped::start(inline);
            let mut wire = capped.wire();
            for _ in 0..2 {
                capped.block(&mut wire, kind, "hang");
            }
            capped.assert_full(&mut wire);
            let report = capped.server.shutdown(Duration::ZERO);
            assert_eq!((report.drained, report.cut, report.stuck), (0, 2, 0), "{kind}: {report:?}");
        }
    });
}

#[test]
fn a_full_server_of_handlers_that_do_not_notice_shuts_down_without_them() {
    watched(|| {
        for (inline, kind) in [(true, SAY), (true, RELAY), (false, SAY), (false, RELAY)] {
            let capped = Capped::start(inline);
            let mut wire = capped.wire();
            for _ in 0..2 {
                capped.block(&mut wire, kind, "gate");
            }
            capped.assert_full(&mut wire);
            let asked = Instant::now();
            let report = capped.server.shutdown(Duration::ZERO);
            assert_eq!((report.drained, report.cut, report.stuck), (0, 2, 2), "{kind}: {report:?}");
            assert!(asked.elapsed() < Duration::from_secs(10), "it does not wait for them: {:?}", asked.elapsed());
            capped.gate.open();
        }
    });
}
