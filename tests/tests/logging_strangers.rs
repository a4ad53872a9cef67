//! What the log says of peers that speak another protocol, so that whoever reads it knows what to change.
//!
//! One test in a process of its own, for the subscriber is the process's.

use stolid_tests::handlers::Handlers;
use stolid_tests::log::Log;
use stolid_tests::pair::serve;
use stolid_tests::process::eventually;
use stolid_tests::watchdog::watched;
use stolid_tests::wire::Wire;
use tracing::level_filters::LevelFilter;

/// The first bytes of a TLS handshake.
const TLS: [u8; 24] = [0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

#[test]
fn another_protocol_on_the_port_is_closed_at_once_and_named_in_the_log() {
    watched(|| {
        let log = Log::default();
        let writer = log.clone();
        tracing_subscriber::fmt().with_max_level(LevelFilter::INFO).with_writer(move || writer.clone()).init();
        let server = serve(Handlers::new());
        for (bytes, name) in [
            (&b"GET /index.html HTTP/1.1\r\nHost: stolid.test\r\n\r\n"[..], "HTTP/1.1 request"),
            (&TLS, "TLS handshake"),
        ] {
            let mut stranger = Wire::dial(server.local_addr());
            stranger.send_raw(bytes);
            stranger.recv_unframed_eof();
            eventually(name, || log.text().contains(name));
            let named =
                log.text().lines().any(|line| line.contains(name) && line.contains(&stranger.local_addr().to_string()));
            assert!(named, "the line names the peer:\n{}", log.text());
        }
    });
}
