//! What the documents behind the four catalogues promise, number by number and tick by tick, against what somebody on
//! each plan is answered.

use std::collections::BTreeMap;

use super::entitlement::{NOW, standing, used};
use super::{DAY, catalog, plan_id};
use crate::catalog::Catalog;
use crate::entitlement::{Entitlements, FeatureAnswer, MeterAnswer, Standing, Why};
use crate::organization::Kind;
use crate::plan::{Audience, Limit, MeterId};
use crate::time::Timestamp;
use crate::usage::Counter;

const UNLIMITED: Limit = Limit::UNLIMITED;

/// At most so many.
fn most(number: u64) -> Limit {
    Limit::AtMost(number)
}

/// Somebody on a plan of the catalogue, of the kind that it is for.
fn on(catalog: &Catalog, plan: &str) -> Standing {
    let audience = catalog.plan(&plan_id(plan)).unwrap_or_else(|| panic!("no plan {plan}")).audience;
    let kind = if audience == Audience::Team { Kind::Team } else { Kind::Personal };
    Standing { kind, ..standing(plan) }
}

fn feature(catalog: &Catalog, standing: &Standing, id: &str) -> FeatureAnswer {
    let answers = Entitlements::of(catalog, standing, NOW).features;
    answers.into_iter().find(|answer| answer.feature.as_str() == id).unwrap_or_else(|| panic!("no feature {id}"))
}

fn meter(catalog: &Catalog, standing: &Standing, id: &str, now: Timestamp) -> MeterAnswer {
    let answers = Entitlements::of(catalog, standing, now).meters;
    answers.into_iter().find(|answer| answer.meter.as_str() == id).unwrap_or_else(|| panic!("no meter {id}"))
}

/// A table of limits: for each plan its column of the meters' rows. The last one is to be had, and no more.
fn assert_limits<const PLANS: usize>(name: &str, plans: [&str; PLANS], rows: &[(&str, [Limit; PLANS])]) {
    let catalog = catalog(name);
    for (id, limits) in rows {
        for (plan, limit) in plans.into_iter().zip(*limits) {
            let after = |so_far| meter(&catalog, &used(on(&catalog, plan), id, so_far), id, NOW);
            let fresh = after(0);
            assert_eq!((fresh.limit, fresh.remaining), (limit, limit), "{id} on {plan}");
            match limit {
                Limit::AtMost(0) => assert_eq!(fresh.reason, Why::NotInPlan, "{id} on {plan}"),
                Limit::AtMost(most) => {
                    assert_eq!(after(most - 1).remaining, Limit::AtMost(1), "{id} on {plan}");
                    assert_eq!((after(most - 1).allowed, after(most - 1).reason), (true, Why::Plan), "{id} on {plan}");
                    assert_eq!((after(most).allowed, after(most).reason), (false, Why::LimitReached), "{id} on {plan}");
                }
                Limit::Unlimited(_) => {
                    let much = after(1_000_000_000);
                    assert_eq!((much.allowed, much.percent, much.warning), (true, None, None), "{id} on {plan}");
                }
            }
        }
    }
}

/// A table of ticks.
fn assert_features<const PLANS: usize>(name: &str, plans: [&str; PLANS], rows: &[(&str, [bool; PLANS])]) {
    let catalog = catalog(name);
    for (id, ticks) in rows {
        let allowed = plans.map(|plan| feature(&catalog, &on(&catalog, plan), id).allowed);
        assert_eq!(allowed, *ticks, "{id} on {plans:?}");
    }
}

/// What is promised in words.
fn assert_highlights<const PLANS: usize>(name: &str, plans: [&str; PLANS], words: [&str; PLANS]) {
    let catalog = catalog(name);
    for (plan, words) in plans.into_iter().zip(words) {
        let highlights = &catalog.plan(&plan_id(plan)).unwrap().highlights;
        assert!(highlights.iter().any(|highlight| highlight.starts_with(words)), "{plan}: {highlights:?}");
    }
}

const BUILDER: [&str; 4] = ["free", "starter", "pro", "scale"];

#[test]
fn builder_limits() {
    assert_limits(
        "builder",
        BUILDER,
        &[
            ("projects", [most(1), most(1), most(3), most(8)]),
            ("build-hours", [most(5), most(40), most(150), most(500)]),
            ("storage", [most(1), most(10), most(50), most(200)]),
            // Named by the document, without numbers.
            ("ai-embeddings", [most(1_000), most(10_000), most(50_000), most(200_000)]),
        ],
    );
}

#[test]
fn builder_features() {
    assert_features(
        "builder",
        BUILDER,
        &[
            ("basic-features", [true, true, true, true]),
            ("core-agents", [false, true, true, true]),
            ("stripe-integration", [false, true, true, true]),
            ("advanced-agents", [false, false, true, true]),
            ("autoscale", [false, false, true, true]),
            ("growth-agents", [false, false, false, true]),
            ("isolated-db", [false, false, false, true]),
        ],
    );
    let support = ["Community support", "Email support", "Priority support", "Dedicated support"];
    assert_highlights("builder", BUILDER, support);
}

#[test]
fn builder_warns_at_80_and_at_95_percent() {
    let builder = catalog("builder");
    // From how many on the first warning is given, and the second, on each plan.
    let rows = [
        ("projects", [[1, 1], [1, 1], [3, 3], [7, 8]]),
        ("build-hours", [[4, 5], [32, 38], [120, 143], [400, 475]]),
        ("storage", [[1, 1], [8, 10], [40, 48], [160, 190]]),
        ("ai-embeddings", [[800, 950], [8_000, 9_500], [40_000, 47_500], [160_000, 190_000]]),
    ];
    for (id, by_plan) in rows {
        for (plan, [nearly, almost]) in BUILDER.into_iter().zip(by_plan) {
            let warning = |so_far| meter(&builder, &used(standing(plan), id, so_far), id, NOW).warning;
            assert_eq!(warning(nearly - 1), None, "{id} on {plan}");
            assert_eq!(warning(nearly), Some(if nearly < almost { 80 } else { 95 }), "{id} on {plan}");
            assert_eq!(warning(almost - 1), (nearly < almost).then_some(80), "{id} on {plan}");
            assert_eq!(warning(almost), Some(95), "{id} on {plan}");
        }
    }
}

#[test]
fn dcvaas_limits() {
    // Pro's number is ours. Agency was once shown the 3 of Free.
    let domains = [most(3), most(50), UNLIMITED, UNLIMITED];
    assert_limits("dcvaas", ["free", "pro", "agency", "enterprise"], &[("domains", domains)]);
}

#[test]
fn chat_limits() {
    // The numbers of Plus and Pro are ours.
    assert_limits("chat", ["free", "plus", "pro"], &[("ai-credits", [most(10), most(500), most(2_000)])]);
}

const PEOPLE: [&str; 3] = ["free", "pro", "enterprise"];
const DEPARTMENTS: [&str; 3] = ["department-starter", "department-professional", "department-enterprise"];

#[test]
fn protocol_guide_limits() {
    assert_limits(
        "protocol-guide",
        PEOPLE,
        &[
            ("daily-queries", [most(5), UNLIMITED, UNLIMITED]),
            ("counties", [most(1), UNLIMITED, UNLIMITED]),
            ("bookmarks", [most(5), UNLIMITED, UNLIMITED]),
            ("states", [most(0), most(1), UNLIMITED]),
            ("agencies", [most(1), most(10), UNLIMITED]),
        ],
    );
    assert_limits(
        "protocol-guide",
        DEPARTMENTS,
        &[("protocols", [most(50), most(200), UNLIMITED]), ("storage", [most(1), most(10), most(100)])],
    );
}

#[test]
fn protocol_guide_features() {
    assert_features(
        "protocol-guide",
        PEOPLE,
        &[
            ("ai-haiku", [true, true, true]),
            ("ai-sonnet", [false, true, true]),
            ("ai-opus", [false, false, true]),
            ("offline-access", [false, true, true]),
            ("priority-support", [false, true, true]),
            ("advanced-search", [false, true, true]),
            ("sync-history", [false, true, true]),
            ("upload-protocols", [false, false, true]),
            ("manage-agency", [false, false, true]),
        ],
    );
    assert_features(
        "protocol-guide",
        DEPARTMENTS,
        &[
            ("custom-branding", [false, true, true]),
            ("sso", [false, false, true]),
            ("api-access", [false, false, true]),
            ("priority-support", [false, true, true]),
        ],
    );
    assert_highlights(
        "protocol-guide",
        ["department-starter", "department-enterprise"],
        ["Email support", "Dedicated support"],
    );
}

#[test]
fn protocol_guide_queries_come_back_the_next_day() {
    let guide = catalog("protocol-guide");
    let id = MeterId::parse("daily-queries").unwrap();
    let midnight = NOW.0 - DAY / 2;
    let counter = Counter { window_start: midnight, included: 5, used: 5, ..Counter::default() };
    let free = Standing { counters: BTreeMap::from([(id, counter)]), ..standing("free") };
    let at = |now| {
        let answer = meter(&guide, &free, "daily-queries", Timestamp(now));
        (answer.allowed, answer.remaining, answer.resets_at)
    };
    assert_eq!(at(NOW.0), (false, most(0), Some(midnight + DAY)));
    assert_eq!(at(midnight + DAY - 1), (false, most(0), Some(midnight + DAY)));
    assert_eq!(at(midnight + DAY), (true, most(5), Some(midnight + 2 * DAY)));
}

#[test]
fn protocol_guide_names_the_plan_to_upgrade_to() {
    let guide = catalog("protocol-guide");
    let answer = feature(&guide, &on(&guide, "free"), "offline-access");
    assert_eq!((answer.allowed, answer.unlocked_by), (false, Some(plan_id("pro"))));
    let queries = meter(&guide, &used(on(&guide, "free"), "daily-queries", 5), "daily-queries", NOW);
    assert_eq!((queries.allowed, queries.unlocked_by), (false, Some(plan_id("pro"))));
}
