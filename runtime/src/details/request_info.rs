//! `RequestInfo`: what a user can put into a report.

/// What finds this one request again in the server's logs.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct RequestInfo {
    /// The server's own name for the request.
    #[prost(string, tag = "1")]
    pub request_id: String,
    /// What the server used to serve it, such as an encrypted stack; only the server can read it.
    #[prost(string, tag = "2")]
    pub serving_data: String,
}

impl RequestInfo {
    /// The URL that names this type in an [`Any`](super::Any).
    pub const TYPE_URL: &'static str = "type.googleapis.com/google.rpc.RequestInfo";

    /// The server's name for the request, and what it used to serve it.
    #[must_use]
    pub fn new(request_id: impl Into<String>, serving_data: impl Into<String>) -> Self {
        Self { request_id: request_id.into(), serving_data: serving_data.into() }
    }

    /// Whether nothing is set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.request_id.is_empty() && self.serving_data.is_empty()
    }
}
