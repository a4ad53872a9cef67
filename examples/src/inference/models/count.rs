//! `count`: an answer that does not end by itself.

use std::time::Duration;

use stolid::Status;

use super::take;
use crate::inference::proto::{CountRequest, CountResponse};

/// Most digits of a number.
const MAX_DIGITS: u32 = 65535;

/// Answers a request, with a pause before every number but the first.
///
/// # Errors
/// INVALID_ARGUMENT for too many digits.
pub fn count(
    request: CountRequest,
    delay: Duration,
) -> Result<impl Iterator<Item = Result<CountResponse, Status>>, Status> {
    let CountRequest { start, digits } = request;
    if digits > MAX_DIGITS {
        return Err(Status::invalid_argument(format!("{digits} digits are too many, the most is {MAX_DIGITS}")));
    }
    Ok((start..=u64::MAX).map(move |number| {
        if number != start {
            take(delay)?;
        }
        Ok(CountResponse { number: format!("{number:0digits$}", digits = digits as usize) })
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(start: u64, digits: u32) -> Vec<String> {
        let numbers = count(CountRequest { start, digits }, Duration::ZERO).unwrap();
        numbers.take(3).map(|number| number.unwrap().number).collect()
    }

    #[test]
    fn it_counts() {
        assert_eq!(numbers(9, 0), ["9", "10", "11"]);
        assert_eq!(numbers(9, 3), ["009", "010", "011"]);
        assert_eq!(numbers(u64::MAX, 0), [u64::MAX.to_string()]);
        assert_eq!(numbers(0, MAX_DIGITS)[2].len(), 65535);
    }

    #[test]
    fn too_many_digits_are_refused() {
        let Err(status) = count(CountRequest { start: 0, digits: MAX_DIGITS + 1 }, Duration::ZERO) else {
            panic!("it counts");
        };
        assert_eq!(status.message(), "65536 digits are too many, the most is 65535");
    }
}
