//! Adaptive batching: requests of many threads, answered by one call of the model for all that are there.
//!
//! | file | what it is |
//! | --- | --- |
//! | [`Limits`] | how many requests, and how long the first one waits for others |
//! | `Waiting` | the requests that wait, and when they are a batch |
//! | [`Batcher`] | the thread that calls the model, and those that wait for it |
//! | `Answer` | the way back to the thread that asked |
//!
//! # Threads
//! Each model has one thread. While it is in the model, the requests that come meanwhile gather by themselves: the
//! slower the model, the larger the batches, and no batch waits longer than the first of its requests may.

mod answer;
mod batcher;
mod limits;
#[cfg(test)]
mod tests;
mod waiting;

pub use batcher::Batcher;
pub use limits::Limits;
