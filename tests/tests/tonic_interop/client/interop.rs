//! The interoperability cases: tonic's client, our server.
//!
//! Not run are the cases of compression: tonic's client has no switch for one message, and shows nowhere whether a
//! response came compressed.

use std::time::Duration;

use stolid::Server;
use stolid_tests::config;
use stolid_tests::interop::cases::Case;
use stolid_tests::interop::proto::test_service_server::TestServiceServer;
use stolid_tests::interop::proto::{
    EchoStatus, Empty, Payload, ResponseParameters, SimpleRequest, StreamingInputCallRequest,
    StreamingOutputCallRequest, StreamingOutputCallResponse,
};
use stolid_tests::interop::service::Interop;
use stolid_tests::interop::{INITIAL_KEY, TRAILING_KEY, zeros};
use stolid_tests::process::eventually;
use stolid_tests::watchdog::watched;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::metadata::{MetadataMap, MetadataValue};
use tonic::transport::Channel;
use tonic::{Code, Request};

use super::connected;
use crate::runtime;
use crate::testing::test_service_client::TestServiceClient;
use crate::testing::unimplemented_service_client::UnimplementedServiceClient;

type Client = TestServiceClient<Channel>;

const UP: [usize; 4] = [27_182, 8, 1_828, 45_904];
const DOWN: [i32; 4] = [31_415, 9, 2_653, 58_979];
const INITIAL: &str = "test_initial_metadata_value";
const TEXT: &str = "test status message";
const SPECIAL: &str = "\t\ntest with whitespace\r\nand Unicode BMP \u{263a} and non-BMP \u{1f608}\t\n";

#[track_caller]
fn calling(case: impl AsyncFnOnce(Client, &Server) + Send + 'static) {
    watched(|| {
        let server = config::server().add_service(TestServiceServer::new(Interop)).start("127.0.0.1:0");
        let server = server.expect("a loopback port is free");
        runtime().block_on(async {
            let channel = connected(server.local_addr()).await;
            case(TestServiceClient::new(channel), &server).await;
        });
    });
}

fn large_request() -> SimpleRequest {
    SimpleRequest { response_size: 314_159, payload: Some(zeros(271_828)), ..SimpleRequest::default() }
}

#[track_caller]
fn assert_zeros(payload: Option<Payload>, length: i32) {
    let body = payload.expect("a payload came").body;
    assert_eq!(body.len(), length as usize);
    assert!(body.iter().all(|byte| *byte == 0));
}

async fn call_large(mut client: Client) {
    let response = client.unary_call(large_request()).await.expect("the call ends well");
    assert_zeros(response.into_inner().payload, 314_159);
}

fn asking(size: i32, payload: usize) -> StreamingOutputCallRequest {
    let response_parameters = vec![ResponseParameters { size, ..ResponseParameters::default() }];
    StreamingOutputCallRequest { response_parameters, payload: Some(zeros(payload)), ..Default::default() }
}

type Replies = tonic::Streaming<StreamingOutputCallResponse>;

/// Begins a call with its first request: tonic waits for the response headers, which come with the first response.
async fn duplex(
    client: &mut Client,
    first: StreamingOutputCallRequest,
) -> (UnboundedSender<StreamingOutputCallRequest>, Replies) {
    let (requests, receiver) = unbounded_channel();
    requests.send(first).expect("the receiver is here");
    let replies = client.full_duplex_call(UnboundedReceiverStream::new(receiver)).await;
    (requests, replies.expect("the call begins").into_inner())
}

async fn next(replies: &mut Replies) -> Option<StreamingOutputCallResponse> {
    replies.message().await.expect("the stream goes on")
}

#[test]
fn empty_unary() {
    calling(async |mut client, _| {
        let response = client.empty_call(Empty {}).await.expect("the call ends well");
        assert_eq!(response.into_inner(), Empty {});
    });
}

#[test]
fn large_unary() {
    calling(async |client, _| call_large(client).await);
}

#[test]
fn client_streaming() {
    calling(async |mut client, _| {
        let request = |size| StreamingInputCallRequest { payload: Some(zeros(size)), ..Default::default() };
        let response = client.streaming_input_call(tokio_stream::iter(UP.map(request))).await;
        assert_eq!(response.expect("the call ends well").into_inner().aggregated_payload_size, 74_922);
    });
}

#[test]
fn server_streaming() {
    calling(async |mut client, _| {
        let parameters = |size| ResponseParameters { size, ..ResponseParameters::default() };
        let response_parameters = DOWN.map(parameters).into();
        let request = StreamingOutputCallRequest { response_parameters, ..Default::default() };
        let mut replies = client.streaming_output_call(request).await.expect("the call begins").into_inner();
        for size in DOWN {
            assert_zeros(next(&mut replies).await.expect("four come").payload, size);
        }
        assert!(next(&mut replies).await.is_none());
    });
}

#[test]
fn ping_pong() {
    calling(async |mut client, _| {
        let (requests, mut replies) = duplex(&mut client, asking(DOWN[0], UP[0])).await;
        assert_zeros(next(&mut replies).await.expect("the stream goes on").payload, DOWN[0]);
        for (size, payload) in DOWN.into_iter().zip(UP).skip(1) {
            requests.send(asking(size, payload)).expect("the call runs");
            assert_zeros(next(&mut replies).await.expect("the stream goes on").payload, size);
        }
        drop(requests);
        assert!(next(&mut replies).await.is_none());
    });
}

#[test]
fn empty_stream() {
    calling(async |mut client, _| {
        let replies = client.full_duplex_call(tokio_stream::empty()).await;
        assert!(next(&mut replies.expect("the call begins").into_inner()).await.is_none());
    });
}

fn with_metadata<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert(INITIAL_KEY, INITIAL.parse().expect("a good value"));
    request.metadata_mut().insert_bin(TRAILING_KEY, MetadataValue::from_bytes(&[0xab; 3]));
    request
}

#[track_caller]
fn assert_echoed(headers: &MetadataMap, trailers: &MetadataMap) {
    assert_eq!(Vec::from_iter(headers.get_all(INITIAL_KEY)), [INITIAL]);
    let trailing = trailers.get_all_bin(TRAILING_KEY).iter().map(|value| value.to_bytes().expect("base64"));
    assert_eq!(Vec::from_iter(trailing), [&[0xab; 3][..]]);
}

#[test]
fn custom_metadata() {
    calling(async |mut client, _| {
        let response = client.unary_call(with_metadata(large_request())).await.expect("the call ends well");
        // tonic gives the trailers of such a call among its metadata.
        assert_echoed(response.metadata(), response.metadata());
        assert_zeros(response.into_inner().payload, 314_159);

        let requests = tokio_stream::iter([asking(314_159, 271_828)]);
        let response = client.full_duplex_call(with_metadata(requests)).await.expect("the call begins");
        let headers = response.metadata().clone();
        let mut replies = response.into_inner();
        assert_zeros(next(&mut replies).await.expect("one comes").payload, 314_159);
        assert!(next(&mut replies).await.is_none());
        let trailers = replies.trailers().await.expect("the stream ended well").expect("trailers came");
        assert!(!headers.contains_key(TRAILING_KEY) && !trailers.contains_key(INITIAL_KEY));
        assert_echoed(&headers, &trailers);
    });
}

#[test]
fn status_code_and_message() {
    calling(async |mut client, _| {
        let response_status = Some(EchoStatus { code: 2, message: TEXT.to_owned() });
        let request = SimpleRequest { response_status: response_status.clone(), ..SimpleRequest::default() };
        let status = client.unary_call(request).await.expect_err("it is told to fail");
        assert_eq!((status.code(), status.message()), (Code::Unknown, TEXT));

        let request = StreamingOutputCallRequest { response_status, ..Default::default() };
        let status = match client.full_duplex_call(tokio_stream::iter([request])).await {
            Ok(replies) => replies.into_inner().message().await.expect_err("it is told to fail"),
            Err(status) => status,
        };
        assert_eq!((status.code(), status.message()), (Code::Unknown, TEXT));
    });
}

#[test]
fn special_status_message() {
    calling(async |mut client, _| {
        let response_status = Some(EchoStatus { code: 2, message: SPECIAL.to_owned() });
        let request = SimpleRequest { response_status, ..SimpleRequest::default() };
        let status = client.unary_call(request).await.expect_err("it is told to fail");
        assert_eq!((status.code(), status.message()), (Code::Unknown, SPECIAL));
    });
}

#[test]
fn unimplemented_method() {
    calling(async |mut client, _| {
        let status = client.unimplemented_call(Empty {}).await.expect_err("no server has it");
        assert_eq!(status.code(), Code::Unimplemented);
    });
}

#[test]
fn unimplemented_service() {
    calling(async |_, server| {
        let mut client = UnimplementedServiceClient::new(connected(server.local_addr()).await);
        let status = client.unimplemented_call(Empty {}).await.expect_err("no server has it");
        assert_eq!(status.code(), Code::Unimplemented);
    });
}

#[test]
fn cancel_after_begin() {
    calling(async |mut client, _| {
        // In tonic a call is cancelled by dropping it, so nobody is left to hear how it ended.
        let call = tokio::spawn(async move { client.streaming_input_call(tokio_stream::pending()).await });
        call.abort();
        assert!(call.await.expect_err("it was aborted").is_cancelled());
    });
}

#[test]
fn cancel_after_first_response() {
    calling(async |mut client, server| {
        let (requests, mut replies) = duplex(&mut client, asking(31_415, 27_182)).await;
        assert_zeros(next(&mut replies).await.expect("one comes").payload, 31_415);
        // tonic resets the call once both halves are dropped.
        drop(replies);
        drop(requests);
        eventually("the handler ends", || server.stats().running == 0);
        call_large(client).await;
    });
}

#[test]
fn timeout_on_sleeping_server() {
    calling(async |mut client, _| {
        let (requests, receiver) = unbounded_channel();
        let request = StreamingOutputCallRequest { payload: Some(zeros(27_182)), ..Default::default() };
        requests.send(request).expect("the call runs");
        let mut call = Request::new(UnboundedReceiverStream::new(receiver));
        call.set_timeout(Duration::from_millis(1));
        let status = client.full_duplex_call(call).await.expect_err("the server sleeps");
        // tonic's own timer says CANCELLED; when our server is first, its status comes.
        let told = (status.code(), status.message());
        let ends = [(Code::Cancelled, "Timeout expired"), (Code::DeadlineExceeded, "the call's deadline has passed")];
        assert!(ends.contains(&told), "{status}");
    });
}

#[test]
fn concurrent_large_unary() {
    calling(async |client, _| {
        let calls = Vec::from_iter((0..1000).map(|_| tokio::spawn(call_large(client.clone()))));
        for call in calls {
            call.await.expect("each call ends well");
        }
    });
}

#[test]
fn rpc_soak() {
    calling(async |client, _| {
        for _ in 0..10 {
            call_large(client.clone()).await;
        }
    });
}

#[test]
fn channel_soak() {
    calling(async |_, server| {
        for _ in 0..10 {
            call_large(TestServiceClient::new(connected(server.local_addr()).await)).await;
        }
    });
}

#[test]
fn no_other_case_is_left_out() {
    let tests = include_str!("interop.rs");
    let without = Case::all().iter().filter(|case| !tests.contains(&format!("fn {}() {{", case.name)));
    let compressed = |case: &Case| case.name.contains("_compressed_");
    assert!(without.clone().all(compressed), "{:?}", Vec::from_iter(without));
}
