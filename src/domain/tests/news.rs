//! Events against what is stored: whatever comes in whatever order, what is stored never goes back in time, and once
//! everything has come it is the truth.

use proptest::prelude::*;

use super::subscription;
use crate::news::{CLOCKS_APART, Horizon, Kind, News, Verdict, judge};
use crate::subscription::{NextTerms, Status, Subscription};
use crate::time::{Seconds, Timestamp};

fn version(quantity: u32) -> Subscription {
    Subscription { quantity, ..subscription(Status::Active) }
}

fn changed(created: i64, before: u32, after: u32) -> News {
    News { created: Timestamp(created), kind: Kind::Changed(Box::new(version(before))), after: version(after) }
}

fn horizon(at: i64) -> Horizon {
    Horizon { older_before: Timestamp(at), newer_after: Timestamp(at) }
}

#[test]
fn the_direct_successor_is_stored_without_asking() {
    let stored = version(1);
    assert_eq!(judge(Some((&stored, horizon(10))), &changed(11, 1, 2)), Verdict::Apply(horizon(11)));
    assert_eq!(judge(Some((&stored, horizon(10))), &changed(11, 2, 3)), Verdict::Ask, "one is missing between");
    assert_eq!(judge(Some((&stored, horizon(10))), &changed(10, 1, 2)), Verdict::Ask, "one second has no order");
    assert_eq!(judge(Some((&stored, horizon(10))), &changed(9, 1, 2)), Verdict::Older);
    assert_eq!(judge(Some((&stored, horizon(10))), &changed(12, 5, 1)), Verdict::Same(horizon(12)));
}

#[test]
fn the_first_event_of_a_life_is_older_than_all_others() {
    let created = News { created: Timestamp(5), kind: Kind::Created, after: version(1) };
    let Verdict::Apply(first) = judge(None, &created) else { panic!("nothing stands against it") };
    assert_eq!(judge(Some((&version(1), first)), &changed(5, 1, 2)), Verdict::Apply(horizon(5)), "the same second");
    assert_eq!(judge(Some((&version(2), horizon(5))), &created), Verdict::Older);
}

#[test]
fn an_end_is_final() {
    let ended = subscription(Status::Canceled);
    let news = News { created: Timestamp(1), kind: Kind::Mentioned, after: ended.clone() };
    assert!(matches!(judge(Some((&version(1), horizon(9))), &news), Verdict::Apply(_)), "whatever is stored");
    assert_eq!(judge(Some((&ended, horizon(1))), &changed(99, 1, 2)), Verdict::Older);
}

#[test]
fn around_an_answer_the_clocks_decide_nothing() {
    let answer = Horizon::of_answer(Timestamp(1_000), Some(horizon(500)));
    let at = |created| judge(Some((&version(1), answer)), &changed(created, 1, 2));
    assert_eq!(at(499), Verdict::Older, "by Stripe's own clock");
    assert_eq!(at(500), Verdict::Ask);
    assert_eq!(at(1_000 + CLOCKS_APART.0), Verdict::Ask);
    assert!(matches!(at(1_000 + CLOCKS_APART.0 + 1), Verdict::Apply(_)));
}

#[test]
fn a_schedule_is_asked_for() {
    let scheduled = Subscription { schedule: Some("sub_sched_1".to_owned()), ..version(2) };
    let news = News { after: scheduled.clone(), ..changed(11, 1, 2) };
    assert_eq!(judge(Some((&version(1), horizon(10))), &news), Verdict::Ask);
    assert_eq!(judge(None, &news), Verdict::Ask);
}

#[test]
fn what_a_schedule_brings_is_kept_until_it_comes() {
    let next = NextTerms { price: "price_2".to_owned(), quantity: 1, at: Timestamp(100) };
    let schedule = |quantity| Subscription { schedule: Some("sub_sched_1".to_owned()), ..version(quantity) };
    let stored = Subscription { next: Some(next.clone()), ..schedule(1) };
    let at = |created, before: &Subscription, after: Subscription| {
        let kind = Kind::Changed(Box::new(before.clone()));
        judge(Some((&stored, horizon(10))), &News { created: Timestamp(created), kind, after })
    };
    assert_eq!(at(11, &stored, schedule(2)), Verdict::Apply(horizon(11)));
    assert_eq!(schedule(2).with_next_of(Some(&stored)).next, Some(next));
    assert_eq!(at(100, &stored, schedule(2)), Verdict::Ask, "it has come, and another may follow");
    let begun = Subscription { period_start: Timestamp(100), ..schedule(2) };
    assert_eq!(at(11, &stored, begun), Verdict::Ask, "also where the event's own clock is another one");

    let other = Subscription { schedule: Some("sub_sched_2".to_owned()), ..version(2) };
    assert_eq!(at(11, &stored, other.clone()), Verdict::Ask);
    for unscheduled in [other, version(2), Subscription { status: Status::Canceled, ..schedule(2) }] {
        assert_eq!(unscheduled.with_next_of(Some(&stored)).next, None);
    }
}

/// A life: states that may recur, each some seconds after the one before, and the events that tell of them.
#[derive(Debug)]
struct Life {
    versions: Vec<u32>,
    times: Vec<i64>,
}

impl Life {
    fn news(&self, index: usize) -> News {
        match index {
            0 => News { created: Timestamp(self.times[0]), kind: Kind::Created, after: version(self.versions[0]) },
            _ => changed(self.times[index], self.versions[index - 1], self.versions[index]),
        }
    }
}

prop_compose! {
    fn any_life()(steps in prop::collection::vec((0_i64..3, 0_u32..3), 1..10)) -> Life {
        let mut life = Life { versions: Vec::new(), times: Vec::new() };
        let mut now = 1_000_000;
        for (wait, version) in steps {
            now += wait;
            life.times.push(now);
            life.versions.push(version);
        }
        life
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Everything is delivered, in any order, some of it twice, while our clock is behind by as much as signatures allow,
    /// or ahead by any time, and answers are given at any time: the truth is stored in the end.
    #[test]
    fn delivered_in_any_order_a_life_ends_in_the_truth(
        life in any_life(),
        order in prop::collection::vec(any::<prop::sample::Index>(), 0..30),
        skew in -CLOCKS_APART.0..=1_000_000,
        asked_late in 0_i64..4,
    ) {
        let last = life.versions.len() - 1;
        let mut deliveries: Vec<usize> = order.iter().map(|index| index.index(life.versions.len())).collect();
        deliveries.extend((0..=last).filter(|index| !order.iter().any(|it| it.index(last + 1) == *index)));
        let truth = version(life.versions[last]);
        let asked_at = Timestamp(life.times[last] + asked_late) + Seconds(skew);
        let mut stored: Option<(Subscription, Horizon)> = None;
        for index in deliveries {
            let news = life.news(index);
            match judge(stored.as_ref().map(|(stored, horizon)| (stored, *horizon)), &news) {
                Verdict::Apply(horizon) => stored = Some((news.after, horizon)),
                Verdict::Same(horizon) => stored = stored.map(|(known, _)| (known, horizon)),
                Verdict::Older => {}
                Verdict::Ask => {
                    let known = stored.map(|(_, horizon)| horizon);
                    stored = Some((truth.clone(), Horizon::of_answer(asked_at, known)));
                }
            }
        }
        prop_assert_eq!(stored.map(|(stored, _)| stored), Some(truth));
    }

    /// Delivered in order and in different seconds, nothing is asked of Stripe.
    #[test]
    fn in_order_nothing_is_asked(versions in prop::collection::vec(0_u32..3, 1..10)) {
        let life = Life { times: (0..).take(versions.len()).collect(), versions };
        let mut stored: Option<(Subscription, Horizon)> = None;
        for index in 0..life.versions.len() {
            let news = life.news(index);
            let verdict = judge(stored.as_ref().map(|(stored, horizon)| (stored, *horizon)), &news);
            let (Verdict::Apply(horizon) | Verdict::Same(horizon)) = verdict else {
                return Err(TestCaseError::fail(format!("event {index}: {verdict:?}")));
            };
            stored = Some((news.after, horizon));
        }
    }
}
