//! What a customer pays with, as far as it may be shown.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A payment method.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PaymentMethod {
    /// Stripe's word for its kind: `card`, `sepa_debit`, `link` …
    pub kind: String,
    /// The card's brand in Stripe's word: `visa`.
    pub brand: Option<String>,
    /// The last four digits of its number.
    pub last4: Option<String>,
    /// The month and year after which a card is no longer good.
    pub expires: Option<(u32, u32)>,
}

/// Stripe's words for those whose payments take days, and may fail then.
const BANK_DEBITS: [&str; 6] =
    ["acss_debit", "au_becs_debit", "bacs_debit", "nz_bank_account", "sepa_debit", "us_bank_account"];

impl PaymentMethod {
    /// Whether the money comes from a bank account by debit.
    pub fn is_bank_debit(&self) -> bool {
        BANK_DEBITS.contains(&self.kind.as_str())
    }
}

impl fmt::Display for PaymentMethod {
    /// `Visa ending in 4242`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = self.brand.as_deref().unwrap_or(&self.kind).replace('_', " ");
        let mut letters = word.chars();
        if let Some(first) = letters.next() {
            write!(f, "{}{}", first.to_uppercase(), letters.as_str())?;
        }
        match &self.last4 {
            Some(last4) => write!(f, " ending in {last4}"),
            None => Ok(()),
        }
    }
}
