//! Test clocks: customers who live at a time of their own.

use reqwest::StatusCode;
use serde_json::{Value, json};

use super::life::{DAY, Subscriber, at, int};
use super::{World, text};

/// Some day long ago.
const THEN: i64 = 1_700_000_000;

#[tokio::test]
async fn a_customer_on_a_clock_lives_at_its_time() {
    let world = World::new().await;
    let clock = world.post("/v1/test_helpers/test_clocks", &[("frozen_time", "1700000000"), ("name", "then")]).await;
    let id = text(&clock["id"]);
    assert_eq!((&clock["status"], &clock["frozen_time"]), (&json!("ready"), &json!(THEN)));
    let customer = world.post("/v1/customers", &[("test_clock", id.as_str()), ("email", "ada@example.com")]).await;
    let customer = text(&customer["id"]);
    let card = world.card(&customer, "pm_card_visa").await;
    let it = Subscriber::subscribe(&world, customer, &[("default_payment_method", &card)]).await;
    let other = Subscriber::new(&world, &[]).await;
    let read = it.read().await;
    assert_eq!((&read["created"], &read["test_clock"]), (&json!(THEN), &json!(id)));
    let end = int(&read["items"]["data"][0]["current_period_end"]);
    world.control("/sandbox/clock", json!({"days": 20})).await;
    assert_eq!(it.invoices().await.len(), 1, "the sandbox's own clock does not move them");

    let path = format!("/v1/test_helpers/test_clocks/{id}");
    let target = (end + DAY).to_string();
    let moving = world.post(&format!("{path}/advance"), &[("frozen_time", &target)]).await;
    assert_eq!((&moving["status"], &moving["frozen_time"]), (&json!("advancing"), &json!(THEN)));
    assert_eq!(moving["status_details"]["advancing"]["target_frozen_time"].to_string(), target);
    let ready = world.get(&path).await;
    assert_eq!((&ready["status"], ready["frozen_time"].to_string()), (&json!("ready"), target));
    let renewal = it.invoices().await[0].clone();
    assert_eq!(
        (&renewal["created"], &renewal["test_clock"], &renewal["status"]),
        (&json!(end), &json!(id), &json!("paid"))
    );
    assert_eq!(other.invoices().await.len(), 1, "others stay where they are");
    let told = world.events_of("test_helpers.test_clock.ready").await;
    assert!((int(&told[0]["created"]) - at(&world)).abs() < 60);
    let changed = world.post(&it.path, &[("cancel_at_period_end", "true")]).await;
    assert_eq!(changed["canceled_at"], end + DAY);
    world.history_is_consistent().await;
}

#[tokio::test]
async fn a_clock_moves_forward_and_not_too_far() {
    let world = World::new().await;
    let clock = world.post("/v1/test_helpers/test_clocks", &[("frozen_time", "1700000000")]).await;
    let path = format!("/v1/test_helpers/test_clocks/{}", text(&clock["id"]));
    let advance = format!("{path}/advance");
    let params = [("frozen_time", "1700000000")];
    assert_eq!(world.refused(&advance, &params, StatusCode::BAD_REQUEST).await["param"], "frozen_time");
    let far = (THEN + 3 * 366 * DAY).to_string();
    world.refused(&advance, &[("frozen_time", &far)], StatusCode::BAD_REQUEST).await;
    let customer = world.post("/v1/customers", &[("test_clock", &text(&clock["id"]))]).await;
    let customer = text(&customer["id"]);
    let card = world.card(&customer, "pm_card_visa").await;
    let it = Subscriber::subscribe(&world, customer.clone(), &[("default_payment_method", &card)]).await;
    let far = (THEN + 90 * DAY).to_string();
    world.refused(&advance, &[("frozen_time", &far)], StatusCode::BAD_REQUEST).await;
    let unknown = [("test_clock", "clock_no")];
    assert_eq!(world.refused("/v1/customers", &unknown, StatusCode::BAD_REQUEST).await["param"], "test_clock");

    assert_eq!(world.delete(&path).await["deleted"], true);
    let gone = world.get(&it.path).await;
    assert_eq!((&gone["status"], &gone["ended_at"]), (&json!("canceled"), &json!(THEN)));
    assert_eq!(world.get(&format!("/v1/customers/{customer}")).await["deleted"], true);
    assert_eq!(world.get("/v1/test_helpers/test_clocks").await["data"], json!([]));
    assert_eq!(world.events_of("customer.deleted").await[0]["data"]["object"]["id"], Value::from(customer));
}
