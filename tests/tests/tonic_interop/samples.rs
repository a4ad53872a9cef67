//! What both directions send: bodies, status messages and metadata.

use stolid::Metadata;
use stolid_tests::echo::Note;
use tonic::metadata::{AsciiMetadataKey, BinaryMetadataKey, MetadataMap, MetadataValue};

/// How many messages go over one stream.
pub(crate) const MANY: u64 = 10_000;

/// Body lengths around HTTP/2's frame and window sizes, up to the largest message that is taken by
/// default.
pub(crate) const SIZES: [usize; 12] =
    [0, 1, 1023, 1024, 16_383, 16_384, 16_385, 65_535, 65_536, 1 << 20, LARGEST - 1, LARGEST];

/// The body of the largest message that is taken by default: with the five bytes of the body's tag
/// and length it makes 4 MiB.
pub(crate) const LARGEST: usize = (4 << 20) - 5;

/// Status messages that are written another way in `grpc-message`.
pub(crate) const TEXTS: [&str; 7] = [
    "",
    "plain words",
    "100 % sure, or %41%zz",
    "first line\r\nsecond\tline\n",
    "grüße, 世界 🦀",
    " spaces around ",
    "\u{0}\u{1f} ~ \u{7f} \u{80}",
];

const WORD: &str = "all printable: !\"#$&'()*+-./:;<=>?@[]^_`{|}~";
const LIST: [&str; 3] = ["one", "two", "one"];
const PARTS: [&[u8]; 4] = [&[1], &[], &[0xff, 0], &[2, 3, 4]];

/// A note whose body has this length and tells its bytes apart.
pub(crate) fn patterned(length: usize) -> Note {
    let byte = |index: usize| (index * 31 + (index >> 8)) as u8;
    Note { body: (0..length).map(byte).collect(), ..Note::default() }
}

fn blob() -> Vec<u8> {
    Vec::from_iter(0..=255)
}

/// Test metadata in our type; the prefix tells where it was put in.
pub(crate) fn ours(prefix: &str) -> Metadata {
    let mut metadata = Metadata::new();
    let key = |name| format!("{prefix}-{name}");
    metadata.insert(key("word"), WORD).expect("a good entry");
    for value in LIST {
        metadata.append(key("list"), value).expect("a good entry");
    }
    let inserted = metadata.insert_bin(key("blob-bin"), blob());
    inserted.expect("a good entry");
    for value in PARTS {
        let appended = metadata.append_bin(key("parts-bin"), value);
        appended.expect("a good entry");
    }
    metadata
}

/// The same in tonic's type.
pub(crate) fn theirs(prefix: &str) -> MetadataMap {
    let ascii = |name| AsciiMetadataKey::from_bytes(format!("{prefix}-{name}").as_bytes());
    let binary = |name| BinaryMetadataKey::from_bytes(format!("{prefix}-{name}").as_bytes());
    let mut metadata = MetadataMap::new();
    let word = WORD.parse().expect("a good value");
    metadata.insert(ascii("word").expect("a good key"), word);
    for value in LIST {
        let value = value.parse().expect("a good value");
        metadata.append(ascii("list").expect("a good key"), value);
    }
    let blob = MetadataValue::from_bytes(&blob());
    metadata.insert_bin(binary("blob-bin").expect("a good key"), blob);
    for value in PARTS {
        let value = MetadataValue::from_bytes(value);
        metadata.append_bin(binary("parts-bin").expect("a good key"), value);
    }
    metadata
}

/// Checks that the test metadata with this prefix came to us whole and in order.
#[track_caller]
pub(crate) fn assert_ours(prefix: &str, metadata: &Metadata) {
    let key = |name| format!("{prefix}-{name}");
    assert_eq!(metadata.get(&key("word")), Some(WORD));
    assert_eq!(Vec::from_iter(metadata.get_all(&key("list"))), LIST);
    let blobs = Vec::from_iter(metadata.get_all_bin(&key("blob-bin")));
    assert_eq!(blobs, [blob()]);
    let parts = Vec::from_iter(metadata.get_all_bin(&key("parts-bin")));
    assert_eq!(parts, PARTS);
}

/// Checks that the test metadata with this prefix came to tonic whole and in order.
#[track_caller]
pub(crate) fn assert_theirs(prefix: &str, metadata: &MetadataMap) {
    let key = |name| format!("{prefix}-{name}");
    assert_eq!(metadata.get(key("word")).expect("it came"), WORD);
    let list = metadata.get_all(key("list"));
    assert_eq!(Vec::from_iter(list), LIST);
    let decoded = |name| {
        let values = metadata.get_all_bin(key(name));
        let bytes = values.iter().map(|value| value.to_bytes().expect("base64"));
        Vec::from_iter(bytes)
    };
    assert_eq!(decoded("blob-bin"), [blob()]);
    assert_eq!(decoded("parts-bin"), PARTS);
}
