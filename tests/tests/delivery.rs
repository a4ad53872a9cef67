//! Streams that are delivered into channels.

use std::time::Duration;

use crossbeam_channel::{Receiver, bounded, never, select, unbounded};
use stolid::{CancelCause, Code, Event, Request};
use stolid_tests::echo::Note;
use stolid_tests::gate::Gate;
use stolid_tests::handlers::{Handlers, note, note_of};
use stolid_tests::pair::Pair;
use stolid_tests::process::{Process, alone, eventually};
use stolid_tests::watchdog::watched;

const PATIENCE: Duration = Duration::from_secs(20);

fn next<T>(events: &Receiver<T>) -> T {
    events.recv_timeout(PATIENCE).expect("an event comes")
}

#[test]
fn one_thread_selects_over_two_streams_and_a_channel_of_its_own() {
    watched(|| {
        let pair = Pair::start(Handlers::new());
        let (first, from_first) = unbounded();
        let (second, from_second) = unbounded();
        let (own, from_own) = unbounded();
        pair.client.repeat(note(3)).and_then(|call| call.deliver_to(first)).expect("the call opens");
        let (requests, replies) = pair.client.relay(()).expect("the call opens").split();
        replies.deliver_to(second).expect("there is a thread");
        own.send(7).expect("somebody listens");
        let (mut from_first, mut from_second) = (from_first, from_second);
        let (mut firsts, mut seconds, mut owns, mut ended) = (0, 0, 0, 0);
        while ended < 2 {
            select! {
                recv(from_first) -> event => match event.expect("the end comes first") {
                    Event::Message(_) => firsts += 1,
                    Event::End(outcome) => {
                        outcome.expect("the call is OK");
                        ended += 1;
                        from_first = never();
                    }
                },
                recv(from_second) -> event => match event.expect("the end comes first") {
                    Event::Message(_) => {
                        seconds += 1;
                        requests.close();
                    }
                    Event::End(outcome) => {
                        outcome.expect("the call is OK");
                        ended += 1;
                        from_second = never();
                    }
                },
                recv(from_own) -> number => {
                    owns += number.expect("the sender lives");
                    requests.send(note(1)).expect("there is room");
                }
                default(PATIENCE) => panic!("nothing came"),
            }
        }
        assert_eq!((firsts, seconds, owns), (3, 1, 7));
    });
}

#[test]
fn a_full_channel_holds_up_the_peer() {
    watched(|| {
        let (sent, count) = unbounded();
        let handlers = Handlers::new().repeat(move |_request, replies| {
            for _ in 0..1_000 {
                replies.send(note_of(10_000))?;
                let _ = sent.send(());
            }
            Ok(())
        });
        let pair = Pair::start(handlers);
        let (events, received) = bounded(1);
        pair.client.repeat(Note::default()).and_then(|call| call.deliver_to(events)).expect("the call opens");
        // A stream's window and its queue hold less than 2 MiB, far from the 10 MB that the handler wants to send: it
        // stops by itself, long before the patience of this test is over.
        let mut before = 0;
        while count.recv_timeout(Duration::from_millis(500)).is_ok() {
            before += 1;
        }
        assert!(before < 500, "{before} messages of 10 kB went into a channel with room for one");
        let messages = received.iter().filter(|event| matches!(event, Event::Message(_))).count();
        assert_eq!(messages, 1_000);
    });
}

#[test]
fn the_end_of_a_call_that_fails_is_delivered_with_its_status() {
    watched(|| {
        let gate = Gate::new();
        let held = gate.clone();
        let handlers = Handlers::new().relay(move |_request, replies| {
            replies.send(note(1))?;
            held.wait();
            Err(stolid::Status::aborted("enough"))
        });
        let pair = Pair::start(handlers);
        let (events, received) = bounded(0);
        let call = pair.client.relay(()).expect("the call opens");
        let (_requests, replies) = call.split();
        replies.deliver_with(events, |event| ("tag", event)).expect("there is a thread");
        assert!(matches!(next(&received), ("tag", Event::Message(_))));
        gate.open();
        match next(&received) {
            ("tag", Event::End(Err(status))) => {
                assert_eq!((status.code(), status.message()), (Code::Aborted, "enough"))
            }
            other => panic!("{other:?}"),
        }
        assert!(received.recv().is_err(), "nothing follows the end");
    });
}

#[test]
fn a_delivery_ends_by_cancel_deadline_and_a_dropped_receiver() {
    let _alone = alone();
    watched(|| {
        let (causes, cancelled) = unbounded();
        let handlers = Handlers::new().repeat(move |request, replies| {
            loop {
                if replies.send(note_of(1_000)).is_err() {
                    let _ = causes.send(request.context().wait_cancelled(Some(PATIENCE)));
                    return Ok(());
                }
            }
        });
        let pair = Pair::start(handlers);

        // By cancel, while the forwarder is stuck in front of a full channel.
        let (events, received) = bounded(1);
        let call = pair.client.repeat(Note::default()).expect("the call opens");
        let delivery = call.deliver_to(events).expect("there is a thread");
        assert!(matches!(next(&received), Event::Message(_)));
        delivery.cancel();
        assert_eq!(next(&cancelled), Some(CancelCause::PeerReset));
        let end = received.iter().last().expect("the end is delivered");
        assert!(matches!(end, Event::End(Err(status)) if status.code() == Code::Cancelled));

        // By deadline.
        let (events, received) = bounded(1);
        let request = Request::new(Note::default()).with_timeout(Duration::from_millis(100));
        pair.client.repeat(request).and_then(|call| call.deliver_to(events)).expect("the call opens");
        assert!(matches!(next(&cancelled), Some(CancelCause::DeadlineExceeded | CancelCause::PeerReset)));
        let end = received.iter().last().expect("the end is delivered");
        assert!(matches!(end, Event::End(Err(status)) if status.code() == Code::DeadlineExceeded));

        // By a receiver that nobody reads any more.
        let (events, received) = bounded(1);
        pair.client.repeat(Note::default()).and_then(|call| call.deliver_to(events)).expect("the call opens");
        drop(received);
        assert_eq!(next(&cancelled), Some(CancelCause::PeerReset));

        eventually("the forwarders are gone", || Process::this().threads_named("stolid-delivery") == 0);
    });
}
