//! Calls that fail, because they are told to, because nobody serves them, or before their time.

use std::time::Duration;

use stolid::{CancelCause, Code, Request, Status};

use super::streaming::{asking, check_reply};
use super::{Caller, Outcome, check_eq, check_status, unless_over};
use crate::interop::proto::unimplemented_service_client::UnimplementedServiceClient;
use crate::interop::proto::{EchoStatus, Empty, SimpleRequest, StreamingOutputCallRequest};
use crate::interop::zeros;

const PLAIN: &str = "test status message";
const SPECIAL: &str = "\t\ntest with whitespace\r\nand Unicode BMP \u{263a} and non-BMP \u{1f608}\t\n";

/// The time that a server which sleeps does not keep.
const TIMEOUT: Duration = Duration::from_millis(1);

fn told(message: &str) -> Option<EchoStatus> {
    Some(EchoStatus { code: Code::Unknown as i32, message: message.to_owned() })
}

pub(super) fn status_code_and_message(caller: &Caller) -> Outcome {
    let request = SimpleRequest { response_status: told(PLAIN), ..SimpleRequest::default() };
    check_status(caller.client().unary_call(request), Code::Unknown, Some(PLAIN))?;

    let mut call = caller.client().full_duplex_call(())?;
    unless_over(call.send(StreamingOutputCallRequest { response_status: told(PLAIN), ..Default::default() }))?;
    call.close();
    check_status(call.message(), Code::Unknown, Some(PLAIN))
}

pub(super) fn special_status_message(caller: &Caller) -> Outcome {
    let request = SimpleRequest { response_status: told(SPECIAL), ..SimpleRequest::default() };
    check_status(caller.client().unary_call(request), Code::Unknown, Some(SPECIAL))
}

pub(super) fn unimplemented_method(caller: &Caller) -> Outcome {
    check_status(caller.client().unimplemented_call(Empty {}), Code::Unimplemented, None)
}

pub(super) fn unimplemented_service(caller: &Caller) -> Outcome {
    let client = UnimplementedServiceClient::new(caller.channel.clone());
    check_status(client.unimplemented_call(Empty {}), Code::Unimplemented, None)
}

pub(super) fn cancel_after_begin(caller: &Caller) -> Outcome {
    let call = caller.client().streaming_input_call(())?;
    let context = call.context();
    context.cancel();
    check_status(call.finish(), Code::Cancelled, None)?;
    check_eq("the cause", context.cancelled(), Some(CancelCause::Local))
}

pub(super) fn cancel_after_first_response(caller: &Caller) -> Outcome {
    let mut call = caller.client().full_duplex_call(())?;
    unless_over(call.send(asking(31_415, 27_182)))?;
    check_reply(call.message()?.as_ref(), 31_415)?;
    call.cancel();
    check_status(call.message(), Code::Cancelled, None)?;
    check_eq("the cause", call.context().cancelled(), Some(CancelCause::Local))
}

pub(super) fn timeout_on_sleeping_server(caller: &Caller) -> Outcome {
    // The time may be over at any point, the first included.
    let ended: Result<_, Status> = (|| {
        let mut call = caller.client().full_duplex_call(Request::new(()).with_timeout(TIMEOUT))?;
        call.send(StreamingOutputCallRequest { payload: Some(zeros(27_182)), ..Default::default() })?;
        call.message()
    })();
    check_status(ended, Code::DeadlineExceeded, None)
}
