//! `Options`: what the templates are told.

use crate::attributes::Attributes;

/// What to generate for each service.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    pub(crate) server: bool,
    pub(crate) client: bool,
    /// Whether there is a trait with the calls of the client.
    pub(crate) client_trait: bool,
    /// The cargo features that switch the halves on, where there are such.
    pub(crate) server_feature: Option<String>,
    pub(crate) client_feature: Option<String>,
    /// Whether a handler takes `self: Arc<Self>` in place of `&self`.
    pub(crate) arc_self: bool,
    /// Whether a call that is not implemented answers UNIMPLEMENTED in place of being a compile error.
    pub(crate) default_stubs: bool,
    /// Whether the package is part of the names that go over the wire.
    pub(crate) emit_package: bool,
    /// The codec in place of the runtime's own for protobuf.
    pub(crate) codec: Option<String>,
    /// The module of the messages, seen from a generated module.
    pub(crate) messages: String,
    /// Names of services and methods whose comments are left out.
    pub(crate) without_comments: Vec<String>,
    pub(crate) server_module: Attributes,
    pub(crate) client_module: Attributes,
    pub(crate) r#trait: Attributes,
    pub(crate) client_traits: Attributes,
    pub(crate) server_struct: Attributes,
    pub(crate) client_struct: Attributes,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            server: true,
            client: true,
            client_trait: false,
            server_feature: None,
            client_feature: None,
            arc_self: false,
            default_stubs: false,
            emit_package: true,
            codec: None,
            messages: "super".to_owned(),
            without_comments: Vec::new(),
            server_module: Attributes::default(),
            client_module: Attributes::default(),
            r#trait: Attributes::default(),
            client_traits: Attributes::default(),
            server_struct: Attributes::default(),
            client_struct: Attributes::default(),
        }
    }
}
