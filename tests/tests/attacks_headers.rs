//! Attacks by header lists: large ones, and small blocks that stand for large ones.

use std::time::Duration;

use prost::Message;
use stolid_tests::attack::{Attacker, MIB, Victim};
use stolid_tests::handlers::note;
use stolid_tests::process::eventually;
use stolid_tests::watchdog::watched;
use stolid_tests::wire::{Frame, Reason, Wire, envelope, flag, frame, header_block, kind, request_fields};

const SERVER: &str = env!("CARGO_BIN_EXE_test-peer");
const SAY: &str = "/testing.v1.Echo/Say";

/// A field that the peer's header table keeps (RFC 7541, section 6.2.1).
fn indexed_field(name: &str, value: &str) -> Vec<u8> {
    let mut block = header_block(&[(name, value)]);
    block[0] = 0x40;
    block
}

/// The newest field of the header table, in one byte (RFC 7541, sections 2.3.3 and 6.1).
const NEWEST: u8 = 0x80 | 62;

/// How a server may refuse a header list: by a response or by a reset.
#[track_caller]
fn assert_refused(wire: &mut Wire, stream: u32, what: &str) {
    // The answer to a PING may overtake the refusal.
    eventually("the refusal comes", || {
        wire.sync();
        !wire.pending_of(stream).is_empty()
    });
    match &wire.pending_of(stream)[..] {
        [Frame::Headers { fields, end_stream: true, .. }, ..] => {
            assert_eq!(fields.get(":status"), Some("431"), "{what}: {fields:?}");
        }
        [Frame::Reset { .. }, ..] => {}
        other => panic!("{what} was answered by {other:?}"),
    }
}

#[track_caller]
fn assert_served(wire: &mut Wire) {
    assert_eq!(wire.unary_call(SAY, &note(1).encode_to_vec()).code(), 0);
}

#[test]
fn a_header_list_over_the_limit_costs_its_call_and_not_the_connection() {
    watched(|| {
        for (settings, limit) in [(&[][..], 32 * 1024), (&["header-list=1000"][..], 1_000)] {
            let mut victim = Victim::start_with(SERVER, settings);
            let mut wire = Wire::client(victim.addr());
            let (within, over) = ("v".repeat(limit - 400), "v".repeat(limit));
            let fits = wire.open_call(SAY, &[("x-long", &within)]);
            wire.send_data(fits, &envelope(&[]), true);
            assert_eq!(wire.recv_reply(fits).code(), 0, "within {limit}");
            let stream = wire.open_empty_call(SAY, &[("x-long", &over)]);
            assert_refused(&mut wire, stream, &format!("more than {limit}"));
            assert_served(&mut wire);
            victim.bystander_goes_on(5);
            drop(wire);
            victim.assert_recovers("header list over the limit", 16 * MIB);
        }
    });
}

/// A block of a few bytes that stands for eleven times 4 KiB.
#[test]
fn a_small_block_that_stands_for_a_list_over_the_limit_is_refused() {
    watched(|| {
        let mut victim = Victim::start(SERVER);
        let mut wire = Wire::client(victim.addr());
        for number in 0..500_u32 {
            let stream = 2 * number + 1;
            let mut block = header_block(&request_fields(SAY));
            block.extend(indexed_field("x-bomb", &"b".repeat(4_000)));
            block.extend([NEWEST; 10]);
            wire.send_frame(kind::HEADERS, flag::END_HEADERS | flag::END_STREAM, stream, &block);
            assert_refused(&mut wire, stream, "a small bomb");
        }
        wire.sync();
        victim.bystander_goes_on(20);
        drop(wire);
        victim.assert_recovers("HPACK bombs of 44 KiB x 500", 16 * MIB);
    });
}

/// A block of 16 KiB that stands for 64 MiB.
#[test]
fn a_block_that_stands_for_a_list_far_over_the_limit_ends_its_connection() {
    watched(|| {
        let mut victim = Victim::start(SERVER);
        for _ in 0..20 {
            let mut wire = Wire::client(victim.addr());
            let mut block = header_block(&request_fields(SAY));
            block.extend(indexed_field("x-bomb", &"b".repeat(4_000)));
            block.resize(16_384, NEWEST);
            wire.send_frame(kind::HEADERS, flag::END_HEADERS | flag::END_STREAM, 1, &block);
            let (_, reason) = wire.recv_goaway();
            assert_eq!(reason, Reason::ENHANCE_YOUR_CALM);
            wire.recv_eof();
        }
        victim.bystander_goes_on(20);
        victim.assert_recovers("HPACK bombs of 64 MiB x 20", 16 * MIB);
    });
}

/// A string of 1 MiB in a block that never ends, in frames of 16 KiB.
#[test]
fn a_field_that_never_ends_ends_its_connection() {
    watched(|| {
        let mut victim = Victim::start(SERVER);
        let mut attacker = Attacker::open(victim.addr());
        // A literal whose value is announced with 2 MiB (RFC 7541, section 5.1): 127 + 0x7f + (0x7f << 7) + (0x7f << 14).
        let mut block = header_block(&request_fields(SAY));
        block.extend(b"\0\x01x\x7f\xff\xff\x7f");
        attacker.push(&frame(kind::HEADERS, 0, 1, &block));
        let piece = frame(kind::CONTINUATION, 0, 1, &[b'v'; 16_384]);
        attacker.push_all((0..128).map(|_| piece.clone()));
        attacker.read_to_end(Duration::from_secs(5));
        victim.bystander_goes_on(20);
        victim.assert_recovers("a field of 2 MiB", 16 * MIB);
    });
}

/// Calls that wait for their message hold their headers: as many as there may be streams.
#[test]
fn calls_that_hold_their_headers_cost_no_more_than_the_limit_of_each() {
    watched(|| {
        let mut victim = Victim::start(SERVER);
        let long = "v".repeat(30_000);
        let mut wire = Wire::client(victim.addr());
        for _ in 0..1_000 {
            let _waits = wire.open_call(SAY, &[("x-long", &long)]);
        }
        wire.sync();
        let grown = victim.peak_growth();
        assert!(grown < 1_000 * 48 * 1024, "{} KiB", grown / 1024);
        victim.bystander_goes_on(20);
        drop(wire);
        victim.assert_recovers_within("headers of 30 kB held x 1000", 48 * MIB, 48 * MIB);
    });
}
