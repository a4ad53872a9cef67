//! Whoever comes to the port with another protocol is sent away at once, and the log says what it looked like.
//!
//! In a process of its own, for the log's subscriber is the process's.

use std::time::{Duration, Instant};

use stolid_tests::attack::Attacker;
use stolid_tests::handlers::{Handlers, note};
use stolid_tests::log::Log;
use stolid_tests::pair::Pair;
use stolid_tests::process::eventually;
use stolid_tests::watchdog::watched;
use stolid_tests::wire::PREFACE;
use tracing::level_filters::LevelFilter;

#[test]
fn other_protocols_are_sent_away_at_once_and_named_in_the_log() {
    watched(|| {
        let log = Log::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt().with_max_level(LevelFilter::INFO).with_ansi(false);
        subscriber.with_writer(move || writer.clone()).init();
        let pair = Pair::start_with(Handlers::new(), |builder| builder.handshake_timeout(Duration::from_millis(300)));
        let cases: [(&[u8], &str); 6] = [
            (b"GET / HTTP/1.1\r\nHost: stolid.test\r\n\r\n", "received an HTTP/1.1 request: \\\"GET / HTTP/1.1"),
            (b"POST /testing.v1.Echo/Say HTTP/1.1\r\n\r\n", "received an HTTP/1.1 request: \\\"POST /testing"),
            (&[0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3], "received a TLS handshake"),
            (b"SSH-2.0-OpenSSH_9.9\r\n", "received \\\"SSH-2.0-OpenSSH_9.9"),
            (&[0, 0xff, 0xfe, 0x80], "received \\\"\\\\x00\\\\xff\\\\xfe\\\\x80"),
            (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r ", "received \\\"PRI * HTTP/2.0"),
        ];
        for (bytes, seen) in cases {
            let began = Instant::now();
            let mut attacker = Attacker::dial(pair.server.local_addr());
            attacker.push(bytes);
            attacker.read_to_end(Duration::from_secs(5));
            assert!(began.elapsed() < Duration::from_millis(300), "{seen}: closed after {:?}", began.elapsed());
            let shown = seen.replace("\\\"", "\"").replace("\\\\", "\\");
            eventually(seen, || log.says(seen) || log.says(&shown));
        }
        // What might still become a preface has its time.
        for (bytes, seen) in [(&PREFACE[..0], "nothing was received"), (PREFACE, "no frame after it")] {
            let mut attacker = Attacker::dial(pair.server.local_addr());
            attacker.push(bytes);
            attacker.read_to_end(Duration::from_secs(5));
            eventually(seen, || log.says(seen));
        }
        assert_eq!(pair.client.say(note(1)).expect("the server answers").into_inner(), note(1));
        eventually("only the client is connected", || pair.server.stats().connections == 1);
    });
}
