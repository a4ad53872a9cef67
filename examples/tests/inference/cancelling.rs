//! Clients that no longer want their answer, or are no longer there.

use std::time::Duration;

use stolid_examples::inference::proto::CountRequest;

use super::programs::{InferenceServer, Program};

/// Waits until the server says that an answer was cancelled; returns why, and the tokens that were made until then.
#[track_caller]
fn cancelled(server: &mut Program) -> (String, String) {
    // The time in which a generation must end is a part of what is promised.
    server.expect_within("count: cancelled (", Duration::from_secs(1));
    let [cause, tokens] = [") after ", " and "].map(|end| server.expect(end).trim_end_matches(end).to_owned());
    (cause, tokens)
}

#[test]
fn an_interrupted_client_ends_its_answer_and_the_token_counter_stops() {
    // A pause that only a cancellation ends, and no pause at all.
    for delay in ["1h", "0"] {
        let mut server = InferenceServer::start(&["--token-delay", delay]);
        let mut client = server.client(&["count"]);
        client.expect("1\n");
        client.signal("INT");
        // The connection of a program that ends may be gone before its cancellation is sent.
        let (_, tokens) = cancelled(&mut server.program);
        let finished = client.finish();
        assert_eq!((finished.code, finished.errors.as_str()), (Some(130), "Cancelled.\n"));
        assert_eq!(server.stop("count"), format!("1 request, {tokens}"));
    }
}

#[test]
fn a_client_that_is_killed_ends_its_answer() {
    for delay in ["1h", "0"] {
        let mut server = InferenceServer::start(&["--token-delay", delay]);
        let mut client = server.client(&["count"]);
        client.expect("1\n");
        client.signal("KILL");
        assert_eq!(cancelled(&mut server.program).0, "connection lost");
    }
}

#[test]
fn an_answer_that_is_dropped_ends_on_the_server() {
    let mut server = InferenceServer::start(&["--token-delay", "0"]);
    let stub = server.stub();
    let mut answer = stub.predict_count(CountRequest::default()).expect("the model is there");
    assert!(answer.message().is_ok_and(|number| number.is_some()));
    drop(answer);
    assert_eq!(cancelled(&mut server.program).0, "reset by the peer");
}

#[test]
fn a_reader_who_has_read_enough_ends_the_answer() {
    let mut server = InferenceServer::start(&["--token-delay", "0"]);
    let finished = server.run_client(&["count", "--max-tokens", "3"]);
    assert_eq!((finished.code, finished.output.as_str()), (Some(0), "1\n2\n3\n"));
    cancelled(&mut server.program);
}

#[test]
fn an_interrupted_server_lets_answers_end_and_takes_no_more() {
    let mut server = InferenceServer::start(&["--token-delay", "30ms"]);
    let mut client = server.client(&["generate", "Hi"]);
    server.program.expect("generate: started");
    server.program.signal("INT");
    server.program.expect("generate: finished after ");
    client.expect(".\n");
    assert_eq!(client.finish().code, Some(0));
    assert_eq!(server.program.finish().code, Some(0));
}
