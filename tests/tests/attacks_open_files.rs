//! More connections than the system has files for: the server waits without being busy, and goes on when it can.

use std::thread;
use std::time::{Duration, Instant};

use stolid_tests::attack::{Attacker, MIB, Victim};
use stolid_tests::handlers::note;
use stolid_tests::pair::client_of;
use stolid_tests::process::eventually;
use stolid_tests::watchdog::watched;

const SERVER: &str = env!("CARGO_BIN_EXE_test-peer");

/// Files that the server may have open.
const FILES: usize = 64;

/// How long its use of the processor is measured.
const INTERVAL: Duration = Duration::from_secs(1);

/// The time the server ran on a processor in the next second, and the bystander's calls in it.
fn load(victim: &mut Victim) -> (Duration, u64) {
    let before = (victim.process().processor_time(), victim.bystander_calls());
    let began = Instant::now();
    eventually("the interval is over", || began.elapsed() >= INTERVAL);
    let after = (victim.process().processor_time(), victim.bystander_calls());
    (after.0 - before.0, after.1 - before.1)
}

#[test]
fn a_server_out_of_files_is_not_busy_and_goes_on_when_clients_leave() {
    watched(|| {
        let mut victim = Victim::start_with_files(SERVER, FILES);
        let (load_at_rest, calls_at_rest) = load(&mut victim);
        let addr = victim.addr();
        // No more than the kernel queues for a server that does not accept, for they would wait in `connect`.
        let attackers = Vec::from_iter((0..150).map(|_| Attacker::open(addr)));
        eventually("all files are used", || victim.look().files >= FILES - 1);
        let (load_of_attack, calls) = load(&mut victim);
        println!(
            "load at rest {load_at_rest:?} with {calls_at_rest} calls, under attack {load_of_attack:?} with {calls}"
        );
        // At most what the bystander's calls cost, and three tenths of a core.
        let limit = load_at_rest + INTERVAL * 3 / 10;
        assert!(load_of_attack < limit, "{load_of_attack:?} in {INTERVAL:?}, at rest {load_at_rest:?}");
        assert!(calls > 0, "the bystander is served");

        let waiting = thread::spawn(move || client_of(addr).say(note(5)));
        victim.bystander_goes_on(10);
        drop(attackers);
        let answer = waiting.join().expect("the late client connects").expect("and is served");
        assert_eq!(answer.into_inner(), note(5));
        victim.assert_recovers("150 connections, 64 files", 16 * MIB);
    });
}

#[test]
fn connections_over_the_limit_are_closed_at_once_and_none_that_is_there() {
    watched(|| {
        let mut victim = Victim::start_with(SERVER, &["connections=10"]);
        let rest = victim.at_rest();
        let held = Vec::from_iter((0..9).map(|_| Attacker::open(victim.addr())));
        eventually("the server has taken them", || victim.look().files == rest.files + 9);
        for _ in 0..300 {
            Attacker::dial(victim.addr()).read_to_end(Duration::from_secs(5));
        }
        victim.bystander_goes_on(20);
        drop(held);
        let client = client_of(victim.addr());
        client.say(note(1)).expect("there is room again");
        drop(client);
        victim.assert_recovers("connections over the limit x 300", 16 * MIB);
    });
}
