//! Attacks by frames without end that cost their sender next to nothing: the server's memory stays bounded even when
//! the attacker reads none of the answers, and nobody else notices.

use std::time::Duration;

use prost::Message;
use stolid_tests::attack::{Attacker, HANG, MIB, Victim};
use stolid_tests::echo::Note;
use stolid_tests::process::eventually;
use stolid_tests::watchdog::watched;
use stolid_tests::wire::{PREFACE, Reason, Wire, envelope, flag, frame, header_block, kind, request_fields};

const SERVER: &str = env!("CARGO_BIN_EXE_test-peer");
const RELAY: &str = "/testing.v1.Echo/Relay";

/// Frames in one write of an attacker.
const AT_ONCE: usize = 1_000;

/// How often an attacker writes so many.
const WRITES: usize = 400;

/// HEADERS that open `stream` as a call of [`RELAY`] whose handler does nothing.
fn open_held(stream: u32) -> Vec<u8> {
    let fields = [&request_fields(RELAY)[..], &[HANG]].concat();
    frame(kind::HEADERS, flag::END_HEADERS, stream, &header_block(&fields))
}

/// Sends `frames` over and over on one connection and never reads: the server either bears it, stops reading, or
/// closes the connection, and its memory stays within `peak`.
#[track_caller]
fn flood_unread(attack: &str, frames: &[u8], peak: u64) {
    let mut victim = Victim::start(SERVER);
    let mut attacker = Attacker::open(victim.addr());
    attacker.push(&open_held(1));
    let times = AT_ONCE * WRITES;
    let chunk = frames.repeat(AT_ONCE);
    let pushed = attacker.push_all((0..WRITES).map(|_| chunk.clone()));
    let left = attacker.until_taken();
    println!("{attack}: {} of {} bytes, {left} of them not read: {pushed:?}", attacker.sent, times * frames.len());
    victim.look();
    victim.bystander_goes_on(20);
    drop(attacker);
    victim.assert_recovers(attack, peak);
}

#[test]
fn pings_whose_answers_nobody_reads_are_not_piled_up() {
    watched(|| flood_unread("PING flood", &frame(kind::PING, 0, 0, b"8 bytes."), 16 * MIB));
}

#[test]
fn settings_whose_acknowledgements_nobody_reads_are_not_piled_up() {
    watched(|| flood_unread("SETTINGS flood", &frame(kind::SETTINGS, 0, 0, &[0, 4, 0, 0, 255, 255]), 16 * MIB));
}

#[test]
fn empty_data_without_end_is_no_load() {
    watched(|| flood_unread("empty DATA flood", &frame(kind::DATA, 0, 1, &[]), 16 * MIB));
}

#[test]
fn window_updates_without_end_are_no_load() {
    watched(|| flood_unread("WINDOW_UPDATE flood", &frame(kind::WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1]), 16 * MIB));
}

#[test]
fn priorities_without_end_are_no_load() {
    watched(|| {
        // Of streams that nobody ever opens.
        let frames = Vec::from_iter((0..100).flat_map(|n| frame(kind::PRIORITY, 0, 2 * n + 1_001, &[0, 0, 0, 0, 16])));
        flood_unread("PRIORITY flood", &frames[..14], 16 * MIB);
    });
}

#[test]
fn frames_of_an_unknown_type_are_no_load() {
    watched(|| flood_unread("unknown frames flood", &frame(0xfa, 0xff, 0, b"?"), 16 * MIB));
}

#[test]
fn a_header_block_without_end_ends_its_connection() {
    watched(|| {
        for (name, piece) in [("empty", Vec::new()), ("tiny", header_block(&[("a", "b")]))] {
            let mut victim = Victim::start(SERVER);
            let mut attacker = Attacker::open(victim.addr());
            attacker.push(&frame(kind::HEADERS, 0, 1, &header_block(&request_fields(RELAY))));
            let chunk = frame(kind::CONTINUATION, 0, 1, &piece).repeat(AT_ONCE);
            attacker.push_all((0..WRITES).map(|_| chunk.clone()));
            attacker.read_to_end(Duration::from_secs(5));
            victim.bystander_goes_on(20);
            victim.assert_recovers(&format!("CONTINUATION flood, {name}"), 16 * MIB);
        }
    });
}

#[test]
fn a_flood_of_pings_that_is_read_is_ended_with_a_word() {
    watched(|| {
        let mut victim = Victim::start(SERVER);
        let mut wire = Wire::client(victim.addr());
        wire.hold();
        for _ in 0..60_000 {
            if wire.try_send_frame(kind::PING, 0, 0, b"8 bytes.").is_err() {
                break;
            }
        }
        let (_, reason) = wire.recv_goaway();
        assert_eq!(reason, Reason::ENHANCE_YOUR_CALM);
        wire.recv_eof();
        victim.bystander_goes_on(20);
        victim.assert_recovers("PING flood, read", 16 * MIB);
    });
}

/// Fills everything on the way to the attacker, then opens streams that the server has to reset and cannot say so.
#[test]
fn resets_that_cannot_be_sent_are_not_piled_up() {
    watched(|| {
        let mut victim = Victim::start(SERVER);
        let mut attacker = Attacker::dial(victim.addr());
        attacker.push(PREFACE);
        attacker.push(&frame(kind::SETTINGS, 0, 0, &[0, 4, 0x7f, 0xff, 0xff, 0xff]));
        attacker.push(&frame(kind::WINDOW_UPDATE, 0, 0, &0x7fff_0000_u32.to_be_bytes()));
        let repeat = header_block(&request_fields("/testing.v1.Echo/Repeat"));
        attacker.push(&frame(kind::HEADERS, flag::END_HEADERS, 1, &repeat));
        let endless = Note { number: u64::MAX, body: vec![0; 10_000], text: String::new() };
        attacker.push(&frame(kind::DATA, flag::END_STREAM, 1, &envelope(&endless.encode_to_vec())));
        eventually("the handler sends", || attacker.until_full() > 0);

        let pushed = attacker.push_all(malformed_requests());
        let left = attacker.until_taken();
        println!("malformed header blocks: {} bytes, {left} of them not read: {pushed:?}", attacker.sent);
        assert!(left > 0, "the server takes them without end");
        victim.look();
        victim.bystander_goes_on(20);
        // Once its answers are taken it goes on, and has had enough soon.
        attacker.read_to_end(Duration::from_secs(20));
        drop(attacker);
        victim.assert_recovers("requests to reset, output full", 32 * MIB);
    });
}

/// Requests each of which has to be reset.
fn malformed_requests() -> impl Iterator<Item = Vec<u8>> {
    // A field of the connection makes a request malformed (RFC 9113, section 8.2.2).
    let block = header_block(&[("connection", "")]);
    (0..WRITES as u32).map(move |write| {
        let streams = (1..=AT_ONCE as u32).map(|number| 2 * (write * AT_ONCE as u32 + number) + 1);
        streams.flat_map(|stream| frame(kind::HEADERS, flag::END_HEADERS, stream, &block)).collect()
    })
}

#[test]
fn a_client_that_makes_the_server_reset_without_end_is_closed() {
    watched(|| {
        let mut victim = Victim::start(SERVER);
        let mut attacker = Attacker::open(victim.addr());
        attacker.push_all(malformed_requests());
        attacker.read_to_end(Duration::from_secs(10));
        victim.bystander_goes_on(20);
        victim.assert_recovers("requests to reset", 32 * MIB);
    });
}

/// Requests that are refused without a handler, whose answers nobody reads.
#[test]
fn refusals_that_nobody_reads_are_not_piled_up() {
    watched(|| {
        let mut victim = Victim::start(SERVER);
        let mut attacker = Attacker::open(victim.addr());
        let block = header_block(&request_fields("/testing.v1.Echo/Nothing"));
        let chunks = (0..WRITES as u32 / 4).map(|write| {
            let streams = (0..AT_ONCE as u32).map(|number| 2 * (write * AT_ONCE as u32 + number) + 1);
            let flags = flag::END_HEADERS | flag::END_STREAM;
            streams.flat_map(|stream| frame(kind::HEADERS, flags, stream, &block)).collect()
        });
        let pushed = attacker.push_all(chunks);
        let left = attacker.until_taken();
        println!("refused calls: {} bytes, {left} of them not read: {pushed:?}", attacker.sent);
        victim.look();
        victim.bystander_goes_on(20);
        drop(attacker);
        victim.assert_recovers("refused calls, unread", 32 * MIB);
    });
}
