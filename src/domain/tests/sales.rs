//! What a request to the people who sell must say.

use super::catalog;
use crate::sales::{LINE, MESSAGE, NoPaymentLink, PaymentLink, Typed, check};

fn typed() -> Typed {
    Typed {
        name: " Grace Hopper ".to_owned(),
        email: " Grace@Navy.Example ".to_owned(),
        company: "Navy".to_owned(),
        plan: "enterprise".to_owned(),
        seats: " 250 ".to_owned(),
        message: "Two counties.\nWhat would it cost?".to_owned(),
    }
}

#[test]
fn what_is_complete_is_taken_without_the_space_around_it() {
    let request = check(&catalog("protocol-guide"), &typed()).unwrap();
    assert_eq!((request.name.as_str(), request.email.as_str()), ("Grace Hopper", "grace@navy.example"));
    assert_eq!((request.plan.unwrap().as_str(), request.seats), ("enterprise", Some(250)));
    let open = Typed { plan: String::new(), seats: "  ".to_owned(), ..typed() };
    let open = check(&catalog("protocol-guide"), &open).unwrap();
    assert_eq!((open.plan, open.seats), (None, None));
}

#[test]
fn each_field_says_what_is_wrong_with_it() {
    let all = check(&catalog("protocol-guide"), &Typed::default()).unwrap_err();
    assert_eq!(all.all().map(|(field, _)| field).collect::<Vec<_>>(), ["name", "email", "company", "message"]);
    let long = "x".repeat(LINE + 1);
    for (field, wrong) in [
        ("name", Typed { name: long.clone(), ..typed() }),
        ("name", Typed { name: "Grace\r\nBcc: all@example.com".to_owned(), ..typed() }),
        ("email", Typed { email: "grace".to_owned(), ..typed() }),
        ("email", Typed { email: "grace@navy.example, all@navy.example".to_owned(), ..typed() }),
        ("email", Typed { email: format!("{long}@navy.example"), ..typed() }),
        ("company", Typed { company: "\t".to_owned(), ..typed() }),
        ("plan", Typed { plan: "platinum".to_owned(), ..typed() }),
        ("seats", Typed { seats: "0".to_owned(), ..typed() }),
        ("seats", Typed { seats: "some".to_owned(), ..typed() }),
        ("seats", Typed { seats: "1000001".to_owned(), ..typed() }),
        ("message", Typed { message: "x".repeat(MESSAGE + 1), ..typed() }),
        ("message", Typed { message: "a\0b".to_owned(), ..typed() }),
    ] {
        let said = check(&catalog("protocol-guide"), &wrong).unwrap_err();
        assert_eq!(said.all().map(|(field, _)| field).collect::<Vec<_>>(), [field], "{wrong:?}");
    }
}

#[test]
fn a_link_to_pay_is_a_secure_address() {
    let parse = |text: &str| text.parse::<PaymentLink>();
    assert_eq!(parse("https://buy.stripe.com/abc?x=1").unwrap().as_str(), "https://buy.stripe.com/abc?x=1");
    let long = format!("https://a/{}", "a".repeat(2000));
    for wrong in
        ["", "buy.stripe.com/abc", "http://buy.stripe.com", "https://", "https:// a", "javascript:pay()", &long]
    {
        assert_eq!(parse(wrong), Err(NoPaymentLink), "{wrong}");
    }
}
