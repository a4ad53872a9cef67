//! Several clients on one session.

use stolid_examples::chat::proto::chat_request;
use stolid_examples::chat::proto::chat_response::Type;

use super::models::counting;
use super::serving::Serving;

#[test]
fn who_types_is_told_to_the_others_on_the_session() {
    let serving = Serving::start(counting());
    let (shared, private) = (serving.new_session(), serving.new_session());
    let mut typist = serving.talk_in(&[&shared]);
    let mut others = [serving.talk_in(&[&shared]), serving.talk_in(&[&private, &shared])];
    let mut stranger = serving.talk_in(&[&private]);
    for (kind, news) in [
        (chat_request::Type::TypingStart, "Another client is typing..."),
        (chat_request::Type::TypingStop, "Another client stopped typing."),
    ] {
        typist.send(kind, &shared, "");
        for other in &mut others {
            let status = other.expect(Type::Status, &shared);
            assert_eq!((status.status_message.as_str(), status.context_messages), (news, 0));
        }
    }
    typist.assert_quiet();
    stranger.assert_quiet();
    // Typing in a session that is not there is nobody's business.
    typist.send(chat_request::Type::TypingStart, "nobody", "");
    typist.assert_quiet();
    others.iter_mut().for_each(super::serving::Talk::assert_quiet);
}

#[test]
fn an_answer_goes_to_the_one_who_asked_and_the_new_count_to_all() {
    let serving = Serving::start(counting());
    let session = serving.new_session();
    let mut asking = serving.talk();
    let mut watching = serving.talk_in(&[&session]);
    assert_eq!(asking.ask(&session, "Hi"), "1: Hi");
    assert_eq!(watching.expect(Type::SessionUpdate, &session).message_count, 2);
    watching.assert_quiet();
    // Both continue one conversation.
    assert_eq!(watching.ask(&session, "Hi again"), "3: Hi again");
    assert_eq!(asking.expect(Type::SessionUpdate, &session).message_count, 4);
}

#[test]
fn a_stream_that_ended_is_no_longer_attached() {
    let serving = Serving::start(counting());
    let session = serving.new_session();
    let mut staying = serving.talk_in(&[&session]);
    let mut leaving = serving.talk_in(&[&session]);
    assert_eq!(serving.session(&session).unwrap().attached_streams, 2);
    leaving.half_close();
    assert_eq!(leaving.next_result().expect("a clean end"), None);
    assert_eq!(serving.session(&session).unwrap().attached_streams, 1);
    let cancelled = serving.talk_in(&[&session]);
    cancelled.responses.cancel();
    serving.log.wait_for("Stream #3 closed: CANCELLED", 0);
    assert_eq!(serving.session(&session).unwrap().attached_streams, 1);
    assert_eq!(staying.ask(&session, "Hi"), "1: Hi");
}
