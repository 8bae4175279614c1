//! Which of two tellings of an invoice counts.

use crate::invoice::{Invoice, Status};
use crate::money::Currency;
use crate::time::Timestamp;

fn invoice(status: Status, attempts: u32) -> Invoice {
    Invoice {
        id: "in_1".to_owned(),
        customer: "cus_1".to_owned(),
        subscription: None,
        number: None,
        status,
        currency: Currency::parse("usd").unwrap(),
        total: 2900,
        remaining: 2900,
        attempts,
        next_attempt: None,
        created: Timestamp(0),
        hosted_url: None,
        pdf_url: None,
    }
}

#[test]
fn an_invoice_only_goes_forward() {
    for (later, status) in Status::ALL.into_iter().enumerate() {
        for (earlier, before) in Status::ALL.into_iter().enumerate() {
            let final_ones = [Status::Void, Status::Paid];
            let expected = later >= earlier || (final_ones.contains(&status) && final_ones.contains(&before));
            assert_eq!(invoice(status, 0).replaces(&invoice(before, 0)), expected, "{before:?} -> {status:?}");
        }
    }
}

#[test]
fn of_two_open_ones_the_one_with_more_attempts_is_later() {
    let (first, second) = (invoice(Status::Open, 1), invoice(Status::Open, 2));
    assert!(second.replaces(&first) && !first.replaces(&second) && first.replaces(&first));
    assert!(invoice(Status::Paid, 1).replaces(&second), "a payment ends the attempts");
}

#[test]
fn the_words_are_stripes() {
    for status in Status::ALL {
        assert_eq!(Status::parse(status.as_str()), Some(status));
        assert_eq!(serde_json::to_value(status).unwrap(), status.as_str());
    }
    assert_eq!(Status::parse("deleted"), None);
}
