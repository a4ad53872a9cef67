//! Calls that end well: every kind, metadata, sizes, order, streams side by side.

use stolid::Response;
use stolid_tests::echo::{Count, Note};
use stolid_tests::gate::Gate;
use stolid_tests::handlers::{Handlers, note, note_of, relay};
use tonic::{Extensions, Request};

use super::{all, calling, numbered};
use crate::samples::{MANY, SIZES, assert_ours, assert_theirs, ours, patterned, theirs};

#[test]
fn each_kind_of_call_is_answered() {
    calling(Handlers::new(), async |mut client| {
        let reply = client.say(note(7)).await.expect("say works");
        assert_eq!(reply.into_inner(), note(7));
        let replies = client.repeat(note(3)).await.expect("repeat works");
        let numbered_from_0 = [note(0), note(1), note(2)];
        assert_eq!(all(replies.into_inner()).await, numbered_from_0);
        let notes = tokio_stream::iter([note_of(1), note_of(20)]);
        let count = client.gather(notes).await.expect("gather works");
        let messages = 2;
        assert_eq!(count.into_inner(), Count { messages, bytes: 21 });
        let replies = client.relay(numbered(3)).await.expect("relay works");
        assert_eq!(all(replies.into_inner()).await, numbered_from_0);
    });
}

#[test]
fn streams_without_messages_end_well() {
    calling(Handlers::new(), async |mut client| {
        let replies = client.repeat(note(0)).await.expect("repeat works");
        assert_eq!(all(replies.into_inner()).await, []);
        let count = client.gather(numbered(0)).await.expect("gather works");
        assert_eq!(count.into_inner(), Count::default());
        let replies = client.relay(numbered(0)).await.expect("relay works");
        assert_eq!(all(replies.into_inner()).await, []);
    });
}

#[test]
fn metadata_goes_both_ways() {
    let handlers = Handlers::new()
        .say(|request| {
            assert_ours("request", request.metadata());
            let mut response = Response::new(request.into_inner());
            *response.metadata_mut() = ours("header");
            *response.trailers_mut() = ours("trailer");
            Ok(response)
        })
        .repeat(|request, replies| {
            assert_ours("request", request.metadata());
            replies.set_headers(ours("header"))?;
            replies.send(request.into_inner())?;
            replies.set_trailers(ours("trailer"));
            Ok(())
        });
    calling(handlers, async |mut client| {
        let request = || Request::from_parts(theirs("request"), Extensions::new(), note(1));
        // tonic gives the trailers of such a call among its metadata.
        let response = client.say(request()).await.expect("say works");
        assert_theirs("header", response.metadata());
        assert_theirs("trailer", response.metadata());

        let response = client.repeat(request()).await.expect("repeat works");
        assert_theirs("header", response.metadata());
        assert!(!response.metadata().contains_key("trailer-word"));
        let mut replies = response.into_inner();
        let reply = replies.message().await.expect("the stream goes on");
        assert_eq!(reply, Some(note(1)));
        let trailers = replies.trailers().await.expect("the stream ends well");
        assert_theirs("trailer", &trailers.expect("trailers came"));
    });
}

#[test]
fn messages_of_every_size_arrive_whole() {
    calling(Handlers::new(), async |mut client| {
        for size in SIZES {
            let reply = client.say(patterned(size)).await.expect("say works");
            assert!(reply.into_inner() == patterned(size), "say {size}");
        }
        // Room for the number that comes with these.
        for size in SIZES.map(|size| size.saturating_sub(2)) {
            let mut told = patterned(size);
            told.number = 2;
            let replies = client.repeat(told).await.expect("repeat works");
            let second = Note { number: 1, ..patterned(size) };
            let replies = all(replies.into_inner()).await;
            assert!(replies == [patterned(size), second], "repeat {size}");
        }
        let notes = || tokio_stream::iter(SIZES.map(patterned));
        let count = client.gather(notes()).await.expect("gather works");
        let bytes = SIZES.iter().sum::<usize>() as u64;
        let messages = SIZES.len() as u64;
        assert_eq!(count.into_inner(), Count { messages, bytes });
        let replies = client.relay(notes()).await.expect("relay works");
        let replies = all(replies.into_inner()).await;
        assert!(replies == SIZES.map(patterned), "relay");
    });
}

#[test]
fn ten_thousand_messages_keep_their_order() {
    calling(Handlers::new(), async |mut client| {
        let in_order = |notes: Vec<Note>| notes.iter().map(|note| note.number).eq(0..MANY);
        let replies = client.repeat(note(MANY)).await.expect("repeat works");
        assert!(in_order(all(replies.into_inner()).await), "repeat");
        let count = client.gather(numbered(MANY)).await.expect("gather works");
        assert_eq!(count.into_inner().messages, MANY);
        let replies = client.relay(numbered(MANY)).await.expect("relay works");
        assert!(in_order(all(replies.into_inner()).await), "relay");
    });
}

#[test]
fn eight_streams_run_side_by_side() {
    let gate = Gate::new();
    let held = gate.clone();
    let handlers = Handlers::new().relay(move |requests, replies| {
        held.enter();
        relay(requests.into_inner(), &replies)
    });
    calling(handlers, async move |client| {
        let relayed = async |mut client: super::Client| {
            let replies = client.relay(numbered(500)).await.expect("relay works");
            all(replies.into_inner()).await.len()
        };
        let calls = [(); 8].map(|()| tokio::spawn(relayed(client.clone())));
        gate.wait_for_arrivals(8);
        gate.open();
        for call in calls {
            assert_eq!(call.await.expect("each stream is answered"), 500);
        }
    });
}
