//! Webhook delivery: signatures, retries, holding back, dropping, sending again.

use reqwest::Method;
use serde_json::json;

use super::receiver::Receiver;
use super::{World, text};
use crate::calendar;
use crate::stripe::signature;

async fn listening() -> (World, Receiver) {
    let world = World::new().await;
    let receiver = Receiver::start().await;
    world.sandbox.set_webhook_url(&receiver.url);
    (world, receiver)
}

#[tokio::test]
async fn each_delivery_is_signed_over_its_exact_body() {
    let (world, receiver) = listening().await;
    world.customer().await;
    world.sandbox.deliveries_idle().await;
    let request = receiver.requests().remove(0);
    let moment = request.signature.trim_start_matches("t=").split(',').next().expect("a time");
    let moment: i64 = moment.parse().expect("seconds");
    assert!((calendar::wall() - moment).abs() < 60);
    assert_eq!(request.signature, signature::header(world.sandbox.webhook_secret(), moment, &request.body));
    let event = request.event();
    assert_eq!(event["api_version"], "2026-09-30.endive");
    assert_eq!(event["pending_webhooks"], 1);
    let kept = world.get(&format!("/v1/events/{}", text(&event["id"]))).await;
    assert_eq!(kept["pending_webhooks"], 0);
}

#[tokio::test]
async fn a_refused_event_is_retried_with_the_same_id_and_blocks_nobody() {
    let (world, receiver) = listening().await;
    receiver.answer_with(500);
    world.customer().await;
    let mut changes = world.sandbox.stripe.changes();
    while receiver.requests().is_empty() {
        changes.changed().await.expect("changes");
    }
    let failing = world.get("/v1/events?delivery_success=false").await;
    assert_eq!(failing["data"].as_array().map(Vec::len), Some(1));
    receiver.answer_with(200);
    world.customer().await;
    world.sandbox.deliveries_idle().await;
    let events: Vec<_> = receiver.requests().iter().map(|it| text(&it.event()["id"])).collect();
    assert_eq!(events.len(), 3);
    let first = &events[0];
    assert_eq!(events.iter().filter(|id| *id == first).count(), 2, "{events:?}");
    let failing = world.get("/v1/events?delivery_success=false").await;
    assert_eq!(failing["data"], json!([]));
}

#[tokio::test]
async fn events_are_held_back_dropped_and_sent_again() {
    let (world, receiver) = listening().await;
    world.control("/sandbox/webhooks", json!({"mode": "hold"})).await;
    world.customer().await;
    world.sandbox.deliveries_idle().await;
    assert_eq!(receiver.types(), Vec::<String>::new());
    world.control("/sandbox/webhooks", json!({"mode": "drop"})).await;
    world.sandbox.deliveries_idle().await;
    let customer = world.customer().await;
    world.control("/sandbox/webhooks", json!({"mode": "deliver"})).await;
    world.sandbox.deliveries_idle().await;
    assert_eq!(receiver.requests().len(), 1);
    let lost = world.get("/v1/events?delivery_success=false").await["data"][0].clone();
    assert_eq!(lost["data"]["object"]["id"], customer.as_str());
    world.control("/sandbox/webhooks/redeliver", json!({"event": lost["id"]})).await;
    world.sandbox.deliveries_idle().await;
    assert_eq!(receiver.requests()[1].event()["id"], lost["id"]);
    world.control("/sandbox/webhooks/redeliver", json!({"event": lost["id"]})).await;
    world.sandbox.deliveries_idle().await;
    assert_eq!(receiver.requests().len(), 3, "an event can be sent twice");
}

#[tokio::test]
async fn endpoints_get_what_they_subscribe_to_with_their_own_secret() {
    let world = World::new().await;
    let receiver = Receiver::start().await;
    let endpoint =
        world.post("/v1/webhook_endpoints", &[("url", &receiver.url), ("enabled_events[]", "customer.updated")]).await;
    let secret = text(&endpoint["secret"]);
    let customer = world.customer().await;
    world.post(&format!("/v1/customers/{customer}"), &[("name", "Ada")]).await;
    world.sandbox.deliveries_idle().await;
    assert_eq!(receiver.types(), ["customer.updated"]);
    let request = receiver.requests().remove(0);
    let moment = request.signature.trim_start_matches("t=").split(',').next().expect("a time");
    assert_eq!(request.signature, signature::header(&secret, moment.parse().expect("seconds"), &request.body));
    assert_eq!(request.event()["data"]["previous_attributes"], json!({"name": null}));
    let path = format!("/v1/webhook_endpoints/{}", text(&endpoint["id"]));
    assert!(world.get(&path).await.get("secret").is_none());
    world.send(Method::DELETE, &path, &[], None).await;
    world.customer().await;
    world.sandbox.deliveries_idle().await;
    assert_eq!(receiver.requests().len(), 1);
}

#[tokio::test]
async fn events_are_delivered_twice_and_shuffled_as_the_seed_says() {
    let mut orders = Vec::new();
    for seed in [1, 1, 2] {
        let (world, receiver) = listening().await;
        let mode = json!({"mode": "hold", "duplicate": true, "reorder": true, "seed": seed});
        world.control("/sandbox/webhooks", mode).await;
        for number in 0..8 {
            world.post("/v1/customers", &[("name", &number.to_string())]).await;
        }
        world.control("/sandbox/webhooks", json!({"mode": "reorder", "seed": seed})).await;
        world.sandbox.deliveries_idle().await;
        let names =
            receiver.requests().iter().map(|it| text(&it.event()["data"]["object"]["name"])).collect::<Vec<_>>();
        assert_eq!(names.len(), 16, "each event twice");
        assert!(!names.is_sorted());
        orders.push(names);
    }
    assert_eq!(orders[0], orders[1], "the same seed gives the same order");
    assert_ne!(orders[0], orders[2]);
}

#[tokio::test]
async fn a_delayed_event_waits_for_the_clock() {
    let (world, receiver) = listening().await;
    world.control("/sandbox/webhooks", json!({"mode": "delay", "delay": 3_600})).await;
    let late = world.customer().await;
    world.control("/sandbox/webhooks", json!({"mode": "deliver"})).await;
    let soon = world.customer().await;
    let mut changes = world.sandbox.stripe.changes();
    while receiver.requests().is_empty() {
        changes.changed().await.expect("changes");
    }
    world.control("/sandbox/clock", json!({"advance_seconds": 3_600})).await;
    world.sandbox.deliveries_idle().await;
    let order: Vec<_> = receiver.requests().iter().map(|it| text(&it.event()["data"]["object"]["id"])).collect();
    assert_eq!(order, [soon, late]);
    let bad = world.client.post(world.url("/sandbox/webhooks")).json(&json!({"mode": "burn"}));
    assert_eq!(bad.send().await.expect("a response").status(), reqwest::StatusCode::BAD_REQUEST);
}
