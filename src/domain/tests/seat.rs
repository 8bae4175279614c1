//! Seats: what they unlock in the team and beside one's own plan, and what is said of it.

use super::entitlement::{NOW, standing, used};
use super::{DAY, catalog, plan_id, subscription};
use crate::access::{PlanGrant, Policy, Reason};
use crate::catalog::Catalog;
use crate::change::{SeatsBroken, seats_broken};
use crate::entitlement::{Entitlements, FeatureAnswer, MeterAnswer, Standing, Why};
use crate::organization::{Kind, OrganizationId};
use crate::plan::{FeatureId, Limit, MeterId};
use crate::seat::Seat;
use crate::subscription::Status;
use crate::time::{Seconds, Timestamp};

fn guide() -> Catalog {
    catalog("protocol-guide")
}

fn seat(name: &str, tier: &str, reason: Reason) -> Seat {
    let organization = OrganizationId(format!("org_{}", name.to_lowercase()));
    Seat { organization, name: name.to_owned(), tier: plan_id(tier), reason, until: None }
}

fn with(tier: &str, seats: Vec<Seat>) -> Standing {
    Standing { seats, ..standing(tier) }
}

fn feature(standing: &Standing, id: &str) -> FeatureAnswer {
    let guide = guide();
    standing.feature(&guide, guide.feature(&FeatureId::parse(id).unwrap()).unwrap(), NOW)
}

fn meter(standing: &Standing, id: &str, amount: u64) -> MeterAnswer {
    let guide = guide();
    standing.meter(&guide, guide.meter(&MeterId::parse(id).unwrap()).unwrap(), amount, NOW)
}

#[test]
fn the_better_of_plan_and_seats_counts_and_says_where_it_is_from() {
    let person = with(
        "pro",
        vec![
            seat("Station 4", "department-starter", Reason::Paid),
            seat("County", "department-professional", Reason::Paid),
        ],
    );
    // Both include it, and the own plan counts.
    let own = feature(&person, "offline-access");
    assert_eq!((own.reason, own.source), (Why::Plan, None));
    let own = meter(&person, "daily-queries", 900);
    assert_eq!(
        (own.reason, own.message.as_str(), own.source),
        (Why::Plan, "Pro includes unlimited daily queries.", None)
    );
    // The first of two equal seats.
    let upload = feature(&person, "upload-protocols");
    assert_eq!((upload.reason, upload.message.as_str()), (Why::Seat, "Included with your seat at Station 4."));
    assert_eq!(upload.source.unwrap().organization, "org_station 4");
    // The larger one.
    let protocols = meter(&person, "protocols", 200);
    assert_eq!((protocols.reason, protocols.limit), (Why::Seat, Limit::AtMost(200)));
    assert_eq!(protocols.message, "Your seat at County includes 200 protocols.");
    assert_eq!(protocols.source.unwrap().plan, plan_id("department-professional"));
    let full = meter(&used(person.clone(), "protocols", 200), "protocols", 1);
    assert_eq!((full.reason, full.source), (Why::LimitReached, None));
    assert_eq!(full.message, "Your seat at County includes 200 protocols; none is left.");
    let nobody = feature(&person, "sso");
    assert_eq!((nobody.reason, nobody.message.as_str()), (Why::NotInPlan, "Not included in Pro."));
    let everything = Entitlements::of(&guide(), &person, NOW);
    assert_eq!(everything.seats.iter().map(|seat| seat.name.as_str()).collect::<Vec<_>>(), ["Station 4", "County"]);
}

#[test]
fn a_seat_lasts_as_long_as_the_teams_plan_and_unlocks_nothing_after_it() {
    let mut person = with("free", vec![seat("Station 4", "department-starter", Reason::Grace)]);
    person.seats[0].until = Some(Timestamp(NOW.0 + 3 * DAY));
    let answer = feature(&person, "ai-sonnet");
    let said = "Included with your seat at Station 4. A payment failed; the plan stays for the grace period.";
    assert_eq!((answer.reason, answer.until, answer.message.as_str()), (Why::Seat, Some(NOW.0 + 3 * DAY), said));
    // The person's own plan lasts longer, or less long.
    let pro = Standing { tier: plan_id("pro"), reason: Reason::Paid, ..person.clone() };
    assert_eq!(feature(&pro, "ai-sonnet").reason, Why::Plan);
    let ending = Standing { reason: Reason::PaidUntilEnd, until: Some(Timestamp(NOW.0 + DAY)), ..pro };
    assert_eq!(feature(&ending, "ai-sonnet").reason, Why::Seat);
    assert_eq!(feature(&ending, "ai-haiku").reason, Why::Plan, "everybody has it");
    // A payment of the person's own that failed takes nothing of the seat away.
    let unpaid = Standing { reason: Reason::GraceOver, subscribed: Some(plan_id("pro")), ..person.clone() };
    assert_eq!(feature(&unpaid, "ai-sonnet").reason, Why::Seat);
    assert_eq!(meter(&unpaid, "daily-queries", 50).reason, Why::Seat);
    // The team went back to the free plan, or to one without seats.
    for tier in ["free", "enterprise"] {
        let over = with("free", vec![seat("Station 4", tier, Reason::Ended)]);
        assert_eq!(feature(&over, "ai-sonnet").reason, Why::NotInPlan, "{tier}");
        assert_eq!(meter(&over, "daily-queries", 6).limit, Limit::AtMost(5), "{tier}");
        assert!(Entitlements::of(&guide(), &over, NOW).seats.is_empty(), "{tier}");
    }
}

#[test]
fn a_member_without_a_seat_is_told_whom_to_ask() {
    let team = Standing { kind: Kind::Team, ..standing("department-starter") };
    let guide = guide();
    let without = team.of_member(&guide, false);
    let answer = feature(&without, "ai-sonnet");
    let said = "Department Starter includes it for members with a seat. Ask an owner or admin for one.";
    assert_eq!((answer.reason, answer.message.as_str()), (Why::NoSeat, said));
    assert_eq!(answer.unlocked_by, Some(plan_id("department-starter")));
    assert_eq!(feature(&without, "ai-haiku").reason, Why::Plan);
    assert_eq!(feature(&without, "sso").reason, Why::NotInPlan);
    let queries = meter(&used(without.into_owned(), "daily-queries", 300), "daily-queries", 1);
    let said =
        "Department Starter includes unlimited daily queries for members with a seat. Ask an owner or admin for one.";
    assert_eq!((queries.reason, queries.message.as_str(), queries.limit), (Why::NoSeat, said, Limit::AtMost(5)));
    // Of a person's own organization, and of a plan without seats, there are none to have.
    for standing in [standing("department-starter"), Standing { kind: Kind::Team, ..standing("pro") }] {
        assert_eq!(*standing.of_member(&guide, false), standing);
    }
}

#[test]
fn there_are_as_many_seats_as_are_paid_and_no_limit_where_the_plan_is_granted() {
    let (guide, now) = (guide(), Timestamp(DAY));
    let policy = Policy { free: plan_id("free"), past_due_grace: Seconds::days(7), downgrade_on_dispute: false };
    let on = |plan: &str, status| {
        policy.access(Some(&subscription(status)), Some(&plan_id(plan)), now).with_seats(7, &guide)
    };
    assert_eq!(on("department-starter", Status::Active).seats, Some(Limit::AtMost(7)));
    assert_eq!(on("pro", Status::Active).seats, None);
    assert_eq!(on("department-starter", Status::Unpaid).seats, None);
    let grant = |plan: &str| Some(PlanGrant { plan: plan_id(plan), until: None });
    let both = |plan: &str| on("department-starter", Status::Active).or_granted(grant(plan).as_ref(), &guide, now);
    assert_eq!(both("department-enterprise").seats, Some(Limit::UNLIMITED));
    assert_eq!(both("department-starter").seats, Some(Limit::AtMost(7)), "of equals the subscription counts");
    assert_eq!(both("enterprise").seats, None);
}

#[test]
fn a_number_of_seats_that_breaks_a_rule_is_said() {
    let guide = guide();
    let starter = guide.plan(&plan_id("department-starter")).unwrap();
    assert_eq!(seats_broken(starter, 8, 8), None);
    let broken = seats_broken(starter, 6, 8).unwrap();
    assert_eq!(broken, SeatsBroken::Taken { taken: 8, quantity: 6 });
    let said = "8 people have seats and the subscription has 6: add 2 seats, or take 2 seats back.";
    assert_eq!(broken.to_string(), said);
    assert!(seats_broken(starter, 3, 2).is_some() && seats_broken(starter, 30, 2).is_some());
    assert_eq!(seats_broken(guide.plan(&plan_id("pro")).unwrap(), 1, 9), None);
}
