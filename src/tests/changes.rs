//! A change of plan beside everything else that a subscription may be in: an open payment, another change, a discount,
//! a trial. Nobody gets what was not paid, nobody pays what was not shown, and nothing that was agreed on is lost.

use reqwest::StatusCode;
use serde_json::json;

use crate::harness::{World, location};
use crate::life::{FAILS_LATER, SETTINGS, act, settings, tier};
use crate::team::team;

const CHANGE: &str = "/api/subscription/change";

#[tokio::test]
async fn nothing_is_changed_while_a_payment_is_open() {
    let world = World::start().await;
    let browser = world.subscriber_with("ada", &[("plan", "pro"), ("period", "monthly")], FAILS_LATER).await;
    assert!(settings(&browser).await.contains("Change plan"));
    world.pass(json!({"months": 1})).await;
    assert_eq!(world.subscription().await["status"], "past_due");
    for (plan, period) in [("scale", "monthly"), ("starter", "monthly"), ("pro", "yearly")] {
        let refused = browser.post_json(CHANGE, &json!({"plan": plan, "period": period})).await;
        assert_eq!(refused.status(), StatusCode::CONFLICT, "{plan}");
        assert!(refused.text().await.unwrap().contains("Pay the invoice"), "{plan}");
    }
    let (_, page) = browser.read("/settings/billing/change/scale").await;
    assert!(page.contains("Pay the invoice") && !page.contains("Confirm"), "{page}");
    let page = settings(&browser).await;
    assert!(!page.contains("Change plan") && !page.contains("Pay yearly"), "{page}");

    // Who leaves is not told that the plan is kept, and that nothing more is charged.
    assert!(page.contains("stays open") && !page.contains("You keep"), "{page}");
    act(&browser, "cancel").await;
    let page = settings(&browser).await;
    assert!(page.contains("Cancels on") && !page.contains("You keep"), "{page}");
    act(&browser, "reactivate").await;

    let invoice = world.stripe("/v1/invoices?limit=1").await["data"][0].clone();
    browser.pay(invoice["hosted_invoice_url"].as_str().unwrap()).await;
    world.settled().await;
    let wanted = [("plan", "scale"), ("period", "monthly")];
    assert_eq!(location(&browser.post(CHANGE, &wanted).await), SETTINGS);
    assert_eq!(tier(&browser).await, "scale");
}

#[tokio::test]
async fn a_change_that_may_not_be_paid_leaves_a_scheduled_one_alone() {
    let world = World::start().await;
    let browser = world.subscriber("ada", &[("plan", "pro"), ("period", "monthly")]).await;
    world.pass(json!({"days": 3})).await;
    let (less, more) = (json!({"plan": "starter", "period": "monthly"}), json!({"plan": "scale", "period": "monthly"}));
    assert_eq!(browser.post_json(CHANGE, &less).await.status(), StatusCode::OK);
    let refused = browser.post_json(CHANGE, &more).await;
    assert_eq!(refused.status(), StatusCode::CONFLICT);
    assert!(refused.text().await.unwrap().contains("Take it back"));
    world.settled().await;
    assert!(settings(&browser).await.contains("Changes to Starter on"));
    // Another one at the same time takes its place.
    let yearly = json!({"plan": "starter", "period": "yearly"});
    assert_eq!(browser.post_json(CHANGE, &yearly).await.status(), StatusCode::OK);
    act(&browser, "keep").await;
    assert_eq!(browser.post_json(CHANGE, &more).await.status(), StatusCode::OK);
    assert_eq!(tier(&browser).await, "scale");
}

#[tokio::test]
async fn what_was_seen_is_what_happens() {
    let world = World::start().await;
    let browser = world.subscriber("ada", &[("plan", "pro"), ("period", "monthly")]).await;
    let (_, page) = browser.read("/settings/billing/change/starter?period=monthly").await;
    assert!(page.contains(r#"name="takes_effect" value="period_end""#), "{page}");
    // The form was open while an earlier downgrade took effect: what it asks for is more now, not less.
    let seen = [("plan", "scale"), ("period", "monthly"), ("takes_effect", "period_end")];
    assert_eq!(browser.post(CHANGE, &seen).await.status(), StatusCode::CONFLICT);
    let seen = [("plan", "starter"), ("period", "monthly"), ("takes_effect", "now")];
    assert_eq!(browser.post(CHANGE, &seen).await.status(), StatusCode::CONFLICT);
    assert_eq!(world.stripe("/v1/invoices").await["data"].as_array().unwrap().len(), 1, "nothing was charged");
    let seen = [("plan", "scale"), ("period", "monthly"), ("takes_effect", "now")];
    assert_eq!(location(&browser.post(CHANGE, &seen).await), SETTINGS);
}

#[tokio::test]
async fn ones_own_plan_can_be_paid_by_the_other_period() {
    let world = World::start().await;
    let browser = world.subscriber("ada", &[("plan", "pro"), ("period", "monthly")]).await;
    let page = settings(&browser).await;
    let link = "/settings/billing/change/pro?period=yearly";
    assert!(page.contains(link) && page.contains("Pay yearly"), "{page}");
    let (_, page) = browser.read(link).await;
    assert!(page.contains("Confirm and pay"), "{page}");
    let yearly = [("plan", "pro"), ("period", "yearly"), ("takes_effect", "now")];
    assert_eq!(location(&browser.post(CHANGE, &yearly).await), SETTINGS);
    let page = settings(&browser).await;
    assert!(page.contains("Pay monthly") && page.contains("/ year"), "{page}");
}

#[tokio::test]
async fn a_promotion_outlives_a_scheduled_change() {
    let world = World::start().await;
    let browser = world.subscriber("ada", &[("plan", "pro"), ("period", "monthly")]).await;
    let half = [("percent_off", "50"), ("duration", "repeating"), ("duration_in_months", "6")];
    let coupon = world.stripe_post("/v1/coupons", &half).await;
    let id = world.subscription().await["id"].as_str().unwrap().to_owned();
    let given = [("discounts[0][coupon]", coupon["id"].as_str().unwrap())];
    let discounts = world.stripe_post(&format!("/v1/subscriptions/{id}"), &given).await["discounts"].clone();
    assert_eq!(discounts.as_array().unwrap().len(), 1);
    let less = [("plan", "starter"), ("period", "monthly"), ("takes_effect", "period_end")];
    assert_eq!(location(&browser.post(CHANGE, &less).await), SETTINGS);
    assert_eq!(world.subscription().await["discounts"], discounts, "as long as the change waits");
    world.pass(json!({"months": 1})).await;
    assert_eq!(tier(&browser).await, "starter");
    assert_eq!(world.subscription().await["discounts"], discounts, "the same one, which ends when it would have");
    let invoice = world.stripe("/v1/invoices?limit=1").await["data"][0].clone();
    assert_eq!(invoice["total"].as_i64().unwrap() * 2, invoice["subtotal"].as_i64().unwrap(), "{invoice}");
}

#[tokio::test]
async fn a_trial_names_the_charge_that_follows_it() {
    let world = World::with_catalog("dcvaas").await;
    let browser = world.subscriber("ada", &[("plan", "agency"), ("period", "monthly")]).await;
    assert!(settings(&browser).await.contains("is charged $99"));
    let less = [("plan", "pro"), ("period", "monthly"), ("takes_effect", "period_end")];
    assert_eq!(location(&browser.post(CHANGE, &less).await), SETTINGS);
    let page = settings(&browser).await;
    assert!(page.contains("is charged $29 ") && !page.contains("is charged $99"), "{page}");
}

#[tokio::test]
async fn of_trials_for_several_organizations_one_can_be_begun() {
    let world = World::with_catalog("protocol-guide").await;
    let ada = world.signed_in("ada").await;
    let order = [("plan", "department-starter"), ("seats", "5")];
    let mut pages = Vec::new();
    for name in ["Station 1", "Station 2"] {
        let browser = ada.about(&team(&ada, name).await);
        pages.push((browser.check_out(&order).await, browser));
    }
    let open = world.stripe("/v1/checkout/sessions?status=open").await["data"].clone();
    assert_eq!(open.as_array().unwrap().len(), 1, "only the latest: {open}");
    let (page, browser) = &pages[1];
    browser.get(&browser.pay(page).await).await;
    world.settled().await;
    assert_eq!(world.stripe("/v1/subscriptions").await["data"][0]["status"], "trialing");
    // The other is bought without a trial.
    let (_, browser) = &pages[0];
    browser.check_out(&order).await;
    let open = world.stripe("/v1/checkout/sessions?status=open").await["data"].clone();
    assert!(open[0]["amount_total"].as_i64().unwrap() > 0, "{open}");
}

#[tokio::test]
async fn a_trial_that_nobody_has_heard_of_is_seen_before_another_is_begun() {
    let world = World::with_catalog("protocol-guide").await;
    let ada = world.signed_in("ada").await;
    world.control("/sandbox/webhooks", json!({"mode": "drop"})).await;
    let order = [("plan", "department-starter"), ("seats", "5")];
    let first = ada.about(&team(&ada, "Station 1").await);
    first.pay(&first.check_out(&order).await).await;
    let second = ada.about(&team(&ada, "Station 2").await);
    let refused = second.post_json("/api/checkout", &json!({"plan": "department-starter", "seats": 5})).await;
    assert_eq!(refused.status(), StatusCode::CONFLICT, "{refused:?}");
    assert_eq!(tier(&first).await, "department-starter");
    second.check_out(&order).await;
    let open = world.stripe("/v1/checkout/sessions?status=open").await["data"].clone();
    assert!(open[0]["amount_total"].as_i64().unwrap() > 0, "{open}");
}

#[tokio::test]
async fn a_bank_account_is_debited_for_nothing_that_is_had_at_once() {
    let world = World::start().await;
    let browser = world.subscriber("ada", &[("plan", "pro"), ("period", "monthly")]).await;
    let account = json!({"kind": "sepa_debit", "brand": null, "last4": "3000", "expires": null});
    sqlx::query("UPDATE organizations SET payment_method = $1")
        .bind(account.to_string())
        .execute(&world.database().await)
        .await
        .unwrap();
    let refused = browser.post_json(CHANGE, &json!({"plan": "scale", "period": "monthly"})).await;
    assert_eq!(refused.status(), StatusCode::CONFLICT);
    assert!(refused.text().await.unwrap().contains("Add a card"));
    let less = browser.post_json(CHANGE, &json!({"plan": "starter", "period": "monthly"})).await;
    assert_eq!(less.status(), StatusCode::OK);
}

#[tokio::test]
async fn what_is_given_up_can_be_ended_and_bought_again() {
    let world = World::start().await;
    world.control("/sandbox/settings", json!({"after_retries": "unpaid"})).await;
    let browser = world.subscriber_with("ada", &[("plan", "pro"), ("period", "monthly")], FAILS_LATER).await;
    world.pass(json!({"months": 1})).await;
    world.pass(json!({"days": 40})).await;
    assert_eq!(world.subscription().await["status"], "unpaid");
    let page = settings(&browser).await;
    assert!(page.contains("End the subscription now"), "{page}");
    let (_, refused) = browser.read("/settings/billing/change/scale").await;
    assert!(refused.contains("end the subscription"), "{refused}");
    act(&browser, "downgrade-to-free").await;
    assert_eq!(tier(&browser).await, "free");
    let page = browser.check_out(&[("plan", "scale"), ("period", "monthly")]).await;
    browser.get(&browser.pay(&page).await).await;
    assert_eq!(tier(&browser).await, "scale");
}

#[tokio::test]
async fn a_refusal_without_a_change_does_not_speak_of_one() {
    let world = World::start().await;
    let browser = world.subscriber("ada", &[("plan", "pro"), ("period", "monthly")]).await;
    let fault = json!({"path_prefix": "/v1/subscriptions/", "method": "POST", "status": 400, "times": 1});
    world.control("/sandbox/faults", json!({"next": [fault]})).await;
    let refused = browser.post_json(CHANGE, &json!({"plan": "scale", "period": "monthly"})).await;
    assert_eq!(refused.status(), StatusCode::CONFLICT);
    let said = refused.text().await.unwrap();
    assert!(said.contains("nothing has changed"), "{said}");
}

#[tokio::test]
async fn what_is_owed_is_said_beside_every_page_of_invoices() {
    let world = World::start().await;
    let browser = world.subscriber_with("ada", &[("plan", "pro"), ("period", "monthly")], FAILS_LATER).await;
    world.pass(json!({"months": 1})).await;
    for page in ["", "?page=2"] {
        let (_, text) = browser.read(&format!("{SETTINGS}{page}")).await;
        assert!(text.contains("Pay the invoice") && text.contains("The payment of $"), "{page}: {text}");
    }
}
