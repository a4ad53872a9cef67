//! Connections of a server: as many as it has file descriptors for, and none that is in the way of another.

use std::net::SocketAddr;

use stolid_tests::child::Child;
use stolid_tests::process::eventually;
use stolid_tests::watchdog::watched;
use stolid_tests::wire::Wire;

use crate::script::{SAY, assert_serves};

/// Few enough that a handful of connections uses them up.
const FILES: usize = 40;

fn dial_many(addr: SocketAddr) -> Vec<Wire> {
    (0..2 * FILES).map(|_| Wire::dial(addr)).collect()
}

#[test]
fn a_server_without_file_descriptors_serves_what_it_has_and_accepts_again_when_there_is_room() {
    watched(|| {
        let (_server, addr) = Child::server_with_files(env!("CARGO_BIN_EXE_test-peer"), FILES);
        let mut first = Wire::client(addr);
        assert_serves(&mut first);
        for _ in 0..3 {
            // The system takes these on for the server, which cannot accept all of them.
            let crowd = dial_many(addr);
            let mut late = Wire::dial(addr);
            late.send_preface();
            late.send_settings(&[]);
            assert_serves(&mut first);
            drop(crowd);
            late.recv_settings();
            assert_eq!(late.unary_call(SAY, &[]).code(), 0, "it waited until there was room");
            assert_serves(&mut first);
        }
        eventually("new connections are taken at once", || Wire::client(addr).unary_call(SAY, &[]).code() == 0);
    });
}
