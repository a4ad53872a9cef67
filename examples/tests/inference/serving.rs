//! Models of a test behind a real port.

use stolid::Server;
use stolid_examples::inference::app::App;
use stolid_examples::inference::batching::Limits;
use stolid_examples::inference::journal::Journal;
use stolid_examples::inference::proto::inference_service_client::InferenceServiceClient;

use super::output::Output;

/// A server with the models that a test registers.
pub(crate) struct Serving {
    pub(crate) server: Server,
    pub(crate) client: InferenceServiceClient,
    pub(crate) journal: Output,
}

impl Serving {
    pub(crate) fn start(batching: Limits, register: impl FnOnce(&mut App)) -> Self {
        let journal = Output::default();
        let mut app = App::new(batching, Journal::new(journal.clone()));
        register(&mut app);
        let server = Server::builder().add_service(app).start("127.0.0.1:0").expect("a port is free");
        let client = InferenceServiceClient::connect(format!("http://{}", server.local_addr()));
        Self { server, client: client.expect("the server listens"), journal }
    }
}
