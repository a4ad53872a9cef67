//! What a handler reads when its client lets go of a part of the call.
//!
//! The frames that tell it are in `drops_on_the_client.rs`.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, mpsc};

use stolid::{CancelCause, Code, Context, Response, Sender, Status, Streaming};
use stolid_tests::echo::Note;
use stolid_tests::echo::echo_client::EchoClient;
use stolid_tests::handlers::{Handlers, count, note, note_of, relay};
use stolid_tests::pair::Pair;
use stolid_tests::watchdog::watched;

/// The code a handler read, and the cause that its context told.
type Ended = (Code, Option<CancelCause>);

const COMPLETE: Ended = (Code::Ok, None);
const CANCELLED: Ended = (Code::Cancelled, Some(CancelCause::PeerReset));

/// The test's client, and news of the handlers.
struct Seen {
    client: EchoClient,
    begun: mpsc::Receiver<()>,
}

impl Seen {
    /// Waits until the handler of the call runs: one that is cancelled before is never started.
    #[track_caller]
    fn begun(&self) {
        self.begun.recv().expect("the handler begins");
    }
}

/// Handlers of the streaming kinds that tell that they begin and how their calls end.
fn telling() -> (Handlers, mpsc::Receiver<()>, mpsc::Receiver<Ended>) {
    let (begin, begun) = mpsc::channel();
    let begin = Mutex::new(begin);
    let begin = Arc::new(move || begin.lock().expect("no handler panics").send(()).expect("the test listens"));
    let [begin_repeat, begin_gather, begin_relay] = [(); 3].map(|()| Arc::clone(&begin));
    let (tell, told) = mpsc::channel();
    let tell = Mutex::new(tell);
    let tell = Arc::new(move |result: Result<(), Status>, context: &Context| {
        let code = result.err().map_or(Code::Ok, |status| status.code());
        let tell = tell.lock().expect("no handler panics");
        tell.send((code, context.cancelled())).expect("the test listens");
    });
    let [repeats, gathers, relays] = [(); 3].map(|()| Arc::clone(&tell));
    let handlers = Handlers::new()
        .repeat(move |request, replies| {
            begin_repeat();
            let endless = std::iter::repeat_with(|| note_of(1_000));
            let sent = replies.send_all(endless.take(request.get_ref().number as usize));
            repeats(sent.clone(), &replies.context());
            sent
        })
        .gather(move |requests| {
            begin_gather();
            let context = requests.context();
            let counted = count(requests.into_inner());
            gathers(counted.as_ref().map(|_| ()).map_err(Status::clone), &context);
            counted
        })
        .relay(move |requests, replies| {
            begin_relay();
            let context = requests.context();
            let relayed = relay(requests.into_inner(), &replies);
            relays(relayed.clone(), &context);
            relayed
        });
    (handlers, begun, told)
}

#[track_caller]
fn assert_handler_reads(ended: Ended, act: impl Fn(&Seen)) {
    let (handlers, begun, told) = telling();
    let pair = Pair::start(handlers);
    let seen = Seen { client: pair.client.clone(), begun };
    for _ in 0..3 {
        act(&seen);
        assert_eq!(told.recv().expect("the handler ends"), ended);
        let answer: Result<Response<Note>, _> = pair.client.say(note(1));
        assert_eq!(answer.expect("the connection serves").into_inner(), note(1));
    }
}

/// One test for each line: what the handler reads, and what the client does.
macro_rules! what_handlers_read {
    ($($name:ident: $ended:ident, $act:expr;)*) => {
        $(
            #[test]
            fn $name() {
                watched(|| assert_handler_reads($ended, $act));
            }
        )*
    };
}

/// A bidirectional call that has gone there and back once, in its halves.
fn running(seen: &Seen) -> (Sender<Note>, Streaming<Note>) {
    let (sender, mut replies) = seen.client.relay(()).expect("the call opens").split();
    sender.send(note(1)).expect("the call runs");
    assert_eq!(replies.message().expect("the call runs"), Some(note(1)));
    seen.begun();
    (sender, replies)
}

/// Drops `value` as a panic does that passes by.
fn drop_by_panic<T>(value: T) {
    let panicked = catch_unwind(AssertUnwindSafe(move || {
        let _dropped = value;
        panic!("on purpose");
    }));
    assert!(panicked.is_err());
}

/// Messages, and then a panic.
fn broken_iterator() -> impl Iterator<Item = Note> {
    (0..5).map(|number| if number < 3 { note(number) } else { panic!("on purpose") })
}

what_handlers_read! {
    a_stream_that_is_dropped_unread_is_cancelled: CANCELLED, |seen| {
        let replies = seen.client.repeat(note(u64::MAX)).expect("the call opens");
        seen.begun();
        drop(replies);
    };

    a_stream_that_is_dropped_half_read_is_cancelled: CANCELLED, |seen| {
        let mut replies = seen.client.repeat(note(u64::MAX)).expect("the call opens");
        assert!(replies.message().expect("the call runs").is_some());
        seen.begun();
    };

    a_stream_that_is_read_to_its_end_is_complete: COMPLETE, |seen| {
        let replies = seen.client.repeat(note(3)).expect("the call opens");
        assert_eq!(replies.collect::<Result<Vec<_>, _>>().expect("the call is OK").len(), 3);
        seen.begun();
    };

    replies_that_are_dropped_cancel_the_requests_too: CANCELLED, |seen| {
        let (sender, replies) = running(seen);
        drop(replies);
        let status = sender.send(note(2)).expect_err("the call was cancelled");
        assert_eq!(status.code(), Code::Cancelled, "{status}");
    };

    an_upload_that_is_dropped_without_finish_is_cancelled: CANCELLED, |seen| {
        let mut call = seen.client.gather(()).expect("the call opens");
        call.send(note(1)).expect("the call runs");
        seen.begun();
    };

    an_upload_that_is_dropped_with_nothing_sent_is_cancelled: CANCELLED, |seen| {
        let call = seen.client.gather(()).expect("the call opens");
        seen.begun();
        drop(call);
    };

    an_upload_that_is_dropped_by_a_panic_is_cancelled: CANCELLED, |seen| {
        let mut call = seen.client.gather(()).expect("the call opens");
        call.send(note(1)).expect("the call runs");
        seen.begun();
        drop_by_panic(call);
    };

    an_upload_that_is_cancelled_is_cancelled: CANCELLED, |seen| {
        let call = seen.client.gather(()).expect("the call opens");
        seen.begun();
        call.cancel();
    };

    an_upload_whose_iterator_panics_is_cancelled: CANCELLED, |seen| {
        let call = seen.client.gather(()).expect("the call opens");
        seen.begun();
        let panicked = catch_unwind(AssertUnwindSafe(|| call.send_all(broken_iterator()).map(drop)));
        assert!(panicked.is_err());
    };

    an_upload_that_is_finished_is_complete: COMPLETE, |seen| {
        let call = seen.client.gather(()).and_then(|call| call.send_all([note(1), note(2)]));
        assert_eq!(call.and_then(|call| call.finish()).expect("the call is OK").into_inner().messages, 2);
        seen.begun();
    };

    an_upload_is_complete_by_finish_while_other_threads_hold_clones: COMPLETE, |seen| {
        let mut call = seen.client.gather(()).expect("the call opens");
        let clone = call.sender().clone();
        call.send(note(1)).expect("the call runs");
        seen.begun();
        assert_eq!(call.finish().expect("the call is OK").into_inner().messages, 1);
        assert_eq!(clone.send(note(2)).expect_err("the call is over").code(), Code::FailedPrecondition);
    };

    the_last_sender_that_is_dropped_completes_the_requests: COMPLETE, |seen| {
        let (sender, mut replies) = running(seen);
        let clone = sender.clone();
        drop(sender);
        clone.send(note(2)).expect("a clone is left");
        assert_eq!(replies.message().expect("the call runs"), Some(note(2)));
        drop(clone);
        assert_eq!(replies.message().expect("the call is OK"), None);
    };

    close_completes_the_requests_while_clones_are_left: COMPLETE, |seen| {
        let (sender, mut replies) = running(seen);
        let clone = sender.clone();
        sender.close();
        assert_eq!(replies.message().expect("the call is OK"), None);
        assert!(clone.is_closed());
    };

    a_sender_that_is_dropped_by_a_panic_cancels: CANCELLED, |seen| {
        let (sender, mut replies) = running(seen);
        drop_by_panic(sender);
        assert_eq!(replies.message().expect_err("the call was cancelled").code(), Code::Cancelled);
    };

    // Whoever drops the last clone cannot know that another of the producers has failed.
    a_clone_that_is_dropped_by_a_panic_makes_the_last_one_cancel: CANCELLED, |seen| {
        let (sender, mut replies) = running(seen);
        drop_by_panic(sender.clone());
        sender.send(note(2)).expect("the call goes on while somebody sends");
        assert_eq!(replies.message().expect("the call runs"), Some(note(2)));
        drop(sender);
        assert_eq!(replies.message().expect_err("the call was cancelled").code(), Code::Cancelled);
    };

    close_is_meant_whatever_became_of_a_clone: COMPLETE, |seen| {
        let (sender, mut replies) = running(seen);
        drop_by_panic(sender.clone());
        sender.close();
        drop(sender);
        assert_eq!(replies.message().expect("the call is OK"), None);
    };

    a_sender_whose_iterator_panics_cancels: CANCELLED, |seen| {
        let (sender, _replies) = running(seen);
        let panicked = catch_unwind(AssertUnwindSafe(move || sender.send_all(broken_iterator())));
        assert!(panicked.is_err());
    };

    // A closure that returns early looks like one that is done: the documentation of `Sender` says so.
    a_sender_that_is_dropped_by_an_early_return_completes_the_requests: COMPLETE, |seen| {
        let (sender, mut replies) = running(seen);
        let producer = std::thread::spawn(move || -> Result<(), std::num::ParseIntError> {
            sender.send(note("x".parse()?)).expect("never comes so far");
            Ok(())
        });
        assert!(producer.join().expect("the producer does not panic").is_err());
        assert_eq!(replies.message().expect("the call is OK"), None);
    };

    a_sender_that_must_be_closed_cancels_when_it_is_dropped_by_an_early_return: CANCELLED, |seen| {
        let (sender, mut replies) = running(seen);
        let sender = sender.cancel_on_unclosed_drop();
        let producer = std::thread::spawn(move || -> Result<(), std::num::ParseIntError> {
            sender.send(note("x".parse()?)).expect("never comes so far");
            Ok(())
        });
        assert!(producer.join().expect("the producer does not panic").is_err());
        assert_eq!(replies.message().expect_err("the call was cancelled").code(), Code::Cancelled);
    };

    a_sender_that_must_be_closed_cancels_with_its_last_clone: CANCELLED, |seen| {
        let (sender, mut replies) = running(seen);
        let clone = sender.clone();
        drop(sender.cancel_on_unclosed_drop());
        clone.send(note(2)).expect("a clone is left");
        assert_eq!(replies.message().expect("the call runs"), Some(note(2)));
        drop(clone);
        assert_eq!(replies.message().expect_err("the call was cancelled").code(), Code::Cancelled);
    };

    a_sender_that_must_be_closed_and_is_completes_the_requests: COMPLETE, |seen| {
        let (sender, mut replies) = running(seen);
        let sender = sender.cancel_on_unclosed_drop();
        sender.close();
        drop(sender);
        assert_eq!(replies.message().expect("the call is OK"), None);
    };

    both_halves_that_are_dropped_cancel: CANCELLED, |seen| {
        // The other way round the server may read the half-close before it reads the reset.
        let (sender, replies) = running(seen);
        drop(replies);
        drop(sender);
    };

    a_whole_call_that_is_dropped_cancels: CANCELLED, |seen| {
        let call = seen.client.relay(()).expect("the call opens");
        seen.begun();
        drop(call);
    };

    a_context_that_is_cancelled_cancels: CANCELLED, |seen| {
        let (sender, mut replies) = running(seen);
        sender.context().cancel();
        assert_eq!(replies.message().expect_err("the call was cancelled").code(), Code::Cancelled);
        assert_eq!(sender.send(note(2)).expect_err("the call was cancelled").code(), Code::Cancelled);
    };
}
