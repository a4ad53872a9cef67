//! Attacks by bytes that make no sense: random ones, sessions with a few bytes changed, sessions that end anywhere.

use std::thread;
use std::time::Duration;

use prost::Message;
use stolid_tests::attack::{Attacker, Dice, MIB, Pushed, Victim};
use stolid_tests::handlers::note_of;
use stolid_tests::watchdog::watched;
use stolid_tests::wire::{PREFACE, Reason, Wire, envelope, flag, frame, header_block, kind, request_fields};

const SERVER: &str = env!("CARGO_BIN_EXE_test-peer");
const SAY: &str = "/testing.v1.Echo/Say";
const REPEAT: &str = "/testing.v1.Echo/Repeat";
const GATHER: &str = "/testing.v1.Echo/Gather";
const RELAY: &str = "/testing.v1.Echo/Relay";

/// Mutated sessions.
const SESSIONS: usize = 2_000;

/// Threads that attack at once.
const ATTACKERS: usize = 4;

/// How soon the server must have closed a connection that makes no sense, or whose client has ended it.
const CLOSED_WITHIN: Duration = Duration::from_secs(10);

/// A client's side of a session in which everything ends well: all four kinds of call, and the frames around them.
fn session() -> Vec<u8> {
    let mut bytes = PREFACE.to_vec();
    bytes.extend(frame(kind::SETTINGS, 0, 0, &[0, 4, 0, 1, 0, 0, 0, 5, 0, 0, 0x40, 0]));
    bytes.extend(frame(kind::SETTINGS, flag::ACK, 0, &[]));
    bytes.extend(frame(kind::WINDOW_UPDATE, 0, 0, &0x0010_0000_u32.to_be_bytes()));
    let message = envelope(&note_of(30).encode_to_vec());
    for (number, method) in (0..).zip([SAY, REPEAT, GATHER, RELAY, SAY]) {
        let stream = 2 * number + 1;
        bytes.extend(frame(kind::HEADERS, flag::END_HEADERS, stream, &header_block(&request_fields(method))));
        bytes.extend(frame(kind::DATA, 0, stream, &message[..4]));
        bytes.extend(frame(kind::PING, 0, 0, b"are you?"));
        bytes.extend(frame(kind::DATA, flag::END_STREAM, stream, &message[4..]));
        bytes.extend(frame(kind::WINDOW_UPDATE, 0, stream, &1_000_u32.to_be_bytes()));
    }
    let block = header_block(&request_fields(RELAY));
    let (first, rest) = block.split_at(block.len() / 2);
    bytes.extend(frame(kind::HEADERS, 0, 11, first));
    bytes.extend(frame(kind::CONTINUATION, flag::END_HEADERS, 11, rest));
    bytes.extend(frame(kind::RST_STREAM, 0, 11, &Reason::CANCEL.0.to_be_bytes()));
    bytes.extend(frame(kind::PRIORITY, 0, 13, &[0, 0, 0, 0, 1]));
    bytes.extend(frame(kind::GOAWAY, 0, 0, &[0; 8]));
    bytes
}

/// Changes a few bytes: flipped, set, taken out, put in, or a part said twice.
fn mutated(session: &[u8], dice: &mut Dice) -> Vec<u8> {
    let mut bytes = session.to_vec();
    for _ in 0..=dice.roll(4) {
        // The preface is left alone mostly, or nothing behind it would ever be looked at.
        let first = if dice.roll(20) == 0 { 0 } else { PREFACE.len() as u64 };
        let at = (first + dice.roll(bytes.len() as u64 - first)) as usize;
        let length = (1 + dice.roll(12) as usize).min(bytes.len() - at);
        match dice.roll(5) {
            0 => bytes[at] ^= 1 << dice.roll(8),
            1 => bytes[at] = [0, 1, 0x7f, 0x80, 0xff][dice.roll(5) as usize],
            2 => drop(bytes.drain(at..at + length)),
            3 => drop(bytes.splice(at..at, dice.bytes(length))),
            _ => {
                let part = bytes[at..at + length].to_vec();
                drop(bytes.splice(at..at, part));
            }
        }
        if bytes.len() <= PREFACE.len() {
            break;
        }
    }
    bytes
}

/// Runs `attack` on some threads, each with dice of its own.
fn in_parallel(seed: u64, attack: impl Fn(&mut Dice) + Clone + Send + 'static) {
    let threads = Vec::from_iter((0..ATTACKERS as u64).map(|number| {
        let attack = attack.clone();
        thread::spawn(move || attack(&mut Dice::seeded(seed + number)))
    }));
    for thread in threads {
        thread.join().expect("the attacker gets what it expects");
    }
}

#[test]
fn the_session_that_is_mutated_is_a_good_one() {
    watched(|| {
        let victim = Victim::start(SERVER);
        let mut wire = Wire::dial(victim.addr());
        // The session has its own acknowledgement.
        wire.auto.settings = false;
        wire.send_raw(&session());
        for stream in [1, 5, 7, 9] {
            assert_eq!(wire.recv_reply(stream).code(), 0, "stream {stream}");
        }
        drop(wire);
        victim.assert_recovers("a good session", 16 * MIB);
    });
}

#[test]
fn two_thousand_mutated_sessions_harm_nobody() {
    watched(|| {
        let mut victim = Victim::start(SERVER);
        let addr = victim.addr();
        let good = session();
        in_parallel(20_260, move |dice| {
            for _ in 0..SESSIONS / ATTACKERS {
                let bytes = mutated(&good, dice);
                let mut attacker = Attacker::dial(addr);
                if attacker.push(&bytes) != Pushed::Closed {
                    attacker.half_close();
                }
                attacker.read_to_end(CLOSED_WITHIN);
            }
        });
        victim.bystander_goes_on(20);
        victim.assert_recovers("mutated sessions x 2000", 32 * MIB);
    });
}

#[test]
fn random_bytes_harm_nobody_with_or_without_a_preface() {
    watched(|| {
        let mut victim = Victim::start(SERVER);
        let addr = victim.addr();
        in_parallel(7, move |dice| {
            for number in 0..60 {
                let mut attacker = if number % 2 == 0 { Attacker::dial(addr) } else { Attacker::open(addr) };
                let length = 1 + dice.roll(5_000) as usize;
                if attacker.push(&dice.bytes(length)) != Pushed::Closed {
                    attacker.half_close();
                }
                attacker.read_to_end(CLOSED_WITHIN);
            }
        });
        victim.bystander_goes_on(20);
        victim.assert_recovers("random bytes x 240", 16 * MIB);
    });
}

#[test]
fn sessions_may_be_half_closed_at_any_moment() {
    watched(|| {
        let mut victim = Victim::start(SERVER);
        let addr = victim.addr();
        let good = session();
        in_parallel(11, move |dice| {
            for _ in 0..100 {
                let cut = dice.roll(good.len() as u64 + 1) as usize;
                let mut attacker = Attacker::dial(addr);
                attacker.push(&good[..cut]);
                attacker.half_close();
                attacker.read_to_end(CLOSED_WITHIN);
            }
        });
        victim.bystander_goes_on(20);
        victim.assert_recovers("half-close at any moment x 400", 16 * MIB);
    });
}

#[test]
fn sessions_may_be_reset_at_any_moment() {
    watched(|| {
        let mut victim = Victim::start(SERVER);
        let addr = victim.addr();
        let good = session();
        in_parallel(13, move |dice| {
            for _ in 0..100 {
                let cut = dice.roll(good.len() as u64 + 1) as usize;
                let mut attacker = Attacker::dial(addr);
                attacker.push(&good[..cut]);
                // A socket that is closed with unread bytes says so by a TCP reset.
                attacker.until_said_something(cut > PREFACE.len());
                drop(attacker);
            }
        });
        victim.bystander_goes_on(20);
        victim.assert_recovers("TCP reset at any moment x 400", 16 * MIB);
    });
}
