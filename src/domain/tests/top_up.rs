//! When a pack is bought by itself, and that a cap is never passed.

use proptest::prelude::*;

use crate::plan::Limit;
use crate::subscription::Status;
use crate::time::Timestamp;
use crate::top_up::{Cap, Pause, Rule, month, owes, proposed_threshold};
use crate::window::Zone;

use super::entitlement::NOW;

const RULE: Rule = Rule { below: 4, adds: 20, not_before: None };

#[test]
fn a_pack_is_due_when_less_than_the_threshold_is_left() {
    for (left, refused, due) in [
        (5, 0, None),
        (4, 0, None),
        (3, 0, Some(4)),
        (0, 0, Some(4)),
        (10, 12, Some(12)),
        (10, 30, Some(30)),
        // One pack more would not be enough either.
        (10, 31, None),
        (0, 1_000_000, Some(4)),
        (3, 1_000_000, Some(4)),
    ] {
        assert_eq!(RULE.due(Limit::AtMost(left), refused, NOW), due, "{left} left, {refused} refused");
    }
    assert_eq!(RULE.due(Limit::UNLIMITED, 0, NOW), None);
}

#[test]
fn nothing_is_due_before_the_moment_that_is_waited_for() {
    let waiting = Rule { not_before: Some(NOW), ..RULE };
    assert_eq!(waiting.due(Limit::AtMost(0), 0, Timestamp(NOW.0 - 1)), None);
    assert_eq!(waiting.due(Limit::AtMost(0), 0, NOW), Some(4));
}

#[test]
fn what_is_proposed_is_a_tenth() {
    assert_eq!(proposed_threshold(Limit::AtMost(500), 250), 50);
    assert_eq!(proposed_threshold(Limit::AtMost(5), 20), 1);
    assert_eq!(proposed_threshold(Limit::AtMost(0), 250), 25);
    assert_eq!(proposed_threshold(Limit::UNLIMITED, 3), 1);
}

#[test]
fn a_month_begins_where_the_organization_is() {
    // 2026-11-21T12:00:00Z.
    let zone = Zone::parse("Pacific/Auckland").unwrap();
    let utc = month(&Zone::default(), NOW);
    let there = month(&zone, NOW);
    assert_eq!(utc.start.0 - there.start.0, 13 * 3600);
    assert_eq!(month(&zone, Timestamp(utc.end.unwrap().0 - 1)).start, there.end.unwrap());
}

#[test]
fn who_owes_is_sold_no_more() {
    for status in Status::ALL {
        assert_eq!(owes(status), matches!(status, Status::PastDue | Status::Unpaid), "{status:?}");
    }
}

#[test]
fn reasons_are_stored_by_their_words() {
    for word in ["declined", "needs_confirmation", "no_payment_method", "another_price", "not_paid"] {
        assert_eq!(Pause::parse(word).map(Pause::as_str), Some(word));
        assert_eq!(serde_json::to_value(Pause::parse(word)).unwrap(), word);
    }
    assert_eq!(Pause::parse("bored"), None);
}

proptest! {
    #[test]
    fn a_cap_is_never_passed(most in 0_i64..1_000_000, amounts in prop::collection::vec(1_i64..50_000, 0..64)) {
        let mut spent = 0;
        for amount in amounts {
            if (Cap { most, spent }).allows(amount) {
                spent += amount;
            }
        }
        prop_assert!(spent <= most);
    }

    #[test]
    fn a_pack_that_was_bought_because_of_a_refusal_lets_it_through(
        left in 0_u64..1_000, refused in 1_u64..2_000, below in 1_u64..1_000, adds in 1_u64..1_000,
    ) {
        let rule = Rule { below, adds, not_before: None };
        if left >= below && left < refused && rule.due(Limit::AtMost(left), refused, NOW).is_some() {
            prop_assert!(left + adds >= refused);
        }
    }
}
