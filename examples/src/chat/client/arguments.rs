//! The flags of the chat client.

use clap::Parser;

use crate::program::address::ServerArguments;
use crate::program::compression::CompressionArguments;
use crate::program::logging::LogArguments;

/// The terminal client of the multi-turn chat.
///
/// Lines that begin with a slash are commands; /help lists them. With a pipe as input each line waits for the
/// answer to the one before, the end of the input acts like /quit, and the exit code is 0 if every message was
/// answered, else 1.
#[derive(Clone, Debug, Parser)]
#[command(name = "chat-client", version)]
pub struct Arguments {
    /// The server.
    #[command(flatten)]
    pub server: ServerArguments,
    /// Begin in the session with this id (the beginning of it will do) and not in a new one.
    #[arg(long, value_name = "ID")]
    pub session: Option<String>,
    /// Begin in this room, where everybody hears everybody, and not in a session.
    #[arg(long, value_name = "NAME")]
    pub room: Option<String>,
    /// Your name in rooms.
    #[arg(long, value_name = "N", env = "USER", hide_env_values = true, default_value = "guest")]
    pub name: String,
    /// Whether to compress.
    #[command(flatten)]
    pub compression: CompressionArguments,
    /// The runtime's log.
    #[command(flatten)]
    pub log: LogArguments,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_flags_are_understood() {
        Arguments::command().debug_assert();
        let arguments = Arguments::parse_from([
            "chat-client",
            "--port",
            "7",
            "--session",
            "e5f6",
            "--room",
            "lobby",
            "--name",
            "ada",
        ]);
        assert_eq!((arguments.server.host.as_str(), arguments.server.port), ("localhost", 7));
        assert_eq!(arguments.session.as_deref(), Some("e5f6"));
        assert_eq!((arguments.room.as_deref(), arguments.name.as_str()), (Some("lobby"), "ada"));
    }
}
