//! When the office may be disturbed. Alarms of the books page nobody outside its hours, except in close week: the days
//! around a month's end, in which the books are closed and every hour counts.

use jiff::civil::{Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ZonedDateTime};

/// The office's hours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Office {
    time_zone: TimeZone,
    /// None: it never closes.
    hours: Option<Hours>,
    /// Days at a month's end that belong to close week.
    last_days: i8,
    /// Days at a month's beginning that do.
    first_days: i8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Hours {
    days: (Weekday, Weekday),
    opens: Time,
    closes: Time,
}

/// What is wrong with the settings of the office.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OfficeError {
    /// The time zone is not known.
    #[error("OFFICE_TIME_ZONE: {0}")]
    TimeZone(String),
    /// The hours cannot be read.
    #[error("OFFICE_HOURS: '{0}' is not like 'mon-fri 08:00-18:00', nor 'always'")]
    Hours(String),
    /// Close week cannot be read.
    #[error("CLOSE_WEEK: '{0}' is not like '2,3': days at a month's end, days at its beginning")]
    CloseWeek(String),
}

impl Office {
    /// An office that never closes: whoever is told may be woken.
    #[must_use]
    pub const fn always_open() -> Self {
        Self { time_zone: TimeZone::UTC, hours: None, last_days: 0, first_days: 0 }
    }

    /// The office as it was read. Settings that cannot be read must not keep orders from being looked at: then it never
    /// closes, and the log says why.
    #[must_use]
    pub fn or_always_open(read: Result<Self, OfficeError>) -> Self {
        read.unwrap_or_else(|error| {
            tracing::error!(%error, "the office's hours cannot be read: whoever is told of the books may be woken");
            Self::always_open()
        })
    }

    /// Reads the settings: a time zone's name, `mon-fri 08:00-18:00` or `always`, and `2,3` for the last two and the first
    /// three days of a month.
    ///
    /// # Errors
    /// [`OfficeError`], for what cannot be read.
    pub fn read(time_zone: &str, hours: &str, close_week: &str) -> Result<Self, OfficeError> {
        let found = TimeZone::get(time_zone).map_err(|error| OfficeError::TimeZone(error.to_string()))?;
        let read = || Hours::read(hours).ok_or_else(|| OfficeError::Hours(hours.to_owned()));
        let hours = (hours != "always").then(read).transpose()?;
        let days = close_week.split_once(',').and_then(|(last, first)| Some((day(last)?, day(first)?)));
        let (last_days, first_days) = days.ok_or_else(|| OfficeError::CloseWeek(close_week.to_owned()))?;
        Ok(Self { time_zone: found, hours, last_days, first_days })
    }

    /// Whether nobody of it is to be woken.
    #[must_use]
    pub fn is_closed(&self, at: Timestamp) -> bool {
        let local = at.to_zoned_datetime(self.time_zone.clone());
        self.hours.is_some_and(|hours| !hours.hold(&local)) && !self.is_close_week(&local)
    }

    fn is_close_week(&self, local: &ZonedDateTime) -> bool {
        local.day() <= self.first_days || local.day() > local.days_in_month() - self.last_days
    }
}

fn day(text: &str) -> Option<i8> {
    text.trim().parse().ok().filter(|days| (0..=15).contains(days))
}

impl Hours {
    fn read(text: &str) -> Option<Self> {
        let (days, times) = text.split_once(' ')?;
        let (first, last) = days.split_once('-')?;
        let (opens, closes) = times.split_once('-')?;
        Some(Self { days: (weekday(first)?, weekday(last)?), opens: opens.parse().ok()?, closes: closes.parse().ok()? })
    }

    fn hold(self, local: &ZonedDateTime) -> bool {
        let (first, last) = self.days;
        let since = |day: Weekday| i16::from(first.until(day));
        since(local.weekday()) <= since(last) && (self.opens..self.closes).contains(&local.time())
    }
}

fn weekday(text: &str) -> Option<Weekday> {
    Some(match text {
        "mon" => Weekday::Monday,
        "tue" => Weekday::Tuesday,
        "wed" => Weekday::Wednesday,
        "thu" => Weekday::Thursday,
        "fri" => Weekday::Friday,
        "sat" => Weekday::Saturday,
        "sun" => Weekday::Sunday,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn closed(at: &str) -> bool {
        let office = Office::read("Europe/London", "mon-fri 08:00-18:00", "2,3").unwrap();
        office.is_closed(at.parse().unwrap())
    }

    #[test]
    fn it_is_closed_at_night_and_on_the_weekend_by_its_own_clock() {
        assert!(!closed("2026-11-18T09:00:00Z"), "a Wednesday");
        assert!(closed("2026-11-18T18:00:00Z"));
        assert!(closed("2026-11-18T03:00:00Z"));
        assert!(closed("2026-11-21T11:00:00Z"), "a Saturday");
        assert!(!closed("2026-06-17T07:30:00Z"), "half past eight in London's summer");
    }

    #[test]
    fn in_close_week_it_is_never_closed() {
        for night in ["2026-11-29T03:00:00Z", "2026-11-30T23:30:00Z", "2026-12-01T03:00:00Z", "2026-12-03T23:00:00Z"] {
            assert!(!closed(night), "{night}");
        }
        assert!(closed("2026-11-28T23:30:00Z"));
        assert!(closed("2026-12-04T03:00:00Z"));
        assert!(!closed("2027-02-27T03:00:00Z"), "a short month ends earlier");
    }

    #[test]
    fn a_week_may_go_round_and_an_office_may_never_close() {
        let office = Office::read("UTC", "sun-thu 07:00-15:00", "0,0").unwrap();
        assert!(!office.is_closed("2026-11-22T08:00:00Z".parse().unwrap()), "a Sunday");
        assert!(office.is_closed("2026-11-27T08:00:00Z".parse().unwrap()), "a Friday");
        assert!(!Office::read("UTC", "always", "0,0").unwrap().is_closed("2026-11-28T03:00:00Z".parse().unwrap()));
    }

    #[test]
    fn what_cannot_be_read_is_said() {
        assert!(matches!(Office::read("Nowhere/Else", "always", "2,3"), Err(OfficeError::TimeZone(_))));
        assert!(matches!(Office::read("UTC", "nine to five", "2,3"), Err(OfficeError::Hours(_))));
        assert!(matches!(Office::read("UTC", "always", "2"), Err(OfficeError::CloseWeek(_))));
        assert!(matches!(Office::read("UTC", "always", "40,3"), Err(OfficeError::CloseWeek(_))));
    }

    #[test]
    fn settings_that_cannot_be_read_silence_nobody() {
        let office = Office::or_always_open(Office::read("Nowhere/Else", "mon-fri 08:00-18:00", "2,3"));
        assert!(!office.is_closed("2026-11-18T03:00:00Z".parse().unwrap()));
    }
}
