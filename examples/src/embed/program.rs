//! `embed`.

use std::error::Error;
use std::fmt;
use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::mpsc;
use std::thread;

use clap::Parser;
use stolid::Server;

use super::own_calls::{self, LIMITS};
use super::proto::job_service_client::JobServiceClient;
use super::proto::job_service_server::JobServiceServer;
use super::rounds;
use super::runner::JobRunner;
use super::service::JobDoor;
use crate::program::address::{Address, ListenArguments};
use crate::program::logging::LogArguments;
use crate::program::{exit, signals};

/// A runner of jobs, with threads and a main loop of its own, that embeds a gRPC server.
///
/// It counts prime numbers. It gives itself three jobs through its own service, and takes others until Ctrl-C.
#[derive(Clone, Debug, Parser)]
#[command(name = "embed", version)]
pub struct Arguments {
    /// Name or address the server listens on.
    #[arg(long, default_value = "localhost")]
    pub host: String,
    /// Port the server listens on; 0 takes a free one.
    #[arg(long, default_value_t = 0)]
    pub port: u16,
    /// Threads that work.
    #[arg(long, default_value_t = 2, value_name = "N")]
    pub workers: usize,
    /// Start, call and stop a server this many times instead, and tell what is left of it.
    #[arg(long, value_name = "N")]
    pub rounds: Option<u32>,
    /// The runtime's log.
    #[command(flatten)]
    pub log: LogArguments,
}

/// Runs the program with the arguments of the process.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    arguments.log.start();
    exit::code(match arguments.rounds {
        None => serve(arguments),
        Some(rounds) => go_round(arguments, rounds),
    })
}

/// Runs jobs until a signal comes.
fn serve(arguments: Arguments) -> Result<(), Box<dyn Error>> {
    let runner = JobRunner::start(arguments.workers)?;
    let handle = runner.handle();
    let listen = ListenArguments { host: arguments.host, port: arguments.port };
    let door = JobServiceServer::new(JobDoor::new(runner.handle()));
    let server = Server::builder().add_service(door).start(&listen)?;
    let address = Address::new(listen.host, server.local_addr().port());
    signals::shut_down(server.handle())?;
    say(format_args!("Listening on: {address}"));
    start_thread("own-calls", move || {
        if let Err(error) = call_ourselves(&address) {
            eprintln!("embed: {error}");
        }
    })?;
    // First the door, then the house: the main loop goes on until the jobs that came in are done.
    start_thread("door", move || {
        server.wait();
        handle.stop();
    })?;
    // The server has threads of its own; this one belongs to the program.
    runner.run(say);
    say(format_args!("Stopped, and nothing is left to do."));
    Ok(())
}

/// Gives the program a few jobs, as any other client would.
fn call_ourselves(address: &Address) -> Result<(), Box<dyn Error>> {
    let client = JobServiceClient::connect(address.target())?;
    for limit in LIMITS {
        let found = own_calls::run(&client, limit)?;
        say(format_args!("Answer: {found} prime numbers below {limit}"));
    }
    Ok(())
}

/// Starts, calls and stops a server over and over, while the main loop runs.
fn go_round(arguments: Arguments, rounds: u32) -> Result<(), Box<dyn Error>> {
    let runner = JobRunner::start(arguments.workers)?;
    let handle = runner.handle();
    let listen = ListenArguments { host: arguments.host, port: arguments.port };
    let (tell, told) = mpsc::channel();
    start_thread("rounds", move || {
        let outcome = rounds::run(rounds, &listen, &handle).map_err(|error| error.to_string());
        let _ = tell.send(outcome);
        handle.stop();
    })?;
    runner.run(|_| {});
    let outcome = told.recv()??;
    say(format_args!("{outcome}"));
    if outcome.is_clean() { Ok(()) } else { Err("something is left over".into()) }
}

fn start_thread(name: &str, body: impl FnOnce() + Send + 'static) -> io::Result<()> {
    thread::Builder::new().name(name.to_owned()).spawn(body).map(drop)
}

/// A line for whoever watches, who may be gone.
fn say(line: fmt::Arguments<'_>) {
    let _ = writeln!(io::stdout(), "{line}");
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_port_is_free_by_default() {
        Arguments::command().debug_assert();
        let arguments = Arguments::parse_from(["embed"]);
        assert_eq!((arguments.port, arguments.workers, arguments.rounds), (0, 2, None));
    }
}
