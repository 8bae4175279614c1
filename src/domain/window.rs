//! When a meter's count starts again.

use std::fmt;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{ToSpan, Zoned};
use serde::{Deserialize, Serialize};

use crate::catalog::Reset;
use crate::time::Timestamp;

/// The time between two resets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Window {
    /// Its first second.
    pub start: Timestamp,
    /// The first second after it; `None` for a meter that is never reset.
    pub end: Option<Timestamp>,
}

/// A time zone by its name in the tz database; days and months begin there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Zone(TimeZone);

/// There is no such time zone.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no time zone `{0}`: write a name such as `Europe/Berlin` or `America/New_York`")]
pub struct NoSuchZone(String);

impl Zone {
    /// Reads a name such as `Europe/Berlin`.
    pub fn parse(name: &str) -> Result<Self, NoSuchZone> {
        TimeZone::get(name).map(Self).map_err(|_| NoSuchZone(name.to_owned()))
    }

    /// Its name.
    pub fn name(&self) -> &str {
        self.0.iana_name().unwrap_or("UTC")
    }

    /// The day there at a moment, as `2026-11-21`.
    pub fn day(&self, at: Timestamp) -> String {
        self.date(at).to_string()
    }

    /// The first second of the day that so many days before `now`'s day there.
    pub fn days_ago(&self, days: u32, now: Timestamp) -> Timestamp {
        let date = self.date(now);
        self.midnight(date.checked_sub(i64::from(days).days()).unwrap_or(Date::MIN))
    }

    fn date(&self, at: Timestamp) -> Date {
        moment(at).to_zoned(self.0.clone()).date()
    }

    /// The first second of a day, which is not midnight where the clocks are put forward then.
    fn midnight(&self, date: Date) -> Timestamp {
        let start: Option<Zoned> = date.to_zoned(self.0.clone()).ok();
        start.map_or(Timestamp(i64::MAX), |start| Timestamp(start.timestamp().as_second()))
    }
}

impl Default for Zone {
    fn default() -> Self {
        Self(TimeZone::UTC)
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl TryFrom<String> for Zone {
    type Error = NoSuchZone;

    fn try_from(name: String) -> Result<Self, NoSuchZone> {
        Self::parse(&name)
    }
}

impl From<Zone> for String {
    fn from(zone: Zone) -> Self {
        zone.name().to_owned()
    }
}

/// The paid period of a subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PaidPeriod {
    /// Its first second.
    pub start: Timestamp,
    /// The first second after it.
    pub end: Timestamp,
}

impl Window {
    /// The window of a meter at a moment.
    pub fn at(reset: Reset, zone: &Zone, paid: Option<PaidPeriod>, now: Timestamp) -> Self {
        match (reset, paid) {
            (Reset::Never, _) => Self { start: Timestamp(0), end: None },
            (Reset::Day, _) => {
                let today = zone.date(now);
                Self { start: zone.midnight(today), end: Some(zone.midnight(today.tomorrow().unwrap_or(Date::MAX))) }
            }
            (Reset::BillingPeriod, Some(paid)) if paid.start < paid.end => Self::paid(paid, now),
            (Reset::Month | Reset::BillingPeriod, _) => {
                let first = zone.date(now).first_of_month();
                let next = first.checked_add(1.month()).unwrap_or(Date::MAX);
                Self { start: zone.midnight(first), end: Some(zone.midnight(next)) }
            }
        }
    }

    /// The paid period, or one of the same length after it where the news of the renewal has not come: what was used
    /// up must not stay used up for want of an event.
    fn paid(paid: PaidPeriod, now: Timestamp) -> Self {
        let length = paid.end.0 - paid.start.0;
        let over = (now.0 - paid.start.0).max(0) / length;
        let start = Timestamp(paid.start.0 + over * length);
        Self { start, end: Some(Timestamp(start.0 + length)) }
    }
}

fn moment(at: Timestamp) -> jiff::Timestamp {
    let within = at.0.clamp(jiff::Timestamp::MIN.as_second(), jiff::Timestamp::MAX.as_second());
    jiff::Timestamp::from_second(within).unwrap_or_default()
}
