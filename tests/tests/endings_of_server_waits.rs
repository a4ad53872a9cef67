//! Every wait of a handler, ended in every way: the right status, the right cause, at once.

use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use prost::Message;
use stolid::{CancelCause, Code, Context, Request, Response, Server, Status};
use stolid_tests::child::Child;
use stolid_tests::echo::echo_client::EchoClient;
use stolid_tests::endings::{Ending, TIMEOUT, Wait, Waiting, Watching, wait};
use stolid_tests::gate::Gate;
use stolid_tests::handlers::{DO, Handlers, note, note_of};
use stolid_tests::pair::{Pair, serve};
use stolid_tests::watchdog::watched;
use stolid_tests::wire::{Reason, Wire, envelope};

/// A server whose methods wait: `Repeat` in `send`, `Gather` in `message`, `Say` in a unary call to
/// `next`, `Relay` in `wait_cancelled`.
fn waiting_server(waiting: Waiting, next: EchoClient) -> Server {
    let waiting = std::sync::Arc::new(Mutex::new(waiting));
    let report = move |context: &Context, wait: &mut dyn FnMut() -> Status| {
        let waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.begin(context);
        let status = wait();
        waiting.woke(status.code(), context);
        status
    };
    let [in_send, in_message, in_unary, in_wait] = [(); 4].map(|()| report.clone());
    let handlers = Handlers::new()
        .repeat(move |request, replies| {
            Err(in_send(&request.context(), &mut || loop {
                if let Err(status) = replies.send(note_of(30_000)) {
                    return status;
                }
            }))
        })
        .gather(move |requests| {
            let context = requests.context();
            let mut requests = requests.into_inner();
            Err(in_message(&context, &mut || requests.message().expect_err("nothing ever comes")))
        })
        .say(move |request| {
            Err(in_unary(&request.context(), &mut || {
                let hang = Request::new(note(0)).with_metadata(DO, "hang").expect("legal metadata");
                let result: Result<Response<_>, Status> = next.say(hang);
                result.expect_err("nobody answers")
            }))
        })
        .relay(move |requests, _replies| {
            let context = requests.context();
            Err(in_wait(&context, &mut || {
                context.wait_cancelled(None);
                context.check().expect_err("the call was cancelled")
            }))
        });
    serve(handlers)
}

fn method(row: Wait) -> &'static str {
    match row {
        Wait::Send => "repeat",
        Wait::Message => "gather",
        Wait::Unary => "say",
        Wait::Cancelled => "relay",
    }
}

/// Who calls and then stays silent.
enum Silent {
    Script(Box<Wire>, u32),
    Process(Child),
}

fn call(row: Wait, ending: Ending, server: &Server) -> Silent {
    let addr = server.local_addr();
    if ending == Ending::Kill {
        return Silent::Process(Child::client(env!("CARGO_BIN_EXE_test-peer"), addr, method(row)));
    }
    let (path, one_message) = match row {
        Wait::Send => ("/testing.v1.Echo/Repeat", true),
        Wait::Message => ("/testing.v1.Echo/Gather", false),
        Wait::Unary => ("/testing.v1.Echo/Say", true),
        Wait::Cancelled => ("/testing.v1.Echo/Relay", false),
    };
    let timeout = format!("{}m", TIMEOUT.as_millis());
    let metadata: &[(&str, &str)] = match ending {
        Ending::Deadline => &[("grpc-timeout", &timeout)],
        _ => &[],
    };
    let mut wire = Wire::client(addr);
    wire.auto.windows = false;
    let stream = wire.open_call(path, metadata);
    if one_message {
        wire.send_data(stream, &envelope(&note(1).encode_to_vec()), true);
    }
    Silent::Script(Box::new(wire), stream)
}

fn end(ending: Ending, peer: &mut Silent, server: &Server, context: &Context) {
    match (ending, peer) {
        (Ending::Deadline, _) => {}
        (Ending::Cancel, _) => context.cancel(),
        (Ending::Reset, Silent::Script(wire, stream)) => wire.send_reset(*stream, Reason::CANCEL),
        (Ending::Kill, Silent::Process(child)) => child.kill(),
        (Ending::Shutdown, _) => {
            server.shutdown(Duration::ZERO);
        }
        (ending, _) => unreachable!("{ending:?} needs the other peer"),
    }
}

#[track_caller]
fn assert_cell(row: Wait, ending: Ending, code: Code, cause: CancelCause) {
    let next = Pair::start(Handlers::as_told(&Gate::new()));
    let (waiting, watching): (Waiting, Watching) = wait();
    let server = waiting_server(waiting, next.client);
    let mut peer = call(row, ending, &server);
    let context = watching.until_asleep();
    let due = match ending {
        Ending::Deadline => context.deadline().expect("the call has a deadline"),
        _ => Instant::now(),
    };
    thread::scope(|scope| {
        // A shutdown returns after the handler; the wait's end is watched meanwhile.
        scope.spawn(|| end(ending, &mut peer, &server, &context));
        watching.assert_woken(&format!("{row:?} ended by {ending:?}"), due, code, Some(cause));
    });
}

const ROWS: [Wait; 4] = [Wait::Send, Wait::Message, Wait::Unary, Wait::Cancelled];

#[test]
fn waits_end_with_the_deadline() {
    watched(|| {
        for row in ROWS {
            assert_cell(row, Ending::Deadline, Code::DeadlineExceeded, CancelCause::DeadlineExceeded);
        }
    });
}

#[test]
fn waits_end_when_another_thread_cancels() {
    watched(|| {
        for row in ROWS {
            assert_cell(row, Ending::Cancel, Code::Cancelled, CancelCause::Local);
        }
    });
}

#[test]
fn waits_end_when_the_peer_resets_the_stream() {
    watched(|| {
        for row in ROWS {
            assert_cell(row, Ending::Reset, Code::Cancelled, CancelCause::PeerReset);
        }
    });
}

#[test]
fn waits_end_when_the_peer_is_killed() {
    watched(|| {
        for row in ROWS {
            assert_cell(row, Ending::Kill, Code::Cancelled, CancelCause::ConnectionLost);
        }
    });
}

#[test]
fn waits_end_when_the_server_shuts_down() {
    watched(|| {
        for row in ROWS {
            // The nested call is cancelled on this side, for the call it was made for is over.
            let code = if row == Wait::Unary { Code::Cancelled } else { Code::Unavailable };
            assert_cell(row, Ending::Shutdown, code, CancelCause::Shutdown);
        }
    });
}
