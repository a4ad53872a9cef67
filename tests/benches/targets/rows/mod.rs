//! What is measured, one file for each thing.

mod cold_build;
mod crowds;
mod latency;
mod liveness;
mod paced;
mod remains;
mod streams;
mod threads;
mod unary;

use crate::lab::Lab;

/// Measures everything that the flags ask for.
pub(crate) fn all(lab: &Lab) {
    unary::rows(lab);
    latency::rows(lab);
    threads::rows(lab);
    streams::rows(lab);
    paced::rows(lab);
    liveness::rows(lab);
    crowds::rows(lab);
    remains::rows(lab);
    cold_build::rows(lab);
}
