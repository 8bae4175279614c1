//! Entitlements: what is answered for every reason of access, and what holds for every plan of every catalogue.

use std::collections::BTreeMap;

use serde_json::json;

use super::{DAY, catalog, plan_id};
use crate::access::Reason;
use crate::catalog::{Catalog, Feature, Meter};
use crate::entitlement::{Entitlements, FeatureAnswer, MeterAnswer, Standing, Why};
use crate::organization::{Kind, OrganizationId};
use crate::plan::{FeatureId, Limit, MeterId};
use crate::time::Timestamp;
use crate::usage::{Counter, Credits};
use crate::window::{PaidPeriod, Zone};

/// Noon on 21 November 2026.
pub(super) const NOW: Timestamp = Timestamp(1_795_262_400);

/// When time alone changes the tier.
const UNTIL: Timestamp = Timestamp(NOW.0 + 3 * DAY);

/// Somebody on a plan, who has used nothing.
pub(super) fn standing(tier: &str) -> Standing {
    Standing {
        organization: OrganizationId("org_1".to_owned()),
        kind: Kind::Personal,
        tier: plan_id(tier),
        reason: if tier == "free" { Reason::NoSubscription } else { Reason::Paid },
        until: None,
        subscribed: (tier != "free").then(|| plan_id(tier)),
        paid: None,
        zone: Zone::default(),
        granted: Vec::new(),
        counters: BTreeMap::new(),
        credits: BTreeMap::new(),
        top_ups: BTreeMap::new(),
        seats: Vec::new(),
    }
}

/// Somebody with a subscription to Pro, for a reason.
fn pro(reason: Reason) -> Standing {
    let (tier, until) = match reason {
        Reason::Trial | Reason::Paid => ("pro", None),
        Reason::Grace | Reason::PaidUntilEnd | Reason::Granted => ("pro", Some(UNTIL)),
        _ => ("free", None),
    };
    let known = !matches!(reason, Reason::NoSubscription | Reason::UnknownPrice);
    Standing { reason, until, subscribed: known.then(|| plan_id("pro")), ..standing(tier) }
}

/// The same, having used so much of a meter in this window and every other.
pub(super) fn used(standing: Standing, meter: &str, used: u64) -> Standing {
    let counter = Counter { window_start: i64::MAX, used, ..Counter::default() };
    Standing { counters: BTreeMap::from([(MeterId::parse(meter).unwrap(), counter)]), ..standing }
}

/// The same with credits.
fn with_credits(standing: Standing, meter: &str, left: u64) -> Standing {
    let credits = Credits { id: "gra_1".to_owned(), left, expires_at: None };
    Standing { credits: BTreeMap::from([(MeterId::parse(meter).unwrap(), vec![credits])]), ..standing }
}

fn feature<'a>(catalog: &'a Catalog, id: &str) -> &'a Feature {
    catalog.feature(&FeatureId::parse(id).unwrap()).unwrap_or_else(|| panic!("no feature {id}"))
}

fn meter<'a>(catalog: &'a Catalog, id: &str) -> &'a Meter {
    catalog.meter(&MeterId::parse(id).unwrap()).unwrap_or_else(|| panic!("no meter {id}"))
}

/// What a row of a table says of an answer: the reason, the sentence, until when, and what would unlock it.
type Row<'a> = (Why, &'a str, Option<i64>, Option<&'a str>);

fn assert_feature(answer: &FeatureAnswer, (why, message, until, unlocked_by): Row, what: &str) {
    let unlocked_by = unlocked_by.map(plan_id);
    assert_eq!((answer.reason, answer.message.as_str()), (why, message), "{what}");
    assert_eq!(
        (answer.allowed, answer.until, answer.unlocked_by.clone()),
        (why.allows(), until, unlocked_by),
        "{what}"
    );
}

fn assert_meter(answer: &MeterAnswer, why: Why, message: &str, unlocked_by: Option<&str>, what: &str) {
    assert_eq!((answer.reason, answer.message.as_str()), (why, message), "{what}");
    assert_eq!((answer.allowed, answer.unlocked_by.clone()), (why.allows(), unlocked_by.map(plan_id)), "{what}");
}

#[test]
fn a_feature_of_the_plan_is_answered_for_every_reason() {
    let builder = catalog("builder");
    let until = Some(UNTIL.0);
    let rows: [(Reason, Row); 13] = [
        (Reason::NoSubscription, (Why::NotInPlan, "Not included in Free.", None, Some("starter"))),
        (Reason::Trial, (Why::Trial, "Included in Pro. The trial is running.", None, None)),
        (Reason::Paid, (Why::Plan, "Included in Pro.", None, None)),
        (
            Reason::Grace,
            (Why::Grace, "Included in Pro. A payment failed; the plan stays for the grace period.", until, None),
        ),
        (
            Reason::GraceOver,
            (Why::PastDue, "Pro includes it, but a payment failed and the grace period is over.", None, Some("pro")),
        ),
        (
            Reason::PaidUntilEnd,
            (
                Why::PaidUntilEnd,
                "Included in Pro. The subscription was canceled and is paid until the end of its period.",
                until,
                None,
            ),
        ),
        (Reason::Ended, (Why::Ended, "Pro includes it, but the subscription has ended.", None, Some("pro"))),
        (
            Reason::NotPaid,
            (Why::NotPaid, "Pro includes it, but the subscription's invoice has not been paid.", None, Some("pro")),
        ),
        (Reason::Paused, (Why::Paused, "Pro includes it, but the subscription is paused.", None, Some("pro"))),
        (Reason::UnknownPrice, (Why::NotInPlan, "Not included in Free.", None, Some("starter"))),
        (
            Reason::Disputed,
            (Why::Disputed, "Pro includes it, but a payment is disputed with the bank.", None, Some("pro")),
        ),
        (Reason::Granted, (Why::Plan, "Included in Pro.", until, None)),
        (
            Reason::NoSeat,
            (Why::NoSeat, "Pro includes it for members with a seat. Ask an owner or admin for one.", None, Some("pro")),
        ),
    ];
    assert_eq!(rows.map(|(reason, _)| reason), Reason::ALL);
    for (reason, row) in rows {
        let answer = pro(reason).feature(&builder, feature(&builder, "core-agents"), NOW);
        assert_feature(&answer, row, reason.as_str());
    }
}

#[test]
fn a_feature_of_every_plan_or_of_a_higher_one_does_not_depend_on_the_subscription() {
    let builder = catalog("builder");
    for reason in Reason::ALL {
        let standing = pro(reason);
        let name = if standing.tier == plan_id("pro") { "Pro" } else { "Free" };
        let basic = standing.feature(&builder, feature(&builder, "basic-features"), NOW);
        assert_feature(&basic, (Why::Plan, &format!("Included in {name}."), None, None), reason.as_str());
        let isolated = standing.feature(&builder, feature(&builder, "isolated-db"), NOW);
        let row = (Why::NotInPlan, &*format!("Not included in {name}."), None, Some("scale"));
        assert_feature(&isolated, row, reason.as_str());
    }
}

#[test]
fn a_meter_is_answered_for_every_reason() {
    let builder = catalog("builder");
    let rows = [
        (
            Reason::NoSubscription,
            Why::LimitReached,
            "Free includes 5 build hours; none is left this month.",
            Some("starter"),
        ),
        (Reason::Trial, Why::Trial, "Pro includes 150 build hours. The trial is running.", None),
        (Reason::Paid, Why::Plan, "Pro includes 150 build hours.", None),
        (
            Reason::Grace,
            Why::Grace,
            "Pro includes 150 build hours. A payment failed; the plan stays for the grace period.",
            None,
        ),
        (
            Reason::GraceOver,
            Why::PastDue,
            "Pro includes 150 build hours, but a payment failed and the grace period is over.",
            Some("pro"),
        ),
        (
            Reason::PaidUntilEnd,
            Why::PaidUntilEnd,
            "Pro includes 150 build hours. The subscription was canceled and is paid until the end of its period.",
            None,
        ),
        (Reason::Ended, Why::Ended, "Pro includes 150 build hours, but the subscription has ended.", Some("pro")),
        (
            Reason::NotPaid,
            Why::NotPaid,
            "Pro includes 150 build hours, but the subscription's invoice has not been paid.",
            Some("pro"),
        ),
        (Reason::Paused, Why::Paused, "Pro includes 150 build hours, but the subscription is paused.", Some("pro")),
        (
            Reason::UnknownPrice,
            Why::LimitReached,
            "Free includes 5 build hours; none is left this month.",
            Some("starter"),
        ),
        (
            Reason::Disputed,
            Why::Disputed,
            "Pro includes 150 build hours, but a payment is disputed with the bank.",
            Some("pro"),
        ),
        (Reason::Granted, Why::Plan, "Pro includes 150 build hours.", None),
        (
            Reason::NoSeat,
            Why::NoSeat,
            "Pro includes 150 build hours for members with a seat. Ask an owner or admin for one.",
            Some("pro"),
        ),
    ];
    assert_eq!(rows.map(|(reason, ..)| reason), Reason::ALL);
    for (reason, why, message, unlocked_by) in rows {
        let standing = used(pro(reason), "build-hours", 20);
        let answer = standing.meter(&builder, meter(&builder, "build-hours"), 1, NOW);
        assert_meter(&answer, why, message, unlocked_by, reason.as_str());
        let beyond = used(pro(reason), "build-hours", 450).meter(&builder, meter(&builder, "build-hours"), 1, NOW);
        assert_eq!(beyond.unlocked_by, Some(plan_id("scale")), "{}: what was had would not do", reason.as_str());
    }
    // Starter includes no more projects than Free: it is not its subscription that is missing.
    let starter = Standing { subscribed: Some(plan_id("starter")), ..used(pro(Reason::Ended), "projects", 1) };
    let projects = starter.meter(&builder, meter(&builder, "projects"), 1, NOW);
    assert_meter(&projects, Why::LimitReached, "Free includes 1 project; none is left.", Some("pro"), "starter");
    // What everybody has stays, whatever the subscription does.
    for reason in Reason::ALL {
        let answer = pro(reason).meter(&builder, meter(&builder, "build-hours"), 1, NOW);
        assert!(answer.allowed, "{}", reason.as_str());
        if answer.limit == Limit::AtMost(5) {
            assert_meter(&answer, Why::Plan, "Free includes 5 build hours.", None, reason.as_str());
        }
    }
}

#[test]
fn what_is_used_up_says_until_when_and_what_is_left() {
    let rows = [
        ("protocol-guide", "free", "daily-queries", 5, 1, "Free includes 5 daily queries; none is left today."),
        ("builder", "starter", "build-hours", 39, 2, "Starter includes 40 build hours; 1 is left this month."),
        (
            "builder",
            "scale",
            "ai-embeddings",
            198_000,
            2_001,
            "Scale includes 200,000 AI embeddings; 2,000 are left this month.",
        ),
        ("chat", "free", "ai-credits", 10, 1, "Free includes 10 AI credits; none is left in this billing period."),
        ("builder", "free", "projects", 1, 1, "Free includes 1 project; none is left."),
        ("builder", "free", "storage", 3, 1, "Free includes 1 GB; none is left."),
    ];
    for (name, tier, id, so_far, amount, message) in rows {
        let catalog = catalog(name);
        let answer = used(standing(tier), id, so_far).meter(&catalog, meter(&catalog, id), amount, NOW);
        assert_eq!((answer.reason, answer.message.as_str()), (Why::LimitReached, message));
    }
    let guide = catalog("protocol-guide");
    let states = standing("free").meter(&guide, meter(&guide, "states"), 1, NOW);
    assert_meter(&states, Why::NotInPlan, "Not included in Free.", Some("pro"), "states");
    assert_eq!((states.percent, states.warning, states.remaining), (None, None, Limit::AtMost(0)));
}

#[test]
fn credits_are_used_where_the_plan_is_not_enough() {
    let (chat, builder, guide) = (catalog("chat"), catalog("builder"), catalog("protocol-guide"));
    // Where, on what, of what, how much is used, how many credits, how much is asked for.
    let rows = [
        (&chat, "free", "ai-credits", [9, 25, 1], Why::Plan, "Free includes 10 AI credits."),
        (&chat, "free", "ai-credits", [9, 25, 26], Why::Plan, "Free includes 10 AI credits."),
        (
            &chat,
            "free",
            "ai-credits",
            [10, 25, 1],
            Why::Credits,
            "Free includes 10 AI credits, which are used up; 25 extra are left.",
        ),
        (
            &chat,
            "free",
            "ai-credits",
            [10, 1, 1],
            Why::Credits,
            "Free includes 10 AI credits, which are used up; 1 extra is left.",
        ),
        (
            &chat,
            "free",
            "ai-credits",
            [10, 1_500, 1_501],
            Why::LimitReached,
            "Free includes 10 AI credits; 1,500 extra are left.",
        ),
        (
            &chat,
            "free",
            "ai-credits",
            [8, 1, 9],
            Why::LimitReached,
            "Free includes 10 AI credits; 3 are left in this billing period.",
        ),
        (
            &builder,
            "free",
            "projects",
            [1, 2, 1],
            Why::Credits,
            "Free includes 1 project, which is used up; 2 extra are left.",
        ),
        (
            &builder,
            "free",
            "storage",
            [1, 2, 1],
            Why::Credits,
            "Free includes 1 GB, which is used up; 2 extra are left.",
        ),
        (&guide, "free", "states", [0, 2, 1], Why::Credits, "Not included in Free; 2 extra are left."),
        (&guide, "free", "states", [0, 2, 3], Why::NotInPlan, "Not included in Free; 2 extra are left."),
        (&guide, "free", "states", [0, 0, 1], Why::NotInPlan, "Not included in Free."),
        (&guide, "free", "states", [0, 0, 0], Why::Plan, "Not included in Free."),
    ];
    for (catalog, tier, id, [so_far, credits, amount], why, message) in rows {
        let standing = with_credits(used(standing(tier), id, so_far), id, credits);
        let answer = standing.meter(catalog, meter(catalog, id), amount, NOW);
        assert_eq!((answer.reason, answer.message.as_str()), (why, message), "{amount}");
        assert_eq!((answer.allowed, answer.credits, answer.used), (why.allows(), credits, so_far), "{amount}");
    }
    let lost = with_credits(used(pro(Reason::GraceOver), "build-hours", 5), "build-hours", 2);
    let answer = lost.meter(&builder, meter(&builder, "build-hours"), 1, NOW);
    assert_meter(
        &answer,
        Why::Credits,
        "Free includes 5 build hours, which are used up; 2 extra are left.",
        None,
        "lost",
    );
    assert_eq!((answer.percent, answer.remaining), (Some(71), Limit::AtMost(2)));
}

#[test]
fn no_limit_has_no_percent_and_no_warning() {
    let dcvaas = catalog("dcvaas");
    let standing = with_credits(used(standing("agency"), "domains", 1_000_000), "domains", 5);
    let answer = standing.meter(&dcvaas, meter(&dcvaas, "domains"), 1_000_000_000, NOW);
    assert_meter(&answer, Why::Plan, "Agency includes unlimited domains.", None, "agency");
    assert_eq!((answer.limit, answer.remaining), (Limit::UNLIMITED, Limit::UNLIMITED));
    assert_eq!((answer.percent, answer.warning, answer.resets_at), (None, None, None));
    assert_eq!((answer.used, answer.credits), (1_000_000, 5));
}

#[test]
fn a_grant_unlocks_while_it_lasts() {
    let builder = catalog("builder");
    let core = feature(&builder, "core-agents");
    let (soon, later) = (Timestamp(NOW.0 + 1), Timestamp(UNTIL.0 + 1));
    let granted = |standing: Standing, ends: &[Option<Timestamp>]| {
        let mut granted = vec![(FeatureId::parse("autoscale").unwrap(), None)];
        granted.extend(ends.iter().map(|end| (core.id.clone(), *end)));
        Standing { granted, ..standing }.feature(&builder, core, NOW)
    };
    let on_top = |until: Option<Timestamp>| (Why::Grant, "Granted on top of Free.", until.map(|until| until.0), None);
    let none = (Why::NotInPlan, "Not included in Free.", None, Some("starter"));
    let free = || standing("free");
    assert_feature(&granted(free(), &[]), none, "another feature's");
    assert_feature(&granted(free(), &[None]), on_top(None), "for good");
    assert_feature(&granted(free(), &[Some(soon)]), on_top(Some(soon)), "for a second");
    assert_feature(&granted(free(), &[Some(NOW)]), none, "until now");
    assert_feature(&granted(free(), &[Some(soon), Some(later)]), on_top(Some(later)), "the longest");
    assert_feature(&granted(free(), &[None, Some(later)]), on_top(None), "for good is the longest");
    let ended = granted(pro(Reason::Ended), &[Some(soon)]);
    assert_feature(&ended, on_top(Some(soon)), "in place of a plan");

    assert_feature(&granted(pro(Reason::Paid), &[None]), (Why::Plan, "Included in Pro.", None, None), "the plan's");
    let grace = granted(pro(Reason::Grace), &[Some(soon)]);
    assert_eq!((grace.reason, grace.until), (Why::Grace, Some(UNTIL.0)), "the plan lasts longer");
    let longer = (Why::Grant, "Granted on top of Pro.", Some(later.0), None);
    assert_feature(&granted(pro(Reason::Grace), &[Some(later)]), longer, "the grant lasts longer");
}

#[test]
fn what_would_unlock_it_is_for_this_kind_of_organization() {
    let (guide, dcvaas) = (catalog("protocol-guide"), catalog("dcvaas"));
    let team = |tier| Standing { kind: Kind::Team, ..standing(tier) };
    let unlocked_by = |catalog: &Catalog, standing: Standing, id| {
        standing.feature(catalog, feature(catalog, id), NOW).unlocked_by.map(|plan| plan.to_string())
    };
    let rows = [
        (&guide, standing("free"), "offline-access", Some("pro")),
        (&guide, standing("free"), "upload-protocols", Some("enterprise")),
        (&guide, standing("free"), "sso", None),
        (&guide, team("free"), "offline-access", Some("department-starter")),
        (&guide, team("department-starter"), "custom-branding", Some("department-professional")),
        (&guide, team("department-professional"), "sso", Some("department-enterprise")),
        (&dcvaas, team("free"), "api-access", Some("pro")),
        (&dcvaas, team("pro"), "audit-log", Some("agency")),
    ];
    for (catalog, standing, id, expected) in rows {
        let tier = standing.tier.clone();
        assert_eq!(unlocked_by(catalog, standing, id).as_deref(), expected, "{id} on {tier}");
    }
    let protocols = team("department-starter").meter(&guide, meter(&guide, "protocols"), 51, NOW);
    assert_meter(
        &protocols,
        Why::LimitReached,
        "Department Starter includes 50 protocols; 50 are left.",
        Some("department-professional"),
        "protocols",
    );
    let storage = team("department-enterprise").meter(&guide, meter(&guide, "storage"), 101, NOW);
    assert_eq!(storage.unlocked_by, None, "there is no larger plan");
}

#[test]
fn a_meter_is_counted_where_and_since_when_the_organization_is_counted() {
    let (guide, chat) = (catalog("protocol-guide"), catalog("chat"));
    let apia = Standing { zone: Zone::parse("Pacific/Apia").unwrap(), ..standing("free") };
    let queries = apia.meter(&guide, meter(&guide, "daily-queries"), 1, NOW);
    assert_eq!(queries.resets_at, Some(NOW.0 + 23 * 3_600), "midnight there is eleven in the morning");
    let paid = PaidPeriod { start: Timestamp(NOW.0 - DAY), end: Timestamp(NOW.0 + 29 * DAY) };
    let plus = Standing { paid: Some(paid), ..standing("plus") };
    assert_eq!(plus.meter(&chat, meter(&chat, "ai-credits"), 1, NOW).resets_at, Some(paid.end.0));
    let first_of_december = 1_796_083_200;
    let free = standing("free").meter(&chat, meter(&chat, "ai-credits"), 1, NOW);
    assert_eq!(free.resets_at, Some(first_of_december));
}

#[test]
fn what_is_carried_over_is_in_the_answer() {
    let mut builder = catalog("builder");
    builder.meters[1].carry_over = Some(10);
    let october = Counter { window_start: 1_790_812_800, included: 40, used: 12, ..Counter::default() };
    let counters = BTreeMap::from([(MeterId::parse("build-hours").unwrap(), october)]);
    let answer = Standing { counters, ..standing("starter") }.meter(&builder, &builder.meters[1], 1, NOW);
    assert_eq!((answer.carried_over, answer.remaining, answer.used), (10, Limit::AtMost(50), 0));
}

#[test]
fn the_answer_as_it_crosses_the_wire() {
    let chat = catalog("chat");
    let standing = with_credits(used(pro(Reason::Grace), "ai-credits", 1_600), "ai-credits", 100);
    let answer = Entitlements::of(&chat, &standing, NOW);
    assert_eq!((answer.features.len(), answer.meters.len()), (chat.features.len(), chat.meters.len()));
    let json = serde_json::to_value(&answer).unwrap();
    assert_eq!(
        json["features"][5],
        json!({
            "feature": "api-access",
            "name": "API access",
            "allowed": true,
            "reason": "grace",
            "message": "Included in Pro. A payment failed; the plan stays for the grace period.",
            "until": UNTIL.0,
            "unlockedBy": null,
        })
    );
    assert_eq!(
        json["meters"],
        json!([{
            "meter": "ai-credits",
            "name": "AI credits",
            "allowed": true,
            "reason": "grace",
            "message": "Pro includes 2,000 AI credits. A payment failed; the plan stays for the grace period.",
            "limit": 2_000,
            "carriedOver": 0,
            "credits": 100,
            "used": 1_600,
            "reserved": 0,
            "remaining": 500,
            "percent": 76,
            "warning": null,
            "resetsAt": 1_796_083_200,
            "unlockedBy": null,
        }])
    );
    let head = json!([json["organization"], json["plan"], json["planName"], json["reason"], json["until"]]);
    assert_eq!(head, json!(["org_1", "pro", "Pro", "grace", UNTIL.0]));
    assert_eq!(serde_json::from_value::<Entitlements>(json).unwrap(), answer);
}

#[test]
fn a_plan_that_is_no_longer_in_the_catalogue_includes_nothing() {
    let builder = catalog("builder");
    let answer = Entitlements::of(&builder, &standing("gold"), NOW);
    assert_eq!(answer.plan_name, "gold");
    assert!(answer.features.iter().all(|feature| feature.reason == Why::NotInPlan));
    assert!(answer.meters.iter().all(|meter| meter.message == "Not included in gold."));
}
