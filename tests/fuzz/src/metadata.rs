//! Metadata: which keys may be used, and what of a received header list an application sees.

use std::collections::BTreeMap;

use http::HeaderMap;
use stolid::fuzzing::{decode_all_binary, metadata_key, received_metadata, sent_metadata};
use stolid::{Metadata, MetadataEntry};

use crate::header_lines::{headers, lines};

/// Names that belong to HTTP or gRPC.
const RESERVED: [&str; 10] = [
    "te",
    "content-type",
    "content-length",
    "host",
    "connection",
    "keep-alive",
    "proxy-connection",
    "transfer-encoding",
    "upgrade",
    "http2-settings",
];

/// Takes each line of the input for a key and a value that an application sets, and all of them for a header list that
/// a peer sent.
pub fn check(data: &[u8]) {
    for line in lines(data) {
        let line = String::from_utf8_lossy(line);
        let (key, value) = line.split_once(':').unwrap_or((&line, ""));
        key_and_value(key, value);
    }
    received(headers(lines(data)));
}

/// Whether a received field is kept from applications.
pub fn is_hidden(name: &str) -> bool {
    is_reserved(name) || !name.chars().all(is_legal)
}

fn is_reserved(name: &str) -> bool {
    RESERVED.contains(&name) || name.starts_with("grpc-")
}

fn is_legal(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || "_.-".contains(letter)
}

fn key_and_value(key: &str, value: &str) {
    let legal = !key.is_empty() && key.chars().all(is_legal);
    let lower = key.to_ascii_lowercase();
    let may_be_used = legal && !is_reserved(&lower);
    let is_binary = lower.ends_with("-bin");
    for binary in [false, true] {
        match metadata_key(key, binary) {
            Ok(name) => {
                assert!(may_be_used && binary == is_binary, "{key:?}");
                assert_eq!(name.as_str(), lower);
            }
            Err(error) => {
                assert!(!may_be_used || binary != is_binary, "{key:?}");
                assert_eq!(error.key(), key);
            }
        }
    }
    let mut metadata = Metadata::new();
    if is_binary {
        assert_eq!(metadata.insert_bin(key, value).is_ok(), may_be_used);
        assert_eq!(metadata.get_bin(key).as_deref(), may_be_used.then_some(value.as_bytes()));
        assert!(metadata.append(key, value).is_err());
    } else {
        let sendable = may_be_used && value.trim_matches(' ').chars().all(|c| (' '..='~').contains(&c));
        assert_eq!(metadata.append(key, value).is_ok(), sendable, "{key:?} {value:?}");
        assert_eq!(metadata.get(key), sendable.then_some(value.trim_matches(' ')));
        assert!(metadata.append_bin(key, value).is_err());
    }
}

/// Compares what is seen of a received header list with the list itself.
pub fn received(headers: HeaderMap) {
    let visible: Vec<_> = headers.iter().filter(|(name, _)| !is_hidden(name.as_str())).collect();
    let mut texts: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut binaries: BTreeMap<&str, Vec<Vec<u8>>> = BTreeMap::new();
    for (name, value) in &visible {
        if name.as_str().ends_with("-bin") {
            let values = decode_all_binary(value).into_iter().map(Vec::from);
            binaries.entry(name.as_str()).or_default().extend(values);
        } else if value.as_bytes().iter().all(|byte| (0x20..=0x7e).contains(byte)) {
            let text = std::str::from_utf8(value.as_bytes()).expect("it is ASCII");
            texts.entry(name.as_str()).or_default().push(text);
        }
    }
    let metadata = received_metadata(headers.clone());
    assert_eq!(metadata.len(), visible.len());
    assert_eq!(metadata.is_empty(), visible.is_empty());
    for name in headers.keys() {
        let (name, shout) = (name.as_str(), name.as_str().to_ascii_uppercase());
        for key in [name, &shout] {
            assert_eq!(metadata.contains_key(key), !is_hidden(name));
            assert_eq!(Vec::from_iter(metadata.get_all(key)), texts.get(name).cloned().unwrap_or_default());
            let found = metadata.get_all_bin(key).map(Vec::from);
            assert_eq!(Vec::from_iter(found), binaries.get(name).cloned().unwrap_or_default());
        }
    }
    copied(&metadata, &texts, &binaries);
    let hidden = headers.iter().filter(|(name, _)| is_hidden(name.as_str()));
    let hidden = hidden.map(|(name, value)| (name.clone(), value.clone())).collect();
    assert_eq!(format!("{:?}", received_metadata(hidden)), "{}");
    let sent = sent_metadata(metadata);
    assert_eq!(sent.len(), visible.len());
    assert!(sent.keys().all(|name| !is_hidden(name.as_str())));
}

/// What an application sees it can send on.
fn copied(metadata: &Metadata, texts: &BTreeMap<&str, Vec<&str>>, binaries: &BTreeMap<&str, Vec<Vec<u8>>>) {
    let mut copy = Metadata::new();
    let mut entries = 0;
    for entry in metadata.iter() {
        entries += 1;
        let appended = match entry {
            MetadataEntry::Ascii(key, value) => copy.append(key, value),
            MetadataEntry::Binary(key, value) => copy.append_bin(key, value),
        };
        appended.expect("what was seen can be sent");
    }
    assert_eq!(entries, texts.values().map(Vec::len).sum::<usize>() + binaries.values().map(Vec::len).sum::<usize>());
    for (name, values) in texts {
        let values = values.iter().map(|value| value.trim_matches(' '));
        assert_eq!(Vec::from_iter(copy.get_all(name)), Vec::from_iter(values));
    }
    for (name, values) in binaries {
        assert_eq!(Vec::from_iter(copy.get_all_bin(name)), *values);
    }
}
