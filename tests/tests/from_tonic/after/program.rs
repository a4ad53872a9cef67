//! Starting and stopping with Stolid.

use std::net::ToSocketAddrs;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use stolid::{CompressionEncoding, Server};

use super::rooms::rooms_server::RoomsServer;
use super::service::MyRooms;

pub(crate) fn serve(address: impl ToSocketAddrs, stop: &Receiver<()>) -> Result<(), stolid::Error> {
    let server =
        Server::builder().add_service(RoomsServer::new(MyRooms).max_decoding_message_size(1 << 20)).start(address)?;
    let _closed = stop.recv();
    server.shutdown(Duration::from_secs(10));
    Ok(())
}

pub(crate) fn compressing() -> Result<Server, stolid::Error> {
    let rooms = RoomsServer::new(MyRooms)
        .send_compressed(CompressionEncoding::Gzip)
        .accept_compressed(CompressionEncoding::Gzip);
    Server::builder().add_service(rooms).start("127.0.0.1:0")
}
