//! Attacks by calls that are thrown away: whoever resets them, the server's handlers, threads and memory stay bounded.

use std::time::Duration;

use prost::Message;
use stolid_tests::attack::{Attacker, Dice, HANG, MIB, Pushed, Victim};
use stolid_tests::handlers::{DO, note};
use stolid_tests::process::eventually;
use stolid_tests::watchdog::watched;
use stolid_tests::wire::{Reason, Wire, envelope, flag, frame, header_block, kind, request_fields};

const SERVER: &str = env!("CARGO_BIN_EXE_test-peer");
const SAY: &str = "/testing.v1.Echo/Say";
const RELAY: &str = "/testing.v1.Echo/Relay";

/// Calls of an attack.
const CALLS: u32 = 10_000;

/// The streams that the attacked servers let one client have.
const STREAMS: usize = 100;

/// The setting for it.
const FEW_STREAMS: &str = "streams=100";

/// The frames of one call: how it begins, and how it ends.
type Script = fn(u32, &[u8]) -> (Vec<u8>, Vec<u8>);

fn reset(stream: u32) -> Vec<u8> {
    frame(kind::RST_STREAM, 0, stream, &Reason::CANCEL.0.to_be_bytes())
}

/// HEADERS and at once a reset.
fn opened_and_reset(stream: u32, block: &[u8]) -> (Vec<u8>, Vec<u8>) {
    (frame(kind::HEADERS, flag::END_HEADERS, stream, block), reset(stream))
}

/// A window of more than 2^31-1, so that the server resets the stream itself (RFC 9113, section 6.9.1).
fn opened_and_overflowed(stream: u32, block: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let overflow = frame(kind::WINDOW_UPDATE, 0, stream, &0x7fff_ffff_u32.to_be_bytes());
    (frame(kind::HEADERS, flag::END_HEADERS, stream, block), overflow)
}

/// A window update of zero, which is an error of the stream (RFC 9113, section 6.9).
fn opened_and_updated_by_nothing(stream: u32, block: &[u8]) -> (Vec<u8>, Vec<u8>) {
    (frame(kind::HEADERS, flag::END_HEADERS, stream, block), frame(kind::WINDOW_UPDATE, 0, stream, &[0; 4]))
}

/// A call that was half-closed and goes on sending.
fn half_closed_and_sent_to(stream: u32, block: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let begin = frame(kind::HEADERS, flag::END_HEADERS | flag::END_STREAM, stream, block);
    (begin, frame(kind::DATA, 0, stream, b"more"))
}

/// Makes calls whose handlers hang until they hear of the reset; the end of each comes `behind` calls after its beginning.
#[track_caller]
fn attack(name: &str, script: Script, behind: u32, peak: u64) {
    let mut victim = Victim::start_with(SERVER, &[FEW_STREAMS]);
    let fields = [&request_fields(RELAY)[..], &[HANG]].concat();
    let block = header_block(&fields);
    let mut attacker = Attacker::open(victim.addr());
    let mut chunk = Vec::new();
    let mut most = 0;
    for call in 0..CALLS + behind {
        if call < CALLS {
            chunk.extend(script(2 * call + 1, &block).0);
        }
        if let Some(ended) = call.checked_sub(behind) {
            chunk.extend(script(2 * ended + 1, &block).1);
        }
        if call % 500 == 0 && attacker.push(&std::mem::take(&mut chunk)) == Pushed::Closed {
            break;
        }
        if call % 500 == 0 {
            most = most.max(victim.look().threads);
        }
    }
    attacker.push(&chunk);
    let mut said = Vec::new();
    // Read, so that the server's answers are no reason for it to stop.
    while attacker.until_taken() > 0 && attacker.read_some(Duration::from_millis(10), &mut said) {}
    victim.bystander_goes_on(20);
    drop(attacker);
    println!("{name}: at most {most} threads");
    assert!(most <= victim.at_rest().threads + 2 * STREAMS + 1, "{most} threads");
    victim.assert_recovers(name, peak);
}

#[test]
fn rapid_resets_start_no_more_handlers_than_there_may_be_streams() {
    watched(|| {
        attack("rapid reset", opened_and_reset, 0, 32 * MIB);
        attack("rapid reset, 50 behind", opened_and_reset, 50, 32 * MIB);
    });
}

#[test]
fn resets_that_a_client_makes_the_server_send_start_no_more_handlers_than_there_may_be_streams() {
    watched(|| {
        attack("made reset by a window overflow", opened_and_overflowed, 50, 32 * MIB);
        attack("made reset by an update of zero", opened_and_updated_by_nothing, 50, 32 * MIB);
        attack("made reset by DATA after the end", half_closed_and_sent_to, 50, 32 * MIB);
    });
}

/// Handlers that do not look whether anybody still wants them: they stand at a gate.
#[test]
fn handlers_that_do_not_notice_a_reset_do_not_pile_up() {
    watched(|| {
        let mut victim = Victim::start_with(SERVER, &[FEW_STREAMS]);
        let rest = victim.at_rest();
        let mut wire = Wire::client(victim.addr());
        let body = envelope(&note(1).encode_to_vec());
        for _ in 0..3 * STREAMS {
            // A streaming call's handler starts with the headers.
            let stream = wire.open_call(RELAY, &[(DO, "gate")]);
            wire.sync();
            wire.send_reset(stream, Reason::CANCEL);
        }
        wire.sync();
        eventually("all places are taken", || victim.look().threads >= rest.threads + 2 * STREAMS - 1);
        let most = victim.look().threads - rest.threads;
        assert!(most <= 2 * STREAMS + 1, "{most} threads for one connection");
        // Others are served, and this connection is as soon as its handlers have returned.
        victim.bystander_goes_on(20);
        let waiting = wire.open_call(SAY, &[]);
        wire.send_data(waiting, &body, true);
        wire.sync();
        assert_eq!(wire.pending_of(waiting), [], "the call waits for a place");
        let mut other = Wire::client(victim.addr());
        let open = other.open_call(SAY, &[(DO, "open")]);
        other.send_data(open, &body, true);
        assert_eq!(other.recv_reply(open).code(), 0);
        assert_eq!(wire.recv_reply(waiting).code(), 0);
        drop((wire, other));
        eventually("the handlers are gone", || victim.look().threads <= rest.threads);
        victim.assert_recovers("resets of handlers that do not notice", 32 * MIB);
    });
}

#[test]
fn a_client_that_resets_too_often_is_told_to_calm_down() {
    watched(|| {
        let mut victim = Victim::start_with(SERVER, &["resets=100"]);
        let mut wire = Wire::client(victim.addr());
        let mut dice = Dice::seeded(1);
        for _ in 0..1_000 {
            let stream = wire.open_call(RELAY, &[]);
            if dice.roll(2) == 0 {
                wire.sync();
            }
            wire.send_reset(stream, Reason::CANCEL);
        }
        // So many are borne in ten seconds.
        wire.sync();
        let one_more = wire.open_call(RELAY, &[]);
        wire.send_reset(one_more, Reason::CANCEL);
        let (_, reason) = wire.recv_goaway();
        assert_eq!(reason, Reason::ENHANCE_YOUR_CALM);
        wire.recv_eof();
        victim.bystander_goes_on(20);
        victim.assert_recovers("resets beyond the limit", 48 * MIB);
    });
}
