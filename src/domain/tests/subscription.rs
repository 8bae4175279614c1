//! The mirror of Stripe's subscription: status words, scheduled ends, and our note of the first failed payment.

use super::{DAY, subscription};
use crate::subscription::{Status, Subscription};
use crate::time::Timestamp;

#[test]
fn stripes_words_read_back_and_unknown_ones_do_not() {
    for status in Status::ALL {
        assert_eq!(Status::parse(status.as_str()), Some(status));
        assert_eq!(serde_json::to_value(status).unwrap(), status.as_str(), "the API says it as Stripe does");
        assert_eq!(status.to_string(), status.as_str());
    }
    for unknown in ["", "Active", "cancelled", "pastDue", "ended"] {
        assert_eq!(Status::parse(unknown), None, "{unknown}");
    }
}

#[test]
fn two_statuses_are_terminal() {
    let terminal: Vec<_> = Status::ALL.into_iter().filter(|status| status.is_terminal()).collect();
    assert_eq!(terminal, [Status::IncompleteExpired, Status::Canceled]);
}

#[test]
fn an_end_is_scheduled_in_either_of_stripes_ways() {
    let active = || subscription(Status::Active);
    let ours = Subscription { cancel_at_period_end: true, ..active() };
    let portal = Subscription { cancel_at: Some(Timestamp(12 * DAY)), ..active() };
    let both = Subscription { cancel_at_period_end: true, ..portal.clone() };
    assert_eq!(active().scheduled_end(), None);
    assert_eq!(ours.scheduled_end(), Some(Timestamp(30 * DAY)));
    assert_eq!(portal.scheduled_end(), Some(Timestamp(12 * DAY)));
    assert_eq!(both.scheduled_end(), Some(Timestamp(12 * DAY)), "the date is the more exact of the two");
}

#[test]
fn what_has_ended_has_no_end_ahead() {
    for status in Status::ALL {
        let scheduled = Subscription { cancel_at_period_end: true, ..subscription(status) };
        assert_eq!(scheduled.scheduled_end().is_none(), status.is_terminal(), "{status}");
    }
}

fn noted(status: Status, past_due_at: Option<i64>) -> Subscription {
    Subscription { past_due_at: past_due_at.map(Timestamp), ..subscription(status) }
}

#[test]
fn the_first_failed_payment_is_noted_once() {
    let now = Timestamp(500);
    let past_due = || noted(Status::PastDue, None);
    let since = |stored: Option<&Subscription>| past_due().with_past_due_since(stored, now).past_due_at;
    assert_eq!(since(None), Some(now), "never seen before");
    assert_eq!(since(Some(&noted(Status::Active, None))), Some(now), "it has just failed");
    assert_eq!(since(Some(&noted(Status::PastDue, Some(100)))), Some(Timestamp(100)), "it failed before");
}

#[test]
fn a_payment_that_goes_through_clears_the_note() {
    let stored = noted(Status::PastDue, Some(100));
    for status in [Status::Active, Status::Trialing, Status::Paused, Status::Incomplete, Status::IncompleteExpired] {
        let after = noted(status, None).with_past_due_since(Some(&stored), Timestamp(500));
        assert_eq!(after.past_due_at, None, "{status}");
    }
}

#[test]
fn an_end_for_want_of_payment_keeps_the_note() {
    let stored = noted(Status::PastDue, Some(100));
    for status in [Status::Unpaid, Status::Canceled] {
        let after = noted(status, None).with_past_due_since(Some(&stored), Timestamp(500));
        assert_eq!(after.past_due_at, Some(Timestamp(100)), "{status}");
        let told_by_stripe = noted(status, Some(300)).with_past_due_since(None, Timestamp(500));
        assert_eq!(told_by_stripe.past_due_at, Some(Timestamp(300)), "{status}");
    }
    let active = noted(Status::Active, None);
    let after = |status, stored: &Subscription| noted(status, None).with_past_due_since(Some(stored), Timestamp(500));
    assert_eq!(after(Status::Canceled, &active).past_due_at, None, "it was paid");
    assert_eq!(after(Status::Unpaid, &active).past_due_at, Some(Timestamp(500)), "the failure itself was not heard of");
}

#[test]
fn the_note_is_all_that_changes() {
    let before = Subscription { quantity: 7, cancel_at_period_end: true, ..subscription(Status::PastDue) };
    let after = before.clone().with_past_due_since(None, Timestamp(1));
    assert_eq!(Subscription { past_due_at: None, ..after }, before);
}
