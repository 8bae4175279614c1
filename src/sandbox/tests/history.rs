//! What events say about the past: `previous_attributes` taken back from an object must give exactly
//! the object that was told of before.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::World;
use super::life::{DAY, Subscriber, at};

/// The object before a change: hashes are taken back field by field, everything else whole.
fn before(after: &Value, previous: &Value) -> Value {
    let mut object = after.clone();
    let fields = previous.as_object().expect("a hash");
    for (name, value) in fields {
        let inner = object.get(name).filter(|it| it.is_object() && value.is_object()).cloned();
        object[name] = inner.map_or_else(|| value.clone(), |inner| before(&inner, value));
    }
    object
}

/// Absent and `null` are the same to every reader.
fn plain(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            fields.iter().filter(|(_, it)| !it.is_null()).map(|(name, it)| (name.clone(), plain(it))).collect()
        }
        Value::Array(all) => all.iter().map(plain).collect(),
        other => other.clone(),
    }
}

impl World {
    /// Checks the events of all subscriptions, invoices and schedules so far.
    pub(super) async fn history_is_consistent(&self) {
        let mut known: HashMap<String, Value> = HashMap::new();
        for event in self.all_events().await {
            let kind = event["type"].as_str().expect("a type");
            let object = &event["data"]["object"];
            // A customer's invoice numbers are counted without an event.
            let Some(id) = object["id"].as_str().filter(|id| !id.starts_with("cus_")) else { continue };
            if let Some(previous) = event["data"].get("previous_attributes") {
                let derived = plain(&before(object, previous));
                match known.get(id) {
                    Some(told) => assert_eq!(derived, plain(told), "{kind} of {id}"),
                    // Events are kept for thirty days.
                    None => assert!(object["created"].as_i64() < Some(at(self) - 30 * DAY), "{kind} of unknown {id}"),
                }
                assert_ne!(previous, &json!({}), "{kind} of {id} says that nothing changed");
            } else if kind.ends_with(".updated") {
                panic!("{kind} does not say what changed");
            }
            known.insert(id.to_owned(), object.clone());
        }
        for (id, told) in known.iter().filter(|(id, _)| id.starts_with("sub_") && !id.starts_with("sub_sched")) {
            let now = self.get(&format!("/v1/subscriptions/{id}")).await;
            assert_eq!(plain(&now), plain(told), "the last event of {id} tells how it is");
        }
    }
}

#[tokio::test]
async fn a_busy_life_is_told_without_gaps() {
    let world = World::new().await;
    world.post("/v1/coupons", &[("id", "ten"), ("percent_off", "10"), ("duration", "once")]).await;
    let trial = [("trial_period_days", "5"), ("cancel_at_period_end", "true"), ("metadata[a]", "1")];
    let it = Subscriber::new(&world, &trial).await;
    let renewed: [&[(&str, &str)]; 5] = [
        &[("cancel_at_period_end", "false"), ("metadata[a]", ""), ("metadata[b]", "2")],
        &[("discounts[0][coupon]", "ten"), ("description", "Ada's")],
        &[("cancel_at", "max_period_end"), ("cancellation_details[comment]", "dear")],
        &[("cancel_at", "")],
        &[("trial_end", "now")],
    ];
    for change in renewed {
        world.post(&it.path, change).await;
    }
    let item = it.item().await;
    let changes: [&[(&str, &str)]; 5] = [
        &[("items[0][id]", &item), ("items[0][quantity]", "3")],
        &[("items[0][id]", &item), ("items[0][price]", "price_scale_month"), ("proration_behavior", "always_invoice")],
        &[("items[0][price]", "price_pro_month"), ("items[0][metadata][k]", "v")],
        &[("items[0][id]", &item), ("items[0][deleted]", "true"), ("proration_behavior", "none")],
        &[("pause_collection[behavior]", "void")],
    ];
    for change in changes {
        world.control("/sandbox/clock", json!({"days": 1})).await;
        world.post(&it.path, change).await;
    }
    world.post(&format!("{}/pause", it.path), &[("bill_for[unused_time_from][type]", "now")]).await;
    world.control("/sandbox/clock", json!({"days": 2})).await;
    world.post(&format!("{}/resume", it.path), &[]).await;
    world.history_is_consistent().await;
    world.delete(&it.path).await;
    world.history_is_consistent().await;
}

#[tokio::test]
async fn renewals_failures_and_recoveries_are_told_without_gaps() {
    let world = World::new().await;
    let weekly = [
        ("items[0][price_data][currency]", "usd"),
        ("items[0][price_data][product]", "prod_pro"),
        ("items[0][price_data][recurring][interval]", "week"),
        ("items[0][price_data][unit_amount]", "700"),
        ("items[0][price]", ""),
    ];
    let it = Subscriber::new(&world, &weekly).await;
    world.control("/sandbox/payments", json!({"fail_next": 2})).await;
    let end = at(&world) + 25 * DAY;
    world.post(&it.path, &[("cancel_at", &end.to_string())]).await;
    world.control("/sandbox/clock", json!({"days": 26})).await;
    assert_eq!(it.read().await["ended_at"], end);
    assert_eq!(it.invoices().await.iter().filter(|invoice| invoice["status"] == "paid").count(), 4);
    world.history_is_consistent().await;
}
