//! What a sender does when the peer does not take its messages.

use std::time::Duration;

use stolid::{CancelCause, Code, Overflow, RecvTimeoutError, Status, TrySendError};
use stolid_tests::echo::Note;
use stolid_tests::gate::Gate;
use stolid_tests::handlers::{Handlers, note_of};
use stolid_tests::pair::{Pair, serve};
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
