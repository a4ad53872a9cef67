//! `items-server`.

use std::error::Error;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use stolid::Server;

use super::item_file::ItemFile;
use super::proto::stream_service_server::StreamServiceServer;
use super::repository::Repository;
use super::samples::Samples;
use super::service::Items;
use crate::program::address::{Address, ListenArguments};
use crate::program::logging::LogArguments;
use crate::program::{exit, signals};
use crate::rooms::hub::{Hub, Log};
use crate::terminal::printable::printable;

/// Bytes of one request at most: an item with 256 KiB of data and a name. It bounds what an upload needs, however large.
const MAX_REQUEST: usize = 257 * 1024;

/// A server with a stream in each direction: a list of items, an upload, and a chat in rooms.
#[derive(Clone, Debug, Parser)]
#[command(name = "items-server", version)]
pub struct Arguments {
    /// Where to listen.
    #[command(flatten)]
    pub listen: ListenArguments,
    /// Items to make up for ListItems; what is uploaded is counted and not kept.
    #[arg(long, value_name = "N", default_value_t = 1000, conflicts_with = "store")]
    pub items: u64,
    /// Keep the items in this file.
    #[arg(long, value_name = "FILE")]
    pub store: Option<PathBuf>,
    /// The runtime's log.
    #[command(flatten)]
    pub log: LogArguments,
}

/// Runs the program with the arguments of the process.
pub fn main() -> ExitCode {
    exit::code(serve(&Arguments::parse()))
}

/// Serves until a signal comes.
fn serve(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    arguments.log.start();
    let repository: Box<dyn Repository> = match &arguments.store {
        Some(path) => {
            let file = ItemFile::open(path);
            Box::new(file.map_err(|error| format!("cannot open {}: {error}", path.display()))?)
        }
        None => Box::new(Samples::new(arguments.items)),
    };
    let log = Log::new(|line| say(&printable(line)));
    let hub = Arc::new(Hub::new(log.clone()));
    let service = StreamServiceServer::new(Items::new(repository, Arc::clone(&hub), log));
    let service = service.max_decoding_message_size(MAX_REQUEST);
    let server = Server::builder().add_service(service).start(&arguments.listen)?;
    // The chat would go on for ever.
    signals::shut_down_after(server.handle(), move || hub.close())?;
    say(&format!("Listening on: {}", Address::new(&*arguments.listen.host, server.local_addr().port())));
    server.wait();
    say("Server stopped.");
    Ok(())
}

fn say(line: &str) {
    // A log that nobody reads any more is no reason to stop serving.
    let _ = writeln!(io::stdout(), "{line}");
}
