//! A thousand open streams, and what is left of them afterwards.
//!
//! One test in a process of its own, for it counts all threads of the process.

use std::time::{Duration, Instant};

use stolid_tests::echo::echo_client::EchoClient;
use stolid_tests::handlers::{Handlers, note};
use stolid_tests::pair::{client_of, serve};
use stolid_tests::process::{Process, eventually_within};
use stolid_tests::watchdog::watched;

const CONNECTIONS: usize = 10;
const STREAMS: usize = 1_000;

#[test]
fn a_thousand_open_streams_work_and_leave_no_thread() {
    watched(|| {
        let server = serve(Handlers::new());
        let clients: Vec<EchoClient> = (0..CONNECTIONS).map(|_| client_of(server.local_addr())).collect();
        for client in &clients {
            client.say(note(0)).expect("the server answers");
        }
        let at_rest = Process::this().threads().len();

        let calls = (0..STREAMS).map(|number| {
            let call = clients[number % CONNECTIONS].relay(()).expect("the call opens");
            call.split()
        });
        let mut calls = Vec::from_iter(calls);
        for round in 0..3 {
            for (number, (sender, _)) in calls.iter().enumerate() {
                sender.send(note(round * 10_000 + number as u64)).expect("the call runs");
            }
            for (number, (_, replies)) in calls.iter_mut().enumerate() {
                let reply = replies.message().expect("the call runs");
                assert_eq!(reply, Some(note(round * 10_000 + number as u64)));
            }
        }
        assert_eq!(server.stats().running, STREAMS);
        assert_eq!(server.stats().connections, CONNECTIONS);

        let ended = Instant::now();
        for (sender, mut replies) in calls {
            drop(sender);
            assert_eq!(replies.message().expect("the call is OK"), None);
        }
        let limit = Duration::from_secs(2);
        eventually_within(limit + ended.elapsed(), "the threads of the load are gone", || {
            Process::this().threads().len() <= at_rest
        });
        assert_eq!(server.stats().running, 0);
    });
}
