//! The models of the example: small and without chance, so that a person can follow what they do.

pub mod classify;
pub mod count;
pub mod embed;
pub mod generate;

use std::thread;
use std::time::Duration;

use stolid::{Context, Status};

/// The time a model takes for its work. It ends early, with the status of the call, when nobody wants the result any more:
/// what a handler calls has the call's context at hand.
fn take(time: Duration) -> Result<(), Status> {
    match Context::current() {
        Some(context) => context.sleep(time),
        // A batch is computed for many calls, and for none in particular.
        None => {
            thread::sleep(time);
            Ok(())
        }
    }
}

/// The words of a text, without marks and in small letters.
fn words(text: &str) -> impl Iterator<Item = String> {
    let words = text.split(|character: char| !character.is_alphanumeric());
    words.filter(|word| !word.is_empty()).map(str::to_lowercase)
}

/// FNV-1a, 64 bits: the same text has the same hash on every machine.
fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
