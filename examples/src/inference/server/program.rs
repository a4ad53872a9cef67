//! `inference-server`.

use std::error::Error;
use std::io;
use std::process::ExitCode;
use std::thread;

use clap::Parser;
use stolid::Server;

use super::arguments::Arguments;
use crate::inference::journal::Journal;
use crate::program::address::Address;
use crate::program::{exit, signals};

/// Runs the program with the arguments of the process.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    arguments.log.start();
    if arguments.print_proto {
        print!("{}", arguments.models.app(Journal::default()).proto());
        return ExitCode::SUCCESS;
    }
    exit::code(serve(&arguments))
}

/// Serves until a signal comes.
fn serve(Arguments { listen, models, report, .. }: &Arguments) -> Result<(), Box<dyn Error>> {
    let journal = Journal::new(io::stdout());
    let app = models.app(journal.clone());
    let counters = app.counters();
    let tell_counters = {
        let journal = journal.clone();
        move || counters.iter().for_each(|(model, counters)| journal.say(format_args!("{model}: {counters}")))
    };

    let server = Server::builder().add_service(app).start(listen)?;
    signals::shut_down(server.handle())?;
    journal.say(format_args!("Listening on: {}", Address::new(&*listen.host, server.local_addr().port())));
    if let Some(pause) = *report {
        let tell_counters = tell_counters.clone();
        thread::spawn(move || {
            loop {
                thread::sleep(pause);
                tell_counters();
            }
        });
    }
    server.wait();
    tell_counters();
    Ok(())
}
