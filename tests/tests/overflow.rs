//! What a sender does when the peer does not take its messages.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use stolid::{CancelCause, Code, Overflow, RecvTimeoutError, Status, TrySendError};
use stolid_tests::echo::Note;
use stolid_tests::gate::Gate;
use stolid_tests::handlers::{Handlers, note_of};
use stolid_tests::pair::{Pair, serve};
use stolid_tests::process::{ThreadProbe, eventually};
use stolid_tests::watchdog::watched;
use stolid_tests::wire::{Setting, Wire};

const REPEAT: &str = "/testing.v1.Echo/Repeat";

/// Sends until that fails.
fn send_until_refused(replies: &stolid::Sender<Note>) -> Status {
    loop {
        if let Err(status) = replies.send(note_of(10_000)) {
            return status;
        }
    }
}

#[test]
fn a_sender_that_shall_fail_loses_the_message_and_the_call_goes_on() {
    watched(|| {
        let full = Gate::new();
        let opened = full.clone();
        let handlers = Handlers::new().repeat(move |_request, replies| {
            let replies = replies.with_overflow(Overflow::Fail);
            let status = send_until_refused(&replies);
            assert_eq!(status.code(), Code::ResourceExhausted, "{status}");
            assert!(!replies.is_closed());
            opened.open();
            // A clone that blocks gets through as soon as the client reads.
            replies.with_overflow(Overflow::Block).send(Note { text: "last".to_owned(), ..Note::default() })
        });
        let pair = Pair::start(handlers);
        let mut replies = pair.client.repeat(Note::default()).expect("the call opens");
        full.wait();
        let mut last = None;
        while let Some(note) = replies.message().expect("the call is OK") {
            last = Some(note);
        }
        assert_eq!(last.expect("a message came").text, "last");
    });
}

#[test]
fn a_consumer_that_is_too_slow_is_disconnected_with_resource_exhausted() {
    watched(|| {
        let gate = Gate::new();
        let opened = gate.clone();
        let handlers = Handlers::new().repeat(move |request, replies| {
            let context = request.context();
            let replies = replies.with_overflow(Overflow::Disconnect);
            let status = send_until_refused(&replies);
            assert_eq!(status.code(), Code::ResourceExhausted, "{status}");
            // Every later send says the same, from every clone.
            let again = replies.clone().with_overflow(Overflow::Block).send(Note::default()).expect_err("it is over");
            assert_eq!((again.code(), again.message()), (status.code(), status.message()));
            match replies.try_send(Note::default()) {
                Err(TrySendError::Closed(_, closed)) => assert_eq!(closed.code(), Code::ResourceExhausted),
                other => panic!("{other:?}"),
            }
            assert_eq!(context.cancelled(), Some(CancelCause::Local));
            opened.open();
            Err(status)
        });
        let pair = Pair::start(handlers);
        let mut replies = pair.client.repeat(Note::default()).expect("the call opens");
        gate.wait();
        let status = loop {
            match replies.message_timeout(Duration::from_secs(20)) {
                Ok(Some(_)) => {}
                Ok(None) => panic!("a call that was cut ended well"),
                Err(RecvTimeoutError::Timeout) => panic!("the end never came"),
                Err(RecvTimeoutError::Status(status)) => break status,
            }
        };
        assert_eq!(status.code(), Code::ResourceExhausted, "{status}");
    });
}

#[test]
fn the_end_reaches_a_slow_consumer_although_its_window_is_closed() {
    watched(|| {
        let handlers = Handlers::new()
            .repeat(|_request, replies| Err(send_until_refused(&replies.with_overflow(Overflow::Disconnect))));
        let server = serve(handlers);
        let mut wire = Wire::client_with(server.local_addr(), &[(Setting::INITIAL_WINDOW_SIZE, 0)]);
        let stream = wire.open_call(REPEAT, &[]);
        wire.send_data(stream, &[0; 5], true);
        let reply = wire.recv_reply(stream);
        assert_eq!(reply.code(), Code::ResourceExhausted as i32, "{}", reply.message());
        assert!(reply.messages.is_empty());
    });
}

#[test]
fn a_client_that_is_not_read_can_disconnect_as_well() {
    watched(|| {
        let gate = Gate::new();
        let held = gate.clone();
        let handlers = Handlers::new().relay(move |request, _replies| {
            held.wait();
            match request.context().wait_cancelled(Some(Duration::from_secs(20))) {
                Some(CancelCause::PeerReset) => Ok(()),
                other => panic!("{other:?}"),
            }
        });
        let pair = Pair::start(handlers);
        let (requests, mut replies) = pair.client.relay(()).expect("the call opens").split();
        let status = send_until_refused(&requests.with_overflow(Overflow::Disconnect));
        assert_eq!(status.code(), Code::ResourceExhausted);
        assert_eq!(replies.message().expect_err("the call is over").code(), Code::ResourceExhausted);
        gate.open();
    });
}

/// What a handler finds out with a sender whose messages nobody takes.
fn unread<R: Send + 'static>(handler: impl Fn(stolid::Sender<Note>) -> R + Send + Sync + 'static) -> R {
    let (tell, told) = mpsc::channel();
    let server = serve(Handlers::new().repeat(move |_request, replies| {
        tell.send(handler(replies)).expect("the test listens");
        Ok(())
    }));
    let mut wire = Wire::client_with(server.local_addr(), &[(Setting::INITIAL_WINDOW_SIZE, 0)]);
    let stream = wire.open_call(REPEAT, &[]);
    wire.send_data(stream, &[0; 5], true);
    told.recv().expect("the handler ends")
}

#[test]
fn as_much_waits_as_the_sender_allows() {
    watched(|| {
        for (limit, fit) in [(None, 6), (Some(200_000), 19), (Some(10_500), 1), (Some(0), 1)] {
            let sent = unread(move |replies| {
                let replies = replies.with_overflow(Overflow::Fail);
                if let Some(limit) = limit {
                    // The limit is the stream's, whichever clone sets it.
                    drop(replies.clone().with_queue_limit(limit));
                }
                (0..100).take_while(|_| replies.send(note_of(10_000)).is_ok()).count()
            });
            assert_eq!(sent, fit, "with {limit:?}");
        }
    });
}

#[test]
fn a_sender_that_waits_for_room_goes_on_when_there_may_be_more() {
    watched(|| {
        let sent = unread(|replies| {
            let blocked = replies.clone();
            let (tell, told) = mpsc::channel();
            let sending = thread::spawn(move || {
                tell.send(ThreadProbe::current()).expect("the handler listens");
                (0..15).try_for_each(|_| blocked.send(note_of(10_000)))
            });
            let probe = told.recv().expect("the thread says who it is");
            // Seven messages are more than 64 KiB, so the thread sleeps sooner or later and nobody else wakes it.
            let waits = || matches!(replies.try_send(note_of(10_000)), Err(TrySendError::Full(_))) && probe.is_asleep();
            eventually("the thread waits for room", waits);
            let _replies = replies.with_queue_limit(300_000);
            sending.join().expect("no panic")
        });
        assert_eq!(sent.map_err(|status| status.to_string()), Ok(()));
    });
}
