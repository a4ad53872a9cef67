//! A model server that sends answers token by token and predicts in batches, and its client.
//!
//! | file | what it is |
//! | --- | --- |
//! | [`app`] | where models are registered, one call each |
//! | [`method`] | the method of a model, and its line in a .proto file |
//! | [`proto_file`] | the .proto file of what is registered |
//! | [`generation`] | one answer of a streaming model, from its first token to its clean-up |
//! | [`batching`] | groups the requests of many threads for one call of a model |
//! | [`counters`], [`journal`] | what a person sees of all that |
//! | [`models`] | the models of the example |
//! | [`server`], [`client`] | `inference-server` and `inference-client` |

pub mod app;
pub mod batching;
pub mod client;
pub mod counters;
pub mod generation;
pub mod journal;
pub mod method;
pub mod models;
pub mod proto_file;
pub mod server;

/// The messages and stubs of `inference/v1/inference.proto`.
#[expect(
    missing_docs,
    reason = "the generator takes its documentation from the .proto file, which leaves obvious fields bare"
)]
pub mod proto {
    stolid::include_proto!("inference.v1");

    /// The descriptors of the file, for [`super::proto_file`].
    pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/inference.v1.bin"));
}
