//! `Compressor`: a way of compressing that is not built in.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::io::{self, BufRead, Read};

/// Reads through another reader, and compresses or decompresses on the way.
type Through = for<'a> fn(Box<dyn BufRead + 'a>) -> io::Result<Box<dyn Read + 'a>>;

/// A way of compressing that is not built in, for [`CompressionEncoding::Custom`](crate::CompressionEncoding::Custom).
///
/// # Examples
/// ```
/// use std::io::{self, BufRead, Read};
/// use stolid::{CompressionEncoding, Compressor, Server};
///
/// /// Turns every bit around. It makes nothing shorter, and is its own inverse.
/// struct Inverted<'a>(Box<dyn BufRead + 'a>);
///
/// impl Read for Inverted<'_> {
///     fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
///         let length = self.0.read(buffer)?;
///         buffer[..length].iter_mut().for_each(|byte| *byte = !*byte);
///         Ok(length)
///     }
/// }
///
/// fn invert<'a>(reader: Box<dyn BufRead + 'a>) -> io::Result<Box<dyn Read + 'a>> {
///     Ok(Box::new(Inverted(reader)))
/// }
///
/// static INVERTED: Compressor = Compressor::new("inverted", invert, invert);
///
/// let builder = Server::builder()
///     .accept_compressed(CompressionEncoding::Custom(&INVERTED))
///     .send_compressed(CompressionEncoding::Custom(&INVERTED));
/// # drop(builder);
/// ```
pub struct Compressor {
    name: &'static str,
    pub(super) compress: Through,
    pub(super) decompress: Through,
}

impl Compressor {
    /// Compresses through the reader that `compress` makes, and decompresses through that of `decompress`. Readers are made
    /// for each message anew; what a message decompresses to is bounded by the message limit, which ends the reading.
    ///
    /// # Panics
    /// When `name` is not one or more of the lower-case letters, digits, `-`, `_` and `.`: it becomes a header's value.
    #[must_use]
    pub const fn new(name: &'static str, compress: Through, decompress: Through) -> Self {
        let bytes = name.as_bytes();
        assert!(!bytes.is_empty(), "an encoding has a name");
        let mut at = 0;
        while at < bytes.len() {
            let legal = matches!(bytes[at], b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.');
            assert!(legal, "the name of an encoding has lower-case letters, digits, '-', '_' and '.' only");
            at += 1;
        }
        Self { name, compress, decompress }
    }

    /// The name in `grpc-encoding` and `grpc-accept-encoding`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }
}

/// By their names: a peer knows no more of them.
impl PartialEq for Compressor {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Compressor {}

impl Hash for Compressor {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl fmt::Debug for Compressor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Compressor").field("name", &self.name).finish_non_exhaustive()
    }
}
