//! The programs of the model server.

use stolid_examples::inference::proto::inference_service_client::InferenceServiceClient;
use stolid_tests::process::Process;

pub(crate) use super::program::{Finished, Program};

/// Runs the server program to its end.
#[track_caller]
pub(crate) fn run_server(arguments: &[&str]) -> Finished {
    Program::run(super::program::command(env!("CARGO_BIN_EXE_inference-server"), arguments), "")
}

/// Runs the client program to its end.
#[track_caller]
pub(crate) fn run_client(arguments: &[&str]) -> Finished {
    Program::run(super::program::command(env!("CARGO_BIN_EXE_inference-client"), arguments), "")
}

/// A model server on a port of its own.
pub(crate) struct InferenceServer {
    pub(crate) program: Program,
    port: String,
}

impl InferenceServer {
    /// Starts a server on a free port.
    #[track_caller]
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let arguments = [&["--port", "0"], arguments].concat();
        let command = super::program::command(env!("CARGO_BIN_EXE_inference-server"), &arguments);
        let mut program = Program::start(command);
        let port = program.port();
        Self { program, port }
    }

    pub(crate) fn port(&self) -> &str {
        &self.port
    }

    /// Starts a client of this server.
    pub(crate) fn client(&self, arguments: &[&str]) -> Program {
        let arguments = [&["--port", self.port.as_str()], arguments].concat();
        Program::start(super::program::command(env!("CARGO_BIN_EXE_inference-client"), &arguments))
    }

    /// Runs a client of this server to its end.
    #[track_caller]
    pub(crate) fn run_client(&self, arguments: &[&str]) -> Finished {
        self.client(arguments).finish()
    }

    /// A client of this server in the process of the test.
    pub(crate) fn stub(&self) -> InferenceServiceClient {
        InferenceServiceClient::connect(format!("http://localhost:{}", self.port)).expect("the server listens")
    }

    /// What the server costs.
    pub(crate) fn process(&self) -> Process {
        Process::with_id(self.program.id())
    }

    /// Stops the server; returns the counters that it prints at the end, of one model.
    #[track_caller]
    pub(crate) fn stop(self, model: &str) -> String {
        self.program.signal("TERM");
        let stopped = self.program.finish();
        assert_eq!(stopped.code, Some(0), "{}{}", stopped.output, stopped.errors);
        let last = stopped.output.lines().rev().find_map(|line| line.strip_prefix(&format!("{model}: ")));
        last.expect("the server prints its counters").to_owned()
    }
}
