//! Test clocks: customers who live at a frozen time that is moved on request.
//!
//! Everything that concerns such a customer happens `at` their clock's moment. Advancing is asked
//! for by a request and done before the next one, as with any other timer.

use serde_json::{Value, json};

use super::account::Account;
use super::error::ApiError;
use super::routes::{Call, Route, delete, get, post};
use super::{customers, events, invoice_items, list, prices, subscriptions, timers};
use crate::calendar;
use crate::ids;
use crate::json::Json;

/// Kind of the objects.
pub(crate) const KIND: &str = "test_helpers.test_clock";

const LIFETIME: i64 = 30 * 86_400;

pub(crate) const ROUTES: &[Route] = &[
    get("/v1/test_helpers/test_clocks", "@list", all),
    post("/v1/test_helpers/test_clocks", "frozen_time!:int name", create),
    get("/v1/test_helpers/test_clocks/{id}", "", retrieve),
    delete("/v1/test_helpers/test_clocks/{id}", "", remove),
    post("/v1/test_helpers/test_clocks/{id}/advance", "frozen_time!:int", advance),
];

/// Fields and path segments by which a request names whom it concerns.
const NAMES: [&str; 7] =
    ["customer", "subscription", "from_subscription", "schedule", "payment_intent", "charge", "invoice"];

/// The moment at which a request is carried out.
pub(crate) fn moment(account: &Account, path: &str, call: &Call) -> i64 {
    // A Checkout session lives in real time; what its completion creates does not.
    if path.starts_with("/v1/checkout/") {
        return account.now();
    }
    let named = NAMES.iter().filter_map(|name| call.params.maybe(name));
    let clock = call.params.maybe("test_clock").map(str::to_owned);
    clock
        .or_else(|| call.ids.iter().map(String::as_str).chain(named).find_map(|id| clock_of(account, id)))
        .and_then(|clock| frozen_time(account, &clock))
        .unwrap_or(account.now())
}

/// The moment at which a customer lives.
pub(crate) fn moment_of(account: &Account, customer: &str) -> i64 {
    clock_of(account, customer).and_then(|clock| frozen_time(account, &clock)).unwrap_or(account.now())
}

fn frozen_time(account: &Account, clock: &str) -> Option<i64> {
    account.get(KIND, clock)?.maybe_int("frozen_time")
}

/// The clock of whatever an id names.
fn clock_of(account: &Account, id: &str) -> Option<String> {
    let kinds = [
        ("cus_", "customer"),
        ("sub_sched_", "subscription_schedule"),
        ("sub_", "subscription"),
        ("in_", "invoice"),
        ("ii_", invoice_items::KIND),
        ("pm_", "payment_method"),
        ("pi_", "payment_intent"),
        ("ch_", "charge"),
        ("bps_", "billing_portal.session"),
    ];
    if id.starts_with("si_") {
        return subscriptions::holder(account, id).ok()?.maybe("test_clock").map(str::to_owned);
    }
    let (_, kind) = kinds.iter().find(|(prefix, _)| id.starts_with(prefix))?;
    let object = account.get(kind, id)?;
    let customer = match object.maybe("customer") {
        Some(customer) => account.get("customer", customer)?,
        None => object,
    };
    customer.maybe("test_clock").map(str::to_owned)
}

/// A clock that is being moved is due at once.
pub(crate) fn due_at(clock: &Value) -> Option<i64> {
    (clock.text("status") == "advancing").then_some(0)
}

/// Lives through the time up to where the clock is to stand.
pub(crate) fn run_due(account: &mut Account, mut clock: Value) {
    let target = clock.get("status_details").and_then(|details| details.get("advancing"));
    let target = target.map_or(clock.int("frozen_time"), |advancing| advancing.int("target_frozen_time"));
    timers::run_until(account, clock.text("id"), target);
    clock.set("frozen_time", target);
    clock.set("status", "ready");
    clock.set("status_details", json!({}));
    account.at(account.clock(), |account| account.announce(&clock, "test_helpers.test_clock.ready"));
}

fn create(account: &mut Account, call: &Call) -> Result<Value, ApiError> {
    let frozen_time = call.params.int("frozen_time");
    if frozen_time <= 0 {
        return Err(ApiError::invalid("Invalid timestamp: must be an integer Unix timestamp.").param("frozen_time"));
    }
    let clock = json!({
        "id": ids::new("clock_"),
        "object": KIND,
        "created": account.now(),
        "deletes_after": account.now() + LIFETIME,
        "frozen_time": frozen_time,
        "livemode": false,
        "name": call.params.get("name"),
        "status": "ready",
        "status_details": {},
    });
    account.create(&clock, "test_helpers.test_clock.created");
    Ok(clock)
}

fn advance(account: &mut Account, call: &Call) -> Result<Value, ApiError> {
    let mut clock = account.path(KIND, call.id())?;
    let (from, to) = (clock.int("frozen_time"), call.params.int("frozen_time"));
    if to <= from {
        return Err(ApiError::invalid("The new `frozen_time` must be after the current one.").param("frozen_time"));
    }
    let furthest = furthest(account, call.id(), from);
    if to > furthest {
        return Err(ApiError::invalid(format!(
            "You can advance a test clock by at most two intervals of its shortest subscription, or two years if it has none: up to {furthest}."
        ))
        .param("frozen_time"));
    }
    clock.set("status", "advancing");
    clock.set("status_details", json!({ "advancing": { "target_frozen_time": to } }));
    account.announce(&clock, "test_helpers.test_clock.advancing");
    Ok(clock)
}

/// How far a clock may be moved at once.
fn furthest(account: &Account, clock: &str, from: i64) -> i64 {
    let running = account.data().newest("subscription").filter(|it| it.maybe("test_clock") == Some(clock));
    running
        .filter(|it| !subscriptions::has_ended(it))
        .flat_map(subscriptions::items)
        .filter_map(|item| item.get("price"))
        .map(|price| {
            let (interval, count) = prices::cadence(price);
            calendar::step(from, &interval, 2 * count)
        })
        .min()
        .unwrap_or_else(|| calendar::step(from, "year", 2))
}

fn retrieve(account: &mut Account, call: &Call) -> Result<Value, ApiError> {
    account.path(KIND, call.id())
}

fn all(account: &mut Account, call: &Call) -> Result<Value, ApiError> {
    list::page(account, KIND, "/v1/test_helpers/test_clocks", &call.params, |_| true)
}

fn remove(account: &mut Account, call: &Call) -> Result<Value, ApiError> {
    let clock = account.path(KIND, call.id())?;
    let living: Vec<String> = account
        .data()
        .newest("customer")
        .filter(|customer| customer.maybe("test_clock") == Some(call.id()))
        .map(|customer| customer.text("id").to_owned())
        .collect();
    account.at(clock.int("frozen_time"), |account| {
        living.iter().try_for_each(|customer| customers::delete(account, customer).map(|_| ()))
    })?;
    account.remove(KIND, call.id());
    events::emit(account, "test_helpers.test_clock.deleted", &clock, None);
    Ok(json!({ "id": call.id(), "object": KIND, "deleted": true }))
}
