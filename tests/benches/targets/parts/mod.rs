//! What the processes of a measurement do.

mod errand;
mod paced;
mod stolid_client;
mod stolid_server;
mod tonic_client;
mod tonic_server;

use std::str::FromStr;
use std::sync::mpsc::{self, Receiver};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use std::{io, process, thread};

use crate::Outcome;
use crate::load::{burst, closed_loop, held, open_loop};
use crate::part::FAILED;

/// What a load is told.
static ORDERS: Mutex<Option<Receiver<()>>> = Mutex::new(None);

/// Plays the part that the words name.
pub(crate) fn play(words: &[String]) -> Outcome {
    let outcome = act(&Vec::from_iter(words.iter().map(String::as_str)));
    if let Err(error) = &outcome {
        println!("{FAILED}{}", error.to_string().replace('\n', " "));
    }
    outcome
}

fn act(words: &[&str]) -> Outcome {
    // A server's threads are counted; it needs none for its input.
    if words.first() != Some(&"serve") {
        *ORDERS.lock().unwrap_or_else(PoisonError::into_inner) = Some(read_orders());
    }
    match *words {
        ["serve", "stolid", _workers] => stolid_server::serve(),
        ["serve", "tonic", workers] => tonic_server::serve(workers.parse()?),
        ["calls", port, connections, depth, span] => {
            closed_loop::run(port.parse()?, connections.parse()?, depth.parse()?, seconds(span)?)
        }
        ["steady", port, what, span] => open_loop::run(port.parse()?, what, seconds(span)?),
        ["burst", port, connections, calls, text] => {
            burst::run(port.parse()?, connections.parse()?, calls.parse()?, text)
        }
        ["hold", port, what, connections, streams] => {
            held::run(port.parse()?, what, connections.parse()?, streams.parse()?)
        }
        ["client", "stolid", _workers, task, port, span] => {
            stolid_client::run(task.parse()?, port.parse()?, seconds(span)?)
        }
        ["client", "tonic", workers, task, port, span] => {
            tonic_client::run(workers.parse()?, task.parse()?, port.parse()?, seconds(span)?)
        }
        ["paced", how, nanos, count] => paced::run(how, Duration::from_nanos(nanos.parse()?), count.parse()?),
        _ => Err(format!("no part {words:?}").into()),
    }
}

fn seconds(text: &str) -> Outcome<Duration> {
    Ok(Duration::try_from_secs_f64(text.parse()?)?)
}

/// What a client does with its server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Task {
    /// Unary calls, one after another.
    Unary,
    /// Round trips on one stream.
    Bidi,
    /// Unary calls of so many threads on one channel.
    Threads(usize),
    /// Receives messages of so many bytes.
    ServerStream(u64),
    /// Sends messages of so many bytes.
    ClientStream(u64),
    /// Unary calls with so many bytes each way.
    Large(u64),
}

impl FromStr for Task {
    type Err = Box<dyn std::error::Error + Send + Sync>;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, number) = text.split_once(':').unwrap_or((text, "0"));
        let number = number.parse::<u64>()?;
        match name {
            "unary" => Ok(Self::Unary),
            "bidi" => Ok(Self::Bidi),
            "threads" => Ok(Self::Threads(number as usize)),
            "server-stream" => Ok(Self::ServerStream(number)),
            "client-stream" => Ok(Self::ClientStream(number)),
            "large" => Ok(Self::Large(number)),
            _ => Err(format!("no task {text}").into()),
        }
    }
}

/// Reads the input on a thread of its own, which ends the process with it, whatever the others do.
fn read_orders() -> Receiver<()> {
    let (tell, orders) = mpsc::channel();
    thread::spawn(move || {
        for _order in io::stdin().lines().map_while(Result::ok) {
            // Who does not listen yet hears it later.
            let _told = tell.send(());
        }
        process::exit(0);
    });
    orders
}

/// Says that everything is ready, then measures and prints the figures for each line that comes in.
pub(crate) fn each_time_told(mut measure: impl FnMut() -> Outcome<Vec<f64>>) -> Outcome {
    let orders = ORDERS.lock().unwrap_or_else(PoisonError::into_inner).take().ok_or("a load measures once")?;
    println!("ready");
    for () in orders {
        let figures = Vec::from_iter(measure()?.iter().map(f64::to_string));
        println!("{}", figures.join(" "));
    }
    Ok(())
}

/// Keeps the process until its input ends.
fn stay() -> Outcome {
    io::copy(&mut io::stdin(), &mut io::sink())?;
    process::exit(0);
}

/// What a share of sorted times does not exceed, in microseconds.
pub(crate) fn percentile(sorted: &[Duration], share: f64) -> f64 {
    let place = (sorted.len().saturating_sub(1)) as f64 * share;
    sorted.get(place as usize).map_or(f64::NAN, |time| time.as_secs_f64() * 1e6)
}

/// p50 and p99 of times, in microseconds.
fn p50_p99(mut times: Vec<Duration>) -> Vec<f64> {
    times.sort_unstable();
    vec![percentile(&times, 0.5), percentile(&times, 0.99)]
}

/// Fails unless a message is as long as it must be.
fn expect_length(have: usize, want: u64) -> Outcome {
    if have as u64 == want { Ok(()) } else { Err(format!("a message of {have} bytes instead of {want}").into()) }
}
