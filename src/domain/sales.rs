//! A request to the people who sell: what must be in it. The words beside a field are the same wherever it is checked.

use std::str::FromStr;

use crate::catalog::{Catalog, is_address};
use crate::plan::PlanId;

/// The longest name, address and organization, in characters.
pub const LINE: usize = 200;
/// The longest message, in characters.
pub const MESSAGE: usize = 4000;
/// The most seats that anybody asks about.
pub const SEATS: u32 = 1_000_000;

/// What was typed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Typed {
    /// Who asks.
    pub name: String,
    /// Where the answer goes.
    pub email: String,
    /// For which company, department or agency.
    pub company: String,
    /// About which plan; empty where that is not known yet.
    pub plan: String,
    /// For how many people; empty where that is not known yet.
    pub seats: String,
    /// In their own words.
    pub message: String,
}

/// What is wrong, by field.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wrong {
    /// Who asks.
    pub name: Option<&'static str>,
    /// Where the answer goes.
    pub email: Option<&'static str>,
    /// For whom.
    pub company: Option<&'static str>,
    /// About which plan.
    pub plan: Option<&'static str>,
    /// For how many.
    pub seats: Option<&'static str>,
    /// In their own words.
    pub message: Option<&'static str>,
}

impl Wrong {
    /// Everything that is wrong, in the order of the fields, with their names.
    pub fn all(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        let fields = [
            ("name", self.name),
            ("email", self.email),
            ("company", self.company),
            ("plan", self.plan),
            ("seats", self.seats),
            ("message", self.message),
        ];
        fields.into_iter().filter_map(|(field, wrong)| Some((field, wrong?)))
    }
}

/// Where somebody pays the price that was agreed on: a payment link or an invoice, as Stripe's dashboard makes them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaymentLink(String);

/// It is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a link to pay begins with https:// and is at most 2000 characters without spaces")]
pub struct NoPaymentLink;

impl PaymentLink {
    /// The address.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for PaymentLink {
    type Err = NoPaymentLink;

    fn from_str(text: &str) -> Result<Self, NoPaymentLink> {
        let good =
            text.strip_prefix("https://").is_some_and(|rest| rest.starts_with(|first: char| first.is_alphanumeric()));
        let plain = text.len() <= 2000 && !text.chars().any(|one| one.is_whitespace() || one.is_control());
        if good && plain { Ok(Self(text.to_owned())) } else { Err(NoPaymentLink) }
    }
}

/// A request as it is stored and sent on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Who asks.
    pub name: String,
    /// Where the answer goes, in small letters: it is also what requests are counted by.
    pub email: String,
    /// For which company, department or agency.
    pub company: String,
    /// About which plan.
    pub plan: Option<PlanId>,
    /// For how many people.
    pub seats: Option<u32>,
    /// In their own words.
    pub message: String,
}

/// Checks what was typed: the request, or what is wrong with each field.
pub fn check(catalog: &Catalog, typed: &Typed) -> Result<Request, Wrong> {
    let (plan, seats) = (plan(catalog, &typed.plan), seats(&typed.seats));
    let (email, message) = (typed.email.trim(), typed.message.trim());
    let wrong = Wrong {
        name: line(&typed.name, "Tell us your name."),
        email: email_wrong(email),
        company: line(&typed.company, "Tell us the name of your organization."),
        plan: plan.as_ref().err().copied(),
        seats: seats.as_ref().err().copied(),
        message: message_wrong(message),
    };
    match (plan, seats) {
        (Ok(plan), Ok(seats)) if wrong == Wrong::default() => Ok(Request {
            name: typed.name.trim().to_owned(),
            email: email.to_lowercase(),
            company: typed.company.trim().to_owned(),
            plan,
            seats,
            message: message.to_owned(),
        }),
        _ => Err(wrong),
    }
}

/// A line that somebody must write. It becomes part of a mail's subject, so that it stays one line.
fn line(text: &str, missing: &'static str) -> Option<&'static str> {
    let text = text.trim();
    if text.is_empty() {
        Some(missing)
    } else if text.chars().count() > LINE {
        Some("At most 200 characters, please.")
    } else if text.chars().any(char::is_control) {
        Some("Write it on one line.")
    } else {
        None
    }
}

fn email_wrong(email: &str) -> Option<&'static str> {
    if email.is_empty() {
        return Some("Tell us where to write to.");
    }
    let good = is_address(email) && email.len() <= LINE && !email.chars().any(char::is_control);
    (!good).then_some("This is not an e-mail address: write one such as ada@example.com.")
}

fn message_wrong(message: &str) -> Option<&'static str> {
    if message.is_empty() {
        return Some("Tell us in a sentence what you need.");
    }
    let control = |letter: char| letter.is_control() && !matches!(letter, '\n' | '\r' | '\t');
    if message.chars().count() > MESSAGE || message.chars().any(control) {
        return Some("At most 4,000 characters of plain text, please.");
    }
    None
}

fn plan(catalog: &Catalog, typed: &str) -> Result<Option<PlanId>, &'static str> {
    if typed.trim().is_empty() {
        return Ok(None);
    }
    let known = PlanId::parse(typed.trim()).ok().filter(|id| catalog.plan(id).is_some());
    known.map(Some).ok_or("Choose one of the plans, or leave it open.")
}

fn seats(typed: &str) -> Result<Option<u32>, &'static str> {
    if typed.trim().is_empty() {
        return Ok(None);
    }
    let number = typed.trim().parse().ok().filter(|number| (1..=SEATS).contains(number));
    number.map(Some).ok_or("Write a whole number of people, or leave it empty.")
}
