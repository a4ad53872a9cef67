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

/// A row with its figures.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) figure: Figure,
    pub(crate) ours: Option<f64>,
    /// None where ours is measured alone.
    pub(crate) theirs: Option<f64>,
    /// Why a measurement failed, if one did; then no target is met, whatever the others gave.
    pub(crate) error: Option<String>,
}

impl Row {
    /// Ours as a share of theirs.
    fn ratio(&self) -> Option<f64> {
        let ratio = self.ours? / self.theirs?;
        ratio.is_finite().then_some(ratio)
    }

    /// Whether the target is met; nothing where there is none and nothing failed.
    pub(crate) fn is_met(&self) -> Option<bool> {
        if self.error.is_some() {
            return Some(false);
        }
        match self.figure.target {
            Target::Open => None,
            Target::ShareAtMost(share) => Some(self.ratio().is_some_and(|ratio| ratio <= share)),
            Target::TimesAtLeast(times) => Some(self.ratio().is_some_and(|ratio| ratio >= times)),
            Target::AtMost(most) => Some(self.ours.is_some_and(|ours| ours <= most)),
        }
    }

    /// The target as it is read.
    fn target(&self) -> String {
        match self.figure.target {
            Target::Open => "null".to_owned(),
            Target::ShareAtMost(share) => format!(r#""ratio <= {share}""#),
            Target::TimesAtLeast(times) => format!(r#""ratio >= {times}""#),
            Target::AtMost(most) => format!(r#""ours <= {most}""#),
        }
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ok = self.is_met().map_or("null", |met| if met { "true" } else { "false" });
        let [ours, theirs, ratio] = [self.ours, self.theirs, self.ratio()].map(number);
        let (Self { name, figure: Figure { unit, .. }, .. }, target) = (self, self.target());
        write!(f, r#"{{"row":"{name}","ours":{ours},"theirs":{theirs},"ratio":{ratio},"target":{target},"ok":{ok},"#)?;
        if let Some(error) = &self.error {
            // Quotes and ends of lines would need to be escaped.
            let error = error.replace(['"', '\\'], "'").replace(char::is_control, " ");
            write!(f, r#""error":"{error}","#)?;
        }
        write!(f, r#""unit":"{unit}"}}"#)
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
