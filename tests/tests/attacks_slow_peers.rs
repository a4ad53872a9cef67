//! Attacks by clients that are slow, silent or hold on: they cost what they hold, nobody else notices, and it is all
//! given back.

use std::thread;
use std::time::{Duration, Instant};

use prost::Message;
use stolid_tests::attack::{Attacker, HANG, MIB, Pushed, Victim};
use stolid_tests::child::Child;
use stolid_tests::echo::Note;
use stolid_tests::handlers::note_of;
use stolid_tests::process::eventually;
use stolid_tests::watchdog::watched;
use stolid_tests::wire::{PREFACE, Setting, Wire, envelope, flag, frame, header_block, kind, request_fields};

const SERVER: &str = env!("CARGO_BIN_EXE_test-peer");
const REPEAT: &str = "/testing.v1.Echo/Repeat";
const GATHER: &str = "/testing.v1.Echo/Gather";
const RELAY: &str = "/testing.v1.Echo/Relay";

/// Asks for messages without end.
fn endless() -> Vec<u8> {
    envelope(&Note { number: u64::MAX, body: vec![0; 1_000], text: String::new() }.encode_to_vec())
}

#[test]
fn a_hundred_clients_with_a_window_of_zero_hold_one_thread_each_until_they_go() {
    watched(|| {
        let mut victim = Victim::start(SERVER);
        let readers = Vec::from_iter((0..100).map(|_| {
            let mut wire = Wire::client_with(victim.addr(), &[(Setting::INITIAL_WINDOW_SIZE, 0)]);
            wire.auto.windows = false;
            let stream = wire.open_call(REPEAT, &[]);
            wire.send_data(stream, &endless(), true);
            wire
        }));
        let rest = victim.at_rest();
        eventually("all handlers run", || victim.look().threads >= rest.threads + 99);
        victim.bystander_goes_on(20);
        drop(readers);
        // 64 KiB of outbox, as much again in HTTP/2's hands, and the pages of a thread's stack.
        victim.assert_recovers("zero windows x 100", 32 * MIB);
    });
}

#[test]
fn a_hundred_clients_that_read_a_byte_at_a_time_hold_up_nobody_else() {
    watched(|| {
        let mut victim = Victim::start(SERVER);
        let mut readers = Vec::from_iter((0..100).map(|_| {
            let mut wire = Wire::client_with(victim.addr(), &[(Setting::INITIAL_WINDOW_SIZE, 1)]);
            wire.auto.windows = false;
            let stream = wire.open_call(REPEAT, &[]);
            wire.send_data(stream, &endless(), true);
            (wire, stream)
        }));
        for _ in 0..10 {
            for (wire, stream) in &mut readers {
                assert_eq!(wire.recv_data_of(*stream, 1).len(), 1, "the window is one byte");
                wire.send_window_update(*stream, 1);
            }
        }
        victim.look();
        victim.bystander_goes_on(20);
        drop(readers);
        victim.assert_recovers("readers of one byte x 100", 32 * MIB);
    });
}

#[test]
fn request_bodies_that_come_byte_by_byte_hold_up_nobody_else() {
    watched(|| {
        let mut victim = Victim::start(SERVER);
        let body = envelope(&note_of(100_000).encode_to_vec());
        let mut senders = Vec::from_iter((0..100).map(|_| {
            let mut wire = Wire::client(victim.addr());
            let stream = wire.open_call(GATHER, &[]);
            (wire, stream)
        }));
        for byte in &body[..60] {
            for (wire, stream) in &mut senders {
                wire.send_data(*stream, &[*byte], false);
            }
        }
        victim.look();
        victim.bystander_goes_on(20);
        drop(senders);
        victim.assert_recovers("request bodies byte by byte x 100", 32 * MIB);
    });
}

#[test]
fn headers_that_come_byte_by_byte_and_never_end_hold_up_nobody_else() {
    watched(|| {
        let mut victim = Victim::start(SERVER);
        let block = header_block(&request_fields(RELAY));
        let half = frame(kind::HEADERS, 0, 1, &block);
        let mut senders = Vec::from_iter((0..100).map(|_| Attacker::open(victim.addr())));
        for byte in &half {
            for sender in &mut senders {
                assert_eq!(sender.push(&[*byte]), Pushed::All);
            }
        }
        victim.look();
        victim.bystander_goes_on(20);
        drop(senders);
        victim.assert_recovers("half headers byte by byte x 100", 16 * MIB);
    });
}

#[test]
fn an_unfinished_header_block_ends_its_connection_after_the_handshake_timeout() {
    watched(|| {
        let mut victim = Victim::start_with(SERVER, &["handshake=500"]);
        let block = header_block(&request_fields(RELAY));
        let halves = [
            frame(kind::HEADERS, 0, 1, &block),
            frame(kind::HEADERS, flag::END_HEADERS, 1, &block)[..20].to_vec(),
            // A CONTINUATION now and then does not make the block young again.
            [frame(kind::HEADERS, 0, 1, &block), frame(kind::CONTINUATION, 0, 1, &[])].concat(),
        ];
        let began = Instant::now();
        let mut senders = Vec::from_iter(halves.iter().map(|half| {
            let mut sender = Attacker::open(victim.addr());
            assert_eq!(sender.push(half), Pushed::All);
            sender
        }));
        for sender in &mut senders {
            sender.read_to_end(Duration::from_secs(5));
        }
        assert!(began.elapsed() >= Duration::from_millis(500), "closed after {:?}", began.elapsed());
        victim.bystander_goes_on(20);
        drop(senders);
        victim.assert_recovers("unfinished header blocks", 16 * MIB);
    });
}

#[test]
fn silent_connections_are_closed_after_the_handshake_timeout() {
    watched(|| {
        let mut victim = Victim::start_with(SERVER, &["handshake=500"]);
        let rest = victim.at_rest();
        let began = Instant::now();
        let silent = (0..200).map(|_| Attacker::dial(victim.addr()));
        let half = (0..200).map(|number| {
            let mut attacker = Attacker::dial(victim.addr());
            attacker.push(&PREFACE[..number % (PREFACE.len() + 1)]);
            attacker
        });
        let mut attackers = Vec::from_iter(silent.chain(half));
        victim.look();
        for attacker in &mut attackers {
            attacker.read_to_end(Duration::from_secs(5));
        }
        assert!(began.elapsed() >= Duration::from_millis(500), "closed after {:?}", began.elapsed());
        eventually("the server has closed them while the clients hold on", || victim.look().files <= rest.files);
        victim.bystander_goes_on(20);
        victim.assert_recovers("silent or half prefaces x 400", 16 * MIB);
        drop(attackers);
    });
}

#[test]
fn a_connection_that_has_shown_itself_may_be_idle_for_longer_than_the_handshake_timeout() {
    watched(|| {
        let mut victim = Victim::start_with(SERVER, &["handshake=100"]);
        let mut idle = Wire::client(victim.addr());
        let mut silent = Attacker::dial(victim.addr());
        silent.read_to_end(Duration::from_secs(5));
        // The one that came earlier is still there.
        idle.sync();
        victim.bystander_goes_on(1);
        drop(idle);
        victim.assert_recovers("an idle connection", 16 * MIB);
    });
}

#[test]
fn clients_that_connect_as_fast_as_they_can_do_not_keep_the_server_from_those_it_has() {
    const CONNECTIONS: usize = 250;
    watched(|| {
        let mut victim = Victim::start(SERVER);
        let addr = victim.addr();
        let before = victim.bystander_calls();
        let attackers = Vec::from_iter(
            (0..4).map(|_| thread::spawn(move || (0..CONNECTIONS).for_each(|_| drop(Attacker::dial(addr))))),
        );
        for attacker in attackers {
            attacker.join().expect("the server listens");
        }
        let meanwhile = victim.bystander_calls() - before;
        assert!(meanwhile > 0, "{meanwhile} calls of the bystander meanwhile");
        victim.bystander_goes_on(20);
        victim.assert_recovers("connections that come and go x 1000", 48 * MIB);
    });
}

#[test]
fn four_hundred_held_streams_cost_a_thread_each_and_are_given_back() {
    watched(|| {
        let mut victim = Victim::start(SERVER);
        let rest = victim.at_rest();
        let mut wires = Vec::from_iter((0..4).map(|_| Wire::client(victim.addr())));
        for wire in &mut wires {
            for _ in 0..100 {
                let _held = wire.open_call(RELAY, &[HANG]);
            }
        }
        eventually("all handlers run", || victim.look().threads >= rest.threads + 399);
        victim.bystander_goes_on(20);
        drop(wires);
        victim.assert_recovers("held streams x 400", 48 * MIB);
    });
}

/// A client whose windows are open and which reads nothing: it is the kernel that takes no more.
fn unread_download(victim: &Victim) -> Attacker {
    let mut attacker = Attacker::dial(victim.addr());
    attacker.push(PREFACE);
    attacker.push(&frame(kind::SETTINGS, 0, 0, &[0, 4, 0x7f, 0xff, 0xff, 0xff]));
    attacker.push(&frame(kind::WINDOW_UPDATE, 0, 0, &0x7fff_0000_u32.to_be_bytes()));
    attacker.push(&frame(kind::HEADERS, flag::END_HEADERS, 1, &header_block(&request_fields(REPEAT))));
    attacker.push(&frame(kind::DATA, flag::END_STREAM, 1, &endless()));
    attacker
}

#[test]
fn a_client_that_takes_no_bytes_is_cut_after_the_write_timeout() {
    watched(|| {
        let mut victim = Victim::start_with(SERVER, &["write=500"]);
        let rest = victim.at_rest();
        let attackers = Vec::from_iter((0..5).map(|_| unread_download(&victim)));
        eventually("the handlers run", || victim.look().threads >= rest.threads + 4);
        // The bystander, idle between its calls, is not concerned.
        eventually("the server has cut them while the clients hold on", || victim.look().files <= rest.files);
        victim.bystander_goes_on(20);
        victim.assert_recovers("downloads that nobody takes x 5", 16 * MIB);
        drop(attackers);
    });
}

#[test]
fn a_server_under_attack_shuts_down_in_time() {
    watched(|| {
        let (mut server, addr) = Child::server(SERVER);
        let mut held = Wire::client(addr);
        held.open_call(RELAY, &[HANG]);
        held.sync();
        let silent = Vec::from_iter((0..50).map(|_| Attacker::dial(addr)));
        let mut half = Attacker::open(addr);
        half.push(&frame(kind::HEADERS, 0, 1, &header_block(&request_fields(RELAY))));
        let mut wire = Wire::client_with(addr, &[(Setting::INITIAL_WINDOW_SIZE, 0)]);
        let stream = wire.open_call(REPEAT, &[]);
        wire.send_data(stream, &endless(), true);
        wire.sync();
        let began = Instant::now();
        server.shut_down(Duration::from_millis(500));
        let report = server.expect_line("shut down ");
        let took = began.elapsed();
        // Its own time, a second for handlers and connections that were cut, and some for a busy machine.
        assert!(took < Duration::from_secs(4), "{report} after {took:?}");
        drop((held, silent, half, wire));
    });
}

/// Connections that say nothing after their SETTINGS, until they are all closed again.
fn idle_connections(victim: &mut Victim, count: usize) {
    let rest = victim.at_rest();
    let addr = victim.addr();
    let mut idle = Vec::new();
    while idle.len() < count {
        // The kernel queues 128 for the server to accept, and lets more wait a second for their next try.
        idle.extend((0..100).map(|_| Attacker::open(addr)));
        eventually("the server has accepted them", || victim.look().files >= rest.files + idle.len());
    }
    victim.bystander_goes_on(20);
    drop(idle);
    eventually("the server has closed them", || victim.look().files <= rest.files);
}

#[test]
fn two_thousand_idle_connections_cost_a_file_each_and_little_memory() {
    watched(|| {
        let mut victim = Victim::start(SERVER);
        idle_connections(&mut victim, 2_000);
        let grown = victim.peak_growth();
        assert!(grown / 2_000 < 24 * 1024, "{} bytes for each connection", grown / 2_000);
        // The allocator keeps most of it and uses it again, cut differently: what the first connections had in their buffers but never
        // touched is touched in time (8 KiB each), and no more.
        (0..4).for_each(|_| idle_connections(&mut victim, 1_000));
        let again = victim.peak_growth();
        assert!(again / 2_000 < 28 * 1024, "first {} KiB, after 4,000 more {} KiB", grown / 1024, again / 1024);
        victim.assert_recovers_within("idle connections x 2000", 64 * MIB, 64 * MIB);
    });
}
