//! Answers token by token.

use std::time::Duration;

use stolid_examples::inference::models::generate::generate;
use stolid_examples::inference::proto::GenerateRequest;

use super::programs::InferenceServer;

const PROMPT: &str = "What does the client do?";

/// The tokens of the whole answer.
fn answer() -> Vec<String> {
    let request = GenerateRequest { prompt: PROMPT.to_owned(), max_tokens: 0 };
    let words = generate(request, Duration::ZERO).expect("a prompt of usual length");
    words.map(|word| word.expect("no call that could be cancelled").token).collect()
}

#[test]
fn the_first_token_is_printed_while_the_model_works_on_the_second() {
    let server = InferenceServer::start(&["--token-delay", "1h"]);
    let mut client = server.client(&["generate", PROMPT]);
    client.expect(&answer()[0]);
    let mut server = server.program;
    server.expect("generate: started");
}

#[test]
fn answers_are_made_side_by_side() {
    let mut server = InferenceServer::start(&["--token-delay", "1h", "--max-wait", "1h", "--max-batch", "3"]);
    let mut clients = [server.client(&["generate", PROMPT]), server.client(&["generate", PROMPT])];
    for client in &mut clients {
        client.expect(&answer()[0]);
        server.program.expect("generate: started");
    }
    for client in clients {
        client.signal("INT");
        assert_eq!(client.finish().code, Some(130));
    }
    // Not a batch among them.
    assert_eq!(server.stop("generate"), "2 requests, 2 tokens");
}

#[test]
fn an_answer_is_printed_whole_and_nothing_else() {
    let server = InferenceServer::start(&["--token-delay", "0"]);
    let finished = server.run_client(&["generate", PROMPT]);
    let whole = answer();
    assert_eq!((finished.code, finished.output), (Some(0), format!("{}\n", whole.concat())));
    assert_eq!(finished.errors, "");
    assert_eq!(server.stop("generate"), format!("1 request, {} tokens", whole.len()));
}

#[test]
fn an_answer_has_at_most_the_tokens_that_were_asked_for() {
    let server = InferenceServer::start(&["--token-delay", "1ms"]);
    let finished = server.run_client(&["generate", "--max-tokens", "4", PROMPT]);
    assert_eq!((finished.code, finished.output), (Some(0), format!("{}\n", answer()[..4].concat())));
    let finished = server.run_client(&["count", "--start", "8", "--digits", "3", "--max-tokens", "4"]);
    assert_eq!((finished.code, finished.output.as_str()), (Some(0), "008\n009\n010\n011\n"));
}

#[test]
fn an_answer_that_takes_too_long_is_given_up_on_both_sides() {
    let mut server = InferenceServer::start(&["--token-delay", "1h"]);
    let finished = server.run_client(&["generate", PROMPT, "--timeout", "200ms"]);
    assert_eq!(finished.code, Some(1));
    assert!(finished.errors.starts_with("inference-client: DEADLINE_EXCEEDED: "), "{}", finished.errors);
    server.program.expect("generate: cancelled (");
    server.program.expect(" and ");
}
