//! What the log must never show: messages, binary metadata, credentials.
//!
//! One test in a process of its own, for the subscriber is the process's.

use bytes::Bytes;
use stolid::{Code, Request, Response, Status};
use stolid_tests::echo::Note;
use stolid_tests::handlers::Handlers;
use stolid_tests::log::Log;
use stolid_tests::pair::Pair;
use stolid_tests::watchdog::watched;
use tracing::level_filters::LevelFilter;

const BODY: &str = "message-secret";
const BINARY: &str = "binary-secret";
/// [`BINARY`] as it stands on the wire.
const BINARY_IN_BASE64: &str = "YmluYXJ5LXNlY3JldA";
const CREDENTIAL: &str = "Bearer credential-secret";
const DETAILS: &str = "details-secret";

fn request<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("authorization", CREDENTIAL).expect("legal metadata");
    request.metadata_mut().insert_bin("x-secret-bin", BINARY).expect("legal metadata");
    request
}

fn secret() -> Note {
    Note { text: BODY.to_owned(), body: BODY.as_bytes().to_vec(), number: 3 }
}

/// Answers with all it was given.
fn mirror() -> Handlers {
    Handlers::new()
        .say(|request| {
            let (metadata, note) = request.into_parts();
            let mut response = Response::new(note);
            *response.metadata_mut() = metadata.clone();
            *response.trailers_mut() = metadata;
            Ok(response)
        })
        .gather(|requests| {
            let (metadata, _) = requests.into_parts();
            let mut status = Status::with_details(Code::Aborted, "no", Bytes::from_static(DETAILS.as_bytes()));
            *status.metadata_mut() = metadata;
            Err(status)
        })
        .relay(|_requests, replies| {
            replies.send(secret())?;
            panic!("a handler's panic is logged")
        })
}

#[test]
fn the_log_shows_no_secrets() {
    watched(|| {
        let log = Log::default();
        let writer = log.clone();
        tracing_subscriber::fmt().with_max_level(LevelFilter::TRACE).with_writer(move || writer.clone()).init();

        let pair = Pair::start(mirror());
        let answer = pair.client.say(request(secret())).expect("the server answers");
        assert_eq!(answer.metadata().get("authorization"), Some(CREDENTIAL));
        let replies = pair.client.repeat(request(secret())).expect("the call opens");
        assert_eq!(replies.count(), 3);
        let mut call = pair.client.gather(request(())).expect("the call opens");
        // The refusal may come before or after the message.
        let _refused = call.send(secret());
        let status = call.finish().expect_err("the handler fails");
        assert_eq!(status.details(), DETAILS.as_bytes());
        let mut call = pair.client.relay(request(())).expect("the call opens");
        assert_eq!(call.message().expect("it came before the panic"), Some(secret()));
        assert_eq!(call.message().expect_err("the handler panics").code(), Code::Internal);
        let shown = format!("{:?} {:?} {answer:?} {status:?}", request(()), request(()).metadata());
        drop((call, pair));

        let logged = log.text();
        assert!(logged.contains("stolid"), "the library logs something:\n{logged}");
        for secret in [BODY, BINARY, BINARY_IN_BASE64, CREDENTIAL, DETAILS] {
            let line = logged.lines().find(|line| line.contains(secret));
            assert!(line.is_none(), "{secret} is in the log: {line:?}");
        }
        for secret in [BINARY, BINARY_IN_BASE64, CREDENTIAL, DETAILS] {
            assert!(!shown.contains(secret), "{secret} is in a debug text: {shown}");
        }
    });
}
