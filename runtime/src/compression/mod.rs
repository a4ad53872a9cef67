//! Compression of messages (gRPC over HTTP/2, "Compression"): which encodings there are, and which are used.

mod coding;
mod custom;

use std::fmt;
use std::sync::Arc;

use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue};

use crate::protocol::GRPC_ACCEPT_ENCODING;

pub(crate) use self::coding::{NotDecompressed, compress, decompress};
pub use self::custom::Compressor;

/// How a message may be compressed. All but `Custom` exist with the crate's feature of the same name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CompressionEncoding {
    /// `gzip`: RFC 1952. Every gRPC implementation has it.
    #[cfg(feature = "gzip")]
    Gzip,
    /// `deflate`: the zlib format, RFC 1950.
    #[cfg(feature = "deflate")]
    Deflate,
    /// `zstd`: RFC 8878. Fast, and rarely there in other implementations.
    #[cfg(feature = "zstd")]
    Zstd,
    /// One of your own. It is accepted only where it is named by `accept_compressed`.
    Custom(&'static Compressor),
}

impl CompressionEncoding {
    /// Everything that was compiled in.
    const ALL: &'static [Self] = &[
        #[cfg(feature = "gzip")]
        Self::Gzip,
        #[cfg(feature = "deflate")]
        Self::Deflate,
        #[cfg(feature = "zstd")]
        Self::Zstd,
    ];

    /// The name in `grpc-encoding` and `grpc-accept-encoding`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            #[cfg(feature = "gzip")]
            Self::Gzip => "gzip",
            #[cfg(feature = "deflate")]
            Self::Deflate => "deflate",
            #[cfg(feature = "zstd")]
            Self::Zstd => "zstd",
            Self::Custom(compressor) => compressor.name(),
        }
    }

    pub(crate) fn header_value(self) -> HeaderValue {
        HeaderValue::from_static(self.as_str())
    }

    /// Whether it has this name; names are case-insensitive content-codings (RFC 9110 §8.4.1).
    fn is_named(self, name: &[u8]) -> bool {
        name.eq_ignore_ascii_case(self.as_str().as_bytes())
    }
}

impl fmt::Display for CompressionEncoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Which encodings are accepted in what is received.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Accept {
    /// Whatever was compiled in.
    #[default]
    All,
    /// These alone.
    Only(Vec<CompressionEncoding>),
}

impl Accept {
    /// Narrows `All` to one encoding, or adds one.
    pub(crate) fn and(self, encoding: CompressionEncoding) -> Self {
        let mut named = match self {
            Self::All => Vec::new(),
            Self::Only(named) => named,
        };
        if !named.contains(&encoding) {
            named.push(encoding);
        }
        Self::Only(named)
    }

    fn accepted(&self) -> &[CompressionEncoding] {
        match self {
            Self::All => CompressionEncoding::ALL,
            Self::Only(named) => named,
        }
    }

    /// The accepted encoding of this name.
    pub(crate) fn find(&self, name: &[u8]) -> Option<CompressionEncoding> {
        self.accepted().iter().copied().find(|encoding| encoding.is_named(name))
    }

    /// The value of `grpc-accept-encoding`; `None` when nothing but `identity` is accepted.
    pub(crate) fn header_value(&self) -> Option<HeaderValue> {
        let accepted = self.accepted();
        let names = std::iter::once("identity").chain(accepted.iter().map(|encoding| encoding.as_str()));
        let list = names.collect::<Vec<_>>().join(",");
        (!accepted.is_empty()).then(|| HeaderValue::try_from(list).ok()).flatten()
    }
}

/// What to compress with, in order of preference. Empty: nothing is compressed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Preference(Vec<CompressionEncoding>);

impl Preference {
    pub(crate) fn add(&mut self, encoding: CompressionEncoding) {
        self.0.retain(|other| *other != encoding);
        self.0.push(encoding);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The first one that is in the peer's `grpc-accept-encoding`. Nothing is ever compressed for a peer that has not
    /// listed the encoding.
    pub(crate) fn first_of(&self, accepted: &[HeaderValue]) -> Option<CompressionEncoding> {
        let listed = |encoding: CompressionEncoding| {
            let names = accepted.iter().flat_map(|value| value.as_bytes().split(|&byte| byte == b','));
            names.map(<[u8]>::trim_ascii).any(|name| encoding.is_named(name))
        };
        self.0.iter().copied().find(|encoding| listed(*encoding))
    }
}

/// How the bytes of one call's messages are made and read.
#[derive(Debug, Clone)]
pub(crate) struct Coding {
    fixed: Arc<Fixed>,
    pub(crate) send: Option<CompressionEncoding>,
}

/// The part of it that many calls share.
#[derive(Debug)]
struct Fixed {
    accept: Accept,
    /// `accept` as the value of `grpc-accept-encoding`.
    accept_list: Option<HeaderValue>,
    content_type: HeaderValue,
    /// What each response of a server begins with.
    response: HeaderMap,
}

impl Coding {
    pub(crate) fn new(accept: Accept, subtype: &str) -> Self {
        let (accept_list, content_type) = (accept.header_value(), content_type(subtype));
        let list = accept_list.clone().map(|list| (GRPC_ACCEPT_ENCODING.clone(), list));
        let response = [(CONTENT_TYPE, content_type.clone())].into_iter().chain(list).collect();
        let fixed = Fixed { accept, accept_list, content_type, response };
        Self { fixed: Arc::new(fixed), send: None }
    }

    pub(crate) fn accept(&self) -> &Accept {
        &self.fixed.accept
    }

    /// What is accepted, as the value of `grpc-accept-encoding`; `None` when that is nothing.
    pub(crate) fn accept_list(&self) -> Option<HeaderValue> {
        self.fixed.accept_list.clone()
    }

    /// What each response of a server begins with: a copy of a map costs less than a new one.
    pub(crate) fn response_fields(&self) -> &HeaderMap {
        &self.fixed.response
    }

    /// The content-type of everything this side sends.
    pub(crate) fn content_type(&self) -> HeaderValue {
        self.fixed.content_type.clone()
    }
}

/// The content-type for messages in a codec's format.
fn content_type(subtype: &str) -> HeaderValue {
    const PLAIN: HeaderValue = HeaderValue::from_static("application/grpc");
    if subtype == "proto" {
        return PLAIN;
    }
    // A codec whose name cannot be part of a header has none.
    HeaderValue::try_from(format!("application/grpc+{subtype}")).unwrap_or(PLAIN)
}

#[cfg(all(test, feature = "gzip", feature = "deflate", feature = "zstd"))]
mod tests {
    use super::CompressionEncoding::{Deflate, Gzip, Zstd};
    use super::*;

    #[test]
    fn everything_is_accepted_until_something_is_named() {
        let listed = |accept: Accept| accept.header_value().map(|value| value.to_str().unwrap().to_owned());
        assert_eq!(listed(Accept::All).as_deref(), Some("identity,gzip,deflate,zstd"));
        assert_eq!(listed(Accept::All.and(Zstd)).as_deref(), Some("identity,zstd"));
        assert_eq!(listed(Accept::All.and(Zstd).and(Gzip)).as_deref(), Some("identity,zstd,gzip"));
        assert_eq!(listed(Accept::Only(Vec::new())), None);
        assert_eq!(Accept::All.and(Gzip).find(b"GZip"), Some(Gzip));
        assert_eq!(Accept::All.and(Gzip).find(b"deflate"), None);
        assert_eq!(Accept::All.find(b"deflate"), Some(Deflate));
    }

    #[test]
    fn a_preference_is_only_used_when_the_peer_lists_it() {
        let mut preference = Preference::default();
        let values =
            |texts: &[&'static str]| texts.iter().map(|text| HeaderValue::from_static(text)).collect::<Vec<_>>();
        assert_eq!(preference.first_of(&values(&["gzip"])), None);
        preference.add(Zstd);
        preference.add(Gzip);
        for (accepted, chosen) in [
            (&["identity,deflate,gzip"][..], Some(Gzip)),
            (&["gzip , ZSTD"], Some(Zstd)),
            (&["br", "gzip"], Some(Gzip)),
            (&["gzipped, xgzip", ""], None),
            (&[], None),
        ] {
            assert_eq!(preference.first_of(&values(accepted)), chosen, "{accepted:?}");
        }
    }

    #[test]
    fn content_types_of_codecs() {
        assert_eq!(content_type("proto"), "application/grpc");
        assert_eq!(content_type("json"), "application/grpc+json");
        assert_eq!(content_type("a\nb"), "application/grpc");
    }
}
