//! The client side: channels, and calls as generated stubs make them.

mod backoff;
pub(crate) mod calls;
pub(crate) mod channel;
mod grpc;
mod keeper;
mod target;

pub use grpc::Grpc;
