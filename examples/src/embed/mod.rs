//! A server embedded in a program that has other things to do: a runner of jobs with threads and a main loop of its own.
//!
//! | file | what it is |
//! | --- | --- |
//! | [`runner`] | the program: its threads, its main loop, its jobs; nothing of gRPC |
//! | [`service`] | its door: jobs come in by calls |
//! | [`own_calls`] | the program as a client of itself |
//! | [`rounds`] | starting, calling and stopping a server a thousand times |
//! | [`footprint`] | threads, open files and memory of the process |

pub mod footprint;
pub mod own_calls;
pub mod program;
pub mod rounds;
pub mod runner;
pub mod service;

/// The messages, traits and stubs of `jobs/v1/jobs.proto`.
pub mod proto {
    stolid::include_proto!("jobs.v1");
}
