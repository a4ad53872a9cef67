//! The flags of the client.

use std::time::Duration;

use clap::{Parser, Subcommand, ValueEnum};

use crate::program::address::ServerArguments;
use crate::program::logging::LogArguments;
use crate::terminal::durations;

/// The client of the model server.
///
/// Ctrl-C cancels the call on the server, too.
#[derive(Clone, Debug, Parser)]
#[command(name = "inference-client", version)]
pub struct Arguments {
    /// What to ask for.
    #[command(subcommand)]
    pub command: Command,
    /// The server.
    #[command(flatten)]
    pub server: ServerArguments,
    /// How long the answer may take.
    #[arg(long, global = true, value_name = "TIME", value_parser = durations::parse_positive)]
    pub timeout: Option<Duration>,
    /// The runtime's log.
    #[command(flatten)]
    pub log: LogArguments,
}

/// One of the server's models.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Writes on from a prompt, and prints each word when it arrives.
    Generate {
        /// The prompt.
        prompt: String,
        /// Most words of the answer.
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
        max_tokens: Option<u32>,
    },
    /// Counts without end, and prints each number when it arrives.
    Count {
        /// The first number.
        #[arg(long, value_name = "N", default_value_t = 1)]
        start: u64,
        /// Fill every number up with zeros to so many digits.
        #[arg(long, value_name = "N", default_value_t = 0)]
        digits: u32,
        /// Most numbers of the answer.
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
        max_tokens: Option<u32>,
    },
    /// Predicts for some texts, all at the same time, and prints a line for each.
    Predict {
        /// The model.
        model: Model,
        /// The texts.
        #[arg(required = true)]
        texts: Vec<String>,
    },
}

/// A model that predicts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Model {
    /// Tells whether a text is friendly.
    Classify,
    /// Turns a text into a vector.
    Embed,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn flags_may_stand_on_both_sides_of_the_command() {
        Arguments::command().debug_assert();
        for arguments in [
            ["inference-client", "--port", "7", "generate", "Hi", "--max-tokens", "3", "--timeout", "1m"],
            ["inference-client", "generate", "Hi", "--max-tokens", "3", "--timeout", "1m", "--port", "7"],
        ] {
            let Arguments { server, command, timeout, .. } = Arguments::parse_from(arguments);
            let Command::Generate { prompt, max_tokens } = command else { panic!("{command:?}") };
            assert_eq!((server.port, prompt.as_str(), max_tokens), (7, "Hi", Some(3)));
            assert_eq!(timeout, Some(Duration::from_secs(60)));
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for wrong in [
            &["generate"][..],
            &["generate", "Hi", "--max-tokens", "0"],
            &["count", "--timeout", "0"],
            &["predict", "classify"],
            &["predict", "gpt", "Hi"],
            &[],
        ] {
            let result = Arguments::try_parse_from(["inference-client"].iter().chain(wrong));
            assert!(result.is_err(), "{wrong:?}");
        }
    }
}
