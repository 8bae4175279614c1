//! Renewals through the clock: each at its own moment, paid, refused, retried, given up.

use reqwest::StatusCode;
use serde_json::{Value, json};

use super::life::{DAY, Subscriber, at, int};
use super::{World, text};

#[tokio::test]
async fn every_period_is_billed_at_its_own_moment() {
    let world = World::new().await;
    let it = Subscriber::new(&world, &[]).await;
    let (first_end, anchor) = (it.period_end().await, int(&it.read().await["billing_cycle_anchor"]));
    world.control("/sandbox/clock", json!({"advance_seconds": first_end - at(&world)})).await;
    let first_month = world.all_events().await;
    world.control("/sandbox/clock", json!({"months": 2, "days": 1})).await;
    let now = it.read().await;
    assert_eq!((&now["status"], &now["billing_cycle_anchor"]), (&json!("active"), &json!(anchor)));
    let invoices = it.invoices().await;
    assert_eq!(invoices.len(), 4, "the first and three renewals");
    assert!(invoices.iter().all(|invoice| invoice["status"] == "paid" && invoice["amount_paid"] == 2_900));
    let second = &invoices[2];
    assert_eq!((&second["billing_reason"], &second["created"]), (&json!("subscription_cycle"), &json!(first_end)));
    assert_eq!(second["lines"]["data"][0]["period"]["start"], first_end);
    assert_eq!(second["period_end"], first_end);
    assert_eq!(now["latest_invoice"], invoices[0]["id"]);
    assert_eq!(now["items"]["data"][0]["current_period_start"], invoices[0]["created"]);
    let renewal: Vec<&str> = first_month
        .iter()
        .filter(|event| event["created"] == first_end)
        .filter_map(|event| event["type"].as_str())
        .collect();
    assert_eq!(
        renewal,
        [
            "invoice.created",
            "customer.subscription.updated",
            "invoice.finalized",
            "payment_intent.created",
            "charge.succeeded",
            "payment_intent.succeeded",
            "invoice.paid",
            "invoice.payment_succeeded",
        ]
    );
    let moments: Vec<i64> = first_month.iter().map(|event| int(&event["created"])).collect();
    assert!(moments.is_sorted(), "{moments:?}");
    let upcoming: Vec<_> = first_month.iter().filter(|event| event["type"] == "invoice.upcoming").collect();
    assert_eq!(upcoming.len(), 1);
    assert_eq!(upcoming[0]["created"], first_end - 7 * DAY);
    let told = &upcoming[0]["data"]["object"];
    assert_eq!(told["amount_due"], 2_900);
    assert!(text(&told["id"]).starts_with("upcoming_in_"));
}

#[tokio::test]
async fn a_refused_renewal_is_retried_until_the_subscription_ends() {
    let world = World::new().await;
    let it = Subscriber::with_card(&world, "pm_card_chargeCustomerFail", &[("trial_period_days", "1")]).await;
    world.control("/sandbox/clock", json!({"days": 1})).await;
    let late = it.read().await;
    assert_eq!(late["status"], "past_due");
    let invoice = it.invoices().await[0].clone();
    let due = int(&invoice["created"]);
    assert_eq!((&invoice["status"], &invoice["attempt_count"]), (&json!("open"), &json!(1)));
    assert_eq!(invoice["next_payment_attempt"], due + 3 * DAY);
    world.control("/sandbox/clock", json!({"days": 16})).await;
    let failed = world.events_of("invoice.payment_failed").await;
    let attempts: Vec<i64> = failed.iter().map(|event| int(&event["created"]) - due).collect();
    assert_eq!(attempts, [0, 3 * DAY, 8 * DAY, 15 * DAY]);
    assert_eq!(failed[3]["data"]["object"]["next_payment_attempt"], Value::Null);
    let over = it.read().await;
    assert_eq!((&over["status"], &over["ended_at"]), (&json!("canceled"), &json!(due + 15 * DAY)));
    assert_eq!(over["cancellation_details"]["reason"], "payment_failed");
    let left = it.invoices().await[0].clone();
    assert_eq!((&left["status"], &left["auto_advance"]), (&json!("open"), &json!(false)));
}

#[tokio::test]
async fn unpaid_is_the_other_end_and_can_be_left_by_paying() {
    let world = World::new().await;
    world.control("/sandbox/settings", json!({"after_retries": "unpaid"})).await;
    let it = Subscriber::with_card(&world, "pm_card_chargeCustomerFail", &[("trial_period_days", "1")]).await;
    world.control("/sandbox/clock", json!({"days": 17})).await;
    assert_eq!(it.read().await["status"], "unpaid");
    world.control("/sandbox/clock", json!({"months": 1})).await;
    let invoice = it.invoices().await[0].clone();
    assert_eq!((&invoice["status"], &invoice["billing_reason"]), (&json!("draft"), &json!("subscription_cycle")));
    let id = text(&invoice["id"]);
    world.post(&format!("/v1/invoices/{id}/finalize"), &[]).await;
    let card = world.card(&it.customer, "pm_card_visa").await;
    world.post(&format!("/v1/invoices/{id}/pay"), &[("payment_method", &card)]).await;
    assert_eq!(it.read().await["status"], "active");
    let bad = world.client.post(world.url("/sandbox/settings")).json(&json!({"after_retries": "never"}));
    assert_eq!(bad.send().await.expect("a response").status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_payment_that_was_made_to_fail_recovers_with_the_next_retry() {
    let world = World::new().await;
    let it = Subscriber::new(&world, &[]).await;
    world.control("/sandbox/payments", json!({"fail_next": 1, "customer": it.customer})).await;
    let other = Subscriber::new(&world, &[]).await;
    world.control("/sandbox/clock", json!({"advance": "1 month"})).await;
    assert_eq!(other.read().await["status"], "active");
    assert_eq!(it.read().await["status"], "past_due");
    world.control("/sandbox/clock", json!({"days": 3})).await;
    assert_eq!(it.read().await["status"], "active");
    let invoice = it.invoices().await[0].clone();
    assert_eq!((&invoice["status"], &invoice["attempt_count"]), (&json!("paid"), &json!(2)));
    let updates = world.events_of("customer.subscription.updated").await;
    let recovered = updates.last().expect("an update");
    assert_eq!(recovered["data"]["previous_attributes"], json!({"status": "past_due"}));
}

#[tokio::test]
async fn a_failure_that_undoes_its_request_is_used_up_all_the_same() {
    let world = World::new().await;
    world.control("/sandbox/payments", json!({"fail_next": 1})).await;
    let session = world.session(&[]).await;
    assert_eq!(world.pay(&session, "4242424242424242").await.status(), StatusCode::PAYMENT_REQUIRED);
    assert_eq!(world.pay(&session, "4242424242424242").await.status(), StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn the_hosted_invoice_recovers_a_subscription() {
    let world = World::new().await;
    let it = Subscriber::new(&world, &[]).await;
    world.control("/sandbox/payments", json!({"fail_next": 1})).await;
    world.control("/sandbox/clock", json!({"months": 1})).await;
    let invoice = it.invoices().await[0].clone();
    let card = [("number", "5555555555554444"), ("expiry", "12 / 40"), ("cvc", "123")];
    world.client.post(text(&invoice["hosted_invoice_url"])).form(&card).send().await.expect("a page");
    assert_eq!(it.read().await["status"], "active");
    assert_eq!(it.invoices().await[0]["status"], "paid");
}

#[tokio::test]
async fn a_trial_ends_as_its_settings_say() {
    let world = World::new().await;
    let paying = Subscriber::new(&world, &[("trial_period_days", "10")]).await;
    let missing = |behaviour: &'static str| {
        [("trial_period_days", "10"), ("trial_settings[end_behavior][missing_payment_method]", behaviour)]
    };
    let ending = Subscriber::without_card(&world, &missing("cancel")).await;
    let pausing = Subscriber::without_card(&world, &missing("pause")).await;
    let owing = Subscriber::without_card(&world, &missing("create_invoice")).await;
    let end = int(&paying.read().await["trial_end"]);
    world.control("/sandbox/clock", json!({"days": 10})).await;
    let told = world.events_of("customer.subscription.trial_will_end").await;
    assert_eq!(told.len(), 4);
    assert_eq!(told[0]["created"], end - 3 * DAY);
    let active = paying.read().await;
    assert_eq!(
        (&active["status"], &active["items"]["data"][0]["current_period_start"]),
        (&json!("active"), &json!(end))
    );
    assert_eq!(paying.invoices().await[0]["amount_paid"], 2_900);
    assert_eq!(ending.read().await["status"], "canceled");
    assert_eq!(owing.read().await["status"], "past_due");
    assert_eq!(pausing.read().await["status"], "paused");
    assert_eq!(world.events_of("customer.subscription.paused").await.len(), 1);
    world.control("/sandbox/clock", json!({"months": 2})).await;
    assert_eq!(pausing.invoices().await.len(), 1, "nothing is billed while it is paused");

    let card = world.card(&pausing.customer, "pm_card_visa").await;
    world.post(&pausing.path, &[("default_payment_method", &card)]).await;
    let resumed = world.post(&format!("{}/resume", pausing.path), &[]).await;
    assert_eq!(resumed["status"], "active");
    assert!(resumed.get("status_details").is_none());
    assert_eq!(pausing.invoices().await[0]["amount_paid"], 2_900);
    assert_eq!(world.events_of("customer.subscription.resumed").await.len(), 1);
}

#[tokio::test]
async fn scheduled_ends_come_at_their_moment_and_not_a_period_later() {
    let world = World::new().await;
    let flagged = Subscriber::new(&world, &[]).await;
    let end = flagged.period_end().await;
    world.post(&flagged.path, &[("cancel_at_period_end", "true")]).await;
    let dated = Subscriber::new(&world, &[]).await;
    let day = at(&world) + 40 * DAY;
    world.post(&dated.path, &[("cancel_at", &day.to_string())]).await;
    world.control("/sandbox/clock", json!({"years": 1})).await;
    let (flagged, invoices) = (flagged.read().await, flagged.invoices().await);
    assert_eq!((&flagged["status"], &flagged["ended_at"]), (&json!("canceled"), &json!(end)));
    assert_eq!(invoices.len(), 1);
    assert_eq!(dated.read().await["ended_at"], day);
    assert_eq!(dated.invoices().await.len(), 2);
}

#[tokio::test]
async fn prorations_wait_for_the_renewal_and_discounts_run_out() {
    let world = World::new().await;
    world.post("/v1/coupons", &[("id", "half"), ("percent_off", "50"), ("duration", "once")]).await;
    let it = Subscriber::new(&world, &[("discounts[0][coupon]", "half")]).await;
    assert_eq!(it.invoices().await[0]["amount_paid"], 1_450);
    let end = it.period_end().await;
    world.control("/sandbox/clock", json!({"days": 10})).await;
    let item = it.item().await;
    world.post(&it.path, &[("items[0][id]", &item), ("items[0][price]", "price_scale_month")]).await;
    assert_eq!(it.invoices().await.len(), 1, "nothing is billed yet");
    world.control("/sandbox/clock", json!({"months": 1})).await;
    let renewal = it.invoices().await[0].clone();
    assert_eq!(renewal["created"], end);
    let lines = renewal["lines"]["data"].as_array().expect("lines");
    let amounts: Vec<i64> = lines.iter().map(|line| int(&line["amount"])).collect();
    assert_eq!((amounts.len(), amounts[2]), (3, 9_900));
    assert!(amounts[0] < 0 && amounts[0] > -1_450, "what is given back was bought at half the price: {amounts:?}");
    assert!(amounts[1] > 4_950, "the rest of the period has no discount any more: {amounts:?}");
    assert_eq!(renewal["total"], amounts.iter().sum::<i64>());
    assert_eq!(it.read().await["discounts"], json!([]));
    assert_eq!(world.events_of("customer.discount.deleted").await.len(), 1);
}

#[tokio::test]
async fn the_clock_goes_where_it_is_told() {
    let world = World::new().await;
    let it = Subscriber::new(&world, &[]).await;
    let end = it.period_end().await;
    world.control("/sandbox/clock", json!({"advance": "next"})).await;
    assert_eq!(world.events_of("invoice.upcoming").await.len(), 1);
    let moved = world.control("/sandbox/clock", json!({"advance": "next"})).await;
    assert_eq!(moved["now"], end);
    assert_eq!(it.invoices().await.len(), 2);
    for wrong in [json!({"advance": "soon"}), json!({"advance": "1"}), json!({"days": -1}), json!({"months": i64::MAX})]
    {
        let response = world.client.post(world.url("/sandbox/clock")).json(&wrong).send().await.expect("a response");
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{wrong}");
    }
}
