//! `chat-client`.

use std::error::Error;
use std::io::{self, BufReader, IsTerminal};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::mpsc;

use clap::Parser;

use super::app::{App, Parts, Start};
use super::arguments::Arguments;
use super::connection::Connector;
use super::editor::{LineEditor, LivePrompt};
use super::event::{self, Event};
use super::input::{Input, Lines, PipedInput};
use super::screen::Screen;
use crate::program::address::Address;
use crate::program::compression::CompressionArguments;
use crate::program::signals::{self, SIGINT};
use crate::terminal::clock::SystemClock;
use crate::terminal::theme::Theme;
use crate::terminal::width_of_standard_output;

/// Runs the program with the arguments of the process.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    arguments.log.start();
    let start = Start { session: arguments.session, room: arguments.room, name: arguments.name };
    match run(arguments.server.into(), arguments.compression, start) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("chat-client: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Chats with the server at `address` on the standard streams of the process, until the user
/// leaves. The exit code tells whether every message of a pipe was answered.
///
/// # Errors
/// When the terminal cannot be used, or the system refuses a thread.
pub fn run(address: Address, compression: CompressionArguments, start: Start) -> Result<ExitCode, Box<dyn Error>> {
    let (sender, events) = mpsc::sync_channel(event::QUEUE);
    let interrupts = sender.clone();
    signals::watch(&[SIGINT], move |_| {
        // A full queue means that the loop is busy with what was asked before; Ctrl-C can be pressed again.
        let _ = interrupts.try_send(Event::Interrupt);
    })?;
    let interactive = io::stdin().is_terminal() && io::stdout().is_terminal();
    let live_prompt = LivePrompt::default();
    let theme = Theme::of_standard_output();
    let (input, above_prompt): (Box<dyn Input>, _) = if interactive {
        let mut editor = LineEditor::new(Arc::clone(&live_prompt), theme, sender.clone())?;
        let above_prompt = editor.above_prompt();
        (Box::new(editor), above_prompt)
    } else {
        (Box::new(PipedInput::new(BufReader::new(io::stdin()))), None)
    };
    let app = App::new(Parts {
        // A terminal without line editing has no news above the prompt either, and sends its signals.
        editor_sees_interrupts: above_prompt.is_some(),
        screen: Screen::new(Box::new(io::stdout()), theme, width_of_standard_output, Arc::new(SystemClock))
            .with_prompt(above_prompt),
        connector: Connector::new(address, compression, sender.clone()),
        events,
        lines: Lines::start(input, sender)?,
        live_prompt,
        interactive,
    });
    let every_turn_succeeded = app.run(start);
    // A person has seen what failed; a script has only the exit code.
    Ok(if interactive || every_turn_succeeded { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
