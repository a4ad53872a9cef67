//! The chat server as a whole: listening, answering, draining.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use stolid::{Server, ShutdownReport};

use super::service::ChatService;
use crate::chat::proto::chat_service_server::ChatServiceServer;
use crate::items::proto::stream_service_server::StreamServiceServer;
use crate::program::address::{Address, ListenArguments};
use crate::program::compression::CompressionArguments;
use crate::rooms::hub::{Hub, Log};
use crate::rooms::service::RoomService;
use crate::terminal::printable::printable;

/// The server cannot listen where it was told to.
#[derive(Debug)]
pub struct NotListening {
    address: Address,
    cause: Box<dyn Error + Send + Sync>,
}

impl fmt::Display for NotListening {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "cannot listen on {}: {}", self.address, self.cause)
    }
}

impl Error for NotListening {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.cause)
    }
}

/// A chat server that accepts calls.
pub struct RunningServer {
    server: Server,
    service: ChatService,
    rooms: Arc<Hub>,
    address: Address,
}

impl RunningServer {
    /// Begins to listen and says so in the log.
    ///
    /// # Errors
    /// When the address cannot be listened on.
    pub fn start(
        listen: &ListenArguments,
        compression: CompressionArguments,
        service: ChatService,
    ) -> Result<Self, NotListening> {
        let failed = |cause: Box<dyn Error + Send + Sync>| NotListening {
            address: Address::new(&*listen.host, listen.port),
            cause,
        };
        let addresses = listen.addresses().map_err(|error| failed(error.into()))?;
        let journal = service.clone();
        let rooms = Arc::new(Hub::new(Log::new(move |news| journal.journal().line(&printable(news)))));
        let server = compression
            .serve(Server::builder())
            .add_service(ChatServiceServer::new(service.clone()))
            .add_service(StreamServiceServer::new(RoomService::new(Arc::clone(&rooms))))
            .start(&*addresses)
            .map_err(|error| failed(error.into()))?;
        let address = Address::new(listen.host.clone(), server.local_addr().port());
        let model = service.model();
        service.journal().started(model.name(), model.framework(), &address.to_string());
        Ok(Self { server, service, rooms, address })
    }

    /// The host as it was asked for, and the port it got.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Takes no more messages and closes the rooms; returns the number of answers that are still being given.
    pub fn drain(&self) -> usize {
        self.rooms.close();
        self.service.drain()
    }

    /// Stops. Answers that are being given have `timeout` to end.
    pub fn shutdown(&self, timeout: Duration) -> ShutdownReport {
        self.drain();
        self.server.shutdown(timeout)
    }
}

impl fmt::Debug for RunningServer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("RunningServer").field("address", &self.address).finish_non_exhaustive()
    }
}
