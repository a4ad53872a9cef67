//! What the command line asks for.

use std::time::Duration;

use crate::Outcome;

/// The command line.
#[derive(Clone, Debug)]
pub(crate) struct Flags {
    /// A word that the names of rows must hold.
    pub(crate) only: Option<String>,
    /// How long one measurement takes.
    pub(crate) span: Duration,
    /// How many measurements a figure is the median of.
    pub(crate) repeats: usize,
    /// Whether tonic's server runs on one thread.
    pub(crate) current_thread: bool,
    /// Whether programs are built from nothing.
    pub(crate) build: bool,
}

impl Flags {
    pub(crate) fn parse(words: &[String]) -> Outcome<Self> {
        let span = Duration::from_secs(1);
        let mut flags = Self { only: None, span, repeats: 3, current_thread: false, build: false };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or_else(|| format!("{word} needs a value"));
            match word.as_str() {
                // Cargo's own word for "this is a benchmark".
                "--bench" => {}
                "--quick" => (flags.span, flags.repeats) = (Duration::from_millis(200), 1),
                "--only" => flags.only = Some(value()?.clone()),
                "--seconds" => flags.span = Duration::try_from_secs_f64(value()?.parse()?)?,
                "--current-thread" => flags.current_thread = true,
                "--build" => flags.build = true,
                _ => return Err(format!("no flag {word}: see the first lines of tests/benches/targets/main.rs").into()),
            }
        }
        Ok(flags)
    }

    /// Whether a row of this name is asked for.
    pub(crate) fn ask_for(&self, name: &str) -> bool {
        self.only.as_ref().is_none_or(|word| name.contains(word.as_str()))
    }
}
