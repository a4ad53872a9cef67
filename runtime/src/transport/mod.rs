//! Bytes in and out of one connection: the socket, its buffers, and the adapter that h2 reads and writes through.

pub(crate) mod first_bytes;
pub(crate) mod frames;
pub(crate) mod goaway;
pub(crate) mod h2_io;
mod read_size;
pub(crate) mod socket;
