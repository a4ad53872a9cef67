//! The base64 form of `-bin` values.
//!
//! The specification has senders leave the padding out and receivers accept both forms; one field
//! may carry several values joined by commas, which are split before they are decoded.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use http::HeaderValue;

static BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// The header value that carries `value`.
pub(crate) fn encode(value: &[u8]) -> HeaderValue {
    // The alphabet of base64 is printable ASCII, so the conversion cannot fail.
    HeaderValue::try_from(BASE64.encode(value)).unwrap_or_else(|_| HeaderValue::from_static(""))
}

/// One received value; `None` when it is not base64.
pub(crate) fn decode(piece: &[u8]) -> Option<Bytes> {
    BASE64.decode(piece.trim_ascii()).ok().map(Bytes::from)
}

/// Every value a received field carries; pieces that are not base64 are left out.
pub(crate) fn decode_all(field: &HeaderValue) -> impl Iterator<Item = Bytes> + '_ {
    field.as_bytes().split(|&byte| byte == b',').filter_map(decode)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodes_without_padding() {
        for (raw, text) in [
            (&b""[..], ""),
            (b"f", "Zg"),
            (b"fo", "Zm8"),
            (b"foo", "Zm9v"),
            (b"\xab\xab\xab", "q6ur"),
            (b"\xfb\xff", "+/8"),
        ] {
            assert_eq!(encode(raw).as_bytes(), text.as_bytes());
            assert_eq!(decode(text.as_bytes()).as_deref(), Some(raw));
        }
    }

    #[test]
    fn decodes_with_and_without_padding() {
        for text in ["Zg", "Zg==", " Zg== ", "Zh"] {
            assert_eq!(decode(text.as_bytes()).as_deref(), Some(&b"f"[..]), "{text:?}");
        }
    }

    #[test]
    fn garbage_is_left_out_and_never_panics() {
        for text in ["Z", "Zg=a", "*", "Zm9v\u{fffd}", "====", "Z g"] {
            assert_eq!(decode(text.as_bytes()), None, "{text:?}");
        }
        for first in 0..=255_u8 {
            for second in 0..=255_u8 {
                let _ = decode(&[first, second, first]);
            }
        }
    }

    #[test]
    fn a_field_is_split_at_commas() {
        let field = HeaderValue::from_static("Zg==,*,Zm8, ,Zm9v");
        let values: Vec<Bytes> = decode_all(&field).collect();
        assert_eq!(values, ["f", "fo", "", "foo"].map(Bytes::from));
    }
}
