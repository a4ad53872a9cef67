//! Streaming models that do not do what they should.

use std::sync::mpsc::{self, Sender};
use std::time::Duration;

use stolid::{Code, Context, Status};
use stolid_examples::inference::batching::Limits;
use stolid_examples::inference::proto::{CountRequest, CountResponse, GenerateRequest, GenerateResponse};
use stolid_tests::watchdog::watched;

use super::serving::Serving;

/// Two tokens, and then whatever `then` does.
fn two_and_then(
    then: fn() -> Result<GenerateResponse, Status>,
) -> impl Iterator<Item = Result<GenerateResponse, Status>> {
    let token = |token: &str| Ok(GenerateResponse { token: token.to_owned() });
    [token("one"), token("two")].into_iter().chain(std::iter::once_with(then))
}

#[test]
fn what_was_made_before_a_failure_arrives_before_it() {
    watched(|| {
        let serving = Serving::start(Limits::default(), |app| {
            app.streaming_model("generate", |request: GenerateRequest| match &*request.prompt {
                "panic" => Ok(two_and_then(|| panic!("a secret of the model"))),
                "fail" => Ok(two_and_then(|| Err(Status::unavailable("no memory on the device")))),
                _ => Err(Status::invalid_argument("panic or fail, please")),
            });
        });
        for (prompt, tokens, code, message, line) in [
            ("panic", 2, Code::Internal, "the handler panicked", "generate: panicked after 2 tokens"),
            (
                "fail",
                2,
                Code::Unavailable,
                "no memory on the device",
                "generate: failed (UNAVAILABLE: no memory on the device) after 2 tokens",
            ),
            (
                "",
                0,
                Code::InvalidArgument,
                "panic or fail, please",
                "generate: failed (INVALID_ARGUMENT: panic or fail, please) after 0 tokens",
            ),
        ] {
            let request = GenerateRequest { prompt: prompt.to_owned(), max_tokens: 0 };
            let mut answer: Vec<_> = serving.client.predict_generate(request).expect("the model is there").collect();
            let status = answer.pop().expect("an end").expect_err("a failure");
            assert_eq!((status.code(), status.message()), (code, message));
            assert_eq!(answer.into_iter().filter(Result::is_ok).count(), tokens);
            serving.journal.wait_for(line, 0);
        }
    });
}

/// Something that a model holds while it works.
struct Memory(Sender<&'static str>);

impl Drop for Memory {
    fn drop(&mut self) {
        // The test may be over.
        let _ = self.0.send("given back");
    }
}

#[test]
fn what_a_model_holds_is_given_back_when_its_client_leaves() {
    watched(|| {
        let (told, heard) = mpsc::channel();
        let serving = Serving::start(Limits::default(), |app| {
            app.streaming_model("count", move |_: CountRequest| {
                let memory = Memory(told.clone());
                Ok((0..).map(move |number: u64| {
                    let Memory(_held) = &memory;
                    let context = Context::current().expect("a handler runs");
                    if number > 0 {
                        context.sleep(Duration::from_secs(3600))?;
                    }
                    Ok(CountResponse { number: number.to_string() })
                }))
            });
        });
        let mut answer = serving.client.predict_count(CountRequest::default()).expect("the model is there");
        assert!(answer.message().is_ok_and(|number| number.is_some()));
        assert!(heard.try_recv().is_err());
        answer.cancel();
        assert_eq!(heard.recv(), Ok("given back"));
        serving.journal.wait_for("count: cancelled (reset by the peer) after 1 token", 0);
    });
}
