//! Does one thing again and again, and prints how long it takes once.

use std::hint::black_box;
use std::time::{Duration, Instant};

/// What is made before the clock runs, so many at a time: few enough to stay in the cache, and so many that reading the clock
/// does not count.
const BATCH: u32 = 128;

/// How long and how often is measured.
#[derive(Debug)]
pub(crate) struct Stopwatch {
    round: Duration,
    rounds: usize,
    only: Option<String>,
}

impl Stopwatch {
    /// As the words on the command line say.
    ///
    /// # Panics
    /// When `--only` has no word.
    pub(crate) fn new(words: &[String]) -> Self {
        let quick = words.iter().any(|word| word == "--quick");
        let (round, rounds) = if quick { (2, 5) } else { (20, 15) };
        let only = words.iter().position(|word| word == "--only");
        let only = only.map(|place| words.get(place + 1).expect("--only needs a word").clone());
        Self { round: Duration::from_millis(round), rounds, only }
    }

    /// Measures `work`, whose result is thrown away while the clock runs.
    pub(crate) fn time<T>(&self, name: &str, mut work: impl FnMut() -> T) {
        self.time_with(name, || (), |()| work());
    }

    /// Measures `work`, and not `make`, which makes what it takes.
    pub(crate) fn time_with<I, T>(&self, name: &str, make: impl FnMut() -> I, work: impl FnMut(I) -> T) {
        self.time_many(name, 1, make, work);
    }

    /// As `time_with`, for work that does the thing `times` times.
    pub(crate) fn time_many<I, T>(
        &self,
        name: &str,
        times: u32,
        mut make: impl FnMut() -> I,
        mut work: impl FnMut(I) -> T,
    ) {
        if self.only.as_ref().is_some_and(|word| !name.contains(word.as_str())) {
            return;
        }
        let batch = (BATCH / times).max(1);
        let mut round = || {
            let (mut spent, mut done, begun) = (Duration::ZERO, 0_u64, Instant::now());
            while begun.elapsed() < self.round {
                let inputs = Vec::from_iter((0..batch).map(|_| make()));
                let from = Instant::now();
                for input in inputs {
                    drop(black_box(work(black_box(input))));
                }
                spent += from.elapsed();
                done += u64::from(batch * times);
            }
            spent.as_secs_f64() * 1e9 / done as f64
        };
        // The first fills caches and is not counted.
        round();
        let mut rounds = Vec::from_iter((0..self.rounds).map(|_| round()));
        rounds.sort_by(f64::total_cmp);
        let (median, least) = (rounds[rounds.len() / 2], rounds[0]);
        println!(r#"{{"row":"{name}","median":{median:.1},"least":{least:.1},"unit":"ns"}}"#);
    }
}
