//! `items-client`: one subcommand for each method.

pub mod chat;
pub mod list;
pub mod progress;
pub mod upload;

use std::error::Error;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use super::proto::stream_service_client::StreamServiceClient;
use crate::program::address::{Address, ServerArguments};
use crate::program::exit;
use crate::program::logging::LogArguments;

/// A client of items-server: lists its items, uploads a file, chats in a room.
#[derive(Clone, Debug, Parser)]
#[command(name = "items-client", version)]
pub struct Arguments {
    /// The server.
    #[command(flatten)]
    pub server: ServerArguments,
    /// The runtime's log.
    #[command(flatten)]
    pub log: LogArguments,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Print every item on the server.
    List {
        /// Stop after so many items.
        #[arg(long, value_name = "N")]
        limit: Option<usize>,
    },
    /// Upload a file in pieces.
    Upload {
        /// The file.
        file: PathBuf,
    },
    /// Say each line of the input in a room, and print what is said there.
    Chat {
        /// Who you are.
        #[arg(long, value_name = "N")]
        name: String,
        /// Where you are.
        #[arg(long, default_value = "lobby")]
        room: String,
    },
}

/// Runs the program with the arguments of the process.
pub fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Err(error) if is_broken_pipe(&*error) => ExitCode::SUCCESS,
        outcome => exit::code(outcome),
    }
}

fn run(arguments: Arguments) -> Result<(), Box<dyn Error>> {
    arguments.log.start();
    let client = StreamServiceClient::connect(Address::from(arguments.server).target())?;
    match arguments.command {
        Command::List { limit } => list::run(&client, limit),
        Command::Upload { file } => upload::run(&client, &file),
        Command::Chat { name, room } => chat::run(&client, &name, &room),
    }
}

/// Whether the reader of the output has seen enough, as `head` has.
fn is_broken_pipe(error: &(dyn Error + 'static)) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
