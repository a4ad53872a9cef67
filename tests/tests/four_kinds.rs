//! The four kinds of call, end to end over a real socket.

use std::thread;

use stolid::{Code, Request};
use stolid_tests::echo::{Count, Note};
use stolid_tests::handlers::{Handlers, note, note_of};
use stolid_tests::pair::{Pair, client_of, serve};
use stolid_tests::watchdog::watched;

/// Sizes around every boundary a message crosses: frames, packing, windows, the quota and the limit.
const SIZES: [usize; 18] = [
    0, 1, 4, 5, 127, 2_047, 2_048, 8_191, 8_192, 16_384, 16_385, 65_535, 65_536, 262_144, 1_048_575, 1_048_577,
    3_000_000, 4_194_290,
];

#[test]
fn a_unary_call_gives_its_answer() {
    watched(|| {
        let pair = Pair::start(Handlers::new());
        let asked = Note { number: 7, body: vec![1, 2, 3], text: "grüße".to_owned() };
        let answer = pair.client.say(asked.clone()).expect("the server answers");
        assert_eq!(answer.into_inner(), asked);
    });
}

#[test]
fn a_server_stream_gives_all_its_messages_and_then_none() {
    watched(|| {
        let pair = Pair::start(Handlers::new());
        let mut replies = pair.client.repeat(note(3)).expect("the call opens");
        for number in 0..3 {
            assert_eq!(replies.message().expect("the call runs"), Some(note(number)));
        }
        assert_eq!(replies.message().expect("the call is OK"), None);
        assert_eq!(replies.message().expect("the end stays the end"), None);
        assert!(replies.next().is_none());
    });
}

#[test]
fn a_client_stream_gives_one_answer() {
    watched(|| {
        let pair = Pair::start(Handlers::new());
        let call = pair.client.gather(()).expect("the call opens");
        let mut call = call.send_all((0..10).map(|_| note_of(100))).expect("the call runs");
        call.send(note_of(1)).expect("the call runs");
        let count = call.finish().expect("the call is OK").into_inner();
        assert_eq!(count, Count { messages: 11, bytes: 1_001 });
    });
}

#[test]
fn both_directions_run_at_once() {
    watched(|| {
        let pair = Pair::start(Handlers::new());
        let (sender, replies) = pair.client.relay(()).expect("the call opens").split();
        let sending = thread::spawn(move || sender.send_all((0..1_000).map(note)));
        let received = replies.collect::<Result<Vec<_>, _>>().expect("the call is OK");
        assert_eq!(received, Vec::from_iter((0..1_000).map(note)));
        sending.join().expect("the sender does not panic").expect("all was sent");
    });
}

#[test]
fn a_bidirectional_call_can_be_a_conversation() {
    watched(|| {
        let pair = Pair::start(Handlers::new());
        let mut call = pair.client.relay(()).expect("the call opens");
        for number in 0..100 {
            call.send(note(number)).expect("the call runs");
            assert_eq!(call.message().expect("the call runs"), Some(note(number)));
        }
        call.close();
        assert_eq!(call.message().expect("the call is OK"), None);
    });
}

#[test]
fn messages_of_every_size_arrive_unchanged() {
    watched(|| {
        let pair = Pair::start(Handlers::new());
        let mut call = pair.client.relay(()).expect("the call opens");
        for size in SIZES {
            let answer = pair.client.say(note_of(size)).expect("the server answers");
            assert!(answer.into_inner() == note_of(size), "{size} bytes changed in a unary call");
            call.send(note_of(size)).expect("the call runs");
            let reply = call.message().expect("the call runs");
            assert!(reply == Some(note_of(size)), "{size} bytes changed in a stream");
        }
    });
}

#[test]
fn empty_messages_are_messages() {
    watched(|| {
        let pair = Pair::start(Handlers::new());
        let call = pair.client.gather(()).expect("the call opens");
        let call = call.send_all(vec![Note::default(); 100]).expect("the call runs");
        assert_eq!(call.finish().expect("the call is OK").into_inner().messages, 100);
        let replies = pair.client.repeat(Note::default()).expect("the call opens");
        assert_eq!(replies.count(), 0);
        let empty = pair.client.say(Note::default()).expect("the server answers");
        assert_eq!(empty.into_inner(), Note::default());
    });
}

#[test]
fn ten_thousand_messages_go_each_way() {
    watched(|| {
        let pair = Pair::start(Handlers::new());
        let (sender, replies) = pair.client.relay(()).expect("the call opens").split();
        let sending = thread::spawn(move || {
            for number in 0..10_000 {
                sender.send(Note { body: vec![0; 100], ..note(number) })?;
            }
            Ok::<_, stolid::Status>(())
        });
        let numbers = replies.map(|reply| reply.expect("the call runs").number);
        assert!(numbers.eq(0..10_000), "the messages came in another order or number");
        sending.join().expect("the sender does not panic").expect("all was sent");
    });
}

#[test]
fn threads_share_a_channel() {
    watched(|| {
        let pair = Pair::start(Handlers::new());
        let callers = (0..8).map(|caller| {
            let client = pair.client.clone();
            thread::spawn(move || {
                for call in 0..200 {
                    let asked = note(caller * 1_000 + call);
                    let answer = client.say(asked.clone()).expect("the server answers");
                    assert_eq!(answer.into_inner(), asked);
                }
                let call = client.gather(()).expect("the call opens");
                let call = call.send_all((0..100).map(note)).expect("the call runs");
                assert_eq!(call.finish().expect("the call is OK").into_inner().messages, 100);
            })
        });
        for caller in Vec::from_iter(callers) {
            caller.join().expect("the caller does not panic");
        }
        assert_eq!(pair.server.stats().connections, 1, "one channel is one connection");
    });
}

#[test]
fn threads_share_a_stream_by_clones_of_its_sender() {
    watched(|| {
        let pair = Pair::start(Handlers::new());
        let (sender, replies) = pair.client.relay(()).expect("the call opens").split();
        let senders = (0..4).map(|thread_number| {
            let sender = sender.clone();
            thread::spawn(move || {
                for number in 0..1_000 {
                    sender.send(note(thread_number * 10_000 + number)).expect("the call runs");
                }
            })
        });
        let senders = Vec::from_iter(senders);
        drop(sender);
        let mut next = [0; 4];
        for reply in replies {
            let number = reply.expect("the call is OK").number;
            let expected = &mut next[(number / 10_000) as usize];
            assert_eq!(number % 10_000, *expected, "each thread's messages keep their order");
            *expected += 1;
        }
        assert_eq!(next, [1_000; 4]);
        for sender in senders {
            sender.join().expect("the sender does not panic");
        }
    });
}

#[test]
fn a_handler_may_send_from_several_threads() {
    watched(|| {
        let handlers = Handlers::new().repeat(|request, replies| {
            let each = request.get_ref().number;
            thread::scope(|scope| {
                let threads = (0..4).map(|_| {
                    let replies = replies.clone();
                    scope.spawn(move || replies.send_all((0..each).map(note)))
                });
                Vec::from_iter(threads)
                    .into_iter()
                    .try_for_each(|thread| thread.join().expect("a sender does not panic"))
            })
        });
        let pair = Pair::start(handlers);
        let replies = pair.client.repeat(note(500)).expect("the call opens");
        let received = replies.collect::<Result<Vec<_>, _>>().expect("the call is OK");
        assert_eq!(received.len(), 2_000);
    });
}

#[test]
fn try_send_gives_the_message_back_when_there_is_no_room() {
    watched(|| {
        let gate = stolid_tests::gate::Gate::new();
        let pair = Pair::start(Handlers::as_told(&gate));
        let wait = Request::new(()).with_metadata(stolid_tests::handlers::DO, "gate");
        let mut call = pair.client.gather(wait.expect("legal metadata")).expect("the call opens");
        let mut sent = 0;
        let refused = loop {
            match call.try_send(Note { number: sent, ..note_of(10_000) }) {
                Ok(()) => sent += 1,
                Err(refused) => break refused,
            }
            assert!(sent < 10_000, "the windows are finite");
        };
        match refused {
            stolid::TrySendError::Full(back) => assert_eq!(back.number, sent),
            other => panic!("the call runs, but: {other}"),
        }
        gate.open();
        assert_eq!(call.finish().expect("the call is OK").into_inner().messages, sent);
    });
}

#[test]
fn a_local_wait_that_runs_out_is_no_failed_call() {
    watched(|| {
        let gate = stolid_tests::gate::Gate::new();
        let pair = Pair::start(Handlers::as_told(&gate));
        let wait = Request::new(note(1)).with_metadata(stolid_tests::handlers::DO, "gate");
        let mut replies = pair.client.repeat(wait.expect("legal metadata")).expect("the call opens");
        let waited = replies.message_timeout(std::time::Duration::from_millis(20));
        assert!(matches!(waited, Err(stolid::RecvTimeoutError::Timeout)), "{waited:?}");
        assert!(matches!(replies.try_message(), Err(stolid::TryRecvError::Empty)));
        gate.open();
        assert_eq!(replies.message().expect("the call runs"), Some(note(0)));
    });
}

#[test]
fn a_sender_hears_the_final_status() {
    watched(|| {
        let handlers = Handlers::new().gather(|_requests| Err(stolid::Status::aborted("enough")));
        let pair = Pair::start(handlers);
        let mut call = pair.client.gather(()).expect("the call opens");
        let status = loop {
            if let Err(status) = call.send(note_of(10_000)) {
                break status;
            }
        };
        assert_eq!((status.code(), status.message()), (Code::Aborted, "enough"));
        let status = call.finish().expect_err("the call failed");
        assert_eq!((status.code(), status.message()), (Code::Aborted, "enough"));
    });
}

#[test]
fn a_call_that_ended_well_never_fails_with_ok() {
    watched(|| {
        let handlers = Handlers::new().gather(|_requests| Ok(stolid::Response::new(Count::default())));
        let pair = Pair::start(handlers);
        let mut call = pair.client.gather(()).expect("the call opens");
        let status = loop {
            if let Err(status) = call.send(note_of(10_000)) {
                break status;
            }
        };
        assert_eq!(status.code(), Code::FailedPrecondition);
        assert_eq!(call.finish().expect("the call is OK").into_inner(), Count::default());

        let call = pair.client.gather(()).expect("the call opens");
        let call = call.send_all((0..100_000).map(|_| note_of(1_000))).expect("stops, but is no failure");
        assert_eq!(call.finish().expect("the call is OK").into_inner(), Count::default());
    });
}

#[test]
fn one_server_serves_many_connections() {
    watched(|| {
        let server = serve(Handlers::new());
        let clients = Vec::from_iter((0..20).map(|_| client_of(server.local_addr())));
        for (number, client) in (0..).zip(&clients) {
            assert_eq!(client.say(note(number)).expect("the server answers").into_inner(), note(number));
        }
        assert_eq!(server.stats().connections, 20);
    });
}
