//! The access policy, status by status.

use super::{DAY, catalog, plan_id, subscription};
use crate::access::{Access, PlanGrant, Policy, Reason};
use crate::subscription::{Dispute, Status, Subscription};
use crate::time::{Seconds, Timestamp};
use crate::window::PaidPeriod;

fn policy() -> Policy {
    Policy { free: plan_id("free"), past_due_grace: Seconds::days(7), downgrade_on_dispute: false }
}

fn access(subscription: &Subscription, now: i64) -> Access {
    policy().access(Some(subscription), Some(&plan_id("pro")), Timestamp(now))
}

fn answer(tier: &str, reason: Reason, review_at: Option<i64>) -> Access {
    let known = !matches!(reason, Reason::NoSubscription | Reason::UnknownPrice);
    let paid = PaidPeriod { start: Timestamp(0), end: Timestamp(30 * DAY) };
    Access {
        tier: plan_id(tier),
        reason,
        review_at: review_at.map(Timestamp),
        subscribed: known.then(|| plan_id("pro")),
        paid: (tier == "pro").then_some(paid),
        seats: None,
    }
}

#[test]
fn every_status_has_its_tier_and_reason() {
    let table = [
        (Status::Incomplete, answer("free", Reason::NotPaid, None)),
        (Status::IncompleteExpired, answer("free", Reason::NotPaid, None)),
        (Status::Trialing, answer("pro", Reason::Trial, None)),
        (Status::Active, answer("pro", Reason::Paid, None)),
        (Status::PastDue, answer("pro", Reason::Grace, Some(7 * DAY))),
        (Status::Canceled, answer("pro", Reason::PaidUntilEnd, Some(30 * DAY))),
        (Status::Unpaid, answer("free", Reason::NotPaid, None)),
        (Status::Paused, answer("free", Reason::Paused, None)),
    ];
    assert_eq!(table.each_ref().map(|(status, _)| *status), Status::ALL);
    for (status, expected) in table {
        assert_eq!(access(&subscription(status), DAY), expected, "{status}");
    }
}

#[test]
fn without_a_subscription_one_is_on_free() {
    let none = policy().access(None, None, Timestamp(0));
    assert_eq!(none, answer("free", Reason::NoSubscription, None));
    assert_eq!(policy().access(None, Some(&plan_id("pro")), Timestamp(0)), none, "a plan alone is nobody's");
}

#[test]
fn a_price_outside_the_catalogue_unlocks_nothing() {
    for status in Status::ALL {
        let unknown = policy().access(Some(&subscription(status)), None, Timestamp(0));
        assert_eq!(unknown, answer("free", Reason::UnknownPrice, None), "{status}");
    }
}

#[test]
fn grace_runs_from_the_first_failure() {
    let failed = Subscription { past_due_at: Some(Timestamp(2 * DAY)), ..subscription(Status::PastDue) };
    assert_eq!(access(&failed, 2 * DAY), answer("pro", Reason::Grace, Some(9 * DAY)));
    assert_eq!(access(&failed, 9 * DAY - 1), answer("pro", Reason::Grace, Some(9 * DAY)));
    assert_eq!(access(&failed, 9 * DAY), answer("free", Reason::GraceOver, None));
}

#[test]
fn grace_without_a_note_runs_from_the_unpaid_period_and_ends() {
    let failed = subscription(Status::PastDue);
    assert_eq!(access(&failed, 7 * DAY - 1), answer("pro", Reason::Grace, Some(7 * DAY)));
    assert_eq!(access(&failed, 7 * DAY), answer("free", Reason::GraceOver, None));
}

#[test]
fn no_grace_is_possible() {
    let strict = Policy { past_due_grace: Seconds(0), ..policy() };
    let failed = Subscription { past_due_at: Some(Timestamp(DAY)), ..subscription(Status::PastDue) };
    let access = strict.access(Some(&failed), Some(&plan_id("pro")), Timestamp(DAY));
    assert_eq!(access, answer("free", Reason::GraceOver, None));
}

#[test]
fn a_canceled_plan_lasts_as_long_as_it_was_paid_for() {
    let canceled = Subscription { ended_at: Some(Timestamp(DAY)), ..subscription(Status::Canceled) };
    assert_eq!(access(&canceled, 30 * DAY - 1), answer("pro", Reason::PaidUntilEnd, Some(30 * DAY)));
    assert_eq!(access(&canceled, 30 * DAY), answer("free", Reason::Ended, None));
}

#[test]
fn a_trial_that_is_canceled_was_never_paid_for() {
    let trial_end = Some(Timestamp(14 * DAY));
    let in_trial = Subscription { trial_end, ended_at: Some(Timestamp(3 * DAY)), ..subscription(Status::Canceled) };
    assert_eq!(access(&in_trial, 3 * DAY), answer("free", Reason::Ended, None));
    let with_it = Subscription { ended_at: trial_end, ..in_trial.clone() };
    assert_eq!(access(&with_it, 14 * DAY), answer("free", Reason::Ended, None));
    let later = Subscription { ended_at: Some(Timestamp(20 * DAY)), ..in_trial };
    assert_eq!(access(&later, 20 * DAY), answer("pro", Reason::PaidUntilEnd, Some(30 * DAY)));
}

#[test]
fn an_end_for_want_of_payment_was_not_paid_for() {
    let stored = Subscription { past_due_at: Some(Timestamp(0)), ..subscription(Status::PastDue) };
    let canceled = Subscription { ended_at: Some(Timestamp(14 * DAY)), ..subscription(Status::Canceled) };
    let canceled = canceled.with_past_due_since(Some(&stored), Timestamp(14 * DAY));
    assert_eq!(access(&canceled, 14 * DAY), answer("free", Reason::Ended, None));
}

#[test]
fn what_an_ended_one_was_paid_for_goes_by_its_invoice() {
    let noted = |past_due_at, period_paid| Subscription {
        past_due_at,
        period_paid,
        ended_at: Some(Timestamp(14 * DAY)),
        ..subscription(Status::Canceled)
    };
    let paid = answer("pro", Reason::PaidUntilEnd, Some(30 * DAY));
    let unpaid = answer("free", Reason::Ended, None);
    let failed = Some(Timestamp(0));
    assert_eq!(access(&noted(failed, Some(true)), 14 * DAY), paid, "whatever was noted");
    assert_eq!(access(&noted(None, Some(false)), 14 * DAY), unpaid, "also where no failure was heard of");
    assert_eq!(access(&noted(None, None), 14 * DAY), paid, "the note stands in for an invoice that is not known");
    assert_eq!(access(&noted(failed, None), 14 * DAY), unpaid);
}

#[test]
fn a_scheduled_end_changes_nothing_until_it_comes() {
    for status in [Status::Trialing, Status::Active] {
        let scheduled = Subscription { cancel_at_period_end: true, ..subscription(status) };
        assert_eq!(access(&scheduled, 29 * DAY), access(&subscription(status), 29 * DAY), "{status}");
    }
}

#[test]
fn each_reason_has_its_own_word() {
    for reason in Reason::ALL {
        assert_eq!(Reason::parse(reason.as_str()), Some(reason));
    }
    assert_eq!(Reason::parse("paidUntilEnd"), None, "the database has other words than the API");
}

#[test]
fn a_lost_dispute_takes_the_plan_away_and_an_open_one_where_the_team_says_so() {
    let strict = Policy { downgrade_on_dispute: true, ..policy() };
    for status in Status::ALL {
        let disputed = |dispute| Subscription { dispute: Some(dispute), ..subscription(status) };
        let of =
            |policy: &Policy, dispute| policy.access(Some(&disputed(dispute)), Some(&plan_id("pro")), Timestamp(DAY));
        let taken = answer("free", Reason::Disputed, None);
        assert_eq!(of(&policy(), Dispute::Lost), taken, "{status}");
        assert_eq!(of(&strict, Dispute::Lost), taken, "{status}");
        assert_eq!(of(&strict, Dispute::Open), taken, "{status}");
        assert_eq!(of(&policy(), Dispute::Open), access(&subscription(status), DAY), "{status}");
    }
}

#[test]
fn a_dispute_that_was_won_leaves_no_trace() {
    for word in ["won", "warning_closed", "prevented"] {
        assert_eq!(Dispute::parse(word), None, "{word}");
    }
    assert_eq!(Dispute::parse("lost"), Some(Dispute::Lost));
    for word in ["needs_response", "under_review", "warning_needs_response", "a_new_word"] {
        assert_eq!(Dispute::parse(word), Some(Dispute::Open), "{word}");
    }
}

#[test]
fn of_a_subscription_and_a_grant_the_larger_counts_and_says_so() {
    let catalog = catalog("protocol-guide");
    let now = Timestamp(DAY);
    let of = |status, plan: &str, until: Option<i64>| {
        let grant = PlanGrant { plan: plan_id(plan), until: until.map(Timestamp) };
        policy().access(Some(&subscription(status)), Some(&plan_id("pro")), now).or_granted(Some(&grant), &catalog, now)
    };
    let granted = of(Status::Active, "enterprise", Some(9 * DAY));
    assert_eq!((granted.tier.as_str(), granted.reason), ("enterprise", Reason::Granted));
    assert_eq!(granted.review_at, Some(Timestamp(9 * DAY)));
    assert_eq!(granted.subscribed, Some(plan_id("pro")), "the subscription is still known");
    assert!(granted.paid.is_some(), "and so is what it paid for");
    // Without an end, and without anything beside it.
    assert_eq!(of(Status::Unpaid, "pro", None).review_at, None);
    assert_eq!(of(Status::Unpaid, "pro", None).reason, Reason::Granted);
    // The same plan, a smaller one, one that is over, one that nobody sells any more.
    for (plan, until) in [("pro", None), ("free", None), ("enterprise", Some(DAY)), ("gone", None)] {
        assert_eq!(of(Status::Active, plan, until), access(&subscription(Status::Active), DAY), "{plan}");
    }
    // Between audiences the one that includes all of the other; of two that do not, the one that was granted.
    assert_eq!(of(Status::Active, "department-enterprise", None).tier, plan_id("department-enterprise"));
    assert_eq!(of(Status::Active, "department-starter", None).tier, plan_id("department-starter"));
    assert!(catalog.is_at_least(&plan_id("department-enterprise"), &plan_id("pro")));
    assert!(!catalog.is_at_least(&plan_id("pro"), &plan_id("department-starter")));
    assert!(!catalog.is_at_least(&plan_id("gone"), &plan_id("free")));
}
