//! `grpc-timeout`: the value against the grammar of the specification, and a duration there and back.

use std::time::Duration;

use stolid::fuzzing::{decode_timeout, encode_timeout};

/// What eight digits of hours are cut to: an instant has to be movable by that much.
const LONGEST: u128 = i64::MAX as u128;

/// Takes the input for a header value, and its first 12 bytes for a duration.
pub fn check(data: &[u8]) {
    assert_eq!(decode_timeout(data).map(|timeout| timeout.as_nanos()), reference(data));
    if let Some((seconds, rest)) = data.split_first_chunk::<8>()
        && let Some((nanos, _)) = rest.split_first_chunk::<4>()
    {
        let nanos = u32::from_be_bytes(*nanos) % 1_000_000_000;
        // The exponent spreads the durations over all units.
        let seconds = u64::from_be_bytes(*seconds);
        there_and_back(Duration::new(seconds >> (seconds % 64), nanos));
    }
}

/// `1*8DIGIT ("H" / "M" / "S" / "m" / "u" / "n")`, in nanoseconds.
fn reference(value: &[u8]) -> Option<u128> {
    let text = std::str::from_utf8(value).ok()?;
    let unit = text.chars().last()?;
    let digits = &text[..text.len() - unit.len_utf8()];
    if !(1..=8).contains(&digits.len()) || !digits.chars().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let nanos: u128 = match unit {
        'n' => 1,
        'u' => 1_000,
        'm' => 1_000_000,
        'S' => 1_000_000_000,
        'M' => 60_000_000_000,
        'H' => 3_600_000_000_000,
        _ => return None,
    };
    Some((digits.parse::<u128>().ok()? * nanos).min(LONGEST))
}

fn there_and_back(timeout: Duration) {
    let value = encode_timeout(timeout);
    let back = decode_timeout(value.as_bytes()).expect("what is sent can be read");
    if timeout.as_nanos() > LONGEST {
        assert_eq!(back.as_nanos(), LONGEST);
        return;
    }
    assert!(back >= timeout, "the peer would give up first: {timeout:?} {back:?}");
    assert!(back - timeout <= timeout / 100_000 + Duration::from_nanos(1), "{timeout:?} {back:?}");
    let again = encode_timeout(back);
    assert_eq!(decode_timeout(again.as_bytes()), Some(back), "what was read is sent on as it is");
}
