//! # A thousand messages in one stream
//!
//! **When.** There are many small messages for one purpose.
//!
//! One stream carries them with one set of headers, one handler and one status; messages that wait together leave
//! together, and they arrive in the order in which they were sent. A call for each would cost all of that a thousand times.

use std::thread;

use stolid::Status;

use super::proto::greeter_client::GreeterClient;
use super::proto::{HelloReply, HelloRequest};

/// Greets so many guests in one stream; the answer has their number.
///
/// # Errors
/// The status of the call.
pub fn greet_guests(client: &GreeterClient, guests: usize) -> Result<String, Status> {
    let mut call = client.say_hello_client_stream(())?;
    for number in 1..=guests {
        call.send(guest(number))?;
    }
    Ok(call.finish()?.into_inner().message)
}

/// Greets so many guests in one stream, with a reply for each.
///
/// # Errors
/// The status of the call.
pub fn greet_guests_each(client: &GreeterClient, guests: usize) -> Result<Vec<HelloReply>, Status> {
    let (requests, replies) = client.say_hello_bidi_stream(())?.split();
    // Sending and reading at the same time; see `lazy_streams`.
    thread::scope(|scope| {
        scope.spawn(move || requests.send_all((1..=guests).map(guest)));
        replies.collect()
    })
}

fn guest(number: usize) -> HelloRequest {
    HelloRequest { name: format!("guest {number}"), language: "en".to_owned() }
}

#[cfg(test)]
mod tests {
    use stolid_tests::watchdog::watched;

    use super::super::greeter::{PatientGreeter, start};
    use super::*;

    #[test]
    fn a_thousand_requests_are_one_call() {
        watched(|| {
            let (server, client) = start(PatientGreeter::default()).unwrap();
            let message = greet_guests(&client, 1000).unwrap();
            assert!(message.contains("1000"), "{message}");
            assert_eq!(server.stats().calls_started, 1);
        });
    }

    #[test]
    fn a_thousand_replies_come_in_order() {
        watched(|| {
            let (server, client) = start(PatientGreeter::default()).unwrap();
            let replies = greet_guests_each(&client, 1000).unwrap();
            let expected = (1..=1000).map(|number| format!("Hello, guest {number}!"));
            assert!(replies.into_iter().map(|reply| reply.message).eq(expected));
            assert_eq!(server.stats().calls_started, 1);
        });
    }
}
