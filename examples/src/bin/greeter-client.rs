//! A client that makes a call of each of the four kinds.

use std::error::Error;
use std::process::ExitCode;
use std::thread;

use clap::Parser;
use greeter::HelloRequest;
use greeter::greeter_client::GreeterClient;
use stolid_examples::program::address::{Address, ServerArguments};
use stolid_examples::program::exit;
use stolid_examples::program::logging::LogArguments;

/// Generated from the `.proto` file.
pub mod greeter {
    stolid::include_proto!("greeter.v1");
}

/// Has people greeted, by a call of each of the four kinds.
#[derive(Parser)]
struct Arguments {
    /// Who is to be greeted.
    #[arg(value_name = "NAME", default_value = "World")]
    names: Vec<String>,
    /// In which language: en, de or fr.
    #[arg(long, default_value = "en")]
    language: String,
    #[command(flatten)]
    server: ServerArguments,
    #[command(flatten)]
    log: LogArguments,
}

fn main() -> ExitCode {
    exit::code(greet(Arguments::parse()))
}

fn greet(arguments: Arguments) -> Result<(), Box<dyn Error>> {
    arguments.log.start();
    let request = |name: &String| HelloRequest { name: name.clone(), language: arguments.language.clone() };
    let requests = || arguments.names.iter().map(request);
    let client = GreeterClient::connect(Address::from(arguments.server).target())?;

    // One request, one response.
    for request in requests() {
        println!("SayHello: {}", client.say_hello(request)?.into_inner().message);
    }

    // One request, a stream of responses: an iterator.
    for request in requests() {
        for reply in client.say_hello_stream_reply(request)? {
            println!("SayHelloStreamReply: {}", reply?.message);
        }
    }

    // A stream of requests, one response when all are sent.
    let call = client.say_hello_client_stream(())?.send_all(requests())?;
    println!("SayHelloClientStream: {}", call.finish()?.into_inner().message);

    // Both streams at once: another thread sends, and ends its stream by dropping the sender.
    let (sender, replies) = client.say_hello_bidi_stream(())?.split();
    thread::scope(|scope| {
        let sending = scope.spawn(move || sender.send_all(requests()));
        for reply in replies {
            println!("SayHelloBidiStream: {}", reply?.message);
        }
        Ok(sending.join().expect("sending does not panic")?)
    })
}
