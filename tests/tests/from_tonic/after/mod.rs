//! The same program on Stolid.

pub(crate) mod build_script;
pub(crate) mod calls;
pub(crate) mod codecs;
pub(crate) mod details;
pub(crate) mod guard;
pub(crate) mod program;
pub(crate) mod service;
mod tests;
pub(crate) mod waiting;

/// Generated from the `.proto` file.
pub mod rooms {
    stolid::include_proto!("rooms.v1");
}
