//! Calls with streams that end well.

use super::{Caller, Outcome, check, check_eq, check_zeros, unless_over};
use crate::interop::proto::{
    ResponseParameters, StreamingInputCallRequest, StreamingOutputCallRequest, StreamingOutputCallResponse,
};
use crate::interop::zeros;

/// Payload bytes of the requests.
const UP: [usize; 4] = [27_182, 8, 1_828, 45_904];

/// Payload bytes of all requests together.
const UP_TOGETHER: i32 = 74_922;

/// Payload bytes of the responses.
const DOWN: [i32; 4] = [31_415, 9, 2_653, 58_979];

/// A request for one response of this size.
pub(super) fn asking(size: i32, payload: usize) -> StreamingOutputCallRequest {
    StreamingOutputCallRequest {
        response_parameters: vec![ResponseParameters { size, ..ResponseParameters::default() }],
        payload: Some(zeros(payload)),
        ..StreamingOutputCallRequest::default()
    }
}

pub(super) fn check_reply(reply: Option<&StreamingOutputCallResponse>, size: i32) -> Outcome {
    check(reply.is_some(), || "the stream ended before its time".to_owned())?;
    check_zeros(reply.and_then(|reply| reply.payload.as_ref()), size as usize)
}

pub(super) fn check_end(reply: Option<&StreamingOutputCallResponse>) -> Outcome {
    check(reply.is_none(), || "one response too many came".to_owned())
}

pub(super) fn upload(caller: &Caller) -> Outcome {
    let request = |length| StreamingInputCallRequest { payload: Some(zeros(length)), ..Default::default() };
    let response = caller.client().streaming_input_call(())?.send_all(UP.map(request))?.finish()?;
    check_eq("the size", response.into_inner().aggregated_payload_size, UP_TOGETHER)
}

pub(super) fn download(caller: &Caller) -> Outcome {
    let parameters = |size| ResponseParameters { size, ..ResponseParameters::default() };
    let response_parameters = DOWN.map(parameters).into();
    let request = StreamingOutputCallRequest { response_parameters, ..Default::default() };
    let mut replies = caller.client().streaming_output_call(request)?;
    for size in DOWN {
        check_reply(replies.message()?.as_ref(), size)?;
    }
    check_end(replies.message()?.as_ref())
}

pub(super) fn ping_pong(caller: &Caller) -> Outcome {
    let mut call = caller.client().full_duplex_call(())?;
    for (size, payload) in DOWN.into_iter().zip(UP) {
        unless_over(call.send(asking(size, payload)))?;
        check_reply(call.message()?.as_ref(), size)?;
    }
    call.close();
    check_end(call.message()?.as_ref())
}

pub(super) fn empty(caller: &Caller) -> Outcome {
    let mut call = caller.client().full_duplex_call(())?;
    call.close();
    check_end(call.message()?.as_ref())
}
