//! The test cards: their numbers, and what becomes of a payment with each.

use serde_json::{Value, json};

/// What happens when the card is used.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Behaviour {
    /// Every payment succeeds.
    Succeeds,
    /// The card is refused at once.
    Declines,
    /// The card is refused for lack of money.
    InsufficientFunds,
    /// The person must confirm before each payment on session.
    Authenticates,
    /// The card can be saved; payments without the person present fail.
    FailsLater,
}

/// One test card.
#[derive(Debug)]
pub(crate) struct Card {
    /// The number, without spaces.
    pub number: &'static str,
    /// The id that stands for it in API calls.
    pub token: &'static str,
    /// The network.
    pub brand: &'static str,
    /// What becomes of payments.
    pub behaviour: Behaviour,
    /// The same in a few words, for the Checkout page.
    pub about: &'static str,
}

/// All cards that are known here.
pub(crate) const CARDS: &[Card] = &[
    Card {
        number: "4242424242424242",
        token: "pm_card_visa",
        brand: "visa",
        behaviour: Behaviour::Succeeds,
        about: "Payment succeeds",
    },
    Card {
        number: "4000000000000002",
        token: "pm_card_chargeDeclined",
        brand: "visa",
        behaviour: Behaviour::Declines,
        about: "Card is declined",
    },
    Card {
        number: "4000000000009995",
        token: "pm_card_chargeDeclinedInsufficientFunds",
        brand: "visa",
        behaviour: Behaviour::InsufficientFunds,
        about: "Declined: insufficient funds",
    },
    Card {
        number: "4000000000003220",
        token: "pm_card_threeDSecure2Required",
        brand: "visa",
        behaviour: Behaviour::Authenticates,
        about: "Asks for 3-D Secure",
    },
    Card {
        number: "4000002760003184",
        token: "pm_card_authenticationRequired",
        brand: "visa",
        behaviour: Behaviour::Authenticates,
        about: "Asks for 3-D Secure",
    },
    Card {
        number: "4000000000000341",
        token: "pm_card_chargeCustomerFail",
        brand: "visa",
        behaviour: Behaviour::FailsLater,
        about: "Works now, fails on renewal",
    },
    Card {
        number: "5555555555554444",
        token: "pm_card_mastercard",
        brand: "mastercard",
        behaviour: Behaviour::Succeeds,
        about: "Payment succeeds (Mastercard)",
    },
];

impl Card {
    /// The card with this number.
    pub(crate) fn by_number(number: &str) -> Option<&'static Self> {
        CARDS.iter().find(|card| card.number == number)
    }

    /// The card behind an id such as `pm_card_visa` or `tok_visa`.
    pub(crate) fn by_token(token: &str) -> Option<&'static Self> {
        let token = token.replace("tok_", "pm_card_");
        CARDS.iter().find(|card| card.token == token)
    }

    /// The last four digits.
    pub(crate) fn last4(&self) -> &'static str {
        &self.number[self.number.len() - 4..]
    }

    /// Stripe's `card` hash.
    pub(crate) fn details(&self, exp_month: i64, exp_year: i64) -> Value {
        json!({
            "brand": self.brand,
            "checks": { "address_line1_check": null, "address_postal_code_check": null, "cvc_check": "pass" },
            "country": "US",
            "display_brand": self.brand,
            "exp_month": exp_month,
            "exp_year": exp_year,
            "fingerprint": format!("fp{}", self.number),
            "funding": "credit",
            "generated_from": null,
            "last4": self.last4(),
            "networks": { "available": [self.brand], "preferred": null },
            "regulated_status": "unregulated",
            "three_d_secure_usage": { "supported": true },
            "wallet": null,
        })
    }
}

impl Behaviour {
    /// The decline code of a refused payment, if this card is refused. `present` says whether the
    /// person is there (Checkout, portal) or the payment runs by itself.
    pub(crate) fn decline(self, present: bool) -> Option<&'static str> {
        match self {
            Self::Declines => Some("generic_decline"),
            Self::InsufficientFunds => Some("insufficient_funds"),
            Self::FailsLater if !present => Some("generic_decline"),
            Self::Authenticates if !present => Some("authentication_required"),
            _ => None,
        }
    }
}

/// The sentence that goes with a decline code.
pub(crate) fn sentence(decline_code: &str) -> &'static str {
    match decline_code {
        "insufficient_funds" => "Your card has insufficient funds.",
        "authentication_required" => "Your card was declined. This transaction requires authentication.",
        _ => "Your card was declined.",
    }
}
