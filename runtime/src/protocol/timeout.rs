//! `grpc-timeout`: at most eight digits and a unit.

use std::fmt;
use std::time::Duration;

use http::HeaderValue;

/// The largest number that fits eight digits.
const MAX: u128 = 99_999_999;

/// The units in nanoseconds, smallest first.
const UNITS: [(u8, u128); 6] = [
    (b'n', 1),
    (b'u', 1_000),
    (b'm', 1_000_000),
    (b'S', 1_000_000_000),
    (b'M', 60_000_000_000),
    (b'H', 3_600_000_000_000),
];

/// The longest timeout that is given out, about 292 years: what an `i64` of nanoseconds can say. An instant can be
/// moved by that much; by 99999999 hours it cannot on every system.
const LONGEST: Duration = Duration::from_nanos(i64::MAX as u64);

/// A `grpc-timeout` that breaks the grammar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BadTimeout;

/// The header value for a timeout: the smallest unit in which it fits eight digits, rounded up, so that the peer never
/// gives up before this side does.
pub(crate) fn encode(timeout: Duration) -> HeaderValue {
    let nanos = timeout.as_nanos();
    let (number, unit) = UNITS
        .iter()
        .map(|&(unit, length)| (nanos.div_ceil(length), unit))
        .find(|&(number, _)| number <= MAX)
        .unwrap_or((MAX, b'H'));
    // Up to eight digits and a letter.
    let mut text = [0; 9];
    let mut start = text.len() - 1;
    text[start] = unit;
    let mut left = number;
    loop {
        start -= 1;
        // A remainder of ten fits a byte.
        text[start] = b'0' + (left % 10) as u8;
        left /= 10;
        if left == 0 {
            break;
        }
    }
    // Digits and letters are always a valid header value.
    HeaderValue::from_bytes(&text[start..]).unwrap_or_else(|_| HeaderValue::from_static("0n"))
}

/// Reads a received timeout; `0n` is legal and means that no time is left.
///
/// # Errors
///
/// When the value is not one to eight digits and one of the units `n u m S M H`.
pub(crate) fn decode(value: &[u8]) -> Result<Duration, BadTimeout> {
    let Some((&unit, digits)) = value.split_last() else {
        return Err(BadTimeout);
    };
    if digits.is_empty() || digits.len() > 8 || !digits.iter().all(u8::is_ascii_digit) {
        return Err(BadTimeout);
    }
    let number = digits.iter().fold(0, |number, digit| number * 10 + u64::from(digit - b'0'));
    let timeout = match unit {
        b'n' => Duration::from_nanos(number),
        b'u' => Duration::from_micros(number),
        b'm' => Duration::from_millis(number),
        b'S' => Duration::from_secs(number),
        b'M' => Duration::from_secs(number * 60),
        b'H' => Duration::from_secs(number * 3600),
        _ => return Err(BadTimeout),
    };
    Ok(timeout.min(LONGEST))
}

impl fmt::Display for BadTimeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("grpc-timeout is not one to eight digits and a unit (n, u, m, S, M or H)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodes_in_the_smallest_unit_that_fits() {
        for (timeout, text) in [
            (Duration::ZERO, "0n"),
            (Duration::from_nanos(1), "1n"),
            (Duration::from_nanos(99_999_999), "99999999n"),
            (Duration::from_nanos(100_000_000), "100000u"),
            (Duration::from_nanos(100_000_001), "100001u"),
            (Duration::from_secs(1), "1000000u"),
            (Duration::from_micros(99_999_999), "99999999u"),
            (Duration::from_nanos(99_999_999_001), "100000m"),
            (Duration::from_secs(100), "100000m"),
            (Duration::from_millis(99_999_999), "99999999m"),
            (Duration::from_secs(100_000), "100000S"),
            (Duration::from_secs(99_999_999), "99999999S"),
            (Duration::from_secs(100_000_000), "1666667M"),
            (Duration::from_secs(99_999_999 * 60), "99999999M"),
            (Duration::from_secs(99_999_999 * 60 + 1), "1666667H"),
            (Duration::from_secs(99_999_999 * 3600), "99999999H"),
            (Duration::MAX, "99999999H"),
        ] {
            assert_eq!(encode(timeout), text, "{timeout:?}");
        }
    }

    #[test]
    fn never_comes_back_shorter() {
        let mut nanos = 1_u64;
        while nanos < i64::MAX as u64 / 3 {
            for offset in [0, 1, 7] {
                let timeout = Duration::from_nanos(nanos + offset);
                let back = decode(encode(timeout).as_bytes()).unwrap();
                assert!(back >= timeout, "{timeout:?} {back:?}");
                // The coarsest number in use, just above the largest one of nanoseconds, has six digits.
                assert!(back - timeout <= timeout / 100_000 + Duration::from_nanos(1));
            }
            nanos = nanos * 3 + 1;
        }
    }

    #[test]
    fn decodes_what_the_grammar_allows() {
        for (text, timeout) in [
            ("0n", Duration::ZERO),
            ("0S", Duration::ZERO),
            ("1n", Duration::from_nanos(1)),
            ("00000005u", Duration::from_micros(5)),
            ("250m", Duration::from_millis(250)),
            ("10S", Duration::from_secs(10)),
            ("2M", Duration::from_secs(120)),
            ("3H", Duration::from_secs(10_800)),
            ("99999999M", Duration::from_secs(99_999_999 * 60)),
            ("99999999H", LONGEST),
        ] {
            assert_eq!(decode(text.as_bytes()), Ok(timeout), "{text}");
        }
    }

    #[test]
    fn refuses_everything_else() {
        for text in [
            "",
            "1",
            "S",
            "123456789n",
            "000000001S",
            "1s",
            "1h",
            "1x",
            "+1S",
            "-1S",
            "1.5S",
            " 1S",
            "1S ",
            "1 S",
            "١S",
            "1Sn",
        ] {
            assert_eq!(decode(text.as_bytes()), Err(BadTimeout), "{text:?}");
        }
    }

    #[test]
    fn the_longest_timeout_can_be_added_to_an_instant() {
        let now = std::time::Instant::now();
        assert!(now.checked_add(LONGEST).is_some());
    }
}
