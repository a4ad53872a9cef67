//! On whose behalf a call is made: what it inherits, and who can cancel it.

use std::thread;
use std::time::{Duration, Instant};

use stolid::{CancelCause, Code, Context, Request, Response, Status};
use stolid_tests::echo::Note;
use stolid_tests::gate::Gate;
use stolid_tests::handlers::{Handlers, note};
use stolid_tests::pair::{Pair, client_of, scripted_server, serve};
use stolid_tests::watchdog::watched;
use stolid_tests::wire::Reason;

#[test]
fn another_thread_cancels_a_unary_call_through_its_parent() {
    watched(|| {
        let (client, mut wire) = scripted_server();
        let context = Context::new();
        let parent = context.clone();
        let calling = thread::spawn(move || client.say(Request::new(note(1)).with_parent(parent)));
        let call = wire.recv_call();
        context.cancel();
        assert_eq!(wire.recv_reset(call.stream), Reason::CANCEL);
        let status = calling.join().expect("no panic").expect_err("the call was cancelled");
        assert_eq!(status.code(), Code::Cancelled, "{status}");
        assert_eq!(context.cancelled(), Some(CancelCause::Local));
    });
}

#[test]
fn one_parent_cancels_any_number_of_calls_and_later_ones_at_once() {
    watched(|| {
        let gate = Gate::new();
        let held = gate.clone();
        let handlers = Handlers::new().say(move |request| {
            held.enter();
            request.context().wait_cancelled(None);
            Err(Status::cancelled(""))
        });
        let pair = Pair::start(handlers);
        let context = Context::new();
        let callers: Vec<_> = (0..10)
            .map(|number| {
                let (client, parent) = (pair.client.clone(), context.clone());
                thread::spawn(move || client.say(Request::new(note(number)).with_parent(parent)))
            })
            .collect();
        gate.wait_for_arrivals(10);
        context.cancel();
        for caller in callers {
            assert_eq!(caller.join().expect("no panic").expect_err("cancelled").code(), Code::Cancelled);
        }
        let late = pair.client.say(Request::new(note(0)).with_parent(context.clone()));
        assert_eq!(late.expect_err("cancelled").code(), Code::Cancelled);
        let stream = pair.client.repeat(Request::new(note(1)).with_parent(context));
        let read = stream.and_then(|mut stream| stream.message());
        assert_eq!(read.expect_err("cancelled").code(), Code::Cancelled);
        gate.open();
    });
}

/// A server whose `Say` calls `target` with what `prepare` makes of the request, and another that blocks until it is
/// cancelled.
fn nested(
    prepare: impl Fn(Request<Note>) -> Request<Note> + Send + Sync + 'static,
    gate: &Gate,
) -> (Pair, stolid::Server) {
    let inner_gate = gate.clone();
    let inner = serve(Handlers::new().say(move |request| {
        let deadline = request.context().time_remaining().is_some();
        inner_gate.enter();
        inner_gate.wait();
        Ok(Response::new(Note { number: u64::from(deadline), ..Note::default() }))
    }));
    let target = client_of(inner.local_addr());
    let outer =
        Pair::start(Handlers::new().say(move |request| target.say(prepare(Request::new(request.into_inner())))));
    (outer, inner)
}

#[test]
fn a_call_made_in_a_handler_inherits_the_deadline() {
    watched(|| {
        let gate = Gate::new();
        gate.open();
        let (outer, _inner) = nested(|request| request, &gate);
        let request = Request::new(note(0)).with_timeout(Duration::from_secs(20));
        assert_eq!(outer.client.say(request).expect("the call is OK").into_inner().number, 1);
        assert_eq!(outer.client.say(note(0)).expect("the call is OK").into_inner().number, 0);
    });
}

#[test]
fn a_detached_call_inherits_neither_deadline_nor_cancellation() {
    watched(|| {
        let gate = Gate::new();
        let (outer, inner) = nested(Request::detached, &gate);
        let context = Context::new();
        let request = Request::new(note(0)).with_timeout(Duration::from_secs(20)).with_parent(context.clone());
        let client = outer.client.clone();
        let calling = thread::spawn(move || client.say(request));
        gate.wait_for_arrivals(1);
        context.cancel();
        assert_eq!(calling.join().expect("no panic").expect_err("cancelled").code(), Code::Cancelled);
        assert_eq!(inner.stats().running, 1, "the inner call goes on");
        gate.open();
        stolid_tests::process::eventually("the inner call ends by itself", || inner.stats().running == 0);
        let request = Request::new(note(0)).with_timeout(Duration::from_secs(20));
        assert_eq!(
            outer.client.say(request).expect("the call is OK").into_inner().number,
            0,
            "no deadline was inherited"
        );
    });
}

#[test]
fn a_parent_given_to_a_thread_is_inherited_there() {
    watched(|| {
        let inner = serve(Handlers::new().say(|request| {
            request.context().wait_cancelled(Some(Duration::from_secs(20)));
            Err(Status::cancelled(""))
        }));
        let target = client_of(inner.local_addr());
        let outer = Pair::start(Handlers::new().say(move |request| {
            let context = request.context();
            assert!(Context::current().is_some());
            let calling = {
                let target = target.clone();
                thread::spawn(move || {
                    assert!(Context::current().is_none(), "threads inherit nothing by themselves");
                    target.say(Request::new(note(0)).with_parent(context))
                })
            };
            calling.join().expect("no panic")
        }));
        let begun = Instant::now();
        let request = Request::new(note(0)).with_timeout(Duration::from_millis(200));
        let status = outer.client.say(request).expect_err("nobody answers");
        assert_eq!(status.code(), Code::DeadlineExceeded, "{status}");
        assert!(begun.elapsed() < Duration::from_secs(10));
        let server = &outer.server;
        stolid_tests::process::eventually("the handlers end", || server.stats().running + inner.stats().running == 0);
    });
}
