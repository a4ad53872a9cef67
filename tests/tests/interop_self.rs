//! The interoperability cases against ourselves: the real programs over a real port, their flags and
//! their exit codes; and what each case finds wrong with a server that answers wrongly.

use std::net::SocketAddr;
use std::process::{Command, Output};

use stolid::{Code, Request, Response, Sender, Status, Streaming};
use stolid_tests::child::Child;
use stolid_tests::config;
use stolid_tests::interop::cases::{Caller, Case, Soak};
use stolid_tests::interop::proto::test_service_server::{TestService, TestServiceServer};
use stolid_tests::interop::proto::{
    Empty, Payload, SimpleRequest, SimpleResponse, StreamingInputCallRequest, StreamingInputCallResponse,
    StreamingOutputCallRequest, StreamingOutputCallResponse,
};
use stolid_tests::watchdog::watched;

const SERVER: &str = env!("CARGO_BIN_EXE_interop-server");
const CLIENT: &str = env!("CARGO_BIN_EXE_interop-client");

/// A server in a process of its own, and its port.
fn server() -> (Child, u16) {
    let child = Child::start(SERVER, &["--port=0", "--use_tls=false"]);
    let address: SocketAddr = child.expect_line("Listening on: ").parse().expect("the server says its address");
    (child, address.port())
}

fn client(arguments: &[&str]) -> Output {
    Command::new(CLIENT).args(arguments).output().expect("the program was built with the test")
}

/// Runs these cases by the real client against a server on `port`.
fn client_on(port: u16, arguments: &[&str]) -> Output {
    let port = format!("--server_port={port}");
    client(&[&["--server_host=localhost", &port], arguments].concat())
}

#[track_caller]
fn says(output: &Output, exit: i32, lines: &[&str]) {
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(Vec::from_iter(said.lines()), lines, "{output:?}");
    assert_eq!(output.status.code(), Some(exit), "{output:?}");
}

#[track_caller]
fn passes(case: &'static str) {
    watched(move || {
        let (_server, port) = server();
        says(&client_on(port, &["--test_case", case]), 0, &[&format!("{case}: passed")]);
    });
}

#[test]
fn empty_unary() {
    passes("empty_unary");
}

#[test]
fn large_unary() {
    passes("large_unary");
}

#[test]
fn client_compressed_unary() {
    passes("client_compressed_unary");
}

#[test]
fn server_compressed_unary() {
    passes("server_compressed_unary");
}

#[test]
fn client_streaming() {
    passes("client_streaming");
}

#[test]
fn client_compressed_streaming() {
    passes("client_compressed_streaming");
}

#[test]
fn server_streaming() {
    passes("server_streaming");
}

#[test]
fn server_compressed_streaming() {
    passes("server_compressed_streaming");
}

#[test]
fn ping_pong() {
    passes("ping_pong");
}

#[test]
fn empty_stream() {
    passes("empty_stream");
}

#[test]
fn custom_metadata() {
    passes("custom_metadata");
}

#[test]
fn status_code_and_message() {
    passes("status_code_and_message");
}

#[test]
fn special_status_message() {
    passes("special_status_message");
}

#[test]
fn unimplemented_method() {
    passes("unimplemented_method");
}

#[test]
fn unimplemented_service() {
    passes("unimplemented_service");
}

#[test]
fn cancel_after_begin() {
    passes("cancel_after_begin");
}

#[test]
fn cancel_after_first_response() {
    passes("cancel_after_first_response");
}

#[test]
fn timeout_on_sleeping_server() {
    passes("timeout_on_sleeping_server");
}

#[test]
fn concurrent_large_unary() {
    passes("concurrent_large_unary");
}

#[test]
fn rpc_soak() {
    passes_soak("rpc_soak");
}

#[test]
fn channel_soak() {
    passes_soak("channel_soak");
}

/// A machine under load may take its time for a single call; what the flags bound is tested below.
#[track_caller]
fn passes_soak(case: &'static str) {
    watched(move || {
        let (_server, port) = server();
        let arguments = [
            &format!("--test_case={case}"),
            "--soak_iterations=20",
            "--soak_max_failures=0",
            "--soak_per_iteration_max_acceptable_latency_ms=20000",
            "--soak_overall_timeout_seconds=50",
            "--soak_min_time_ms_between_rpcs=1",
            "--soak_request_size=1000",
            "--soak_response_size=2000",
        ];
        let output = client_on(port, &arguments);
        says(&output, 0, &[&format!("{case}: passed")]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(said.lines().filter(|line| line.starts_with("soak iteration: ")).count(), 20, "{said}");
    });
}

#[test]
fn every_case_has_its_test() {
    let tests = include_str!("interop_self.rs");
    for case in Case::all() {
        assert!(tests.contains(&format!("#[test]\nfn {}() {{", case.name)), "{} has none", case.name);
    }
}

#[test]
fn soak_tests_fail_beyond_what_their_flags_allow() {
    watched(|| {
        let (_server, port) = server();
        let slow = ["--test_case=rpc_soak", "--soak_per_iteration_max_acceptable_latency_ms=0", "--soak_iterations=2"];
        let allowed = [&slow[..], &["--soak_max_failures=2"]].concat();
        says(&client_on(port, &allowed), 0, &["rpc_soak: passed"]);
        let line = "rpc_soak: code=OK message=2 of 2 calls failed, 1 may; the last: it took longer than 0 ms";
        let too_many = [&slow[..], &["--soak_max_failures=1"]].concat();
        says(&client_on(port, &too_many), 1, &[line]);
        let late = ["--test_case=channel_soak", "--soak_overall_timeout_seconds=0", "--soak_iterations=2"];
        let line = "channel_soak: code=OK message=0 of 2 calls were made within 0 s";
        says(&client_on(port, &late), 1, &[line]);
    });
}

#[test]
fn several_cases_run_in_their_order_and_flags_take_both_forms() {
    watched(|| {
        let (_server, port) = server();
        let port = port.to_string();
        let arguments = ["--server_host", "127.0.0.1", "--server_port", &port, "--test_case", "ping_pong,empty_unary"];
        let lines = ["ping_pong: passed", "empty_unary: passed"];
        says(&client(&[&arguments[..], &["--use_tls", "false"]].concat()), 0, &lines);
    });
}

#[test]
fn a_wrong_command_line_ends_with_2_and_says_the_usage() {
    let wrong: [(&str, &[&str]); 12] = [
        (CLIENT, &[]),
        (CLIENT, &["--server_port=1"]),
        (CLIENT, &["--test_case=empty_unary"]),
        (CLIENT, &["--server_port=1", "--test_case=no_such_case"]),
        (CLIENT, &["--server_port=1", "--test_case=empty_unary,"]),
        (CLIENT, &["--server_port=1", "--test_case=empty_unary", "--no_such_flag=1"]),
        (CLIENT, &["--server_port=1", "--test_case=empty_unary", "--use_tls=true"]),
        (CLIENT, &["--server_port=65536", "--test_case=empty_unary"]),
        (SERVER, &[]),
        (SERVER, &["--port=x"]),
        (SERVER, &["--port=0", "--use_tls=true"]),
        (SERVER, &["--port=0", "--no_such_flag", "1"]),
    ];
    watched(move || {
        for (program, arguments) in wrong {
            let output = Command::new(program).args(arguments).output().expect("the program was built with the test");
            says(&output, 2, &[]);
            assert!(String::from_utf8_lossy(&output.stderr).contains("usage: interop-"), "{output:?}");
        }
    });
}

#[test]
fn a_case_that_fails_says_code_and_message_and_the_others_run() {
    watched(|| {
        // It serves another service.
        let (_server, address) = Child::server(env!("CARGO_BIN_EXE_test-peer"));
        let output = client_on(address.port(), &["--test_case=empty_unary,unimplemented_service"]);
        let said = String::from_utf8_lossy(&output.stdout);
        let lines = Vec::from_iter(said.lines());
        assert!(lines[0].starts_with("empty_unary: code=UNIMPLEMENTED message="), "{said}");
        says(&output, 1, &[lines[0], "unimplemented_service: passed"]);
    });
}

#[test]
fn a_server_that_is_not_there_fails_the_case() {
    watched(|| {
        let (mut server, port) = server();
        server.kill();
        let output = client_on(port, &["--test_case=empty_unary"]);
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(said.starts_with("empty_unary: code=UNAVAILABLE message=cannot connect to localhost:"), "{said}");
        assert_eq!(output.status.code(), Some(1));
    });
}

#[test]
fn the_server_listens_on_all_addresses_of_the_machine() {
    watched(|| {
        let child = Child::start(SERVER, &["--port", "0"]);
        let address: SocketAddr = child.expect_line("Listening on: ").parse().expect("the server says its address");
        assert!(address.ip().is_unspecified(), "{address}");
        let hosts = if address.is_ipv6() { &["127.0.0.1", "::1", "[::1]"][..] } else { &["127.0.0.1"] };
        for host in hosts {
            let (host, port) = (format!("--server_host={host}"), format!("--server_port={}", address.port()));
            says(&client(&[&host, &port, "--test_case=empty_unary"]), 0, &["empty_unary: passed"]);
        }
    });
}

/// Answers every call, and each in a way that its case must not take.
struct Wrong;

/// Zeros but for the last byte.
fn spoilt(size: i32) -> Option<Payload> {
    let mut body = vec![0; size as usize];
    body.extend([1]);
    body.remove(0);
    Some(Payload { body, ..Payload::default() })
}

impl TestService for Wrong {
    fn unary_call(&self, request: Request<SimpleRequest>) -> Result<Response<SimpleResponse>, Status> {
        let payload = spoilt(request.get_ref().response_size);
        Ok(Response::new(SimpleResponse { payload, ..SimpleResponse::default() }))
    }

    fn streaming_output_call(
        &self,
        request: Request<StreamingOutputCallRequest>,
        replies: Sender<StreamingOutputCallResponse>,
    ) -> Result<(), Status> {
        // One response too few.
        let sizes = Vec::from_iter(request.get_ref().response_parameters.iter().skip(1).map(|asked| asked.size));
        let reply = |size| Payload { body: vec![0; size as usize], ..Payload::default() };
        let replied = |size| StreamingOutputCallResponse { payload: Some(reply(size)), ..Default::default() };
        replies.send_all(sizes.into_iter().map(replied))
    }

    fn streaming_input_call(
        &self,
        requests: Request<Streaming<StreamingInputCallRequest>>,
    ) -> Result<Response<StreamingInputCallResponse>, Status> {
        let aggregated_payload_size = requests.into_inner().count() as i32;
        Ok(Response::new(StreamingInputCallResponse { aggregated_payload_size }))
    }

    fn full_duplex_call(
        &self,
        _requests: Request<Streaming<StreamingOutputCallRequest>>,
        replies: Sender<StreamingOutputCallResponse>,
    ) -> Result<(), Status> {
        replies.send(StreamingOutputCallResponse { payload: spoilt(9), ..Default::default() })
    }

    fn unimplemented_call(&self, _request: Request<Empty>) -> Result<Response<Empty>, Status> {
        Ok(Response::new(Empty {}))
    }
}

#[test]
fn a_wrong_answer_fails_its_case() {
    // What each case says of the server above; its empty method is not there.
    let expected = [
        ("empty_unary", Code::Unimplemented, ""),
        ("large_unary", Code::Ok, "the payload is not all zeros"),
        ("client_compressed_unary", Code::Ok, "not INVALID_ARGUMENT: the call ended well"),
        ("server_compressed_unary", Code::Ok, "the response's compressed flag is false, not true"),
        ("client_compressed_streaming", Code::Ok, "not INVALID_ARGUMENT: the call ended well"),
        ("server_compressed_streaming", Code::Ok, "the payload's length is 92653, not 31415"),
        ("client_streaming", Code::Ok, "the size is 4, not 74922"),
        ("server_streaming", Code::Ok, "the payload's length is 9, not 31415"),
        ("ping_pong", Code::Ok, "the payload's length is 9, not 31415"),
        ("empty_stream", Code::Ok, "one response too many came"),
        ("custom_metadata", Code::Ok, "the payload is not all zeros"),
        ("status_code_and_message", Code::Ok, "not UNKNOWN: the call ended well"),
        ("special_status_message", Code::Ok, "not UNKNOWN: the call ended well"),
        ("unimplemented_method", Code::Ok, "not UNIMPLEMENTED: the call ended well"),
        ("cancel_after_first_response", Code::Ok, "the payload's length is 9, not 31415"),
        ("concurrent_large_unary", Code::Unimplemented, ""),
        ("rpc_soak", Code::Ok, "10 of 10 calls failed, 0 may; the last: the payload is not all zeros"),
        ("channel_soak", Code::Ok, "10 of 10 calls failed, 0 may; the last: the payload is not all zeros"),
    ];
    watched(move || {
        let server = config::server().add_service(TestServiceServer::new(Wrong)).start("127.0.0.1:0");
        let server = server.expect("a loopback port is free");
        let caller = Caller::new(format!("http://{}", server.local_addr()), Soak::default()).expect("an address");
        for (name, code, message) in expected {
            let case = Case::named(name).expect("there is such a case");
            let failure = case.run(&caller).expect_err(name);
            assert_eq!(failure.code, code, "{name}: {failure}");
            assert!(failure.message.starts_with(message), "{name}: {failure}");
        }
    });
}
