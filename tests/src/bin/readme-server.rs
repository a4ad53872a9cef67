//! A server: one unary method, one that streams.
/// Generated from the `.proto` file.
pub mod hello {
    stolid::include_proto!("hello.v1");
}
use hello::hello_server::{Hello, HelloServer};
use hello::{CountRequest, GreetReply, GreetRequest};
use stolid::{Request, Response, Sender, Server, Status};

struct MyHello;

impl Hello for MyHello {
    fn greet(&self, request: Request<GreetRequest>) -> Result<Response<GreetReply>, Status> {
        Ok(Response::new(GreetReply { text: format!("Hello, {}!", request.get_ref().name) }))
    }

    fn count(&self, request: Request<CountRequest>, replies: Sender<GreetReply>) -> Result<(), Status> {
        replies.send_all((1..=request.get_ref().to).map(|n| GreetReply { text: format!("number {n}") }))
    }
}

fn main() -> Result<(), stolid::Error> {
    let server = Server::builder().add_service(HelloServer::new(MyHello)).start("127.0.0.1:0")?;
    println!("Listening on: {}", server.local_addr());
    server.wait(); // or go on with your own main loop, and call server.shutdown(grace) at its end
    Ok(())
}
