//! Checkout from session to subscription, through the hosted page.

use reqwest::StatusCode;
use serde_json::{Value, json};

use super::receiver::Receiver;
use super::{World, location, text};

#[tokio::test]
async fn a_trial_runs_from_session_to_subscription_and_announces_itself_in_order() {
    let world = World::new().await;
    let receiver = Receiver::start().await;
    world.sandbox.set_webhook_url(&receiver.url);
    let session = world
        .session(&[
            ("customer_email", "ada@example.com"),
            ("client_reference_id", "org_1"),
            ("subscription_data[trial_period_days]", "7"),
            ("subscription_data[metadata][organization]", "org_1"),
            ("metadata[organization]", "org_1"),
        ])
        .await;
    assert_eq!((&session["status"], &session["amount_total"]), (&json!("open"), &json!(0)));

    let page = world.client.get(text(&session["url"])).send().await.expect("a page");
    let html = page.text().await.expect("text");
    for expected in ["7 days free", "$29.00 per month", "Start trial", "ada@example.com", "TEST MODE"] {
        assert!(html.contains(expected), "{expected} is not on the page");
    }

    let paid = world.pay(&session, "4242 4242 4242 4242").await;
    assert_eq!(paid.status(), StatusCode::SEE_OTHER);
    let id = text(&session["id"]);
    assert_eq!(location(&paid), format!("http://app.example/done?session={id}"));

    let path = format!(
        "/v1/checkout/sessions/{id}?expand[]=subscription.latest_invoice&expand[]=customer&expand[]=line_items"
    );
    let done = world.get(&path).await;
    assert_eq!(done["status"], "complete");
    assert_eq!(done["payment_status"], "no_payment_required");
    assert_eq!(done["customer_details"]["email"], "ada@example.com");
    assert_eq!(done["customer"]["email"], "ada@example.com");
    assert_eq!(done["line_items"]["data"][0]["price"]["id"], "price_pro_month");
    let subscription = &done["subscription"];
    assert_eq!(subscription["status"], "trialing");
    assert_eq!(subscription["metadata"]["organization"], "org_1");
    assert_eq!(subscription["items"]["data"][0]["current_period_end"], subscription["trial_end"]);
    assert!(subscription.get("current_period_end").is_none());
    assert_eq!(subscription["latest_invoice"]["status"], "paid");

    world.sandbox.deliveries_idle().await;
    assert_eq!(
        receiver.types(),
        [
            "customer.created",
            "payment_method.attached",
            "customer.subscription.created",
            "invoice.created",
            "invoice.finalized",
            "invoice.paid",
            "invoice.payment_succeeded",
            "checkout.session.completed",
        ]
    );
}

#[tokio::test]
async fn without_a_trial_the_first_payment_makes_it_active() {
    let world = World::new().await;
    let customer = world.customer().await;
    let session = world.session(&[("customer", &customer), ("customer_update[name]", "auto")]).await;
    assert_eq!(session["amount_total"], 2_900);
    assert_eq!(world.pay(&session, "4242424242424242").await.status(), StatusCode::SEE_OTHER);
    assert_eq!(world.get(&format!("/v1/customers/{customer}")).await["name"], "Ada");
    let page = world.get("/v1/subscriptions?status=active&expand[]=data.latest_invoice.payments").await;
    let subscription = &page["data"][0];
    assert_eq!(subscription["customer"], customer.as_str());
    let invoice = &subscription["latest_invoice"];
    assert_eq!((&invoice["amount_paid"], &invoice["billing_reason"]), (&json!(2_900), &json!("subscription_create")));
    assert_eq!(invoice["parent"]["subscription_details"]["subscription"], subscription["id"]);
    assert_eq!(invoice["payments"]["data"][0]["status"], "paid");
    let events = world.get("/v1/events?type=customer.subscription.updated").await;
    assert_eq!(events["data"][0]["data"]["previous_attributes"], json!({"status": "incomplete"}));
    let pdf = world.client.get(text(&invoice["invoice_pdf"])).send().await.expect("a document");
    assert!(pdf.text().await.expect("text").starts_with("%PDF"));
}

#[tokio::test]
async fn a_declined_card_leaves_the_session_open_and_nothing_behind() {
    let world = World::new().await;
    let session = world.session(&[]).await;
    let declined = world.pay(&session, "4000 0000 0000 0002").await;
    assert_eq!(declined.status(), StatusCode::PAYMENT_REQUIRED);
    let html = declined.text().await.expect("text");
    assert!(html.contains("Your card was declined.") && html.contains("4000 0000 0000 0002"));
    assert_eq!(world.get("/v1/customers").await["data"], json!([]));
    assert_eq!(world.pay(&session, "4242424242424242").await.status(), StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a_second_submit_makes_no_second_subscription() {
    let world = World::new().await;
    let session = world.session(&[]).await;
    let (one, two) = tokio::join!(world.pay(&session, "4242424242424242"), world.pay(&session, "4242424242424242"));
    assert_eq!(location(&one), location(&two));
    assert_eq!(world.get("/v1/subscriptions").await["data"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn three_d_secure_can_be_completed_and_failed() {
    let world = World::new().await;
    let session = world.session(&[]).await;
    let challenge = world.pay(&session, "4000000000003220").await;
    let url = world.url(&location(&challenge));
    let page = world.client.get(&url).send().await.expect("a page").text().await.expect("text");
    assert!(page.contains("Complete") && page.contains("Fail"));
    let failed = world.client.post(&url).form(&[("answer", "fail")]).send().await.expect("a page");
    assert_eq!(failed.status(), StatusCode::PAYMENT_REQUIRED);
    assert!(failed.text().await.expect("text").contains("unable to authenticate"));
    world.pay(&session, "4000000000003220").await;
    let done = world.client.post(&url).form(&[("answer", "complete")]).send().await.expect("a page");
    assert!(location(&done).starts_with("http://app.example/done"));
    assert_eq!(world.get("/v1/subscriptions").await["data"][0]["status"], "active");
}

#[tokio::test]
async fn a_card_that_fails_later_passes_checkout() {
    let world = World::new().await;
    let session = world.session(&[]).await;
    assert_eq!(world.pay(&session, "4000000000000341").await.status(), StatusCode::SEE_OTHER);
    let subscription = world.get("/v1/subscriptions").await["data"][0].clone();
    let path = format!("/v1/subscriptions/{}", text(&subscription["id"]));
    let item = text(&subscription["items"]["data"][0]["id"]);
    let change = [
        ("items[0][id]", item.as_str()),
        ("items[0][price]", "price_scale_month"),
        ("proration_behavior", "always_invoice"),
    ];
    assert_eq!(world.post(&path, &change).await["status"], "past_due");
    assert!(world.events().await.contains(&"invoice.payment_failed".to_owned()));
}

async fn option(world: &World, session: &Value, form: &[(&str, &str)]) -> StatusCode {
    let url = format!("{}/options", text(&session["url"]));
    world.client.post(url).form(form).send().await.expect("a page").status()
}

#[tokio::test]
async fn promotion_codes_and_quantities_change_what_is_due() {
    let world = World::new().await;
    world.post("/v1/coupons", &[("id", "HALF"), ("percent_off", "50"), ("duration", "forever")]).await;
    world
        .post(
            "/v1/promotion_codes",
            &[("promotion[type]", "coupon"), ("promotion[coupon]", "HALF"), ("code", "SPRING")],
        )
        .await;
    let session = world
        .session(&[
            ("allow_promotion_codes", "true"),
            ("line_items[0][adjustable_quantity][enabled]", "true"),
            ("line_items[0][adjustable_quantity][maximum]", "5"),
        ])
        .await;
    let path = format!("/v1/checkout/sessions/{}", text(&session["id"]));
    assert_eq!(option(&world, &session, &[("promotion_code", "nope")]).await, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(option(&world, &session, &[("promotion_code", "spring")]).await, StatusCode::SEE_OTHER);
    let items = world.get(&format!("{path}/line_items")).await;
    let item = text(&items["data"][0]["id"]);
    assert_eq!(option(&world, &session, &[("item", &item), ("quantity", "9")]).await, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(option(&world, &session, &[("item", &item), ("quantity", "3")]).await, StatusCode::SEE_OTHER);
    let changed = world.get(&path).await;
    assert_eq!((&changed["amount_subtotal"], &changed["amount_total"]), (&json!(8_700), &json!(4_350)));
    world.pay(&session, "4242424242424242").await;
    let invoice = world.get("/v1/invoices").await["data"][0].clone();
    assert_eq!((&invoice["subtotal"], &invoice["total"]), (&json!(8_700), &json!(4_350)));
    let subscription = world.get("/v1/subscriptions?expand[]=data.discounts").await["data"][0].clone();
    assert_eq!(subscription["items"]["data"][0]["quantity"], 3);
    assert_eq!(subscription["discounts"][0]["source"]["coupon"], "HALF");
}

#[tokio::test]
async fn a_one_time_payment_needs_no_customer() {
    let world = World::new().await;
    let params = [
        ("mode", "payment"),
        ("line_items[0][price_data][currency]", "usd"),
        ("line_items[0][price_data][unit_amount]", "500"),
        ("line_items[0][price_data][product_data][name]", "Credits"),
        ("line_items[0][quantity]", "2"),
        ("success_url", super::SUCCESS_URL),
        ("payment_intent_data[metadata][pack]", "small"),
    ];
    let session = world.post("/v1/checkout/sessions", &params).await;
    assert_eq!(world.pay(&session, "4242424242424242").await.status(), StatusCode::SEE_OTHER);
    let path = format!("/v1/checkout/sessions/{}?expand[]=payment_intent", text(&session["id"]));
    let done = world.get(&path).await;
    assert_eq!((&done["payment_status"], &done["customer"]), (&json!("paid"), &Value::Null));
    let intent = &done["payment_intent"];
    assert_eq!((&intent["amount_received"], &intent["metadata"]["pack"]), (&json!(1_000), &json!("small")));
}

#[tokio::test]
async fn sessions_expire_by_request_and_by_time() {
    let world = World::new().await;
    let first = world.session(&[]).await;
    let second = world.session(&[]).await;
    let expired = world.post(&format!("/v1/checkout/sessions/{}/expire", text(&first["id"])), &[]).await;
    assert_eq!((&expired["status"], &expired["url"]), (&json!("expired"), &Value::Null));
    world.control("/sandbox/clock", json!({"advance_seconds": 86_401})).await;
    assert_eq!(world.pay(&second, "4242424242424242").await.status(), StatusCode::GONE);
    let path = format!("/v1/checkout/sessions/{}", text(&second["id"]));
    assert_eq!(world.get(&path).await["status"], "expired");
    assert_eq!(world.events().await, ["checkout.session.expired", "checkout.session.expired"]);
}
