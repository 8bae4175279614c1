//! The rules, tested: tables for what the documents state, properties for what must hold whatever comes.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use crate::catalog::Catalog;
use crate::plan::PlanId;
use crate::subscription::{Status, Subscription};
use crate::time::Timestamp;

mod access;
mod answers;
mod catalogs;
mod change;
mod check;
mod documents;
mod entitlement;
mod invitation;
mod invoice;
mod money;
mod news;
mod plan;
mod properties;
mod role;
mod sales;
mod schema;
mod seat;
mod subscription;
mod top_up;
mod usage;
mod usage_model;
mod window;

/// A day in seconds.
const DAY: i64 = 86_400;

/// The catalogues that come with the product.
const CATALOGS: [&str; 4] = ["builder", "chat", "dcvaas", "protocol-guide"];

/// Where the catalogues are.
fn catalogs_folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../catalogs")
}

/// A catalogue as JSON, to plant mistakes in.
fn catalog_json(name: &str) -> Value {
    let file = catalogs_folder().join(format!("{name}.json"));
    let text = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// A catalogue.
fn catalog(name: &str) -> Catalog {
    read(catalog_json(name))
}

/// A catalogue from its JSON.
fn read(json: Value) -> Catalog {
    serde_json::from_value(json).unwrap()
}

/// A plan's name.
fn plan_id(name: &str) -> PlanId {
    PlanId::parse(name).unwrap()
}

/// A subscription in a status, paid from day 0 to day 30.
fn subscription(status: Status) -> Subscription {
    Subscription {
        id: "sub_1".to_owned(),
        customer: "cus_1".to_owned(),
        organization: None,
        buyer: None,
        status,
        item: "si_1".to_owned(),
        schedule: None,
        next: None,
        pending: None,
        dispute: None,
        price: "price_1".to_owned(),
        quantity: 1,
        created: Timestamp(0),
        period_start: Timestamp(0),
        period_end: Timestamp(30 * DAY),
        cancel_at_period_end: false,
        cancel_at: None,
        canceled_at: None,
        ended_at: None,
        trial_start: None,
        trial_end: None,
        past_due_at: None,
        period_paid: None,
        livemode: false,
    }
}
