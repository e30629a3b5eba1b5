//! When a location hands parcels over.

use std::collections::BTreeSet;

use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use serde::{Deserialize, Serialize};

/// A location that works on no day of so many is taken for one that never works.
const HORIZON_DAYS: usize = 60;

/// The days on which a location works, and until when an order leaves the same day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calendar {
    /// IANA time zone of the location.
    #[serde(deserialize_with = "known_zone")]
    pub time_zone: String,
    /// What is allocated until then leaves the same day, by the location's clock.
    pub cut_off: Time,
    /// Days of the week on which nobody works there.
    #[serde(default)]
    pub closed: BTreeSet<Day>,
    /// Other days on which nobody works there.
    #[serde(default)]
    pub holidays: BTreeSet<Date>,
}

/// A day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the days have their names")]
pub enum Day {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}

impl Day {
    fn of(date: Date) -> Self {
        use jiff::civil::Weekday;
        match date.weekday() {
            Weekday::Monday => Self::Monday,
            Weekday::Tuesday => Self::Tuesday,
            Weekday::Wednesday => Self::Wednesday,
            Weekday::Thursday => Self::Thursday,
            Weekday::Friday => Self::Friday,
            Weekday::Saturday => Self::Saturday,
            Weekday::Sunday => Self::Sunday,
        }
    }
}

/// A zone that nobody knows would make every order wait for ever: the settings are refused instead.
fn known_zone<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let name = String::deserialize(deserializer)?;
    TimeZone::get(&name).map_err(serde::de::Error::custom)?;
    Ok(name)
}

impl Calendar {
    /// The next moment until when something has to be handed over to leave on a working day; `None` where nobody works
    /// within the next two months.
    #[must_use]
    pub fn ship_by(&self, now: Timestamp) -> Option<Timestamp> {
        let zone = TimeZone::get(&self.time_zone).ok()?;
        let today = zone.to_datetime(now).date();
        let days = std::iter::successors(Some(today), |day| day.checked_add(1.day()).ok());
        let cut_offs = days.take(HORIZON_DAYS).filter(|day| self.works_on(*day)).filter_map(|day| {
            // Where clocks are put forward over it, the moment after.
            zone.to_timestamp(day.to_datetime(self.cut_off)).ok()
        });
        cut_offs.into_iter().find(|cut_off| *cut_off >= now)
    }

    fn works_on(&self, day: Date) -> bool {
        !self.closed.contains(&Day::of(day)) && !self.holidays.contains(&day)
    }
}
