//! `Metadata`: the text and `-bin` entries that travel beside the messages of a call.

pub(crate) mod binary;
pub(crate) mod key;

use std::fmt;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};

pub use self::key::InvalidMetadata;
use self::key::{Problem, is_binary, is_hidden};

/// Key-value pairs sent before the first message (headers) or after the last one (trailers).
///
/// Keys are case-insensitive and made of letters, digits, `_`, `.` and `-`. A key may hold several values. The values
/// of a key that ends in `-bin` are bytes, all others are printable ASCII text; spaces at either end of a text are not
/// kept. Keys that belong to gRPC or HTTP (`grpc-…`, `te`, `content-type`, `host` and the like) can neither be set nor
/// seen here; nor can what a peer sent that HTTP allows and gRPC does not: a key with other characters, a text with
/// tabs or bytes above 0x7F, and a `-bin` value that is not base64 are passed over, and the call goes on.
///
/// The metadata of a request, or the headers of a response, must stay below 32 KiB when the other side is Stolid, and
/// 8 KiB to be safe with any (names, values and 32 bytes for each entry; RFC 9113 section 6.5.2). A server answers a larger
/// request with the HTTP status 431, which its client sees as INTERNAL; a client fails the call with INTERNAL. Trailers
/// are kept below 8 KiB by leaving out what does not fit.
///
/// A `user-agent` that a client sends is shown to the handler; one that is set here for a request is not sent, for a
/// request names its own library ([`ChannelBuilder::user_agent`](crate::ChannelBuilder::user_agent) adds to it).
///
/// `Debug` leaves out the values of `authorization`, cookies and `-bin` keys, so that metadata may be logged.
///
/// ```
/// use stolid::Metadata;
///
/// let mut metadata = Metadata::new();
/// metadata.insert("x-room", "rust")?;
/// metadata.append_bin("x-trace-bin", [0xab, 0xcd])?;
/// assert_eq!(metadata.get("X-Room"), Some("rust"));
/// assert_eq!(metadata.get_bin("x-trace-bin").as_deref(), Some(&[0xab, 0xcd][..]));
/// assert!(metadata.insert("grpc-timeout", "1S").is_err());
/// # Ok::<(), stolid::InvalidMetadata>(())
/// ```
#[derive(Clone, Default)]
pub struct Metadata {
    headers: HeaderMap,
    /// Set for what a peer sent: names that are hidden may be among the headers. They are hidden from the application and
    /// removed when the entries are sent on, because removing them on arrival would cost every call something.
    may_hold_reserved: bool,
}

/// One entry of a [`Metadata`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MetadataEntry<'a> {
    /// A key and its text.
    Ascii(&'a str, &'a str),
    /// A key that ends in `-bin` and its bytes.
    Binary(&'a str, Bytes),
}

impl Metadata {
    /// Metadata without entries.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The first text under `key`.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.get_all(key).next()
    }

    /// Every text under `key`, in the order of arrival.
    pub fn get_all<'a>(&'a self, key: &str) -> impl Iterator<Item = &'a str> + use<'a> {
        self.fields(key, false).filter_map(text)
    }

    /// The first value of a `-bin` key. A value that is not base64 is passed over.
    #[must_use]
    pub fn get_bin(&self, key: &str) -> Option<Bytes> {
        self.get_all_bin(key).next()
    }

    /// Every value of a `-bin` key, in the order of arrival. Values that are not base64 are passed over.
    pub fn get_all_bin<'a>(&'a self, key: &str) -> impl Iterator<Item = Bytes> + use<'a> {
        self.fields(key, true).flat_map(binary::decode_all)
    }

    /// Sets `key` to this one text.
    ///
    /// # Errors
    ///
    /// When the key is reserved, not valid or ends in `-bin`, or when the value is not printable ASCII.
    pub fn insert(&mut self, key: impl AsRef<str>, value: impl AsRef<str>) -> Result<(), InvalidMetadata> {
        let (name, value) = text_entry(key.as_ref(), value.as_ref())?;
        let inserted = self.headers.try_insert(name, value);
        inserted.map(drop).map_err(|_| InvalidMetadata::new(key.as_ref(), Problem::Full))
    }

    /// Adds a text to those under `key`.
    ///
    /// # Errors
    ///
    /// As [`insert`](Self::insert).
    pub fn append(&mut self, key: impl AsRef<str>, value: impl AsRef<str>) -> Result<(), InvalidMetadata> {
        let (name, value) = text_entry(key.as_ref(), value.as_ref())?;
        let appended = self.headers.try_append(name, value);
        appended.map(drop).map_err(|_| InvalidMetadata::new(key.as_ref(), Problem::Full))
    }

    /// Sets `key`, which has to end in `-bin`, to these bytes.
    ///
    /// # Errors
    ///
    /// When the key is reserved, not valid or does not end in `-bin`.
    pub fn insert_bin(&mut self, key: impl AsRef<str>, value: impl AsRef<[u8]>) -> Result<(), InvalidMetadata> {
        let name = key::parse(key.as_ref(), true)?;
        let inserted = self.headers.try_insert(name, binary::encode(value.as_ref()));
        inserted.map(drop).map_err(|_| InvalidMetadata::new(key.as_ref(), Problem::Full))
    }

    /// Adds a value to those of `key`, which has to end in `-bin`.
    ///
    /// # Errors
    ///
    /// As [`insert_bin`](Self::insert_bin).
    pub fn append_bin(&mut self, key: impl AsRef<str>, value: impl AsRef<[u8]>) -> Result<(), InvalidMetadata> {
        let name = key::parse(key.as_ref(), true)?;
        let appended = self.headers.try_append(name, binary::encode(value.as_ref()));
        appended.map(drop).map_err(|_| InvalidMetadata::new(key.as_ref(), Problem::Full))
    }

    /// Removes every value of `key` and says whether there was one.
    pub fn remove(&mut self, key: &str) -> bool {
        self.contains_key(key) && self.headers.remove(key).is_some()
    }

    /// Whether there is an entry under `key`.
    #[must_use]
    pub fn contains_key(&self, key: &str) -> bool {
        !self.hides(key) && self.headers.contains_key(key)
    }

    /// How many fields there are. A key with two values counts twice.
    #[must_use]
    pub fn len(&self) -> usize {
        if self.may_hold_reserved { self.visible().count() } else { self.headers.len() }
    }

    /// Whether there is no entry.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.visible().next().is_none()
    }

    /// Every entry; those under one key keep their order, that of the keys is not promised.
    ///
    /// A received value that is neither printable ASCII nor, under a `-bin` key, base64 is passed over.
    pub fn iter(&self) -> impl Iterator<Item = MetadataEntry<'_>> {
        self.visible().flat_map(|(name, value)| {
            let name = name.as_str();
            let is_binary = is_binary(name);
            let ascii = if is_binary { None } else { text(value) };
            let binary = is_binary.then(|| binary::decode_all(value));
            ascii
                .map(|text| MetadataEntry::Ascii(name, text))
                .into_iter()
                .chain(binary.into_iter().flatten().map(move |bytes| MetadataEntry::Binary(name, bytes)))
        })
    }

    /// Takes over the headers or trailers a peer sent.
    pub(crate) fn from_headers(headers: HeaderMap) -> Self {
        Self { headers, may_hold_reserved: true }
    }

    /// The fields as they may be sent: without a hidden one.
    pub(crate) fn into_headers(mut self) -> HeaderMap {
        if self.may_hold_reserved {
            let hidden: Vec<HeaderName> =
                self.headers.keys().filter(|name| is_hidden(name.as_str())).cloned().collect();
            for name in hidden {
                self.headers.remove(name);
            }
        }
        self.headers
    }

    /// The fields that may be sent and be seen, one by one.
    pub(crate) fn visible(&self) -> impl Iterator<Item = (&HeaderName, &HeaderValue)> {
        self.headers.iter().filter(|(name, _)| !self.may_hold_reserved || !is_hidden(name.as_str()))
    }

    fn fields<'a>(&'a self, key: &str, binary: bool) -> impl Iterator<Item = &'a HeaderValue> + use<'a> {
        let found = is_binary(key) == binary && !self.hides(key);
        found.then(|| self.headers.get_all(key).iter()).into_iter().flatten()
    }

    /// Whether `key` is one that the application must not see.
    fn hides(&self, key: &str) -> bool {
        self.may_hold_reserved
            && if key.bytes().any(|byte| byte.is_ascii_uppercase()) {
                is_hidden(&key.to_ascii_lowercase())
            } else {
                is_hidden(key)
            }
    }
}

impl fmt::Debug for Metadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut map = f.debug_map();
        for (name, value) in self.visible() {
            let secret = matches!(name.as_str(), "authorization" | "proxy-authorization" | "cookie" | "set-cookie");
            if secret || is_binary(name.as_str()) {
                map.entry(&name.as_str(), &format_args!("({} bytes)", value.as_bytes().len()));
            } else {
                map.entry(&name.as_str(), &String::from_utf8_lossy(value.as_bytes()));
            }
        }
        map.finish()
    }
}

/// The text of a received value.
///
/// HTTP allows more in a value than gRPC does; the specification lets a receiver throw such a value away. Handing it
/// out would make an application fail that sends back what it got.
fn text(value: &HeaderValue) -> Option<&str> {
    value.to_str().ok().filter(|text| !text.contains('\t'))
}

/// The header field for a key and a text of the application.
fn text_entry(key: &str, value: &str) -> Result<(HeaderName, HeaderValue), InvalidMetadata> {
    let name = key::parse(key, false)?;
    // RFC 9113 §8.2.1 forbids spaces at the ends of a field value, and gRPC lets a sender strip them.
    let value = value.trim_matches(' ');
    if !value.bytes().all(|byte| matches!(byte, 0x20..=0x7e)) {
        return Err(InvalidMetadata::new(key, Problem::Value));
    }
    match HeaderValue::from_str(value) {
        Ok(value) => Ok((name, value)),
        Err(_) => Err(InvalidMetadata::new(key, Problem::Value)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn received(fields: &[(&'static str, &'static [u8])]) -> Metadata {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, HeaderValue::from_bytes(value).unwrap());
        }
        Metadata::from_headers(headers)
    }

    #[test]
    fn text_entries() {
        let mut metadata = Metadata::new();
        assert!(metadata.is_empty());
        metadata.insert("X-Room", " rust ").unwrap();
        metadata.append("x-room", "go").unwrap();
        assert_eq!(metadata.get("x-room"), Some("rust"));
        assert_eq!(metadata.get_all("X-ROOM").collect::<Vec<_>>(), ["rust", "go"]);
        assert_eq!(metadata.len(), 2);
        metadata.insert("x-room", String::from("c")).unwrap();
        assert_eq!(metadata.get_all("x-room").collect::<Vec<_>>(), ["c"]);
        assert_eq!(metadata.get("x-none"), None);
        assert_eq!(metadata.get("not a key"), None);
        assert!(metadata.remove("X-Room"));
        assert!(!metadata.remove("x-room"));
        assert!(metadata.is_empty());
    }

    #[test]
    fn binary_entries() {
        let mut metadata = Metadata::new();
        metadata.insert_bin("x-bin", []).unwrap();
        metadata.append_bin("X-Bin", [0xab, 0xab, 0xab]).unwrap();
        assert_eq!(metadata.get_bin("x-bin"), Some(Bytes::new()));
        assert_eq!(metadata.get_all_bin("x-bin").collect::<Vec<_>>(), [&[][..], &[0xab, 0xab, 0xab]]);
        assert_eq!(metadata.get("x-bin"), None);
        assert!(metadata.contains_key("x-bin"));
        assert!(metadata.insert_bin("x", [1]).is_err());
        assert!(metadata.insert("x-bin", "text").is_err());
        let sent = metadata.into_headers();
        assert_eq!(sent.get_all("x-bin").iter().count(), 2);
        assert_eq!(sent.get_all("x-bin").iter().nth(1), Some(&HeaderValue::from_static("q6ur")));
    }

    #[test]
    fn bad_base64_is_passed_over() {
        let metadata = received(&[("x-bin", b"***"), ("x-bin", b"Zg==,Zm8"), ("y-bin", b"\xff")]);
        assert_eq!(metadata.get_all_bin("x-bin").collect::<Vec<_>>(), ["f", "fo"]);
        assert_eq!(metadata.get_bin("y-bin"), None);
        assert_eq!(metadata.iter().count(), 2);
    }

    #[test]
    fn values_outside_printable_ascii_are_refused() {
        let mut metadata = Metadata::new();
        for value in ["a\tb", "a\nb", "é", "\u{7f}", "\0"] {
            let error = metadata.insert("x", value).unwrap_err();
            assert!(error.to_string().contains("printable"), "{error}");
        }
        metadata.insert("x", "~ !").unwrap();
        metadata.insert("x", "").unwrap();
        assert_eq!(metadata.get("x"), Some(""));
    }

    #[test]
    fn odd_values_of_a_peer_can_be_echoed() {
        let metadata = received(&[("x", b"a\tb"), ("y", b"\xe9"), ("z", b"fine")]);
        assert_eq!((metadata.get("x"), metadata.get("y")), (None, None));
        let mut copy = Metadata::new();
        for entry in metadata.iter() {
            match entry {
                MetadataEntry::Ascii(key, value) => copy.append(key, value).unwrap(),
                MetadataEntry::Binary(key, value) => copy.append_bin(key, value).unwrap(),
            }
        }
        assert_eq!(copy.get("z"), Some("fine"));
        assert_eq!(metadata.clone().into_headers().len(), 3);
    }

    #[test]
    fn reserved_fields_of_a_peer_are_neither_seen_nor_sent_on() {
        let metadata = received(&[
            ("content-type", b"application/grpc"),
            ("te", b"trailers"),
            ("grpc-timeout", b"1S"),
            ("grpc-trace-bin", b"Zg"),
            ("content-length", b"7"),
            ("user-agent", b"grpc-go/1.0"),
            ("x", b"1"),
        ]);
        assert_eq!(metadata.len(), 2);
        assert!(!metadata.is_empty());
        assert_eq!(metadata.get("TE"), None);
        assert_eq!(metadata.get_bin("grpc-trace-bin"), None);
        assert!(!metadata.contains_key("Grpc-Timeout"));
        assert_eq!(metadata.get("user-agent"), Some("grpc-go/1.0"));
        assert_eq!(metadata.iter().count(), 2);
        let mut metadata = metadata;
        assert!(!metadata.remove("te"));
        let sent = metadata.into_headers();
        assert_eq!(sent.len(), 2);
        assert!(sent.contains_key("x") && sent.contains_key("user-agent"));
        assert!(received(&[("te", b"trailers")]).is_empty());
    }

    #[test]
    fn debug_keeps_secrets() {
        let mut metadata = received(&[("cookie", b"c1"), ("grpc-status", b"0")]);
        metadata.insert("authorization", "Bearer s3cret").unwrap();
        metadata.insert_bin("x-bin", b"secret").unwrap();
        metadata.insert("x-room", "rust").unwrap();
        let text = format!("{metadata:?}");
        assert!(text.contains("\"x-room\": \"rust\""), "{text}");
        assert!(text.contains("\"authorization\": (13 bytes)"), "{text}");
        for hidden in ["s3cret", "c1", "c2Vjcm", "grpc-status"] {
            assert!(!text.contains(hidden), "{text}");
        }
    }
}
