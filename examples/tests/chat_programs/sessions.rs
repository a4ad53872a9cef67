//! Sessions, seen from a client: made, described, listed, deleted, and kept apart.

use std::time::Duration;

use stolid::Code;
use stolid_examples::chat::proto::chat_response::Type;
use stolid_examples::chat::proto::{DeleteSessionRequest, ListSessionsRequest};

use super::models::{Gated, counting};
use super::serving::Serving;

#[test]
fn a_session_is_described() {
    let serving = Serving::start(counting());
    let id = serving.new_session();
    let new = serving.session(&id).unwrap();
    assert_eq!((new.session_id.as_str(), new.model.as_str()), (id.as_str(), "simple"));
    assert_eq!((new.message_count, new.context_bytes, new.attached_streams, new.age_seconds), (0, 0, 0, 0));
    assert_eq!(new.created_at, new.last_active_at);
    serving.clock.advance(Duration::from_secs(90));
    let mut talk = serving.talk();
    assert_eq!(talk.ask(&id, "Hi"), "1: Hi");
    let used = serving.session(&id).unwrap();
    assert_eq!((used.message_count, used.context_bytes, used.attached_streams), (2, 7, 1));
    assert!((90..150).contains(&used.age_seconds), "{used:?}");
    assert_eq!(used.created_at, new.created_at);
    let idle = |session: &stolid_examples::chat::proto::Session| {
        let last: jiff::Timestamp = session.last_active_at.parse().expect("an RFC 3339 time");
        let created: jiff::Timestamp = session.created_at.parse().expect("an RFC 3339 time");
        last.duration_since(created).as_secs()
    };
    assert_eq!(idle(&used), used.age_seconds);
}

#[test]
fn sessions_are_listed_from_the_oldest_to_the_newest() {
    let serving = Serving::start(counting());
    let list = || {
        let response = serving.client.list_sessions(ListSessionsRequest {}).expect("a list").into_inner();
        response.sessions.into_iter().map(|session| session.session_id).collect::<Vec<_>>()
    };
    assert!(list().is_empty());
    let ids: Vec<String> = (0..20).map(|_| serving.new_session()).collect();
    assert_eq!(list(), ids);
}

#[test]
fn what_is_not_there_is_not_found() {
    let serving = Serving::start(counting());
    let id = serving.new_session();
    let delete = |id: &str| serving.client.delete_session(DeleteSessionRequest { session_id: id.to_owned() });
    delete(&id).expect("it is there");
    assert_eq!(delete(&id).unwrap_err().code(), Code::NotFound);
    assert_eq!(serving.session(&id).unwrap_err().code(), Code::NotFound);
    let mut talk = serving.talk();
    talk.say(&id, "still there?");
    talk.expect_error(&id, Code::NotFound);
}

#[test]
fn a_session_never_sees_the_context_of_another() {
    let (model, questions) = Gated::new();
    let serving = Serving::start(model);
    let sessions = [serving.new_session(), serving.new_session()];
    let mut talk = serving.talk();
    for round in 0..3 {
        for session in &sessions {
            talk.say(session, &format!("{round} in {session}"));
            let asked = questions.next();
            assert_eq!(asked.history.len(), 2 * round + 1);
            assert!(asked.history.iter().all(|turn| turn.text.ends_with(session.as_str())), "{:?}", asked.history);
            asked.say(&format!("answer in {session}"));
            drop(asked);
            talk.answer(session);
        }
    }
}

#[test]
fn deleting_a_session_stops_its_answer_and_tells_the_others() {
    let (model, questions) = Gated::new();
    let serving = Serving::start(model);
    let (kept, deleted) = (serving.new_session(), serving.new_session());
    let mut talk = serving.talk();
    let mut other = serving.talk_in(&[&deleted, &kept]);
    talk.say(&deleted, "one");
    talk.say(&deleted, "two");
    let asked = questions.next();
    talk.assert_starts(&deleted, 1);
    let request = DeleteSessionRequest { session_id: deleted.clone() };
    serving.client.delete_session(request).expect("it is there");
    asked.wait_given_up();
    assert_eq!(other.expect(Type::Status, &deleted).status_message, "The session was deleted.");
    assert_eq!(talk.expect(Type::Status, &deleted).status_message, "The session was deleted.");
    // The turn that ran and the one that waited.
    for _ in 0..2 {
        let error = talk.expect_error(&deleted, Code::NotFound);
        assert!(error.contains("was deleted"), "{error}");
    }
    questions.assert_none();
    serving.log.wait_for("the session was deleted, after 0 chunks", 0);
    // The streams live on, for the other session.
    talk.say(&kept, "still here?");
    questions.next().say("yes");
    assert_eq!(talk.answer(&kept), "yes");
    assert_eq!(other.expect(Type::SessionUpdate, &kept).message_count, 2);
}
