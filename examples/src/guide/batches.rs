//! # Batches with pauses
//!
//! **When.** The other side, or something behind it, shall not get everything at once: a bulk import at night, a rate
//! that was agreed on.
//!
//! Send a batch, pause, send the next. The pause belongs to the call and ends with it: when the server refuses the first
//! batch, nobody waits for the time of the second.

use std::time::Duration;

use stolid::Status;

use super::proto::HelloRequest;
use super::proto::greeter_client::GreeterClient;

/// Greets everybody, `size` at a time, with a pause after each batch but the last.
///
/// # Errors
/// The status of the call.
///
/// # Panics
/// When `size` is 0.
pub fn greet_in_batches(
    client: &GreeterClient,
    names: impl IntoIterator<Item = HelloRequest>,
    size: usize,
    pause: Duration,
) -> Result<String, Status> {
    assert!(size > 0, "a batch has at least one message");
    let mut names = names.into_iter().peekable();
    let mut call = client.say_hello_client_stream(())?;
    while names.peek().is_some() && !call.sender().is_closed() {
        call = call.send_all(names.by_ref().take(size))?;
        if names.peek().is_some() {
            call.context().sleep(pause)?;
        }
    }
    Ok(call.finish()?.into_inner().message)
}

#[cfg(test)]
mod tests {
    use std::iter;
    use std::time::Instant;

    use stolid::Code;
    use stolid_tests::watchdog::watched;

    use super::super::greeter::{PatientGreeter, hello, hello_in_klingon, start};
    use super::*;

    #[test]
    fn there_is_a_pause_between_two_batches_and_none_behind_the_last() {
        watched(|| {
            let (_server, client) = start(PatientGreeter::default()).unwrap();
            let names = || (0..9).map(|n| hello(format!("guest {n}")));
            let (pause, never) = (Duration::from_millis(20), Duration::from_secs(3600));

            let begun = Instant::now();
            let message = greet_in_batches(&client, names(), 4, pause).unwrap();
            assert_eq!(message, "Hello to all 9 of you!");
            assert!(begun.elapsed() >= 2 * pause);

            let message = greet_in_batches(&client, names(), 9, never).unwrap();
            assert_eq!(message, "Hello to all 9 of you!");
        });
    }

    #[test]
    fn a_refusal_ends_the_pause() {
        watched(|| {
            let (_server, client) = start(PatientGreeter::default()).unwrap();
            let names = iter::repeat_with(|| hello_in_klingon("Worf"));
            let status = greet_in_batches(&client, names, 10, Duration::from_secs(3600)).unwrap_err();
            assert_eq!(status.code(), Code::InvalidArgument);
        });
    }
}
