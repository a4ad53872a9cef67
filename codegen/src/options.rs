//! `Options`: what the templates are told.

use crate::attributes::Attributes;

/// What to generate for each service.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    pub(crate) server: bool,
    pub(crate) client: bool,
    /// Whether a handler takes `self: Arc<Self>` in place of `&self`.
    pub(crate) arc_self: bool,
    /// Whether a call that is not implemented answers UNIMPLEMENTED in place of being a compile error.
    pub(crate) default_stubs: bool,
    /// Names of services and methods whose comments are left out.
    pub(crate) without_comments: Vec<String>,
    pub(crate) server_module: Attributes,
    pub(crate) client_module: Attributes,
    pub(crate) r#trait: Attributes,
    pub(crate) server_struct: Attributes,
    pub(crate) client_struct: Attributes,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            server: true,
            client: true,
            arc_self: false,
            default_stubs: false,
            without_comments: Vec::new(),
            server_module: Attributes::default(),
            client_module: Attributes::default(),
            r#trait: Attributes::default(),
            server_struct: Attributes::default(),
            client_struct: Attributes::default(),
        }
    }
}
