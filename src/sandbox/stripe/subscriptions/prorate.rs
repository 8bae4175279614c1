//! Prorations: what a change in the middle of a period gives back and asks for, to the second.

use serde_json::Value;

use super::object;
use crate::calendar;
use crate::json::Json;
use crate::stripe::account::Account;
use crate::stripe::invoices::Line;
use crate::stripe::products;

/// The lines that settle a change from `old` to `new` items at a moment.
pub(super) fn lines(account: &Account, old: &[Value], new: &[Value], at: i64) -> Vec<Line> {
    let mut lines = Vec::new();
    for before in old {
        let after = new.iter().find(|item| item.get("id") == before.get("id"));
        if after.is_none_or(|after| changed(before, after)) {
            lines.extend(credit(account, before, at));
        }
    }
    for after in new {
        let before = old.iter().find(|item| item.get("id") == after.get("id"));
        if before.is_none_or(|before| changed(before, after)) {
            lines.extend(debit(account, after, at));
        }
    }
    lines
}

fn changed(before: &Value, after: &Value) -> bool {
    object::price_id(before) != object::price_id(after)
        || before.get("quantity") != after.get("quantity")
        || before.get("current_period_end") != after.get("current_period_end")
}

fn credit(account: &Account, item: &Value, at: i64) -> Option<Line> {
    let amount = -share(item, at);
    let line = Line {
        description: format!("Unused time on {} after {}", what(account, item), calendar::date(at)),
        amount,
        ..line(item, at, true)
    };
    (amount != 0).then_some(line)
}

fn debit(account: &Account, item: &Value, at: i64) -> Option<Line> {
    if item.int("current_period_start") >= at {
        return Some(object::line(account, item, false));
    }
    let amount = share(item, at);
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
        description: String::new(),
        amount: 0,
        quantity: item.int("quantity"),
        price: item.get("price").cloned().unwrap_or_default(),
        period: (at, item.int("current_period_end")),
        item: item.maybe("id").map(str::to_owned),
        proration,
    }
}

/// The part of an item's amount that belongs to the rest of its period.
fn share(item: &Value, at: i64) -> i64 {
    let (start, end) = (item.int("current_period_start"), item.int("current_period_end"));
    part(object::amount(item), end - at, end - start)
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
