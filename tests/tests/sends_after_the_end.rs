//! Sending to a call that is over: the error is the final status of the call, for whoever still holds a sender.

use std::sync::{Arc, Mutex, mpsc};
use std::thread;

use prost::Message;
use stolid::{Code, DetachedSender, Sender, Server, Status};
use stolid_tests::echo::Note;
use stolid_tests::gate::Gate;
use stolid_tests::handlers::{Handlers, note, note_of};
use stolid_tests::pair::serve;
use stolid_tests::process::{ThreadProbe, eventually};
use stolid_tests::scene::Method;
use stolid_tests::watchdog::watched;
use stolid_tests::wire::{Reason, Setting, Wire, envelope};

/// How a handler ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    Well,
    Refuses,
    Panics,
}

impl How {
    const ALL: [Self; 3] = [Self::Well, Self::Refuses, Self::Panics];

    fn end(self) -> Result<(), Status> {
        match self {
            Self::Well => Ok(()),
            Self::Refuses => Err(Status::permission_denied("enough")),
            Self::Panics => panic!("on purpose"),
        }
    }

    /// What the client gets, and what a send says afterwards.
    fn codes(self) -> (i32, Code, &'static str) {
        match self {
            Self::Well => (0, Code::FailedPrecondition, "the call already ended with OK"),
            Self::Refuses => (7, Code::PermissionDenied, "enough"),
            Self::Panics => (13, Code::Internal, "the handler panicked"),
        }
    }

    #[track_caller]
    fn assert_refused(self, status: &Status) {
        let (_, code, words) = self.codes();
        assert_eq!((status.code(), status.message()), (code, words), "{self:?}");
    }
}

/// A server whose `Relay` gives a clone of its sender away, sends what fits `before`, and ends `how` it is told.
fn giving_away(how: How, before: fn(&Sender<Note>)) -> (Server, mpsc::Receiver<Sender<Note>>, Gate) {
    let (give, given) = mpsc::channel();
    let give = Mutex::new(give);
    let gate = Gate::new();
    let ends = gate.clone();
    let handlers = Handlers::new().relay(move |_requests, replies| {
        before(&replies);
        give.lock().expect("the lock is given back first").send(replies).expect("the test listens");
        ends.enter();
        how.end()
    });
    (serve(handlers), given, gate)
}

#[test]
fn clones_that_outlive_the_handler_hear_how_it_ended() {
    watched(|| {
        for how in How::ALL {
            let (server, given, gate) = giving_away(how, |replies| replies.send(note(1)).expect("the call runs"));
            let mut wire = Wire::client(server.local_addr());
            let stream = wire.open_empty_call(Method::Relay.path(), &[]);
            let clone = given.recv().expect("the handler runs");
            clone.send(note(2)).expect("the call runs");
            gate.open();
            let reply = wire.recv_reply(stream);
            assert_eq!(reply.code(), how.codes().0, "{how:?}");
            assert_eq!(reply.messages, [1, 2].map(|number| note(number).encode_to_vec()), "{how:?}");
            // More than once, and by every way of sending.
            for _ in 0..2 {
                how.assert_refused(&clone.send(note(3)).expect_err("the call is over"));
                how.assert_refused(&clone.send_all([note(3)]).expect_err("the call is over"));
                match clone.try_send(note(3)) {
                    Err(stolid::TrySendError::Closed(message, status)) => {
                        assert_eq!(message, note(3));
                        how.assert_refused(&status);
                    }
                    other => panic!("{how:?}: {other:?}"),
                }
            }
            assert!(clone.is_closed());
            wire.sync();
            assert_eq!(wire.pending_of(stream), [], "nothing comes behind the trailers");
        }
    });
}

#[test]
fn a_clone_that_blocks_in_send_wakes_when_the_handler_ends_and_its_message_is_not_sent() {
    watched(|| {
        for how in How::ALL {
            // As many as the queue takes.
            let (server, given, gate) = giving_away(how, |replies| while replies.try_send(note_of(20_000)).is_ok() {});
            let mut wire = Wire::client_with(server.local_addr(), &[(Setting::INITIAL_WINDOW_SIZE, 0)]);
            let stream = wire.open_empty_call(Method::Relay.path(), &[]);
            let clone = given.recv().expect("the handler runs");
            let (tell, told) = mpsc::channel();
            let sending = thread::spawn(move || {
                tell.send(ThreadProbe::current()).expect("the test listens");
                clone.send(note_of(20_001)).expect_err("the handler ends first")
            });
            let probe = told.recv().expect("the sender says who it is");
            eventually("the sender waits for room", || probe.is_asleep());
            gate.open();
            how.assert_refused(&sending.join().expect("the sender does not panic"));

            wire.send_window_update(stream, 1_000_000);
            let reply = wire.recv_reply(stream);
            assert_eq!(reply.code(), how.codes().0, "{how:?}");
            assert!(!reply.messages.is_empty());
            for message in &reply.messages {
                assert_eq!(message.len(), note_of(20_000).encoded_len(), "{how:?}");
            }
        }
    });
}

#[test]
fn send_all_of_a_handler_stops_at_the_end_of_the_call() {
    watched(|| {
        let (tell, told) = mpsc::channel();
        let tell = Mutex::new(tell);
        let handlers = Handlers::new().repeat(move |_request, replies| {
            let mut taken = 0;
            let endless = std::iter::repeat_with(|| {
                taken += 1;
                note_of(1_000)
            });
            let sent = replies.send_all(endless);
            let news = (sent.as_ref().err().map(Status::code), taken);
            tell.lock().expect("no handler panics").send(news).expect("the test listens");
            sent
        });
        let server = serve(handlers);
        let mut wire = Wire::client(server.local_addr());
        wire.auto.windows = false;
        let stream = wire.open_call(Method::Repeat.path(), &[]);
        wire.send_data(stream, &envelope(&[]), true);
        wire.recv_data_of(stream, 10_000);
        wire.send_reset(stream, Reason::CANCEL);
        let (code, taken) = told.recv().expect("the handler ends");
        assert_eq!(code, Some(Code::Cancelled));
        // What the client's window and the queue hold, and one more.
        assert!((10..=200).contains(&taken), "{taken} messages were taken");
    });
}

/// A server whose `Repeat` gives its call away.
fn detaching(
    end: impl Fn() -> Result<(), Status> + Send + Sync + 'static,
) -> (Server, mpsc::Receiver<DetachedSender<Note>>) {
    let (give, given) = mpsc::channel();
    let give = Mutex::new(give);
    let handlers = Handlers::new().repeat(move |_request, replies| {
        let detached = replies.detach();
        give.lock().expect("the lock is given back first").send(detached).expect("the test listens");
        end()
    });
    (serve(handlers), given)
}

fn open_repeat(wire: &mut Wire) -> u32 {
    let stream = wire.open_call(Method::Repeat.path(), &[]);
    wire.send_data(stream, &envelope(&[]), true);
    stream
}

#[test]
fn a_detached_call_ends_as_it_is_finished_and_clones_hear_of_it() {
    watched(|| {
        let (server, given) = detaching(|| Ok(()));
        let mut wire = Wire::client(server.local_addr());
        for how in [How::Well, How::Refuses] {
            let stream = open_repeat(&mut wire);
            let detached = given.recv().expect("the handler runs");
            eventually("the handler has returned", || server.stats().running == 0);
            let clone = Sender::clone(&detached);
            detached.send(note(1)).expect("the call goes on");
            clone.send(note(2)).expect("the call goes on");
            detached.finish(how.end());
            let reply = wire.recv_reply(stream);
            assert_eq!((reply.code(), reply.messages.len()), (how.codes().0, 2));
            how.assert_refused(&clone.send(note(3)).expect_err("the call is over"));
        }
    });
}

#[test]
fn a_detached_call_dropped_without_finish_is_unknown() {
    watched(|| {
        let (server, given) = detaching(|| Ok(()));
        let mut wire = Wire::client(server.local_addr());
        let stream = open_repeat(&mut wire);
        let detached = given.recv().expect("the handler runs");
        let clone = Sender::clone(&detached);
        detached.send(note(1)).expect("the call goes on");
        drop(detached);
        let reply = wire.recv_reply(stream);
        assert_eq!((reply.code(), reply.messages.len()), (2, 1));
        assert_eq!(reply.message(), "the server dropped the call without finishing it");
        assert_eq!(clone.send(note(2)).expect_err("the call is over").code(), Code::Unknown);
    });
}

#[test]
fn a_detached_call_whose_handler_fails_all_the_same_has_failed() {
    watched(|| {
        for how in [How::Refuses, How::Panics] {
            let (server, given) = detaching(move || how.end());
            let mut wire = Wire::client(server.local_addr());
            let stream = open_repeat(&mut wire);
            let detached = given.recv().expect("the handler runs");
            assert_eq!(wire.recv_reply(stream).code(), how.codes().0, "{how:?}");
            how.assert_refused(&detached.send(note(1)).expect_err("the call is over"));
            // Too late to change anything.
            detached.finish(Ok(()));
        }
    });
}

#[test]
fn a_detached_call_dropped_by_a_panic_is_internal() {
    watched(|| {
        let handlers = Handlers::new().repeat(|_request, replies| {
            let _detached = replies.detach();
            panic!("on purpose");
        });
        let server = serve(handlers);
        let mut wire = Wire::client(server.local_addr());
        let stream = open_repeat(&mut wire);
        assert_eq!(wire.recv_reply(stream).code(), 13);
    });
}

#[test]
fn a_detached_call_that_the_client_resets_says_so() {
    watched(|| {
        let (server, given) = detaching(|| Ok(()));
        let mut wire = Wire::client(server.local_addr());
        let stream = open_repeat(&mut wire);
        let detached = given.recv().expect("the handler runs");
        let heard = Arc::new(Gate::new());
        let hears = Arc::clone(&heard);
        detached.context().on_cancel(move |_| hears.open()).forget();
        wire.send_reset(stream, Reason::CANCEL);
        heard.wait();
        assert_eq!(detached.send(note(1)).expect_err("the call was cancelled").code(), Code::Cancelled);
        detached.finish(Ok(()));
        wire.sync();
        assert_eq!(wire.pending_of(stream), []);
    });
}
