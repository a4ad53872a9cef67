//! # Timeouts
//!
//! **When.** Always: without one a call waits as long as the server takes.
//!
//! A call's timeout becomes its deadline. It bounds everything from connecting to the last message of a stream, the
//! server learns it (`context.time_remaining()`), and calls that a handler makes inherit it. The timeout of a single wait
//! is something else: when it is over the call goes on.

use std::time::Duration;

use stolid::{Channel, Error, RecvTimeoutError, Request, Status, Streaming};

use super::proto::greeter_client::GreeterClient;
use super::proto::{HelloReply, HelloRequest};

/// One call that takes at most `timeout`.
///
/// # Errors
/// DEADLINE_EXCEEDED when the time is over, or another status of the call.
pub fn greet_within(client: &GreeterClient, name: HelloRequest, timeout: Duration) -> Result<String, Status> {
    let request = Request::new(name).with_timeout(timeout);
    Ok(client.say_hello(request)?.into_inner().message)
}

/// A client that connects in time, and has a timeout for each call without one of its own.
///
/// # Errors
/// When it cannot connect.
pub fn connect(target: &str, connecting: Duration, each_call: Duration) -> Result<GreeterClient, Error> {
    let channel = Channel::builder(target).connect_timeout(connecting).timeout(each_call).connect()?;
    Ok(GreeterClient::new(channel))
}

/// Reads a stream until it ends, or is silent for as long as `patience`. Then the call is over, because the stream is dropped.
///
/// # Errors
/// The status of the call.
pub fn read_until_silence(mut replies: Streaming<HelloReply>, patience: Duration) -> Result<Vec<HelloReply>, Status> {
    let mut heard = Vec::new();
    loop {
        match replies.message_timeout(patience) {
            Ok(Some(reply)) => heard.push(reply),
            Ok(None) | Err(RecvTimeoutError::Timeout) => return Ok(heard),
            Err(RecvTimeoutError::Status(status)) => return Err(status),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use stolid::{Code, ErrorKind};
    use stolid_tests::process::eventually;
    use stolid_tests::watchdog::watched;

    use super::super::greeter::{PatientGreeter, hello, start};
    use super::*;

    const SHORT: Duration = Duration::from_millis(20);
    const LONG: Duration = Duration::from_secs(3600);
    const NEVER: PatientGreeter = PatientGreeter { pause: LONG };

    #[test]
    fn a_call_ends_on_both_sides_when_its_time_is_over() {
        watched(|| {
            let (server, client) = start(NEVER).unwrap();
            let status = greet_within(&client, hello("Ada"), SHORT).unwrap_err();
            assert_eq!(status.code(), Code::DeadlineExceeded);
            eventually("the handler has ended", || server.stats().running == 0);
        });
    }

    #[test]
    fn a_call_that_is_in_time_does_not_notice() {
        watched(|| {
            let (_server, client) = start(PatientGreeter::default()).unwrap();
            let message = greet_within(&client, hello("Ada"), LONG).unwrap();
            assert_eq!(message, "Hello, Ada!");
        });
    }

    #[test]
    fn the_channel_has_a_timeout_for_calls_without_one() {
        watched(|| {
            let (server, _) = start(NEVER).unwrap();
            let client = connect(&format!("http://{}", server.local_addr()), LONG, SHORT).unwrap();
            assert_eq!(client.say_hello(hello("Ada")).unwrap_err().code(), Code::DeadlineExceeded);
        });
    }

    #[test]
    fn a_host_that_says_nothing_is_given_up() {
        watched(|| {
            let silent = TcpListener::bind("127.0.0.1:0").unwrap();
            let target = format!("http://{}", silent.local_addr().unwrap());
            assert_eq!(connect(&target, SHORT, LONG).unwrap_err().kind(), ErrorKind::Connect);
        });
    }

    #[test]
    fn a_deadline_bounds_a_stream_as_a_whole() {
        watched(|| {
            let (_server, client) = start(PatientGreeter { pause: SHORT / 10 }).unwrap();
            let request = Request::new(hello("Ada")).with_timeout(SHORT);
            let outcome = client.say_hello_stream_reply(request).and_then(Iterator::collect::<Result<Vec<_>, _>>);
            assert_eq!(outcome.unwrap_err().code(), Code::DeadlineExceeded);
        });
    }

    #[test]
    fn silence_ends_the_reading_and_keeps_what_was_heard() {
        watched(|| {
            let (server, client) = start(NEVER).unwrap();
            let mut replies = client.say_hello_stream_reply(hello("Ada")).unwrap();
            // The first reply may take as long as it likes; from then on there is silence.
            assert!(replies.message().unwrap().is_some());
            assert!(read_until_silence(replies, SHORT).unwrap().is_empty());
            eventually("the handler has ended", || server.stats().running == 0);
        });
    }
}
