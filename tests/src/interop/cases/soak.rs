//! Large calls one after another, over one channel or over a new one each.

use std::thread;
use std::time::{Duration, Instant};

use super::unary::{LARGE_REQUEST, LARGE_RESPONSE, call_large};
use super::{Caller, Failure, Outcome, check, lazy_channel};
use crate::interop::proto::SimpleRequest;
use crate::interop::proto::test_service_client::TestServiceClient;
use crate::interop::zeros;

/// How long and how fast the soak tests run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Soak {
    /// How many calls are made.
    pub iterations: usize,
    /// How many of them may fail or take too long.
    pub max_failures: usize,
    /// How long a call may take.
    pub max_latency: Duration,
    /// How long all calls together may take.
    pub overall: Duration,
    /// The least time from the begin of one call to that of the next.
    pub interval: Duration,
    /// Payload bytes of a request.
    pub request_size: usize,
    /// Payload bytes of a response.
    pub response_size: i32,
}

impl Default for Soak {
    fn default() -> Self {
        Self {
            iterations: 10,
            max_failures: 0,
            max_latency: Duration::from_secs(1),
            overall: Duration::from_secs(10),
            interval: Duration::ZERO,
            request_size: LARGE_REQUEST,
            response_size: LARGE_RESPONSE,
        }
    }
}

pub(super) fn calls(caller: &Caller) -> Outcome {
    let client = caller.client();
    soak(&caller.soak, || Ok(client.clone()))
}

pub(super) fn channels(caller: &Caller) -> Outcome {
    // The channel of the call before is gone by then: its last handle went with the client.
    soak(&caller.soak, || Ok(TestServiceClient::new(lazy_channel(&caller.target)?)))
}

/// Makes the calls, each with the client that `client` gives for it.
fn soak(soak: &Soak, mut client: impl FnMut() -> Result<TestServiceClient, Failure>) -> Outcome {
    let start = Instant::now();
    let (mut made, mut failed) = (0, 0);
    let mut last = None;
    while made < soak.iterations && start.elapsed() < soak.overall {
        let client = client()?;
        let begin = Instant::now();
        let request = SimpleRequest {
            response_size: soak.response_size,
            payload: Some(zeros(soak.request_size)),
            ..SimpleRequest::default()
        };
        let ended = call_large(&client, request);
        let latency = begin.elapsed();
        let ended = ended.and_then(|()| {
            check(latency <= soak.max_latency, || format!("it took longer than {} ms", soak.max_latency.as_millis()))
        });
        let said = ended.as_ref().map_or_else(ToString::to_string, |()| "passed".to_owned());
        eprintln!("soak iteration: {made} elapsed_ms: {} {said}", latency.as_millis());
        made += 1;
        if let Err(failure) = ended {
            failed += 1;
            last = Some(failure);
        }
        wait_until((begin + soak.interval).min(start + soak.overall));
    }
    check(made == soak.iterations, || {
        format!("{made} of {} calls were made within {} s", soak.iterations, soak.overall.as_secs())
    })?;
    match last {
        Some(Failure { code, message }) if failed > soak.max_failures => {
            let message = format!("{failed} of {made} calls failed, {} may; the last: {message}", soak.max_failures);
            Err(Failure { code, message })
        }
        _ => Ok(()),
    }
}

fn wait_until(then: Instant) {
    // A thread can be woken before its time.
    while let left = then.saturating_duration_since(Instant::now())
        && !left.is_zero()
    {
        thread::park_timeout(left);
    }
}
