//! A load of random calls for a long time: `soak [--seconds=600] [--seed=NUMBER] [--growth=PERCENT]`.
//!
//! Nine threads make calls of the four kinds to a server in this process, to the same server over connections that are
//! cut, and to a server in another process that is killed, shut down and replaced. Calls end by themselves, by deadlines, by
//! cancellation, or are let go of. Every 10 s a line says what happened so far and what the processes use.
//!
//! It ends with 0 when every call ended as it may, no thread, file or stream is left of the load, and the memory of this
//! process in the last quarter of the time was not more than 5 % above that of the quarter before; else with 1.
//!
//! The seed decides what is rolled, not how the threads take turns.

mod away;
mod call;
mod callers;
mod deaths;
mod growth;
mod line;
mod place;
mod rest;
mod scene;
mod tally;

use std::process::ExitCode;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use stolid_tests::attack::Dice;
use stolid_tests::interop::flags::Flags;
use stolid_tests::process::Process;

use self::deaths::Deaths;
use self::rest::Rest;
use self::scene::Scene;
use self::tally::Tally;

const USAGE: &str = "usage: soak [--seconds=600] [--seed=NUMBER] [--growth=PERCENT]";

/// How long the load runs before the long run, so that what is started once for a process is there.
const WARM_UP: Duration = Duration::from_secs(1);

/// Between two looks at the memory.
const SAMPLED: Duration = Duration::from_millis(500);

/// Between two lines.
const LINES: Duration = Duration::from_secs(10);

/// What the command line says.
struct Orders {
    time: Duration,
    seed: u64,
    growth: f64,
}

fn main() -> ExitCode {
    if std::env::args().nth(1).as_deref() == Some("serve") {
        return match away::serve() {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("{error}");
                ExitCode::FAILURE
            }
        };
    }
    match orders(std::env::args().skip(1)) {
        Ok(orders) => run(&orders),
        Err(error) => {
            eprintln!("{error}\n{USAGE}");
            ExitCode::from(2)
        }
    }
}

fn orders(arguments: impl Iterator<Item = String>) -> Result<Orders, String> {
    let flags = Flags::parse(arguments, &["seconds", "seed", "growth"])?;
    let clock = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| u64::from(time.subsec_nanos()));
    let time = Duration::from_secs(flags.number("seconds", 600)?);
    Ok(Orders { time, seed: flags.number("seed", clock)?, growth: flags.number("growth", 5.0)? })
}

fn run(orders: &Orders) -> ExitCode {
    let mut dice = Dice::seeded(orders.seed);
    let tally = Arc::<Tally>::default();
    let scene = Scene::start(&tally, &Arc::default(), &mut dice);
    let Some((warm, _)) = soak(scene, &tally, &Arc::default(), WARM_UP, None) else {
        return ExitCode::FAILURE;
    };
    println!("at rest: {warm}");
    let deaths = Arc::<Deaths>::default();
    let scene = Scene::start(&tally, &deaths, &mut dice);
    let Some((rest, memory)) = soak(scene, &tally, &deaths, orders.time, Some(&warm)) else {
        return ExitCode::FAILURE;
    };
    println!("left: {rest}");
    let growth = growth::of_second_half(&memory);
    println!("memory in the last quarter: {growth:+.1} % of that of the quarter before");
    let mut faults = rest.leaks(&warm);
    if growth > orders.growth {
        faults.push(format!("memory grows by {growth:.1} %"));
    }
    if tally.calls() == 0 {
        faults.push("no call was made".to_owned());
    }
    if tally.unexpected() > 0 {
        faults.push(format!("{} unexpected outcomes", tally.unexpected()));
    }
    for fault in &faults {
        println!("FAULT {fault}");
    }
    if faults.is_empty() {
        println!("all is well after {tally}; {deaths}");
        return ExitCode::SUCCESS;
    }
    println!("seed {}; threads:\n{}", orders.seed, Process::this().thread_dump());
    ExitCode::FAILURE
}

/// Lets the load run and ends it; gives what is left and the memory in bytes at each look. None when a call hangs.
fn soak(
    scene: Scene,
    tally: &Tally,
    deaths: &Deaths,
    time: Duration,
    expected: Option<&Rest>,
) -> Option<(Rest, Vec<u64>)> {
    let began = Instant::now();
    let (mut memory, mut next_look, mut next_line) = (Vec::new(), SAMPLED, LINES.min(time));
    while began.elapsed() < time {
        thread::park_timeout(next_look.saturating_sub(began.elapsed()));
        if began.elapsed() < next_look {
            continue;
        }
        next_look += SAMPLED;
        memory.push(Process::this().resident_bytes());
        if scene.hangs() {
            println!("FAULT a call does not end; {tally}; threads:\n{}", Process::this().thread_dump());
            return None;
        }
        if expected.is_some() && began.elapsed() >= next_line {
            next_line += LINES;
            println!("{:4} s  {tally}; {deaths}; {}", began.elapsed().as_secs(), scene.look());
        }
    }
    Some((scene.end(expected), memory))
}
