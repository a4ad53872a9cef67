//! Real clients that cancel what they ask for, by the ten thousand.

use std::thread;
use std::time::Duration;

use stolid::{Code, Request, Status};
use stolid_tests::attack::{Dice, MIB, Victim};
use stolid_tests::echo::echo_client::EchoClient;
use stolid_tests::handlers::{note, note_of};
use stolid_tests::pair::client_of;
use stolid_tests::process::{Process, eventually};
use stolid_tests::watchdog::watched;

const SERVER: &str = env!("CARGO_BIN_EXE_test-peer");
const CALLS: u64 = 10_000;
const CALLERS: u64 = 4;

/// One call that is given up at some point.
fn give_up_somewhere(client: &EchoClient, dice: &mut Dice) -> Result<(), Status> {
    match dice.roll(6) {
        // Before anything came.
        0 => client.repeat(note(1_000)).map(drop),
        // After some replies of many.
        1 => {
            let mut replies = client.repeat(note(1_000))?;
            for _ in 0..dice.roll(10) {
                replies.message()?;
            }
            Ok(())
        }
        // In the middle of an upload.
        2 => {
            let mut upload = client.gather(())?;
            for _ in 0..dice.roll(10) {
                upload.send(note_of(1_000))?;
            }
            upload.cancel();
            Ok(())
        }
        // In the middle of a conversation, by its context.
        3 => {
            let (sender, mut replies) = client.relay(())?.split();
            for number in 0..dice.roll(4) {
                sender.send(note(number))?;
                replies.message()?;
            }
            sender.context().cancel();
            Ok(())
        }
        // By its deadline, now or soon.
        4 => {
            let timeout = Duration::from_micros(dice.roll(2_000));
            client.say(Request::new(note_of(100)).with_timeout(timeout)).map(drop)
        }
        _ => client.relay(()).map(drop),
    }
}

#[test]
fn ten_thousand_calls_cancelled_anywhere_leave_nothing() {
    watched(|| {
        let mut victim = Victim::start(SERVER);
        let addr = victim.addr();
        let this = Process::this();
        let (threads, files) = (this.threads_named("stolid"), this.open_files());
        let callers = Vec::from_iter((0..CALLERS).map(|number| {
            thread::spawn(move || {
                let client = client_of(addr);
                let mut dice = Dice::seeded(4_711 + number);
                for _ in 0..CALLS / CALLERS {
                    if let Err(status) = give_up_somewhere(&client, &mut dice) {
                        let expected = matches!(status.code(), Code::Cancelled | Code::DeadlineExceeded);
                        assert!(expected, "{status}");
                    }
                }
                // The connection has borne it all.
                let answer = client.say(note(9)).expect("the server answers");
                assert_eq!(answer.into_inner(), note(9));
            })
        }));
        for caller in callers {
            caller.join().expect("every call ends as it may");
            victim.look();
        }
        victim.bystander_goes_on(20);
        victim.assert_recovers("cancel storm x 10000", 48 * MIB);
        // Nor on the clients' side: only what the bystander had, which is gone too.
        eventually("the clients' threads are gone", || this.threads_named("stolid") <= threads);
        eventually("the clients' files are closed", || this.open_files() <= files);
    });
}
