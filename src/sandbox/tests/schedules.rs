//! Subscription schedules: downgrades at the period's end, ends, releases.

use reqwest::StatusCode;
use serde_json::{Value, json};

use super::life::{DAY, Subscriber, at, int};
use super::{World, text};

/// A schedule that leads a subscription from its present price to another at the period's end.
async fn planned(world: &World, it: &Subscriber<'_>, next: &str, more: &[(&str, &str)]) -> String {
    let schedule = world.post("/v1/subscription_schedules", &[("from_subscription", it.id())]).await;
    let id = text(&schedule["id"]);
    let phase = &schedule["phases"][0];
    let (start, end) = (phase["start_date"].to_string(), phase["end_date"].to_string());
    let price = text(&phase["items"][0]["price"]);
    let mut params = vec![
        ("phases[0][items][0][price]", price.as_str()),
        ("phases[0][items][0][quantity]", "1"),
        ("phases[0][start_date]", &start),
        ("phases[0][end_date]", &end),
        ("phases[1][items][0][price]", next),
        ("phases[1][items][0][quantity]", "1"),
    ];
    params.extend_from_slice(more);
    world.post(&format!("/v1/subscription_schedules/{id}"), &params).await;
    id
}

fn price(subscription: &Value) -> &str {
    subscription["items"]["data"][0]["price"]["id"].as_str().expect("a price")
}

#[tokio::test]
async fn a_downgrade_happens_with_the_renewal_and_one_invoice() {
    let world = World::new().await;
    let it = Subscriber::new(&world, &[("items[0][price]", "price_scale_month")]).await;
    let (end, item) = (it.period_end().await, it.item().await);
    let id = planned(&world, &it, "price_pro_month", &[("phases[1][proration_behavior]", "none")]).await;
    let expanded = world.get(&format!("{}?expand[]=schedule", it.path)).await;
    assert_eq!((&expanded["schedule"]["id"], price(&expanded)), (&json!(id), "price_scale_month"));
    let listed = world.get("/v1/subscriptions?expand[]=data.schedule.phases.items.price").await;
    assert_eq!(listed["data"][0]["schedule"]["phases"][1]["items"][0]["price"]["unit_amount"], 2_900);
    let preview = world.post("/v1/invoices/create_preview", &[("subscription", it.id())]).await;
    assert_eq!(preview["amount_due"], 2_900);

    world.control("/sandbox/clock", json!({"advance_seconds": end - at(&world)})).await;
    let changed = it.read().await;
    assert_eq!(price(&changed), "price_pro_month");
    assert_eq!(changed["items"]["data"][0]["id"], item.as_str());
    let invoices = it.invoices().await;
    assert_eq!(invoices.len(), 2);
    assert_eq!((&invoices[0]["amount_paid"], &invoices[0]["created"]), (&json!(2_900), &json!(end)));
    let schedule = world.get(&format!("/v1/subscription_schedules/{id}")).await;
    assert_eq!((&schedule["status"], &schedule["current_phase"]["start_date"]), (&json!("active"), &json!(end)));
    world.history_is_consistent().await;

    world.control("/sandbox/clock", json!({"months": 1})).await;
    let schedule = world.get(&format!("/v1/subscription_schedules/{id}")).await;
    assert_eq!((&schedule["status"], &schedule["released_subscription"]), (&json!("released"), &json!(it.id())));
    let running = it.read().await;
    assert_eq!((&running["status"], &running["schedule"]), (&json!("active"), &Value::Null));
    assert_eq!(it.invoices().await.len(), 3);
    let kinds: Vec<String> =
        world.events().await.into_iter().filter(|kind| kind.starts_with("subscription_schedule.")).collect();
    assert_eq!(kinds.last().map(String::as_str), Some("subscription_schedule.released"));
    world.history_is_consistent().await;
}

#[tokio::test]
async fn another_interval_starts_a_new_cycle() {
    let world = World::new().await;
    let it = Subscriber::new(&world, &[]).await;
    let end = it.period_end().await;
    planned(&world, &it, "price_pro_year", &[]).await;
    world.control("/sandbox/clock", json!({"months": 1, "days": 1})).await;
    let yearly = it.read().await;
    assert_eq!((price(&yearly), &yearly["billing_cycle_anchor"]), ("price_pro_year", &json!(end)));
    assert!(int(&yearly["items"]["data"][0]["current_period_end"]) >= end + 365 * DAY);
    assert_eq!(it.invoices().await[0]["amount_paid"], 28_900);
}

#[tokio::test]
async fn a_phase_in_the_middle_of_a_period_is_prorated() {
    let world = World::new().await;
    let it = Subscriber::new(&world, &[]).await;
    let middle = (at(&world) + 10 * DAY).to_string();
    let more = [("phases[1][proration_behavior]", "always_invoice")];
    let schedule = world.post("/v1/subscription_schedules", &[("from_subscription", it.id())]).await;
    let path = format!("/v1/subscription_schedules/{}", text(&schedule["id"]));
    let start = schedule["phases"][0]["start_date"].to_string();
    let mut params = vec![
        ("phases[0][items][0][price]", "price_pro_month"),
        ("phases[0][start_date]", start.as_str()),
        ("phases[0][end_date]", middle.as_str()),
        ("phases[1][items][0][price]", "price_scale_month"),
        ("phases[1][items][0][quantity]", "2"),
        ("phases[1][duration][interval]", "month"),
        ("phases[1][duration][interval_count]", "2"),
        ("end_behavior", "cancel"),
    ];
    params.extend_from_slice(&more);
    world.post(&path, &params).await;
    world.control("/sandbox/clock", json!({"days": 11})).await;
    let changed = it.read().await;
    assert_eq!((price(&changed), &changed["items"]["data"][0]["quantity"]), ("price_scale_month", &json!(2)));
    let invoice = it.invoices().await[0].clone();
    assert_eq!((&invoice["billing_reason"], &invoice["status"]), (&json!("subscription_update"), &json!("paid")));
    assert_eq!(invoice["created"].to_string(), middle);
    world.control("/sandbox/clock", json!({"months": 3})).await;
    assert_eq!(it.read().await["status"], "canceled");
    assert_eq!(world.get(&path).await["status"], "completed");
    world.history_is_consistent().await;
}

#[tokio::test]
async fn a_schedule_alone_says_when_it_ends() {
    let world = World::new().await;
    let it = Subscriber::new(&world, &[]).await;
    let id = planned(&world, &it, "price_scale_month", &[]).await;
    for params in [[("cancel_at_period_end", "true")], [("cancel_at", "min_period_end")]] {
        let error = world.refused(&it.path, &params, StatusCode::BAD_REQUEST).await;
        assert!(text(&error["message"]).contains(&format!("managed by the subscription schedule `{id}`")));
    }
    let twice = [("from_subscription", it.id())];
    let again = world.refused("/v1/subscription_schedules", &twice, StatusCode::BAD_REQUEST).await;
    assert!(text(&again["message"]).contains("already attached"));
    let item = it.item().await;
    world.post(&it.path, &[("items[0][id]", &item), ("items[0][quantity]", "4")]).await;
    let schedule = world.get(&format!("/v1/subscription_schedules/{id}")).await;
    assert_eq!(schedule["phases"][0]["items"][0]["quantity"], 4, "the phase follows the subscription");
    let released = world.post(&format!("/v1/subscription_schedules/{id}/release"), &[]).await;
    assert_eq!((&released["status"], &released["subscription"]), (&json!("released"), &Value::Null));
    assert_eq!(world.post(&it.path, &[("cancel_at_period_end", "true")]).await["cancel_at_period_end"], true);
    world.refused(&format!("/v1/subscription_schedules/{id}/release"), &[], StatusCode::BAD_REQUEST).await;
    world.history_is_consistent().await;
}

#[tokio::test]
async fn a_schedule_starts_its_subscription_when_its_time_has_come() {
    let world = World::new().await;
    let customer = world.customer().await;
    let card = world.card(&customer, "pm_card_visa").await;
    let start = at(&world) + 5 * DAY;
    let date = start.to_string();
    let params = [
        ("customer", customer.as_str()),
        ("start_date", &date),
        ("end_behavior", "cancel"),
        ("phases[0][items][0][price]", "price_pro_month"),
        ("phases[0][default_payment_method]", &card),
        ("phases[0][duration][interval]", "month"),
        ("phases[0][duration][interval_count]", "2"),
    ];
    let schedule = world.post("/v1/subscription_schedules", &params).await;
    assert_eq!((&schedule["status"], &schedule["subscription"]), (&json!("not_started"), &Value::Null));
    assert_eq!(world.get("/v1/subscriptions").await["data"], json!([]));
    world.control("/sandbox/clock", json!({"days": 6})).await;
    let subscription = world.get("/v1/subscriptions").await["data"][0].clone();
    assert_eq!((&subscription["start_date"], &subscription["schedule"]), (&json!(start), &schedule["id"]));
    assert_eq!(subscription["status"], "active");
    let path = format!("/v1/subscription_schedules/{}", text(&schedule["id"]));
    assert_eq!(world.post(&format!("{path}/cancel"), &[]).await["status"], "canceled");
    assert_eq!(world.get("/v1/subscriptions").await["data"], json!([]));
    let listed = world.get(&format!("/v1/subscription_schedules?customer={customer}")).await;
    assert_eq!(listed["data"].as_array().map(Vec::len), Some(1));
    world.history_is_consistent().await;
}
