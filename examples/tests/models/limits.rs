//! Deadlines and cancellation: no answer outlives them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use stolid_examples::model::ModelErrorKind as Kind;
use stolid_examples::model::{Limits, Model};

use crate::scripted_http::{PATIENCE, STREAM_HEAD, ScriptedServer, Step, chunk};
use crate::{assert_says, gemini, history, openai, patient, read, watched};

type Maker = fn(&str) -> Arc<dyn Model>;

const GEMINI_PIECE: &str = "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"Hello \"}]}}]}\r\n\r\n";
const OPENAI_PIECE: &str = "data: {\"choices\":[{\"delta\":{\"content\":\"Hello \"}}]}\n\n";

/// Both APIs: the model's maker and a piece of an answer.
const BOTH: [(Maker, &str); 2] = [(gemini, GEMINI_PIECE), (openai, OPENAI_PIECE)];

/// A deadline that a test can wait for.
const SHORT: Duration = Duration::from_millis(300);

/// Steps that send one piece and then nothing more.
fn stalling(piece: &str) -> Vec<Step> {
    vec![Step::Send(STREAM_HEAD.into()), Step::Send(chunk(piece)), Step::WaitForHangUp]
}

#[test]
fn a_stall_ends_at_the_deadline() {
    watched(|| {
        for (make, piece) in BOTH {
            let mut timeout = SHORT;
            loop {
                let server = ScriptedServer::start(vec![stalling(piece)]);
                let begun = Instant::now();
                let limits = Limits::within(timeout);
                let (pieces, failure) = read(make(&server.url()).answer(&history(), &limits));
                assert!(begun.elapsed() >= timeout, "it gave up too early");
                // The server sees the end of the connection.
                server.finish();
                let failure = failure.expect("a failure");
                assert_eq!(failure.kind(), Kind::Deadline, "{failure}");
                if pieces == ["Hello "] {
                    assert_says(&failure, Kind::Deadline, &["did not finish before the deadline", "incomplete"]);
                    break;
                }
                // A busy machine may need longer for the piece before the stall.
                timeout *= 2;
                assert!(timeout < PATIENCE, "the piece never comes");
            }
        }
    });
}

#[test]
fn a_server_that_never_answers_ends_at_the_deadline() {
    watched(|| {
        for (make, _) in BOTH {
            // Silent from the beginning, and in the middle of the head.
            for head in ["", "HTTP/1.1 200 OK\r\ncontent-ty"] {
                let script = vec![Step::Send(head.into()), Step::WaitForHangUp];
                let server = ScriptedServer::start(vec![script]);
                let (pieces, failure) = read(make(&server.url()).answer(&history(), &Limits::within(SHORT)));
                assert_eq!(pieces, [""; 0]);
                assert_says(&failure.expect("a failure"), Kind::Deadline, &["did not answer before the deadline"]);
                server.finish();
            }
        }
    });
}

#[test]
fn a_deadline_that_has_passed_asks_nobody() {
    for (make, _) in BOTH {
        let model = make("http://127.0.0.1:9");
        let error = model.answer(&history(), &Limits::until(Instant::now())).expect_err("an error");
        assert_says(&error, Kind::Deadline, &["deadline"]);
    }
}

#[test]
fn a_trickle_does_not_move_the_deadline() {
    watched(|| {
        for (make, _) in BOTH {
            let (signal, signalled) = mpsc::channel();
            let comments = ": still thinking\n\n".repeat(100_000);
            let server = ScriptedServer::start(vec![vec![
                Step::Send(STREAM_HEAD.into()),
                Step::SendByByte(chunk(&comments), signalled),
            ]]);
            let limits = Limits::within(SHORT).with_cancelled(Arc::new(move || {
                // The server lets go of its end when the client is gone.
                let _ = signal.send(());
                false
            }));
            let (_, failure) = read(make(&server.url()).answer(&history(), &limits));
            assert_says(&failure.expect("a failure"), Kind::Deadline, &["deadline"]);
            drop(limits);
            server.finish();
        }
    });
}

#[test]
fn a_cancelled_answer_ends_while_the_server_is_silent() {
    watched(|| {
        for (make, piece) in BOTH {
            let server = ScriptedServer::start(vec![stalling(piece)]);
            let (flag, limits) = cancellable();
            let mut answer = make(&server.url()).answer(&history(), &limits).expect("an answer");
            assert_eq!(answer.pieces.next(), Some(Ok("Hello ".to_owned())));
            flag.store(true, Ordering::SeqCst);
            let begun = Instant::now();
            let error = answer.pieces.next().expect("an item").expect_err("an error");
            assert_says(&error, Kind::Cancelled, &["The answer was cancelled."]);
            assert!(begun.elapsed() < PATIENCE / 2, "it waited for the deadline");
            assert!(answer.pieces.next().is_none());
            // The server sees the end of the connection although the answer is still held.
            server.finish();
        }
    });
}

#[test]
fn a_read_that_waits_is_interrupted() {
    watched(|| {
        for (make, piece) in BOTH {
            for script in [vec![Step::WaitForHangUp], stalling(piece)] {
                let server = ScriptedServer::start(vec![script]);
                let (flag, limits) = cancellable();
                let model = make(&server.url());
                let asking = thread::spawn(move || read(model.answer(&history(), &limits)));
                assert!(server.request().line.starts_with("POST"));
                flag.store(true, Ordering::SeqCst);
                let (_, failure) = asking.join().expect("an answer");
                assert_says(&failure.expect("a failure"), Kind::Cancelled, &["cancelled"]);
                server.finish();
            }
        }
    });
}

#[test]
fn a_dropped_answer_closes_its_connection() {
    watched(|| {
        for (make, piece) in BOTH {
            let server = ScriptedServer::start(vec![stalling(piece)]);
            let mut answer = make(&server.url()).answer(&history(), &patient()).expect("an answer");
            assert_eq!(answer.pieces.next(), Some(Ok("Hello ".to_owned())));
            drop(answer);
            server.finish();
        }
    });
}

fn cancellable() -> (Arc<AtomicBool>, Limits) {
    let flag = Arc::new(AtomicBool::new(false));
    let asked = Arc::clone(&flag);
    let limits = patient().with_cancelled(Arc::new(move || asked.load(Ordering::SeqCst)));
    (flag, limits)
}
