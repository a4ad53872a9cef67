//! What the interoperability server does that no case asks for.

use std::time::{Duration, Instant};

use stolid::{Code, Metadata, Request};
use stolid_tests::config;
use stolid_tests::interop::proto::test_service_client::TestServiceClient;
use stolid_tests::interop::proto::test_service_server::TestServiceServer;
use stolid_tests::interop::proto::{
    BoolValue, EchoStatus, ResponseParameters, SimpleRequest, StreamingInputCallRequest, StreamingOutputCallRequest,
};
use stolid_tests::interop::service::Interop;
use stolid_tests::interop::{INITIAL_KEY, TRAILING_KEY, zeros};
use stolid_tests::watchdog::watched;

#[track_caller]
fn calling(test: impl FnOnce(TestServiceClient) + Send + 'static) {
    watched(|| {
        let server = config::server().add_service(TestServiceServer::new(Interop)).start("127.0.0.1:0");
        let server = server.expect("a loopback port is free");
        let channel = config::channel(format!("http://{}", server.local_addr())).connect().expect("the server listens");
        test(TestServiceClient::new(channel));
    });
}

fn asking(size: i32, interval: Duration) -> StreamingOutputCallRequest {
    let interval_us = interval.as_micros() as i32;
    let response_parameters = vec![ResponseParameters { size, interval_us, ..ResponseParameters::default() }; 3];
    StreamingOutputCallRequest { response_parameters, ..Default::default() }
}

#[test]
fn an_interval_passes_before_each_response() {
    const INTERVAL: Duration = Duration::from_millis(20);
    calling(|client| {
        let begin = Instant::now();
        let mut replies = client.streaming_output_call(asking(1, INTERVAL)).expect("the call is made");
        for number in 1..=3 {
            replies.message().expect("the stream goes on").expect("three come");
            assert!(begin.elapsed() >= INTERVAL * number, "the {number}. came after {:?}", begin.elapsed());
        }
        assert!(replies.message().expect("the stream ends well").is_none());
    });
}

#[test]
fn a_deadline_ends_an_interval() {
    calling(|client| {
        let request = Request::new(asking(1, Duration::from_secs(1000))).with_timeout(Duration::from_millis(50));
        let replies = client.streaming_output_call(request);
        let status = replies.and_then(|mut replies| replies.message()).expect_err("the deadline is sooner");
        assert_eq!(status.code(), Code::DeadlineExceeded);
    });
}

#[test]
fn half_duplex_answers_after_the_last_request() {
    calling(|client| {
        let (requests, mut replies) = client.half_duplex_call(()).expect("the call is made").split();
        requests.send(asking(5, Duration::ZERO)).expect("the server listens");
        // A round trip on the same connection: the request has come by now.
        client.unary_call(SimpleRequest::default()).expect("the server answers");
        replies.try_message().expect_err("nothing is answered before the end");
        requests.send(asking(6, Duration::ZERO)).expect("the server listens");
        requests.close();
        let replies = replies.map(|reply| reply.expect("the stream goes on").payload.unwrap_or_default().body.len());
        assert_eq!(Vec::from_iter(replies), [5, 5, 5, 6, 6, 6]);
    });
}

#[test]
fn a_cacheable_response_tells_the_time_and_may_be_kept() {
    calling(|client| {
        let call = || client.cacheable_unary_call(SimpleRequest::default()).expect("the server answers");
        let (first, second) = (call(), call());
        assert_eq!(first.metadata().get("cache-control"), Some("max-age=60, public"));
        let nanos = |body: Vec<u8>| String::from_utf8(body).expect("it is text").parse::<u128>().expect("a number");
        let (first, second) = (first.into_inner(), second.into_inner());
        let (first, second) = (first.payload.unwrap_or_default(), second.payload.unwrap_or_default());
        assert!(nanos(first.body) < nanos(second.body));
    });
}

#[test]
fn a_call_told_to_fail_has_its_metadata_in_the_trailers() {
    calling(|client| {
        let mut request = Request::new(SimpleRequest {
            response_status: Some(EchoStatus { code: Code::DataLoss as i32, message: "as told".to_owned() }),
            ..SimpleRequest::default()
        });
        request.metadata_mut().insert_bin(TRAILING_KEY, [1, 2, 3]).expect("a good entry");
        let status = client.unary_call(request).expect_err("it is told to fail");
        assert_eq!((status.code(), status.message()), (Code::DataLoss, "as told"));
        assert_eq!(status.metadata().get_bin(TRAILING_KEY).as_deref(), Some(&[1, 2, 3][..]));
    });
}

#[test]
fn a_status_after_responses_ends_the_stream() {
    calling(|client| {
        let mut request = Request::new(());
        request.metadata_mut().insert(INITIAL_KEY, "first").expect("a good entry");
        request.metadata_mut().insert_bin(TRAILING_KEY, [9]).expect("a good entry");
        let mut call = client.full_duplex_call(request).expect("the call is made");
        call.send(asking(7, Duration::ZERO)).expect("the server listens");
        for _ in 0..3 {
            call.message().expect("the stream goes on").expect("three come");
        }
        let response_status = Some(EchoStatus { code: 8, message: "enough".to_owned() });
        let told = StreamingOutputCallRequest { response_status, ..asking(7, Duration::ZERO) };
        call.send(told).expect("the server listens");
        assert_eq!(call.headers().expect("they came").get(INITIAL_KEY), Some("first"));
        let status = call.message().expect_err("it is told to fail");
        assert_eq!((status.code(), status.message()), (Code::ResourceExhausted, "enough"));
        assert_eq!(status.metadata().get_bin(TRAILING_KEY).as_deref(), Some(&[9][..]));
    });
}

#[test]
fn nothing_is_sent_back_that_was_not_asked_for() {
    calling(|client| {
        let response = client.unary_call(SimpleRequest::default()).expect("the server answers");
        let echoed = |metadata: &Metadata| metadata.contains_key(INITIAL_KEY) || metadata.contains_key(TRAILING_KEY);
        assert!(!echoed(response.metadata()) && !echoed(response.trailers()), "{response:?}");
        let response = response.into_inner();
        assert_eq!((response.username.as_str(), response.server_id.as_str()), ("", ""));
    });
}

#[test]
fn the_server_names_itself_and_the_caller_when_asked() {
    calling(|client| {
        let request = SimpleRequest { fill_server_id: true, ..SimpleRequest::default() };
        let named = |request: &SimpleRequest| {
            client.unary_call(request.clone()).expect("the server answers").into_inner().server_id
        };
        assert_eq!(named(&request), std::process::id().to_string());
        assert_eq!(named(&request), named(&request));

        let fill_peer_socket_address = Some(BoolValue { value: true });
        let asked = ResponseParameters { fill_peer_socket_address, ..ResponseParameters::default() };
        let response_parameters = vec![asked, ResponseParameters::default()];
        let request = StreamingOutputCallRequest { response_parameters, ..Default::default() };
        let replies = client.streaming_output_call(request).expect("the call is made");
        let peers = replies.map(|reply| reply.expect("the stream goes on").peer_socket_address);
        let peers = Vec::from_iter(peers);
        assert!(peers[0].starts_with("127.0.0.1:"), "{peers:?}");
        assert_eq!(peers[1], "");
    });
}

#[test]
fn what_cannot_be_sent_is_an_invalid_argument() {
    calling(|client| {
        let wrong = [
            SimpleRequest { response_type: 1, ..SimpleRequest::default() },
            SimpleRequest { response_size: -1, ..SimpleRequest::default() },
        ];
        for request in wrong {
            let status = client.unary_call(request).expect_err("it cannot be sent");
            assert_eq!(status.code(), Code::InvalidArgument, "{status}");
        }
        let parameters = |size, interval_us| ResponseParameters { size, interval_us, ..ResponseParameters::default() };
        for (response_type, parameters) in [(1, parameters(1, 0)), (0, parameters(-1, 0)), (0, parameters(1, -1))] {
            let response_parameters = vec![parameters];
            let request = StreamingOutputCallRequest { response_type, response_parameters, ..Default::default() };
            let replies = client.streaming_output_call(request);
            let status = replies.and_then(|mut replies| replies.message()).expect_err("it cannot be sent");
            assert_eq!(status.code(), Code::InvalidArgument, "{status}");
        }
    });
}

#[test]
fn an_upload_of_nothing_and_of_empty_payloads_has_size_0() {
    calling(|client| {
        let size = |requests: Vec<StreamingInputCallRequest>| {
            let call = client.streaming_input_call(()).expect("the call is made");
            let response = call.send_all(requests).and_then(|call| call.finish()).expect("the server answers");
            response.into_inner().aggregated_payload_size
        };
        assert_eq!(size(vec![]), 0);
        let empty = StreamingInputCallRequest { payload: Some(zeros(0)), ..Default::default() };
        assert_eq!(size(vec![StreamingInputCallRequest::default(), empty]), 0);
    });
}
