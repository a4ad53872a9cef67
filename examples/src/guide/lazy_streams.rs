//! # Streams made lazily from an iterator
//!
//! **When.** The messages come from a file, a query or a calculation, and nobody wants all of them in memory at once.
//!
//! Hand the iterator over. It is asked for the next message when there is room for one (64 KiB wait at most): a slow
//! server slows it down, and when the server has ended the call it is asked no more. So it may even be endless.

use std::thread;

use stolid::{Status, Streaming};

use super::proto::greeter_client::GreeterClient;
use super::proto::{HelloReply, HelloRequest};

/// Greets everybody in one call, which has one answer.
///
/// # Errors
/// The status of the call.
pub fn greet_all(client: &GreeterClient, names: impl IntoIterator<Item = HelloRequest>) -> Result<String, Status> {
    let call = client.say_hello_client_stream(())?.send_all(names)?;
    Ok(call.finish()?.into_inner().message)
}

/// Greets everybody in one call, which has an answer for each: an iterator, too.
///
/// A thread of its own sends. A single one that sent everything before it read anything would stop for good when nothing
/// more fits on the way.
///
/// # Errors
/// When there is no connection; what fails later comes from the stream.
pub fn greet_each<I>(client: &GreeterClient, names: I) -> Result<Streaming<HelloReply>, Status>
where
    I: IntoIterator<Item = HelloRequest> + Send + 'static,
{
    let (requests, replies) = client.say_hello_bidi_stream(())?.split();
    // The requests are complete when `requests` is dropped. Why they could not be sent, the replies tell as well.
    thread::spawn(move || requests.send_all(names));
    Ok(replies)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use stolid::Code;
    use stolid_tests::process::eventually;
    use stolid_tests::watchdog::watched;

    use super::super::greeter::{PatientGreeter, hello, hello_in_klingon, start};
    use super::*;

    #[test]
    fn an_iterator_becomes_a_stream() {
        watched(|| {
            let (_server, client) = start(PatientGreeter::default()).unwrap();
            let message = greet_all(&client, ["Ada", "Bob"].map(hello)).unwrap();
            assert_eq!(message, "Hello to all 2 of you!");
        });
    }

    #[test]
    fn an_endless_iterator_ends_with_the_call() {
        watched(|| {
            let (_server, client) = start(PatientGreeter::default()).unwrap();
            let names = (1..).map(|n| if n == 4 { hello_in_klingon("Worf") } else { hello(format!("guest {n}")) });
            let status = greet_all(&client, names).unwrap_err();
            assert_eq!(status.code(), Code::InvalidArgument);
        });
    }

    #[test]
    fn a_reply_comes_before_the_next_name_is_there() {
        watched(|| {
            let (_server, client) = start(PatientGreeter::default()).unwrap();
            let (names, queue) = mpsc::channel();
            let mut replies = greet_each(&client, queue).unwrap();
            for name in ["Ada", "Bob", "Eve"] {
                names.send(hello(name)).unwrap();
                assert_eq!(replies.message().unwrap().unwrap().message, format!("Hello, {name}!"));
            }
            drop(names);
            assert_eq!(replies.message().unwrap(), None);
        });
    }

    #[test]
    fn who_stops_reading_stops_the_server() {
        watched(|| {
            let (server, client) = start(PatientGreeter::default()).unwrap();
            let replies = client.say_hello_stream_reply(hello("Ada")).unwrap();
            assert_eq!(replies.take(3).filter(Result::is_ok).count(), 3);
            eventually("the endless handler has ended", || server.stats().running == 0);
        });
    }
}
