//! Calls that our server fails: codes, texts, limits, unknown methods, panics.

use bytes::Bytes;
use stolid::{Code, Response, ServerBuilder, Status};
use stolid_tests::echo::Note;
use stolid_tests::handlers::{Handlers, note, note_of};
use stolid_tests::pair;
use stolid_tests::watchdog::watched;
use tonic::Request;
use tonic::client::Grpc;
use tonic::codegen::http::uri::PathAndQuery;
use tonic_prost::ProstCodec;

use super::{calling, calling_with, connected};
use crate::runtime;
use crate::samples::{LARGEST, TEXTS, assert_theirs, ours, patterned};

/// The status that a note asks for by its number.
fn failure(number: u64) -> Status {
    let code = Code::from_i32(i32::try_from(number).expect("it is a code"));
    let details = Bytes::from(vec![number as u8; 300]);
    let mut status = Status::with_details(code, format!("as told: {number}"), details);
    *status.metadata_mut() = ours("failure");
    status
}

#[track_caller]
fn assert_failure(number: u64, status: &tonic::Status) {
    assert_eq!(status.code() as u64, number, "{status}");
    assert_eq!(status.message(), format!("as told: {number}"));
    assert_eq!(status.details(), vec![number as u8; 300]);
    assert_theirs("failure", status.metadata());
}

#[test]
fn each_code_arrives_with_details_and_metadata() {
    let handlers = Handlers::new()
        .say(|request| Err(failure(request.get_ref().number)))
        .repeat(|request, _unused| Err(failure(request.get_ref().number)))
        .gather(|requests| match requests.into_inner().message()? {
            Some(note) => Err(failure(note.number)),
            None => Err(Status::internal("nothing came")),
        })
        .relay(|requests, replies| match requests.into_inner().message()? {
            Some(note) => {
                replies.send(note.clone())?;
                Err(failure(note.number))
            }
            None => Err(Status::internal("nothing came")),
        });
    calling(handlers, async |mut client| {
        for number in 1..=16 {
            let told = || tokio_stream::iter([note(number)]);
            let status = client.say(note(number)).await.expect_err("it fails");
            assert_failure(number, &status);
            let status = client.repeat(note(number)).await.expect_err("it fails");
            assert_failure(number, &status);
            let status = client.gather(told()).await.expect_err("it fails");
            assert_failure(number, &status);
            let replies = client.relay(told()).await.expect("it begins well");
            let mut replies = replies.into_inner();
            let reply = replies.message().await.expect("one came before");
            assert_eq!(reply, Some(note(number)));
            let status = replies.message().await.expect_err("it fails");
            assert_failure(number, &status);
        }
    });
}

#[test]
fn status_messages_keep_every_character() {
    let handlers = Handlers::new().say(|request| Err(Status::aborted(request.into_inner().text)));
    calling(handlers, async |mut client| {
        for text in TEXTS {
            let mut told = note(0);
            told.text = text.to_owned();
            let status = client.say(told).await.expect_err("it fails");
            assert_eq!(status.code(), tonic::Code::Aborted);
            assert_eq!(status.message(), text);
        }
    });
}

#[test]
fn messages_over_a_limit_fail_their_call_alone() {
    const LIMIT: usize = 8 << 20;
    let handlers = Handlers::new().repeat(|request, replies| {
        let length = usize::try_from(request.get_ref().number).expect("it is a length");
        replies.send(note_of(length))
    });
    let configure = |builder: ServerBuilder| builder.max_encoding_message_size(LIMIT);
    calling_with(handlers, configure, async |mut client| {
        let too_large = patterned(LARGEST + 1);
        let status = client.say(too_large.clone()).await.expect_err("it is not taken");
        assert_eq!(status.code(), tonic::Code::ResourceExhausted, "{status}");
        assert!(status.message().contains("4194304"), "{status}");
        let notes = tokio_stream::iter([note(1), too_large, note(1)]);
        let status = client.gather(notes).await.expect_err("its second is not taken");
        assert_eq!(status.code(), tonic::Code::ResourceExhausted, "{status}");
        assert!(status.message().contains("4194304"), "{status}");

        let status = match client.repeat(note(LIMIT as u64)).await {
            Err(status) => status,
            Ok(replies) => replies.into_inner().message().await.expect_err("it is not sent"),
        };
        assert_eq!(status.code(), tonic::Code::ResourceExhausted, "{status}");
        assert!(status.message().contains(&LIMIT.to_string()), "{status}");

        // This one our server sends, and tonic does not take it.
        let replies = client.repeat(note(LIMIT as u64 / 2)).await.expect("it begins");
        let ended = replies.into_inner().message().await;
        let status = ended.expect_err("tonic's own limit is 4 MiB");
        assert_eq!(status.code(), tonic::Code::OutOfRange, "{status}");
        client.say(note(1)).await.expect("the connection lives");
    });
}

#[test]
fn unknown_methods_and_services_are_unimplemented() {
    watched(|| {
        let server = pair::serve(Handlers::new());
        runtime().block_on(async {
            let mut client = Grpc::new(connected(server.local_addr()).await);
            for path in ["/testing.v1.Echo/Sing", "/testing.v2.Echo/Say", "/testing.v1.Echo"] {
                client.ready().await.expect("it is connected");
                let codec = ProstCodec::<Note, Note>::default();
                let to = PathAndQuery::from_static(path);
                let answer = client.unary(Request::new(note(1)), to, codec).await;
                let status = answer.expect_err("nobody serves it");
                assert_eq!(status.code(), tonic::Code::Unimplemented, "{path}: {status}");
            }
        });
    });
}

#[test]
fn a_handler_that_panics_fails_its_call_alone() {
    let handlers = Handlers::new().say(|request| match request.get_ref().number {
        0 => panic!("as told"),
        _ => Ok(Response::new(request.into_inner())),
    });
    calling(handlers, async |mut client| {
        for _ in 0..3 {
            let status = client.say(note(0)).await.expect_err("it panics");
            assert_eq!(status.code(), tonic::Code::Internal, "{status}");
            client.say(note(1)).await.expect("the others are served");
        }
    });
}
