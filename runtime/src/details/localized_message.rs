//! `LocalizedMessage`: a message in the user's language.

/// A message that may be shown to the user as it is.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct LocalizedMessage {
    /// The language, as BCP 47 names it: `en-US`, `de-CH`.
    #[prost(string, tag = "1")]
    pub locale: String,
    /// The message in that language.
    #[prost(string, tag = "2")]
    pub message: String,
}

impl LocalizedMessage {
    /// The URL that names this type in an [`Any`](super::Any).
    pub const TYPE_URL: &'static str = "type.googleapis.com/google.rpc.LocalizedMessage";

    /// A language, and a message in it.
    #[must_use]
    pub fn new(locale: impl Into<String>, message: impl Into<String>) -> Self {
        Self { locale: locale.into(), message: message.into() }
    }

    /// Whether nothing is set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.locale.is_empty() && self.message.is_empty()
    }
}
