//! How amounts are written, and the arithmetic that must not lose or invent a cent.

use crate::money::{Currency, Money};

fn money(amount: i64, currency: &str) -> Money {
    Money::new(amount, Currency::parse(currency).unwrap())
}

#[test]
fn amounts_are_written_as_people_read_them() {
    let written = [
        (money(0, "usd"), "$0"),
        (money(3_000, "usd"), "$30"),
        (money(999, "usd"), "$9.99"),
        (money(5, "usd"), "$0.05"),
        (money(29_880, "usd"), "$298.80"),
        (money(119_520, "usd"), "$1,195.20"),
        (money(12_345_678_900, "usd"), "$123,456,789"),
        (money(-1_250, "usd"), "−$12.50"),
        (money(8_900, "eur"), "€89"),
        (money(1_500, "jpy"), "¥1,500"),
        (money(12_340, "kwd"), "12.340 KWD"),
        (money(2_550, "chf"), "25.50 CHF"),
        (money(500, "ugx"), "5 UGX"),
        (money(i64::MIN, "usd"), "−$92,233,720,368,547,758.08"),
    ];
    for (money, expected) in written {
        assert_eq!(money.to_string(), expected);
    }
}

#[test]
fn a_currency_is_three_lower_case_letters() {
    assert!(Currency::parse("usd").is_ok());
    for wrong in ["", "us", "usdx", "USD", "u$d", "üs"] {
        let refused = Currency::parse(wrong).unwrap_err().to_string();
        assert!(refused.contains(wrong) && refused.contains("`usd`"), "{refused}");
    }
}

#[test]
fn stripe_charges_some_currencies_in_steps() {
    let step = |code: &str| Currency::parse(code).unwrap().step();
    assert_eq!([step("usd"), step("jpy"), step("kwd"), step("isk"), step("ugx")], [1, 1, 10, 100, 100]);
}

#[test]
fn seats_multiply_and_refuse_to_overflow() {
    assert_eq!(money(599, "usd").times(25), Some(money(14_975, "usd")));
    assert_eq!(money(599, "usd").times(0), Some(money(0, "usd")));
    assert_eq!(money(i64::MAX, "usd").times(2), None);
    assert_eq!(money(1, "usd").times(u64::MAX), None);
}

#[test]
fn a_month_of_a_year_is_rounded_to_the_nearest_cent() {
    assert_eq!(money(29_880, "usd").per_month_of_year(), money(2_490, "usd"));
    assert_eq!(money(8_900, "usd").per_month_of_year(), money(742, "usd"));
    assert_eq!(money(8_896, "usd").per_month_of_year(), money(741, "usd"));
    assert_eq!(money(i64::MAX, "usd").per_month_of_year().amount, i64::MAX / 12);
}

#[test]
fn what_a_person_types_is_read_or_refused() {
    let usd = || Currency::parse("usd").unwrap();
    for (text, amount) in
        [("60", 6_000), ("49.9", 4_990), (" $49.99 ", 4_999), ("$ 0.05", 5), ("007", 700), ("3.", 300)]
    {
        assert_eq!(Money::typed(text, usd()), Some(money(amount, "usd")), "{text}");
    }
    for text in ["", "$", ".5", "1,000", "1.234", "-5", "5 USD", "1e3", "½", "9999999999999999999", "€5"] {
        assert_eq!(Money::typed(text, usd()), None, "{text}");
    }
    assert_eq!(Money::typed("1500", Currency::parse("jpy").unwrap()), Some(money(1_500, "jpy")));
    assert_eq!(Money::typed("1.5", Currency::parse("jpy").unwrap()), None);
    for amount in [0, 5, 4_990, 119_520, 10_000_000] {
        let money = money(amount, "usd");
        assert_eq!(Money::typed(&money.plain(), usd()), Some(money));
    }
}
