//! Updates whose payment fails: waiting, applied, expired, or refused without a trace.

use reqwest::StatusCode;
use serde_json::{Value, json};

use super::life::{DAY, Subscriber, at, int};
use super::{World, text};

async fn upgrade(world: &World, it: &Subscriber<'_>, behaviour: &str) -> Value {
    let item = it.item().await;
    let change = [
        ("items[0][id]", item.as_str()),
        ("items[0][price]", "price_scale_month"),
        ("proration_behavior", "always_invoice"),
        ("payment_behavior", behaviour),
    ];
    world.post(&it.path, &change).await
}

fn price(subscription: &Value) -> &str {
    subscription["items"]["data"][0]["price"]["id"].as_str().expect("a price")
}

async fn recent(world: &World, count: usize) -> Vec<String> {
    let types = world.events().await;
    types[types.len() - count..].to_vec()
}

#[tokio::test]
async fn a_change_waits_for_its_payment_and_then_happens() {
    let world = World::new().await;
    let it = Subscriber::new(&world, &[]).await;
    world.control("/sandbox/clock", json!({"days": 10})).await;
    world.control("/sandbox/payments", json!({"fail_next": 1})).await;
    let waiting = upgrade(&world, &it, "pending_if_incomplete").await;
    assert_eq!((price(&waiting), &waiting["status"]), ("price_pro_month", &json!("active")));
    let update = &waiting["pending_update"];
    assert_eq!(update["subscription_items"][0]["price"]["id"], "price_scale_month");
    assert!((int(&update["expires_at"]) - at(&world) - 23 * 3_600).abs() <= 5);
    let invoice = it.invoices().await[0].clone();
    assert_eq!((&invoice["id"], &invoice["status"]), (&waiting["latest_invoice"], &json!("open")));
    assert_eq!(invoice["next_payment_attempt"], Value::Null, "it is not retried");

    let card = [("number", "5555555555554444"), ("expiry", "12 / 40"), ("cvc", "123")];
    world.client.post(text(&invoice["hosted_invoice_url"])).form(&card).send().await.expect("a page");
    let changed = it.read().await;
    assert_eq!((price(&changed), &changed["pending_update"]), ("price_scale_month", &Value::Null));
    let types = world.events().await;
    let applied = types.iter().position(|it| it == "customer.subscription.pending_update_applied").expect("applied");
    assert_eq!(types[applied - 1], "customer.subscription.updated");
    world.history_is_consistent().await;
}

#[tokio::test]
async fn a_paid_change_happens_at_once() {
    let world = World::new().await;
    let it = Subscriber::new(&world, &[]).await;
    let changed = upgrade(&world, &it, "pending_if_incomplete").await;
    assert_eq!((price(&changed), &changed["pending_update"]), ("price_scale_month", &Value::Null));
    assert_eq!(world.events_of("customer.subscription.pending_update_applied").await.len(), 0);
    world.history_is_consistent().await;
}

#[tokio::test]
async fn a_change_that_nobody_pays_for_expires() {
    let world = World::new().await;
    let it = Subscriber::new(&world, &[]).await;
    let bank = world.card(&it.customer, "pm_card_threeDSecure2Required").await;
    world.post(&it.path, &[("default_payment_method", &bank)]).await;
    let item = it.item().await;
    world.control("/sandbox/clock", json!({"days": 5})).await;
    world.post(&it.path, &[("items[0][id]", &item), ("items[0][quantity]", "2")]).await;
    let waiting = upgrade(&world, &it, "pending_if_incomplete").await;
    assert_eq!(world.events_of("invoice.payment_action_required").await.len(), 1);
    world.control("/sandbox/clock", json!({"advance": "23 hours"})).await;
    let now = it.read().await;
    assert_eq!(
        (price(&now), &now["pending_update"], &now["status"]),
        ("price_pro_month", &Value::Null, &json!("active"))
    );
    let path = format!("/v1/invoices/{}", text(&waiting["latest_invoice"]));
    assert_eq!(world.get(&path).await["status"], "void");
    assert_eq!(recent(&world, 1).await, ["customer.subscription.pending_update_expired"]);
    world.history_is_consistent().await;
    let upcoming = world.post("/v1/invoices/create_preview", &[("subscription", it.id())]).await;
    assert_eq!(upcoming["lines"]["data"].as_array().map(Vec::len), Some(3), "what waited before waits again");
}

#[tokio::test]
async fn a_new_change_takes_the_place_of_one_that_waits() {
    let world = World::new().await;
    let it = Subscriber::new(&world, &[]).await;
    world.control("/sandbox/payments", json!({"fail_next": 1})).await;
    let waiting = upgrade(&world, &it, "pending_if_incomplete").await;
    let changed = upgrade(&world, &it, "pending_if_incomplete").await;
    assert_eq!((price(&changed), &changed["pending_update"]), ("price_scale_month", &Value::Null));
    let path = format!("/v1/invoices/{}", text(&waiting["latest_invoice"]));
    assert_eq!(world.get(&path).await["status"], "void");
    world.history_is_consistent().await;
}

#[tokio::test]
async fn error_if_incomplete_leaves_no_trace() {
    let world = World::new().await;
    let it = Subscriber::new(&world, &[]).await;
    world.control("/sandbox/clock", json!({"advance_seconds": 10 * DAY})).await;
    world.control("/sandbox/payments", json!({"fail_next": 1})).await;
    let (before, events) = (it.read().await, world.events().await);
    let item = it.item().await;
    let change = [
        ("items[0][id]", item.as_str()),
        ("items[0][price]", "price_scale_month"),
        ("proration_behavior", "always_invoice"),
        ("payment_behavior", "error_if_incomplete"),
    ];
    let error = world.refused(&it.path, &change, StatusCode::PAYMENT_REQUIRED).await;
    assert_eq!((&error["type"], &error["code"]), (&json!("card_error"), &json!("card_declined")));
    assert_eq!(it.read().await, before);
    assert_eq!(it.invoices().await.len(), 1);
    assert_eq!(world.events().await, events);
}

#[tokio::test]
async fn default_incomplete_changes_and_waits_for_the_money() {
    let world = World::new().await;
    let it = Subscriber::new(&world, &[]).await;
    world.control("/sandbox/clock", json!({"days": 10})).await;
    let changed = upgrade(&world, &it, "default_incomplete").await;
    assert_eq!((price(&changed), &changed["status"]), ("price_scale_month", &json!("past_due")));
    world.post(&format!("/v1/invoices/{}/pay", text(&changed["latest_invoice"])), &[]).await;
    assert_eq!(it.read().await["status"], "active");
}

#[tokio::test]
async fn what_cannot_wait_is_refused() {
    let world = World::new().await;
    let it = Subscriber::new(&world, &[]).await;
    let change = [("metadata[a]", "1"), ("payment_behavior", "pending_if_incomplete")];
    let error = world.refused(&it.path, &change, StatusCode::BAD_REQUEST).await;
    assert_eq!(error["param"], "metadata");
}
