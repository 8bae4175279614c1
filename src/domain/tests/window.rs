//! Windows: where they begin and end, in every zone and whatever the clocks do.

use jiff::ToSpan;
use jiff::civil::date;
use jiff::tz::TimeZone;
use proptest::prelude::*;

use super::DAY;
use crate::catalog::Reset;
use crate::time::Timestamp;
use crate::window::{PaidPeriod, Window, Zone};

/// From the earliest clocks to the latest, and what they have been through.
const ZONES: [&str; 20] = [
    "UTC",
    "Pacific/Kiritimati",  // +14, which once left out a day
    "Pacific/Apia",        // which left one out in 2011
    "Pacific/Pago_Pago",   // -11
    "Europe/Berlin",       // an hour, at night
    "America/New_York",    // an hour, at night
    "America/Sao_Paulo",   // at midnight, until 2019
    "Asia/Beirut",         // at midnight
    "America/Havana",      // at midnight forward, at one back to midnight
    "America/St_Johns",    // until 2011 at a minute past midnight: back over it
    "America/Moncton",     // until 2006 likewise
    "America/Goose_Bay",   // until 2011 likewise
    "Atlantic/Azores",     // at midnight
    "America/Nuuk",        // back over midnight
    "Asia/Tehran",         // at midnight, until 2022
    "Australia/Lord_Howe", // half an hour
    "Asia/Kathmandu",      // +5:45
    "Africa/Casablanca",   // back for Ramadan
    "Asia/Pyongyang",      // half an hour at 23:30
    "Antarctica/Troll",    // two hours
];

fn at(moment: &str) -> Timestamp {
    Timestamp(moment.parse::<jiff::Timestamp>().unwrap_or_else(|error| panic!("{moment}: {error}")).as_second())
}

fn zone(name: &str) -> Zone {
    Zone::parse(name).unwrap()
}

fn written(at: Timestamp) -> String {
    jiff::Timestamp::from_second(at.0).unwrap().to_string()
}

/// Where the clocks were, when, and when the window that holds that moment begins and ends.
type Row = (&'static str, &'static str, &'static str, &'static str);

fn assert_windows(reset: Reset, rows: &[Row]) {
    for (name, now, start, end) in rows {
        let window = Window::at(reset, &zone(name), None, at(now));
        let found = (written(window.start), window.end.map(written));
        assert_eq!(found, ((*start).to_owned(), Some((*end).to_owned())), "{name} at {now}");
    }
}

#[test]
fn a_day_begins_where_the_organization_is() {
    assert_windows(
        Reset::Day,
        &[
            ("UTC", "2026-11-21T00:00:00Z", "2026-11-21T00:00:00Z", "2026-11-22T00:00:00Z"),
            ("UTC", "2026-11-21T23:59:59Z", "2026-11-21T00:00:00Z", "2026-11-22T00:00:00Z"),
            ("UTC", "2028-02-29T12:00:00Z", "2028-02-29T00:00:00Z", "2028-03-01T00:00:00Z"),
            ("Pacific/Kiritimati", "2026-11-21T09:59:59Z", "2026-11-20T10:00:00Z", "2026-11-21T10:00:00Z"),
            ("Pacific/Kiritimati", "2026-11-21T10:00:00Z", "2026-11-21T10:00:00Z", "2026-11-22T10:00:00Z"),
            ("Pacific/Pago_Pago", "2026-11-21T10:59:59Z", "2026-11-20T11:00:00Z", "2026-11-21T11:00:00Z"),
            ("Pacific/Pago_Pago", "2026-11-21T11:00:00Z", "2026-11-21T11:00:00Z", "2026-11-22T11:00:00Z"),
            ("Asia/Kathmandu", "2026-11-20T18:15:00Z", "2026-11-20T18:15:00Z", "2026-11-21T18:15:00Z"),
        ],
    );
}

#[test]
fn a_day_is_as_long_as_the_clocks_make_it() {
    assert_windows(
        Reset::Day,
        &[
            // 23 hours and 25.
            ("Europe/Berlin", "2026-03-29T12:00:00Z", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z"),
            ("Europe/Berlin", "2026-10-25T12:00:00Z", "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z"),
            // 23 and a half, 24 and a half.
            ("Australia/Lord_Howe", "2026-10-03T16:00:00Z", "2026-10-03T13:30:00Z", "2026-10-04T13:00:00Z"),
            ("Australia/Lord_Howe", "2026-04-04T15:00:00Z", "2026-04-04T13:00:00Z", "2026-04-05T13:30:00Z"),
            // Without a midnight: the day begins at one.
            ("America/Sao_Paulo", "2018-11-04T03:00:00Z", "2018-11-04T03:00:00Z", "2018-11-05T02:00:00Z"),
            ("America/Sao_Paulo", "2018-11-04T02:59:59Z", "2018-11-03T03:00:00Z", "2018-11-04T03:00:00Z"),
            ("Asia/Beirut", "2026-03-28T22:00:00Z", "2026-03-28T22:00:00Z", "2026-03-29T21:00:00Z"),
            ("Asia/Beirut", "2026-03-28T21:59:59Z", "2026-03-27T22:00:00Z", "2026-03-28T22:00:00Z"),
            // Back from midnight: the last hour comes twice.
            ("Asia/Beirut", "2026-10-24T21:30:00Z", "2026-10-23T21:00:00Z", "2026-10-24T22:00:00Z"),
            // With two midnights: the first one counts.
            ("America/Havana", "2026-11-01T05:30:00Z", "2026-11-01T04:00:00Z", "2026-11-02T05:00:00Z"),
            // A day that was left out.
            ("Pacific/Apia", "2011-12-30T09:59:59Z", "2011-12-29T10:00:00Z", "2011-12-30T10:00:00Z"),
            ("Pacific/Apia", "2011-12-30T10:00:00Z", "2011-12-30T10:00:00Z", "2011-12-31T10:00:00Z"),
        ],
    );
}

#[test]
fn a_day_that_has_begun_is_not_taken_back() {
    // A minute into the day the clocks were put back to 23:01: what was used up did not come back at midnight twice.
    let day = ("2010-11-07T02:30:00Z", "2010-11-08T03:30:00Z");
    let rows = ["2010-11-07T02:30:00Z", "2010-11-07T02:31:00Z", "2010-11-07T03:29:59Z", "2010-11-07T03:30:00Z"];
    assert_windows(Reset::Day, &rows.map(|now| ("America/St_Johns", now, day.0, day.1)));
    for now in rows {
        assert_eq!(zone("America/St_Johns").day(at(now)), "2010-11-07", "{now}");
    }
    let month = ("2009-11-01T02:30:00Z", "2009-12-01T03:30:00Z");
    let rows = ["2009-11-01T02:30:00Z", "2009-11-01T03:00:00Z", "2009-11-01T03:30:00Z"];
    assert_windows(Reset::Month, &rows.map(|now| ("America/St_Johns", now, month.0, month.1)));
}

#[test]
fn a_month_begins_on_its_first_where_the_organization_is() {
    let rows = [
        ("UTC", "2026-01-31T23:59:59Z", "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z"),
        ("UTC", "2026-02-28T12:00:00Z", "2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z"),
        ("UTC", "2028-02-29T23:59:59Z", "2028-02-01T00:00:00Z", "2028-03-01T00:00:00Z"),
        ("UTC", "2026-12-31T23:59:59Z", "2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z"),
        ("UTC", "2100-02-28T23:59:59Z", "2100-02-01T00:00:00Z", "2100-03-01T00:00:00Z"),
        ("Pacific/Kiritimati", "2026-10-31T10:00:00Z", "2026-10-31T10:00:00Z", "2026-11-30T10:00:00Z"),
        ("Pacific/Pago_Pago", "2026-11-01T10:59:59Z", "2026-10-01T11:00:00Z", "2026-11-01T11:00:00Z"),
        ("Europe/Berlin", "2026-03-15T12:00:00Z", "2026-02-28T23:00:00Z", "2026-03-31T22:00:00Z"),
        ("Europe/Berlin", "2026-10-31T23:00:00Z", "2026-10-31T23:00:00Z", "2026-11-30T23:00:00Z"),
    ];
    assert_windows(Reset::Month, &rows);
    // Without a subscription there is nothing else to go by.
    assert_windows(Reset::BillingPeriod, &rows);
}

#[test]
fn what_exists_is_counted_for_good() {
    let paid = Some(PaidPeriod { start: at("2026-11-21T09:00:00Z"), end: at("2026-12-21T09:00:00Z") });
    for now in ["1990-01-01T00:00:00Z", "2026-11-21T12:00:00Z", "2100-01-01T00:00:00Z"] {
        for paid in [None, paid] {
            let window = Window::at(Reset::Never, &zone("Europe/Berlin"), paid, at(now));
            assert_eq!(window, Window { previous: Timestamp(0), start: Timestamp(0), end: None }, "{now}");
        }
    }
}

/// The beginnings of the windows of a paid period and of those after it.
fn renewals(start: &str, end: &str, number: usize) -> Vec<String> {
    let paid = PaidPeriod { start: at(start), end: at(end) };
    let of = |now| Window::at(Reset::BillingPeriod, &zone("Asia/Beirut"), Some(paid), now);
    let windows = std::iter::successors(Some(of(paid.start)), |window| Some(of(window.end?)));
    windows.take(number).map(|window| written(window.start)).collect()
}

#[test]
fn a_billing_period_goes_on_until_its_renewal_is_known() {
    let rows: [(&str, &[&str]); 8] = [
        ("a month", &["2026-11-21T09:00:00Z", "2026-12-21T09:00:00Z", "2027-01-21T09:00:00Z", "2027-02-21T09:00:00Z"]),
        (
            "from a month's last day",
            &[
                "2026-01-31T09:00:00Z",
                "2026-02-28T09:00:00Z",
                "2026-03-31T09:00:00Z",
                "2026-04-30T09:00:00Z",
                "2026-05-31T09:00:00Z",
            ],
        ),
        ("to one", &["2026-02-28T09:00:00Z", "2026-03-31T09:00:00Z", "2026-04-30T09:00:00Z"]),
        (
            "from the 30th",
            &["2027-12-30T00:00:00Z", "2028-01-30T00:00:00Z", "2028-02-29T00:00:00Z", "2028-03-30T00:00:00Z"],
        ),
        ("from the 28th", &["2026-02-28T09:00:00Z", "2026-03-28T09:00:00Z", "2026-04-28T09:00:00Z"]),
        ("a year", &["2026-11-21T09:00:00Z", "2027-11-21T09:00:00Z", "2028-11-21T09:00:00Z"]),
        ("from a leap day", &["2028-02-29T09:00:00Z", "2029-02-28T09:00:00Z", "2030-02-28T09:00:00Z"]),
        ("a trial", &["2026-11-21T09:00:00Z", "2026-11-28T09:00:00Z", "2026-12-05T09:00:00Z", "2026-12-12T09:00:00Z"]),
    ];
    for (what, starts) in rows {
        assert_eq!(renewals(starts[0], starts[1], starts.len()), starts, "{what}");
    }
    let four_years = renewals("2028-02-29T09:00:00Z", "2029-02-28T09:00:00Z", 5);
    assert_eq!(four_years.last().map(String::as_str), Some("2032-02-29T09:00:00Z"));
}

#[test]
fn a_billing_period_that_has_not_begun_by_our_clock_has_begun() {
    let paid = PaidPeriod { start: at("2026-11-21T09:00:00Z"), end: at("2026-12-21T09:00:00Z") };
    let of = |now| Window::at(Reset::BillingPeriod, &Zone::default(), Some(paid), now);
    assert_eq!(of(at("2026-11-21T08:59:55Z")), of(paid.start));
    assert_eq!(of(paid.start), Window { previous: at("2026-10-21T09:00:00Z"), start: paid.start, end: Some(paid.end) });
}

#[test]
fn a_billing_period_without_length_is_none() {
    let start = at("2026-11-21T09:00:00Z");
    for end in [start, Timestamp(start.0 - 1)] {
        let of = |paid| Window::at(Reset::BillingPeriod, &zone("Asia/Beirut"), paid, start);
        assert_eq!(of(Some(PaidPeriod { start, end })), of(None));
    }
}

#[test]
fn a_zone_has_a_name_that_the_database_knows() {
    assert_eq!(zone("Europe/Berlin").name(), "Europe/Berlin");
    assert_eq!(zone("europe/berlin").to_string(), "Europe/Berlin");
    assert_eq!(Zone::default().name(), "UTC");
    for wrong in ["", "Europe/Atlantis", "Berlin", "+02:00", "Etc/Unknown", "Europe/Berlin\n", "../etc/passwd"] {
        let refused = Zone::parse(wrong).unwrap_err().to_string();
        assert_eq!(
            refused,
            format!("there is no time zone `{wrong}`: write a name such as `Europe/Berlin` or `America/New_York`")
        );
    }
    let json = serde_json::to_string(&zone("Asia/Kathmandu")).unwrap();
    assert_eq!(json, "\"Asia/Kathmandu\"");
    assert_eq!(serde_json::from_str::<Zone>(&json).unwrap(), zone("Asia/Kathmandu"));
    assert!(serde_json::from_str::<Zone>("\"Nowhere\"").unwrap_err().to_string().contains("there is no time zone"));
    for name in ZONES {
        assert_eq!(zone(name).name(), name);
    }
}

#[test]
fn days_are_counted_back_where_the_organization_is() {
    let (berlin, now) = (zone("Europe/Berlin"), at("2026-03-31T22:30:00Z"));
    assert_eq!(berlin.day(now), "2026-04-01");
    let rows = [
        (0, "2026-03-31T22:00:00Z"),
        (1, "2026-03-30T22:00:00Z"),
        (3, "2026-03-28T23:00:00Z"),
        (32, "2026-02-27T23:00:00Z"),
        (365, "2025-03-31T22:00:00Z"),
    ];
    for (days, first) in rows {
        assert_eq!(written(berlin.days_ago(days, now)), first, "{days}");
    }
    assert!(berlin.days_ago(u32::MAX, now) < at("0002-01-01T00:00:00Z"), "before everything, not after it");
}

/// A zone, and a moment: any, or one near a change of its clocks.
fn somewhere() -> impl Strategy<Value = (&'static str, Timestamp)> {
    let years = at("1990-01-01T00:00:00Z").0..at("2100-01-01T00:00:00Z").0;
    (prop::sample::select(ZONES.to_vec()), years, any::<bool>(), -2 * DAY..2 * DAY).prop_map(
        |(name, moment, near, off)| {
            let clocks = TimeZone::get(name).unwrap();
            let from = jiff::Timestamp::from_second(moment).unwrap();
            let change = clocks.following(from).next().filter(|_| near).map(|change| change.timestamp().as_second());
            (name, Timestamp(change.map_or(moment, |change| change + off)))
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    /// Windows follow each other without a gap and without a moment in two of them.
    #[test]
    fn windows_tile_time((name, now) in somewhere(), reset in prop::sample::select(vec![Reset::Day, Reset::Month])) {
        let zone = zone(name);
        let of = |now| Window::at(reset, &zone, None, now);
        let window = of(now);
        let end = window.end.unwrap();
        prop_assert!(window.start <= now && now < end, "{:?} at {:?}", window, now);
        prop_assert_eq!(of(end).start, end);
        prop_assert_eq!(of(end).previous, window.start);
        prop_assert_eq!(of(Timestamp(window.start.0 - 1)).start, window.previous);
        let hours = if reset == Reset::Day { 22..=26 } else { 27 * 24..=31 * 24 + 2 };
        prop_assert!(hours.contains(&((end.0 - window.start.0) / 3_600)), "{:?}", window);
    }

    /// Every moment inside has the same window.
    #[test]
    fn a_window_is_the_same_throughout(
        (name, now) in somewhere(),
        reset in prop::sample::select(vec![Reset::Day, Reset::Month]),
        part in 0..1_000_i64,
    ) {
        let zone = zone(name);
        let of = |now| Window::at(reset, &zone, None, now);
        let window = of(now);
        let length = window.end.unwrap().0 - window.start.0;
        for inside in [window.start.0, window.start.0 + length * part / 1_000, window.start.0 + length - 1] {
            prop_assert_eq!(of(Timestamp(inside)), window);
            if reset == Reset::Day {
                prop_assert_eq!(zone.day(Timestamp(inside)), zone.day(now));
            }
        }
    }

    /// However late the news of a renewal comes: the windows until then are the ones that it tells of.
    #[test]
    fn a_billing_period_goes_on_as_stripe_renews_it(
        (first, day) in (0..100_i32, 0..31_i32),
        (time, paid) in (0..DAY, 0..40_i32),
        (later, part) in (0..40_i32, 0..1_000_i64),
    ) {
        // Stripe counts every renewal from the first day.
        let anchor = date(2020, 1, 1).saturating_add((first * 12).months()).saturating_add(day.days());
        let renewal = |number: i32| {
            let day = anchor.saturating_add(number.months()).to_zoned(TimeZone::UTC).unwrap();
            Timestamp(day.timestamp().as_second() + time)
        };
        let period = PaidPeriod { start: renewal(paid), end: renewal(paid + 1) };
        let (start, end) = (renewal(paid + later), renewal(paid + later + 1));
        let inside = Timestamp(start.0 + (end.0 - start.0) * part / 1_000);
        let of = |now| Window::at(Reset::BillingPeriod, &Zone::default(), Some(period), now);
        let previous = renewal(paid + later - 1);
        prop_assert_eq!(of(inside), Window { previous, start, end: Some(end) });
        prop_assert_eq!(of(Timestamp(end.0 - 1)), of(start));
    }

    /// After a period of any length come others of that length, without a gap.
    #[test]
    fn billing_periods_tile_time(start in 0..4_000_000_000_i64, length in 1..40_000_000_i64, later in 0..400_000_000_i64) {
        let period = PaidPeriod { start: Timestamp(start), end: Timestamp(start + length) };
        let of = |now| Window::at(Reset::BillingPeriod, &Zone::default(), Some(period), now);
        let now = Timestamp(start + later);
        let window = of(now);
        let end = window.end.unwrap();
        prop_assert!(window.start <= now && now < end);
        prop_assert_eq!(of(end).start, end);
        prop_assert_eq!(of(end).previous, window.start);
        prop_assert_eq!(of(period.start), Window { previous: of(period.start).previous, start: period.start, end: Some(period.end) });
    }

    /// No moment is too far away, and no period too absurd.
    #[test]
    fn windows_never_panic(name in prop::sample::select(ZONES.to_vec()), numbers in any::<[i64; 3]>(), days in any::<u32>()) {
        let paid = PaidPeriod { start: Timestamp(numbers[1]), end: Timestamp(numbers[2]) };
        let zone = zone(name);
        for reset in [Reset::Day, Reset::Month, Reset::BillingPeriod, Reset::Never] {
            for paid in [None, Some(paid)] {
                let window = Window::at(reset, &zone, paid, Timestamp(numbers[0]));
                prop_assert!(window.end.is_none_or(|end| window.start <= end));
            }
        }
        prop_assert!(!zone.day(Timestamp(numbers[0])).is_empty());
        zone.days_ago(days, Timestamp(numbers[0]));
    }
}
