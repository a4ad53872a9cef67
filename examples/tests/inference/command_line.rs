//! What both programs say about themselves.

use super::programs::{InferenceServer, run_client, run_server};

#[test]
fn help_is_there() {
    let help = run_server(&["--help"]);
    assert_eq!(help.code, Some(0));
    for flag in ["--host", "--port", "--models", "--max-batch", "--max-wait", "--print-proto", "--log"] {
        assert!(help.output.contains(flag), "no {flag} in {}", help.output);
    }
    let server = InferenceServer::start(&[]);
    let help = server.run_client(&["generate", "--help"]);
    assert_eq!(help.code, Some(0));
    for flag in ["--host", "--port", "--max-tokens", "--timeout", "--log"] {
        assert!(help.output.contains(flag), "no {flag} in {}", help.output);
    }
}

#[test]
fn the_log_is_on_standard_error() {
    let server = InferenceServer::start(&["--log", "info"]);
    server.program.errors.wait_for("listening", 0);
    let client = server.run_client(&["predict", "embed", "Hi", "--log", "debug"]);
    assert_eq!((client.code, client.output.lines().count()), (Some(0), 1));
    assert!(!client.errors.is_empty());
    let quiet = server.run_client(&["predict", "embed", "Hi"]);
    assert_eq!((quiet.code, quiet.errors.as_str()), (Some(0), ""));
}

#[test]
fn the_counters_are_told_while_the_server_runs() {
    let mut server = InferenceServer::start(&["--models", "embed", "--report", "1ms"]);
    server.program.expect("embed: 0 requests\n");
    server.run_client(&["predict", "embed", "Hi"]);
    server.program.expect("embed: 1 request, 1 batch\n");
}

#[test]
fn a_port_that_is_taken_and_one_that_nobody_listens_on_are_told() {
    let server = InferenceServer::start(&[]);
    let taken = run_server(&["--port", server.port()]);
    assert_eq!(taken.code, Some(1));
    assert!(taken.errors.starts_with("inference-server: "), "{}", taken.errors);
    assert!(taken.errors.contains(server.port()), "{}", taken.errors);

    let refused = run_client(&["count", "--host", "127.0.0.1", "--port", "1"]);
    assert_eq!(refused.code, Some(1));
    assert!(refused.errors.starts_with("inference-client: "), "{}", refused.errors);
}
