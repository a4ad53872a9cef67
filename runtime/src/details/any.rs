//! `Any`: a message together with the name of its type.

use bytes::Bytes;

/// A serialized message of any type, as `google.protobuf.Any`.
///
/// An entry of a type of one's own goes into the details like this:
///
/// ```
/// use prost::Message;
/// use stolid::details::{Any, ErrorDetails};
/// use stolid::{Code, Status};
///
/// #[derive(Clone, PartialEq, Message)]
/// struct Shelf {
///     #[prost(uint32, tag = "1")]
///     number: u32,
/// }
///
/// let mut details = ErrorDetails::new();
/// let shelf = Shelf { number: 7 };
/// details.add_other(Any::new("type.googleapis.com/library.v1.Shelf", shelf.encode_to_vec()));
/// let status = Status::with_error_details(Code::NotFound, "no such book", details);
///
/// let details = status.error_details();
/// let shelf = details.others().iter().find(|any| any.type_name() == "library.v1.Shelf").unwrap();
/// assert_eq!(Shelf::decode(shelf.value.clone())?.number, 7);
/// # Ok::<(), prost::DecodeError>(())
/// ```
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct Any {
    /// What ends in `/` and the full name of the type.
    #[prost(string, tag = "1")]
    pub type_url: String,
    /// The serialized message.
    #[prost(bytes = "bytes", tag = "2")]
    pub value: Bytes,
}

impl Any {
    /// A serialized message and the URL of its type.
    #[must_use]
    pub fn new(type_url: impl Into<String>, value: impl Into<Bytes>) -> Self {
        Self { type_url: type_url.into(), value: value.into() }
    }

    /// The full name of the type: what comes after the last `/` of the URL.
    #[must_use]
    pub fn type_name(&self) -> &str {
        self.type_url.rsplit('/').next().unwrap_or_default()
    }
}
