//! The server's side: `grpc.testing.TestService` with the features that the cases ask for.

use std::process;
use std::time::{Duration, Instant, SystemTime};

use stolid::{Code, Context, Metadata, Request, Response, SendOptions, Sender, Status, Streaming};

use super::proto::test_service_server::TestService;
use super::proto::{
    BoolValue, EchoStatus, Empty, Payload, PayloadType, ResponseParameters, SimpleRequest, SimpleResponse,
    StreamingInputCallRequest, StreamingInputCallResponse, StreamingOutputCallRequest, StreamingOutputCallResponse,
};
use super::{INITIAL_KEY, TRAILING_KEY, zeros};

/// `grpc.testing.TestService` without `UnimplementedCall`.
///
/// Its server is to have an encoding for what it sends; a response is compressed only when its request asks for it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Interop;

/// What a call's metadata asks to be answered, in its headers and in its trailers.
struct Echoed {
    headers: Metadata,
    trailers: Metadata,
}

impl Echoed {
    fn of(request: &Metadata) -> Result<Self, Status> {
        let refused = |error| Status::internal("the metadata cannot be sent back").with_source(error);
        let (mut headers, mut trailers) = (Metadata::new(), Metadata::new());
        for value in request.get_all(INITIAL_KEY) {
            headers.append(INITIAL_KEY, value).map_err(refused)?;
        }
        for value in request.get_all_bin(TRAILING_KEY) {
            trailers.append_bin(TRAILING_KEY, value).map_err(refused)?;
        }
        Ok(Self { headers, trailers })
    }

    /// A call that fails has its trailers in its status.
    fn failed(self, mut status: Status) -> Status {
        *status.metadata_mut() = self.trailers;
        status
    }
}

/// Fails when a request asks for a status.
fn check_status(asked: Option<&EchoStatus>) -> Result<(), Status> {
    match asked {
        Some(EchoStatus { code, message }) if *code != 0 => Err(Status::new(Code::from_i32(*code), message)),
        _ => Ok(()),
    }
}

/// Refuses a request that did not come as it says.
fn check_compressed(expected: Option<&BoolValue>, compressed: bool) -> Result<(), Status> {
    match expected {
        Some(expected) if expected.value != compressed => {
            let came = if compressed { "compressed" } else { "uncompressed" };
            Err(Status::invalid_argument(format!("the request came {came}")))
        }
        _ => Ok(()),
    }
}

fn is_wanted(flag: Option<&BoolValue>) -> bool {
    flag.is_some_and(|flag| flag.value)
}

fn payload(kind: i32, size: i32) -> Result<Payload, Status> {
    let Ok(PayloadType::Compressable) = PayloadType::try_from(kind) else {
        return Err(Status::invalid_argument(format!("there is no payload type {kind}")));
    };
    let size = usize::try_from(size).map_err(|_| Status::invalid_argument(format!("{size} is no size")))?;
    Ok(zeros(size))
}

/// Lets time pass until `then`, unless the call ends before.
fn wait_until(then: Instant, context: &Context) -> Result<(), Status> {
    let left = then.saturating_duration_since(Instant::now());
    if !left.is_zero() {
        context.wait_cancelled(Some(left));
    }
    context.check()
}

/// Sends what one request of a stream lists.
fn respond(
    request: &StreamingOutputCallRequest,
    replies: &Sender<StreamingOutputCallResponse>,
    context: &Context,
) -> Result<(), Status> {
    check_status(request.response_status.as_ref())?;
    // Each interval counts from the response before.
    let mut last = Instant::now();
    for ResponseParameters { size, interval_us, compressed, fill_peer_socket_address } in &request.response_parameters {
        let interval = u64::try_from(*interval_us).map_err(|_| Status::invalid_argument("a negative interval"))?;
        last += Duration::from_micros(interval);
        wait_until(last, context)?;
        let peer = context.peer_addr().filter(|_| is_wanted(fill_peer_socket_address.as_ref()));
        let reply = StreamingOutputCallResponse {
            payload: Some(payload(request.response_type, *size)?),
            peer_socket_address: peer.map_or_else(String::new, |address| address.to_string()),
        };
        replies.send_with(reply, SendOptions::new().compress(is_wanted(compressed.as_ref())))?;
    }
    Ok(())
}

/// Runs a handler that streams, with the caller's metadata answered however it ends.
fn echoing(
    request: &Metadata,
    replies: &Sender<StreamingOutputCallResponse>,
    handler: impl FnOnce() -> Result<(), Status>,
) -> Result<(), Status> {
    let echoed = Echoed::of(request)?;
    if !echoed.headers.is_empty() {
        replies.set_headers(echoed.headers.clone())?;
    }
    match handler() {
        Ok(()) => {
            replies.set_trailers(echoed.trailers);
            Ok(())
        }
        Err(status) => Err(echoed.failed(status)),
    }
}

impl TestService for Interop {
    fn empty_call(&self, _request: Request<Empty>) -> Result<Response<Empty>, Status> {
        Ok(Response::new(Empty {}))
    }

    fn unary_call(&self, request: Request<SimpleRequest>) -> Result<Response<SimpleResponse>, Status> {
        let echoed = Echoed::of(request.metadata())?;
        let asked = request.get_ref();
        let answered = check_compressed(asked.expect_compressed.as_ref(), request.was_compressed())
            .and_then(|()| check_status(asked.response_status.as_ref()));
        let payload = match answered.and_then(|()| payload(asked.response_type, asked.response_size)) {
            Ok(payload) => Some(payload),
            Err(status) => return Err(echoed.failed(status)),
        };
        let server_id = if asked.fill_server_id { process::id().to_string() } else { String::new() };
        let mut response = Response::new(SimpleResponse { payload, server_id, ..SimpleResponse::default() });
        if !is_wanted(asked.response_compressed.as_ref()) {
            response.disable_compression();
        }
        *response.metadata_mut() = echoed.headers;
        *response.trailers_mut() = echoed.trailers;
        Ok(response)
    }

    fn cacheable_unary_call(&self, _request: Request<SimpleRequest>) -> Result<Response<SimpleResponse>, Status> {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let now = now.map_err(|error| Status::internal("the clock stands before 1970").with_source(error))?;
        let payload = Payload { body: now.as_nanos().to_string().into_bytes(), ..Payload::default() };
        let mut response = Response::new(SimpleResponse { payload: Some(payload), ..SimpleResponse::default() });
        let kept = response.metadata_mut().insert("cache-control", "max-age=60, public");
        kept.map_err(|error| Status::internal("the header cannot be sent").with_source(error))?;
        Ok(response)
    }

    fn streaming_output_call(
        &self,
        request: Request<StreamingOutputCallRequest>,
        replies: Sender<StreamingOutputCallResponse>,
    ) -> Result<(), Status> {
        let context = request.context();
        echoing(request.metadata(), &replies, || respond(request.get_ref(), &replies, &context))
    }

    fn streaming_input_call(
        &self,
        requests: Request<Streaming<StreamingInputCallRequest>>,
    ) -> Result<Response<StreamingInputCallResponse>, Status> {
        let mut aggregated_payload_size: i32 = 0;
        let mut requests = requests.into_inner();
        while let Some(request) = requests.message()? {
            check_compressed(request.expect_compressed.as_ref(), requests.was_compressed())?;
            let length = request.payload.map_or(0, |payload| payload.body.len());
            let sum = i32::try_from(length).ok().and_then(|length| aggregated_payload_size.checked_add(length));
            aggregated_payload_size = sum.ok_or_else(|| Status::out_of_range("the sum does not fit its field"))?;
        }
        Ok(Response::new(StreamingInputCallResponse { aggregated_payload_size }))
    }

    fn full_duplex_call(
        &self,
        requests: Request<Streaming<StreamingOutputCallRequest>>,
        replies: Sender<StreamingOutputCallResponse>,
    ) -> Result<(), Status> {
        let context = requests.context();
        let (metadata, requests) = requests.into_parts();
        echoing(&metadata, &replies, || {
            for request in requests {
                respond(&request?, &replies, &context)?;
            }
            Ok(())
        })
    }

    fn half_duplex_call(
        &self,
        requests: Request<Streaming<StreamingOutputCallRequest>>,
        replies: Sender<StreamingOutputCallResponse>,
    ) -> Result<(), Status> {
        let context = requests.context();
        let (metadata, requests) = requests.into_parts();
        echoing(&metadata, &replies, || {
            let requests = requests.collect::<Result<Vec<_>, Status>>()?;
            requests.iter().try_for_each(|request| respond(request, &replies, &context))
        })
    }
}
