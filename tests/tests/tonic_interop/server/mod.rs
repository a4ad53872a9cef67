//! tonic as the server that our client calls.

mod calls;
mod endings;
mod failures;
mod interop;
mod rich_errors;
mod service;
mod test_service;

use stolid_tests::echo::echo_client::EchoClient;
use stolid_tests::pair;
use stolid_tests::watchdog::watched;

pub(crate) use service::TonicServer;
pub(crate) use service::told;

/// Runs a test of our client against tonic's server.
#[track_caller]
fn calling(test: impl FnOnce(EchoClient, &TonicServer) + Send + 'static) {
    watched(|| {
        let server = TonicServer::start(|builder| builder);
        test(pair::client_of(server.addr()), &server);
    });
}
