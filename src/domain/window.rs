//! When a meter's count starts again.

use std::fmt;
use std::ops::RangeInclusive;

use jiff::civil::{Date, DateTime, date};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, ToSpan};
use serde::{Deserialize, Serialize};

use crate::catalog::Reset;
use crate::time::{Seconds, Timestamp};

/// The time between two resets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Window {
    /// The first second of the window before it.
    pub previous: Timestamp,
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
        // The database has a name for not knowing, too.
        let known = TimeZone::get(name).ok().filter(|zone| !zone.is_unknown());
        known.map(Self).ok_or_else(|| NoSuchZone(name.to_owned()))
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
        let date = self.date(now).saturating_sub(SignedDuration::from_hours(i64::from(days) * 24));
        self.midnight(date.max(FIRST_DAY))
    }

    /// The last day that has begun there. That is what the clocks show, but for an hour where they are put back over
    /// midnight: a day that has begun is not taken back, or it would begin, and count from nothing, twice.
    fn date(&self, at: Timestamp) -> Date {
        let shown = self.0.to_datetime(moment(at)).date();
        match shown.tomorrow() {
            Ok(tomorrow) if self.midnight(tomorrow) <= at => tomorrow,
            _ => shown,
        }
    }

    /// The first second of a day, which is not midnight where the clocks are put forward then.
    fn midnight(&self, date: Date) -> Timestamp {
        let start = self.0.to_timestamp(DateTime::from(date));
        start.map_or(Timestamp(i64::MAX), |start| Timestamp(start.as_second()))
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
            (Reset::Never, _) => Self { previous: Timestamp(0), start: Timestamp(0), end: None },
            (Reset::Day, _) => Self::of_days(zone, now, |day| day, |day| day.tomorrow().unwrap_or(day)),
            (Reset::BillingPeriod, Some(paid)) if paid.start < paid.end => Self::paid(paid, now),
            (Reset::Month | Reset::BillingPeriod, _) => {
                Self::of_days(zone, now, Date::first_of_month, |first| first.saturating_add(1.month()))
            }
        }
    }

    /// From the first of some days to the first of the next.
    fn of_days(zone: &Zone, now: Timestamp, first: impl Fn(Date) -> Date, next: impl Fn(Date) -> Date) -> Self {
        let first_day = first(zone.date(now));
        let start = zone.midnight(first_day);
        let just_before = start + Seconds(-1);
        let previous = zone.midnight(first(zone.date(just_before)));
        Self { previous, start, end: Some(zone.midnight(next(first_day))) }
    }

    /// The paid period, or one of those after it where the news of the renewal has not come: what was used up must not
    /// stay used up for want of an event. Before the paid period, which is so only where Stripe's clock is ahead of
    /// ours, it is the paid period, too.
    fn paid(paid: PaidPeriod, now: Timestamp) -> Self {
        let renewals = Renewals::of(paid);
        let over = renewals.over(now).max(0);
        Self { previous: renewals.start(over - 1), start: renewals.start(over), end: Some(renewals.start(over + 1)) }
    }
}

/// How a paid period goes on.
#[derive(Clone, Copy, Debug)]
enum Renewals {
    /// By the calendar, as Stripe renews: on the same day of the month, or on the last of a month that is too short.
    Months {
        /// The month it began in, counted from the year 0.
        first: i64,
        /// How many months it lasts.
        each: i64,
        /// The day of the month.
        day: i8,
        /// The seconds of the day.
        seconds: i64,
    },
    /// A trial, for example: by its length.
    Length {
        /// When it began.
        start: i64,
        /// How long it lasts.
        seconds: i64,
    },
}

impl Renewals {
    fn of(paid: PaidPeriod) -> Self {
        let (start, end) = (utc_date(paid.start), utc_date(paid.end));
        let months = Self::Months {
            first: month(start),
            each: month(end) - month(start),
            // One of two months that follow each other has 31 days: what the shorter one hides, the other one shows.
            day: start.day().max(end.day()),
            seconds: paid.start.0.rem_euclid(DAY),
        };
        if month(start) < month(end) && (months.start(0), months.start(1)) == (paid.start, paid.end) {
            return months;
        }
        Self::Length { start: paid.start.0, seconds: paid.end.0.saturating_sub(paid.start.0) }
    }

    /// When the period begins that comes so many after the paid one.
    fn start(self, number: i64) -> Timestamp {
        match self {
            Self::Months { first, each, day, seconds } => {
                let month = first.saturating_add(each.saturating_mul(number));
                midnight_utc(month, day) + Seconds(seconds)
            }
            Self::Length { start, seconds } => Timestamp(start.saturating_add(seconds.saturating_mul(number))),
        }
    }

    /// How many periods were over at a moment.
    fn over(self, now: Timestamp) -> i64 {
        match self {
            Self::Months { first, each, .. } => {
                let number = (month(utc_date(now)) - first).div_euclid(each);
                if self.start(number) > now { number - 1 } else { number }
            }
            Self::Length { start, seconds } => now.0.saturating_sub(start).div_euclid(seconds),
        }
    }
}

fn month(date: Date) -> i64 {
    i64::from(date.year()) * 12 + i64::from(date.month()) - 1
}

/// The day of a month, or its last where it has fewer.
fn midnight_utc(month: i64, day: i8) -> Timestamp {
    let year = i16::try_from(month.div_euclid(12)).unwrap_or(i16::MAX);
    let first = Date::new(year, i8::try_from(month.rem_euclid(12) + 1).unwrap_or(1), 1).unwrap_or(Date::MAX);
    let day = first.with().day(day.min(first.days_in_month())).build().unwrap_or(first);
    Zone::default().midnight(day)
}

fn utc_date(at: Timestamp) -> Date {
    TimeZone::UTC.to_datetime(moment(at)).date()
}

/// A day in seconds.
const DAY: i64 = Seconds::days(1).0;

/// The first day that is reckoned with: every day has one before it.
const FIRST_DAY: Date = date(1, 1, 2);

/// The moments that are reckoned with, from that day to the end of the year 9998: every day has a month after it.
const MOMENTS: RangeInclusive<i64> = -62_135_510_400..=253_370_764_799;

fn moment(at: Timestamp) -> jiff::Timestamp {
    jiff::Timestamp::from_second(at.0.clamp(*MOMENTS.start(), *MOMENTS.end())).unwrap_or_default()
}
