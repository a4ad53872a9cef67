//! `RetryInfo`: when to try again.

use std::time::Duration;

/// When to try again.
///
/// A client waits at least this long before the next try, and longer before the one after that.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct RetryInfo {
    /// How long to wait. A negative delay of a peer is zero; one longer than [`MAX_RETRY_DELAY`] is that.
    ///
    /// [`MAX_RETRY_DELAY`]: RetryInfo::MAX_RETRY_DELAY
    pub retry_delay: Option<Duration>,
}

/// `google.protobuf.Duration`: the sign of both fields is the same.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub(super) struct WireDuration {
    #[prost(int64, tag = "1")]
    seconds: i64,
    #[prost(int32, tag = "2")]
    nanos: i32,
}

/// `google.rpc.RetryInfo`.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub(super) struct WireRetryInfo {
    #[prost(message, optional, tag = "1")]
    retry_delay: Option<WireDuration>,
}

const NANOS_PER_SECOND: i128 = 1_000_000_000;

impl RetryInfo {
    /// The URL that names this type in an [`Any`](super::Any).
    pub const TYPE_URL: &'static str = "type.googleapis.com/google.rpc.RetryInfo";

    /// The longest delay that can be sent: 10,000 years, which is as far as `google.protobuf.Duration` goes.
    pub const MAX_RETRY_DELAY: Duration = Duration::new(315_576_000_000, 999_999_999);

    /// A delay of at most [`MAX_RETRY_DELAY`](Self::MAX_RETRY_DELAY).
    #[must_use]
    pub fn new(retry_delay: Option<Duration>) -> Self {
        Self { retry_delay: retry_delay.map(|delay| delay.min(Self::MAX_RETRY_DELAY)) }
    }

    /// Whether there is no delay.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.retry_delay.is_none()
    }
}

impl From<&RetryInfo> for WireRetryInfo {
    fn from(info: &RetryInfo) -> Self {
        let delay = RetryInfo::new(info.retry_delay).retry_delay;
        Self {
            retry_delay: delay.map(|delay| WireDuration {
                seconds: i64::try_from(delay.as_secs()).unwrap_or(i64::MAX),
                nanos: i32::try_from(delay.subsec_nanos()).unwrap_or(i32::MAX),
            }),
        }
    }
}

impl From<WireRetryInfo> for RetryInfo {
    fn from(info: WireRetryInfo) -> Self {
        Self { retry_delay: info.retry_delay.map(clamped) }
    }
}

/// What a peer means by a duration whose fields may be out of their range.
fn clamped(delay: WireDuration) -> Duration {
    let nanos = i128::from(delay.seconds) * NANOS_PER_SECOND + i128::from(delay.nanos);
    let seconds = u64::try_from(nanos.max(0) / NANOS_PER_SECOND).unwrap_or(u64::MAX);
    let rest = u32::try_from(nanos.max(0) % NANOS_PER_SECOND).unwrap_or(0);
    Duration::new(seconds, rest).min(RetryInfo::MAX_RETRY_DELAY)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(seconds: i64, nanos: i32) -> Option<Duration> {
        RetryInfo::from(WireRetryInfo { retry_delay: Some(WireDuration { seconds, nanos }) }).retry_delay
    }

    #[test]
    fn a_delay_of_a_peer_is_clamped() {
        const MAX: Duration = RetryInfo::MAX_RETRY_DELAY;
        for (seconds, nanos, delay) in [
            (0, 0, Duration::ZERO),
            (5, 0, Duration::from_secs(5)),
            (1, 500_000_000, Duration::from_millis(1500)),
            (-1, 0, Duration::ZERO),
            (0, -1, Duration::ZERO),
            (-1, -999_999_999, Duration::ZERO),
            (i64::MIN, i32::MIN, Duration::ZERO),
            (2, -500_000_000, Duration::from_millis(1500)),
            (0, i32::MAX, Duration::new(2, 147_483_647)),
            (315_576_000_000, 999_999_999, MAX),
            (315_576_000_001, 0, MAX),
            (i64::MAX, i32::MAX, MAX),
        ] {
            assert_eq!(read(seconds, nanos), Some(delay), "{seconds} s {nanos} ns");
        }
        assert_eq!(RetryInfo::from(WireRetryInfo { retry_delay: None }), RetryInfo::default());
    }

    #[test]
    fn a_delay_comes_back_as_it_was_up_to_the_longest() {
        for delay in
            [Duration::ZERO, Duration::from_nanos(1), Duration::new(7, 999_999_999), RetryInfo::MAX_RETRY_DELAY]
        {
            let info = RetryInfo::new(Some(delay));
            assert_eq!(info.retry_delay, Some(delay));
            assert_eq!(RetryInfo::from(WireRetryInfo::from(&info)), info);
        }
        let endless = RetryInfo { retry_delay: Some(Duration::MAX) };
        let longest = Some(RetryInfo::MAX_RETRY_DELAY);
        assert_eq!(RetryInfo::new(endless.retry_delay).retry_delay, longest);
        assert_eq!(RetryInfo::from(WireRetryInfo::from(&endless)).retry_delay, longest);
        assert!(RetryInfo::new(None).is_empty() && !endless.is_empty());
    }
}
