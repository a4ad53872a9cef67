//! The interoperability cases: our client, tonic's server.
//!
//! Not run are the cases of compression: tonic's server has no switch for one message of a stream, and shows
//! nowhere whether a request came compressed.

use std::time::Duration;

use stolid_tests::interop::cases::{Caller, Case, Soak};
use stolid_tests::watchdog::watched;

use super::test_service::TonicTestServer;

#[track_caller]
fn passes(name: &'static str) {
    watched(move || {
        let server = TonicTestServer::start();
        // A machine under load may take its time.
        let soak = Soak { max_latency: Duration::from_secs(20), overall: Duration::from_secs(50), ..Soak::default() };
        let caller = Caller::new(format!("http://{}", server.addr()), soak).expect("it is an address");
        let ended = Case::named(name).expect("there is such a case").run(&caller);
        ended.unwrap_or_else(|failure| panic!("{name}: {failure}"));
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
fn client_streaming() {
    passes("client_streaming");
}

#[test]
fn server_streaming() {
    passes("server_streaming");
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
    passes("rpc_soak");
}

#[test]
fn channel_soak() {
    passes("channel_soak");
}

#[test]
fn no_other_case_is_left_out() {
    let tests = include_str!("interop.rs");
    let without = Case::all().iter().filter(|case| !tests.contains(&format!("fn {}() {{", case.name)));
    let compressed = |case: &Case| case.name.contains("_compressed_");
    assert!(without.clone().all(compressed), "{:?}", Vec::from_iter(without));
}
