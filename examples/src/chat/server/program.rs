//! `chat-server`.

use std::error::Error;
use std::io;
use std::process::{self, ExitCode};
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use clap::Parser;

use super::arguments::Arguments;
use super::journal::Journal;
use super::running::RunningServer;
use super::service::ChatService;
use crate::model;
use crate::program::signals::{self, SIGINT, SIGTERM};
use crate::terminal::clock::SystemClock;
use crate::terminal::theme::Theme;
use crate::terminal::width_of_standard_output;

/// How long answers may go on after Ctrl-C.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);

/// What a shell reports for a program that Ctrl-C ended.
const INTERRUPTED: i32 = 130;

/// Runs the program with the arguments of the process.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    arguments.log.start();
    match serve(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("chat-server: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Serves until a signal comes.
fn serve(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let model = model::from_environment(&|name| std::env::var(name).ok())?;
    let clock = Arc::new(SystemClock);
    let journal = Journal::new(Box::new(io::stdout()), clock, Theme::of_standard_output(), width_of_standard_output);
    let service = ChatService::new((&arguments.settings).into(), model, journal);
    // Watched before anybody can know that the server listens.
    let stop = first_signal()?;
    let server = RunningServer::start(&arguments.listen, arguments.compression, service.clone())?;
    // The signals thread holds the other end for as long as the process lives.
    let _ = stop.recv();
    drop(stop);
    let seconds = DRAIN_TIMEOUT.as_secs();
    let answers = match server.drain() {
        0 => "no answer is being given".to_owned(),
        1 => format!("1 answer has {seconds}s to end"),
        answers => format!("{answers} answers have {seconds}s to end"),
    };
    service.journal().say(&format!("Shutting down: {answers} (Ctrl+C again stops at once)"));
    let report = server.shutdown(DRAIN_TIMEOUT);
    service
        .journal()
        .say(&format!("Server stopped: {} calls ended, {} cut, {} stuck", report.drained, report.cut, report.stuck));
    Ok(())
}

/// Something arrives when the process is first asked to stop; when it is asked again it stops.
fn first_signal() -> io::Result<mpsc::Receiver<()>> {
    let (sender, receiver) = mpsc::sync_channel(1);
    signals::watch(&[SIGINT, SIGTERM], move |_| {
        if sender.try_send(()).is_err() {
            process::exit(INTERRUPTED);
        }
    })?;
    Ok(receiver)
}
