//! The chat with a remote model: what its server does is seen in the chat, and what the chat does at its server.

use std::sync::mpsc;

use super::programs::{ChatServer, Program, command};
use super::scripted_http::{STREAM_HEAD, ScriptedServer, Step, answer, chunk, stream};

/// A key that must never be seen.
const KEY: &str = "sk-Qr47.never-seen";

/// What the API sends for a piece of the answer.
fn piece(text: &str) -> String {
    format!("data: {{\"choices\":[{{\"delta\":{{\"content\":\"{text}\"}}}}]}}\n\n")
}

/// A chat server whose model is behind `api`.
fn chat_server(api: &ScriptedServer) -> ChatServer {
    let mut server = command("chat-server", &["--port", "0", "--word-delay", "0"]);
    server.env("CHAT_MODEL", "openai").env("OPENAI_API_KEY", KEY).env("GENAI_MODEL_ID", "some-model");
    server.env("OPENAI_BASE_URL", format!("{}/v1", api.url()));
    ChatServer::listening(Program::start(server))
}

#[test]
fn tokens_are_shown_as_they_arrive() {
    let (release, released) = mpsc::channel();
    let api = ScriptedServer::start(vec![vec![
        Step::Send(STREAM_HEAD.into()),
        Step::Send(chunk(&piece("Hello "))),
        Step::Wait(released),
        Step::Send(chunk(&piece("Ada."))),
        Step::Send(chunk("data: [DONE]\n\n")),
        Step::Send(b"0\r\n\r\n".to_vec()),
    ]]);
    let server = chat_server(&api);
    let mut client = server.client(&[]);
    client.expect("New session created: ");
    client.expect("(some-model)");
    client.say("My name is Ada.");
    client.expect("- some-model)\nHello");
    // The rest does not exist yet.
    release.send(()).expect("the API waits");
    client.expect(" Ada.\n");
    client.expect("Total Chunks: 2 ");
    assert!(api.request().body.contains("My name is Ada."));
    api.finish();
    let finished = client.finish();
    assert_eq!(finished.code, Some(0));
    assert!(!finished.output.contains(KEY) && !server.program.output.text().contains(KEY));
}

#[test]
fn failures_of_the_model_are_told_and_the_chat_goes_on() {
    let refused = answer("429 Too Many Requests", "", "slow down");
    let mut cut = STREAM_HEAD.as_bytes().to_vec();
    cut.extend(chunk(&piece("Hel")));
    let whole = stream(&[&piece("Hello."), "data: [DONE]\n\n"]);
    let api = ScriptedServer::start([refused, cut, whole].map(|bytes| vec![Step::Send(bytes)]).into());
    let server = chat_server(&api);
    let finished = server.run_client(&[], "one\ntwo\nthree\n/stats\n");
    assert_eq!(finished.code, Some(1), "{}", finished.output);
    assert!(finished.output.contains("Error: RESOURCE_EXHAUSTED: "), "{}", finished.output);
    assert!(finished.output.contains("Error: UNAVAILABLE: "), "{}", finished.output);
    assert!(finished.output.contains("\nHello.\n"), "{}", finished.output);
    for row in ["Messages Sent: 3 ", "Successful Streams: 1 ", "Failed Streams: 2 ", "Session Messages: 2 "] {
        assert!(finished.output.contains(row), "{row} in {}", finished.output);
    }
    // What failed is not part of the conversation.
    let [_, _, last] = [(); 3].map(|()| api.request().body);
    assert!(last.contains("three") && !last.contains("one") && !last.contains("two"), "{last}");
    api.finish();
    assert!(!finished.output.contains(KEY) && !server.program.output.text().contains(KEY));
}

#[test]
fn cancelling_an_answer_hangs_up_on_the_model() {
    let api = ScriptedServer::start(vec![vec![
        Step::Send(STREAM_HEAD.into()),
        Step::Send(chunk(&piece("Hello "))),
        Step::WaitForHangUp,
    ]]);
    let server = chat_server(&api);
    let mut client = server.client(&[]);
    client.say("Hi");
    client.expect("- some-model)\nHello");
    client.signal("INT");
    client.expect("Answer cancelled.");
    let mut log = server.program;
    log.expect("the client cancelled, after 1 chunks");
    api.finish();
}
