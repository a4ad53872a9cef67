//! What a line means.

/// A line the user entered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// Nothing but blanks.
    Empty,
    /// Something to say in the session.
    Message(String),
    /// Something to do.
    Command(Command),
    /// A command that makes no sense, and why.
    Wrong(String),
}

/// Something the user wants done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// List the commands.
    Help,
    /// Show the client's counters.
    Stats,
    /// Show the server's counters.
    Server,
    /// Is the server there?
    Health,
    /// Empty the screen.
    Clear,
    /// Leave.
    Quit,
    /// Connect, if not connected.
    Connect,
    /// Disconnect, and stay so.
    Disconnect,
    /// Measure the way to the server and back on the stream.
    Ping,
    /// Start another session.
    New,
    /// Show everything about the session.
    Info,
    /// List the sessions on the server.
    Sessions,
    /// Continue the session with this id or the beginning of it.
    Join(String),
    /// Delete a session, the current one by default.
    Delete(Option<String>),
    /// Enter this room.
    Room(String),
    /// Leave the room.
    Leave,
    /// Who is in the room?
    Who,
}

/// The commands with their arguments and what they do, in the order `/help` lists them.
pub const COMMANDS: [(&str, &str, &str); 17] = [
    ("/help", "", "this list"),
    ("/new", "", "start another session"),
    ("/sessions", "", "list the sessions on the server"),
    ("/join", "ID", "continue the session whose id begins so"),
    ("/info", "", "everything about the current session"),
    ("/delete", "[ID]", "delete a session, by default the current one"),
    ("/room", "NAME", "enter a room, where everybody hears everybody"),
    ("/who", "", "who is in the room"),
    ("/leave", "", "leave the room, back to the session"),
    ("/stats", "", "counters of this client"),
    ("/server", "", "counters of the server"),
    ("/health", "", "is the server there?"),
    ("/ping", "", "time to the server and back on the stream"),
    ("/connect", "", "connect to the server"),
    ("/disconnect", "", "disconnect from it"),
    ("/clear", "", "empty the screen"),
    ("/quit", "", "leave"),
];

/// Reads a line.
pub fn parse(line: &str) -> Line {
    let line = line.trim();
    if line.is_empty() {
        return Line::Empty;
    }
    if !line.starts_with('/') {
        return Line::Message(line.to_owned());
    }
    let mut words = line.split_whitespace();
    let name = words.next().unwrap_or_default();
    let argument = words.next().map(str::to_owned);
    if words.next().is_some() {
        return Line::Wrong(format!("{name} takes one word at most."));
    }
    let command = match (name, argument) {
        ("/join", Some(id)) => Command::Join(id),
        ("/join", None) => return Line::Wrong("/join needs the id of a session; /sessions lists them.".to_owned()),
        ("/delete", id) => Command::Delete(id),
        ("/room", Some(room)) => Command::Room(room),
        ("/room", None) => return Line::Wrong("/room needs the name of a room.".to_owned()),
        (_, Some(_)) if plain(name).is_some() => return Line::Wrong(format!("{name} takes nothing behind it.")),
        _ => match plain(name) {
            Some(command) => command,
            None => return Line::Wrong(format!("There is no command {name}; /help lists them.")),
        },
    };
    Line::Command(command)
}

/// The commands without an argument.
fn plain(name: &str) -> Option<Command> {
    Some(match name {
        "/help" => Command::Help,
        "/stats" => Command::Stats,
        "/server" => Command::Server,
        "/health" => Command::Health,
        "/clear" => Command::Clear,
        "/quit" => Command::Quit,
        "/connect" => Command::Connect,
        "/disconnect" => Command::Disconnect,
        "/ping" => Command::Ping,
        "/new" => Command::New,
        "/info" => Command::Info,
        "/sessions" => Command::Sessions,
        "/leave" => Command::Leave,
        "/who" => Command::Who,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_command_is_said() {
        assert_eq!(parse("  Hello /there "), Line::Message("Hello /there".to_owned()));
        assert_eq!(parse(" \t"), Line::Empty);
    }

    #[test]
    fn every_listed_command_is_understood() {
        for (name, argument, _) in COMMANDS {
            let line = if ["ID", "NAME"].contains(&argument) { format!("{name} e5f6") } else { name.to_owned() };
            assert!(matches!(parse(&line), Line::Command(_)), "{line}");
        }
    }

    #[test]
    fn commands_take_their_arguments() {
        assert_eq!(parse("/join  e5f6"), Line::Command(Command::Join("e5f6".to_owned())));
        assert_eq!(parse("/room lobby"), Line::Command(Command::Room("lobby".to_owned())));
        assert_eq!(parse("/delete"), Line::Command(Command::Delete(None)));
        assert_eq!(parse("/delete e5"), Line::Command(Command::Delete(Some("e5".to_owned()))));
        assert_eq!(parse(" /quit "), Line::Command(Command::Quit));
    }

    #[test]
    fn mistakes_are_explained() {
        for (line, reason) in [
            ("/join", "/sessions"),
            ("/join a b", "one word"),
            ("/room", "name of a room"),
            ("/who x", "nothing behind"),
            ("/new x", "nothing behind"),
            ("/nwe", "There is no command /nwe"),
            ("/", "There is no command /"),
        ] {
            let Line::Wrong(text) = parse(line) else { panic!("{line} was understood") };
            assert!(text.contains(reason), "{line}: {text}");
        }
    }
}
