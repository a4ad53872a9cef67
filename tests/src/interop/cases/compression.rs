//! Messages that come compressed, and messages that do not.

use stolid::{Code, CompressionEncoding, Request, SendOptions, Status};

use super::streaming::check_end;
use super::unary::{LARGE_RESPONSE, large_request};
use super::{CALL_TIMEOUT, CONNECT_TIMEOUT, Caller, Failure, Outcome, check_eq, check_status, check_zeros};
use crate::config;
use crate::interop::proto::test_service_client::TestServiceClient;
use crate::interop::proto::{
    BoolValue, ResponseParameters, SimpleRequest, StreamingInputCallRequest, StreamingInputCallResponse,
    StreamingOutputCallRequest,
};
use crate::interop::zeros;

/// Payload bytes of an upload: first a message that is compressed, then one that is not.
const UP: [(usize, bool); 2] = [(27_182, true), (45_904, false)];

/// Payload bytes of the whole upload.
const UP_TOGETHER: i32 = 73_086;

/// Payload bytes of the responses, and whether each shall come compressed.
const DOWN: [(i32, bool); 2] = [(31_415, true), (92_653, false)];

/// A client whose messages are compressed unless a call says otherwise.
fn compressing(caller: &Caller) -> Result<TestServiceClient, Failure> {
    let channel = config::channel(&caller.target).connect_timeout(CONNECT_TIMEOUT).timeout(CALL_TIMEOUT);
    Ok(TestServiceClient::new(channel.send_compressed(CompressionEncoding::Gzip).connect_lazy()?))
}

pub(super) fn client_unary(caller: &Caller) -> Outcome {
    let client = compressing(caller)?;
    let call = |expected: bool, compressed: bool| {
        let expect_compressed = Some(BoolValue { value: expected });
        let mut request = Request::new(SimpleRequest { expect_compressed, ..large_request() });
        if !compressed {
            request.disable_compression();
        }
        client.unary_call(request)
    };
    // The probe: a server that answers it cannot tell compressed messages from others.
    check_status(call(true, false), Code::InvalidArgument, None)?;
    for compressed in [true, false] {
        let response = call(compressed, compressed)?;
        check_zeros(response.get_ref().payload.as_ref(), LARGE_RESPONSE as usize)?;
    }
    Ok(())
}

pub(super) fn server_unary(caller: &Caller) -> Outcome {
    for compressed in [true, false] {
        let response_compressed = Some(BoolValue { value: compressed });
        let response = caller.client().unary_call(SimpleRequest { response_compressed, ..large_request() })?;
        check_eq("the response's compressed flag", response.was_compressed(), compressed)?;
        check_zeros(response.get_ref().payload.as_ref(), LARGE_RESPONSE as usize)?;
    }
    Ok(())
}

pub(super) fn client_streaming(caller: &Caller) -> Outcome {
    let client = compressing(caller)?;
    let request = |length, expected| StreamingInputCallRequest {
        payload: Some(zeros(length)),
        expect_compressed: Some(BoolValue { value: expected }),
    };
    // The probe, as above; the server may answer while it is still on its way.
    let probe = || -> Result<StreamingInputCallResponse, Status> {
        let mut call = client.streaming_input_call(())?;
        let sent = call.send_with(request(UP[0].0, true), SendOptions::new().compress(false));
        let ended = call.finish().map(|response| response.into_inner());
        sent.and(ended)
    };
    check_status(probe(), Code::InvalidArgument, None)?;

    let mut call = client.streaming_input_call(())?;
    for (length, compressed) in UP {
        call.send_with(request(length, compressed), SendOptions::new().compress(compressed))?;
    }
    check_eq("the size", call.finish()?.into_inner().aggregated_payload_size, UP_TOGETHER)
}

pub(super) fn server_streaming(caller: &Caller) -> Outcome {
    let parameters = |(size, compressed)| ResponseParameters {
        size,
        compressed: Some(BoolValue { value: compressed }),
        ..ResponseParameters::default()
    };
    let response_parameters = DOWN.map(parameters).into();
    let request = StreamingOutputCallRequest { response_parameters, ..Default::default() };
    let mut replies = caller.client().streaming_output_call(request)?;
    for (size, compressed) in DOWN {
        let reply = replies.message()?;
        check_zeros(reply.as_ref().and_then(|reply| reply.payload.as_ref()), size as usize)?;
        check_eq("the response's compressed flag", replies.was_compressed(), compressed)?;
    }
    check_end(replies.message()?.as_ref())
}
