//! Attacks by messages: lengths that are a lie, and small bytes that stand for large ones.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use prost::Message;
use stolid_tests::attack::{MIB, Victim};
use stolid_tests::handlers::note_of;
use stolid_tests::watchdog::watched;
use stolid_tests::wire::{Wire, envelope};

const SERVER: &str = env!("CARGO_BIN_EXE_test-peer");
const SAY: &str = "/testing.v1.Echo/Say";
const GATHER: &str = "/testing.v1.Echo/Gather";

const RESOURCE_EXHAUSTED: i32 = 8;

/// An envelope with the compressed flag and `length` zeros in gzip.
fn zeros(length: usize) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    let piece = vec![0; 1 << 20];
    for _ in 0..length >> 20 {
        gzip.write_all(&piece).expect("memory takes all bytes");
    }
    let mut bytes = envelope(&gzip.finish().expect("memory takes all bytes"));
    bytes[0] = 1;
    bytes
}

#[track_caller]
fn assert_too_large(wire: &mut Wire, method: &str, encoding: &[(&str, &str)], body: &[u8]) {
    let stream = wire.open_call(method, encoding);
    wire.send_body(stream, body, true);
    let reply = wire.recv_reply(stream);
    assert_eq!(reply.code(), RESOURCE_EXHAUSTED, "{}", reply.message());
}

#[test]
fn a_length_of_four_gibibytes_reserves_nothing() {
    watched(|| {
        let mut victim = Victim::start(SERVER);
        let mut wire = Wire::client(victim.addr());
        for _ in 0..500 {
            for method in [SAY, GATHER] {
                assert_too_large(&mut wire, method, &[], &[0, 0xff, 0xff, 0xff, 0xff]);
            }
        }
        victim.bystander_goes_on(20);
        drop(wire);
        victim.assert_recovers("lengths of 4 GiB x 1000", 8 * MIB);
    });
}

/// 900 streams that announce a message just within the limit and send one byte of it.
#[test]
fn a_length_within_the_limit_reserves_nothing_either() {
    watched(|| {
        let mut victim = Victim::start(SERVER);
        let mut wire = Wire::client(victim.addr());
        for _ in 0..900 {
            let stream = wire.open_call(SAY, &[]);
            wire.send_data(stream, &[0, 0, 0x3f, 0xff, 0xff, 0x0a], false);
        }
        wire.sync();
        victim.bystander_goes_on(20);
        drop(wire);
        victim.assert_recovers("announced 4 MiB x 900", 16 * MIB);
    });
}

#[test]
fn ten_mebibytes_of_zeros_in_ten_kilobytes_are_too_large() {
    watched(|| {
        let mut victim = Victim::start(SERVER);
        let mut wire = Wire::client(victim.addr());
        let bomb = zeros(10 << 20);
        assert!(bomb.len() < 16_000, "{} bytes", bomb.len());
        for _ in 0..20 {
            assert_too_large(&mut wire, SAY, &[("grpc-encoding", "gzip")], &bomb);
            assert_too_large(&mut wire, GATHER, &[("grpc-encoding", "gzip")], &bomb);
        }
        victim.bystander_goes_on(20);
        drop(wire);
        // The limit of 4 MiB, in a buffer that grows by doubling.
        victim.assert_recovers("gzip, 10 MiB in 10 kB, x 40", 24 * MIB);
    });
}

#[test]
fn a_message_far_beyond_the_limit_is_too_large_before_it_is_unpacked() {
    watched(|| {
        let mut victim = Victim::start(SERVER);
        let mut wire = Wire::client(victim.addr());
        let bomb = zeros(64 << 20);
        assert!(bomb.len() < 70_000, "{} bytes", bomb.len());
        for _ in 0..4 {
            assert_too_large(&mut wire, SAY, &[("grpc-encoding", "gzip")], &bomb);
        }
        victim.bystander_goes_on(20);
        drop(wire);
        victim.assert_recovers("gzip, 64 MiB in 64 kB, x 4", 32 * MIB);
    });
}

/// Twenty at once: each costs the limit while it is unpacked, and that is all.
#[test]
fn bombs_at_once_cost_the_limit_each() {
    watched(|| {
        let mut victim = Victim::start(SERVER);
        let bomb = zeros(10 << 20);
        let mut wire = Wire::client(victim.addr());
        let open = |_| {
            let stream = wire.open_call(SAY, &[("grpc-encoding", "gzip")]);
            wire.send_body(stream, &bomb, true);
            stream
        };
        let streams = Vec::from_iter((0..20).map(open));
        for stream in streams {
            assert_eq!(wire.recv_reply(stream).code(), RESOURCE_EXHAUSTED);
        }
        // What fits, and is as well compressed, is served.
        let body = note_of(1_000_000).encode_to_vec();
        assert_eq!(wire.unary_call(SAY, &body).code(), 0);
        victim.bystander_goes_on(20);
        drop(wire);
        // Each thread's part of the allocator may keep such a buffer for the next one.
        victim.assert_recovers_within("gzip, 10 MiB in 10 kB, 20 at once", 20 * 8 * MIB, 96 * MIB);
    });
}
