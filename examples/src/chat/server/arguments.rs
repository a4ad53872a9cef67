//! The flags of the chat server.

use std::time::Duration;

use clap::{Args, Parser};

use super::service::Settings;
use crate::program::address::ListenArguments;
use crate::program::compression::CompressionArguments;
use crate::program::logging::LogArguments;
use crate::terminal::durations;

/// A multi-turn chat server over gRPC.
///
/// The model is chosen by the environment: CHAT_MODEL is embedded (the default), gemini or openai; see the
/// variables GEMINI_API_KEY, GOOGLE_API_KEY, GEMINI_BASE_URL, OPENAI_API_KEY, OPENAI_BASE_URL and GENAI_MODEL_ID.
#[derive(Clone, Debug, Parser)]
#[command(name = "chat-server", version)]
pub struct Arguments {
    /// Where to listen.
    #[command(flatten)]
    pub listen: ListenArguments,
    /// How to serve.
    #[command(flatten)]
    pub settings: SettingsArguments,
    /// Whether to compress.
    #[command(flatten)]
    pub compression: CompressionArguments,
    /// The runtime's log.
    #[command(flatten)]
    pub log: LogArguments,
}

/// The limits and the pace of the server.
#[derive(Args, Clone, Debug)]
pub struct SettingsArguments {
    /// Most sessions at a time (at most 20000, so that a list of them fits into one message).
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=20_000))]
    pub max_sessions: u32,
    /// A session without a sign of life for this long is forgotten.
    #[arg(long, value_name = "TIME", default_value = "30m", value_parser = durations::parse_positive)]
    pub session_idle: Duration,
    /// Most messages in one session, questions and answers; the text of them is limited to 1 MiB.
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(2..))]
    pub history_limit: u32,
    /// Pause between two words of an answer; 0 sends the model's pieces as they come.
    #[arg(long, value_name = "TIME", default_value = "50ms", value_parser = durations::parse)]
    pub word_delay: Duration,
    /// How long the model may take for an answer.
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = durations::parse_positive)]
    pub answer_timeout: Duration,
}

impl From<&SettingsArguments> for Settings {
    fn from(arguments: &SettingsArguments) -> Self {
        Self {
            max_sessions: arguments.max_sessions as usize,
            session_idle: arguments.session_idle,
            history_limit: arguments.history_limit as usize,
            word_delay: arguments.word_delay,
            answer_timeout: arguments.answer_timeout,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_defaults_are_the_documented_ones() {
        let arguments = Arguments::parse_from(["chat-server"]);
        assert_eq!((arguments.listen.host.as_str(), arguments.listen.port), ("localhost", 50051));
        let expected = Settings {
            max_sessions: 1000,
            session_idle: Duration::from_secs(30 * 60),
            history_limit: 1000,
            word_delay: Duration::from_millis(50),
            answer_timeout: Duration::from_secs(300),
        };
        assert_eq!(Settings::from(&arguments.settings), expected);
        Arguments::command().debug_assert();
    }

    #[test]
    fn nonsense_is_refused() {
        for wrong in [
            ["--max-sessions", "0"],
            ["--history-limit", "1"],
            ["--session-idle", "soon"],
            ["--session-idle", "0"],
            ["--answer-timeout", "0"],
            ["--log", "loud"],
            ["--port", "65536"],
        ] {
            let result = Arguments::try_parse_from(["chat-server"].into_iter().chain(wrong));
            assert!(result.is_err(), "{wrong:?}");
        }
    }
}
