//! `ResourceInfo`: the thing that an error is about.

/// The thing that the call wanted and could not have.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct ResourceInfo {
    /// What kind of thing it is: `room`, or the URL of its type.
    #[prost(string, tag = "1")]
    pub resource_type: String,
    /// Its name: `rooms/rust`.
    #[prost(string, tag = "2")]
    pub resource_name: String,
    /// Whose it is: `user:ada@example.com`.
    #[prost(string, tag = "3")]
    pub owner: String,
    /// What went wrong with it.
    #[prost(string, tag = "4")]
    pub description: String,
}

impl ResourceInfo {
    /// The URL that names this type in an [`Any`](super::Any).
    pub const TYPE_URL: &'static str = "type.googleapis.com/google.rpc.ResourceInfo";

    /// The kind of a thing, its name, its owner, and what went wrong with it.
    #[must_use]
    pub fn new(
        resource_type: impl Into<String>,
        resource_name: impl Into<String>,
        owner: impl Into<String>,
        description: impl Into<String>,
    ) -> Self {
        Self {
            resource_type: resource_type.into(),
            resource_name: resource_name.into(),
            owner: owner.into(),
            description: description.into(),
        }
    }

    /// Whether nothing is set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.resource_type.is_empty()
            && self.resource_name.is_empty()
            && self.owner.is_empty()
            && self.description.is_empty()
    }
}
