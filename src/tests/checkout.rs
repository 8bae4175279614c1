//! From an order to the tier: the success page, the webhook alone, and everything that must not buy twice.

use reqwest::StatusCode;

use crate::harness::{Browser, World, location};
use crate::team::team;

const PRO: [(&str, &str); 2] = [("plan", "pro"), ("period", "yearly")];

#[tokio::test]
async fn paying_unlocks_the_plan_at_once() {
    let world = World::start().await;
    let browser = world.signed_in("ada").await;
    let page = browser.check_out(&PRO).await;
    let success = browser.pay(&page).await;
    assert!(success.starts_with(&format!("{}/billing/success?session_id=cs_test_", world.url)), "{success}");
    // Nothing but the success page tells the application, and it is enough.
    let (status, text) = browser.read(&success).await;
    assert_eq!(status, StatusCode::OK);
    assert!(text.contains("Welcome to Pro"), "{text}");
    // The header of this very page has the new tier too.
    assert!(!text.contains(">Free<"), "{text}");
    let organization = browser.organization().await;
    assert_eq!(organization["subscriptionTier"], "pro");
    assert_eq!(organization["limits"]["projects"], 3);
    let (_, billing) = browser.read("/settings/billing").await;
    assert!(billing.contains("$597.60 / year") && billing.contains("Renews on"), "{billing}");
    // Again, and in any order with the webhooks: the same, once.
    browser.read(&success).await;
    world.settled().await;
    assert_eq!(world.count("subscriptions").await, 1);
    assert_eq!(browser.organization().await["subscriptionTier"], "pro");
}

#[tokio::test]
async fn the_webhook_alone_unlocks_the_plan_when_the_tab_is_closed() {
    let world = World::start().await;
    let browser = world.signed_in("ada").await;
    let page = browser.check_out(&PRO).await;
    browser.pay(&page).await;
    world.settled().await;
    assert_eq!(browser.organization().await["subscriptionTier"], "pro");
    assert_eq!(world.count("subscriptions").await, 1);
}

#[tokio::test]
async fn a_double_click_makes_one_session_and_another_choice_closes_it() {
    let world = World::start().await;
    let browser = world.signed_in("ada").await;
    let (first, second) = tokio::join!(browser.check_out(&PRO), browser.check_out(&PRO));
    assert_eq!(first, second);
    let third = browser.check_out(&[("plan", "starter"), ("period", "monthly")]).await;
    assert_ne!(first, third);
    let sessions = world.stripe("/v1/checkout/sessions").await;
    let open = |session: &&serde_json::Value| session["status"] == "open";
    let data = sessions["data"].as_array().unwrap();
    assert_eq!(data.len(), 2);
    assert_eq!(data.iter().filter(open).count(), 1);
    assert_eq!(world.stripe("/v1/customers").await["data"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_second_subscription_is_refused() {
    let world = World::start().await;
    let browser = world.signed_in("ada").await;
    let page = browser.check_out(&PRO).await;
    let success = browser.pay(&page).await;
    browser.get(&success).await;
    let again = browser.post("/api/checkout", &PRO).await;
    assert_eq!(again.status(), StatusCode::CONFLICT);
    assert_eq!(browser.get("/checkout/pro").await.status(), StatusCode::CONFLICT);
}

#[tokio::test]
async fn somebody_elses_session_activates_nothing() {
    let world = World::start().await;
    let ada = world.signed_in("ada").await;
    let page = ada.check_out(&PRO).await;
    let success = ada.pay(&page).await;
    let grace = world.signed_in("grace").await;
    for path in [&success, "/billing/success?session_id=cs_test_nothing", "/billing/success"] {
        assert_eq!(grace.get(path).await.status(), StatusCode::NOT_FOUND, "{path}");
    }
    assert_eq!(grace.organization().await["subscriptionTier"], "free");
    let api = success.replace("/billing/success", "/api/checkout/success");
    assert_eq!(grace.get(&api).await.status(), StatusCode::NOT_FOUND);
    assert_eq!(location(&ada.get(&api).await), "/settings/billing");
}

#[tokio::test]
async fn the_document_s_names_of_the_endpoint_work_too() {
    let world = World::start().await;
    let browser = world.signed_in("ada").await;
    let json = |path: &'static str, body: serde_json::Value| {
        let request = browser.client.post(format!("{}{path}", world.url)).header("sec-fetch-site", "same-origin");
        async move { request.json(&body).send().await.unwrap() }
    };
    let by_price = json("/api/create-checkout-session", serde_json::json!({ "priceId": "price_pro_yearly" })).await;
    assert_eq!(by_price.status(), StatusCode::OK);
    let url = by_price.json::<serde_json::Value>().await.unwrap()["url"].as_str().unwrap().to_owned();
    let body = serde_json::json!({ "tierId": "pro", "billingPeriod": "yearly" });
    let by_tier = json("/billing/create-checkout-session", body).await.json::<serde_json::Value>().await.unwrap();
    assert_eq!(by_tier["url"], url);
    let portal = json("/billing/create-portal-session", serde_json::json!({})).await;
    assert!(portal.json::<serde_json::Value>().await.unwrap()["url"].as_str().unwrap().contains("/p/session/"));
}

async fn assert_refused(browser: &Browser, order: &[(&str, &str)], status: StatusCode, words: &str) {
    let response = browser.post("/api/checkout", order).await;
    assert_eq!(response.status(), status, "{order:?}");
    let text = response.text().await.unwrap();
    assert!(text.contains(words), "{order:?}: {text}");
}

#[tokio::test]
async fn orders_that_cannot_be_filled_say_why() {
    let world = World::with_catalog("protocol-guide").await;
    let browser = world.signed_in("ada").await;
    for (fields, status, words) in [
        (&[("plan", "nope")][..], StatusCode::NOT_FOUND, "no such plan"),
        (&[("plan", "free")][..], StatusCode::BAD_REQUEST, "nothing to pay"),
        (&[("plan", "enterprise")][..], StatusCode::BAD_REQUEST, "contact sales"),
        (&[("plan", "pro"), ("period", "daily")][..], StatusCode::BAD_REQUEST, "monthly"),
        (&[("plan", "department-starter"), ("seats", "5")][..], StatusCode::BAD_REQUEST, "is for teams"),
    ] {
        assert_refused(&browser, fields, status, words).await;
    }
    let browser = browser.about(&team(&browser, "Station 4").await);
    for (fields, words) in [
        (&[("plan", "department-starter"), ("seats", "3")][..], "starts at 5 seats"),
        (&[("plan", "department-starter"), ("seats", "21")][..], "at most 20 seats"),
        (&[("plan", "department-starter"), ("seats", "many")][..], "whole number"),
        (&[("plan", "pro"), ("period", "monthly")][..], "is for one person"),
    ] {
        assert_refused(&browser, fields, StatusCode::BAD_REQUEST, words).await;
    }
    assert_eq!(world.count("checkouts").await, 0);
}

#[tokio::test]
async fn seats_are_charged_and_metadata_tells_departments_apart() {
    let world = World::with_catalog("protocol-guide").await;
    let browser = world.signed_in("ada").await;
    // Whoever chose it for themselves makes an organization, and goes on to what they chose.
    let (status, page) = browser.read("/checkout/department-starter?period=yearly&seats=7").await;
    assert!(status == StatusCode::OK && page.contains("Department Starter is for teams"), "{page}");
    let named = |name| [("name", name), ("plan", "department-starter"), ("period", "yearly"), ("seats", "7")];
    let again = browser.post("/api/organizations", &named(" ")).await;
    assert_eq!(again.status(), StatusCode::BAD_REQUEST);
    let again = again.text().await.unwrap();
    assert!(again.contains("Give the organization a name") && again.contains(r#"name="seats" value="7""#), "{again}");
    let made = location(&browser.post("/api/organizations", &named("Station 4")).await);
    let (order, organization) = made.rsplit_once("&organization=").unwrap();
    assert_eq!(order, "/checkout/department-starter?period=yearly&seats=7");
    let browser = browser.about(organization);
    assert!(browser.read(&made).await.1.contains("Subscribe to Department Starter"));
    let page = browser.check_out(&[("plan", "department-starter"), ("period", "monthly"), ("seats", "7")]).await;
    let success = browser.pay(&page).await;
    browser.get(&success).await;
    let (_, billing) = browser.read("/settings/billing").await;
    assert!(billing.contains("$55.93 / month"), "{billing}");
    let subscription = world.stripe("/v1/subscriptions").await["data"][0].clone();
    assert_eq!(subscription["items"]["data"][0]["quantity"], 7);
    assert_eq!(subscription["metadata"]["subscriptionType"], "department");
}

#[tokio::test]
async fn there_is_one_trial_and_no_second() {
    let world = World::with_catalog("protocol-guide").await;
    let browser = world.signed_in("ada").await;
    let (_, pricing) = browser.read("/pricing").await;
    assert!(pricing.contains("Start Trial"));
    let page = browser.check_out(&[("plan", "pro"), ("period", "monthly")]).await;
    let success = browser.pay(&page).await;
    let (_, text) = browser.read(&success).await;
    assert!(text.contains("Your trial runs until"), "{text}");
    assert_eq!(world.stripe("/v1/subscriptions").await["data"][0]["status"], "trialing");
    // The subscription ends; the trial stays used.
    let id = world.stripe("/v1/subscriptions").await["data"][0]["id"].as_str().unwrap().to_owned();
    let cancel = reqwest::Client::new().delete(format!("{}/v1/subscriptions/{id}", world.sandbox.stripe_url()));
    assert_eq!(cancel.bearer_auth(world.sandbox.secret_key()).send().await.unwrap().status(), StatusCode::OK);
    world.settled().await;
    assert_eq!(browser.organization().await["subscriptionTier"], "free");
    let (_, pricing) = browser.read("/pricing").await;
    assert!(!pricing.contains("Start Trial") && pricing.contains("Upgrade Now"));
    browser.check_out(&[("plan", "pro"), ("period", "monthly")]).await;
    let sessions = world.stripe("/v1/checkout/sessions?status=open").await;
    assert_eq!(sessions["data"].as_array().unwrap().len(), 1);
    let total = sessions["data"][0]["amount_total"].as_i64().unwrap();
    assert_eq!(total, 999, "without a trial the first month is due");
}

#[tokio::test]
async fn a_call_that_was_cut_off_ends_in_one_customer_and_one_session() {
    let world = World::start().await;
    let browser = world.signed_in("ada").await;
    for path in ["/v1/customers", "/v1/checkout/sessions"] {
        let fault = serde_json::json!({ "next": [{ "path_prefix": path, "method": "POST", "drop_after_commit": true, "times": 1 }] });
        let set = reqwest::Client::new().post(format!("{}/sandbox/faults", world.sandbox.stripe_url())).json(&fault);
        assert!(set.send().await.unwrap().status().is_success());
    }
    browser.check_out(&PRO).await;
    for path in ["/v1/customers", "/v1/checkout/sessions"] {
        assert_eq!(world.stripe(path).await["data"].as_array().unwrap().len(), 1, "{path}");
    }
}
