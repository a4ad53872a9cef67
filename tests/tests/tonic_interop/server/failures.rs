//! Calls that tonic's server fails: codes, texts, limits, unknown services.

use stolid::{Code, Status};
use stolid_tests::handlers::note;
use stolid_tests::lab::Req;
use stolid_tests::lab::bench_client::BenchClient;
use stolid_tests::pair;

use super::calling;
use super::service::told;
use crate::samples::{LARGEST, TEXTS, assert_ours, patterned};

#[track_caller]
fn assert_failure(number: u64, status: &Status) {
    assert_eq!(status.code() as u64, number, "{status}");
    assert_eq!(status.message(), format!("as told: {number}"));
    assert_eq!(status.details(), vec![number as u8; 300]);
    assert_ours("failure", status.metadata());
}

#[test]
fn each_code_arrives_with_details_and_metadata() {
    calling(|client, _server| {
        for number in 1..=16 {
            let status = client.say(told("fail", number)).expect_err("it fails");
            assert_failure(number, &status);

            let mut replies = client.repeat(told("fail", number)).expect("it is sent");
            let status = replies.message().expect_err("it fails");
            assert_failure(number, &status);

            let mut replies = client.repeat(told("fail late", number)).expect("it is sent");
            let reply = replies.message().expect("one came before");
            assert_eq!(reply, Some(told("fail late", number)));
            let status = replies.message().expect_err("it fails");
            assert_failure(number, &status);

            let mut upload = client.gather(()).expect("it is opened");
            upload.send(told("fail", number)).expect("it is sent");
            let status = upload.finish().expect_err("it fails");
            assert_failure(number, &status);

            let mut stream = client.relay(()).expect("it is opened");
            stream.send(note(1)).expect("it is sent");
            let reply = stream.message().expect("the stream goes on");
            assert_eq!(reply, Some(note(1)));
            stream.send(told("fail", number)).expect("it is sent");
            let status = stream.message().expect_err("it fails");
            assert_failure(number, &status);
        }
    });
}

#[test]
fn status_messages_keep_every_character() {
    calling(|client, _server| {
        for text in TEXTS {
            let mut note = told("say", 0);
            note.body = text.into();
            let status = client.say(note).expect_err("it fails");
            assert_eq!(status.code(), Code::Aborted);
            assert_eq!(status.message(), text);
        }
    });
}

#[test]
fn messages_over_a_limit_fail_their_call_alone() {
    calling(|client, _server| {
        // tonic calls this out of range.
        let status = client.say(patterned(LARGEST + 1)).expect_err("tonic does not take it");
        assert_eq!(status.code(), Code::OutOfRange, "{status}");

        let careful = client.clone().max_encoding_message_size(1000);
        let status = careful.say(patterned(1000)).expect_err("it is not sent");
        assert_eq!(status.code(), Code::ResourceExhausted, "{status}");
        assert!(status.message().contains("1000"), "{status}");

        let narrow = client.clone().max_decoding_message_size(1000);
        let status = narrow.say(patterned(1000)).expect_err("the answer is not taken");
        assert_eq!(status.code(), Code::ResourceExhausted, "{status}");
        assert!(status.message().contains("1000"), "{status}");
        let mut told = patterned(1000);
        told.number = 3;
        let mut replies = narrow.repeat(told).expect("it is sent");
        let status = replies.message().expect_err("the first is not taken");
        assert_eq!(status.code(), Code::ResourceExhausted, "{status}");

        client.say(note(1)).expect("the connection lives");
    });
}

#[test]
fn an_unknown_service_is_unimplemented() {
    calling(|_client, server| {
        let client = BenchClient::new(pair::connect(server.addr()));
        let status = client.unary(Req::default()).expect_err("tonic has no such service");
        assert_eq!(status.code(), Code::Unimplemented, "{status}");
        let upload = client.client_stream(()).expect("it is opened");
        let status = upload.finish().expect_err("tonic has no such service");
        assert_eq!(status.code(), Code::Unimplemented, "{status}");
    });
}
