//! The server that the patterns of this guide are tried on.

use std::time::Duration;

use stolid::{Request, Response, Sender, Server, Status, Streaming};

use super::proto::greeter_client::GreeterClient;
use super::proto::greeter_server::{Greeter, GreeterServer};
use super::proto::{HelloReply, HelloRequest};

/// Greets politely, or takes its time.
#[derive(Clone, Copy, Debug, Default)]
pub struct PatientGreeter {
    /// How long it thinks before a greeting; the first of a stream comes at once.
    pub pause: Duration,
}

impl Greeter for PatientGreeter {
    fn say_hello(&self, request: Request<HelloRequest>) -> Result<Response<HelloReply>, Status> {
        request.context().sleep(self.pause)?;
        greet(request.get_ref()).map(Response::new)
    }

    /// Says hello until the client has heard enough.
    fn say_hello_stream_reply(
        &self,
        request: Request<HelloRequest>,
        replies: Sender<HelloReply>,
    ) -> Result<(), Status> {
        loop {
            replies.send(greet(request.get_ref())?)?;
            request.context().sleep(self.pause)?;
        }
    }

    fn say_hello_client_stream(
        &self,
        requests: Request<Streaming<HelloRequest>>,
    ) -> Result<Response<HelloReply>, Status> {
        let mut people = 0;
        for request in requests.into_inner() {
            greet(&request?)?;
            people += 1;
        }
        Ok(Response::new(HelloReply { message: format!("Hello to all {people} of you!") }))
    }

    fn say_hello_bidi_stream(
        &self,
        requests: Request<Streaming<HelloRequest>>,
        replies: Sender<HelloReply>,
    ) -> Result<(), Status> {
        for request in requests.into_inner() {
            replies.send(greet(&request?)?)?;
        }
        Ok(())
    }
}

fn greet(request: &HelloRequest) -> Result<HelloReply, Status> {
    let greeting = match &*request.language {
        "" | "en" => "Hello",
        "de" => "Hallo",
        "fr" => "Bonjour",
        other => return Err(Status::invalid_argument(format!("no greeting is known in {other:?}"))),
    };
    Ok(HelloReply { message: format!("{greeting}, {}!", request.name) })
}

/// A request to greet `name` in English.
pub fn hello(name: impl Into<String>) -> HelloRequest {
    HelloRequest { name: name.into(), language: "en".to_owned() }
}

/// A request that no greeter of this program can fulfil.
pub fn hello_in_klingon(name: impl Into<String>) -> HelloRequest {
    HelloRequest { name: name.into(), language: "tlh".to_owned() }
}

/// `greeter` on a free port of this machine, and a client of it.
///
/// # Errors
/// When there is no free port.
pub fn start(greeter: impl Greeter) -> Result<(Server, GreeterClient), stolid::Error> {
    let server = Server::builder().add_service(GreeterServer::new(greeter)).start("127.0.0.1:0")?;
    let client = GreeterClient::connect(format!("http://{}", server.local_addr()))?;
    Ok((server, client))
}
