//! `inference-client`.

use std::error::Error;
use std::io;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use stolid::{Context, Request};

use super::arguments::{Arguments, Command, Model};
use super::{predict, tokens};
use crate::inference::proto::inference_service_client::InferenceServiceClient;
use crate::inference::proto::{ClassifyRequest, CountRequest, EmbedRequest, GenerateRequest};
use crate::program::address::Address;
use crate::program::exit;
use crate::program::signals::{self, SIGINT};

/// What a shell reports for a program that Ctrl-C ended.
const INTERRUPTED: u8 = 130;

/// Runs the program with the arguments of the process.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    arguments.log.start();
    // The parent of all calls: cancelled with it, they end here and on the server.
    let context = Context::new();
    match run(arguments, &context) {
        Err(_) if context.is_cancelled() => {
            eprintln!("Cancelled.");
            ExitCode::from(INTERRUPTED)
        }
        outcome => exit::code(outcome),
    }
}

fn run(Arguments { command, server, timeout, .. }: Arguments, context: &Context) -> Result<(), Box<dyn Error>> {
    let interrupted = context.clone();
    signals::watch(&[SIGINT], move |_| interrupted.cancel())?;
    let client = InferenceServiceClient::connect(Address::from(server).target())?;
    match command {
        Command::Generate { prompt, max_tokens } => {
            let request = call(GenerateRequest { prompt, max_tokens: max_tokens.unwrap_or(0) }, timeout, context);
            let answer = client.predict_generate(request)?.map(|response| response.map(|response| response.token));
            tokens::print(answer, "", &mut io::stdout())
        }
        Command::Count { start, digits, max_tokens } => {
            let request = call(CountRequest { start, digits }, timeout, context);
            let answer = client.predict_count(request)?.map(|response| response.map(|response| response.number));
            // The model knows no end. Dropping the answer cancels the call.
            tokens::print(answer.take(max_tokens.map_or(usize::MAX, |most| most as usize)), "\n", &mut io::stdout())
        }
        Command::Predict { model, texts } => {
            let predict = |text: String| match model {
                Model::Classify => {
                    let request = call(ClassifyRequest { text }, timeout, context);
                    let response = client.predict_classify(request)?.into_inner();
                    Ok(format!("{} {:.2}", response.mood().as_str_name(), response.confidence))
                }
                Model::Embed => {
                    let response = client.predict_embed(call(EmbedRequest { text }, timeout, context))?.into_inner();
                    Ok(format!("{:.2?}", response.vector))
                }
            };
            predict::print(&texts, predict, &mut io::stdout())
        }
    }
}

/// A call that ends with the program's context, or after the time that the user gives it.
fn call<T>(message: T, timeout: Option<Duration>, context: &Context) -> Request<T> {
    let request = Request::new(message).with_parent(context.clone());
    match timeout {
        Some(timeout) => request.with_timeout(timeout),
        None => request,
    }
}
