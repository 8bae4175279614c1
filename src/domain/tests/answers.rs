//! What holds for every answer: of every catalogue, for any count, credits, reason and seats.

use proptest::option;
use proptest::prelude::*;

use super::entitlement::{NOW, standing};
use super::{CATALOGS, DAY, catalog};
use crate::access::Reason;
use crate::catalog::Catalog;
use crate::entitlement::{Standing, Why};
use crate::organization::{Kind, OrganizationId};
use crate::plan::{Audience, Limit, Plan, PlanId};
use crate::seat::Seat;
use crate::time::Timestamp;
use crate::usage::{Counter, Credits};

prop_compose! {
    /// The same counts and credits of every meter of a catalogue.
    fn usage(catalog: Catalog)(
        counts in prop::collection::vec((option::of(0..700_u64), 0..20_u64, 0..20_u64, 0..20_u64), catalog.meters.len()),
        credits in prop::collection::vec(prop_oneof![2 => Just(0), 1 => 1..600_u64], catalog.meters.len()),
        since in prop_oneof![Just(i64::MAX), Just(NOW.0 - 30 * DAY)],
    ) -> Standing {
        let mut standing = standing("free");
        for (meter, ((used, from_credits, reserved, carried), left)) in catalog.meters.iter().zip(counts.into_iter().zip(credits)) {
            if let Some(used) = used {
                let included = 50;
                let counter = Counter { window_start: since, included, used: used + from_credits, from_credits, reserved, carried, warned: 0 };
                standing.counters.insert(meter.id.clone(), counter);
            }
            let credits = Credits { id: "gra_1".to_owned(), left, expires_at: None };
            standing.credits.insert(meter.id.clone(), vec![credits]);
        }
        standing
    }
}

/// A catalogue with some carrying over, and a standing in it.
fn somebody() -> impl Strategy<Value = (Catalog, Standing, Reason, prop::sample::Index, u64)> {
    let catalogs = (prop::sample::select(CATALOGS.to_vec()), option::of(1..30_u64)).prop_map(|(name, carry_over)| {
        let mut catalog = catalog(name);
        for meter in &mut catalog.meters {
            meter.carry_over = carry_over;
        }
        catalog
    });
    catalogs.prop_flat_map(|catalog| {
        let reason = prop::sample::select(Reason::ALL.to_vec());
        (Just(catalog.clone()), usage(catalog), reason, any::<prop::sample::Index>(), 1..800_u64)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// A higher plan allows every feature of a lower one, and at least as much of every meter.
    #[test]
    fn a_higher_plan_allows_at_least_as_much((catalog, somebody, _, _, amount) in somebody()) {
        for audience in [Audience::Individual, Audience::Team] {
            let free = catalog.plan(&catalog.free_plan).into_iter();
            let ladder: Vec<_> = free.chain(catalog.plans_for(audience).filter(|plan| plan.id != catalog.free_plan)).collect();
            for (lower, higher) in ladder.iter().zip(ladder.iter().skip(1)) {
                let on = |tier: &Plan| Standing { tier: tier.id.clone(), reason: Reason::Paid, ..somebody.clone() };
                let (below, above) = (on(lower), on(higher));
                for feature in &catalog.features {
                    let allowed = |standing: &Standing| standing.feature(&catalog, feature, NOW).allowed;
                    prop_assert!(allowed(&above) >= allowed(&below), "{} {}", higher.id, feature.id);
                }
                for meter in &catalog.meters {
                    let answer = |standing: &Standing| standing.meter(&catalog, meter, amount, NOW);
                    let (below, above) = (answer(&below), answer(&above));
                    prop_assert!(above.allowed >= below.allowed, "{} {}", higher.id, meter.id);
                    prop_assert!(above.remaining.covers(below.remaining), "{} {}", higher.id, meter.id);
                    prop_assert!(above.limit.covers(below.limit), "{} {}", higher.id, meter.id);
                }
            }
        }
    }

    /// Every answer is of one piece: what it says would unlock it does, and its sentence is one.
    #[test]
    fn every_answer_is_of_one_piece((catalog, somebody, reason, chosen, amount) in somebody()) {
        let plan = &catalog.plans[chosen.index(catalog.plans.len())];
        let giving = [Reason::Trial, Reason::Paid, Reason::Grace, Reason::PaidUntilEnd, Reason::Granted];
        let on_plan = giving.contains(&reason);
        let tier = if on_plan { &plan.id } else { &catalog.free_plan };
        let kind = if plan.audience == Audience::Team { Kind::Team } else { Kind::Personal };
        let standing = Standing { tier: tier.clone(), subscribed: Some(plan.id.clone()), reason, kind, ..somebody };
        let once_on = |tier: &PlanId| Standing { tier: tier.clone(), reason: Reason::Paid, ..standing.clone() };
        let mut sentences = Vec::new();
        for feature in &catalog.features {
            let answer = standing.feature(&catalog, feature, NOW);
            prop_assert_eq!(answer.allowed, answer.reason.allows());
            prop_assert!(!answer.allowed || answer.unlocked_by.is_none());
            if let Some(unlocked_by) = &answer.unlocked_by {
                prop_assert!(once_on(unlocked_by).feature(&catalog, feature, NOW).allowed);
            }
            sentences.push(answer.message);
        }
        for meter in &catalog.meters {
            let answer = standing.meter(&catalog, meter, amount, NOW);
            prop_assert_eq!(answer.allowed, answer.reason.allows());
            prop_assert_eq!(answer.allowed, answer.remaining.covers(Limit::AtMost(amount)));
            prop_assert!(!answer.allowed || answer.unlocked_by.is_none());
            prop_assert_eq!(answer.percent.is_none(), matches!(answer.remaining, Limit::Unlimited(_)) || answer.used + answer.reserved == 0 && answer.remaining == Limit::AtMost(0));
            if !answer.allowed {
                let enough = |plan: &&Plan| once_on(&plan.id).meter(&catalog, meter, amount, NOW).allowed;
                let had = catalog.plan(&plan.id).filter(|_| !on_plan && reason != Reason::NoSubscription && reason != Reason::UnknownPrice);
                let first = had.filter(enough).or_else(|| catalog.plans_for(plan.audience).find(enough));
                // What an earlier window leaves over is reckoned by the plan now, and again by the one that is bought
                // before anything is counted: it may leave more than could be promised.
                let (_, window) = standing.account(&catalog, meter, NOW);
                let leaves = |counter: &Counter| counter.window_start < window.start.0;
                let promised_less = meter.carry_over.is_some() && standing.counters.get(&meter.id).is_some_and(leaves);
                match &answer.unlocked_by {
                    Some(unlocked_by) if promised_less => {
                        prop_assert!(once_on(unlocked_by).meter(&catalog, meter, amount, NOW).allowed);
                    }
                    None if promised_less => {}
                    unlocked_by => prop_assert_eq!(unlocked_by, &first.map(|plan| plan.id.clone())),
                }
            }
            sentences.push(answer.message);
        }
        for sentence in sentences {
            prop_assert!(sentence.ends_with('.') && !sentence.contains("..") && !sentence.contains("  "), "{}", sentence);
            prop_assert!(sentence.starts_with(|first: char| first.is_uppercase()), "{}", sentence);
        }
    }

    /// A seat only adds: no answer gets worse by one, nor ends sooner. What comes from it says so, and nothing else
    /// does.
    #[test]
    fn a_seat_only_adds(
        (catalog, somebody, reason, chosen, amount) in somebody(),
        seats in prop::collection::vec((any::<prop::sample::Index>(), option::of(1..90_i64)), 1..4),
    ) {
        let own = &catalog.plans[chosen.index(catalog.plans.len())];
        let seats = seats.into_iter().enumerate().map(|(number, (plan, days))| Seat {
            organization: OrganizationId(format!("org_{number}")),
            name: format!("Station {number}"),
            tier: catalog.plans[plan.index(catalog.plans.len())].id.clone(),
            reason,
            until: days.map(|days| Timestamp(NOW.0 + days * DAY)),
        });
        let alone = Standing { tier: own.id.clone(), subscribed: Some(own.id.clone()), reason, ..somebody };
        let seated = Standing { seats: seats.collect(), ..alone.clone() };
        let lasts = |until: Option<i64>| until.unwrap_or(i64::MAX);
        for feature in &catalog.features {
            let (without, with) = (alone.feature(&catalog, feature, NOW), seated.feature(&catalog, feature, NOW));
            prop_assert!(with.allowed >= without.allowed, "{}", feature.id);
            prop_assert!(!without.allowed || lasts(with.until) >= lasts(without.until), "{}", feature.id);
            prop_assert_eq!(with.source.is_some(), with.reason == Why::Seat);
            prop_assert_eq!(without.source, None);
        }
        for meter in &catalog.meters {
            let answer = |standing: &Standing| standing.meter(&catalog, meter, amount, NOW);
            let (without, with) = (answer(&alone), answer(&seated));
            prop_assert!(with.allowed >= without.allowed, "{}", meter.id);
            prop_assert!(with.remaining.covers(without.remaining), "{}", meter.id);
            prop_assert!(with.limit.covers(without.limit), "{}", meter.id);
            prop_assert_eq!(with.source.is_some(), with.reason == Why::Seat);
            prop_assert!(with.message.ends_with('.') && !with.message.contains(".."), "{}", with.message);
            if let Some(source) = &with.source {
                let plan = catalog.plan(&source.plan).filter(|plan| plan.seats.is_some());
                prop_assert_eq!(plan.and_then(|plan| plan.limits.get(&meter.id)), Some(&with.limit));
                prop_assert!(!without.limit.covers(with.limit), "what is equal comes from the plan");
            }
        }
    }

    /// Without a seat nobody has more than on the free plan, and nobody less.
    #[test]
    fn a_member_without_a_seat_is_on_the_free_plan((catalog, somebody, _, chosen, amount) in somebody()) {
        let plan = &catalog.plans[chosen.index(catalog.plans.len())];
        let team = Standing { tier: plan.id.clone(), reason: Reason::Paid, kind: Kind::Team, ..somebody };
        prop_assert_eq!(&*team.of_member(&catalog, true), &team);
        let without = team.of_member(&catalog, false);
        let free = Standing { tier: catalog.free_plan.clone(), ..team.clone() };
        let counts = if plan.seats.is_some() { &free } else { &team };
        for feature in &catalog.features {
            let allowed = |standing: &Standing| standing.feature(&catalog, feature, NOW).allowed;
            prop_assert_eq!(allowed(&without), allowed(counts));
        }
        for meter in &catalog.meters {
            let left = |standing: &Standing| standing.meter(&catalog, meter, amount, NOW).remaining;
            prop_assert_eq!(left(&without), left(counts));
        }
    }
}
