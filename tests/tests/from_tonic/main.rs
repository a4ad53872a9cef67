//! The page for people who come from tonic: every piece of code on it is a piece of the two programs here, and these do
//! the same.

pub mod after;
mod before;
mod differences;
mod page;
mod programs;

/// What a client of the service has seen.
#[derive(Clone, Debug, Default, PartialEq)]
struct Seen {
    room: after::rooms::Room,
    events: Vec<String>,
    bytes: u64,
    replies: Vec<String>,
}
