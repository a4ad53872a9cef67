//! One turn, seen from a client: which responses come, in which order, with what in them.

use std::sync::Arc;

use stolid::client::Grpc;
use stolid::{BidiStreaming, Channel, Code, Request};
use stolid_examples::chat::proto::chat_response::Type;
use stolid_examples::chat::proto::{ChatRequest, ChatResponse, chat_request};
use stolid_examples::model::{Answer, ModelError, ModelErrorKind, Turn};

use super::models::{Gated, Simple, complete, counting};
use super::output::PATIENCE;
use super::serving::{Kind, SETTINGS, Serving};

#[test]
fn a_message_is_answered_in_order() {
    let serving = Serving::start(Arc::new(Simple(|_: &[Turn]| Ok(complete(["Hello ", "there", "."])))));
    let session = serving.new_session();
    let mut talk = serving.talk();
    talk.say(&session, "Hi");
    let status = talk.expect(Type::Status, &session);
    assert_eq!((status.context_messages, status.status_message.as_str()), (1, "Generating response..."));
    assert_eq!(talk.expect(Type::ResponseStart, &session).context_messages, 1);
    for (number, text) in [(1, "Hello "), (2, "there"), (3, ".")] {
        let chunk = talk.expect(Type::Chunk, &session);
        assert_eq!((chunk.chunk_number, chunk.chunk_text.as_str(), chunk.total_chunks), (number, text, 3));
    }
    let done = talk.expect(Type::ResponseComplete, &session);
    assert_eq!((done.total_chunks, done.context_messages), (3, 1));
    assert!(done.processing_time > 0.0 && done.processing_time < 60.0, "{done:?}");
    let update = talk.expect(Type::SessionUpdate, &session);
    assert_eq!(update.message_count, 2);
    for response in [status, done, update] {
        response.timestamp.parse::<jiff::Timestamp>().expect("an RFC 3339 time");
    }
    talk.assert_quiet();
}

#[test]
fn a_live_model_does_not_know_the_number_of_its_chunks_before_the_end() {
    let (model, questions) = Gated::new();
    let serving = Serving::start(model);
    let session = serving.new_session();
    let mut talk = serving.talk();
    talk.say(&session, "Hi");
    let asked = questions.next();
    talk.expect(Type::Status, &session);
    talk.expect(Type::ResponseStart, &session);
    for (number, piece) in [(1, "Hel"), (2, "lo wor"), (3, "ld")] {
        asked.say(piece);
        // It is here although the model has not gone on: pieces are sent as they come.
        let chunk = talk.expect(Type::Chunk, &session);
        assert_eq!((chunk.chunk_number, chunk.chunk_text.as_str(), chunk.total_chunks), (number, piece, 0));
    }
    drop(asked);
    assert_eq!(talk.expect(Type::ResponseComplete, &session).total_chunks, 3);
}

#[test]
fn with_a_word_delay_tokens_become_words() {
    let (model, questions) = Gated::new();
    let settings = super::serving::Settings { word_delay: std::time::Duration::from_millis(1), ..SETTINGS };
    let serving = Serving::with_settings(model, settings);
    let session = serving.new_session();
    let mut talk = serving.talk();
    talk.say(&session, "Hi");
    let asked = questions.next();
    ["Hel", "lo wor", "ld, how", " are you?"].iter().for_each(|piece| asked.say(piece));
    drop(asked);
    talk.expect(Type::Status, &session);
    talk.expect(Type::ResponseStart, &session);
    for word in ["Hello ", "world, ", "how ", "are ", "you?"] {
        assert_eq!(talk.expect(Type::Chunk, &session).chunk_text, word);
    }
    assert_eq!(talk.expect(Type::ResponseComplete, &session).total_chunks, 5);
}

#[test]
fn a_complete_answer_is_cut_into_words_and_counted_ahead() {
    let settings = super::serving::Settings { word_delay: std::time::Duration::from_millis(1), ..SETTINGS };
    let model = Simple(|_: &[Turn]| Ok(complete(["one two", " three"])));
    let serving = Serving::with_settings(Arc::new(model), settings);
    let session = serving.new_session();
    let mut talk = serving.talk();
    talk.say(&session, "Hi");
    talk.expect(Type::Status, &session);
    talk.expect(Type::ResponseStart, &session);
    for word in ["one ", "two ", "three"] {
        let chunk = talk.expect(Type::Chunk, &session);
        assert_eq!((chunk.chunk_text.as_str(), chunk.total_chunks), (word, 3));
    }
    talk.expect(Type::ResponseComplete, &session);
}

#[test]
fn the_whole_history_goes_to_the_model() {
    let (model, questions) = Gated::new();
    let serving = Serving::start(model);
    let session = serving.new_session();
    let mut talk = serving.talk();
    for (question, answer) in [("My name is Ada.", "Hello Ada."), ("I like tea.", "Fine.")] {
        talk.say(&session, question);
        questions.next().say(answer);
        assert_eq!(talk.answer(&session), answer);
    }
    talk.say(&session, "Who am I?");
    let asked = questions.next();
    let expected = [
        Turn::user("My name is Ada."),
        Turn::assistant("Hello Ada."),
        Turn::user("I like tea."),
        Turn::assistant("Fine."),
        Turn::user("Who am I?"),
    ];
    assert_eq!(asked.history, expected);
    assert_eq!(talk.expect(Type::Status, &session).context_messages, 5);
}

#[test]
fn a_ping_is_answered_while_an_answer_runs() {
    let (model, questions) = Gated::new();
    let serving = Serving::start(model);
    let session = serving.new_session();
    let mut talk = serving.talk();
    talk.say(&session, "Hi");
    let asked = questions.next();
    talk.expect(Type::Status, &session);
    talk.expect(Type::ResponseStart, &session);
    talk.send(chat_request::Type::Ping, &session, "nonce 1");
    let pong = talk.expect(Type::Pong, &session);
    assert_eq!(pong.status_message, "nonce 1");
    asked.say("Hello");
    talk.expect(Type::Chunk, &session);
    talk.send(chat_request::Type::Ping, "", "nonce 2");
    assert_eq!(talk.expect(Type::Pong, "").status_message, "nonce 2");
    drop(asked);
    talk.expect(Type::ResponseComplete, &session);
}

#[test]
fn an_unknown_session_fails_its_turn_and_not_the_stream() {
    let serving = Serving::start(counting());
    let session = serving.new_session();
    let mut talk = serving.talk();
    talk.say("nobody", "Hi");
    let error = talk.expect_error("nobody", Code::NotFound);
    assert!(error.contains("\"nobody\""), "{error}");
    assert_eq!(talk.ask(&session, "Hi"), "1: Hi");
    let stats = serving.stats();
    assert_eq!((stats.total_requests, stats.successful_requests, stats.failed_requests), (2, 1, 1));
}

/// A model that fails before its first word, in the middle or by a panic, as the question wants it.
fn failing(history: &[Turn]) -> Result<Answer, ModelError> {
    let cut = || ModelError::new(ModelErrorKind::Cut, "The answer was cut.");
    match history.last().expect("there is a question").text.as_str() {
        "fail" => Err(ModelError::new(ModelErrorKind::Limited, "Too many requests.")),
        "cut" => Ok(Answer { complete: false, pieces: Box::new([Ok("Hel".to_owned()), Err(cut())].into_iter()) }),
        "cut whole" => Ok(Answer { complete: true, pieces: Box::new([Ok("Hel".to_owned()), Err(cut())].into_iter()) }),
        "panic" => panic!("the test wants it"),
        "nothing" => Ok(complete([])),
        _ => Ok(complete([history.len().to_string().as_str()])),
    }
}

#[test]
fn a_failure_of_the_model_ends_its_turn_alone_and_leaves_the_session_as_it_was() {
    let serving = Serving::start(Arc::new(Simple(failing)));
    let session = serving.new_session();
    let mut talk = serving.talk();
    assert_eq!(talk.ask(&session, "Hi"), "1");
    for (question, code, text) in [
        ("fail", Code::ResourceExhausted, "RESOURCE_EXHAUSTED: Too many requests."),
        ("cut", Code::Unavailable, "UNAVAILABLE: The answer was cut."),
        ("cut whole", Code::Unavailable, "UNAVAILABLE: The answer was cut."),
        ("panic", Code::Internal, "INTERNAL: the model panicked: the test wants it"),
        ("nothing", Code::Internal, "INTERNAL: the model gave an empty answer"),
        ("  ", Code::InvalidArgument, "INVALID_ARGUMENT: the message is empty"),
    ] {
        talk.say(&session, question);
        let mut response = talk.next();
        while response.kind() != Type::Error {
            response = talk.next();
        }
        assert_eq!(response.error_message, text, "{question}");
        assert!(text.starts_with(code.name()));
        assert_eq!(serving.session(&session).unwrap().message_count, 2);
        serving.log.wait_for(&format!("FAILED → {}...: {text}", &session[..8]), 0);
    }
    assert_eq!(talk.ask(&session, "Hi again"), "3");
    let stats = serving.stats();
    assert_eq!((stats.total_requests, stats.successful_requests, stats.failed_requests), (8, 2, 6));
}

#[test]
fn types_from_a_newer_client_are_ignored() {
    let serving = Serving::start(counting());
    let session = serving.new_session();
    let mut talk = serving.talk();
    for unknown in [4, 99, -1, i32::MAX] {
        let request = ChatRequest { r#type: unknown, session_id: session.clone(), ..ChatRequest::default() };
        talk.send_raw(request);
    }
    talk.assert_quiet();
    assert_eq!(talk.ask(&session, "Hi"), "1: Hi");
}

/// A ChatRequest as a newer version of the protocol may have it.
#[derive(Clone, PartialEq, prost::Message)]
struct NewerRequest {
    #[prost(int32, tag = "1")]
    kind: i32,
    #[prost(string, tag = "2")]
    session_id: String,
    #[prost(string, tag = "3")]
    message: String,
    #[prost(string, tag = "100")]
    mood: String,
    #[prost(double, tag = "101")]
    urgency: f64,
}

#[test]
fn fields_from_a_newer_client_are_ignored() {
    let serving = Serving::start(counting());
    let session_id = serving.new_session();
    let channel = Channel::builder(serving.server.address().target()).timeout(PATIENCE).connect();
    let grpc = Grpc::new(channel.expect("the server listens"));
    let call: BidiStreaming<NewerRequest, ChatResponse> =
        grpc.streaming("/chat.v1.ChatService/Chat", Request::new(())).expect("a stream");
    let (requests, mut responses) = call.split();
    let request =
        NewerRequest { kind: 0, session_id, message: "Hi".to_owned(), mood: "curious".to_owned(), urgency: 0.5 };
    requests.send(request).expect("the stream is open");
    drop(requests);
    let kinds: Vec<Type> = responses.by_ref().map(|response| response.expect("an answer").kind()).collect();
    let expected = [Type::Status, Type::ResponseStart, Type::Chunk, Type::ResponseComplete, Type::SessionUpdate];
    assert_eq!(kinds, expected);
}

#[test]
fn turns_of_one_session_are_answered_one_after_another() {
    let (model, questions) = Gated::new();
    let serving = Serving::start(model);
    let session = serving.new_session();
    let (mut first, mut second) = (serving.talk(), serving.talk_in(&[&session]));
    first.say(&session, "one");
    first.say(&session, "two");
    let one = questions.next();
    assert_eq!(one.question(), "one");
    first.assert_starts(&session, 1);
    // The server has read the second message before the third is sent.
    first.assert_quiet();
    // Another stream has to wait as well.
    second.say(&session, "three");
    second.assert_quiet();
    questions.assert_none();
    one.say("1");
    drop(one);
    first.assert_ends(&session, "1", 2);
    let two = questions.next();
    assert_eq!((two.question(), two.history.len()), ("two", 3));
    first.assert_starts(&session, 3);
    questions.assert_none();
    two.say("2");
    drop(two);
    first.assert_ends(&session, "2", 4);
    let three = questions.next();
    assert_eq!((three.question(), three.history.len()), ("three", 5));
    three.say("3");
    drop(three);
    // It heard of the other turns of its session, and then comes its own.
    for count in [2, 4] {
        assert_eq!(second.expect(Type::SessionUpdate, &session).message_count, count);
    }
    assert_eq!(second.answer(&session), "3");
}

#[test]
fn turns_of_different_sessions_are_answered_side_by_side_on_one_stream() {
    let (model, questions) = Gated::new();
    let serving = Serving::start(model);
    let sessions: Vec<String> = (0..5).map(|_| serving.new_session()).collect();
    let mut talk = serving.talk();
    let mut asked = Vec::new();
    for session in &sessions {
        talk.say(session, session);
        asked.push(questions.next());
        talk.assert_starts(session, 1);
    }
    // All five run; they are answered in an order of our own.
    for question in asked.into_iter().rev() {
        let session = question.question().to_owned();
        question.say("done");
        drop(question);
        talk.assert_ends(&session, "done", 2);
    }
}

#[test]
fn a_half_closed_stream_gets_its_answers_and_then_its_end() {
    let (model, questions) = Gated::new();
    let serving = Serving::start(model);
    let session = serving.new_session();
    let mut talk = serving.talk();
    talk.say(&session, "one");
    talk.say(&session, "two");
    talk.half_close();
    for answer in ["1", "2"] {
        let asked = questions.next();
        asked.say(answer);
        drop(asked);
        assert_eq!(talk.answer(&session), answer);
    }
    assert_eq!(talk.next_result().expect("a clean end"), None);
}
