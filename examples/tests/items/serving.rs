//! The service in the process of the test, with a repository that the test watches.

use std::io;
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use stolid::{Channel, Context, Server};
use stolid_examples::items::proto::Item;
use stolid_examples::items::proto::stream_service_client::StreamServiceClient;
use stolid_examples::items::proto::stream_service_server::StreamServiceServer;
use stolid_examples::items::repository::{Batch, Repository};
use stolid_examples::items::samples::Samples;
use stolid_examples::items::service::Items;
use stolid_examples::rooms::hub::{Hub, Log};

use super::output::PATIENCE;

/// A running service and a client of it.
pub(crate) struct Serving {
    _server: Server,
    pub(crate) client: StreamServiceClient,
    pub(crate) watched: Watched,
    log: Receiver<String>,
}

impl Serving {
    /// Serves 250 items.
    pub(crate) fn start() -> Self {
        Self::blocked_at(None, PATIENCE)
    }

    /// The same, but what is behind this cursor comes only when the call is over, after `timeout` at the latest.
    pub(crate) fn blocked_at(blocked: Option<u64>, timeout: Duration) -> Self {
        let (lines, log) = mpsc::channel();
        // The test may have ended when the last call does.
        let log_line = Log::new(move |line| drop(lines.send(line.to_owned())));
        let watched = Watched { samples: Samples::new(250), blocked, asked: Arc::default() };
        let hub = Arc::new(Hub::new(log_line.clone()));
        let service = Items::new(Box::new(watched.clone()), hub, log_line);
        let server = Server::builder().timeout(timeout).add_service(StreamServiceServer::new(service));
        let server = server.start("127.0.0.1:0").expect("a free port");
        // The timeout is the watchdog of every call.
        let channel = Channel::builder(format!("http://{}", server.local_addr())).timeout(PATIENCE).connect();
        let client = StreamServiceClient::new(channel.expect("the server listens"));
        Self { _server: server, client, watched, log }
    }

    /// The next line of the log.
    #[track_caller]
    pub(crate) fn log_line(&self) -> String {
        self.log.recv_timeout(PATIENCE).expect("a line in the log")
    }
}

/// Sample items, and which batches were asked for.
#[derive(Clone)]
pub(crate) struct Watched {
    samples: Samples,
    blocked: Option<u64>,
    asked: Arc<Mutex<Vec<(u64, usize)>>>,
}

impl Watched {
    /// Cursor and limit of each batch so far.
    pub(crate) fn asked(&self) -> Vec<(u64, usize)> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Repository for Watched {
    fn batch(&self, cursor: u64, limit: usize) -> io::Result<Batch> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).push((cursor, limit));
        if self.blocked == Some(cursor) {
            let call = Context::current().expect("a handler asks");
            call.wait_cancelled(Some(PATIENCE)).expect("the test cancels the call");
            // With an item in it the batch would fail where it is sent.
            return Ok(Batch { items: Vec::new(), next: Some(cursor) });
        }
        self.samples.batch(cursor, limit)
    }

    fn save(&self, _: &Item) -> io::Result<()> {
        Err(io::Error::other("the shelf is full"))
    }
}
