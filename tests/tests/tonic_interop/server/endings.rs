//! Calls that end before their time: deadlines, cancellation, early answers, closed connections.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use stolid::{Code, Request};
use stolid_tests::echo::Count;
use stolid_tests::handlers::note;
use stolid_tests::pair;
use stolid_tests::watchdog::watched;

use super::calling;
use super::service::{TonicServer, told};

#[test]
fn a_deadline_ends_the_call_on_both_sides() {
    const TIMEOUT: Duration = Duration::from_millis(300);
    calling(|client, server| {
        let start = Instant::now();
        let request = Request::new(told("hang", 0)).with_timeout(TIMEOUT);
        let status = client.say(request).expect_err("the deadline passes");
        assert_eq!(status.code(), Code::DeadlineExceeded, "{status}");
        let after = start.elapsed();
        assert!(after >= TIMEOUT, "ended after {after:?}");
        assert_eq!(server.ended(), "say");

        // tonic's own timer ends when it has sent the response headers.
        let request = Request::new(told("hang", 1)).with_timeout(TIMEOUT);
        let mut replies = client.repeat(request).expect("repeat works");
        let reply = replies.message().expect("it begins well");
        assert_eq!(reply, Some(told("hang", 0)));
        let status = replies.message().expect_err("the deadline passes");
        assert_eq!(status.code(), Code::DeadlineExceeded, "{status}");
        assert_eq!(server.ended(), "repeat");

        let request = Request::new(()).with_timeout(TIMEOUT);
        let mut stream = client.relay(request).expect("relay works");
        let status = stream.message().expect_err("the deadline passes");
        assert_eq!(status.code(), Code::DeadlineExceeded, "{status}");
        assert_eq!(server.ended(), "relay");
        client.say(note(1)).expect("the connection lives");
    });
}

#[test]
fn a_call_given_up_in_the_middle_ends_in_tonic_too() {
    calling(|client, server| {
        let mut replies = client.repeat(told("hang", 3)).expect("repeat works");
        replies.message().expect("it begins well");
        drop(replies);
        assert_eq!(server.ended(), "repeat");

        let mut replies = client.repeat(told("hang", 3)).expect("repeat works");
        replies.message().expect("it begins well");
        replies.cancel();
        assert_eq!(server.ended(), "repeat");
        let status = replies.find_map(Result::err);
        assert_eq!(status.map(|status| status.code()), Some(Code::Cancelled));

        let mut upload = client.gather(()).expect("gather works");
        upload.send(note(1)).expect("tonic takes it");
        drop(upload);
        assert_eq!(server.ended(), "gather");

        let mut stream = client.relay(()).expect("relay works");
        stream.send(note(1)).expect("tonic takes it");
        stream.message().expect("it is answered");
        drop(stream);
        assert_eq!(server.ended(), "relay");
        client.say(note(1)).expect("the connection lives");
    });
}

#[test]
fn an_upload_may_be_answered_before_its_end() {
    calling(|client, _server| {
        let answered = Count { messages: 1, bytes: 0 };
        let endless = |text| std::iter::repeat_with(move || told(text, 6));
        let upload = client.gather(()).expect("gather works");
        let upload = upload.send_all(endless("early")).expect("tonic has answered well");
        let count = upload.finish().expect("it is answered").into_inner();
        assert_eq!(count, answered);

        let upload = client.gather(()).expect("gather works");
        let status = upload.send_all(endless("fail")).expect_err("it is refused");
        assert_eq!(status.code(), Code::AlreadyExists, "{status}");
        assert_eq!(status.message(), "as told: 6");
        client.say(note(1)).expect("the connection lives");
    });
}

#[test]
fn calls_go_on_while_tonic_closes_old_connections() {
    watched(|| {
        let age = Duration::from_millis(50);
        let server = TonicServer::start(|builder| builder.max_connection_age(age));
        let client = pair::client_of(server.addr());
        let mut ports = HashSet::new();
        while ports.len() < 4 {
            let reply = client.say(told("port", 0)).expect("no call is lost");
            ports.insert(reply.into_inner().number);
        }
    });
}
