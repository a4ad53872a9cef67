//! tonic's server of the interoperability cases.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::task::{Context, Poll};

use http_body_util::BodyExt;
use stolid_tests::interop::proto::{
    EchoStatus, Empty, SimpleRequest, SimpleResponse, StreamingInputCallRequest, StreamingInputCallResponse,
    StreamingOutputCallRequest, StreamingOutputCallResponse,
};
use stolid_tests::interop::{INITIAL_KEY, TRAILING_KEY, zeros};
use tokio::runtime::Runtime;
use tokio_stream::{Stream, StreamExt};
use tonic::body::Body;
use tonic::codegen::{BoxFuture, BoxStream, Service, http};
use tonic::server::NamedService;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Code, Request, Response, Status, Streaming};

use crate::runtime;
use crate::testing::test_service_server::{TestService, TestServiceServer};

/// A server on a free loopback port; it ends with its runtime.
#[derive(Debug)]
pub(super) struct TonicTestServer {
    addr: SocketAddr,
    _runtime: Runtime,
}

impl TonicTestServer {
    #[track_caller]
    pub(super) fn start() -> Self {
        let runtime = runtime();
        let entered = runtime.enter();
        let incoming = TcpIncoming::bind(([127, 0, 0, 1], 0).into()).expect("a loopback port is free");
        let addr = incoming.local_addr().expect("it is bound");
        drop(entered);
        let service = EchoesMetadata(TestServiceServer::new(TonicTestService));
        runtime.spawn(Server::builder().add_service(service).serve_with_incoming(incoming));
        Self { addr, _runtime: runtime }
    }

    pub(super) fn addr(&self) -> SocketAddr {
        self.addr
    }
}

/// Sends back the metadata that the cases ask for. A layer, for a handler of tonic's cannot set the trailers of a
/// unary call that ends well.
#[derive(Clone)]
struct EchoesMetadata<S>(S);

impl<S: NamedService> NamedService for EchoesMetadata<S> {
    const NAME: &'static str = S::NAME;
}

impl<S> Service<http::Request<Body>> for EchoesMetadata<S>
where
    S: Service<http::Request<Body>, Response = http::Response<Body>, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<http::Response<Body>, Infallible>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let [initial, trailing] = [INITIAL_KEY, TRAILING_KEY].map(|key| request.headers().get(key).cloned());
        let response = self.0.call(request);
        Box::pin(async move {
            let mut response = response.await?;
            if let Some(initial) = initial {
                response.headers_mut().insert(INITIAL_KEY, initial);
            }
            let Some(trailing) = trailing else { return Ok(response) };
            let echoing = |body: Body| {
                Body::new(body.map_frame(move |mut frame| {
                    if let Some(trailers) = frame.trailers_mut() {
                        trailers.insert(TRAILING_KEY, trailing.clone());
                    }
                    frame
                }))
            };
            Ok(response.map(echoing))
        })
    }
}

struct TonicTestService;

fn check_status(asked: Option<EchoStatus>) -> Result<(), Status> {
    match asked {
        Some(EchoStatus { code, message }) if code != 0 => Err(Status::new(Code::from_i32(code), message)),
        _ => Ok(()),
    }
}

/// The responses that one request lists.
fn replies(request: StreamingOutputCallRequest) -> Vec<Result<StreamingOutputCallResponse, Status>> {
    if let Err(status) = check_status(request.response_status) {
        return vec![Err(status)];
    }
    let reply = |size: i32| StreamingOutputCallResponse { payload: Some(zeros(size as usize)), ..Default::default() };
    request.response_parameters.iter().map(|asked| Ok(reply(asked.size))).collect()
}

/// The responses that all requests list, up to the first failure.
fn relayed(
    requests: Streaming<StreamingOutputCallRequest>,
) -> impl Stream<Item = Result<StreamingOutputCallResponse, Status>> {
    let mut failed = false;
    // tokio-stream has no flat_map; a request of the cases lists one response at most.
    requests
        .filter_map(|request| request.map_or_else(|status| Some(Err(status)), |request| replies(request).pop()))
        .take_while(move |reply| {
            let before = failed;
            failed |= reply.is_err();
            !before
        })
}

#[tonic::async_trait]
impl TestService for TonicTestService {
    async fn empty_call(&self, _request: Request<Empty>) -> Result<Response<Empty>, Status> {
        Ok(Response::new(Empty {}))
    }

    async fn unary_call(&self, request: Request<SimpleRequest>) -> Result<Response<SimpleResponse>, Status> {
        let request = request.into_inner();
        check_status(request.response_status)?;
        let payload = Some(zeros(request.response_size as usize));
        Ok(Response::new(SimpleResponse { payload, ..SimpleResponse::default() }))
    }

    async fn cacheable_unary_call(&self, _request: Request<SimpleRequest>) -> Result<Response<SimpleResponse>, Status> {
        Err(Status::unimplemented("no case asks for it"))
    }

    type StreamingOutputCallStream = BoxStream<StreamingOutputCallResponse>;

    async fn streaming_output_call(
        &self,
        request: Request<StreamingOutputCallRequest>,
    ) -> Result<Response<Self::StreamingOutputCallStream>, Status> {
        Ok(Response::new(Box::pin(tokio_stream::iter(replies(request.into_inner())))))
    }

    async fn streaming_input_call(
        &self,
        requests: Request<Streaming<StreamingInputCallRequest>>,
    ) -> Result<Response<StreamingInputCallResponse>, Status> {
        let mut requests = requests.into_inner();
        let mut aggregated_payload_size = 0;
        while let Some(request) = requests.message().await? {
            aggregated_payload_size += request.payload.map_or(0, |payload| payload.body.len() as i32);
        }
        Ok(Response::new(StreamingInputCallResponse { aggregated_payload_size }))
    }

    type FullDuplexCallStream = BoxStream<StreamingOutputCallResponse>;

    async fn full_duplex_call(
        &self,
        requests: Request<Streaming<StreamingOutputCallRequest>>,
    ) -> Result<Response<Self::FullDuplexCallStream>, Status> {
        Ok(Response::new(Box::pin(relayed(requests.into_inner()))))
    }

    type HalfDuplexCallStream = BoxStream<StreamingOutputCallResponse>;

    async fn half_duplex_call(
        &self,
        _requests: Request<Streaming<StreamingOutputCallRequest>>,
    ) -> Result<Response<Self::HalfDuplexCallStream>, Status> {
        Err(Status::unimplemented("no case asks for it"))
    }

    async fn unimplemented_call(&self, _request: Request<Empty>) -> Result<Response<Empty>, Status> {
        Err(Status::unimplemented("no server has it"))
    }
}
