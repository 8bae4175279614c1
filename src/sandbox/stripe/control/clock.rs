//! Moving the sandbox clock: by seconds, by calendar steps, or to the next moment at which something
//! happens by itself.

use std::sync::Arc;

use axum::Json as JsonBody;
use axum::extract::{Form, State};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::calendar;
use crate::page::see_other;
use crate::stripe::account::Account;
use crate::stripe::error::ApiError;
use crate::stripe::{Stripe, timers};

type Server = State<Arc<Stripe>>;

const DAY: i64 = 86_400;

/// How far to go; the parts add up.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Step {
    #[serde(default)]
    advance_seconds: i64,
    #[serde(default)]
    days: i64,
    #[serde(default)]
    weeks: i64,
    #[serde(default)]
    months: i64,
    #[serde(default)]
    years: i64,
    /// In words: `1 month 2 days`, or `next` for the next moment at which something happens.
    #[serde(default)]
    advance: Option<String>,
}

impl Step {
    fn from(&self, account: &Account) -> Result<i64, ApiError> {
        let mut at = account.clock();
        let given = [("year", self.years), ("month", self.months), ("week", self.weeks), ("day", self.days)];
        for (unit, count) in given {
            at = forward(at, unit, count)?;
        }
        at = forward(at, "second", self.advance_seconds)?;
        match self.advance.as_deref() {
            None => Ok(at),
            Some("next") => {
                Ok(account.data().next_due(timers::SANDBOX_CLOCK, i64::MAX).map_or(at, |due| due.at.max(at)))
            }
            Some(words) => in_words(at, words),
        }
    }
}

fn in_words(mut at: i64, words: &str) -> Result<i64, ApiError> {
    let mut parts = words.split([' ', ',']).filter(|part| !part.is_empty());
    while let Some(count) = parts.next() {
        let (Ok(count), Some(unit)) = (count.parse(), parts.next()) else {
            return Err(not_understood(words));
        };
        at = forward(at, unit.strip_suffix('s').unwrap_or(unit), count)?;
    }
    Ok(at)
}

fn not_understood(words: &str) -> ApiError {
    ApiError::invalid(format!("Not understood: {words}. Say for example `1 month 2 days`, or `next`.")).param("advance")
}

fn forward(at: i64, unit: &str, count: i64) -> Result<i64, ApiError> {
    // A thousand years is more than anybody waits for, and fits every calendar computation.
    if !(0..=1_000 * 366 * DAY).contains(&count) {
        return Err(ApiError::invalid("The clock moves forward only, and not beyond reason."));
    }
    let seconds = |each: i64| count.checked_mul(each).and_then(|all| at.checked_add(all));
    let moved = match unit {
        "second" => seconds(1),
        "minute" => seconds(60),
        "hour" => seconds(3_600),
        "day" | "week" | "month" | "year" => Some(calendar::step(at, unit, count)),
        other => return Err(not_understood(other)),
    };
    moved.filter(|moved| *moved >= at).ok_or_else(|| ApiError::invalid("The clock cannot move that far."))
}

fn step(account: &mut Account, by: &Step) -> Result<Value, ApiError> {
    let to = by.from(account)?;
    account.advance_clock(to - account.clock());
    Ok(json!({ "now": to }))
}

/// Says what time it is.
pub(super) async fn show(State(stripe): Server) -> Response {
    JsonBody(json!({ "now": stripe.now() })).into_response()
}

/// Moves the clock; what has become due has happened when this answers.
pub(super) async fn advance(State(stripe): Server, JsonBody(by): JsonBody<Step>) -> Response {
    go(&stripe, &by)
}

fn go(stripe: &Stripe, by: &Step) -> Response {
    let moved = stripe.control(|account| step(account, by));
    let outcome = stripe.catch_up();
    // Deliveries may have become due although nothing changed.
    stripe.store.nudge();
    match outcome {
        Ok(()) => moved,
        Err(error) => (error.status(), JsonBody(error.body("sandbox"))).into_response(),
    }
}

/// The same from the page.
pub(super) async fn advance_form(State(stripe): Server, Form(by): Form<Step>) -> Response {
    go(&stripe, &by);
    see_other("/")
}
