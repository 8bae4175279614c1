//! Which of two tellings of an invoice counts.

use std::cmp::Ordering;

use crate::invoice::{Invoice, Place, Status};
use crate::money::Currency;
use crate::time::Timestamp;

fn invoice(status: Status, attempts: u32) -> Invoice {
    Invoice {
        id: "in_1".to_owned(),
        customer: "cus_1".to_owned(),
        subscription: None,
        bills_from: None,
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
            let expected = match (final_ones.contains(&status) && final_ones.contains(&before), later.cmp(&earlier)) {
                (_, Ordering::Equal) => Place::Same,
                (true, _) => Place::Unknown,
                (false, Ordering::Greater) => Place::Newer,
                (false, Ordering::Less) => Place::Older,
            };
            let at = Some(Timestamp(1));
            assert_eq!(invoice(status, 0).place(at, &invoice(before, 0), at), expected, "{before:?} -> {status:?}");
        }
    }
}

#[test]
fn of_two_open_ones_the_one_with_more_attempts_is_later() {
    let (first, second) = (invoice(Status::Open, 1), invoice(Status::Open, 2));
    let (early, late) = (Some(Timestamp(1)), Some(Timestamp(2)));
    assert_eq!(second.place(early, &first, late), Place::Newer, "whenever it was told");
    assert_eq!(first.place(late, &second, early), Place::Older);
    assert_eq!(invoice(Status::Paid, 1).place(early, &second, late), Place::Newer, "a payment ends the attempts");
}

#[test]
fn where_it_stands_still_the_later_telling_counts() {
    let (waits, given_up) =
        (Invoice { next_attempt: Some(Timestamp(99)), ..invoice(Status::Open, 4) }, invoice(Status::Open, 4));
    let at =
        |told: Option<i64>, stored: Option<i64>| given_up.place(told.map(Timestamp), &waits, stored.map(Timestamp));
    assert_eq!(at(Some(2), Some(1)), Place::Newer);
    assert_eq!(at(Some(1), Some(2)), Place::Older);
    assert_eq!(at(Some(1), Some(1)), Place::Unknown, "one second has no order");
    assert_eq!(at(Some(1), None), Place::Unknown, "an answer has no place among events");
    assert_eq!(at(None, Some(1)), Place::Newer, "an answer is how it stands");
    let elsewhere = Invoice { hosted_url: Some("https://pay.example/2".to_owned()), ..waits.clone() };
    assert_eq!(elsewhere.place(Some(Timestamp(1)), &waits, None), Place::Same);
}

#[test]
fn the_words_are_stripes() {
    for status in Status::ALL {
        assert_eq!(Status::parse(status.as_str()), Some(status));
        assert_eq!(serde_json::to_value(status).unwrap(), status.as_str());
    }
    assert_eq!(Status::parse("deleted"), None);
}
