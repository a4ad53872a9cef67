//! `--log LEVEL` and `RUST_LOG`: what the runtime reports, on standard error.

use std::io;

use clap::Args;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

/// How much of the runtime's log to show.
#[derive(Args, Clone, Debug)]
pub struct LogArguments {
    /// Show the runtime's log on standard error: error, warn, info, debug, trace or off. Without it RUST_LOG
    /// decides, and without that only errors are shown.
    #[arg(long, global = true, value_name = "LEVEL")]
    pub log: Option<LevelFilter>,
}

impl LogArguments {
    /// Begins to show the log. A second call in one process changes nothing.
    pub fn start(&self) {
        let builder = EnvFilter::builder().with_default_directive(LevelFilter::ERROR.into());
        let filter = match self.log {
            Some(level) => EnvFilter::new(level.to_string()),
            None => builder.from_env_lossy(),
        };
        let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
        // Only a test that runs two programs in one process comes here twice; the first choice holds.
        let _ = subscriber.try_init();
    }
}
