//! Names, periods, limits, seats, savings and meters.

use super::{catalog, plan_id};
use crate::catalog::{Catalog, Meter, Reset};
use crate::organization::Kind;
use crate::plan::{Audience, FeatureId, Limit, MeterId, Period, PlanId, Seats, SeatsRefused};
use crate::time::{Seconds, Timestamp};

#[test]
fn a_name_is_a_slug() {
    let longest = "a".repeat(64);
    for right in ["a", "free", "ai-credits", "billing_v2", "a1", longest.as_str()] {
        assert_eq!(PlanId::parse(right).unwrap().as_str(), right);
    }
    let too_long = "a".repeat(65);
    for wrong in ["", "1a", "-a", "Free", "a b", "a/b", "a~b", "é", too_long.as_str()] {
        let refused = FeatureId::parse(wrong).unwrap_err().to_string();
        assert!(refused.contains("lower-case letter"), "{refused}");
    }
}

#[test]
fn a_period_has_two_words_for_a_year() {
    for period in Period::ALL {
        assert_eq!(Period::parse(period.as_str()), Some(period));
    }
    assert_eq!(Period::parse("annual"), Some(Period::Yearly));
    for wrong in ["", "Monthly", "month", "year", "weekly"] {
        assert_eq!(Period::parse(wrong), None, "{wrong}");
    }
    assert_eq!([Period::Monthly.unit(), Period::Yearly.unit()], ["month", "year"]);
}

#[test]
fn unlimited_is_more_than_every_number() {
    let order = [Limit::AtMost(0), Limit::AtMost(1), Limit::AtMost(u64::MAX), Limit::UNLIMITED];
    for (place, limit) in order.into_iter().enumerate() {
        for (other_place, other) in order.into_iter().enumerate() {
            assert_eq!(limit.covers(other), place >= other_place, "{limit:?} against {other:?}");
        }
    }
}

#[test]
fn a_limit_is_a_number_or_the_word() {
    let read = serde_json::from_str::<Limit>;
    assert_eq!(read("3").unwrap(), Limit::AtMost(3));
    assert_eq!(read("\"unlimited\"").unwrap(), Limit::UNLIMITED);
    for wrong in ["-1", "1.5", "\"3\"", "\"Unlimited\"", "null", "true"] {
        let refused = read(wrong).unwrap_err().to_string();
        assert!(refused.contains("a whole number such as 3, or the word \"unlimited\""), "{wrong}: {refused}");
    }
    assert_eq!(serde_json::to_string(&[Limit::AtMost(3), Limit::UNLIMITED]).unwrap(), "[3,\"unlimited\"]");
}

#[test]
fn seats_have_both_ends_in_them() {
    let starter = Seats { min: 5, max: Some(20) };
    assert_eq!(starter.check(4), Err(SeatsRefused::TooFew(5)));
    assert_eq!(starter.check(5), Ok(5));
    assert_eq!(starter.check(20), Ok(20));
    assert_eq!(starter.check(21), Err(SeatsRefused::TooMany(20)));
    let open = Seats { min: 100, max: None };
    assert_eq!(open.check(99), Err(SeatsRefused::TooFew(100)));
    assert_eq!(open.check(u32::MAX), Ok(u32::MAX));
}

#[test]
fn a_yearly_saving_is_what_the_documents_promise() {
    let saving = |catalog: &Catalog, plan: &str| catalog.plan(&plan_id(plan)).unwrap().yearly_saving_percent();
    let builder = catalog("builder");
    for plan in ["starter", "pro", "scale"] {
        assert_eq!(saving(&builder, plan), Some(17), "{plan}");
    }
    assert_eq!(saving(&builder, "free"), None);
    assert_eq!(builder.best_yearly_saving_percent(), Some(17));
    let guide = catalog("protocol-guide");
    assert_eq!(saving(&guide, "pro"), Some(25));
    for department in ["department-starter", "department-professional", "department-enterprise"] {
        assert_eq!(saving(&guide, department), None, "{department}");
    }
    assert_eq!(guide.best_yearly_saving_percent(), Some(25));
}

#[test]
fn the_best_saving_is_the_largest() {
    let mut builder = catalog("builder");
    builder.plans[1].prices[1].amount = 18_000;
    assert_eq!(builder.best_yearly_saving_percent(), Some(50));
    assert_eq!(catalog("chat").best_yearly_saving_percent(), None);
}

#[test]
fn a_catalogue_is_asked_by_name_and_audience() {
    let guide = catalog("protocol-guide");
    let names = |audience| guide.plans_for(audience).map(|plan| plan.id.as_str()).collect::<Vec<_>>();
    assert_eq!(names(Audience::Individual), ["free", "pro", "enterprise"]);
    assert_eq!(names(Audience::Team), ["department-starter", "department-professional", "department-enterprise"]);
    assert_eq!((guide.rank(&plan_id("free")), guide.rank(&plan_id("enterprise"))), (Some(0), Some(2)));
    assert_eq!((guide.rank(&plan_id("scale")), guide.plan(&plan_id("scale"))), (None, None));
}

#[test]
fn a_saving_is_never_rounded_up_nor_negative() {
    let mut pro = catalog("builder").plan(&plan_id("pro")).unwrap().clone();
    let twelve_months = pro.prices[0].amount * 12;
    for (yearly, saving) in [(twelve_months + 1, None), (twelve_months, None), (twelve_months - 1, None)] {
        pro.prices[1].amount = yearly;
        assert_eq!(pro.yearly_saving_percent(), saving, "{yearly}");
    }
    pro.prices[1].amount = twelve_months / 100 * 83 + 1;
    assert_eq!(pro.yearly_saving_percent(), Some(16), "16.99 % is not 17 %");
    pro.prices[0].amount = 0;
    pro.prices[1].amount = 0;
    assert_eq!(pro.yearly_saving_percent(), None, "nothing of nothing");
}

#[test]
fn a_meter_speaks_of_one_and_of_many() {
    let projects = Meter {
        id: MeterId::parse("projects").unwrap(),
        name: "Projects".to_owned(),
        unit: "projects".to_owned(),
        singular: Some("project".to_owned()),
        reset: Reset::Never,
        carry_over: None,
    };
    assert_eq!(
        [0, 1, 2, 10_000].map(|n| projects.quantity(n)),
        ["0 projects", "1 project", "2 projects", "10,000 projects"]
    );
    assert_eq!(projects.allowance(Limit::UNLIMITED), "Unlimited projects");
    assert_eq!(projects.allowance(Limit::AtMost(1)), "1 project");
    let storage = Meter { unit: "GB".to_owned(), singular: None, ..projects };
    assert_eq!(storage.quantity(1), "1 GB");
}

#[test]
fn a_begun_day_is_a_day() {
    let left = |until: i64, now: i64| Timestamp(until).days_left(Timestamp(now));
    assert_eq!([left(0, 0), left(-1, 0), left(1, 0), left(86_400, 0), left(86_401, 0)], [0, 0, 1, 1, 2]);
    assert_eq!(left(i64::MAX, i64::MIN), u32::MAX);
    assert_eq!(left(i64::MIN, i64::MAX), 0);
    assert_eq!(Timestamp(i64::MAX) + Seconds::days(1), Timestamp(i64::MAX));
}

#[test]
fn words_in_the_database_read_back() {
    for kind in [Kind::Personal, Kind::Team] {
        assert_eq!(Kind::parse(kind.as_str()), Some(kind));
    }
    assert_eq!(Kind::parse("company"), None);
}
