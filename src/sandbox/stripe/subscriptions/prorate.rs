//! Prorations: what a change in the middle of a period gives back and asks for, to the second.
//!
//! Amounts are net of discounts (flexible billing mode, `proration_discounts=included`), so nothing
//! is given back that was never paid.

use serde_json::Value;

use super::object;
use crate::calendar;
use crate::json::Json;
use crate::stripe::account::Account;
use crate::stripe::invoices::Line;
use crate::stripe::{discounts, products};

/// The lines that settle a change of a subscription's items at a moment.
pub(super) fn lines(account: &Account, before: &Value, after: &Value, at: i64) -> Vec<Line> {
    let (old, new) = (object::items(before), object::items(after));
    let paid = Net::paid(account, before);
    let due = Net::due(account, after);
    let mut lines = Vec::new();
    for item in old {
        let next = new.iter().find(|it| it.get("id") == item.get("id"));
        if next.is_none_or(|next| changed(item, next)) {
            lines.extend(credit(account, item, at, &paid));
        }
    }
    for item in new {
        let last = old.iter().find(|it| it.get("id") == item.get("id"));
        if last.is_none_or(|last| changed(last, item)) {
            lines.extend(debit(account, item, at, &due));
        }
    }
    lines
}

/// The lines that give everything back from a moment on.
pub(super) fn credits(account: &Account, subscription: &Value, at: i64) -> Vec<Line> {
    let paid = Net::paid(account, subscription);
    object::items(subscription).iter().filter_map(|item| credit(account, item, at, &paid)).collect()
}

/// The lines that ask for the rest of the running period.
pub(super) fn debits(account: &Account, subscription: &Value, at: i64) -> Vec<Line> {
    let due = Net::due(account, subscription);
    object::items(subscription).iter().filter_map(|item| debit(account, item, at, &due)).collect()
}

/// What items cost after discounts: of every `whole` that is asked for, `part` is paid.
struct Net {
    part: i64,
    whole: i64,
}

impl Net {
    /// As the running period was billed.
    fn paid(account: &Account, subscription: &Value) -> Self {
        Self::of(account, subscription, subscription.list("discounts"))
    }

    /// As it is billed from now on.
    fn due(account: &Account, subscription: &Value) -> Self {
        let running = discounts::running(account, subscription.list("discounts"), account.now());
        Self::of(account, subscription, &running)
    }

    fn of(account: &Account, subscription: &Value, discounts: &[Value]) -> Self {
        let whole: i64 = object::items(subscription).iter().map(object::amount).sum();
        let off = discounts::amounts(account, discounts, whole, subscription.text("currency"));
        Self { part: whole - off.iter().map(|(_, amount)| amount).sum::<i64>(), whole }
    }

    fn amount(&self, item: &Value) -> i64 {
        if self.part == self.whole { object::amount(item) } else { part(object::amount(item), self.part, self.whole) }
    }
}

fn changed(before: &Value, after: &Value) -> bool {
    object::price_id(before) != object::price_id(after)
        || before.get("quantity") != after.get("quantity")
        || before.get("current_period_end") != after.get("current_period_end")
}

fn credit(account: &Account, item: &Value, at: i64, net: &Net) -> Option<Line> {
    let amount = -share(item, net.amount(item), at);
    let line = Line {
        description: format!("Unused time on {} after {}", what(account, item), calendar::date(at)),
        amount,
        ..line(item, at, true)
    };
    (amount != 0).then_some(line)
}

fn debit(account: &Account, item: &Value, at: i64, net: &Net) -> Option<Line> {
    if item.int("current_period_start") >= at {
        return Some(object::line(account, item, false));
    }
    let amount = share(item, net.amount(item), at);
    let line = Line {
        description: format!("Remaining time on {} after {}", what(account, item), calendar::date(at)),
        amount,
        ..line(item, at, true)
    };
    (amount != 0).then_some(line)
}

fn what(account: &Account, item: &Value) -> String {
    let price = item.get("price").cloned().unwrap_or_default();
    let name = products::name(account, price.text("product"));
    match item.int("quantity") {
        0 | 1 => name,
        many => format!("{many} × {name}"),
    }
}

fn line(item: &Value, at: i64, proration: bool) -> Line {
    Line {
        quantity: item.int("quantity"),
        price: item.get("price").cloned().unwrap_or_default(),
        period: (at, item.int("current_period_end")),
        item: item.maybe("id").map(str::to_owned),
        proration,
        ..Line::default()
    }
}

/// The part of an item's amount that belongs to the rest of its period.
fn share(item: &Value, amount: i64, at: i64) -> i64 {
    let (start, end) = (item.int("current_period_start"), item.int("current_period_end"));
    part(amount, end - at, end - start)
}

/// `amount · of / whole`, rounded half away from zero.
pub(super) fn part(amount: i64, of: i64, whole: i64) -> i64 {
    if whole <= 0 {
        return 0;
    }
    let of = i128::from(of.clamp(0, whole));
    let doubled = i128::from(amount) * of * 2;
    let whole = i128::from(whole);
    let rounded = (doubled + doubled.signum() * whole) / (whole * 2);
    i64::try_from(rounded).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::part;

    #[test]
    fn parts_round_half_away_from_zero_and_stay_within_the_whole() {
        assert_eq!(part(1000, 1, 3), 333);
        assert_eq!(part(1001, 1, 2), 501);
        assert_eq!(part(-1001, 1, 2), -501);
        assert_eq!(part(1000, 5, 3), 1000);
        assert_eq!(part(1000, 1, 0), 0);
    }
}
