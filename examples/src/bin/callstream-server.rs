//! A server that streams: five answers to one request, half a second apart.

use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use bento::bento_service_server::{BentoService, BentoServiceServer};
use bento::{Request, Response};
use clap::Parser;
use stolid::{Sender, Server, Status};
use stolid_examples::program::address::{Address, ListenArguments};
use stolid_examples::program::logging::LogArguments;
use stolid_examples::program::{exit, signals};

/// Generated from the `.proto` file.
pub mod bento {
    stolid::include_proto!("bentoml.grpc.v1alpha1");
}

/// Between two answers.
const PAUSE: Duration = Duration::from_millis(500);

struct CallStream;

impl BentoService for CallStream {
    fn call_stream(&self, request: stolid::Request<Request>, replies: Sender<Response>) -> Result<(), Status> {
        let context = request.context();
        let Request { data } = request.into_inner();
        println!("CallStream received: {data}");
        for i in 1..=5 {
            if i > 1 {
                // Fails when the client has gone, and so ends the call.
                context.sleep(PAUSE)?;
            }
            let response = format!("Response {i} for '{data}'");
            println!("Sending: {response}");
            replies.send(Response { data: response })?;
        }
        println!("CallStream finished.");
        Ok(())
    }
}

/// Answers every CallStream with five messages, half a second apart.
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
    let server = Server::builder().add_service(BentoServiceServer::new(CallStream)).start(&arguments.listen)?;
    signals::shut_down(server.handle())?;
    let port = server.local_addr().port();
    println!("gRPC server started on port {port}");
    println!("Listening on: {}", Address::new(&*arguments.listen.host, port));
    server.wait();
    Ok(())
}
