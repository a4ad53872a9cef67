//! Predictions in batches.

use std::num::NonZeroUsize;
use std::sync::{Barrier, mpsc};
use std::thread;
use std::time::Duration;

use stolid::{Code, Request, Status};
use stolid_examples::inference::batching::Limits;
use stolid_examples::inference::models::embed::embed;
use stolid_examples::inference::proto::{ClassifyRequest, ClassifyResponse, EmbedRequest};
use stolid_tests::process::eventually;
use stolid_tests::watchdog::watched;

use super::programs::InferenceServer;
use super::serving::Serving;

const THREADS: usize = 64;
const ROUNDS: usize = 5;

#[test]
fn sixty_four_threads_get_their_own_results_from_few_calls_of_the_model() {
    watched(|| {
        let server = InferenceServer::start(&["--max-batch", "16", "--max-wait", "1h", "--batch-time", "0"]);
        let stub = server.stub();
        // As many requests as there are threads in a round, so that every batch is full and none waits for an hour.
        let round = Barrier::new(THREADS);
        thread::scope(|scope| {
            for thread in 0..THREADS {
                let (stub, round) = (&stub, &round);
                scope.spawn(move || {
                    for number in 0..ROUNDS {
                        let request = EmbedRequest { text: format!("thread{thread} number{number} words") };
                        let expected = embed(vec![request.clone()], Duration::ZERO).expect("it never fails").remove(0);
                        let response = stub.predict_embed(request).map(|response| response.into_inner());
                        assert_eq!(response.expect("a vector"), expected.expect("it never fails"));
                        round.wait();
                    }
                });
            }
        });
        let requests = THREADS * ROUNDS;
        assert_eq!(server.stop("embed"), format!("{requests} requests, {} batches", requests / 16));
    });
}

#[test]
fn the_client_predicts_for_all_texts_in_one_batch_and_one_may_fail_alone() {
    let mut server = InferenceServer::start(&["--max-batch", "3", "--max-wait", "1h", "--batch-time", "0"]);
    let finished = server.run_client(&["predict", "classify", "I love it", "...", "What a bad, ugly thing"]);
    let wrong = "INVALID_ARGUMENT: there is not a word in the text";
    let lines = format!("I love it: FRIENDLY 0.67\n...: {wrong}\nWhat a bad, ugly thing: UNFRIENDLY 0.75\n");
    assert_eq!((finished.code, finished.output), (Some(1), lines));
    assert_eq!(finished.errors, format!("inference-client: {wrong}\n"));
    server.program.expect("classify: batch of 3 in ");
    assert_eq!(server.stop("classify"), "3 requests, 1 batch");
}

#[test]
fn a_lone_prediction_does_not_wait_for_others() {
    let server = InferenceServer::start(&["--max-wait", "5ms", "--batch-time", "0"]);
    let finished = server.run_client(&["predict", "classify", "Thanks, friend!"]);
    assert_eq!((finished.code, finished.output.as_str()), (Some(0), "Thanks, friend!: FRIENDLY 0.75\n"));
}

#[test]
fn a_prediction_that_is_given_up_while_it_waits_leaves_nothing_behind() {
    let server = InferenceServer::start(&["--max-wait", "1h"]);
    let finished = server.run_client(&["predict", "classify", "good", "--timeout", "200ms"]);
    assert_eq!(finished.code, Some(1));
    assert!(finished.errors.starts_with("inference-client: DEADLINE_EXCEEDED: "), "{}", finished.errors);
    // A handler that still waited would hold the server up, and a request that did would be counted.
    assert_eq!(server.stop("classify"), "0 requests");
}

#[test]
fn a_deadline_does_not_wait_for_the_model() {
    watched(|| {
        let (calls, called) = mpsc::channel();
        let (leave, left) = mpsc::channel::<()>();
        let serving = Serving::start(limits(2), |app| {
            app.model("classify", move |batch: Vec<ClassifyRequest>| {
                let _ = calls.send(batch.len());
                let _ = left.recv();
                Ok(batch.iter().map(|_| Ok(ClassifyResponse::default())).collect())
            });
        });
        let client = &serving.client;
        let request = || Request::new(ClassifyRequest::default());
        thread::scope(|scope| {
            let patient = scope.spawn(move || client.predict_classify(request()));
            let status = client.predict_classify(request().with_timeout(Duration::from_secs(1))).unwrap_err();
            assert_eq!(status.code(), Code::DeadlineExceeded);
            assert_eq!(called.recv(), Ok(2));
            // The model still works for both, but one handler has ended.
            eventually("one handler runs", || serving.server.stats().running == 1);
            drop(leave);
            assert!(patient.join().expect("no panic").is_ok());
        });
    });
}

#[test]
fn a_model_that_panics_or_fails_hangs_nobody() {
    watched(|| {
        let serving = Serving::start(limits(2), |app| {
            app.model("classify", |batch: Vec<ClassifyRequest>| match &*batch[0].text {
                "panic" => panic!("a secret of the model"),
                "fail" => Err(Status::unavailable("no memory on the device")),
                "lose" => Ok(vec![Ok(ClassifyResponse::default())]),
                _ => Ok(batch.iter().map(|_| Ok(ClassifyResponse::default())).collect()),
            });
        });
        let both = |text: &str| {
            let predict = || serving.client.predict_classify(ClassifyRequest { text: text.to_owned() });
            thread::scope(|scope| {
                let other = scope.spawn(predict);
                [predict(), other.join().expect("no panic on this side")].map(|result| result.map(|_| ()))
            })
        };
        for (text, expected) in [
            ("panic", "INTERNAL: the model panicked"),
            ("fail", "UNAVAILABLE: no memory on the device"),
            ("lose", "INTERNAL: the model gave 1 results for 2 requests"),
        ] {
            assert_eq!(both(text).map(|result| result.unwrap_err().to_string()), [expected, expected]);
            assert!(both("well").iter().all(Result::is_ok));
        }
        serving.journal.wait_for("classify: batch of 2 failed (INTERNAL: the model panicked) in ", 0);
    });
}

/// A batch is complete with so many requests, and never by time.
fn limits(max_size: usize) -> Limits {
    Limits { max_size: NonZeroUsize::new(max_size).expect("not zero"), max_wait: Duration::MAX }
}
