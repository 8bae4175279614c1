//! Usage: tables for what is counted, held and carried over.

use crate::plan::Limit;
use crate::time::Timestamp;
use crate::usage::{Account, Counter, Credits, NotEnough, Taken, Warning, kept_of};
use crate::window::Window;

/// Windows of 100 seconds.
pub(super) fn window(now: i64) -> Window {
    let start = now.div_euclid(100) * 100;
    Window { previous: Timestamp(start - 100), start: Timestamp(start), end: Some(Timestamp(start + 100)) }
}

pub(super) fn credits(id: &str, left: u64, expires_at: Option<i64>) -> Credits {
    Credits { id: id.to_owned(), left, expires_at: expires_at.map(Timestamp) }
}

fn taken(included: u64, credits: &[(&str, u64)]) -> Taken {
    Taken { included, credits: credits.iter().map(|(id, part)| ((*id).to_owned(), *part)).collect() }
}

/// In the window from 100 on, with so much included and used, and these credits.
fn account(included: u64, used: u64, credits: impl IntoIterator<Item = Credits>) -> Account {
    let counter = Counter { window_start: 100, included, used, ..Counter::default() };
    Account::at(Limit::AtMost(included), Some(counter), credits, window(100), 0, Timestamp(100))
}

pub(super) fn left(account: &Account) -> u64 {
    match account.left() {
        Limit::AtMost(left) => left,
        Limit::Unlimited(_) => panic!("{account:?} has no limit"),
    }
}

/// What is left of each.
fn lefts(account: &Account) -> Vec<(&str, u64)> {
    account.credits.iter().map(|credits| (credits.id.as_str(), credits.left)).collect()
}

#[test]
fn what_is_paid_back_is_taken_back_in_the_same_measure_and_never_more() {
    for (back, kept) in [(0, 250), (1, 250), (3, 249), (100, 217), (375, 125), (749, 1), (750, 0), (751, 0)] {
        assert_eq!(kept_of(250, back, 750), kept, "{back} of 750");
    }
    assert_eq!((kept_of(250, 0, 0), kept_of(250, 1, 0)), (250, 0));
    assert_eq!(kept_of(u64::MAX, u64::MAX - 1, u64::MAX), 1, "no sum overflows");
}

#[test]
fn the_plan_is_used_first_and_then_what_is_lost_first() {
    let given = [
        credits("never", 5, None),
        credits("b", 5, Some(900)),
        credits("late", 5, Some(901)),
        credits("a", 5, Some(900)),
    ];
    let mut account = account(10, 7, given);
    let rows = [
        (2, taken(2, &[])),
        (3, taken(1, &[("a", 2)])),
        (5, taken(0, &[("a", 3), ("b", 2)])),
        (10, taken(0, &[("b", 3), ("late", 5), ("never", 2)])),
        (0, taken(0, &[])),
    ];
    for (amount, expected) in rows {
        assert_eq!(account.consume(amount), Ok(expected), "{amount}");
    }
    assert_eq!(lefts(&account), [("a", 0), ("b", 0), ("late", 0), ("never", 3)]);
    assert_eq!((account.counter.used, account.counter.from_credits, account.credits_left()), (27, 17, 3));
    assert_eq!(left(&account), 3);
}

#[test]
fn what_is_refused_changes_nothing_and_says_what_is_left() {
    let mut account = account(10, 8, [credits("a", 3, None)]);
    let before = account.clone();
    assert!(account.has(5) && !account.has(6));
    assert_eq!(account.consume(6), Err(NotEnough { left: 5 }));
    assert_eq!(account.reserve(u64::MAX), Err(NotEnough { left: 5 }));
    assert_eq!(account, before);
    let held = account.reserve(4).unwrap();
    let before = account.clone();
    assert_eq!(account.confirm(&held, 100, 6), Err(NotEnough { left: 5 }), "four that are held, and one");
    assert_eq!(account, before);
    assert_eq!(NotEnough { left: 5 }.to_string(), "5 are left");
}

#[test]
fn no_limit_is_no_limit() {
    let unlimited = |counter| {
        let given = [credits("a", 5, None)];
        Account::at(Limit::UNLIMITED, counter, given, window(100), 9, Timestamp(100))
    };
    let mut account = unlimited(None);
    assert_eq!(account.consume(1_000_000), Ok(taken(1_000_000, &[])));
    let held = account.reserve(7).unwrap();
    assert_eq!(held, taken(7, &[]), "credits are for where there is a limit");
    assert_eq!((account.left(), account.percent(), account.warning()), (Limit::UNLIMITED, None, None));
    assert_eq!((account.new_warning(), account.credits_left()), (None, 5));
    assert!(account.has(u64::MAX));
    account.confirm(&held, 100, 7).unwrap();
    assert_eq!((account.counter.used, account.counter.reserved), (1_000_007, 0));
    let next = Account::at(Limit::AtMost(10), Some(account.counter), [], window(200), 9, Timestamp(200));
    assert_eq!(left(&next), 10, "nothing was left over of what had no limit");
}

#[test]
fn a_count_starts_again_with_its_window() {
    let before =
        Counter { window_start: 100, included: 10, used: 9, from_credits: 2, reserved: 1, carried: 3, warned: 80 };
    let at = |now| Account::at(Limit::AtMost(10), Some(before), [], window(now), 0, Timestamp(now)).counter;
    assert_eq!(at(100), before);
    assert_eq!(at(199), before);
    assert_eq!(at(200), Counter { window_start: 200, included: 10, ..Counter::default() });
    assert_eq!(at(99), before, "a window from before is counted in another way: what was used stays used");
    let first = Account::at(Limit::AtMost(10), None, [], window(100), 5, Timestamp(100)).counter;
    assert_eq!(first, Counter { window_start: 100, included: 10, ..Counter::default() }, "and nothing is carried");
}

#[test]
fn what_is_left_of_the_plan_is_carried_over_and_only_that() {
    let counter = Counter { window_start: 100, included: 10, ..Counter::default() };
    // What was counted, what the plan includes now, how much may be carried over, when, how much is.
    let rows = [
        ("all of it", Counter { used: 4, ..counter }, 10, 50, 200, 6),
        ("as much as may be", Counter { used: 4, ..counter }, 10, 5, 200, 5),
        ("nothing may be", Counter { used: 4, ..counter }, 10, 0, 200, 0),
        ("nothing is left", Counter { used: 10, ..counter }, 10, 50, 200, 0),
        ("credits are not the plan's", Counter { used: 12, from_credits: 8, ..counter }, 10, 50, 200, 6),
        ("what is held may still be used", Counter { used: 4, reserved: 5, ..counter }, 10, 50, 200, 1),
        ("what was carried was used first", Counter { used: 4, carried: 3, ..counter }, 10, 50, 200, 9),
        ("and is lost", Counter { used: 2, carried: 3, ..counter }, 10, 50, 200, 10),
        ("from a window without use", Counter { used: 10, ..counter }, 10, 50, 300, 10),
        ("however long ago", Counter { used: 10, ..counter }, 10, 50, 10_000, 10),
        ("a smaller plan before", Counter { used: 4, ..counter }, 100, 50, 200, 6),
        ("a smaller plan before, used up", Counter { used: 10, ..counter }, 100, 50, 200, 0),
        ("a smaller plan now", Counter { used: 4, ..counter }, 5, 50, 200, 1),
        ("a smaller plan now, without use", Counter { used: 4, ..counter }, 5, 50, 300, 5),
        ("a plan without it", Counter { used: 4, ..counter }, 0, 50, 200, 0),
        ("the same window", Counter { used: 4, carried: 2, ..counter }, 10, 50, 199, 2),
    ];
    for (what, before, included, up_to, now, carried) in rows {
        let account = Account::at(Limit::AtMost(included), Some(before), [], window(now), up_to, Timestamp(now));
        assert_eq!(account.counter.carried, carried, "{what}");
        assert_eq!(account.counter.included, included, "{what}");
    }
}

#[test]
fn what_is_carried_over_is_used_like_the_plans() {
    let before = Counter { window_start: 100, included: 10, used: 6, ..Counter::default() };
    let next = |limit| Account::at(limit, Some(before), [credits("a", 2, None)], window(200), 3, Timestamp(200));
    let mut account = next(Limit::AtMost(10));
    assert_eq!(left(&account), 15);
    assert_eq!(account.consume(14), Ok(taken(13, &[("a", 1)])));
    let without = Account { limit: Limit::AtMost(0), ..next(Limit::AtMost(10)) };
    assert_eq!(without.counter.carried, 3);
    assert_eq!(left(&without), 2, "a plan that includes nothing has nothing to carry over to");
}

#[test]
fn what_exists_no_longer_is_given_back() {
    let mut account = account(3, 0, [credits("a", 2, None)]);
    account.consume(5).unwrap();
    // How much is given back, how much of it was used, what is used then, what is left.
    for (amount, back, used, left_then) in [(0, 0, 5, 0), (2, 2, 3, 2), (2, 2, 1, 3), (9, 1, 0, 3), (1, 0, 0, 3)] {
        assert_eq!(account.give_back(amount), back);
        assert_eq!((account.counter.used, left(&account)), (used, left_then), "credits are used up for good");
    }
    assert_eq!(account.credits_left(), 0);
}

#[test]
fn credits_that_have_expired_are_gone() {
    let given = || [credits("now", 5, Some(100)), credits("soon", 5, Some(101)), credits("empty", 0, Some(500))];
    let account = account(0, 0, given());
    assert_eq!(lefts(&account), [("soon", 5), ("empty", 0)], "used up is not expired");
    assert_eq!(left(&account), 5);
}

#[test]
fn what_is_held_and_let_go_was_never_held() {
    let before = account(10, 8, [credits("a", 3, Some(900)), credits("b", 3, None)]);
    for amount in 0..=8 {
        let mut account = before.clone();
        let held = account.reserve(amount).unwrap();
        assert_eq!(held.total(), amount);
        assert_eq!(left(&account), 8 - amount);
        account.release(&held, 100);
        assert_eq!(account, before, "{amount}");
        let (mut held_first, mut at_once) = (before.clone(), before.clone());
        let held = held_first.reserve(amount).unwrap();
        assert_eq!(held_first.confirm(&held, 100, amount), at_once.consume(amount));
        assert_eq!(held_first, at_once, "{amount}");
    }
}

#[test]
fn credits_that_a_reservation_used_up_come_back() {
    let mut account = account(0, 0, [credits("a", 3, None)]);
    let held = account.reserve(3).unwrap();
    let stored = account.credits.clone();
    assert_eq!(stored, [credits("a", 0, None)]);
    let mut later = Account::at(Limit::AtMost(0), Some(account.counter), stored, window(5_000), 0, Timestamp(5_000));
    later.release(&held, 100);
    assert_eq!((left(&later), later.credits_left()), (3, 3));
}

/// When, the plan then, how much, what was taken; then what is used, held, from credits, and left of the credits.
type Confirmation = (i64, Limit, u64, Taken, [u64; 3], &'static [(&'static str, u64)]);

#[test]
fn a_reservation_is_used_as_it_was_held() {
    let before = account(10, 8, [credits("a", 3, Some(150)), credits("b", 3, None)]);
    let mut holding = before.clone();
    let held = holding.reserve(6).unwrap();
    assert_eq!(held, taken(2, &[("a", 3), ("b", 1)]));
    let at =
        |now, limit| Account::at(limit, Some(holding.counter), holding.credits.clone(), window(now), 0, Timestamp(now));
    let ten = Limit::AtMost(10);
    let rows: [Confirmation; 10] = [
        (100, ten, 6, held.clone(), [14, 0, 4], &[("a", 0), ("b", 2)]),
        (100, ten, 4, taken(2, &[("a", 2)]), [12, 0, 2], &[("a", 1), ("b", 3)]),
        (100, ten, 1, taken(1, &[]), [9, 0, 0], &[("a", 3), ("b", 3)]),
        (100, ten, 0, taken(0, &[]), [8, 0, 0], &[("a", 3), ("b", 3)]),
        (100, ten, 8, taken(2, &[("a", 3), ("b", 3)]), [16, 0, 6], &[("a", 0), ("b", 0)]),
        // A smaller plan takes nothing back that is held.
        (100, Limit::AtMost(1), 6, held.clone(), [14, 0, 4], &[("a", 0), ("b", 2)]),
        // Credits that have expired meanwhile: what was held of them is used, what is let go is lost.
        (150, ten, 6, held.clone(), [14, 0, 4], &[("b", 2)]),
        (150, ten, 3, taken(2, &[("a", 1)]), [11, 0, 1], &[("b", 3)]),
        // In a later window the plan's share was taken from the window in which it was held.
        (200, ten, 6, held.clone(), [4, 0, 4], &[("b", 2)]),
        (200, ten, 9, taken(5, &[("a", 3), ("b", 1)]), [7, 0, 4], &[("b", 2)]),
    ];
    for (now, limit, amount, expected, counted, credits) in rows {
        let mut account = at(now, limit);
        assert_eq!(account.confirm(&held, 100, amount), Ok(expected), "{amount} at {now}");
        let Counter { used, reserved, from_credits, .. } = account.counter;
        assert_eq!([used, reserved, from_credits], counted, "{amount} at {now}");
        assert_eq!(lefts(&account), credits, "{amount} at {now}");
    }
    let mut next = at(200, ten);
    next.release(&held, 100);
    assert_eq!((left(&next), lefts(&next)), (13, vec![("b", 3)]), "of the plan's share there is nothing to let go");
}

#[test]
fn a_meter_that_is_nearly_used_up_says_so() {
    // Included, used, held, credits left: percent, warning.
    let rows = [
        ([0, 0, 0, 0], None, None),
        ([0, 0, 0, 5], Some(0), None),
        ([100, 0, 0, 0], Some(0), None),
        ([100, 79, 0, 0], Some(79), None),
        ([100, 80, 0, 0], Some(80), Some(Warning::Nearly)),
        ([100, 40, 40, 0], Some(80), Some(Warning::Nearly)),
        ([100, 94, 0, 0], Some(94), Some(Warning::Nearly)),
        ([100, 95, 0, 0], Some(95), Some(Warning::Almost)),
        ([100, 100, 0, 0], Some(100), Some(Warning::Almost)),
        ([1_000, 799, 0, 0], Some(79), None),
        ([1_000, 949, 0, 0], Some(94), Some(Warning::Nearly)),
        ([3, 2, 0, 0], Some(66), None),
        ([1, 1, 0, 0], Some(100), Some(Warning::Almost)),
        ([100, 95, 0, 100], Some(47), None),
        ([10, 50, 0, 0], Some(100), Some(Warning::Almost)),
    ];
    for ([included, used, reserved, left], percent, warning) in rows {
        let counter = Counter { window_start: 100, used, reserved, ..Counter::default() };
        let given = [credits("a", left, None)];
        let account = Account::at(Limit::AtMost(included), Some(counter), given, window(100), 0, Timestamp(100));
        assert_eq!((account.percent(), account.warning()), (percent, warning), "{used} + {reserved} of {included}");
    }
    assert_eq!(Warning::ALL.map(Warning::percent), [95, 80]);
    assert_eq!(serde_json::to_string(&Warning::ALL).unwrap(), "[\"95\",\"80\"]");
}

#[test]
fn each_warning_is_given_once_in_a_window() {
    let mut account = account(100, 0, []);
    let mut warnings = Vec::new();
    for _ in 0..100 {
        account.consume(1).unwrap();
        warnings.extend(account.new_warning().map(|warning| (account.counter.used, warning)));
    }
    assert_eq!(warnings, [(80, Warning::Nearly), (95, Warning::Almost)]);
    account.give_back(50);
    account.consume(40).unwrap();
    assert_eq!(account.new_warning(), None, "not again in this window");
    let mut next = Account::at(account.limit, Some(account.counter), [], window(200), 0, Timestamp(200));
    assert_eq!(next.new_warning(), None);
    next.consume(97).unwrap();
    assert_eq!((next.new_warning(), next.new_warning()), (Some(Warning::Almost), None), "the higher one says it all");
}
