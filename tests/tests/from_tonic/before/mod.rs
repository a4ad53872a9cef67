//! A program on tonic, as its user has it.

pub(crate) mod calls;
pub(crate) mod guard;
pub(crate) mod program;
pub(crate) mod service;

/// tonic's client and server; the messages are those of the program on Stolid.
#[expect(
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    unreachable_pub,
    unused_qualifications,
    reason = "tonic's generator writes it"
)]
pub(crate) mod rooms {
    pub(crate) use crate::after::rooms::{Chunk, Event, GetRoomRequest, Room, Summary, WatchRequest};

    include!(concat!(env!("OUT_DIR"), "/tonic/rooms.v1.rs"));
}
