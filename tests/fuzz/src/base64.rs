//! `-bin` values: bytes there and back, and what is received against a plain decoder.

use http::HeaderValue;
use stolid::fuzzing::{decode_all_binary, decode_binary, encode_binary};

/// Takes the input for bytes to be sent, and for a value that came.
pub fn check(data: &[u8]) {
    let value = encode_binary(data);
    assert!(!value.as_bytes().contains(&b'='), "the specification wants no padding");
    assert_eq!(value.len(), data.len().div_ceil(3) * 4 - (3 - data.len() % 3) % 3);
    assert_eq!(decode_binary(value.as_bytes()).as_deref(), Some(data));
    let mut padded = value.as_bytes().to_vec();
    padded.resize(padded.len().next_multiple_of(4), b'=');
    assert_eq!(decode_binary(&padded).as_deref(), Some(data));

    assert_eq!(decode_binary(data).map(Vec::from), reference(data));
    if let Ok(field) = HeaderValue::from_bytes(data) {
        let pieces = data.split(|byte| *byte == b',').filter_map(reference);
        assert_eq!(decode_all_binary(&field), Vec::from_iter(pieces));
    }
}

/// RFC 4648 §4, with any part of the padding and with spare bits of any value.
fn reference(piece: &[u8]) -> Option<Vec<u8>> {
    let text = piece.trim_ascii();
    let digits = text.iter().position(|byte| *byte == b'=').unwrap_or(text.len());
    let (digits, padding) = text.split_at(digits);
    let missing = (4 - digits.len() % 4) % 4;
    let well_padded = padding.len() <= missing && padding.iter().all(|byte| *byte == b'=');
    if missing == 3 || !well_padded {
        return None;
    }
    let (mut bytes, mut bits, mut held) = (Vec::new(), 0_u32, 0);
    for digit in digits {
        let value = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held) as u8);
            bits &= (1 << held) - 1;
        }
    }
    Some(bytes)
}
