//! Money: integer minor units with a currency. There is no floating point here, and no arithmetic across currencies.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A three-letter ISO 4217 code in lower case, as Stripe writes it (`usd`).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String", extend("pattern" = "^[a-z]{3}$"))]
pub struct Currency(String);

/// The text is not a currency code.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a currency: write three lower-case letters, for example `usd`")]
pub struct NotACurrency(String);

impl Currency {
    /// Reads a code such as `usd`.
    pub fn parse(code: &str) -> Result<Self, NotACurrency> {
        if code.len() == 3 && code.bytes().all(|b| b.is_ascii_lowercase()) {
            Ok(Self(code.to_owned()))
        } else {
            Err(NotACurrency(code.to_owned()))
        }
    }

    /// The code in lower case.
    pub fn code(&self) -> &str {
        &self.0
    }

    /// How many digits the minor unit has in Stripe's amounts, from Stripe's list of zero- and three-decimal
    /// currencies. Stripe counts `isk` and `ugx` in hundredths although neither has coins that small.
    pub fn decimals(&self) -> u32 {
        match self.0.as_str() {
            "bif" | "clp" | "djf" | "gnf" | "jpy" | "kmf" | "krw" | "mga" | "pyg" | "rwf" | "vnd" | "vuv" | "xaf"
            | "xof" | "xpf" => 0,
            "bhd" | "jod" | "kwd" | "omr" | "tnd" => 3,
            _ => 2,
        }
    }

    /// What every charged amount must be a multiple of; Stripe refuses any other.
    pub fn step(&self) -> u32 {
        match self.0.as_str() {
            "isk" | "ugx" => 100,
            _ if self.decimals() == 3 => 10,
            _ => 1,
        }
    }

    /// The sign that people know, where there is one that is not ambiguous.
    fn symbol(&self) -> Option<&'static str> {
        match self.0.as_str() {
            "usd" => Some("$"),
            "eur" => Some("€"),
            "gbp" => Some("£"),
            "jpy" => Some("¥"),
            "inr" => Some("₹"),
            _ => None,
        }
    }
}

impl TryFrom<String> for Currency {
    type Error = NotACurrency;

    fn try_from(code: String) -> Result<Self, Self::Error> {
        Self::parse(&code)
    }
}

impl From<Currency> for String {
    fn from(currency: Currency) -> Self {
        currency.0
    }
}

/// An amount in the currency's minor unit (cents for `usd`).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Money {
    /// Minor units; negative for credits.
    pub amount: i64,
    /// What the amount is in.
    pub currency: Currency,
}

impl Money {
    /// `amount` minor units of `currency`.
    pub fn new(amount: i64, currency: Currency) -> Self {
        Self { amount, currency }
    }

    /// The amount `times` over, or `None` where it does not fit.
    pub fn times(&self, times: u64) -> Option<Self> {
        let amount = self.amount.checked_mul(i64::try_from(times).ok()?)?;
        Some(Self::new(amount, self.currency.clone()))
    }

    /// One month's part of a yearly amount, rounded to the nearest minor unit: for display only, never charged.
    #[must_use]
    pub fn per_month_of_year(&self) -> Self {
        Self::new(self.amount.saturating_add(6).div_euclid(12), self.currency.clone())
    }

    /// Reads what a person types: `60`, `49.99`, with or without the currency's sign. `None` for anything else; a comma
    /// means thousands to some and cents to others, so it is neither.
    pub fn typed(text: &str, currency: Currency) -> Option<Self> {
        let text = text.trim();
        let text = currency.symbol().and_then(|symbol| text.strip_prefix(symbol)).unwrap_or(text).trim();
        let (whole, minor) = text.split_once('.').unwrap_or((text, ""));
        let decimals = usize::try_from(currency.decimals()).ok()?;
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || minor.len() > decimals || !digits(whole) || !digits(minor) {
            return None;
        }
        let amount = format!("{whole}{minor:0<decimals$}").parse().ok()?;
        Some(Self::new(amount, currency))
    }

    /// The number as it is typed into a field: `60`, `49.99`, `1195.20`.
    pub fn plain(&self) -> String {
        self.digits().replace(',', "")
    }

    /// The number without sign or currency: `60`, `9.99`. Whole amounts have no decimals.
    fn digits(&self) -> String {
        let decimals = self.currency.decimals();
        let unit = 10_u64.pow(decimals);
        let (whole, minor) = (self.amount.unsigned_abs() / unit, self.amount.unsigned_abs() % unit);
        let whole = group_thousands(whole);
        if minor == 0 { whole } else { format!("{whole}.{minor:0width$}", width = decimals as usize) }
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.amount < 0 { "−" } else { "" };
        match self.currency.symbol() {
            Some(symbol) => write!(f, "{sign}{symbol}{}", self.digits()),
            None => write!(f, "{sign}{} {}", self.digits(), self.currency.code().to_uppercase()),
        }
    }
}

/// A number with a comma between every three digits: `1,195`.
pub fn group_thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}
