//! Starting and stopping with tonic.

use std::net::SocketAddr;

use tonic::transport::Server;

use super::rooms::rooms_server::RoomsServer;
use super::service::MyRooms;

pub(crate) async fn serve(address: SocketAddr, stop: impl Future<Output = ()>) -> Result<(), tonic::transport::Error> {
    Server::builder()
        .add_service(RoomsServer::new(MyRooms).max_decoding_message_size(1 << 20))
        .serve_with_shutdown(address, stop)
        .await
}
