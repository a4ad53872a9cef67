//! The client on a terminal: prompt, line editing, Ctrl-C.

use std::fs::File;
use std::io::Write;
use std::process::Command;

use rexpect::process::PtyProcess;

use super::output::Output;
use super::programs::{ChatServer, command};

/// The keys a test presses.
pub(crate) const ENTER: &str = "\r";
const CTRL_C: &str = "\u{3}";
const CTRL_D: &str = "\u{4}";
const UP: &str = "\u{1b}[A";
const LEFT: &str = "\u{1b}[D";
const BACKSPACE: &str = "\u{7f}";
const TAB: &str = "\t";

/// The prompt in a session, as it comes with its colour.
const CONNECTED: &str = "...] \u{1b}[32m●\u{1b}[0m › ";

/// A program on a terminal.
pub(crate) struct Terminal {
    process: PtyProcess,
    keyboard: File,
    screen: Output,
    seen: usize,
}

impl Terminal {
    fn start(command: Command) -> Self {
        Self::start_as("xterm-256color", command)
    }

    fn start_as(terminal: &str, mut command: Command) -> Self {
        command.env("TERM", terminal);
        let mut process = PtyProcess::new(command).expect("the program starts on a terminal");
        process.set_kill_timeout(Some(5000));
        let keyboard = process.get_file_handle().expect("a keyboard");
        let screen = Output::of(process.get_file_handle().expect("a screen"));
        Self { process, keyboard, screen, seen: 0 }
    }

    pub(crate) fn client(server: &ChatServer, arguments: &[&str]) -> Self {
        let mut all = vec!["--port", server.port.as_str()];
        all.extend(arguments);
        let mut terminal = Self::start(command("chat-client", &all));
        terminal.expect(CONNECTED);
        terminal
    }

    pub(crate) fn press(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).and_then(|()| self.keyboard.flush()).expect("the terminal is there");
    }

    #[track_caller]
    pub(crate) fn expect(&mut self, wanted: &str) -> String {
        let from = self.seen;
        self.seen = self.screen.wait_for(wanted, from);
        String::from_utf8_lossy(&self.screen.text().as_bytes()[from..self.seen]).into_owned()
    }

    /// Waits for the end of the program, which must have this exit code.
    #[track_caller]
    pub(crate) fn assert_exit(self, code: i32) {
        self.screen.wait_for_end();
        let status = format!("{:?}", self.process.wait().expect("our own child"));
        assert!(status.starts_with("Exited(") && status.ends_with(&format!(", {code})")), "{status}");
    }
}

#[test]
fn the_prompt_shows_the_session_and_lines_can_be_edited() {
    let server = ChatServer::start(&[]);
    let mut terminal = Terminal::client(&server, &[]);
    terminal.press("My name is Adx");
    terminal.press(BACKSPACE);
    terminal.press("a.");
    // Into the line and back out of it.
    terminal.press(LEFT);
    terminal.press(LEFT);
    terminal.press("d");
    terminal.press(ENTER);
    terminal.expect(" My name is Adda. ");
    terminal.expect("SUCCESS");
    terminal.expect(CONNECTED);
    // The line before, and the one before that.
    terminal.press("/ping");
    terminal.press(ENTER);
    terminal.expect("PONG from ");
    terminal.expect(CONNECTED);
    terminal.press(UP);
    terminal.press(UP);
    terminal.press(ENTER);
    terminal.expect(" My name is Adda. ");
    terminal.expect("SUCCESS");
    terminal.expect(CONNECTED);
    terminal.press("/qu");
    terminal.press(TAB);
    terminal.press(ENTER);
    terminal.expect("Goodbye!");
    terminal.assert_exit(0);
}

#[test]
fn without_a_session_the_prompt_is_short() {
    let server = ChatServer::start(&[]);
    let mut terminal = Terminal::client(&server, &[]);
    terminal.press("/delete\r");
    terminal.expect("deleted.");
    terminal.expect("You › ");
    terminal.press("Hello\r");
    terminal.expect("New session created: ");
    terminal.expect("SUCCESS");
    terminal.expect(CONNECTED);
}

#[test]
fn ctrl_c_stops_an_answer_and_at_the_prompt_it_leaves() {
    let server = ChatServer::start(&["--word-delay", "1h"]);
    let mut terminal = Terminal::client(&server, &[]);
    terminal.press("Hello\r");
    terminal.expect("AI Response (gRPC Streaming)");
    let mut log = server.program;
    log.expect("Chunk #1");
    terminal.press(CTRL_C);
    terminal.expect("Answer cancelled.");
    log.expect("the client cancelled, after 1 chunks");
    terminal.expect(CONNECTED);
    terminal.press(CTRL_C);
    terminal.expect("Goodbye!");
    terminal.assert_exit(0);
}

#[test]
fn a_terminal_that_can_do_nothing_is_enough() {
    let server = ChatServer::start(&[]);
    let mut dumb = Terminal::start_as("dumb", command("chat-client", &["--port", &server.port]));
    dumb.expect("...] ● › ");
    dumb.press("My name is Ada.\r");
    dumb.expect("Status: SUCCESS");
    dumb.expect("...] ● › ");
    assert!(!dumb.screen.text().contains('\u{1b}'));
    dumb.press(CTRL_C);
    dumb.expect("Goodbye!");
    dumb.assert_exit(0);
}

#[test]
fn ctrl_d_at_the_prompt_leaves() {
    let server = ChatServer::start(&[]);
    let mut terminal = Terminal::client(&server, &[]);
    terminal.press(CTRL_D);
    terminal.expect("Goodbye!");
    terminal.assert_exit(0);
}

#[test]
fn the_others_on_a_session_see_who_types() {
    let server = ChatServer::start(&[]);
    let mut first = Terminal::client(&server, &[]);
    first.press("/info\r");
    let info = first.expect("Streams Attached");
    let info = anstream::adapter::strip_str(&info).to_string();
    let id = info.split("Session: ").nth(1).and_then(|rest| rest.split_whitespace().next()).expect("the id");
    first.expect(CONNECTED);
    let mut second = Terminal::client(&server, &["--session", id]);
    // Once this is answered, the server knows that the second one listens.
    second.press("/ping\r");
    second.expect("PONG");
    second.expect(CONNECTED);
    first.press("He");
    second.expect("Another client is typing...");
    first.press(BACKSPACE);
    first.press(BACKSPACE);
    second.expect("Another client stopped typing.");
    // Commands are nobody's business.
    first.press("/ping\r");
    first.expect("PONG");
    first.expect(CONNECTED);
    first.press("Hello");
    let told = second.expect("Another client is typing...");
    assert!(!told.contains("stopped"), "{told}");
    first.press(ENTER);
    second.expect("Another client stopped typing.");
    first.expect("SUCCESS");
}

#[test]
fn news_of_the_connection_come_above_the_line_that_is_being_typed() {
    let server = ChatServer::start(&[]);
    let port = server.port.clone();
    let mut terminal = Terminal::client(&server, &[]);
    terminal.press("half a li");
    terminal.expect("half a li");
    server.program.signal("KILL");
    terminal.expect("Connection lost: ");
    // The prompt knows, and the line is still there.
    terminal.expect("○");
    terminal.expect("half a li");
    drop(server.program.finish());
    let _server = ChatServer::start_again(&port);
    terminal.expect("Reconnected to localhost:");
    terminal.expect("starting a new one.");
    terminal.expect("New session created: ");
    terminal.expect("●");
    terminal.expect("half a li");
    terminal.press("ne\r");
    terminal.expect(" half a line ");
    terminal.expect("SUCCESS");
}

#[test]
fn boxes_fit_a_narrow_terminal() {
    let server = ChatServer::start(&[]);
    let mut shell = command("chat-client", &[]);
    shell = {
        let mut narrow = Command::new("sh");
        narrow.args(["-c", "stty cols 40 rows 20; exec \"$0\" \"$@\""]).arg(shell.get_program());
        narrow.args(["--port", &server.port]);
        narrow
    };
    let mut terminal = Terminal::start(shell);
    terminal.expect("┌");
    let rule = terminal.expect("┐");
    assert_eq!(rule.matches('─').count(), 38, "{rule}");
    terminal.expect(CONNECTED);
}

#[test]
fn clear_empties_the_screen() {
    let server = ChatServer::start(&[]);
    let mut terminal = Terminal::client(&server, &[]);
    terminal.press("/clear\r");
    terminal.expect("\u{1b}[2J");
    terminal.expect(CONNECTED);
}

#[test]
fn colours_can_be_switched_off() {
    let server = ChatServer::start(&[]);
    let mut plain = command("chat-client", &["--port", &server.port]);
    plain.env("NO_COLOR", "1");
    let mut terminal = Terminal::start(plain);
    let until_prompt = terminal.expect("...] ● › ");
    assert!(!until_prompt.contains("\u{1b}[3"), "{until_prompt:?}");
    assert!(!until_prompt.contains("\u{1b}[1m"), "{until_prompt:?}");
}

#[test]
fn chat_is_both_in_one() {
    let mut terminal = Terminal::start(command("chat", &["--word-delay", "0"]));
    terminal.expect(CONNECTED);
    terminal.press("My name is Ada.\r");
    terminal.expect("SUCCESS");
    terminal.expect(CONNECTED);
    terminal.press("What is my name?\r");
    terminal.expect("Ada");
    terminal.expect("SUCCESS");
    terminal.expect(CONNECTED);
    terminal.press(CTRL_C);
    terminal.expect("Goodbye!");
    terminal.assert_exit(0);
}
