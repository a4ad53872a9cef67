//! The checks that the fuzz targets make, one module for each target.
//!
//! Each is a function of the input's bytes that panics when a rule is broken. A rule is a comparison with a plain
//! reference, a round trip, or a limit that holds.

#![forbid(unsafe_code)]

pub mod base64;
pub mod client_frames;
pub mod codegen;
pub mod compression;
pub mod details;
pub mod echo;
pub mod envelope;
pub mod frames;
pub mod header_lines;
pub mod metadata;
pub mod percent;
pub mod proto_text;
pub mod received;
pub mod request_head;
pub mod response_head;
pub mod server_frames;
pub mod timeout;
