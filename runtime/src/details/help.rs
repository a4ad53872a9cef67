//! `Help`: where to read on.

/// One page that helps.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct HelpLink {
    /// What the page offers.
    #[prost(string, tag = "1")]
    pub description: String,
    /// Its address.
    #[prost(string, tag = "2")]
    pub url: String,
}

impl HelpLink {
    /// What a page offers, and its address.
    #[must_use]
    pub fn new(description: impl Into<String>, url: impl Into<String>) -> Self {
        Self { description: description.into(), url: url.into() }
    }
}

/// Where to read on.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct Help {
    /// The pages.
    #[prost(message, repeated, tag = "1")]
    pub links: Vec<HelpLink>,
}

impl Help {
    /// The URL that names this type in an [`Any`](super::Any).
    pub const TYPE_URL: &'static str = "type.googleapis.com/google.rpc.Help";

    /// Pages that help.
    #[must_use]
    pub fn new(links: impl Into<Vec<HelpLink>>) -> Self {
        Self { links: links.into() }
    }

    /// One page that helps.
    #[must_use]
    pub fn with_link(description: impl Into<String>, url: impl Into<String>) -> Self {
        Self::new([HelpLink::new(description, url)])
    }

    /// Adds another one.
    pub fn add_link(&mut self, description: impl Into<String>, url: impl Into<String>) -> &mut Self {
        self.links.push(HelpLink::new(description, url));
        self
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.links.is_empty()
    }
}
