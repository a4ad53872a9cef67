//! The services of `codegen/tests/golden/*.proto`, compiled and called: each is implemented here, served on a socket
//! and called by its generated client, and every method answers with its own name.

mod called;
mod kinds;
mod layout;
mod messages;
mod names;
mod options;

/// All the golden services, in modules nested as their packages are.
#[expect(missing_docs, clippy::use_self, reason = "messages are written by prost, and most have no comments")]
pub mod golden {
    include!(concat!(env!("OUT_DIR"), "/golden/all.rs"));
}

/// The service of `options.proto`, generated with the options that `build.rs` names.
#[expect(missing_docs, reason = "the message has no comments")]
pub mod optional {
    include!(concat!(env!("OUT_DIR"), "/golden-options/options.rs"));
}

/// A package as a README includes it.
pub mod layout_v1 {
    stolid::include_proto!("golden.layout.v1");
}

/// What has no package.
pub mod packageless {
    stolid::include_proto!("_");
}

use stolid::{Channel, Response, Server, ServerBuilder, Status};
use stolid_tests::config;

/// What unary and client-streaming handlers return.
type Answer<T> = Result<Response<T>, Status>;

/// A server on a free port of this machine, and a channel to it.
fn serve(builder: ServerBuilder) -> (Server, Channel) {
    let server = builder.start("127.0.0.1:0").unwrap();
    let channel = config::channel(format!("http://{}", server.local_addr())).connect().unwrap();
    (server, channel)
}
