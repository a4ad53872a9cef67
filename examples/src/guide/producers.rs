//! # Dynamic and conditional producers
//!
//! **When.** What is sent next, and whether anything is, shows only while the stream runs: other threads deliver it, the
//! last reply decides, there is a limit, or somebody presses a button.
//!
//! An iterator can do all of that. The receiver of an [`mpsc`](std::sync::mpsc) queue is one already: it yields what
//! other threads send, and ends when all of them have dropped their sender.

use std::iter;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use stolid::Status;

use super::proto::greeter_client::GreeterClient;
use super::proto::{HelloReply, HelloRequest};

/// A switch that stops a producer from outside; clones are the same switch.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// From now on nothing more is produced.
    pub fn stop(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether somebody has said stop.
    pub fn is_stopped(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// What `source` yields: at most `limit` items, and none after `stop`. The stream ends well either way, and the server
/// answers for what it got.
pub fn produce<T>(source: impl IntoIterator<Item = T>, limit: usize, stop: Stop) -> impl Iterator<Item = T> {
    let mut source = source.into_iter().take(limit);
    // Asked first, so that nothing is taken from the source to be thrown away.
    iter::from_fn(move || if stop.is_stopped() { None } else { source.next() })
}

/// Greets one after the other, until `enough` says of a reply that it is the last. Each request waits for the reply to
/// the one before, so that one thread is enough.
///
/// # Errors
/// The status of the call.
pub fn greet_until(
    client: &GreeterClient,
    names: impl IntoIterator<Item = HelloRequest>,
    enough: impl Fn(&HelloReply) -> bool,
) -> Result<Vec<HelloReply>, Status> {
    let mut call = client.say_hello_bidi_stream(())?;
    let mut replies = Vec::new();
    for name in names {
        call.send(name)?;
        let Some(reply) = call.message()? else { break };
        let last = enough(&reply);
        replies.push(reply);
        if last {
            break;
        }
    }
    call.close();
    // The server's last word: a status, or a clean end.
    while call.message()?.is_some() {}
    Ok(replies)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::thread;

    use stolid_tests::watchdog::watched;

    use super::super::greeter::{PatientGreeter, hello, start};
    use super::super::lazy_streams::greet_all;
    use super::*;

    #[test]
    fn a_limit_ends_an_endless_source() {
        watched(|| {
            let (_server, client) = start(PatientGreeter::default()).unwrap();
            let names = produce(iter::repeat_with(|| hello("Ada")), 10, Stop::default());
            assert_eq!(greet_all(&client, names).unwrap(), "Hello to all 10 of you!");
        });
    }

    #[test]
    fn another_thread_stops_an_endless_source() {
        watched(|| {
            let (_server, client) = start(PatientGreeter::default()).unwrap();
            let stop = Stop::default();
            let (tell, told) = mpsc::channel();
            let button = {
                let stop = stop.clone();
                thread::spawn(move || {
                    let seen = told.iter().take(100).count();
                    stop.stop();
                    seen + told.iter().count()
                })
            };
            let names = iter::repeat_with(move || tell.send(()).map(|()| hello("Ada")).unwrap());
            let message = greet_all(&client, produce(names, usize::MAX, stop)).unwrap();
            let produced = button.join().unwrap();
            assert!(produced >= 100);
            assert_eq!(message, format!("Hello to all {produced} of you!"));
        });
    }

    #[test]
    fn other_threads_deliver_the_names() {
        watched(|| {
            let (_server, client) = start(PatientGreeter::default()).unwrap();
            let (names, queue) = mpsc::channel();
            for thread in 0..3 {
                let names = names.clone();
                thread::spawn(move || (0..5).try_for_each(|n| names.send(hello(format!("guest {n} of {thread}")))));
            }
            drop(names);
            assert_eq!(greet_all(&client, queue).unwrap(), "Hello to all 15 of you!");
        });
    }

    #[test]
    fn a_reply_decides_whether_there_is_another_request() {
        watched(|| {
            let (_server, client) = start(PatientGreeter::default()).unwrap();
            let names = (1..).map(|n| hello(format!("guest {n}")));
            let replies = greet_until(&client, names, |reply| reply.message.contains("guest 7")).unwrap();
            assert_eq!(replies.len(), 7);
        });
    }
}
