//! The flags of the model server.

use std::num::NonZeroUsize;
use std::time::Duration;

use clap::{Args, Parser, ValueEnum};

use crate::inference::app::App;
use crate::inference::batching::Limits;
use crate::inference::journal::Journal;
use crate::inference::models::{classify::classify, count::count, embed::embed, generate::generate};
use crate::program::address::ListenArguments;
use crate::program::logging::LogArguments;
use crate::terminal::durations;

/// A model server over gRPC: answers token by token, and predictions in batches.
#[derive(Clone, Debug, Parser)]
#[command(name = "inference-server", version)]
pub struct Arguments {
    /// Where to listen.
    #[command(flatten)]
    pub listen: ListenArguments,
    /// The models.
    #[command(flatten)]
    pub models: ModelArguments,
    /// Print the .proto file that fits the models, and nothing else.
    #[arg(long)]
    pub print_proto: bool,
    /// Print the counters of all models so often, and not at the end alone.
    #[arg(long, value_name = "TIME", value_parser = durations::parse_positive)]
    pub report: Option<Duration>,
    /// The runtime's log.
    #[command(flatten)]
    pub log: LogArguments,
}

/// Which models there are, and how fast they are.
#[derive(Args, Clone, Debug)]
pub struct ModelArguments {
    /// The models to serve, separated by commas.
    #[arg(long, value_name = "MODEL,…", value_delimiter = ',', default_value = "generate,count,classify,embed")]
    pub models: Vec<ModelName>,
    /// Pause of the streaming models before every token but the first.
    #[arg(long, value_name = "TIME", default_value = "50ms", value_parser = durations::parse)]
    pub token_delay: Duration,
    /// Time that the other models take for a batch, however large it is.
    #[arg(long, value_name = "TIME", default_value = "10ms", value_parser = durations::parse)]
    pub batch_time: Duration,
    /// Most requests of a batch.
    #[arg(long, value_name = "N", default_value = "32")]
    pub max_batch: NonZeroUsize,
    /// How long a request waits for others to make a batch with.
    #[arg(long, value_name = "TIME", default_value = "5ms", value_parser = durations::parse)]
    pub max_wait: Duration,
}

/// A model of the example.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ModelName {
    /// Writes on from a prompt.
    Generate,
    /// Counts without end.
    Count,
    /// Tells whether a text is friendly.
    Classify,
    /// Turns a text into a vector.
    Embed,
}

impl ModelArguments {
    /// An app with these models.
    pub fn app(&self, journal: Journal) -> App {
        let Self { token_delay, batch_time, max_batch, max_wait, .. } = *self;
        let mut app = App::new(Limits { max_size: max_batch, max_wait }, journal);
        // In an order of their own, and each once.
        for model in ModelName::value_variants().iter().filter(|model| self.models.contains(model)) {
            match model {
                ModelName::Generate => app.streaming_model("generate", move |prompt| generate(prompt, token_delay)),
                ModelName::Count => app.streaming_model("count", move |request| count(request, token_delay)),
                ModelName::Classify => app.model("classify", move |batch| classify(batch, batch_time)),
                ModelName::Embed => app.model("embed", move |batch| embed(batch, batch_time)),
            };
        }
        app
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn methods(arguments: &[&str]) -> Vec<String> {
        let arguments = Arguments::parse_from(["inference-server"].iter().chain(arguments));
        let proto = arguments.models.app(Journal::default()).proto();
        let lines = proto.lines().filter_map(|line| line.trim_start().strip_prefix("rpc Predict"));
        lines.map(|line| line.split('(').next().unwrap_or_default().to_owned()).collect()
    }

    #[test]
    fn the_defaults_are_the_documented_ones() {
        Arguments::command().debug_assert();
        let Arguments { listen, models, .. } = Arguments::parse_from(["inference-server"]);
        assert_eq!((listen.host.as_str(), listen.port), ("localhost", 50051));
        let limits = Limits { max_size: models.max_batch, max_wait: models.max_wait };
        assert_eq!(limits, Limits::default());
        assert_eq!(methods(&[]), ["Generate", "Count", "Classify", "Embed"]);
    }

    #[test]
    fn each_model_that_is_named_is_served_once() {
        assert_eq!(methods(&["--models", "embed,generate,embed"]), ["Generate", "Embed"]);
    }

    #[test]
    fn nonsense_is_refused() {
        for wrong in [["--models", "gpt"], ["--max-batch", "0"], ["--max-wait", "soon"], ["--port", "65536"]] {
            let result = Arguments::try_parse_from(["inference-server"].into_iter().chain(wrong));
            assert!(result.is_err(), "{wrong:?}");
        }
    }
}
