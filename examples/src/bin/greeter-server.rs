//! A server with all four kinds of RPC.

use std::error::Error;
use std::process::ExitCode;

use clap::Parser;
use greeter::greeter_server::{Greeter, GreeterServer};
use greeter::{HelloReply, HelloRequest};
use stolid::{Request, Response, Sender, Server, Status, Streaming};
use stolid_examples::program::address::{Address, ListenArguments};
use stolid_examples::program::logging::LogArguments;
use stolid_examples::program::{exit, signals};

/// Generated from the `.proto` file.
pub mod greeter {
    stolid::include_proto!("greeter.v1");
}

fn greet(HelloRequest { name, language }: &HelloRequest) -> Result<HelloReply, Status> {
    let hello = match language.as_str() {
        "" | "en" => "Hello",
        "de" => "Hallo",
        "fr" => "Bonjour",
        _ => return Err(Status::invalid_argument(format!("unknown language {language:?}, please use en, de or fr"))),
    };
    Ok(HelloReply { message: format!("{hello}, {name}!") })
}

struct MyGreeter;

impl Greeter for MyGreeter {
    fn say_hello(&self, request: Request<HelloRequest>) -> Result<Response<HelloReply>, Status> {
        greet(request.get_ref()).map(Response::new)
    }

    fn say_hello_stream_reply(&self, name: Request<HelloRequest>, replies: Sender<HelloReply>) -> Result<(), Status> {
        let HelloReply { message } = greet(name.get_ref())?;
        replies.send_all((1..=3).map(|n| HelloReply { message: format!("{message} ({n} of 3)") }))
    }

    fn say_hello_client_stream(&self, names: Request<Streaming<HelloRequest>>) -> Result<Response<HelloReply>, Status> {
        let greetings =
            names.into_inner().map(|name| Ok(greet(&name?)?.message)).collect::<Result<Vec<_>, Status>>()?;
        let message = format!("{} greetings: {}", greetings.len(), greetings.join(" "));
        Ok(Response::new(HelloReply { message }))
    }

    fn say_hello_bidi_stream(
        &self,
        names: Request<Streaming<HelloRequest>>,
        replies: Sender<HelloReply>,
    ) -> Result<(), Status> {
        for name in names.into_inner() {
            replies.send(greet(&name?)?)?;
        }
        Ok(())
    }
}

/// Greets whoever is named, in English, German or French.
#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    listen: ListenArguments,
    #[command(flatten)]
    log: LogArguments,
}

fn main() -> ExitCode {
    exit::code(serve(&Arguments::parse()))
}

fn serve(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    arguments.log.start();
    let server = Server::builder().add_service(GreeterServer::new(MyGreeter)).start(&arguments.listen)?;
    signals::shut_down(server.handle())?;
    println!("Listening on: {}", Address::new(&*arguments.listen.host, server.local_addr().port()));
    server.wait();
    Ok(())
}
