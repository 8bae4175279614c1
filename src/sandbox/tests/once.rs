//! Paying once: Checkout in `payment` mode, with and without an invoice, with and without keeping
//! the card.

use reqwest::StatusCode;
use serde_json::{Value, json};

use super::{Params, SUCCESS_URL, World, location, text};

const VISA: &str = "4242 4242 4242 4242";

impl World {
    /// An open Checkout session for packs, with more parameters.
    async fn order(&self, quantity: &str, more: &[(&str, &str)]) -> Value {
        let mut params = vec![
            ("mode", "payment"),
            ("line_items[0][price]", "price_pack"),
            ("line_items[0][quantity]", quantity),
            ("success_url", SUCCESS_URL),
            ("cancel_url", "http://app.example/no"),
        ];
        params.extend_from_slice(more);
        self.post("/v1/checkout/sessions", &params).await
    }

    async fn page(&self, url: &Value) -> String {
        self.client.get(text(url)).send().await.expect("a page").text().await.expect("text")
    }

    async fn count(&self, path: &str) -> usize {
        self.get(path).await["data"].as_array().expect("a list").len()
    }
}

#[tokio::test]
async fn a_pack_is_paid_on_an_invoice_and_the_card_is_kept() {
    let world = World::new().await;
    let customer = world.customer().await;
    let session = world
        .order(
            "3",
            &[
                ("customer", &customer),
                ("client_reference_id", "org_1"),
                ("metadata[pack]", "small"),
                ("invoice_creation[enabled]", "true"),
                ("invoice_creation[invoice_data][metadata][pack]", "small"),
                ("invoice_creation[invoice_data][description]", "Thank you"),
                ("payment_intent_data[setup_future_usage]", "off_session"),
                ("payment_intent_data[metadata][pack]", "small"),
                ("payment_intent_data[description]", "Three packs"),
            ],
        )
        .await;
    assert_eq!(
        (&session["amount_total"], &session["payment_status"], &session["invoice"], &session["payment_intent"]),
        (&json!(6_000), &json!("unpaid"), &Value::Null, &Value::Null)
    );
    let creation = &session["invoice_creation"];
    assert_eq!((&creation["enabled"], &creation["invoice_data"]["footer"]), (&json!(true), &Value::Null));
    let html = world.page(&session["url"]).await;
    for expected in ["Pay for PACK", "$60.00", "3 × $20.00", "allow later payments", "ada@example.com"] {
        assert!(html.contains(expected), "{expected} is not on the page");
    }

    let paid = world.pay(&session, VISA).await;
    assert_eq!(location(&paid), format!("http://app.example/done?session={}", text(&session["id"])));
    let path = format!(
        "/v1/checkout/sessions/{}?expand[]=payment_intent.latest_charge&expand[]=invoice.payments&expand[]=customer",
        text(&session["id"])
    );
    let done = world.get(&path).await;
    assert_eq!((&done["status"], &done["payment_status"]), (&json!("complete"), &json!("paid")));
    assert_eq!((&done["client_reference_id"], &done["metadata"]["pack"]), (&json!("org_1"), &json!("small")));
    let (intent, invoice) = (&done["payment_intent"], &done["invoice"]);
    assert_eq!((&intent["status"], &intent["amount_received"]), (&json!("succeeded"), &json!(6_000)));
    assert_eq!((&intent["metadata"]["pack"], &intent["setup_future_usage"]), (&json!("small"), &json!("off_session")));
    assert_eq!((&intent["description"], &intent["customer"]), (&json!("Three packs"), &json!(customer)));
    assert_eq!(intent["latest_charge"]["metadata"]["pack"], "small");
    assert_eq!((&invoice["status"], &invoice["amount_paid"]), (&json!("paid"), &json!(6_000)));
    assert_eq!((&invoice["billing_reason"], &invoice["parent"]), (&json!("manual"), &Value::Null));
    assert_eq!((&invoice["metadata"]["pack"], &invoice["description"]), (&json!("small"), &json!("Thank you")));
    assert_eq!(invoice["payments"]["data"][0]["payment"]["payment_intent"], intent["id"]);
    let line = &invoice["lines"]["data"][0];
    assert_eq!((&line["quantity"], &line["description"]), (&json!(3), &json!("PACK")));
    assert_eq!(line["pricing"]["price_details"], json!({"price": "price_pack", "product": "prod_pack"}));
    assert_eq!(line["parent"]["type"], "invoice_item_details");
    // It is attached; choosing a default is left to the application.
    assert_eq!(done["customer"]["invoice_settings"]["default_payment_method"], Value::Null);
    let kept = &intent["payment_method"];
    assert_eq!(world.get(&format!("/v1/payment_methods/{}", text(kept))).await["customer"], json!(customer));
    assert_eq!(
        world.events().await,
        [
            "customer.created",
            "payment_method.attached",
            "invoiceitem.created",
            "invoice.created",
            "invoice.finalized",
            "payment_intent.created",
            "charge.succeeded",
            "payment_intent.succeeded",
            "invoice.paid",
            "invoice.payment_succeeded",
            "checkout.session.completed",
        ]
    );

    let listed = world.get(&format!("/v1/invoices?customer={customer}")).await;
    assert_eq!(listed["data"][0]["id"], invoice["id"]);
    assert!(world.page(&invoice["hosted_invoice_url"]).await.contains("$60.00"));
    assert!(world.page(&invoice["invoice_pdf"]).await.starts_with("%PDF"));
}

#[tokio::test]
async fn without_the_wish_there_is_neither_invoice_nor_card_nor_customer() {
    let world = World::new().await;
    let customer = world.customer().await;
    let session = world.order("1", &[("customer", &customer)]).await;
    assert_eq!(session["invoice_creation"]["enabled"], json!(false));
    assert!(!world.page(&session["url"]).await.contains("later payments"));
    world.pay(&session, VISA).await;
    let done = world.get(&format!("/v1/checkout/sessions/{}", text(&session["id"]))).await;
    assert_eq!((&done["payment_status"], &done["invoice"]), (&json!("paid"), &Value::Null));
    assert_eq!(world.count("/v1/invoices").await, 0);
    assert_eq!(world.count(&format!("/v1/payment_methods?customer={customer}")).await, 0);

    // An invoice has to be somebody's, and so has a card that is kept.
    let invoiced = world.order("1", &[("invoice_creation[enabled]", "true")]).await;
    world.pay(&invoiced, VISA).await;
    let invoiced = world.get(&format!("/v1/checkout/sessions/{}", text(&invoiced["id"]))).await;
    let somebody = text(&invoiced["customer"]);
    assert_eq!(world.count(&format!("/v1/invoices?customer={somebody}")).await, 1);
    assert_eq!(world.count(&format!("/v1/payment_methods?customer={somebody}")).await, 0);
    let keeping = world.order("1", &[("payment_intent_data[setup_future_usage]", "on_session")]).await;
    world.pay(&keeping, VISA).await;
    let keeping = world.get(&format!("/v1/checkout/sessions/{}?expand[]=customer", text(&keeping["id"]))).await;
    let somebody = text(&keeping["customer"]["id"]);
    assert_eq!(world.count(&format!("/v1/payment_methods?customer={somebody}")).await, 1);
    assert_eq!(keeping["customer"]["invoice_settings"]["default_payment_method"], Value::Null);
}

#[tokio::test]
async fn a_refused_payment_leaves_the_session_open_and_no_invoice() {
    let world = World::new().await;
    let customer = world.customer().await;
    let session = world.order("1", &[("customer", &customer), ("invoice_creation[enabled]", "true")]).await;
    assert_eq!(world.pay(&session, "4000000000000002").await.status(), StatusCode::PAYMENT_REQUIRED);
    world.control("/sandbox/payments", json!({"fail_next": 1, "customer": customer})).await;
    assert_eq!(world.pay(&session, VISA).await.status(), StatusCode::PAYMENT_REQUIRED);
    let challenge = world.pay(&session, "4000000000003220").await;
    let url = world.url(&location(&challenge));
    let failed = world.client.post(&url).form(&[("answer", "fail")]).send().await.expect("a page");
    assert_eq!(failed.status(), StatusCode::PAYMENT_REQUIRED);
    assert_eq!((world.count("/v1/invoices").await, world.count("/v1/payment_intents").await), (0, 0));
    let open = world.get(&format!("/v1/checkout/sessions/{}", text(&session["id"]))).await;
    assert_eq!((&open["status"], &open["payment_status"]), (&json!("open"), &json!("unpaid")));

    world.pay(&session, "4000000000003220").await;
    let done = world.client.post(&url).form(&[("answer", "complete")]).send().await.expect("a page");
    assert!(location(&done).starts_with("http://app.example/done"));
    assert_eq!(world.count("/v1/invoices?status=paid").await, 1);
}

#[tokio::test]
async fn a_discount_is_on_the_invoice_and_a_credit_balance_is_not() {
    let world = World::new().await;
    let customer = world.customer().await;
    world.post(&format!("/v1/customers/{customer}"), &[("balance", "-500")]).await;
    world.post("/v1/coupons", &[("id", "QUARTER"), ("percent_off", "25"), ("duration", "once")]).await;
    let more =
        [("customer", customer.as_str()), ("invoice_creation[enabled]", "true"), ("discounts[0][coupon]", "QUARTER")];
    let session = world.order("2", &more).await;
    world.pay(&session, VISA).await;
    let done = world.get(&format!("/v1/checkout/sessions/{}?expand[]=invoice", text(&session["id"]))).await;
    let invoice = &done["invoice"];
    assert_eq!((&invoice["subtotal"], &invoice["total"]), (&json!(4_000), &json!(3_000)));
    assert_eq!((&invoice["amount_paid"], &done["amount_total"]), (&json!(3_000), &json!(3_000)));
    assert_eq!(world.get(&format!("/v1/customers/{customer}")).await["balance"], -500);

    world.post("/v1/coupons", &[("id", "ALL"), ("percent_off", "100"), ("duration", "once")]).await;
    let more =
        [("customer", customer.as_str()), ("invoice_creation[enabled]", "true"), ("discounts[0][coupon]", "ALL")];
    let free = world.order("1", &more).await;
    assert!(world.page(&free["url"]).await.contains("No payment method is needed"));
    world.pay(&free, "").await;
    let free = world.get(&format!("/v1/checkout/sessions/{}?expand[]=invoice", text(&free["id"]))).await;
    assert_eq!((&free["payment_status"], &free["payment_intent"]), (&json!("no_payment_required"), &Value::Null));
    assert_eq!(free["invoice"]["status"], "paid");
}

#[tokio::test]
async fn what_does_not_go_together_is_refused() {
    let world = World::new().await;
    let pack = [("line_items[0][price]", "price_pack"), ("line_items[0][quantity]", "1")];
    let plan = [("line_items[0][price]", "price_pro_month"), ("line_items[0][quantity]", "1")];
    let both = [&plan[..], &[("line_items[1][price]", "price_pack"), ("line_items[1][quantity]", "1")]].concat();
    let recurring_data = [
        ("line_items[0][price_data][currency]", "usd"),
        ("line_items[0][price_data][unit_amount]", "500"),
        ("line_items[0][price_data][recurring][interval]", "month"),
        ("line_items[0][price_data][product_data][name]", "Credits"),
        ("line_items[0][quantity]", "1"),
    ];
    let cases: [(&str, Params, (&str, &str), &str); 10] = [
        ("payment", &plan, ("locale", "en"), "line_items"),
        ("payment", &both, ("locale", "en"), "line_items"),
        ("payment", &recurring_data, ("locale", "en"), "line_items"),
        ("subscription", &pack, ("locale", "en"), "line_items"),
        ("subscription", &plan, ("invoice_creation[enabled]", "true"), "invoice_creation[enabled]"),
        ("subscription", &plan, ("payment_intent_data[setup_future_usage]", "off_session"), "payment_intent_data"),
        ("payment", &pack, ("subscription_data[trial_period_days]", "7"), "subscription_data"),
        ("payment", &pack, ("invoice_creation[invoice_data][footer]", "f"), "invoice_creation[enabled]"),
        (
            "payment",
            &pack,
            ("payment_intent_data[setup_future_usage]", "later"),
            "payment_intent_data[setup_future_usage]",
        ),
        ("payment", &pack, ("payment_intent_data[capture_method]", "manual"), "payment_intent_data[capture_method]"),
    ];
    for (mode, items, more, param) in cases {
        let params = [&[("mode", mode), ("success_url", SUCCESS_URL)], items, &[more]].concat();
        let error = world.refused("/v1/checkout/sessions", &params, StatusCode::BAD_REQUEST).await;
        assert_eq!((&error["type"], &error["param"]), (&json!("invalid_request_error"), &json!(param)), "{error}");
    }
    let off = [("mode", "subscription"), ("success_url", SUCCESS_URL), ("invoice_creation[enabled]", "false")];
    let session = world.post("/v1/checkout/sessions", &[&off[..], &plan].concat()).await;
    assert_eq!(session["invoice_creation"], Value::Null);
}

#[tokio::test]
async fn one_time_prices_are_seeded_beside_recurring_ones() {
    let world = World::new().await;
    let prices = world.get("/v1/prices?type=one_time&expand[]=data.product").await;
    let pack = &prices["data"][0];
    assert_eq!(prices["data"].as_array().map(Vec::len), Some(1));
    assert_eq!(
        (&pack["id"], &pack["recurring"], &pack["unit_amount"]),
        (&json!("price_pack"), &Value::Null, &json!(2_000))
    );
    assert_eq!((&pack["lookup_key"], &pack["product"]["name"]), (&json!("pack"), &json!("PACK")));
}
