//! What must hold whatever comes.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use serde_json::json;

use super::{CATALOGS, catalog, catalog_json, plan_id, read};
use crate::access::{PlanGrant, Policy, Reason};
use crate::money::{Currency, Money};
use crate::plan::{FeatureId, Limit, Price, Seats};
use crate::subscription::{Dispute, Status, Subscription};
use crate::time::{Seconds, Timestamp};

fn timestamp() -> impl Strategy<Value = Timestamp> {
    prop_oneof![4 => -1_000_i64..1_000, 1 => any::<i64>()].prop_map(Timestamp)
}

prop_compose! {
    fn any_subscription()(
        status in prop::sample::select(Status::ALL.to_vec()),
        quantity in any::<u32>(),
        times in [timestamp(), timestamp(), timestamp()],
        optional in [
            option::of(timestamp()),
            option::of(timestamp()),
            option::of(timestamp()),
            option::of(timestamp()),
            option::of(timestamp()),
            option::of(timestamp()),
        ],
        flags in any::<[bool; 2]>(),
        period_paid in any::<Option<bool>>(),
        dispute in prop::sample::select(vec![None, Some(Dispute::Open), Some(Dispute::Lost)]),
    ) -> Subscription {
        Subscription {
            quantity,
            created: times[0],
            period_start: times[1],
            period_end: times[2],
            cancel_at_period_end: flags[0],
            cancel_at: optional[0],
            canceled_at: optional[1],
            ended_at: optional[2],
            trial_start: optional[3],
            trial_end: optional[4],
            past_due_at: optional[5],
            period_paid,
            livemode: flags[1],
            dispute,
            ..super::subscription(status)
        }
    }
}

prop_compose! {
    fn any_policy()(grace in prop_oneof![0_i64..1_000, any::<i64>()], downgrade_on_dispute in any::<bool>()) -> Policy {
        Policy { free: plan_id("free"), past_due_grace: Seconds(grace), downgrade_on_dispute }
    }
}

proptest! {
    /// Access is total, and a tier is the plan's or the free one, never anything else.
    #[test]
    fn access_is_the_plan_or_free(
        policy in any_policy(),
        subscription in option::of(any_subscription()),
        known in any::<bool>(),
        now in timestamp(),
    ) {
        let plan = known.then(|| plan_id("pro"));
        let access = policy.access(subscription.as_ref(), plan.as_ref(), now);
        let unlocked = matches!(access.reason, Reason::Trial | Reason::Paid | Reason::Grace | Reason::PaidUntilEnd);
        prop_assert_eq!(access.tier.as_str(), if unlocked { "pro" } else { "free" });
        prop_assert!(!unlocked || (known && subscription.is_some()));
    }

    /// With a grant the tier is never lower than the subscription's, and never lower than the grant's while that lasts;
    /// after it, everything is as if it had never been.
    #[test]
    fn a_grant_only_adds_and_ends(
        policy in any_policy(),
        subscription in option::of(any_subscription()),
        sold in prop::sample::select(vec!["starter", "pro", "scale"]),
        granted in prop::sample::select(vec!["free", "starter", "pro", "scale"]),
        until in option::of(timestamp()),
        now in timestamp(),
    ) {
        let catalog = catalog("builder");
        let alone = policy.access(subscription.as_ref(), Some(&plan_id(sold)), now);
        let grant = PlanGrant { plan: plan_id(granted), until };
        let both = alone.clone().or_granted(Some(&grant), &catalog, now);
        prop_assert!(catalog.is_at_least(&both.tier, &alone.tier));
        if until.is_none_or(|until| now < until) {
            prop_assert!(catalog.is_at_least(&both.tier, &grant.plan));
            prop_assert_eq!(both.reason == Reason::Granted, both.tier != alone.tier);
        } else {
            prop_assert_eq!(&both, &alone);
        }
        if both.reason == Reason::Granted {
            prop_assert_eq!(both.review_at, until, "its end comes by itself");
        }
        prop_assert_eq!((both.subscribed, both.paid), (alone.subscribed, alone.paid));
    }

    /// Where an answer says when it changes, it holds until that moment and not after; otherwise it holds for ever.
    #[test]
    fn an_answer_holds_until_its_review(
        policy in any_policy(),
        subscription in any_subscription(),
        now in timestamp(),
        wait in 0_i64..3_000,
    ) {
        let plan = plan_id("pro");
        let at = |now| policy.access(Some(&subscription), Some(&plan), now);
        let later = now + Seconds(wait);
        let first = at(now);
        match first.review_at {
            None => prop_assert_eq!(at(later), first),
            Some(review) => {
                prop_assert!(now < review);
                if later < review { prop_assert_eq!(at(later), first); } else { prop_assert_eq!(at(later).tier, plan_id("free")); }
                prop_assert_eq!(at(review).review_at, None);
            }
        }
    }

    /// What has ended stays ended: once it is free, no passing of time unlocks it again, and nothing is scheduled.
    #[test]
    fn terminal_statuses_absorb(
        policy in any_policy(),
        subscription in any_subscription(),
        now in timestamp(),
        wait in 0_i64..3_000,
    ) {
        prop_assume!(subscription.status.is_terminal());
        let plan = plan_id("pro");
        let tier = |now| policy.access(Some(&subscription), Some(&plan), now).tier;
        prop_assert_eq!(subscription.scheduled_end(), None);
        if tier(now) == policy.free {
            prop_assert_eq!(tier(now + Seconds(wait)), policy.free.clone());
        }
    }

    /// The note of the first failed payment is stable: telling the same again changes nothing.
    #[test]
    fn the_note_is_idempotent(
        subscription in any_subscription(),
        stored in option::of(any_subscription()),
        now in timestamp(),
        later in timestamp(),
    ) {
        let first = subscription.clone().with_past_due_since(stored.as_ref(), now);
        let again = subscription.with_past_due_since(Some(&first), later);
        prop_assert_eq!(&again, &first);
        prop_assert_eq!(first.past_due_at.is_some(), first.past_due_at.is_some() && !matches!(first.status, Status::Active));
    }

    /// Any amount in any currency can be written, multiplied and divided.
    #[test]
    fn money_never_panics(amount in any::<i64>(), times in any::<u64>(), code in "[a-z]{3}") {
        let money = Money::new(amount, Currency::parse(&code).unwrap());
        prop_assert_eq!(money.to_string().starts_with('−'), amount < 0);
        let per_month = money.per_month_of_year();
        prop_assert!((i128::from(per_month.amount) * 12 - i128::from(amount)).abs() <= 12);
        if let Some(product) = money.times(times) {
            prop_assert_eq!(i128::from(product.amount), i128::from(amount) * i128::from(times));
        }
    }

    /// Two different amounts are never written alike.
    #[test]
    fn money_is_written_exactly(left in any::<i64>(), right in any::<i64>(), code in "usd|jpy|kwd|chf") {
        let write = |amount| Money::new(amount, Currency::parse(&code).unwrap()).to_string();
        prop_assert_eq!(write(left) == write(right), left == right);
    }

    /// Limits are totally ordered.
    #[test]
    fn limits_are_ordered(numbers in prop::array::uniform3(option::of(any::<u64>()))) {
        let [a, b, c] = numbers.map(|number| number.map_or(Limit::UNLIMITED, Limit::AtMost));
        prop_assert!(a.covers(a));
        prop_assert!(a.covers(b) || b.covers(a));
        prop_assert!(!(a.covers(b) && b.covers(c)) || a.covers(c));
        prop_assert_eq!(a.covers(b) && b.covers(a), a == b);
    }

    /// Seats are accepted exactly inside their range.
    #[test]
    fn seats_are_a_range(min in any::<u32>(), max in option::of(any::<u32>()), quantity in any::<u32>()) {
        let inside = quantity >= min && max.is_none_or(|max| quantity <= max);
        prop_assert_eq!(Seats { min, max }.check(quantity).is_ok(), inside);
    }

    /// The saving that is shown is never more than the true one.
    #[test]
    fn a_saving_never_promises_too_much(monthly in any::<u32>(), yearly in any::<u32>()) {
        let mut plan = catalog("builder").plans[1].clone();
        for (price, amount) in plan.prices.iter_mut().zip([monthly, yearly]) {
            price.amount = amount;
        }
        if let Some(percent) = plan.yearly_saving_percent() {
            let months = u128::from(monthly) * 12;
            prop_assert!((1..=100).contains(&percent));
            prop_assert!(u128::from(yearly) * 100 <= months * u128::from(100 - percent));
        }
    }

    /// A mistake in any plan of any catalogue is found where it is, and nowhere else.
    #[test]
    fn a_planted_mistake_is_found_in_its_place(
        name in prop::sample::select(CATALOGS.to_vec()),
        plan in any::<prop::sample::Index>(),
        mistake in 0..4,
    ) {
        let mut catalog = catalog(name);
        let place = plan.index(catalog.plans.len());
        let plan = &mut catalog.plans[place];
        let path = match mistake {
            0 => {
                plan.name.clear();
                format!("/plans/{place}/name")
            }
            1 => {
                plan.summary = "\t".to_owned();
                format!("/plans/{place}/summary")
            }
            2 => {
                plan.features.push(FeatureId::parse("zzz-unheard-of").unwrap());
                format!("/plans/{place}/features/{}", plan.features.len() - 1)
            }
            _ => {
                plan.highlights.push(String::new());
                format!("/plans/{place}/highlights/{}", plan.highlights.len() - 1)
            }
        };
        let paths: Vec<_> = catalog.problems().into_iter().map(|problem| problem.path).collect();
        prop_assert_eq!(paths, [path]);
    }

    /// A mistake in any price of any catalogue is found where it is, and nowhere else.
    #[test]
    fn a_planted_price_mistake_is_found_in_its_place(
        name in prop::sample::select(CATALOGS.to_vec()),
        chosen in any::<prop::sample::Index>(),
        mistake in 0..3,
    ) {
        let mut catalog = catalog(name);
        let places: Vec<_> = catalog.plans.iter().enumerate()
            .flat_map(|(plan, it)| (0..it.prices.len()).map(move |price| (plan, price)))
            .collect();
        let (plan, price) = places[chosen.index(places.len())];
        let prices = &mut catalog.plans[plan].prices;
        let path = match mistake {
            0 => {
                prices[price].amount = 0;
                format!("/plans/{plan}/prices/{price}/amount")
            }
            1 => {
                prices[price].stripe_price = "price_1".to_owned();
                format!("/plans/{plan}/prices/{price}/stripePrice")
            }
            _ => {
                let again = Price { stripe_price: "STRIPE_ANOTHER".to_owned(), ..prices[price].clone() };
                prices.push(again);
                format!("/plans/{plan}/prices/{}/period", prices.len() - 1)
            }
        };
        let paths: Vec<_> = catalog.problems().into_iter().map(|problem| problem.path).collect();
        prop_assert_eq!(paths, [path]);
    }

    /// However absurd its numbers and however its plans are shuffled, a catalogue can be checked.
    #[test]
    fn checking_never_panics(
        name in prop::sample::select(CATALOGS.to_vec()),
        numbers in vec(any::<u32>(), 24),
        order in any::<prop::sample::Index>(),
        code in "[a-z]{3}",
    ) {
        let mut catalog = catalog(name);
        let mut numbers = numbers.into_iter().cycle();
        let mut next = || numbers.next().unwrap_or_default();
        catalog.currency = Currency::parse(&code).unwrap();
        for plan in &mut catalog.plans {
            for price in &mut plan.prices {
                price.amount = next();
            }
            for limit in plan.limits.values_mut() {
                *limit = Limit::AtMost(u64::from(next()));
            }
            plan.seats = plan.seats.map(|_| Seats { min: next(), max: Some(next()) });
        }
        for pack in &mut catalog.packs {
            (pack.amount, pack.quantity, pack.valid_days) = (next(), u64::from(next()) << 30, Some(next()));
        }
        for meter in &mut catalog.meters {
            meter.carry_over = Some(u64::from(next()));
        }
        let middle = order.index(catalog.plans.len());
        catalog.plans.rotate_left(middle);
        let json = serde_json::to_value(&catalog).unwrap();
        for problem in catalog.problems() {
            let parent = problem.path.rsplit_once('/').map_or("", |(parent, _)| parent);
            prop_assert!(json.pointer(parent).is_some(), "{} leads nowhere", problem);
            prop_assert!(!problem.message.is_empty());
        }
    }

    /// Each mistake is told whatever else is wrong.
    #[test]
    fn mistakes_do_not_hide_each_other(planted in vec(any::<bool>(), 8)) {
        let mistakes = [
            ("/name", json!("")),
            ("/pastDueGraceDays", json!(999)),
            ("/features/0/name", json!("")),
            ("/meters/0/unit", json!("")),
            ("/plans/1/summary", json!("")),
            ("/plans/1/prices/0/stripePrice", json!("price_1")),
            ("/plans/2/features/0", json!("basic-featuers")),
            ("/plans/3/prices/1/amount", json!(999_999)),
        ];
        let mut json = catalog_json("builder");
        let mut expected = Vec::new();
        for ((pointer, value), _) in mistakes.into_iter().zip(planted).filter(|(_, planted)| *planted) {
            *json.pointer_mut(pointer).unwrap() = value;
            expected.push(pointer.to_owned());
        }
        let paths: Vec<_> = read(json).problems().into_iter().map(|problem| problem.path).collect();
        prop_assert_eq!(paths, expected);
    }
}
