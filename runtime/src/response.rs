//! `Response`: the message, or the messages, of an answer together with headers and trailers.

use crate::metadata::Metadata;

/// What a handler returns and a client gets: a message and the metadata before and after it.
///
/// ```
/// use stolid::Response;
///
/// let mut response = Response::new("hello");
/// response.metadata_mut().insert("x-region", "north")?;
/// assert_eq!(response.get_ref(), &"hello");
/// # Ok::<(), stolid::InvalidMetadata>(())
/// ```
#[derive(Debug)]
pub struct Response<T> {
    metadata: Metadata,
    message: T,
    trailers: Metadata,
    /// It is not to be compressed.
    plain: bool,
    /// It came compressed.
    was_compressed: bool,
}

impl<T> Response<T> {
    /// A response without metadata.
    #[must_use]
    pub fn new(message: T) -> Self {
        Self { metadata: Metadata::new(), message, trailers: Metadata::new(), plain: false, was_compressed: false }
    }

    /// The message, without the rest.
    #[must_use]
    pub fn into_inner(self) -> T {
        self.message
    }

    /// The message.
    #[must_use]
    pub fn get_ref(&self) -> &T {
        &self.message
    }

    /// The message, to be changed.
    pub fn get_mut(&mut self) -> &mut T {
        &mut self.message
    }

    /// The metadata that is sent before the message.
    #[must_use]
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// The metadata before the message, to be changed.
    pub fn metadata_mut(&mut self) -> &mut Metadata {
        &mut self.metadata
    }

    /// The metadata that is sent after the message.
    #[must_use]
    pub fn trailers(&self) -> &Metadata {
        &self.trailers
    }

    /// The metadata after the message, to be changed.
    pub fn trailers_mut(&mut self) -> &mut Metadata {
        &mut self.trailers
    }

    /// The same response with another message.
    #[must_use]
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Response<U> {
        let Self { metadata, message, trailers, plain, was_compressed } = self;
        Response { metadata, message: change(message), trailers, plain, was_compressed }
    }

    /// The metadata before the message, the message, and the metadata after it.
    #[must_use]
    pub fn into_parts(self) -> (Metadata, T, Metadata) {
        (self.metadata, self.message, self.trailers)
    }

    /// Sends this response uncompressed, whatever the server would do.
    pub fn disable_compression(&mut self) {
        self.plain = true;
    }

    /// Whether the message of a received response was compressed.
    #[must_use]
    pub fn was_compressed(&self) -> bool {
        self.was_compressed
    }

    pub(crate) fn is_plain(&self) -> bool {
        self.plain
    }

    /// A response as it came from a server.
    pub(crate) fn new_received(metadata: Metadata, message: T, trailers: Metadata, was_compressed: bool) -> Self {
        Self { metadata, message, trailers, plain: false, was_compressed }
    }
}

impl<T> From<T> for Response<T> {
    fn from(message: T) -> Self {
        Self::new(message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn map_keeps_headers_and_trailers() {
        let mut response = Response::new(7_u8);
        response.metadata_mut().insert("x", "head").unwrap();
        response.trailers_mut().insert("x", "tail").unwrap();
        *response.get_mut() += 1;
        let (head, message, tail) = response.map(u64::from).into_parts();
        assert_eq!(message, 8_u64);
        assert_eq!((head.get("x"), tail.get("x")), (Some("head"), Some("tail")));
    }

    #[test]
    fn a_received_response_shows_all_parts() {
        let mut tail = Metadata::new();
        tail.insert("x", "tail").unwrap();
        let response = Response::new_received(Metadata::new(), 7_u8, tail, false);
        assert!(response.metadata().is_empty());
        assert_eq!(response.trailers().get("x"), Some("tail"));
        assert_eq!(response.into_inner(), 7);
    }
}
