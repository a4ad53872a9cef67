//! Every wait of a client, ended in every way: the right status, the right cause, at once.

use std::thread;
use std::time::{Duration, Instant};

use stolid::{CancelCause, Code, Request, Status};
use stolid_tests::child::Child;
use stolid_tests::echo::Note;
use stolid_tests::echo::echo_client::EchoClient;
use stolid_tests::endings::{Ending, TIMEOUT, Wait, Waiting, wait};
use stolid_tests::handlers::{DO, note, note_of};
use stolid_tests::pair::{client_of, scripted_server};
use stolid_tests::watchdog::watched;
use stolid_tests::wire::{Reason, Wire};

/// Who answers nothing.
enum Silent {
    Script(Box<Wire>),
    Process(Child),
}

impl Silent {
    /// The call is in its handler: what a process does not know of it cannot end.
    fn until_called(&mut self) {
        if let Self::Process(child) = self {
            child.until_running(1);
        }
    }
}

fn silent_peer(ending: Ending) -> (EchoClient, Silent) {
    match ending {
        Ending::Deadline | Ending::Cancel | Ending::Reset => {
            let (client, mut wire) = scripted_server();
            wire.auto.windows = false;
            (client, Silent::Script(Box::new(wire)))
        }
        Ending::Kill | Ending::Shutdown => {
            let (child, addr) = Child::server(env!("CARGO_BIN_EXE_test-peer"));
            (client_of(addr), Silent::Process(child))
        }
    }
}

fn request<T>(message: T, ending: Ending) -> Request<T> {
    let request = Request::new(message).with_metadata(DO, "hang").expect("the metadata is legal");
    match ending {
        Ending::Deadline => request.with_timeout(TIMEOUT),
        _ => request,
    }
}

/// Goes into the wait and reports how it came out.
fn wait_in(wait: Wait, client: &EchoClient, ending: Ending, waiting: &Waiting) {
    let (code, context) = match wait {
        Wait::Send => {
            let mut call = client.gather(request((), ending)).expect("the call opens");
            waiting.begin(&call.context());
            let refused = loop {
                if let Err(status) = call.send(note_of(30_000)) {
                    break status;
                }
            };
            (refused.code(), call.context())
        }
        Wait::Message => {
            let (_sender, mut replies) = client.relay(request((), ending)).expect("the call opens").split();
            waiting.begin(&replies.context());
            (replies.message().expect_err("nothing ever comes").code(), replies.context())
        }
        Wait::Cancelled => {
            let call = client.relay(request((), ending)).expect("the call opens");
            waiting.begin(&call.context());
            call.context().wait_cancelled(None);
            (call.context().check().err().map_or(Code::Ok, |status| status.code()), call.context())
        }
        Wait::Unary => unreachable!("a unary call has no context on this side: see the test below"),
    };
    waiting.woke(code, &context);
}

/// One cell of the table: the wait begins, the ending comes, the wait ends so.
#[track_caller]
fn assert_cell(row: Wait, ending: Ending, code: Code, cause: Option<CancelCause>) {
    let (client, mut peer) = silent_peer(ending);
    let (waiting, watching) = wait();
    let began = Instant::now();
    let thread = thread::spawn(move || wait_in(row, &client, ending, &waiting));
    let context = watching.until_asleep();
    peer.until_called();
    let due = match ending {
        Ending::Deadline => context.deadline().expect("the call has a deadline"),
        _ => Instant::now(),
    };
    assert!(due >= began);
    end(ending, &mut peer, || context.cancel());
    watching.assert_woken(&format!("{row:?} ended by {ending:?}"), due, code, cause);
    thread.join().expect("the waiting thread does not panic");
}

fn end(ending: Ending, peer: &mut Silent, cancel: impl FnOnce()) {
    match (ending, peer) {
        (Ending::Deadline, _) => {}
        (Ending::Cancel, _) => cancel(),
        (Ending::Reset, Silent::Script(wire)) => {
            let stream = wire.recv_call().stream;
            wire.send_reset(stream, Reason::CANCEL);
        }
        (Ending::Kill, Silent::Process(child)) => child.kill(),
        (Ending::Shutdown, Silent::Process(child)) => child.shut_down(Duration::ZERO),
        (ending, _) => unreachable!("{ending:?} needs the other peer"),
    }
}

#[test]
fn waits_end_with_the_deadline() {
    watched(|| {
        for row in [Wait::Send, Wait::Message, Wait::Cancelled] {
            assert_cell(row, Ending::Deadline, Code::DeadlineExceeded, Some(CancelCause::DeadlineExceeded));
        }
    });
}

#[test]
fn waits_end_when_another_thread_cancels() {
    watched(|| {
        for row in [Wait::Send, Wait::Message, Wait::Cancelled] {
            assert_cell(row, Ending::Cancel, Code::Cancelled, Some(CancelCause::Local));
        }
    });
}

#[test]
fn waits_end_when_the_peer_resets_the_stream() {
    watched(|| {
        for row in [Wait::Send, Wait::Message, Wait::Cancelled] {
            assert_cell(row, Ending::Reset, Code::Cancelled, Some(CancelCause::PeerReset));
        }
    });
}

#[test]
fn waits_end_when_the_peer_is_killed() {
    watched(|| {
        for row in [Wait::Send, Wait::Message, Wait::Cancelled] {
            assert_cell(row, Ending::Kill, Code::Unavailable, Some(CancelCause::ConnectionLost));
        }
    });
}

#[test]
fn waits_end_when_the_server_shuts_down() {
    watched(|| {
        // The server says so in trailers: the call has ended, nobody has cancelled it.
        for (row, code) in
            [(Wait::Send, Code::Unavailable), (Wait::Message, Code::Unavailable), (Wait::Cancelled, Code::Ok)]
        {
            assert_cell(row, Ending::Shutdown, code, None);
        }
    });
}

/// A unary call in a thread of its own, and its status with the time it took after `end`.
#[track_caller]
fn unary_ended_by(ending: Ending) -> (Status, Duration) {
    let (client, mut peer) = silent_peer(ending);
    let (say, said) = std::sync::mpsc::channel();
    let thread = thread::spawn(move || {
        let probe = stolid_tests::process::ThreadProbe::current();
        say.send(probe).expect("the test listens");
        let result: Result<stolid::Response<Note>, Status> = client.say(request(note(1), ending));
        (result.expect_err("nobody answers"), Instant::now())
    });
    let probe = said.recv().expect("the caller says who it is");
    stolid_tests::process::eventually("the caller waits", || probe.is_asleep());
    peer.until_called();
    let due = match ending {
        Ending::Deadline => Instant::now() + TIMEOUT,
        _ => Instant::now(),
    };
    end(ending, &mut peer, || unreachable!("nobody holds a unary call's context"));
    let (status, at) = thread.join().expect("the caller does not panic");
    (status, at.saturating_duration_since(due))
}

#[test]
fn unary_calls_end_in_every_way_that_exists() {
    watched(|| {
        for (ending, code) in [
            (Ending::Deadline, Code::DeadlineExceeded),
            (Ending::Reset, Code::Cancelled),
            (Ending::Kill, Code::Unavailable),
            (Ending::Shutdown, Code::Unavailable),
        ] {
            let (status, late) = unary_ended_by(ending);
            assert_eq!(status.code(), code, "{ending:?}: {status}");
            assert!(late < stolid_tests::endings::WAKES_WITHIN, "{ending:?}: woke {late:?} late");
        }
    });
}
