//! Takes the measurements of both sides in turn, and prints the rows.

use std::cell::{Cell, RefCell};
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

/// How a row calls the figures of the two.
const SIDES: [&str; 2] = ["ours", "theirs"];

/// Whether server and load have a processor each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Pinned,
    Free,
}

impl Place {
    /// How its rows are called.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Pinned => "pinned",
            Self::Free => "not pinned",
        }
    }
}

/// The processor that pinned servers have.
const SERVER: usize = 0;

/// The processor that pinned loads have.
const LOAD: usize = 1;

/// The run: what is asked for, what the machine offers, and what has come of it.
#[derive(Debug)]
pub(crate) struct Lab {
    pub(crate) flags: Flags,
    pub(crate) processors: usize,
    can_pin: bool,
    printed: Cell<usize>,
    missed: Cell<usize>,
    failed: RefCell<Vec<String>>,
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
        Self { flags, processors, can_pin, printed: Cell::new(0), missed: Cell::new(0), failed: RefCell::default() }
    }

    /// How long a measurement takes, in seconds, as the parts read it.
    pub(crate) fn seconds(&self) -> String {
        self.flags.span.as_secs_f64().to_string()
    }

    /// How many processors each side has there.
    pub(crate) fn processors_at(&self, place: Place) -> usize {
        if place == Place::Pinned { 1 } else { self.processors }
    }

    /// Starts a server; it says its port.
    pub(crate) fn serve(&self, stack: Stack, place: Place) -> Outcome<(Part, String)> {
        // Without workers the runtime's one thread does all.
        let workers = if self.flags.current_thread { 0 } else { self.processors_at(place) };
        let server = Part::start(self.pin(place, SERVER)?, &["serve", stack.word(), &workers.to_string()])?;
        let port = server.line()?;
        Ok((server, port))
    }

    /// Starts what calls a server; it has done so when this returns, and waits to be told to go on.
    pub(crate) fn load(&self, place: Place, words: &[&str]) -> Outcome<Part> {
        let load = Part::start(self.pin(place, LOAD)?, words)?;
        let ready = load.line()?;
        if ready == "ready" { Ok(load) } else { Err(format!("{words:?} says {ready}").into()) }
    }

    /// The processor of a part. A row that says "pinned" is pinned or fails.
    fn pin(&self, place: Place, processor: usize) -> Outcome<Option<usize>> {
        match place {
            Place::Free => Ok(None),
            Place::Pinned if self.can_pin => Ok(Some(processor)),
            Place::Pinned => Err("nothing can be pinned without taskset and two processors".into()),
        }
    }

    /// Starts a client and has it do a task; tonic's is on a runtime with so many workers, or on one thread with none.
    pub(crate) fn client(
        &self,
        stack: Stack,
        workers: usize,
        place: Place,
        task: &str,
        port: &str,
    ) -> Outcome<Vec<f64>> {
        self.load(place, &["client", stack.word(), &workers.to_string(), task, port, &self.seconds()])?.measure()
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
        let mut error = None;
        for _ in 0..self.flags.repeats {
            for stack in stacks {
                match measure(*stack).and_then(|taken| complete(taken, figures)) {
                    Ok(figures) => taken[*stack as usize].push(figures),
                    Err(failed) => {
                        eprintln!("{name}, {}: {failed}", SIDES[*stack as usize]);
                        error.get_or_insert_with(|| format!("{}: {failed}", SIDES[*stack as usize]));
                    }
                }
            }
            // What hangs takes long; it is not tried again.
            if error.is_some() {
                break;
            }
        }
        for (place, figure) in figures.iter().enumerate() {
            let [ours, theirs] = taken.each_ref().map(|taken| median(taken, place));
            let row = Row { name: row_name(figure), figure: *figure, ours, theirs, error: error.clone() };
            if self.flags.ask_for(&row.name) {
                println!("{row}");
                self.printed.set(self.printed.get() + 1);
                self.missed.set(self.missed.get() + usize::from(row.is_met() == Some(false)));
            }
        }
        self.failed.borrow_mut().extend(error.map(|_error| name.to_owned()));
    }

    /// Fails if a measurement did, or if there was nothing to measure.
    pub(crate) fn end(self) -> Outcome {
        let (failed, printed) = (self.failed.into_inner(), self.printed.get());
        eprintln!("{printed} rows, of which {} miss their target", self.missed.get());
        match printed {
            0 => Err("no row is called so".into()),
            _ if failed.is_empty() => Ok(()),
            _ => Err(format!("nothing can be said of {failed:?}").into()),
        }
    }
}

/// The figures of one measurement, if all are there.
fn complete(taken: Vec<f64>, figures: &[Figure]) -> Outcome<Vec<f64>> {
    if taken.len() == figures.len() && taken.iter().all(|figure| figure.is_finite()) {
        Ok(taken)
    } else {
        Err(format!("{taken:?} are not {} figures", figures.len()).into())
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
