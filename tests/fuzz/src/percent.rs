//! `grpc-message`: decoding never fails, and a text comes back as it was, or as its beginning when it has to be cut.

use std::borrow::Cow;

use http::HeaderValue;
use stolid::fuzzing::{decode_percent, encode_percent};

/// Decodes the input, and sends it as a text within a limit that its first two bytes say.
pub fn check(data: &[u8]) {
    assert_eq!(decode_percent(data), reference(data));

    let text = String::from_utf8_lossy(data);
    let whole = encode_percent(&text, usize::MAX);
    assert_eq!(decode_percent(whole.as_bytes()), text);
    can_be_sent(&whole);

    let Some((limit, rest)) = data.split_first_chunk::<2>() else {
        return;
    };
    let limit = usize::from(u16::from_be_bytes(*limit));
    let text = String::from_utf8_lossy(rest);
    let cut = encode_percent(&text, limit);
    can_be_sent(&cut);
    assert!(cut.len() <= limit);
    let back = decode_percent(cut.as_bytes());
    assert!(text.starts_with(&back), "{back:?} is not the beginning of {text:?}");
    let next = text[back.len()..].chars().next();
    if let Some(next) = next.filter(|next| *next != ' ') {
        // Spaces at the cut are given up; one more character would not have fitted.
        let spaces = cut.len() + 3 * text[back.len()..].chars().take_while(|c| *c == ' ').count();
        assert!(spaces + 3 * next.len_utf8() > limit, "{limit} bytes had room for {next:?} behind {back:?}");
    }
}

/// Bytes that HTTP/2 allows in a field value (RFC 9113 §8.2.1), of which gRPC allows printable ASCII alone.
fn can_be_sent(value: &HeaderValue) {
    let bytes = value.as_bytes();
    assert!(bytes.iter().all(|byte| (0x20..=0x7e).contains(byte)), "{value:?}");
    assert!(!bytes.starts_with(b" ") && !bytes.ends_with(b" "), "{value:?}");
}

/// Replaces every `%` with two digits behind it, from left to right.
fn reference(value: &[u8]) -> Cow<'static, str> {
    let mut bytes = Vec::new();
    let mut at = 0;
    while at < value.len() {
        let escape =
            value.get(at + 1..at + 3).filter(|digits| value[at] == b'%' && digits.iter().all(u8::is_ascii_hexdigit));
        match escape.and_then(|digits| std::str::from_utf8(digits).ok()) {
            Some(digits) => {
                bytes.extend(u8::from_str_radix(digits, 16));
                at += 3;
            }
            None => {
                bytes.push(value[at]);
                at += 1;
            }
        }
    }
    Cow::Owned(String::from_utf8_lossy(&bytes).into_owned())
}
