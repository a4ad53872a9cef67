//! A server that stops.

use std::thread;
use std::time::Duration;

use stolid::Code;

use super::models::Gated;
use super::output::PATIENCE;
use super::serving::Serving;

#[test]
fn a_draining_server_ends_idle_streams_and_finishes_running_answers() {
    let (model, questions) = Gated::new();
    let serving = Serving::start(model);
    let session = serving.new_session();
    let (mut idle, mut busy) = (serving.talk_in(&[&session]), serving.talk());
    busy.say(&session, "Hi");
    let asked = questions.next();
    busy.assert_starts(&session, 1);
    assert_eq!(serving.server.drain(), 1);
    let status = idle.next_result().expect_err("the stream is ended");
    assert_eq!((status.code(), status.message()), (Code::Unavailable, "the server is shutting down"));
    // What comes now is refused, what runs goes on.
    busy.say(&session, "More?");
    busy.expect_error(&session, Code::Unavailable);
    let report = thread::scope(|scope| {
        let stopping = scope.spawn(|| serving.server.shutdown(PATIENCE));
        asked.say("Hello");
        drop(asked);
        busy.assert_ends(&session, "Hello", 2);
        let status = busy.next_result().expect_err("the stream is ended");
        assert_eq!((status.code(), status.message()), (Code::Unavailable, "the server is shutting down"));
        stopping.join().expect("the server stops")
    });
    assert_eq!((report.cut, report.stuck), (0, 0), "{report:?}");
}

#[test]
fn an_answer_that_does_not_end_in_time_is_cut() {
    let (model, questions) = Gated::new();
    let serving = Serving::start(model);
    let session = serving.new_session();
    let mut talk = serving.talk();
    talk.say(&session, "Hi");
    let asked = questions.next();
    talk.assert_starts(&session, 1);
    let report = serving.server.shutdown(Duration::from_millis(10));
    assert_eq!((report.cut, report.stuck), (1, 0), "{report:?}");
    asked.wait_given_up();
    serving.log.wait_for("CANCELLED", 0);
    serving.log.wait_for("the server is shutting down, after 0 chunks", 0);
    assert_eq!(talk.next_result().expect_err("the stream is cut").code(), Code::Unavailable);
}

#[test]
fn a_stopped_server_is_not_there() {
    let (model, _questions) = Gated::new();
    let serving = Serving::start(model);
    let mut talk = serving.talk();
    talk.assert_quiet();
    serving.server.shutdown(PATIENCE);
    assert_eq!(serving.try_new_session().unwrap_err().code(), Code::Unavailable);
    assert_eq!(talk.next_result().expect_err("the stream is over").code(), Code::Unavailable);
}
