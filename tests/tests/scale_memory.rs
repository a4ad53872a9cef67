//! What peers that never read cost the server's process.

use prost::Message;
use stolid_tests::child::Child;
use stolid_tests::echo::Note;
use stolid_tests::handlers::{DO, note_of};
use stolid_tests::process::{Process, eventually_within};
use stolid_tests::watchdog::watched;
use stolid_tests::wire::{Wire, envelope};

const SAY: &str = "/testing.v1.Echo/Say";
const REPEAT: &str = "/testing.v1.Echo/Repeat";
const GATHER: &str = "/testing.v1.Echo/Gather";

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;

/// How much a stream may have queued to send.
const OUTBOX_QUOTA: u64 = 64 * KIB;

/// What HTTP/2 may hold of a stream beyond that, and the stack pages a thread touches.
const STREAM_OVERHEAD: u64 = 96 * KIB;

/// What a stream may have received and not read.
const RECEIVE_WINDOW: u64 = MIB;

/// What all streams of a connection together may have received and not read.
const CONNECTION_WINDOW: u64 = 16 * MIB;

/// What the allocator keeps for its own.
const SLACK: u64 = 16 * MIB;

/// A server in a process of its own, warm, with the memory it uses at rest.
fn server_at_rest() -> (Child, std::net::SocketAddr, Process, u64) {
    let (child, addr) = Child::server(env!("CARGO_BIN_EXE_test-peer"));
    assert_eq!(Wire::client(addr).unary_call(SAY, &[]).code(), 0);
    let process = child.measured();
    let idle = process.resident_bytes();
    (child, addr, process, idle)
}

/// Waits until the server's handlers have nothing to do any more: none of its threads runs.
fn until_quiet(process: &Process) {
    let mut quiet = 0;
    eventually_within(std::time::Duration::from_secs(20), "the server is quiet", || {
        let running = process.thread_dump().lines().any(|line| line.trim_start().starts_with('R'));
        quiet = if running { 0 } else { quiet + 1 };
        quiet >= 50
    });
}

#[test]
fn a_hundred_clients_that_never_read_cost_their_quotas() {
    watched(|| {
        let (_child, addr, process, idle) = server_at_rest();
        let endless = Note { number: u64::MAX, body: vec![0; 1_000], text: String::new() };
        let readers = (0..100).map(|_| {
            let mut wire = Wire::client(addr);
            wire.auto.windows = false;
            let stream = wire.open_call(REPEAT, &[]);
            wire.send_data(stream, &envelope(&endless.encode_to_vec()), true);
            // The handler has sent all that the windows let out.
            wire.recv_data_of(stream, 65_535);
            (wire, stream)
        });
        let readers = Vec::from_iter(readers);
        until_quiet(&process);
        let grown = process.peak_resident_bytes().saturating_sub(idle);
        let bound = 100 * (OUTBOX_QUOTA + STREAM_OVERHEAD) + SLACK;
        assert!(grown < bound, "grew by {} KiB, may {} KiB", grown / KIB, bound / KIB);
        // They are served as before once they read.
        for (mut wire, stream) in readers {
            wire.send_window_update(0, 50_000);
            wire.send_window_update(stream, 50_000);
            assert!(wire.recv_data_of(stream, 50_000).len() >= 50_000);
        }
    });
}

/// Sends on `stream` as long as the server's windows let it; gives the bytes.
fn fill(wire: &mut Wire, stream: u32) -> u64 {
    let message = envelope(&note_of(16_000).encode_to_vec());
    let mut sent = 0;
    wire.sync();
    while wire.send_window(stream) >= message.len() as i64 {
        wire.send_data(stream, &message, false);
        sent += message.len() as u64;
        wire.sync();
    }
    sent
}

#[test]
fn uploads_that_no_handler_reads_cost_their_windows() {
    watched(|| {
        let (_child, addr, process, idle) = server_at_rest();
        let mut sent = 0;
        let mut wires = Vec::new();
        for _ in 0..20 {
            let mut wire = Wire::client(addr);
            let stream = wire.open_call(GATHER, &[(DO, "hang")]);
            let bytes = fill(&mut wire, stream);
            assert!(bytes <= RECEIVE_WINDOW, "{bytes} bytes went into one window");
            sent += bytes;
            wires.push(wire);
        }
        let grown = process.peak_resident_bytes().saturating_sub(idle);
        let bound = sent + 20 * STREAM_OVERHEAD + SLACK;
        assert!(grown < bound, "grew by {} KiB, may {} KiB", grown / KIB, bound / KIB);
    });
}

#[test]
fn all_uploads_of_a_connection_share_its_window() {
    watched(|| {
        let (_child, addr, process, idle) = server_at_rest();
        let mut wire = Wire::client(addr);
        let mut sent = 0;
        for _ in 0..100 {
            let stream = wire.open_call(GATHER, &[(DO, "hang")]);
            sent += fill(&mut wire, stream);
        }
        assert!(sent <= CONNECTION_WINDOW + RECEIVE_WINDOW, "{} KiB were let in", sent / KIB);
        let grown = process.peak_resident_bytes().saturating_sub(idle);
        let bound = CONNECTION_WINDOW + RECEIVE_WINDOW + 100 * STREAM_OVERHEAD + SLACK;
        assert!(grown < bound, "grew by {} KiB, may {} KiB", grown / KIB, bound / KIB);
        // A connection of its own is not concerned.
        assert_eq!(Wire::client(addr).unary_call(SAY, &[]).code(), 0);
    });
}
