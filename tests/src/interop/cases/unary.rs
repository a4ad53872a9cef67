//! Calls with one message each way.

use std::sync::Barrier;
use std::thread;

use stolid::{Metadata, Request, Status};

use super::{Caller, Failure, Outcome, check, check_eq, check_zeros, unless_over};
use crate::interop::proto::test_service_client::TestServiceClient;
use crate::interop::proto::{Empty, ResponseParameters, SimpleRequest, StreamingOutputCallRequest};
use crate::interop::{INITIAL_KEY, TRAILING_KEY, zeros};

/// Bytes up and down of a large call.
pub(super) const LARGE_REQUEST: usize = 271_828;
pub(super) const LARGE_RESPONSE: i32 = 314_159;

/// How many large calls run at once.
const AT_ONCE: usize = 1_000;

/// The stack of a thread that makes one call, bytes.
const STACK: usize = 256 << 10;

const INITIAL: &str = "test_initial_metadata_value";
const TRAILING: [u8; 3] = [0xab; 3];

pub(super) fn empty(caller: &Caller) -> Outcome {
    let response = caller.client().empty_call(Empty {})?;
    check_eq("the response", response.into_inner(), Empty {})
}

pub(super) fn large(caller: &Caller) -> Outcome {
    call_large(&caller.client(), large_request())
}

pub(super) fn large_request() -> SimpleRequest {
    SimpleRequest { response_size: LARGE_RESPONSE, payload: Some(zeros(LARGE_REQUEST)), ..SimpleRequest::default() }
}

/// Makes a call that must be answered with as many zeros as it asks for.
pub(super) fn call_large(client: &TestServiceClient, request: SimpleRequest) -> Outcome {
    let length = request.response_size as usize;
    let response = client.unary_call(request)?;
    check_zeros(response.get_ref().payload.as_ref(), length)
}

pub(super) fn concurrent_large(caller: &Caller) -> Outcome {
    // The connection is there before a thousand calls ask for it at once.
    empty(caller)?;
    let together = Barrier::new(AT_ONCE);
    let call = || {
        let (client, request) = (caller.client(), large_request());
        together.wait();
        call_large(&client, request)
    };
    thread::scope(|scope| {
        let start = |number| {
            let builder = thread::Builder::new().name(format!("large-{number}")).stack_size(STACK);
            // Without it the others would wait at the barrier for ever.
            builder.spawn_scoped(scope, call).expect("the machine has a thread for each call")
        };
        let calls = Vec::from_iter((0..AT_ONCE).map(start));
        let ended = calls.into_iter().map(|call| call.join().expect("a call does not panic"));
        ended.collect::<Vec<Outcome>>().into_iter().collect()
    })
}

pub(super) fn custom_metadata(caller: &Caller) -> Outcome {
    let response = caller.client().unary_call(with_metadata(large_request())?)?;
    check_zeros(response.get_ref().payload.as_ref(), LARGE_RESPONSE as usize)?;
    check_echoed(response.metadata(), response.trailers())?;

    let (requests, mut replies) = caller.client().full_duplex_call(with_metadata(())?)?.split();
    let response_parameters = vec![ResponseParameters { size: LARGE_RESPONSE, ..ResponseParameters::default() }];
    let payload = Some(zeros(LARGE_REQUEST));
    unless_over(requests.send(StreamingOutputCallRequest { response_parameters, payload, ..Default::default() }))?;
    requests.close();
    let reply = replies.message()?;
    check_zeros(reply.as_ref().and_then(|reply| reply.payload.as_ref()), LARGE_RESPONSE as usize)?;
    check(replies.message()?.is_none(), || "a second response came".to_owned())?;
    let headers = replies.headers()?.clone();
    let trailers = replies.trailers().ok_or_else(|| Status::internal("the stream has ended without trailers"))?;
    check_echoed(&headers, trailers)
}

fn with_metadata<T>(message: T) -> Result<Request<T>, Failure> {
    let unfit = |error| Status::internal("the metadata cannot be sent").with_source(error);
    let mut request = Request::new(message).with_metadata(INITIAL_KEY, INITIAL).map_err(unfit)?;
    request.metadata_mut().insert_bin(TRAILING_KEY, TRAILING).map_err(unfit)?;
    Ok(request)
}

/// Checks that each entry came back once, and where it belongs.
fn check_echoed(headers: &Metadata, trailers: &Metadata) -> Outcome {
    check_eq("the initial metadata", Vec::from_iter(headers.get_all(INITIAL_KEY)), vec![INITIAL])?;
    let trailing = trailers.get_all_bin(TRAILING_KEY).map(|value| value.to_vec());
    check_eq("the trailing metadata", Vec::from_iter(trailing), vec![TRAILING.to_vec()])
}
