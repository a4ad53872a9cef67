//! Lengths of time: as a person reads them, and as one writes them behind a flag.

use std::time::Duration;

use jiff::SignedDuration;

/// Hours, minutes and seconds: `0:15:23`.
pub fn hours(length: Duration) -> String {
    let seconds = length.as_secs();
    format!("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

/// Seconds with three digits: `1.734s`.
pub fn seconds(length: Duration) -> String {
    format!("{:.3}s", length.as_secs_f64())
}

/// Milliseconds with three digits: `0.412ms`.
pub fn milliseconds(length: Duration) -> String {
    format!("{:.3}ms", length.as_secs_f64() * 1e3)
}

/// The largest whole unit: `42s`, `5m`, `3h`, `2d`.
pub fn age(length: Duration) -> String {
    let seconds = length.as_secs();
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m", seconds / 60),
        3600..86_400 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// Reads a length of time such as `50ms`, `30m`, `1h 30m` or `0`.
///
/// # Errors
/// Says what is wrong with the text, for the user who typed it.
pub fn parse(text: &str) -> Result<Duration, String> {
    if text.trim() == "0" {
        return Ok(Duration::ZERO);
    }
    let length: SignedDuration =
        text.parse().map_err(|error| format!("{error}; write for example 50ms, 30s, 5m or 1h"))?;
    Duration::try_from(length).map_err(|_| "a length of time is never negative".to_owned())
}

/// The same, for a time that has to be longer than nothing.
///
/// # Errors
/// As [`parse`], and for zero.
pub fn parse_positive(text: &str) -> Result<Duration, String> {
    match parse(text)? {
        Duration::ZERO => Err("this must be longer than 0".to_owned()),
        length => Ok(length),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_shown_in_the_units_of_their_place() {
        let length = Duration::from_millis(923_456);
        assert_eq!(hours(length), "0:15:23");
        assert_eq!(hours(Duration::from_secs(100_000)), "27:46:40");
        assert_eq!(seconds(Duration::from_millis(1734)), "1.734s");
        assert_eq!(milliseconds(Duration::from_micros(412)), "0.412ms");
        let ages = [59, 60, 3599, 3600, 86_399, 86_400].map(|n| age(Duration::from_secs(n)));
        assert_eq!(ages, ["59s", "1m", "59m", "1h", "23h", "1d"]);
    }

    #[test]
    fn flags_take_the_usual_units() {
        assert_eq!(parse("50ms"), Ok(Duration::from_millis(50)));
        assert_eq!(parse("30m"), Ok(Duration::from_secs(1800)));
        assert_eq!(parse("1h 30m"), Ok(Duration::from_secs(5400)));
        assert_eq!(parse("0"), Ok(Duration::ZERO));
        assert_eq!(parse("0s"), Ok(Duration::ZERO));
    }

    #[test]
    fn what_is_no_length_of_time_is_explained() {
        for wrong in ["", "30", "soon", "5 parsecs"] {
            let error = parse(wrong).unwrap_err();
            assert!(error.contains("30s"), "{wrong:?}: {error}");
        }
        assert!(parse("-5s").unwrap_err().contains("negative"));
        assert!(parse_positive("0ms").unwrap_err().contains("longer"));
        assert_eq!(parse_positive("1ms"), Ok(Duration::from_millis(1)));
    }
}
