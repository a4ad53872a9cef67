//! One line of the output: a figure of ours, one of tonic's, and what was aimed at.

use std::fmt;

/// What is aimed at.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Target {
    /// Nothing; the row is there to be read.
    Open,
    /// Ours is at most this share of theirs.
    ShareAtMost(f64),
    /// Ours is at least this many times theirs.
    TimesAtLeast(f64),
    /// Ours is at most so much.
    AtMost(f64),
}

/// What is measured of one thing: its name, its unit, its target.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Figure {
    pub(crate) name: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) target: Target,
}

impl Figure {
    pub(crate) const fn new(name: &'static str, unit: &'static str, target: Target) -> Self {
        Self { name, unit, target }
    }
}

/// A row with its figures; one that could not be measured is missing.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) figure: Figure,
    pub(crate) ours: Option<f64>,
    pub(crate) theirs: Option<f64>,
}

impl Row {
    /// Ours as a share of theirs.
    fn ratio(&self) -> Option<f64> {
        let ratio = self.ours? / self.theirs?;
        ratio.is_finite().then_some(ratio)
    }

    /// Whether the target is met; nothing where there is none.
    fn is_met(&self) -> Option<bool> {
        match self.figure.target {
            Target::Open => None,
            Target::ShareAtMost(share) => Some(self.ratio().is_some_and(|ratio| ratio <= share)),
            Target::TimesAtLeast(times) => Some(self.ratio().is_some_and(|ratio| ratio >= times)),
            Target::AtMost(most) => Some(self.ours.is_some_and(|ours| ours <= most)),
        }
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let target = match self.figure.target {
            Target::Open => None,
            Target::ShareAtMost(target) | Target::TimesAtLeast(target) | Target::AtMost(target) => Some(target),
        };
        let ok = self.is_met().map_or("null", |met| if met { "true" } else { "false" });
        let [ours, theirs, ratio, target] = [self.ours, self.theirs, self.ratio(), target].map(number);
        let Self { name, figure: Figure { unit, .. }, .. } = self;
        write!(
            f,
            r#"{{"row":"{name}","ours":{ours},"theirs":{theirs},"ratio":{ratio},"target":{target},"ok":{ok},"unit":"{unit}"}}"#
        )
    }
}

/// A number with as many digits as anyone believes, as JSON has it.
fn number(number: Option<f64>) -> String {
    match number {
        None => "null".to_owned(),
        Some(number) if number.abs() >= 1000.0 => format!("{number:.0}"),
        Some(number) if number.abs() >= 100.0 => format!("{number:.1}"),
        Some(number) => format!("{number:.3}"),
    }
}
