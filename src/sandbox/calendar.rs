//! Time as billing sees it: seconds since 1970, and calendar steps from a fixed anchor.
//!
//! Periods are always counted from the billing cycle anchor, never from the previous period, so an
//! anchor on the 31st bills on the last day of short months and on the 31st again afterwards.

use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};

/// The wall clock in seconds.
pub(crate) fn wall() -> i64 {
    Timestamp::now().as_second()
}

/// `anchor` plus `count` times `interval` (`day`, `week`, `month`, `year`), clamped to the end of
/// the month. An unknown interval or an overflow leaves the anchor where it is.
pub(crate) fn step(anchor: i64, interval: &str, count: i64) -> i64 {
    shifted(anchor, interval, count).unwrap_or(anchor)
}

fn shifted(anchor: i64, interval: &str, count: i64) -> Option<i64> {
    let span = match interval {
        "day" => Span::new().try_days(count),
        "week" => Span::new().try_weeks(count),
        "month" => Span::new().try_months(count),
        "year" => Span::new().try_years(count),
        _ => return None,
    }
    .ok()?;
    let start = TimeZone::UTC.to_datetime(Timestamp::from_second(anchor).ok()?);
    let end = start.checked_add(span).ok()?;
    Some(TimeZone::UTC.to_timestamp(end).ok()?.as_second())
}

/// The billing period that contains `at`, as start and end, counted from `anchor`.
pub(crate) fn period(anchor: i64, interval: &str, every: i64, at: i64) -> (i64, i64) {
    let every = every.max(1);
    let mut index = 0;
    // Every interval has at least a day: the estimate is never past the answer.
    let shortest = match interval {
        "year" => 365,
        "month" => 28,
        "week" => 7,
        _ => 1,
    };
    let longest = shortest + 4;
    let days = at.saturating_sub(anchor) / 86_400;
    if days > 0 {
        index = days / (longest * every);
    }
    while at < step(anchor, interval, index * every) {
        index -= 1;
    }
    loop {
        let end = step(anchor, interval, (index + 1) * every);
        let start = step(anchor, interval, index * every);
        if at < end || end <= start {
            return (start, end);
        }
        index += 1;
    }
}

/// `Nov 21, 2026`, in UTC.
pub(crate) fn date(seconds: i64) -> String {
    formatted(seconds, "%b %-d, %Y")
}

/// `Nov 21, 2026, 14:03:09 UTC`.
pub(crate) fn moment(seconds: i64) -> String {
    formatted(seconds, "%b %-d, %Y, %H:%M:%S UTC")
}

/// The year and month of a moment, for judging a card's expiry.
pub(crate) fn year_month(seconds: i64) -> (i64, i64) {
    Timestamp::from_second(seconds).map_or((1970, 1), |moment| {
        let at = TimeZone::UTC.to_datetime(moment);
        (i64::from(at.year()), i64::from(at.month()))
    })
}

fn formatted(seconds: i64, pattern: &str) -> String {
    Timestamp::from_second(seconds).map_or_else(|_| seconds.to_string(), |moment| moment.strftime(pattern).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> i64 {
        text.parse::<Timestamp>().expect("a timestamp").as_second()
    }

    #[test]
    fn the_31st_clamps_to_short_months_and_comes_back() {
        let anchor = at("2027-01-31T10:00:00Z");
        assert_eq!(step(anchor, "month", 1), at("2027-02-28T10:00:00Z"));
        assert_eq!(step(anchor, "month", 2), at("2027-03-31T10:00:00Z"));
        assert_eq!(step(at("2028-02-29T00:00:00Z"), "year", 1), at("2029-02-28T00:00:00Z"));
    }

    #[test]
    fn a_period_contains_its_start_and_not_its_end() {
        let anchor = at("2027-01-31T10:00:00Z");
        let february = at("2027-02-28T10:00:00Z");
        let march = at("2027-03-31T10:00:00Z");
        assert_eq!(period(anchor, "month", 1, anchor), (anchor, february));
        assert_eq!(period(anchor, "month", 1, february - 1), (anchor, february));
        assert_eq!(period(anchor, "month", 1, february), (february, march));
    }

    #[test]
    fn a_period_long_after_the_anchor_is_found() {
        let anchor = at("2020-02-29T00:00:00Z");
        let (start, end) = period(anchor, "year", 1, at("2031-07-01T00:00:00Z"));
        assert_eq!(start, at("2031-02-28T00:00:00Z"));
        assert_eq!(end, at("2032-02-29T00:00:00Z"));
        let (start, end) = period(anchor, "month", 3, at("2031-07-01T00:00:00Z"));
        assert!(start <= at("2031-07-01T00:00:00Z") && at("2031-07-01T00:00:00Z") < end);
    }

    #[test]
    fn a_moment_before_the_anchor_has_a_period_too() {
        let anchor = at("2027-01-15T00:00:00Z");
        let (start, end) = period(anchor, "month", 1, at("2027-01-01T00:00:00Z"));
        assert_eq!((start, end), (at("2026-12-15T00:00:00Z"), anchor));
    }
}
