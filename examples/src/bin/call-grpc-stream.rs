//! A client of a stream: prints each answer when it arrives.

use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use bento::Request;
use bento::bento_service_client::BentoServiceClient;
use clap::Parser;
use stolid::{Channel, Status, Streaming};
use stolid_examples::program::address::{Address, ServerArguments};
use stolid_examples::program::logging::LogArguments;

/// Generated from the `.proto` file.
pub mod bento {
    stolid::include_proto!("bentoml.grpc.v1alpha1");
}

/// Prints what the server streams, each answer when it arrives.
#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    server: ServerArguments,
    /// What to send.
    #[arg(long, default_value = "Test Message from CLI")]
    data: String,
    /// How long the call may take, in seconds; without it as long as it takes.
    #[arg(long, value_name = "S", value_parser = seconds)]
    timeout: Option<Duration>,
    #[command(flatten)]
    log: LogArguments,
}

fn seconds(text: &str) -> Result<Duration, Box<dyn Error + Send + Sync>> {
    Ok(Duration::try_from_secs_f64(text.parse()?)?)
}

/// A client of the service, with plain strings for its messages.
struct CallStreamClient {
    stub: BentoServiceClient,
}

impl CallStreamClient {
    /// Every answer to `data`, one after another as they arrive, or what went wrong.
    fn call_stream(&self, data: &str) -> impl Iterator<Item = Result<String, Status>> {
        let responses = self.stub.call_stream(Request { data: data.to_owned() });
        responses.unwrap_or_else(Streaming::from).map(|response| Ok(response?.data))
    }
}

fn print_responses(address: &Address, data: &str, timeout: Option<Duration>) -> Result<(), Status> {
    let mut channel = Channel::builder(address.target());
    if let Some(timeout) = timeout {
        channel = channel.timeout(timeout);
    }
    // Connects with the first call, which fails if that does not work.
    let client = CallStreamClient { stub: BentoServiceClient::new(channel.connect_lazy()?) };
    for response in client.call_stream(data) {
        println!("{}", response?);
    }
    Ok(())
}

fn main() -> ExitCode {
    let Arguments { server, data, timeout, log } = Arguments::parse();
    log.start();
    let address = Address::from(server);
    println!("Connecting to gRPC server at {address}...");
    println!("Sending data: '{data}' to CallStream...");
    println!("--- Streamed Responses ---");
    let outcome = print_responses(&address, &data, timeout);
    if let Err(status) = &outcome {
        eprintln!("An error occurred: {status}");
    }
    println!("------------------------");
    println!("Connection closed.");
    if outcome.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
