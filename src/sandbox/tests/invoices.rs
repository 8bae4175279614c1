//! Invoices made by hand: items, drafts, finalizing, and paying without the person.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::life::{DAY, Subscriber, int};
use super::{Params, World, answer, text};

impl World {
    /// A customer who pays with a test card by default.
    async fn payer(&self, card: &str) -> String {
        let customer = self.customer().await;
        let card = self.card(&customer, card).await;
        let path = format!("/v1/customers/{customer}");
        self.post(&path, &[("invoice_settings[default_payment_method]", &card)]).await;
        customer
    }

    /// A draft with packs on it.
    async fn draft(&self, customer: &str, packs: &str, more: &[(&str, &str)]) -> Value {
        let mut params = vec![("customer", customer)];
        params.extend_from_slice(more);
        let draft = self.post("/v1/invoices", &params).await;
        let id = text(&draft["id"]);
        let item = [("customer", customer), ("invoice", &id), ("pricing[price]", "price_pack"), ("quantity", packs)];
        self.post("/v1/invoiceitems", &item).await;
        self.get(&format!("/v1/invoices/{id}")).await
    }

    async fn open(&self, customer: &str) -> String {
        let draft = self.draft(customer, "1", &[]).await;
        let path = format!("/v1/invoices/{}", text(&draft["id"]));
        self.post(&format!("{path}/finalize"), &[]).await;
        path
    }

    async fn gone(&self, path: &str) {
        let error = answer(self.send(Method::GET, path, &[], None).await, StatusCode::NOT_FOUND).await;
        assert_eq!(error["error"]["code"], "resource_missing");
    }

    async fn not_deleted(&self, path: &str) -> Value {
        answer(self.send(Method::DELETE, path, &[], None).await, StatusCode::BAD_REQUEST).await["error"].clone()
    }
}

#[tokio::test]
async fn a_top_up_is_charged_without_the_person() {
    let world = World::new().await;
    let customer = world.payer("pm_card_visa").await;
    let before = world.events().await.len();
    let params = [
        ("customer", customer.as_str()),
        ("collection_method", "charge_automatically"),
        ("auto_advance", "false"),
        ("pending_invoice_items_behavior", "exclude"),
        ("description", "Automatic top-up"),
        ("metadata[reason]", "low"),
    ];
    let draft = world.post("/v1/invoices", &params).await;
    let id = text(&draft["id"]);
    assert_eq!((&draft["status"], &draft["total"], &draft["number"]), (&json!("draft"), &json!(0), &Value::Null));
    assert_eq!((&draft["billing_reason"], &draft["auto_advance"]), (&json!("manual"), &json!(false)));
    let item = [
        ("customer", customer.as_str()),
        ("invoice", &id),
        ("pricing[price]", "price_pack"),
        ("quantity", "2"),
        ("metadata[pack]", "small"),
    ];
    let item = world.post("/v1/invoiceitems", &item).await;
    assert_eq!((&item["amount"], &item["invoice"], &item["description"]), (&json!(4_000), &json!(id), &json!("PACK")));
    let path = format!("/v1/invoices/{id}");
    let draft = world.get(&path).await;
    let line = &draft["lines"]["data"][0];
    assert_eq!((&draft["amount_due"], &line["metadata"]["pack"]), (&json!(4_000), &json!("small")));
    assert_eq!(line["parent"]["invoice_item_details"]["invoice_item"], item["id"]);

    let open = world.post(&format!("{path}/finalize"), &[("auto_advance", "false")]).await;
    assert_eq!((&open["status"], &open["attempt_count"]), (&json!("open"), &json!(0)));
    assert!(text(&open["number"]).ends_with("-0001"));
    let pay = format!("{path}/pay");
    let paid =
        answer(world.send(Method::POST, &pay, &[("off_session", "true")], Some("k")).await, StatusCode::OK).await;
    assert_eq!((&paid["status"], &paid["amount_paid"]), (&json!("paid"), &json!(4_000)));
    assert_eq!((&paid["metadata"]["reason"], &paid["description"]), (&json!("low"), &json!("Automatic top-up")));
    let again = world.send(Method::POST, &pay, &[("off_session", "true")], Some("k")).await;
    assert_eq!(answer(again, StatusCode::OK).await, paid);
    let twice = world.refused(&pay, &[], StatusCode::BAD_REQUEST).await;
    assert_eq!((&twice["code"], &twice["type"]), (&json!("invoice_already_paid"), &json!("invalid_request_error")));
    assert_eq!(
        world.events().await[before..],
        [
            "invoice.created",
            "invoiceitem.created",
            "invoice.updated",
            "invoice.finalized",
            "payment_intent.created",
            "charge.succeeded",
            "payment_intent.succeeded",
            "invoice.paid",
            "invoice.payment_succeeded",
        ]
    );
    let page = world.client.get(text(&paid["hosted_invoice_url"])).send().await.expect("a page");
    assert!(page.text().await.expect("text").contains("$40.00"));
}

#[tokio::test]
async fn a_refused_charge_leaves_the_invoice_open_and_counted() {
    let world = World::new().await;
    let failing = world.payer("pm_card_chargeCustomerFail").await;
    let struck = world.payer("pm_card_visa").await;
    world.control("/sandbox/payments", json!({"fail_next": 1, "customer": struck})).await;
    for customer in [failing, struck.clone()] {
        let pay = format!("{}/pay", world.open(&customer).await);
        let first = world.send(Method::POST, &pay, &[("off_session", "true")], Some(&customer)).await;
        let body = answer(first, StatusCode::PAYMENT_REQUIRED).await;
        let error = &body["error"];
        assert_eq!((&error["type"], &error["code"]), (&json!("card_error"), &json!("card_declined")));
        assert_eq!(error["decline_code"], "generic_decline");
        assert_eq!(error["payment_intent"]["status"], "requires_payment_method");
        let open = world.get(pay.trim_end_matches("/pay")).await;
        assert_eq!((&open["status"], &open["attempt_count"]), (&json!("open"), &json!(1)));
        assert_eq!((&open["attempted"], &open["next_payment_attempt"]), (&json!(true), &Value::Null));
        assert_eq!(world.events().await.last().map(String::as_str), Some("invoice.payment_failed"));
        let replayed = world.send(Method::POST, &pay, &[("off_session", "true")], Some(&customer)).await;
        assert_eq!(answer(replayed, StatusCode::PAYMENT_REQUIRED).await, body);
        assert_eq!(world.get(pay.trim_end_matches("/pay")).await["attempt_count"], 1);
    }
    assert_eq!(world.events_of("invoice.payment_failed").await.len(), 2);
    let open = world.get(&format!("/v1/invoices?customer={struck}&status=open")).await;
    let paid = world.post(&format!("/v1/invoices/{}/pay", text(&open["data"][0]["id"])), &[]).await;
    assert_eq!((&paid["status"], &paid["attempt_count"]), (&json!("paid"), &json!(2)));
}

#[tokio::test]
async fn what_asks_for_the_person_is_refused_while_they_are_away() {
    let world = World::new().await;
    let customer = world.payer("pm_card_threeDSecure2Required").await;
    let path = world.open(&customer).await;
    let error = world.refused(&format!("{path}/pay"), &[("off_session", "true")], StatusCode::PAYMENT_REQUIRED).await;
    assert_eq!(error["code"], "authentication_required");
    let last: Vec<String> = world.events().await.into_iter().rev().take(2).collect();
    assert_eq!(last, ["invoice.payment_action_required", "invoice.payment_failed"]);
    let present = world.post(&format!("{path}/pay"), &[("off_session", "false")]).await;
    assert_eq!(present["status"], "paid");
}

#[tokio::test]
async fn without_a_default_card_one_must_be_named_and_be_theirs() {
    let world = World::new().await;
    let customer = world.customer().await;
    let card = world.card(&customer, "pm_card_visa").await;
    let stranger = world.customer().await;
    let theirs = world.card(&stranger, "pm_card_visa").await;
    let path = world.open(&customer).await;
    let pay = format!("{path}/pay");
    let error = world.refused(&pay, &[], StatusCode::BAD_REQUEST).await;
    assert_eq!((&error["type"], &error["code"]), (&json!("invalid_request_error"), &json!("resource_missing")));
    assert!(text(&error["message"]).contains("no attached payment source or default payment method"));
    for other in [theirs.as_str(), "pm_nobody"] {
        let error = world.refused(&pay, &[("payment_method", other)], StatusCode::BAD_REQUEST).await;
        assert_eq!(error["param"], "payment_method");
    }
    assert_eq!(world.get(&path).await["attempt_count"], 0);
    assert_eq!(world.post(&pay, &[("payment_method", &card)]).await["status"], "paid");
}

#[tokio::test]
async fn a_draft_is_paid_voided_or_deleted_as_its_status_allows() {
    let world = World::new().await;
    let customer = world.payer("pm_card_visa").await;
    let draft = world.draft(&customer, "1", &[]).await;
    let path = format!("/v1/invoices/{}", text(&draft["id"]));
    world.refused(&format!("{path}/void"), &[], StatusCode::BAD_REQUEST).await;
    let deleted = world.delete(&path).await;
    assert_eq!(deleted, json!({"id": draft["id"], "object": "invoice", "deleted": true}));
    world.gone(&path).await;
    assert_eq!(world.events().await.last().map(String::as_str), Some("invoice.deleted"));

    let path = world.open(&customer).await;
    assert_eq!(world.not_deleted(&path).await["code"], "invoice_not_editable");
    world.refused(&format!("{path}/finalize"), &[], StatusCode::BAD_REQUEST).await;
    let voided = world.post(&format!("{path}/void"), &[]).await;
    assert_eq!((&voided["status"], &voided["amount_remaining"]), (&json!("void"), &json!(2_000)));
    world.refused(&format!("{path}/pay"), &[], StatusCode::BAD_REQUEST).await;

    let draft = world.draft(&customer, "1", &[]).await;
    let paid = world.post(&format!("/v1/invoices/{}/pay", text(&draft["id"])), &[]).await;
    assert_eq!(paid["status"], "paid", "a draft that is paid is finalized on the way");
    let subscriber = Subscriber::new(&world, &[]).await;
    world.post(&subscriber.path, &[("pause_collection[behavior]", "keep_as_draft")]).await;
    world.control("/sandbox/clock", json!({"months": 1})).await;
    let kept = text(&subscriber.invoices().await[0]["id"]);
    assert!(text(&world.not_deleted(&format!("/v1/invoices/{kept}")).await["message"]).contains("subscriptions"));
}

#[tokio::test]
async fn items_wait_until_an_invoice_takes_them() {
    let world = World::new().await;
    let customer = world.payer("pm_card_visa").await;
    let base = [("customer", customer.as_str()), ("currency", "usd")];
    let amount = [("amount", "700"), ("description", "A favour"), ("period[start]", "10"), ("period[end]", "20")];
    let favour = world.post("/v1/invoiceitems", &[&base[..], &amount].concat()).await;
    assert_eq!((&favour["invoice"], &favour["quantity"]), (&Value::Null, &json!(1)));
    let usage = [("unit_amount_decimal", "0.5"), ("quantity", "333"), ("description", "Calls")];
    let usage = world.post("/v1/invoiceitems", &[&base[..], &usage].concat()).await;
    assert_eq!((&usage["amount"], &usage["pricing"]["unit_amount_decimal"]), (&json!(167), &json!("0.5")));
    let away = world.post("/v1/invoiceitems", &[&base[..], &[("amount", "1")]].concat()).await;
    let path = format!("/v1/invoiceitems/{}", text(&away["id"]));
    assert_eq!(world.get(&path).await, away);
    assert_eq!(world.delete(&path).await["deleted"], true);
    world.gone(&path).await;

    let without = world.post("/v1/invoices", &[("customer", &customer)]).await;
    assert_eq!(without["lines"]["data"], json!([]));
    let include = [("customer", customer.as_str()), ("pending_invoice_items_behavior", "include")];
    let with = world.post("/v1/invoices", &include).await;
    let lines = with["lines"]["data"].as_array().expect("lines").clone();
    let said: Vec<(&str, i64)> =
        lines.iter().map(|line| (line["description"].as_str().expect("text"), int(&line["amount"]))).collect();
    assert_eq!((said, int(&with["total"])), (vec![("A favour", 700), ("Calls", 167)], 867));
    assert_eq!((&lines[0]["period"], &lines[0]["pricing"]["price_details"]), (&favour["period"], &Value::Null));
    let pending = world.get(&format!("/v1/invoiceitems?customer={customer}&pending=true")).await;
    assert_eq!(pending["data"], json!([]));

    world.delete(&format!("/v1/invoiceitems/{}", text(&usage["id"]))).await;
    let left = world.get(&format!("/v1/invoices/{}", text(&with["id"]))).await;
    assert_eq!((&left["total"], &left["lines"]["data"][0]["id"]), (&json!(700), &lines[0]["id"]));
    world.delete(&format!("/v1/invoices/{}", text(&with["id"]))).await;
    let pending = world.get(&format!("/v1/invoiceitems?customer={customer}&pending=true")).await;
    assert_eq!(pending["data"][0]["id"], favour["id"]);

    let subscriber = Subscriber::subscribe(&world, customer.clone(), &[]).await;
    assert_eq!(subscriber.invoices().await[0]["total"], 2_900 + 700, "the next invoice takes what waits");
    world.post("/v1/invoiceitems", &[&base[..], &[("amount", "-900")]].concat()).await;
    let coming = world.post("/v1/invoices/create_preview", &[("subscription", subscriber.id())]).await;
    world.control("/sandbox/clock", json!({"months": 1})).await;
    let renewed = subscriber.invoices().await[0].clone();
    assert_eq!((&renewed["total"], &coming["total"]), (&json!(2_000), &json!(2_000)));
    world.control("/sandbox/clock", json!({"months": 1})).await;
    assert_eq!(subscriber.invoices().await[0]["total"], 2_900, "and takes it once");
}

#[tokio::test]
async fn an_invoice_that_advances_does_so_by_itself() {
    let world = World::new().await;
    let customer = world.payer("pm_card_chargeCustomerFail").await;
    let draft = world.draft(&customer, "1", &[("auto_advance", "true")]).await;
    let path = format!("/v1/invoices/{}", text(&draft["id"]));
    assert_eq!(draft["automatically_finalizes_at"], int(&draft["created"]) + 3_600);
    world.control("/sandbox/clock", json!({"advance_seconds": 3_601})).await;
    let refused = world.get(&path).await;
    assert_eq!((&refused["status"], &refused["attempt_count"]), (&json!("open"), &json!(1)));
    let next = int(&refused["next_payment_attempt"]) - int(&refused["status_transitions"]["finalized_at"]);
    assert_eq!(next, 3 * DAY);
    for _ in 0..4 {
        world.control("/sandbox/clock", json!({"weeks": 1})).await;
    }
    let given_up = world.get(&path).await;
    assert_eq!((&given_up["attempt_count"], &given_up["next_payment_attempt"]), (&json!(4), &Value::Null));

    let customer = world.payer("pm_card_visa").await;
    let draft = world.draft(&customer, "1", &[]).await;
    let path = format!("/v1/invoices/{}", text(&draft["id"]));
    let open = world.post(&format!("{path}/finalize"), &[("auto_advance", "true")]).await;
    assert_eq!(open["status"], "open");
    let late = world.refused(&format!("{path}/pay"), &[], StatusCode::BAD_REQUEST).await;
    assert_eq!(late["code"], "invoice_already_paid", "it was paid before anybody asked");
    let stays = world.draft(&customer, "1", &[("auto_advance", "true")]).await;
    let path = format!("/v1/invoices/{}", text(&stays["id"]));
    let stays = world.post(&path, &[("auto_advance", "false")]).await;
    assert_eq!(stays["automatically_finalizes_at"], Value::Null);
    world.control("/sandbox/clock", json!({"days": 1})).await;
    assert_eq!(world.get(&path).await["status"], "draft");
}

#[tokio::test]
async fn nothing_due_is_paid_when_it_is_finalized() {
    let world = World::new().await;
    let customer = world.customer().await;
    world.post(&format!("/v1/customers/{customer}"), &[("balance", "-5000")]).await;
    let draft = world.draft(&customer, "1", &[]).await;
    let path = format!("/v1/invoices/{}", text(&draft["id"]));
    let paid = world.post(&format!("{path}/finalize"), &[]).await;
    assert_eq!((&paid["status"], &paid["amount_due"], &paid["total"]), (&json!("paid"), &json!(0), &json!(2_000)));
    assert_eq!(world.get(&format!("/v1/customers/{customer}")).await["balance"], -3_000);
    world.post("/v1/coupons", &[("id", "HALF"), ("percent_off", "50"), ("duration", "once")]).await;
    let half = world.draft(&customer, "2", &[("discounts[0][coupon]", "HALF")]).await;
    assert_eq!((&half["subtotal"], &half["total"]), (&json!(4_000), &json!(2_000)));
}

#[tokio::test]
async fn what_is_wrong_with_items_and_invoices_is_said() {
    let world = World::new().await;
    let customer = world.payer("pm_card_visa").await;
    let other = world.customer().await;
    let open = world.open(&customer).await;
    let open = open.rsplit('/').next().expect("an id");
    let theirs = text(&world.draft(&other, "1", &[]).await["id"]);
    let euros = text(&world.post("/v1/invoices", &[("customer", &other), ("currency", "eur")]).await["id"]);
    let (me, pack) = (("customer", customer.as_str()), ("pricing[price]", "price_pack"));
    let cases: [(&str, Params, &str); 15] = [
        ("/v1/invoiceitems", &[pack], "customer"),
        ("/v1/invoiceitems", &[me], "amount"),
        ("/v1/invoiceitems", &[me, ("amount", "5")], "currency"),
        ("/v1/invoiceitems", &[me, ("unit_amount_decimal", "1e3"), ("currency", "usd")], "unit_amount_decimal"),
        ("/v1/invoiceitems", &[me, pack, ("amount", "5")], "pricing"),
        ("/v1/invoiceitems", &[me, ("amount", "5"), ("currency", "usd"), ("quantity", "2")], "quantity"),
        ("/v1/invoiceitems", &[me, ("price", "price_pack")], "price"),
        ("/v1/invoiceitems", &[me, ("pricing[price]", "price_pro_month")], "pricing[price]"),
        ("/v1/invoiceitems", &[me, ("pricing[price]", "price_nothing")], "pricing[price]"),
        ("/v1/invoiceitems", &[me, pack, ("currency", "eur")], "currency"),
        ("/v1/invoiceitems", &[me, pack, ("invoice", &theirs)], "invoice"),
        ("/v1/invoiceitems", &[("customer", &other), pack, ("invoice", &euros)], "currency"),
        ("/v1/invoices", &[("auto_advance", "true")], "customer"),
        ("/v1/invoices", &[me, ("collection_method", "send_invoice")], "days_until_due"),
        ("/v1/invoices", &[me, ("default_payment_method", "pm_nobody")], "default_payment_method"),
    ];
    for (path, params, param) in cases {
        let error = world.refused(path, params, StatusCode::BAD_REQUEST).await;
        assert_eq!((&error["type"], &error["param"]), (&json!("invalid_request_error"), &json!(param)), "{error}");
    }
    let late = world.refused("/v1/invoiceitems", &[me, pack, ("invoice", open)], StatusCode::BAD_REQUEST).await;
    assert_eq!(late["code"], "invoice_not_editable");
    let item = world.get(&format!("/v1/invoiceitems?invoice={open}")).await["data"][0].clone();
    let kept = world.not_deleted(&format!("/v1/invoiceitems/{}", text(&item["id"]))).await;
    assert_eq!(kept["code"], "invoice_not_editable");
    assert_eq!(world.get("/v1/invoiceitems?pending=true").await["data"], json!([]));
}
