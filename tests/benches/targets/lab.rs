//! Takes the measurements of both sides in turn, and prints the rows.

use std::cell::Cell;
use std::fs;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use crate::Outcome;
use crate::flags::Flags;
use crate::part::Part;
use crate::row::{Figure, Row};

/// Whose figure is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stack {
    Stolid,
    Tonic,
}

impl Stack {
    /// Its name, also on the command line of a part.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Stolid => "stolid",
            Self::Tonic => "tonic",
        }
    }
}

/// Whether server and load have a processor each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Pinned,
    Free,
}

/// The processor that pinned servers have.
const SERVER: usize = 0;

/// The processor that pinned loads have.
const LOAD: usize = 1;

/// The run: what is asked for, and what the machine offers.
#[derive(Debug)]
pub(crate) struct Lab {
    pub(crate) flags: Flags,
    processors: usize,
    can_pin: bool,
    failures: Cell<usize>,
}

impl Lab {
    pub(crate) fn new(flags: Flags) -> Self {
        let processors = thread::available_parallelism().map_or(1, usize::from);
        let mut taskset = Command::new("taskset");
        let pinned = taskset.args(["-c", "0,1", "true"]).stdout(Stdio::null()).stderr(Stdio::null()).status();
        let can_pin = processors > 1 && pinned.is_ok_and(|status| status.success());
        let Flags { span, repeats, .. } = &flags;
        eprintln!("{processors} processors, {repeats} measurements of {span:?} for each figure");
        // Others' work on the machine is in every figure.
        let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
        eprintln!("the machine's load before it: {}", load.trim_end());
        if !can_pin {
            eprintln!("no taskset or no two processors: nothing is pinned");
        }
        Self { flags, processors, can_pin, failures: Cell::new(0) }
    }

    /// How the rows of a place are called.
    pub(crate) fn label(&self, place: Place) -> &'static str {
        if place == Place::Pinned && self.can_pin { "pinned" } else { "not pinned" }
    }

    /// How long a measurement takes, in seconds, as the parts read it.
    pub(crate) fn seconds(&self) -> String {
        self.flags.span.as_secs_f64().to_string()
    }

    /// Starts a server; it says its port.
    pub(crate) fn serve(&self, stack: Stack, place: Place) -> Outcome<(Part, String)> {
        let pinned = place == Place::Pinned && self.can_pin;
        // Without workers the runtime's one thread does all.
        let workers = match self.flags.current_thread {
            true => 0,
            false if pinned => 1,
            false => self.processors,
        };
        let server = Part::start(pinned.then_some(SERVER), &["serve", stack.word(), &workers.to_string()])?;
        let port = server.line()?;
        Ok((server, port))
    }

    /// Starts what calls a server; it has done so when this returns, and waits to be told to go on.
    pub(crate) fn load(&self, place: Place, words: &[&str]) -> Outcome<Part> {
        let pinned = place == Place::Pinned && self.can_pin;
        let load = Part::start(pinned.then_some(LOAD), words)?;
        let ready = load.line()?;
        if ready == "ready" { Ok(load) } else { Err(format!("{words:?} says {ready}").into()) }
    }

    /// Measures both sides in turn and prints a row for each figure; `measure` gives them in their order.
    pub(crate) fn compare(&self, name: &str, figures: &[Figure], measure: impl Fn(Stack) -> Outcome<Vec<f64>>) {
        self.measure(name, figures, &[Stack::Stolid, Stack::Tonic], measure);
    }

    /// Measures our side alone.
    pub(crate) fn alone(&self, name: &str, figures: &[Figure], measure: impl Fn() -> Outcome<Vec<f64>>) {
        self.measure(name, figures, &[Stack::Stolid], |_stack| measure());
    }

    fn measure(&self, name: &str, figures: &[Figure], stacks: &[Stack], measure: impl Fn(Stack) -> Outcome<Vec<f64>>) {
        let row_name = |figure: &Figure| format!("{name}: {}", figure.name);
        if !figures.iter().any(|figure| self.flags.ask_for(&row_name(figure))) {
            return;
        }
        let mut taken = [Vec::new(), Vec::new()];
        for _ in 0..self.flags.repeats {
            for stack in stacks {
                match measure(*stack) {
                    Ok(figures) => taken[*stack as usize].push(figures),
                    Err(error) => {
                        self.failures.set(self.failures.get() + 1);
                        eprintln!("{name}, {}: {error}", stack.word());
                    }
                }
            }
        }
        for (place, figure) in figures.iter().enumerate() {
            let [ours, theirs] = taken.each_ref().map(|taken| median(taken, place));
            let row = Row { name: row_name(figure), figure: *figure, ours, theirs };
            if self.flags.ask_for(&row.name) {
                println!("{row}");
            }
        }
    }

    /// Fails if a measurement did.
    pub(crate) fn end(self) -> Outcome {
        match self.failures.get() {
            0 => Ok(()),
            failures => Err(format!("{failures} measurements failed").into()),
        }
    }
}

/// The median of one figure of all measurements.
fn median(taken: &[Vec<f64>], place: usize) -> Option<f64> {
    let mut figures = Vec::from_iter(taken.iter().filter_map(|figures| figures.get(place)).copied());
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied()
}

/// Lets time pass.
pub(crate) fn rest(time: Duration) {
    thread::sleep(time);
}
