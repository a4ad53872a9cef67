//! The percent-encoding of `grpc-message`.

use http::HeaderValue;

/// The header value for as much of a message, whole characters only, as fits `limit` bytes.
///
/// Everything outside 0x20-0x7E and `%` itself is encoded. So are spaces at either end, which the specification allows
/// to stay but HTTP does not let a field value begin or end with.
pub(crate) fn encode(message: &str, limit: usize) -> HeaderValue {
    let inner = message.trim_matches(' ');
    let unchanged = inner.len() == message.len() && message.bytes().all(is_plain);
    if unchanged && message.len() <= limit {
        return header_value(message.to_owned());
    }
    let leading = message.len() - message.trim_start_matches(' ').len();
    let trailing = message.trim_end_matches(' ').len();
    let mut text = String::with_capacity(message.len().saturating_mul(2).min(limit));
    for (at, character) in message.char_indices() {
        let mut utf8 = [0; 4];
        let bytes = character.encode_utf8(&mut utf8).as_bytes();
        let at_an_end = at < leading || at >= trailing;
        let plain = bytes.iter().copied().all(is_plain) && !at_an_end;
        let cost = if plain { 1 } else { 3 * bytes.len() };
        if text.len() + cost > limit {
            break;
        }
        if plain {
            text.push(character);
        } else {
            for byte in bytes {
                text.push('%');
                text.push(hex_digit(byte >> 4));
                text.push(hex_digit(byte & 0xf));
            }
        }
    }
    // The cut may have left a space at the end.
    text.truncate(text.trim_end_matches(' ').len());
    header_value(text)
}

/// Reads a received message. It never fails: a `%` that starts no escape stays as it is, and bytes that are not UTF-8
/// become U+FFFD.
pub(crate) fn decode(value: &[u8]) -> String {
    if !value.contains(&b'%') {
        return String::from_utf8_lossy(value).into_owned();
    }
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value;
    while let Some((&byte, behind)) = rest.split_first() {
        rest = behind;
        let escaped = match (byte, behind) {
            (b'%', [high, low, ..]) => hex_value(*high).zip(hex_value(*low)),
            _ => None,
        };
        match escaped {
            Some((high, low)) => {
                bytes.push(high << 4 | low);
                rest = &behind[2..];
            }
            None => bytes.push(byte),
        }
    }
    match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
    }
}

fn is_plain(byte: u8) -> bool {
    matches!(byte, 0x20..=0x7e) && byte != b'%'
}

fn hex_digit(nibble: u8) -> char {
    char::from(match nibble {
        0..=9 => b'0' + nibble,
        _ => b'A' + nibble - 10,
    })
}

fn hex_value(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

fn header_value(text: String) -> HeaderValue {
    // The text is printable ASCII, so the conversion cannot fail.
    HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static(""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodes() {
        for (message, text) in [
            ("", ""),
            ("plain text, with ~ and !", "plain text, with ~ and !"),
            ("100%", "100%25"),
            ("a\nb\tc", "a%0Ab%09c"),
            ("\u{7f}", "%7F"),
            ("é☺😈", "%C3%A9%E2%98%BA%F0%9F%98%88"),
            (" a b ", "%20a b%20"),
            ("   ", "%20%20%20"),
            (
                "\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n",
                "%09%0Atest with whitespace%0D%0Aand Unicode BMP %E2%98%BA and non-BMP %F0%9F%98%88%09%0A",
            ),
        ] {
            assert_eq!(encode(message, usize::MAX), text);
            assert_eq!(decode(text.as_bytes()), message);
        }
    }

    #[test]
    fn a_limit_cuts_between_characters() {
        for (limit, text) in [(0, ""), (1, "a"), (9, "a"), (10, "a%E2%98%BA"), (11, "a%E2%98%BAb"), (99, "a%E2%98%BAb")]
        {
            assert_eq!(encode("a☺b", limit), text);
        }
        assert_eq!(encode("plain", 3), "pla");
        assert_eq!(encode("a  b", 3), "a");
        assert_eq!(encode("a  b", 4), "a  b");
    }

    #[test]
    fn broken_escapes_stay() {
        for (value, message) in [
            (&b"%"[..], "%"),
            (b"%2", "%2"),
            (b"%zz", "%zz"),
            (b"%2%41", "%2A"),
            (b"%%41", "%A"),
            (b"%e2%98%ba", "☺"),
            (b"a%FFb", "a\u{fffd}b"),
            (b"a\xffb", "a\u{fffd}b"),
            (b"%E2%98", "\u{fffd}"),
        ] {
            assert_eq!(decode(value), message, "{value:?}");
        }
    }

    #[test]
    fn any_bytes_decode() {
        for first in 0..=255_u8 {
            for second in 0..=255_u8 {
                let _ = decode(&[b'%', first, second, b'%']);
            }
        }
    }

    #[test]
    fn every_character_of_a_byte_survives() {
        let message: String = (0..=255_u8).map(char::from).collect();
        assert_eq!(decode(encode(&message, usize::MAX).as_bytes()), message);
    }
}
