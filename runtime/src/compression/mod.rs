//! Compression of messages (gRPC over HTTP/2, "Compression"): which encodings there are, and which are used.

mod coding;

use std::fmt;

use http::HeaderValue;

pub(crate) use self::coding::{NotDecompressed, compress, decompress};

/// How a message may be compressed. Each variant exists with the crate's feature of the same name.
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
        }
    }

    pub(crate) fn header_value(self) -> HeaderValue {
        HeaderValue::from_static(self.as_str())
    }

    /// The encoding of this name; names are case-insensitive content-codings (RFC 9110 §8.4.1).
    pub(crate) fn from_name(name: &[u8]) -> Option<Self> {
        Self::ALL.iter().copied().find(|encoding| name.eq_ignore_ascii_case(encoding.as_str().as_bytes()))
    }
}

impl fmt::Display for CompressionEncoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Which encodings are accepted in what is received.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Accept {
    /// Whatever was compiled in.
    #[default]
    All,
    /// These alone: one bit each, in the order of `CompressionEncoding::ALL`.
    Only(u8),
}

impl Accept {
    /// Narrows `All` to one encoding, or adds one.
    pub(crate) fn and(self, encoding: CompressionEncoding) -> Self {
        let before = match self {
            Self::All => 0,
            Self::Only(bits) => bits,
        };
        Self::Only(before | bit(encoding))
    }

    pub(crate) fn contains(self, encoding: CompressionEncoding) -> bool {
        match self {
            Self::All => true,
            Self::Only(bits) => bits & bit(encoding) != 0,
        }
    }

    /// The value of `grpc-accept-encoding`; `None` when nothing but `identity` is accepted.
    pub(crate) fn header_value(self) -> Option<HeaderValue> {
        /// By the bits of what is accepted. Only encodings that were compiled in have a bit.
        const NAMES: [&str; 3] = ["gzip", "deflate", "zstd"];

        let accepted = NAMES.into_iter().filter(|name| {
            CompressionEncoding::from_name(name.as_bytes()).is_some_and(|encoding| self.contains(encoding))
        });
        let mut list = String::from("identity");
        for name in accepted {
            list.push(',');
            list.push_str(name);
        }
        (list.len() > "identity".len()).then(|| HeaderValue::try_from(list).ok()).flatten()
    }
}

fn bit(encoding: CompressionEncoding) -> u8 {
    CompressionEncoding::ALL.iter().position(|other| *other == encoding).map_or(0, |at| 1 << at)
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
    pub(crate) fn first_of<'a>(
        &self,
        mut accepted: impl Iterator<Item = &'a HeaderValue>,
    ) -> Option<CompressionEncoding> {
        if self.is_empty() {
            return None;
        }
        let mut listed = Accept::Only(0);
        for value in &mut accepted {
            for name in value.as_bytes().split(|&byte| byte == b',') {
                if let Some(encoding) = CompressionEncoding::from_name(name.trim_ascii()) {
                    listed = listed.and(encoding);
                }
            }
        }
        self.0.iter().copied().find(|encoding| listed.contains(*encoding))
    }
}

/// How the bytes of one call's messages are made and read.
#[derive(Debug, Clone)]
pub(crate) struct Coding {
    pub(crate) accept: Accept,
    /// `accept` as the value of `grpc-accept-encoding`.
    pub(crate) accept_list: Option<HeaderValue>,
    pub(crate) send: Option<CompressionEncoding>,
    /// The content-type of everything this side sends.
    pub(crate) content_type: HeaderValue,
}

impl Coding {
    pub(crate) fn new(accept: Accept, subtype: &str) -> Self {
        Self { accept, accept_list: accept.header_value(), send: None, content_type: content_type(subtype) }
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
        assert_eq!(listed(Accept::All.and(Zstd).and(Gzip)).as_deref(), Some("identity,gzip,zstd"));
        assert_eq!(listed(Accept::Only(0)), None);
        assert!(Accept::All.and(Gzip).contains(Gzip) && !Accept::All.and(Gzip).contains(Deflate));
    }

    #[test]
    fn a_preference_is_only_used_when_the_peer_lists_it() {
        let mut preference = Preference::default();
        let values =
            |texts: &[&'static str]| texts.iter().map(|text| HeaderValue::from_static(text)).collect::<Vec<_>>();
        assert_eq!(preference.first_of(values(&["gzip"]).iter()), None);
        preference.add(Zstd);
        preference.add(Gzip);
        for (accepted, chosen) in [
            (&["identity,deflate,gzip"][..], Some(Gzip)),
            (&["gzip , ZSTD"], Some(Zstd)),
            (&["br", "gzip"], Some(Gzip)),
            (&["gzipped, xgzip", ""], None),
            (&[], None),
        ] {
            assert_eq!(preference.first_of(values(accepted).iter()), chosen, "{accepted:?}");
        }
    }

    #[test]
    fn content_types_of_codecs() {
        assert_eq!(content_type("proto"), "application/grpc");
        assert_eq!(content_type("json"), "application/grpc+json");
        assert_eq!(content_type("a\nb"), "application/grpc");
    }
}
