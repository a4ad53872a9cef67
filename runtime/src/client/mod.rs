//! The client side: channels, and calls as generated stubs make them.

mod backoff;
mod builder;
pub(crate) mod calls;
pub(crate) mod channel;
mod grpc;
mod keeper;
mod pool;
mod queue;
mod target;

pub use grpc::Grpc;
