//! # One channel shared by many threads
//!
//! **When.** Several threads call the same server. Connect once, and give each thread a reference to the client, or a clone:
//! a clone is a handle on the same connection.
//!
//! Calls of many threads travel side by side on the one connection, and none waits for the answer to another. When it is lost,
//! the next call makes a new one for all.

use std::thread;

use stolid::Status;

use super::proto::HelloRequest;
use super::proto::greeter_client::GreeterClient;

/// Greets everybody, one call each, on `threads` threads. The replies are in the order of the names.
///
/// # Errors
/// The first failure, in that order.
pub fn greet_in_parallel(
    client: &GreeterClient,
    names: &[HelloRequest],
    threads: usize,
) -> Result<Vec<String>, Status> {
    let greet = |name: &HelloRequest| Ok(client.say_hello(name.clone())?.into_inner().message);
    let share = names.len().div_ceil(threads.max(1)).max(1);
    thread::scope(|scope| {
        let shares = names.chunks(share).map(|share| scope.spawn(move || share.iter().map(greet).collect::<Vec<_>>()));
        let running: Vec<_> = shares.collect();
        running.into_iter().flat_map(|thread| thread.join().expect("greeting does not panic")).collect()
    })
}

#[cfg(test)]
mod tests {
    use stolid_tests::watchdog::watched;

    use super::super::greeter::{PatientGreeter, hello, hello_in_klingon, start};
    use super::*;

    #[test]
    fn many_threads_use_one_connection_and_no_answer_is_swapped() {
        watched(|| {
            let (server, client) = start(PatientGreeter::default()).unwrap();
            let names: Vec<_> = (0..320).map(|n| hello(format!("guest {n}"))).collect();
            let replies = greet_in_parallel(&client, &names, 32).unwrap();
            assert!(replies.into_iter().eq((0..320).map(|n| format!("Hello, guest {n}!"))));
            assert_eq!((server.stats().connections, server.stats().calls_started), (1, 320));
        });
    }

    #[test]
    fn a_clone_is_the_same_connection_and_goes_to_another_thread() {
        watched(|| {
            let (server, client) = start(PatientGreeter::default()).unwrap();
            let clone = client.clone();
            thread::spawn(move || clone.say_hello(hello("Ada")).unwrap()).join().unwrap();
            client.say_hello(hello("Bob")).unwrap();
            assert_eq!(server.stats().connections, 1);
        });
    }

    #[test]
    fn a_refusal_is_reported() {
        watched(|| {
            let (_server, client) = start(PatientGreeter::default()).unwrap();
            let names = [hello("Ada"), hello_in_klingon("Worf")];
            assert!(greet_in_parallel(&client, &names, 2).is_err());
            assert!(greet_in_parallel(&client, &[], 0).unwrap().is_empty());
        });
    }
}
