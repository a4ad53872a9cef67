//! The models of the chat, from the environment that chooses one to the last piece of an answer.
//! The remote ones talk to a server in this process.

#[path = "models/embedded.rs"]
mod embedded;
#[path = "models/environment.rs"]
mod environment;
#[path = "models/failures.rs"]
mod failures;
#[path = "models/limits.rs"]
mod limits;
#[path = "models/remote.rs"]
mod remote;
#[path = "support/scripted_http.rs"]
mod scripted_http;

use std::sync::{Arc, mpsc};
use std::thread;

use scripted_http::PATIENCE;
use stolid_examples::model::{Answer, Limits, Model, ModelError, ModelErrorKind, Turn, from_environment};

/// A key that must never be seen.
const KEY: &str = "sk-Zx81.never-seen";

/// The model for these variables.
fn model(variables: &[(&str, &str)]) -> Result<Arc<dyn Model>, ModelError> {
    from_environment(&|name| {
        let found = variables.iter().find(|(variable, _)| *variable == name);
        found.map(|(_, value)| (*value).to_owned())
    })
}

/// The Gemini model at `url`.
fn gemini(url: &str) -> Arc<dyn Model> {
    model(&[("GEMINI_API_KEY", KEY), ("GEMINI_BASE_URL", url)]).expect("a usable environment")
}

/// The OpenAI-compatible model at `url`.
fn openai(url: &str) -> Arc<dyn Model> {
    model(&[("OPENAI_BASE_URL", url), ("OPENAI_API_KEY", KEY)]).expect("a usable environment")
}

fn patient() -> Limits {
    Limits::within(PATIENCE)
}

fn history() -> Vec<Turn> {
    vec![Turn::user("Hello?")]
}

/// The pieces of an answer, and what ended it early.
fn read(answer: Result<Answer, ModelError>) -> (Vec<String>, Option<ModelError>) {
    let mut answer = match answer {
        Ok(answer) => answer,
        Err(error) => return (Vec::new(), Some(error)),
    };
    let mut pieces = Vec::new();
    let mut failure = None;
    for piece in answer.pieces.by_ref() {
        assert!(failure.is_none(), "a piece follows an error");
        match piece {
            Ok(piece) => pieces.push(piece),
            Err(error) => failure = Some(error),
        }
    }
    assert!(answer.pieces.next().is_none(), "the end is not the end");
    (pieces, failure)
}

/// The failure of a short conversation with `model`; no key is in it.
fn failure(model: &dyn Model) -> ModelError {
    let (_, failure) = read(model.answer(&history(), &patient()));
    let failure = failure.expect("a failure");
    assert_hidden(&format!("{failure} {failure:?} {model:?}"));
    failure
}

#[track_caller]
fn assert_hidden(text: &str) {
    assert!(!text.contains(KEY), "the key is seen in: {text}");
}

#[track_caller]
fn assert_says(failure: &ModelError, kind: ModelErrorKind, parts: &[&str]) {
    assert_eq!(failure.kind(), kind, "{failure}");
    for part in parts {
        let text = failure.to_string();
        assert!(text.contains(part), "{part:?} is not in: {text}");
    }
}

/// Runs a test that must not hang.
fn watched(test: impl FnOnce() + Send + 'static) {
    let (sender, done) = mpsc::channel();
    let thread = thread::spawn(move || {
        test();
        // The test may have been given up already.
        let _ = sender.send(());
    });
    match done.recv_timeout(10 * PATIENCE) {
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("the test hangs"),
        Ok(()) | Err(mpsc::RecvTimeoutError::Disconnected) => {
            if let Err(panic) = thread.join() {
                std::panic::resume_unwind(panic);
            }
        }
    }
}
