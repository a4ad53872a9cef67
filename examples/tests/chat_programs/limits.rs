//! What the server has only so much of.

use std::time::Duration;

use stolid::Code;
use stolid_examples::chat::proto::chat_request;
use stolid_examples::chat::proto::chat_response::Type;
use stolid_examples::chat::server::history::{MAX_ANSWER_BYTES, MAX_MESSAGE_BYTES};

use super::models::{Gated, counting};
use super::serving::{SETTINGS, Serving, Settings};

#[test]
fn there_are_only_so_many_sessions() {
    let serving = Serving::with_settings(counting(), Settings { max_sessions: 3, ..SETTINGS });
    (0..3).for_each(|_| drop(serving.new_session()));
    let status = serving.try_new_session().unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert!(status.message().contains("holds 3 sessions"), "{status}");
    let stats = serving.stats();
    assert_eq!((stats.active_sessions, stats.total_sessions_created), (3, 3));
}

#[test]
fn a_session_holds_only_so_many_messages() {
    let serving = Serving::with_settings(counting(), Settings { history_limit: 4, ..SETTINGS });
    let (full, other) = (serving.new_session(), serving.new_session());
    let mut talk = serving.talk();
    assert_eq!(talk.ask(&full, "a"), "1: a");
    assert_eq!(talk.ask(&full, "b"), "3: b");
    talk.say(&full, "c");
    let error = talk.expect_error(&full, Code::ResourceExhausted);
    assert!(error.contains("the session is full: it holds 4 messages"), "{error}");
    assert_eq!(talk.ask(&other, "a"), "1: a");
}

#[test]
fn messages_and_answers_are_only_so_long() {
    let (model, questions) = Gated::new();
    let serving = Serving::start(model);
    let session = serving.new_session();
    let mut talk = serving.talk();
    talk.say(&session, &"x".repeat(MAX_MESSAGE_BYTES + 1));
    talk.expect_error(&session, Code::ResourceExhausted);
    talk.say(&session, "Go on and on.");
    let asked = questions.next();
    talk.assert_starts(&session, 1);
    let piece = "y".repeat(MAX_ANSWER_BYTES / 2);
    for number in 1..=2 {
        asked.say(&piece);
        assert_eq!(talk.expect(Type::Chunk, &session).chunk_number, number);
    }
    asked.say("z");
    talk.expect_error(&session, Code::ResourceExhausted);
    asked.wait_given_up();
}

#[test]
fn only_so_many_turns_of_a_session_wait() {
    let (model, questions) = Gated::new();
    let serving = Serving::start(model);
    let session = serving.new_session();
    let mut talk = serving.talk();
    talk.say(&session, "running");
    let running = questions.next();
    talk.assert_starts(&session, 1);
    (0..16).for_each(|_| talk.say(&session, "waiting"));
    talk.assert_quiet();
    talk.say(&session, "one too many");
    let error = talk.expect_error(&session, Code::ResourceExhausted);
    assert!(error.contains("16 messages of this session wait"), "{error}");
    running.say("1");
    drop(running);
    talk.assert_ends(&session, "1", 2);
    for _ in 0..16 {
        questions.next().say("1");
        talk.answer(&session);
    }
    assert_eq!(serving.session(&session).unwrap().message_count, 34);
}

#[test]
fn a_session_without_a_sign_of_life_is_forgotten() {
    let idle = Duration::from_secs(60);
    let serving = Serving::with_settings(counting(), Settings { session_idle: idle, ..SETTINGS });
    let (left, typed, told) = (serving.new_session(), serving.new_session(), serving.new_session());
    let mut talk = serving.talk();
    serving.clock.advance(idle / 2);
    talk.send(chat_request::Type::TypingStart, &typed, "");
    talk.ask(&told, "Hi");
    serving.clock.advance(idle * 3 / 4);
    talk.say(&left, "Hi");
    talk.expect_error(&left, Code::NotFound);
    assert_eq!(serving.session(&left).unwrap_err().code(), Code::NotFound);
    assert_eq!(talk.ask(&typed, "Hi"), "1: Hi");
    assert_eq!(talk.ask(&told, "Hi"), "3: Hi");
    let stats = serving.stats();
    assert_eq!((stats.active_sessions, stats.total_sessions_created), (2, 3));
}
