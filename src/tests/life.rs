//! What a customer does with a running subscription, and what time and Stripe do to it: after each step the pages, the
//! API and the database say what is true at Stripe.

use domain::organization::OrganizationId;
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::harness::{Browser, World, location};
use crate::team::team;

pub const SETTINGS: &str = "/settings/billing";
/// Succeeds when it is given, fails when it is charged later.
pub const FAILS_LATER: &str = "4000000000000341";

impl World {
    /// Somebody who has paid for a plan.
    pub async fn subscriber(&self, user: &str, order: &[(&str, &str)]) -> Browser {
        self.subscriber_with(user, order, "4242424242424242").await
    }

    /// The same with another card.
    pub async fn subscriber_with(&self, user: &str, order: &[(&str, &str)], card: &str) -> Browser {
        let browser = self.signed_in(user).await;
        let page = browser.check_out(order).await;
        let back = browser.pay_with(&page, card).await;
        assert_eq!(browser.get(&back).await.status(), StatusCode::OK);
        self.settled().await;
        browser
    }

    /// Moves the clock and waits until everything that follows has arrived and is worked off.
    pub async fn pass(&self, time: Value) {
        self.control("/sandbox/clock", time).await;
        self.settled().await;
    }

    /// The only subscription at Stripe.
    pub async fn subscription(&self) -> Value {
        self.stripe("/v1/subscriptions?status=all").await["data"][0].clone()
    }
}

pub async fn settings(browser: &Browser) -> String {
    let (status, page) = browser.read(SETTINGS).await;
    assert_eq!(status, StatusCode::OK);
    page
}

pub async fn tier(browser: &Browser) -> String {
    browser.organization().await["subscriptionTier"].as_str().unwrap().to_owned()
}

pub async fn act(browser: &Browser, action: &str) {
    let response = browser.post(&format!("/api/subscription/{action}"), &[]).await;
    assert_eq!(location(&response), SETTINGS);
}

#[tokio::test]
async fn cancel_and_reactivate_are_seen_at_once() {
    let world = World::start().await;
    world.control("/sandbox/webhooks", json!({"mode": "drop"})).await;
    let browser = world.subscriber("ada", &[("plan", "pro")]).await;
    let form = [("reason", "too_expensive"), ("comment", " Not this year. ")];
    let response = browser.post("/api/subscription/cancel", &form).await;
    assert_eq!(location(&response), SETTINGS);
    let page = settings(&browser).await;
    assert!(page.contains("Cancels on") && page.contains("Reactivate"), "{page}");
    assert_eq!(tier(&browser).await, "pro");
    let at_stripe = world.subscription().await;
    assert_eq!(at_stripe["cancel_at_period_end"], true);
    assert_eq!(at_stripe["cancellation_details"]["feedback"], "too_expensive");
    assert_eq!(at_stripe["cancellation_details"]["comment"], "Not this year.");

    act(&browser, "reactivate").await;
    let page = settings(&browser).await;
    assert!(page.contains("Renews on") && !page.contains("Cancels on"), "{page}");
    assert_eq!(world.subscription().await["cancel_at"], Value::Null);
    act(&browser, "reactivate").await;
    act(&browser, "cancel").await;
    act(&browser, "cancel").await;
    assert!(settings(&browser).await.contains("Cancels on"), "twice is the same as once");
}

#[tokio::test]
async fn a_cancellation_in_the_portal_is_shown_and_cleared() {
    let world = World::start().await;
    let browser = world.subscriber("ada", &[("plan", "pro")]).await;
    let id = world.subscription().await["id"].as_str().unwrap().to_owned();
    let portal = location(&browser.post("/api/billing/portal", &[]).await);
    world.control("/sandbox/webhooks", json!({"mode": "drop"})).await;
    let canceled = browser.post(&format!("{portal}/subscriptions/{id}/cancel"), &[]).await;
    assert!(canceled.status().is_success(), "{}", canceled.status());
    let at_stripe = world.subscription().await;
    assert_eq!(at_stripe["cancel_at_period_end"], false, "the portal sets the date alone");
    assert!(at_stripe["cancel_at"].is_number());

    // No event arrives, and coming back from the portal shows it all the same.
    assert!(!settings(&browser).await.contains("Cancels on"));
    assert_eq!(location(&browser.get("/billing/return?to=%2Fsettings%2Fbilling").await), SETTINGS);
    assert!(settings(&browser).await.contains("Cancels on"));
    act(&browser, "reactivate").await;
    assert!(!settings(&browser).await.contains("Cancels on"));
    assert_eq!(world.subscription().await["cancel_at"], Value::Null);
}

#[tokio::test]
async fn a_canceled_plan_ends_with_its_period() {
    let world = World::start().await;
    let browser = world.subscriber("ada", &[("plan", "pro")]).await;
    act(&browser, "cancel").await;
    world.pass(json!({"days": 6})).await;
    assert_eq!(tier(&browser).await, "pro", "it is paid");
    world.pass(json!({"months": 2})).await;
    assert_eq!(tier(&browser).await, "free");
    let page = settings(&browser).await;
    assert!(page.contains("Ended on") && page.contains("See plans"), "{page}");
    assert_eq!(world.count("subscriptions").await, 1);
}

#[tokio::test]
async fn an_upgrade_costs_what_the_preview_said_and_is_had_at_once() {
    let world = World::start().await;
    let browser = world.subscriber("ada", &[("plan", "pro")]).await;
    world.pass(json!({"days": 9})).await;
    let wanted = json!({"plan": "scale", "period": "monthly"});
    let preview = browser.send_json("/api/subscription/preview", &wanted).await;
    assert_eq!(preview["takesEffect"], "now", "{preview}");
    let due = preview["amountDue"].as_i64().unwrap();
    assert!(due > 0, "{preview}");
    let (_, page) = browser.read("/settings/billing/change/scale?period=monthly").await;
    assert!(page.contains("Confirm and pay") && page.contains("Due today"), "{page}");

    // Time passes between looking and confirming: what was shown is what is charged.
    world.pass(json!({"advance_seconds": 600})).await;
    let confirmed = json!({"plan": "scale", "period": "monthly", "prorationDate": preview["prorationDate"]});
    let after = browser.send_json("/api/subscription/change", &confirmed).await;
    assert_eq!((&after["tier"], &after["subscription"]["plan"]), (&json!("scale"), &json!("scale")));
    assert_eq!(tier(&browser).await, "scale");
    let invoice = world.stripe("/v1/invoices?limit=1").await["data"][0].clone();
    assert_eq!(invoice["billing_reason"], "subscription_update");
    assert_eq!(invoice["amount_due"].as_i64(), Some(due));
    let amounts = |lines: &Value| -> Vec<i64> {
        lines.as_array().unwrap().iter().map(|line| line["amount"].as_i64().unwrap()).collect()
    };
    assert_eq!(amounts(&invoice["lines"]["data"]), amounts(&preview["lines"]), "line by line");

    // The same click again changes nothing and charges nothing.
    let again = browser.post_json("/api/subscription/change", &confirmed).await;
    assert_eq!(again.status(), StatusCode::BAD_REQUEST);
    assert_eq!(world.stripe("/v1/invoices?limit=1").await["data"][0]["id"], invoice["id"]);
    let stale = json!({"plan": "scale", "period": "yearly", "prorationDate": 1});
    assert_eq!(browser.post_json("/api/subscription/change", &stale).await.status(), StatusCode::CONFLICT);
}

#[tokio::test]
async fn a_downgrade_waits_for_the_end_of_what_is_paid() {
    let world = World::start().await;
    let browser = world.subscriber("ada", &[("plan", "pro")]).await;
    world.pass(json!({"months": 1})).await;
    let wanted = [("plan", "starter"), ("period", "monthly")];
    let (_, page) = browser.read("/settings/billing/change/starter?period=monthly").await;
    assert!(page.contains("Schedule the change"), "{page}");
    assert_eq!(location(&browser.post("/api/subscription/change", &wanted).await), SETTINGS);
    let page = settings(&browser).await;
    assert!(page.contains("Changes to Starter on") && page.contains("Keep Pro"), "{page}");
    assert_eq!(tier(&browser).await, "pro");

    // What is refused leaves what is scheduled alone.
    let stale = json!({"plan": "scale", "period": "monthly", "prorationDate": 1});
    assert_eq!(browser.post_json("/api/subscription/change", &stale).await.status(), StatusCode::CONFLICT);
    world.settled().await;
    assert!(settings(&browser).await.contains("Changes to Starter on"));
    // Nothing is due for it now, so no amounts can be out of date.
    let again = json!({"plan": "starter", "period": "monthly", "prorationDate": 1});
    assert_eq!(browser.post_json("/api/subscription/change", &again).await.status(), StatusCode::OK);

    act(&browser, "keep").await;
    world.settled().await;
    assert!(!settings(&browser).await.contains("Changes to"));
    world.pass(json!({"months": 1})).await;
    assert_eq!(tier(&browser).await, "pro", "what was taken back does not happen");

    assert_eq!(location(&browser.post("/api/subscription/change", &wanted).await), SETTINGS);
    world.pass(json!({"months": 1})).await;
    assert_eq!(tier(&browser).await, "starter");
    assert!(!settings(&browser).await.contains("Changes to"));
    assert_eq!(world.count("subscriptions").await, 1);

    // A scheduled change does not stand in the way of leaving.
    let pro = [("plan", "pro"), ("period", "monthly")];
    assert_eq!(location(&browser.post("/api/subscription/change", &pro).await), SETTINGS);
    assert_eq!(location(&browser.post("/api/subscription/change", &wanted).await), SETTINGS);
    act(&browser, "cancel").await;
    let page = settings(&browser).await;
    assert!(page.contains("Cancels on") && !page.contains("Changes to"), "{page}");
    let refused = browser.post("/api/subscription/change", &pro).await;
    assert_eq!(refused.status(), StatusCode::CONFLICT, "reactivate first");
}

#[tokio::test]
async fn a_failed_payment_keeps_the_plan_for_the_grace_and_a_recovery_clears_it() {
    let world = World::start().await;
    let browser = world.subscriber_with("ada", &[("plan", "pro")], FAILS_LATER).await;
    world.pass(json!({"months": 1})).await;
    assert_eq!(world.subscription().await["status"], "past_due");
    let page = settings(&browser).await;
    assert!(page.contains("failed on") && page.contains("Pay the invoice") && page.contains("Past due"), "{page}");
    assert_eq!(tier(&browser).await, "pro", "the grace runs");
    world.control("/sandbox/settings", json!({"after_retries": "unpaid"})).await;
    world.pass(json!({"days": 9})).await;
    assert_eq!(tier(&browser).await, "free", "the grace is over");
    let page = settings(&browser).await;
    assert!(page.contains("locked"), "{page}");

    // Another card, and the open invoice is paid on Stripe's page.
    let invoice = world.stripe("/v1/invoices?limit=1").await["data"][0].clone();
    let paid = browser.pay(invoice["hosted_invoice_url"].as_str().unwrap()).await;
    assert!(!paid.is_empty());
    world.settled().await;
    assert_eq!(tier(&browser).await, "pro");
    let page = settings(&browser).await;
    assert!(!page.contains("failed on") && page.contains("Renews on"), "{page}");
}

#[tokio::test]
async fn an_upgrade_whose_payment_stays_open_is_not_had() {
    let world = World::start().await;
    let browser = world.subscriber("ada", &[("plan", "pro")]).await;
    world.pass(json!({"months": 1})).await;
    world.control("/sandbox/payments", json!({"fail_next": 1})).await;
    let response = browser.post("/api/subscription/change", &[("plan", "scale"), ("period", "monthly")]).await;
    assert_eq!(location(&response), SETTINGS);
    assert_eq!(tier(&browser).await, "pro");
    let page = settings(&browser).await;
    assert!(page.contains("waits for its payment") && page.contains("Pay the invoice"), "{page}");
    world.settled().await;
    assert_eq!(tier(&browser).await, "pro");
    let invoice = world.stripe("/v1/invoices?limit=1").await["data"][0].clone();
    browser.pay(invoice["hosted_invoice_url"].as_str().unwrap()).await;
    world.settled().await;
    assert_eq!(tier(&browser).await, "scale");
    assert!(!settings(&browser).await.contains("waits for its payment"));
}

#[tokio::test]
async fn downgrade_to_free_is_at_once_and_a_plan_can_be_bought_again() {
    let world = World::start().await;
    let browser = world.subscriber("ada", &[("plan", "pro")]).await;
    world.pass(json!({"months": 1})).await;
    act(&browser, "downgrade-to-free").await;
    let at_stripe = world.subscription().await;
    assert_eq!(at_stripe["status"], "canceled");
    assert_eq!(tier(&browser).await, "pro", "paid until the end of the period");
    world.pass(json!({"months": 1})).await;
    assert_eq!(tier(&browser).await, "free");
    let page = browser.check_out(&[("plan", "starter")]).await;
    browser.get(&browser.pay(&page).await).await;
    assert_eq!(tier(&browser).await, "starter");
}

#[tokio::test]
async fn invoices_are_listed_page_by_page() {
    let world = World::start().await;
    let browser = world.subscriber("ada", &[("plan", "pro")]).await;
    world.pass(json!({"months": 12})).await;
    let first = settings(&browser).await;
    let rows = |page: &str| page.matches("data-testid=\"invoice\"").count();
    assert_eq!(rows(&first), 10, "{first}");
    assert!(first.contains("?page=2") && first.contains("PDF") && first.contains("Paid"));
    let (_, second) = browser.read("/settings/billing?page=2").await;
    let at_stripe = world.stripe("/v1/invoices?limit=100").await["data"].as_array().unwrap().len();
    assert_eq!(rows(&first) + rows(&second), at_stripe);
    assert_eq!(settings(&world.signed_in("grace").await).await.matches("data-testid=\"invoice\"").count(), 0);
}

#[tokio::test]
async fn a_lost_dispute_takes_the_plan_away_and_one_that_was_won_does_not() {
    let world = World::start().await;
    let browser = world.subscriber("ada", &[("plan", "pro")]).await;
    world.pass(json!({"months": 1})).await;
    let customer = world.subscription().await["customer"].clone();
    for (outcome, after) in [("won", "pro"), ("lost", "free")] {
        let dispute = world.control("/sandbox/disputes", json!({"customer": customer})).await;
        world.settled().await;
        assert_eq!(tier(&browser).await, "pro", "an open one takes nothing away unless the team says so");
        assert!(settings(&browser).await.contains("disputed with the bank"));
        let id = dispute["id"].as_str().unwrap();
        world.control(&format!("/sandbox/disputes/{id}/close"), json!({"outcome": outcome})).await;
        world.settled().await;
        assert_eq!(tier(&browser).await, after, "{outcome}");
    }
    assert!(settings(&browser).await.contains("taken back by the bank"));
}

#[tokio::test]
async fn a_lost_dispute_takes_away_what_was_paid_of_an_ended_plan_too() {
    let world = World::start().await;
    let browser = world.subscriber("ada", &[("plan", "pro")]).await;
    // The days of the trial were not paid.
    world.pass(json!({"months": 1})).await;
    act(&browser, "downgrade-to-free").await;
    world.pass(json!({"advance_seconds": 60})).await;
    assert_eq!(tier(&browser).await, "pro", "it was paid until the end of its period");
    let customer = world.subscription().await["customer"].clone();
    let dispute = world.control("/sandbox/disputes", json!({"customer": customer})).await;
    let path = format!("/sandbox/disputes/{}/close", dispute["id"].as_str().unwrap());
    world.control(&path, json!({"outcome": "lost"})).await;
    world.settled().await;
    assert_eq!(tier(&browser).await, "free");
}

#[tokio::test]
async fn the_payment_method_shown_is_the_one_at_stripe() {
    let world = World::start().await;
    let browser = world.subscriber("ada", &[("plan", "pro")]).await;
    assert!(settings(&browser).await.contains("Visa ending in 4242"));
    let subscription = world.subscription().await;
    let (id, customer) = (subscription["id"].as_str().unwrap(), subscription["customer"].as_str().unwrap());
    let attached = world.stripe_post("/v1/payment_methods/pm_card_mastercard/attach", &[("customer", customer)]).await;
    let card = attached["id"].as_str().unwrap();
    world.stripe_post(&format!("/v1/subscriptions/{id}"), &[("default_payment_method", card)]).await;
    world.settled().await;
    let page = settings(&browser).await;
    assert!(page.contains("Mastercard ending in 4444"), "{page}");
    let methods = world.stripe(&format!("/v1/customers/{customer}/payment_methods")).await;
    for method in methods["data"].as_array().unwrap() {
        world.stripe_post(&format!("/v1/payment_methods/{}/detach", method["id"].as_str().unwrap()), &[]).await;
    }
    world.settled().await;
    let page = settings(&browser).await;
    assert!(!page.contains("ending in"), "{page}");
}

#[tokio::test]
async fn a_deleted_customer_goes_to_free_and_may_come_again() {
    let world = World::start().await;
    let browser = world.subscriber("ada", &[("plan", "pro")]).await;
    let customer = world.subscription().await["customer"].as_str().unwrap().to_owned();
    world.stripe_delete(&format!("/v1/customers/{customer}")).await;
    world.settled().await;
    assert_eq!(tier(&browser).await, "free");
    let page = browser.check_out(&[("plan", "pro")]).await;
    browser.get(&browser.pay(&page).await).await;
    world.settled().await;
    assert_eq!(tier(&browser).await, "pro");
    assert_ne!(world.stripe("/v1/subscriptions").await["data"][0]["customer"], customer);
}

#[tokio::test]
async fn an_open_page_is_told_when_something_changes_elsewhere() {
    let world = World::start().await;
    let browser = world.subscriber("ada", &[("plan", "pro")]).await;
    let page = settings(&browser).await;
    let revision = page
        .split("revision")
        .nth(1)
        .and_then(|rest| rest.split(|c: char| !c.is_ascii_digit()).find(|part| !part.is_empty()));
    let address = format!("{}/api/updates?revision={}", world.url, revision.expect("the page's revision"));
    let other = browser.clone();
    let told = tokio::spawn(async move { other.client.get(address).send().await.unwrap().text().await.unwrap() });
    act(&browser, "cancel").await;
    assert!(told.await.unwrap().contains("event: changed"));
    let stranger = world.browser().client.get(format!("{}/api/updates", world.url)).send().await.unwrap();
    assert_eq!(stranger.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn only_who_manages_billing_may_act_and_only_on_a_running_subscription() {
    let world = World::start().await;
    let browser = world.signed_in("ada").await;
    for action in ["cancel", "reactivate", "keep", "downgrade-to-free"] {
        let path = format!("/api/subscription/{action}");
        assert_eq!(browser.post(&path, &[]).await.status(), StatusCode::CONFLICT, "{action}: nothing runs");
        assert_eq!(world.browser().post(&path, &[]).await.status(), StatusCode::UNAUTHORIZED, "{action}");
    }
    let browser = world.subscriber("ada", &[("plan", "pro")]).await;
    let database = world.database().await;
    sqlx::query("UPDATE memberships SET role = 'member'").execute(&database).await.unwrap();
    for action in ["cancel", "reactivate", "keep", "downgrade-to-free"] {
        let response = browser.post(&format!("/api/subscription/{action}"), &[]).await;
        assert_eq!(response.status(), StatusCode::FORBIDDEN, "{action}");
    }
    let change = [("plan", "scale"), ("period", "monthly")];
    assert_eq!(browser.post("/api/subscription/change", &change).await.status(), StatusCode::FORBIDDEN);
    assert_eq!(world.subscription().await["status"], "active");
}

#[tokio::test]
async fn a_trial_says_what_is_left_and_becomes_a_paid_plan() {
    let world = World::with_catalog("protocol-guide").await;
    let browser = world.subscriber("ada", &[("plan", "pro")]).await;
    let page = settings(&browser).await;
    assert!(
        page.contains("Your trial has 7 days left") && page.contains("Visa ending in 4242 is charged $9.99"),
        "{page}"
    );
    world.pass(json!({"days": 6})).await;
    assert!(settings(&browser).await.contains("Your trial has 1 day left"));
    // A change in the trial costs nothing today.
    let yearly = json!({"plan": "pro", "period": "yearly"});
    let preview = browser.send_json("/api/subscription/preview", &yearly).await;
    assert_eq!(preview["amountDue"], 0, "{preview}");
    world.pass(json!({"days": 2})).await;
    let page = settings(&browser).await;
    assert!(page.contains("Active") && page.contains("Renews on") && !page.contains("trial has"), "{page}");
    assert_eq!(tier(&browser).await, "pro");

    // One trial, ever: also after canceling and for another organization of the same person.
    act(&browser, "cancel").await;
    world.pass(json!({"months": 2})).await;
    assert_eq!(tier(&browser).await, "free");
    let (_, order) = browser.read("/checkout/pro").await;
    assert!(order.contains("Continue to payment"), "{order}");
}

#[tokio::test]
async fn seats_that_do_not_fit_are_refused_with_the_reason() {
    let world = World::with_catalog("protocol-guide").await;
    let order = [("plan", "department-professional"), ("seats", "30")];
    let browser = world.signed_in("ada").await;
    let browser = browser.about(&team(&browser, "Station 4").await);
    browser.get(&browser.pay(&browser.check_out(&order).await).await).await;
    world.settled().await;
    let (_, page) = browser.read("/settings/billing/change/pro").await;
    assert!(page.contains("is for one person"), "{page}");
    let (_, page) = browser.read("/settings/billing/change/department-starter?seats=30").await;
    assert!(page.contains("at most 20 seats") && !page.contains("Schedule the change"), "{page}");
    let fewer = [("plan", "department-starter"), ("period", "monthly"), ("seats", "4")];
    let refused = browser.post("/api/subscription/change", &fewer).await;
    assert_eq!(refused.status(), StatusCode::BAD_REQUEST);
    assert!(refused.text().await.unwrap().contains("starts at 5 seats"));
    let more = [("plan", "department-professional"), ("period", "monthly"), ("seats", "40")];
    assert!(location(&browser.post("/api/subscription/change", &more).await).starts_with(SETTINGS));
    assert_eq!(world.subscription().await["items"]["data"][0]["quantity"], 40);
}

#[tokio::test]
async fn when_all_retries_have_failed_the_plan_is_gone_at_once() {
    let world = World::start().await;
    let browser = world.subscriber_with("ada", &[("plan", "pro")], FAILS_LATER).await;
    world.pass(json!({"months": 1})).await;
    world.pass(json!({"days": 20})).await;
    let at_stripe = world.subscription().await;
    assert_eq!(
        (&at_stripe["status"], &at_stripe["cancellation_details"]["reason"]),
        (&json!("canceled"), &json!("payment_failed"))
    );
    assert_eq!(tier(&browser).await, "free", "nobody paid for the rest of the period");
    let page = settings(&browser).await;
    assert!(page.contains("Ended on") && page.contains("See plans"), "{page}");
}

#[tokio::test]
async fn an_open_dispute_takes_the_plan_away_where_the_team_says_so() {
    let world = World::with("builder", &[("STRIPE_DOWNGRADE_ON_DISPUTE", "true")]).await;
    let browser = world.subscriber("ada", &[("plan", "pro")]).await;
    let customer = world.subscription().await["customer"].clone();
    let dispute = world.control("/sandbox/disputes", json!({"customer": customer})).await;
    world.settled().await;
    assert_eq!(tier(&browser).await, "free");
    assert!(settings(&browser).await.contains("The plan is locked until that is decided"));
    let close = format!("/sandbox/disputes/{}/close", dispute["id"].as_str().unwrap());
    world.control(&close, json!({"outcome": "won"})).await;
    world.settled().await;
    assert_eq!(tier(&browser).await, "pro");
}

#[tokio::test]
async fn a_promotion_code_is_taken_at_checkout() {
    let world = World::start().await;
    let coupon = world.stripe_post("/v1/coupons", &[("percent_off", "50"), ("duration", "once")]).await;
    let fields =
        [("promotion[type]", "coupon"), ("promotion[coupon]", coupon["id"].as_str().unwrap()), ("code", "HALF")];
    world.stripe_post("/v1/promotion_codes", &fields).await;
    let browser = world.signed_in("ada").await;
    let page = browser.check_out(&[("plan", "pro")]).await;
    let session = world.stripe("/v1/checkout/sessions").await["data"][0].clone();
    assert_eq!(session["allow_promotion_codes"], true, "{page}");
}

#[tokio::test]
async fn the_events_of_ones_own_action_bring_nothing_new() {
    let world = World::start().await;
    let browser = world.subscriber("ada", &[("plan", "pro")]).await;
    world.pass(json!({"days": 3})).await;
    let organization = OrganizationId(browser.organization().await["id"].as_str().unwrap().to_owned());
    let scale = [("plan", "scale"), ("period", "monthly")];
    let starter = [("plan", "starter"), ("period", "monthly")];
    let steps: [(&str, &[(&str, &str)]); 6] = [
        ("cancel", &[]),
        ("reactivate", &[]),
        ("change", &scale),
        ("change", &starter),
        ("keep", &[]),
        ("cancel", &[]),
    ];
    for (action, fields) in steps {
        world.control("/sandbox/webhooks", json!({"mode": "hold"})).await;
        let response = browser.post(&format!("/api/subscription/{action}"), fields).await;
        assert_eq!(location(&response), SETTINGS);
        let shown = world.app.store.revision(&organization).await.unwrap();
        world.control("/sandbox/webhooks", json!({"mode": "deliver"})).await;
        world.settled().await;
        let after = world.app.store.revision(&organization).await.unwrap();
        assert_eq!(after, shown, "{action} {fields:?}: an open page is not reloaded for what it shows already");
    }
}
