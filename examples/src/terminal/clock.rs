//! Where the programs take the time from, so that tests can choose it.

use std::fmt;
use std::time::{Duration, Instant};

use jiff::Zoned;

/// One point in time, on both scales the programs need.
#[derive(Clone, Debug)]
pub struct Moment {
    /// For measuring: never goes back.
    pub instant: Instant,
    /// For showing: date, time of day and zone.
    pub wall: Zoned,
}

impl Moment {
    /// Hours, minutes and seconds: `14:26:52`.
    pub fn clock_time(&self) -> String {
        self.wall.strftime("%H:%M:%S").to_string()
    }

    /// With milliseconds: `14:26:52.123`.
    pub fn precise_time(&self) -> String {
        self.wall.strftime("%H:%M:%S%.3f").to_string()
    }

    /// RFC 3339 in UTC, as the messages carry it.
    pub fn rfc3339(&self) -> String {
        format!("{:.3}", self.wall.timestamp())
    }

    /// The same to the nanosecond: no two messages of one program have the same, so that an echo is told by it.
    pub fn rfc3339_unique(&self) -> String {
        format!("{:.9}", self.wall.timestamp())
    }

    /// Time since an earlier moment; zero if it was not earlier.
    pub fn since(&self, earlier: &Self) -> Duration {
        self.instant.saturating_duration_since(earlier.instant)
    }
}

/// Tells the time.
pub trait Clock: Send + Sync + fmt::Debug {
    /// The time now.
    fn now(&self) -> Moment;
}

/// The computer's clock, in its time zone.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Moment {
        Moment { instant: Instant::now(), wall: Zoned::now() }
    }
}

/// A clock that stands still.
#[derive(Clone, Debug)]
pub struct FixedClock(Moment);

impl FixedClock {
    /// Stands at `wall`.
    pub fn new(wall: Zoned) -> Self {
        Self(Moment { instant: Instant::now(), wall })
    }

    /// The same clock, `later` later.
    pub fn after(&self, later: Duration) -> Self {
        Self(Moment { instant: self.0.instant + later, wall: &self.0.wall + later })
    }
}

impl Clock for FixedClock {
    fn now(&self) -> Moment {
        self.0.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_shown_in_the_zone_and_sent_in_utc() {
        let wall = "2026-11-21T14:26:52.1239+01:00[+01:00]".parse().unwrap();
        let clock = FixedClock::new(wall);
        assert_eq!(clock.now().clock_time(), "14:26:52");
        assert_eq!(clock.now().precise_time(), "14:26:52.123");
        assert_eq!(clock.now().rfc3339(), "2026-11-21T13:26:52.123Z");
        assert_eq!(clock.now().rfc3339_unique(), "2026-11-21T13:26:52.123900000Z");
        let later = clock.after(Duration::from_secs(10));
        assert_eq!(later.now().clock_time(), "14:27:02");
        assert_eq!(later.now().since(&clock.now()), Duration::from_secs(10));
        assert_eq!(clock.now().since(&later.now()), Duration::ZERO);
    }
}
