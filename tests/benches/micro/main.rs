//! What the parts of a call cost that no socket has a share in:
//! `RUSTFLAGS='--cfg fuzzing' cargo bench -p stolid-tests --bench micro --target-dir target/fuzz`.
//!
//! Each line of the output is a JSON object: what is done, and the nanoseconds that it takes once, as the median and the
//! least of the rounds. `--quick` makes fewer and shorter rounds, `--only WORD` those whose names hold the word.
//!
//! The parts are private to the runtime. `--cfg fuzzing` opens the same door to them as for the fuzz targets; without it
//! nothing is measured.

#[cfg(fuzzing)]
mod envelope;
#[cfg(fuzzing)]
mod metadata;
#[cfg(fuzzing)]
mod packing;
#[cfg(fuzzing)]
mod status;
#[cfg(fuzzing)]
mod stopwatch;

#[cfg(fuzzing)]
fn main() {
    let words = Vec::from_iter(std::env::args().skip(1));
    // Cargo says `--bench` when it is to be measured; a test run of all targets does not.
    if !words.iter().any(|word| word == "--bench") {
        println!("nothing is measured without --bench: see the first lines of tests/benches/micro/main.rs");
        return;
    }
    let watch = stopwatch::Stopwatch::new(&words);
    envelope::rows(&watch);
    packing::rows(&watch);
    status::rows(&watch);
    metadata::rows(&watch);
}

#[cfg(not(fuzzing))]
fn main() {
    println!("nothing is measured without --cfg fuzzing: see the first lines of tests/benches/micro/main.rs");
}
