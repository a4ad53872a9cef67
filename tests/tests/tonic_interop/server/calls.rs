//! Calls that end well: every kind, metadata, sizes, order, streams side by side.

use std::sync::Barrier;
use std::thread;

use stolid::{Request, Status, Streaming};
use stolid_tests::echo::{Count, Note};
use stolid_tests::handlers::{note, note_of};

use super::calling;
use crate::samples::{MANY, SIZES, assert_ours, ours, patterned};

/// The messages of a stream that ends well.
fn all(stream: Streaming<Note>) -> Vec<Note> {
    let messages = stream.collect::<Result<_, Status>>();
    messages.expect("the stream ends well")
}

#[test]
fn each_kind_of_call_is_answered() {
    calling(|client, _server| {
        let reply = client.say(note(7)).expect("say works").into_inner();
        assert_eq!(reply, note(7));
        let numbered_from_0 = [note(0), note(1), note(2)];
        let replies = client.repeat(note(3)).expect("repeat works");
        assert_eq!(all(replies), numbered_from_0);

        let upload = client.gather(()).expect("gather works");
        let upload = upload.send_all([note_of(1), note_of(20)]);
        let count = upload.and_then(|upload| upload.finish());
        let messages = 2;
        let count = count.expect("gather is answered").into_inner();
        assert_eq!(count, Count { messages, bytes: 21 });

        let (sender, replies) = client.relay(()).expect("relay works").split();
        sender.send_all(numbered_from_0.clone()).expect("tonic takes them");
        sender.close();
        assert_eq!(all(replies), numbered_from_0);
    });
}

#[test]
fn streams_without_messages_end_well() {
    calling(|client, _server| {
        let replies = client.repeat(note(0)).expect("repeat works");
        assert_eq!(all(replies), []);
        let count = client.gather(()).and_then(|upload| upload.finish());
        let count = count.expect("gather is answered").into_inner();
        assert_eq!(count, Count::default());
        let (sender, replies) = client.relay(()).expect("relay works").split();
        sender.close();
        assert_eq!(all(replies), []);
    });
}

#[test]
fn metadata_goes_both_ways() {
    calling(|client, _server| {
        let request = || {
            let mut request = Request::new(note(1));
            *request.metadata_mut() = ours("request");
            request
        };
        let response = client.say(request()).expect("say works");
        assert_ours("header", response.metadata());

        let mut replies = client.repeat(request()).expect("repeat works");
        assert_ours("header", replies.headers().expect("headers came"));
        let reply = replies.message().expect("the stream goes on");
        assert_eq!(reply, Some(note(0)));
        assert_eq!(replies.message().expect("the stream ends well"), None);
        assert_ours("trailer", replies.trailers().expect("trailers came"));
        assert_ours("header", replies.headers().expect("they are kept"));
    });
}

#[test]
fn messages_of_every_size_arrive_whole() {
    calling(|client, _server| {
        for size in SIZES {
            let reply = client.say(patterned(size)).expect("say works");
            assert!(reply.into_inner() == patterned(size), "say {size}");
        }
        // Room for the number that comes with these.
        for size in SIZES.map(|size| size.saturating_sub(2)) {
            let mut told = patterned(size);
            told.number = 2;
            let replies = all(client.repeat(told).expect("repeat works"));
            let second = Note { number: 1, ..patterned(size) };
            assert!(replies == [patterned(size), second], "repeat {size}");
        }
        let upload = client.gather(()).expect("gather works");
        let upload = upload.send_all(SIZES.map(patterned));
        let count = upload.and_then(|upload| upload.finish());
        let count = count.expect("gather is answered").into_inner();
        let bytes = SIZES.iter().sum::<usize>() as u64;
        let messages = SIZES.len() as u64;
        assert_eq!(count, Count { messages, bytes });

        let (sender, mut replies) = client.relay(()).expect("relay works").split();
        for size in SIZES {
            sender.send(patterned(size)).expect("tonic takes it");
            let reply = replies.message().expect("the stream goes on");
            assert!(reply == Some(patterned(size)), "relay {size}");
        }
        sender.close();
        assert_eq!(all(replies), []);
    });
}

#[test]
fn ten_thousand_messages_keep_their_order() {
    // tonic's HTTP/2 ends a connection with thousands of unread DATA frames under 256 bytes, as
    // come to be when its threads get no time; these are larger.
    let sent = |number| Note { number, ..note_of(256) };
    calling(move |client, _server| {
        let in_order = |notes: Vec<Note>| notes.iter().map(|note| note.number).eq(0..MANY);
        let replies = client.repeat(sent(MANY)).expect("repeat works");
        assert!(in_order(all(replies)), "repeat");

        let upload = client.gather(()).expect("gather works");
        let upload = upload.send_all((0..MANY).map(sent));
        let count = upload.and_then(|upload| upload.finish());
        let count = count.expect("gather is answered").into_inner();
        assert_eq!(count.messages, MANY);

        let (sender, replies) = client.relay(()).expect("relay works").split();
        let sending = thread::spawn(move || {
            sender.send_all((0..MANY).map(sent))?;
            sender.close();
            Ok::<_, Status>(())
        });
        assert!(in_order(all(replies)), "relay");
        let sent = sending.join().expect("the sender does not panic");
        sent.expect("tonic takes them all");
    });
}

#[test]
fn eight_streams_run_side_by_side() {
    calling(|client, _server| {
        let all_answered = Barrier::new(8);
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let mut stream = client.relay(()).expect("relay works");
                    for number in 0..500 {
                        stream.send(note(number)).expect("tonic takes it");
                        let reply = stream.message().expect("the stream goes on");
                        assert_eq!(reply, Some(note(number)));
                        if number == 0 {
                            all_answered.wait();
                        }
                    }
                    stream.close();
                    let end = stream.message().expect("the stream ends well");
                    assert_eq!(end, None);
                });
            }
        });
    });
}
