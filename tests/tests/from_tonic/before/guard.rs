//! Interceptors of tonic.

use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;
use tonic::{Request, Status};

use super::rooms::rooms_client::RoomsClient;
use super::rooms::rooms_server::RoomsServer;
use super::service::MyRooms;

type Interceptor = fn(Request<()>) -> Result<Request<()>, Status>;

pub(crate) fn check(request: Request<()>) -> Result<Request<()>, Status> {
    match request.metadata().get("authorization") {
        Some(token) if token == "Bearer t0ken" => Ok(request),
        _ => Err(Status::unauthenticated("who are you?")),
    }
}

pub(crate) fn sign(mut request: Request<()>) -> Result<Request<()>, Status> {
    let token = "Bearer t0ken".parse().map_err(|_| Status::internal("a bad token"))?;
    request.metadata_mut().insert("authorization", token);
    Ok(request)
}

pub(crate) fn service() -> InterceptedService<RoomsServer<MyRooms>, Interceptor> {
    RoomsServer::with_interceptor(MyRooms, check)
}

pub(crate) fn client(channel: Channel) -> RoomsClient<InterceptedService<Channel, Interceptor>> {
    RoomsClient::with_interceptor(channel, sign)
}
