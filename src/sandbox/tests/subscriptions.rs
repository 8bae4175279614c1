//! Subscriptions through the API: creating, changing, ending.

use reqwest::StatusCode;
use serde_json::{Value, json};

use super::{World, text};

async fn subscribed(world: &World, more: &[(&str, &str)]) -> Value {
    let customer = world.customer().await;
    let card = world.post("/v1/payment_methods/pm_card_visa/attach", &[("customer", &customer)]).await;
    let method = text(&card["id"]);
    let mut params = vec![
        ("customer", customer.as_str()),
        ("default_payment_method", method.as_str()),
        ("items[0][price]", "price_pro_month"),
    ];
    params.extend_from_slice(more);
    world.post("/v1/subscriptions", &params).await
}

fn path(subscription: &Value) -> String {
    format!("/v1/subscriptions/{}", text(&subscription["id"]))
}

#[tokio::test]
async fn both_cancel_styles_are_kept_apart() {
    let world = World::new().await;
    let subscription = subscribed(&world, &[]).await;
    assert_eq!(subscription["status"], "active");
    let path = path(&subscription);
    let end = subscription["items"]["data"][0]["current_period_end"].clone();

    let flagged = world.post(&path, &[("cancel_at_period_end", "true")]).await;
    assert_eq!((&flagged["cancel_at_period_end"], &flagged["cancel_at"]), (&json!(true), &end));
    assert_eq!(flagged["cancellation_details"]["reason"], "cancellation_requested");
    let cleared = world.post(&path, &[("cancel_at_period_end", "false")]).await;
    assert_eq!((&cleared["cancel_at"], &cleared["canceled_at"]), (&Value::Null, &Value::Null));

    let dated = world.post(&path, &[("cancel_at", "min_period_end")]).await;
    assert_eq!((&dated["cancel_at_period_end"], &dated["cancel_at"]), (&json!(false), &end));
    let still = world.post(&path, &[("cancel_at_period_end", "false")]).await;
    assert_eq!(still["cancel_at"], end, "the flag does not clear a date");
    let cleared = world.post(&path, &[("cancel_at", ""), ("cancel_at_period_end", "false")]).await;
    assert_eq!(cleared["cancel_at"], Value::Null);
}

#[tokio::test]
async fn a_scheduled_end_comes_when_its_time_has_come() {
    let world = World::new().await;
    let subscription = subscribed(&world, &[]).await;
    let path = path(&subscription);
    world.post(&path, &[("cancel_at_period_end", "true")]).await;
    world.control("/sandbox/clock", json!({"advance_seconds": 32 * 86_400})).await;
    assert_eq!(world.get(&path).await["status"], "canceled");
    assert_eq!(world.events().await.last().map(String::as_str), Some("customer.subscription.deleted"));
    let refused = world.refused(&path, &[("items[0][price]", "price_scale_month")], StatusCode::BAD_REQUEST).await;
    assert!(text(&refused["message"]).contains("canceled subscription"));
}

#[tokio::test]
async fn an_upgrade_is_prorated_and_names_what_changed() {
    let world = World::new().await;
    let subscription = subscribed(&world, &[("items[0][quantity]", "2")]).await;
    let path = path(&subscription);
    let item = text(&subscription["items"]["data"][0]["id"]);
    world.control("/sandbox/clock", json!({"advance_seconds": 86_400})).await;
    let change = [
        ("items[0][id]", item.as_str()),
        ("items[0][price]", "price_scale_month"),
        ("metadata[plan]", "scale"),
        ("proration_behavior", "always_invoice"),
        ("expand[]", "latest_invoice"),
    ];
    let changed = world.post(&path, &change).await;
    let invoice = &changed["latest_invoice"];
    assert_eq!(invoice["billing_reason"], "subscription_update");
    let lines = invoice["lines"]["data"].as_array().expect("lines");
    assert_eq!(lines.len(), 2);
    assert!(lines[0]["amount"].as_i64() < Some(0) && lines[1]["amount"].as_i64() > Some(0));
    assert_eq!(lines[0]["parent"]["subscription_item_details"]["proration"], true);
    let events = world.get("/v1/events?type=customer.subscription.updated&limit=1").await;
    let previous = &events["data"][0]["data"]["previous_attributes"];
    assert_eq!(previous["items"]["data"][0]["price"]["id"], "price_pro_month");
    assert_eq!(previous["metadata"], json!({"plan": null}));
    assert!(previous.get("status").is_none());
}

#[tokio::test]
async fn a_yearly_price_starts_a_new_period() {
    let world = World::new().await;
    let subscription = subscribed(&world, &[]).await;
    let item = text(&subscription["items"]["data"][0]["id"]);
    let params = [("items[0][id]", item.as_str()), ("items[0][price]", "price_pro_year")];
    world.control("/sandbox/clock", json!({"advance_seconds": 3_600})).await;
    let changed = world.post(&path(&subscription), &params).await;
    let now = &changed["items"]["data"][0];
    assert_eq!(now["current_period_start"], changed["billing_cycle_anchor"]);
    let length = now["current_period_end"].as_i64().zip(now["current_period_start"].as_i64());
    assert!(length.is_some_and(|(end, start)| end - start >= 365 * 86_400));
}

#[tokio::test]
async fn an_incomplete_first_payment_is_paid_or_expires() {
    let world = World::new().await;
    let waiting = subscribed(&world, &[("payment_behavior", "default_incomplete")]).await;
    assert_eq!(waiting["status"], "incomplete");
    let invoice = text(&waiting["latest_invoice"]);
    world.post(&format!("/v1/invoices/{invoice}/pay"), &[]).await;
    assert_eq!(world.get(&path(&waiting)).await["status"], "active");

    let late = subscribed(&world, &[("payment_behavior", "default_incomplete")]).await;
    world.control("/sandbox/clock", json!({"advance_seconds": 23 * 3_600})).await;
    assert_eq!(world.get(&path(&late)).await["status"], "incomplete_expired");
    let invoice = text(&late["latest_invoice"]);
    assert_eq!(world.get(&format!("/v1/invoices/{invoice}")).await["status"], "void");
}

#[tokio::test]
async fn ending_the_trial_now_bills_now() {
    let world = World::new().await;
    let subscription = subscribed(&world, &[("trial_period_days", "14")]).await;
    assert_eq!(subscription["status"], "trialing");
    let active = world.post(&path(&subscription), &[("trial_end", "now"), ("expand[]", "latest_invoice")]).await;
    assert_eq!(active["status"], "active");
    assert_eq!(active["latest_invoice"]["amount_paid"], 2_900);
}

#[tokio::test]
async fn a_deleted_customer_ends_everything() {
    let world = World::new().await;
    let subscription = subscribed(&world, &[]).await;
    let customer = text(&subscription["customer"]);
    assert_eq!(world.delete(&format!("/v1/customers/{customer}")).await["deleted"], true);
    assert_eq!(world.get(&format!("/v1/customers/{customer}")).await["deleted"], true);
    assert_eq!(world.get(&path(&subscription)).await["status"], "canceled");
    assert_eq!(world.get("/v1/subscriptions").await["data"], json!([]));
    assert_eq!(world.get("/v1/subscriptions?status=all").await["data"].as_array().map(Vec::len), Some(1));
}

/// Fields that typed clients cannot do without.
#[tokio::test]
async fn objects_carry_every_field_that_clients_require() {
    let world = World::new().await;
    let subscription = subscribed(&world, &[("expand[]", "latest_invoice")]).await;
    let present = |object: &Value, fields: &str| {
        for field in fields.split(' ') {
            assert!(object.get(field).is_some_and(|it| !it.is_null()), "{field} is missing");
        }
    };
    present(
        &subscription,
        "automatic_tax billing_cycle_anchor billing_mode billing_schedules cancel_at_period_end collection_method \
         created currency customer discounts id invoice_settings items livemode metadata start_date status",
    );
    present(
        &subscription["items"]["data"][0],
        "created current_period_start current_period_end discounts id metadata plan price subscription",
    );
    present(
        &subscription["latest_invoice"],
        "amount_due amount_overpaid amount_paid amount_remaining amount_shipping attempt_count attempted automatic_tax \
         collection_method created currency default_tax_rates discounts issuer lines livemode payment_settings period_end \
         period_start post_payment_credit_notes_amount pre_payment_credit_notes_amount starting_balance \
         status_transitions subtotal total",
    );
    present(
        &world.session(&[]).await,
        "automatic_tax created custom_fields custom_text expires_at id livemode mode payment_method_types \
         payment_status shipping_options",
    );
}
