//! What `tests/options/mod.rs` has generated. A module that must not be there is written here: were it there, there
//! would be two of one name.

/// Includes the chat in the directory `$name`.
macro_rules! kinds {
    ($name:literal) => {
        include!(concat!(env!("OUT_DIR"), "/options/", $name, "/kinds.v1.rs"));
    };
}

pub mod with_trait {
    kinds!("trait");
}

pub mod with_stubs {
    kinds!("trait-stubs");
}

pub mod flipped {
    kinds!("codec");
}

/// A service whose messages are bytes.
pub mod mirror {
    include!(concat!(env!("OUT_DIR"), "/options/bytes/options.bytes.rs"));
}

pub mod no_package {
    kinds!("no-package");
}

pub mod client_alone {
    kinds!("client");

    /// Not generated.
    pub mod chat_server {}
}

pub mod server_alone {
    kinds!("server");

    /// Not generated.
    pub mod chat_client {}
}

pub mod messages_alone {
    kinds!("messages");

    /// Not generated.
    pub mod chat_server {}

    /// Not generated.
    pub mod chat_client {}
}

/// The feature of the server is on by default, that of the client is not.
pub mod gated {
    kinds!("features");

    /// Without the feature there is none.
    #[cfg(not(feature = "generated-client"))]
    pub mod chat_client {}
}

/// Its services name the messages by their place in the crate.
pub mod by_path {
    kinds!("proto-path");
}

/// Has services for the messages of `by_path`, and no messages. However strict a crate is, it need not make exceptions
/// for these.
#[deny(
    clippy::pedantic,
    clippy::nursery,
    clippy::absolute_paths,
    clippy::missing_inline_in_public_items,
    elided_lifetimes_in_paths,
    let_underscore_drop,
    missing_docs,
    missing_debug_implementations,
    unreachable_pub,
    unused_qualifications,
    unused_results
)]
pub mod elsewhere {
    kinds!("extern");

    pub use super::by_path::{Chunk, Event, GetRoomRequest, Room, Said, Summary, WatchRequest};
}

/// Written by prost, which ran the generator of services.
pub mod guest {
    kinds!("generator");
}

/// From descriptors in a file.
pub mod described {
    kinds!("from-descriptors");
}

pub mod marked {
    kinds!("attributes");
}

/// An attribute has taken the client away.
pub mod without_client {
    kinds!("no-client");

    /// Not generated.
    pub mod chat_client {}
}

pub mod configured {
    kinds!("config");
}

/// The messages of `google.protobuf` as generated code, in modules nested as the packages are.
pub mod protos {
    include!(concat!(env!("OUT_DIR"), "/options/well-known/all.rs"));
}
