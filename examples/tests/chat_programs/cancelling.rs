//! A client that no longer wants its answer, or is no longer there.

use std::time::Duration;

use stolid_examples::chat::proto::chat_response::Type;

use super::models::Gated;
use super::serving::{SETTINGS, Serving, Settings};

#[test]
fn cancelling_the_stream_stops_the_model_and_leaves_the_session_as_it_was() {
    let (model, questions) = Gated::new();
    let serving = Serving::start(model);
    let session = serving.new_session();
    let mut talk = serving.talk();
    talk.say(&session, "running");
    talk.say(&session, "waiting");
    let asked = questions.next();
    talk.assert_starts(&session, 1);
    asked.say("Hel");
    talk.expect(Type::Chunk, &session);
    talk.responses.cancel();
    asked.wait_given_up();
    let id = &session[..8];
    serving.log.wait_for(&format!("CANCELLED → {id}...: the client cancelled, after 1 chunks and "), 0);
    serving.log.wait_for(&format!("CANCELLED → {id}...: the client cancelled, after 0 chunks and "), 0);
    // The session is free again, and nothing of what was cancelled is in it.
    let mut next = serving.talk();
    next.say(&session, "next");
    let asked = questions.next();
    assert_eq!((asked.question(), asked.history.len()), ("next", 1));
    asked.say("done");
    drop(asked);
    assert_eq!(next.answer(&session), "done");
    let stats = serving.stats();
    assert_eq!((stats.total_requests, stats.successful_requests, stats.failed_requests), (3, 1, 2));
}

#[test]
fn a_pause_between_two_words_ends_when_the_client_cancels() {
    let (model, questions) = Gated::new();
    let settings = Settings { word_delay: Duration::from_secs(3600), ..SETTINGS };
    let serving = Serving::with_settings(model, settings);
    let session = serving.new_session();
    let mut talk = serving.talk();
    talk.say(&session, "Hi");
    let asked = questions.next();
    asked.say("one two three ");
    talk.assert_starts(&session, 1);
    assert_eq!(talk.expect(Type::Chunk, &session).chunk_text, "one ");
    talk.responses.cancel();
    serving.log.wait_for("the client cancelled, after 1 chunks", 0);
    asked.wait_given_up();
}

#[test]
fn an_answer_that_takes_too_long_is_given_up() {
    let (model, questions) = Gated::new();
    let settings = Settings { answer_timeout: Duration::ZERO, ..SETTINGS };
    let serving = Serving::with_settings(model, settings);
    let session = serving.new_session();
    let mut talk = serving.talk();
    talk.say(&session, "Hi");
    let asked = questions.next();
    talk.assert_starts(&session, 1);
    // However soon this comes, it is too late.
    asked.say("Hello");
    talk.expect_error(&session, stolid::Code::DeadlineExceeded);
}
