//! Changes of plan: when they take effect and what stands against them.

use super::{catalog, plan_id};
use crate::change::{InUse, Refused, Terms, Timing, check};
use crate::plan::{MeterId, Period, SeatsRefused};

fn terms(plan: &str, period: Period, quantity: u32) -> Terms {
    Terms { plan: plan_id(plan), period, quantity }
}

fn taken(seats: u32) -> InUse {
    InUse { seats, ..InUse::default() }
}

fn builder(had: (&str, Period), wanted: (&str, Period)) -> Result<Timing, Refused> {
    check(&catalog("builder"), Some(&terms(had.0, had.1, 1)), &terms(wanted.0, wanted.1, 1), &taken(1))
}

#[test]
fn more_is_had_now_and_less_at_the_end() {
    use Period::{Monthly, Yearly};
    use Timing::{Now, PeriodEnd};
    for (had, wanted, timing) in [
        (("starter", Monthly), ("pro", Monthly), Now),
        (("starter", Yearly), ("pro", Monthly), Now),
        (("pro", Monthly), ("pro", Yearly), Now),
        (("pro", Yearly), ("pro", Monthly), PeriodEnd),
        (("pro", Monthly), ("starter", Monthly), PeriodEnd),
        (("scale", Monthly), ("starter", Yearly), PeriodEnd),
    ] {
        assert_eq!(builder(had, wanted), Ok(timing), "{had:?} -> {wanted:?}");
    }
}

#[test]
fn nothing_can_be_changed_to_what_is_not_sold_or_had_already() {
    assert_eq!(builder(("pro", Period::Monthly), ("pro", Period::Monthly)), Err(Refused::Nothing));
    assert_eq!(builder(("pro", Period::Monthly), ("free", Period::Monthly)), Err(Refused::NotSold));
    assert_eq!(builder(("pro", Period::Monthly), ("gold", Period::Monthly)), Err(Refused::NotSold));
    let chat = check(&catalog("chat"), None, &terms("pro", Period::Yearly, 1), &taken(1));
    assert_eq!(chat, Err(Refused::NotForPeriod { plan: "Pro".to_owned(), period: Period::Yearly }));
}

#[test]
fn seats_fit_the_plan_and_those_who_have_them() {
    let catalog = catalog("protocol-guide");
    let had = terms("department-professional", Period::Monthly, 30);
    let starter = |quantity, people| {
        check(&catalog, Some(&had), &terms("department-starter", Period::Monthly, quantity), &taken(people))
    };
    let name = || "Department Starter".to_owned();
    assert_eq!(starter(20, 20), Ok(Timing::PeriodEnd));
    assert_eq!(starter(30, 5), Err(Refused::Seats { plan: name(), refused: SeatsRefused::TooMany(20) }));
    assert_eq!(starter(4, 3), Err(Refused::Seats { plan: name(), refused: SeatsRefused::TooFew(5) }));
    assert_eq!(starter(20, 21), Err(Refused::Taken { taken: 21, seats: 20 }));
    let said = Refused::Taken { taken: 22, seats: 20 }.to_string();
    assert_eq!(said, "22 people have seats and 20 would be left: take 2 seats back first.");
    let seats = |quantity| check(&catalog, Some(&had), &Terms { quantity, ..had.clone() }, &taken(20));
    assert_eq!(seats(40), Ok(Timing::Now));
    assert_eq!(seats(25), Ok(Timing::PeriodEnd));
}

#[test]
fn what_exists_has_to_fit_the_smaller_plan() {
    let catalog = catalog("builder");
    let change = |had: &str, wanted: &str, meter: &str, used| {
        let in_use = InUse { seats: 1, meters: [(MeterId::parse(meter).unwrap(), used)].into() };
        check(&catalog, Some(&terms(had, Period::Monthly, 1)), &terms(wanted, Period::Monthly, 1), &in_use)
    };
    assert_eq!(change("scale", "pro", "projects", 3), Ok(Timing::PeriodEnd));
    let refused = change("scale", "pro", "projects", 5).unwrap_err();
    assert_eq!(refused.to_string(), "Pro includes 3 projects and 5 are in use: remove 2 first.");
    assert_eq!(change("scale", "pro", "build-hours", 400), Ok(Timing::PeriodEnd), "what is reset has room again");
    assert_eq!(change("starter", "pro", "projects", 5), Ok(Timing::Now), "a larger plan is never too small");
    assert_eq!(change("pro", "pro", "projects", 5), Err(Refused::Nothing));
}
