//! `chat`: the server and its client in one process.

use std::error::Error;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;

use super::client;
use super::client::app::Start;
use super::server::arguments::SettingsArguments;
use super::server::journal::Journal;
use super::server::running::RunningServer;
use super::server::service::ChatService;
use crate::model;
use crate::program::address::ListenArguments;
use crate::program::compression::CompressionArguments;
use crate::program::logging::LogArguments;
use crate::terminal::clock::SystemClock;
use crate::terminal::theme::Theme;
use crate::terminal::width_of_a_file;

/// How long the server may take to stop once its only user has left.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(1);

/// A multi-turn chat over gRPC: the server and its client in one process.
///
/// Lines that begin with a slash are commands; /help lists them. With a pipe as input each line waits for the
/// answer to the one before, the end of the input acts like /quit, and the exit code is 0 if every message was
/// answered, else 1. The model is chosen by the environment as for chat-server.
#[derive(Clone, Debug, Parser)]
#[command(name = "chat", version)]
pub struct Arguments {
    /// Name or address the server listens on.
    #[arg(long, default_value = "localhost")]
    pub host: String,
    /// Port the server listens on; 0 takes a free one.
    #[arg(long, default_value_t = 0)]
    pub port: u16,
    /// How to serve.
    #[command(flatten)]
    pub settings: SettingsArguments,
    /// Your name in rooms.
    #[arg(long, value_name = "N", env = "USER", hide_env_values = true, default_value = "guest")]
    pub name: String,
    /// Write the server's log to this file; without it nobody sees it.
    #[arg(long, value_name = "FILE")]
    pub server_log: Option<PathBuf>,
    /// Whether to compress.
    #[command(flatten)]
    pub compression: CompressionArguments,
    /// The runtime's log.
    #[command(flatten)]
    pub log: LogArguments,
}

/// Runs the program with the arguments of the process.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    arguments.log.start();
    match run(arguments) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("chat: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments) -> Result<ExitCode, Box<dyn Error>> {
    let model = model::from_environment(&|name| std::env::var(name).ok())?;
    let journal = journal(arguments.server_log.as_deref())?;
    let service = ChatService::new((&arguments.settings).into(), model, journal);
    let listen = ListenArguments { host: arguments.host, port: arguments.port };
    let server = RunningServer::start(&listen, arguments.compression, service)?;
    let code = client::program::run(
        server.address().clone(),
        arguments.compression,
        Start { name: arguments.name, ..Start::default() },
    )?;
    server.shutdown(SHUTDOWN_TIMEOUT);
    Ok(code)
}

/// The server's log: the file, or nothing.
fn journal(file: Option<&Path>) -> Result<Journal, String> {
    let clock = Arc::new(SystemClock);
    let Some(path) = file else { return Ok(Journal::silent(clock)) };
    let file = File::create(path).map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    Ok(Journal::new(Box::new(file), clock, Theme::plain(), width_of_a_file))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_port_is_free_and_the_log_hidden_by_default() {
        Arguments::command().debug_assert();
        let arguments = Arguments::parse_from(["chat"]);
        assert_eq!((arguments.port, arguments.server_log), (0, None));
    }
}
