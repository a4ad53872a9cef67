//! Stolid beside tonic, in one run: `cargo bench -p stolid-tests --bench targets`.
//!
//! Each line of the output is a JSON object: a row's name, our figure and tonic's (`theirs`), the one divided by the other
//! (`ratio`), the target (of the ratio or of our figure), whether it is met (`ok`; null where there is none), and the unit of
//! both figures. Where a measurement failed, `ok` is false and `error` says why; the program then ends with 1. A target that
//! is missed does not end it so. What the run was like is on the standard error.
//!
//! | Flag | Means |
//! | --- | --- |
//! | `--quick` | one short measurement instead of three: a look, no result |
//! | `--only WORD` | only rows whose names hold the word |
//! | `--seconds S` | how long one measurement takes, 1 by default |
//! | `--current-thread` | tonic's server on a runtime with one thread, instead of one with workers |
//! | `--build` | also builds a first program of each from nothing, which takes minutes; with `--only cold` nothing else |
//!
//! A figure is the median of three measurements; ours and theirs take turns. Servers and clients are processes of their
//! own, namely this program again, so that the processor time of a server is that of nothing else; they end with it. In
//! rows that say "pinned" the server has the first processor and the load the second. tonic's server has a worker for each
//! processor it may use.

mod flags;
mod lab;
mod load;
mod part;
mod parts;
mod row;
mod rows;

use std::env;
use std::error::Error;

use crate::flags::Flags;
use crate::lab::Lab;

type Outcome<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

/// Payload bytes of the small messages.
const SMALL: u64 = 16;

/// The largest message, in bytes.
const LARGEST: usize = 64 << 20;

fn main() -> Outcome {
    let words = Vec::from_iter(env::args().skip(1));
    if let [first, rest @ ..] = &words[..]
        && first == "part"
    {
        return parts::play(rest);
    }
    // Cargo says `--bench` when it is to be measured; a test run of all targets does not.
    if !words.iter().any(|word| word == "--bench") {
        println!("nothing is measured without --bench: cargo bench -p stolid-tests --bench targets");
        return Ok(());
    }
    let lab = Lab::new(Flags::parse(&words)?);
    rows::all(&lab);
    lab.end()
}
