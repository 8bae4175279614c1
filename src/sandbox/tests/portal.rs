//! The customer portal: cancel, renew, switch, pay with another card.

use reqwest::{Response, StatusCode};
use serde_json::{Value, json};

use super::{World, location, text};

async fn subscribed(world: &World) -> (String, String) {
    let session = world.session(&[]).await;
    world.pay(&session, "4242424242424242").await;
    let subscription = world.get("/v1/subscriptions").await["data"][0].clone();
    (text(&subscription["customer"]), text(&subscription["id"]))
}

async fn portal(world: &World, params: &[(&str, &str)]) -> String {
    let session = world.post("/v1/billing_portal/sessions", params).await;
    text(&session["url"])
}

async fn submit(world: &World, url: &str, form: &[(&str, &str)]) -> Response {
    world.client.post(url).form(form).send().await.expect("a page")
}

async fn html(world: &World, url: &str) -> String {
    let page = world.client.get(url).send().await.expect("a page");
    page.text().await.expect("text")
}

#[tokio::test]
async fn a_cancellation_here_sets_the_date_and_not_the_flag() {
    let world = World::new().await;
    let (customer, subscription) = subscribed(&world).await;
    let url = portal(&world, &[("customer", &customer), ("return_url", "http://app.example/settings")]).await;
    let page = html(&world, &url).await;
    for expected in ["Return to app.example", "PRO ($29.00 / month)", "Cancel plan", "Switch plan", "4242"] {
        assert!(page.contains(expected), "{expected} is not on the page");
    }
    let action = format!("{url}/subscriptions/{subscription}");
    assert!(html(&world, &format!("{action}/cancel")).await.contains("It stays available until"));
    submit(&world, &format!("{action}/cancel"), &[]).await;
    let path = format!("/v1/subscriptions/{subscription}");
    let canceled = world.get(&path).await;
    assert_eq!(canceled["cancel_at_period_end"], false);
    assert_eq!(canceled["cancel_at"], canceled["items"]["data"][0]["current_period_end"]);
    assert!(html(&world, &url).await.contains("Cancels on"));
    submit(&world, &format!("{action}/renew"), &[]).await;
    assert_eq!(world.get(&path).await["cancel_at"], Value::Null);
}

#[tokio::test]
async fn a_flow_leads_straight_to_its_page_and_back() {
    let world = World::new().await;
    let (customer, subscription) = subscribed(&world).await;
    let params = [
        ("customer", customer.as_str()),
        ("flow_data[type]", "subscription_cancel"),
        ("flow_data[subscription_cancel][subscription]", &subscription),
        ("flow_data[after_completion][type]", "redirect"),
        ("flow_data[after_completion][redirect][return_url]", "http://app.example/back"),
    ];
    let url = portal(&world, &params).await;
    let first = world.client.get(&url).send().await.expect("a page");
    let page = world.url(&location(&first));
    assert_eq!(location(&submit(&world, &page, &[]).await), "http://app.example/back");
    let again = world.refused("/v1/billing_portal/sessions", &params, StatusCode::BAD_REQUEST).await;
    assert!(text(&again["message"]).contains("already set to be canceled"));
}

#[tokio::test]
async fn a_new_card_pays_from_now_on_and_a_declined_one_does_not() {
    let world = World::new().await;
    let (customer, subscription) = subscribed(&world).await;
    let url = format!("{}/payment-method", portal(&world, &[("customer", &customer)]).await);
    let card = |number| [("number", number), ("expiry", "12 / 40"), ("cvc", "123")];
    assert_eq!(submit(&world, &url, &card("4000000000000002")).await.status(), StatusCode::PAYMENT_REQUIRED);
    assert_eq!(submit(&world, &url, &card("5555555555554444")).await.status(), StatusCode::OK);
    let path = format!("/v1/subscriptions/{subscription}?expand[]=default_payment_method&expand[]=customer");
    let changed = world.get(&path).await;
    assert_eq!(changed["default_payment_method"]["card"]["brand"], "mastercard");
    assert_eq!(
        changed["customer"]["invoice_settings"]["default_payment_method"],
        changed["default_payment_method"]["id"]
    );
}

#[tokio::test]
async fn only_own_subscriptions_and_offered_plans() {
    let world = World::new().await;
    let (customer, subscription) = subscribed(&world).await;
    let own = portal(&world, &[("customer", &customer)]).await;
    let switch = format!("{own}/subscriptions/{subscription}/plan");
    assert_eq!(submit(&world, &switch, &[("price", "price_unknown")]).await.status(), StatusCode::BAD_REQUEST);
    assert_eq!(submit(&world, &switch, &[("price", "price_scale_month")]).await.status(), StatusCode::OK);
    let changed = world.get(&format!("/v1/subscriptions/{subscription}")).await;
    assert_eq!(changed["items"]["data"][0]["price"]["id"], "price_scale_month");

    let stranger = world.customer().await;
    let other = portal(&world, &[("customer", &stranger)]).await;
    let foreign = submit(&world, &format!("{other}/subscriptions/{subscription}/cancel"), &[]).await;
    assert_eq!(foreign.status(), StatusCode::NOT_FOUND);

    let bare = [("features[invoice_history][enabled]", "true")];
    let configuration = world.post("/v1/billing_portal/configurations", &bare).await;
    assert_eq!(configuration["features"]["subscription_cancel"]["enabled"], json!(false));
    let id = text(&configuration["id"]);
    let closed = portal(&world, &[("customer", &customer), ("configuration", &id)]).await;
    let refused = submit(&world, &format!("{closed}/subscriptions/{subscription}/cancel"), &[]).await;
    assert_eq!(refused.status(), StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_prepared_change_is_shown_with_its_price_and_confirmed() {
    let world = World::new().await;
    let (customer, subscription) = subscribed(&world).await;
    let path = format!("/v1/subscriptions/{subscription}");
    let item = text(&world.get(&path).await["items"]["data"][0]["id"]);
    let mut params = vec![
        ("customer", customer.as_str()),
        ("flow_data[type]", "subscription_update_confirm"),
        ("flow_data[subscription_update_confirm][subscription]", &subscription),
        ("flow_data[subscription_update_confirm][items][0][id]", &item),
        ("flow_data[subscription_update_confirm][items][0][price]", "price_pro_year"),
        ("flow_data[after_completion][type]", "redirect"),
        ("flow_data[after_completion][redirect][return_url]", "http://app.example/changed"),
    ];
    let url = portal(&world, &params).await;
    let first = world.client.get(&url).send().await.expect("a page");
    let page = world.url(&location(&first));
    let shown = html(&world, &page).await;
    for expected in ["Confirm your update", "Amount due today", "$289.00", "Unused time on PRO"] {
        assert!(shown.contains(expected), "{expected} is not on the page: {shown}");
    }
    assert_eq!(world.get(&path).await["items"]["data"][0]["price"]["id"], "price_pro_month");
    assert_eq!(location(&submit(&world, &page, &[]).await), "http://app.example/changed");
    assert_eq!(world.get(&path).await["items"]["data"][0]["price"]["id"], "price_pro_year");
    params[3].1 = "si_somebody_elses";
    let refused = world.refused("/v1/billing_portal/sessions", &params, StatusCode::BAD_REQUEST).await;
    assert_eq!(refused["code"], "resource_missing");
}

#[tokio::test]
async fn a_payment_method_flow_returns_where_it_was_told() {
    let world = World::new().await;
    let (customer, _) = subscribed(&world).await;
    let params = [
        ("customer", customer.as_str()),
        ("flow_data[type]", "payment_method_update"),
        ("flow_data[after_completion][type]", "redirect"),
        ("flow_data[after_completion][redirect][return_url]", "http://app.example/card"),
    ];
    let first = world.client.get(portal(&world, &params).await).send().await.expect("a page");
    let page = world.url(&location(&first));
    let card = [("number", "5555555555554444"), ("expiry", "12 / 40"), ("cvc", "123")];
    assert_eq!(location(&submit(&world, &page, &card).await), "http://app.example/card");
}

#[tokio::test]
async fn canceling_here_gives_up_a_scheduled_plan() {
    let world = World::new().await;
    let (customer, subscription) = subscribed(&world).await;
    let schedule = world.post("/v1/subscription_schedules", &[("from_subscription", &subscription)]).await;
    let url = portal(&world, &[("customer", &customer)]).await;
    submit(&world, &format!("{url}/subscriptions/{subscription}/cancel"), &[]).await;
    let canceled = world.get(&format!("/v1/subscriptions/{subscription}")).await;
    assert_eq!((&canceled["schedule"], &canceled["cancel_at"].is_null()), (&Value::Null, &false));
    let schedule = world.get(&format!("/v1/subscription_schedules/{}", text(&schedule["id"]))).await;
    assert_eq!(schedule["status"], "released");
    world.history_is_consistent().await;
}
