//! `MethodName`: the path of a method, as a call carries it.

use std::borrow::Cow;
use std::sync::Arc;

/// A method's path, without a copy for each call.
#[derive(Debug, Clone)]
pub(crate) enum MethodName {
    Static(&'static str),
    Shared(Arc<str>),
}

impl From<Cow<'static, str>> for MethodName {
    fn from(name: Cow<'static, str>) -> Self {
        match name {
            Cow::Borrowed(name) => Self::Static(name),
            Cow::Owned(name) => Self::Shared(name.into()),
        }
    }
}

impl MethodName {
    pub(crate) fn as_str(&self) -> &str {
        match self {
            Self::Static(name) => name,
            Self::Shared(name) => name,
        }
    }
}
