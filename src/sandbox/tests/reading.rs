//! Reading: what expands, and how lists page.

use serde_json::{Value, json};

use super::life::{Subscriber, at};
use super::{World, text};

#[tokio::test]
async fn a_subscription_brings_along_what_is_asked_for() {
    let world = World::new().await;
    let it = Subscriber::new(&world, &[]).await;
    let card = world.card(&it.customer, "pm_card_mastercard").await;
    let path = format!("/v1/customers/{}", it.customer);
    world.post(&path, &[("invoice_settings[default_payment_method]", &card)]).await;
    let paths = [
        "latest_invoice",
        "latest_invoice.payments.data.payment.payment_intent",
        "latest_invoice.confirmation_secret",
        "default_payment_method",
        "customer",
        "customer.invoice_settings.default_payment_method",
        "schedule",
        "test_clock",
    ];
    let check = |subscription: &Value| {
        assert_eq!(subscription["latest_invoice"]["status"], "paid");
        let payment = &subscription["latest_invoice"]["payments"]["data"][0];
        let intent = &payment["payment"]["payment_intent"];
        assert_eq!((&payment["status"], &intent["amount"]), (&json!("paid"), &json!(2_900)));
        let secret = &subscription["latest_invoice"]["confirmation_secret"];
        assert_eq!(secret["client_secret"], intent["client_secret"]);
        assert_eq!(subscription["default_payment_method"]["card"]["brand"], "visa");
        let customer = &subscription["customer"];
        assert_eq!(customer["invoice_settings"]["default_payment_method"]["card"]["brand"], "mastercard");
        assert_eq!((&subscription["schedule"], &subscription["test_clock"]), (&Value::Null, &Value::Null));
    };
    let query =
        |prefix: &str| paths.iter().map(|path| format!("expand[]={prefix}{path}")).collect::<Vec<_>>().join("&");
    check(&world.get(&format!("{}?{}", it.path, query(""))).await);
    let list = query("data.").replace(&format!("expand[]=data.{}&", paths[1]), "");
    let listed = world.get(&format!("/v1/subscriptions?customer={}&{list}", it.customer)).await;
    assert_eq!(listed["data"][0]["latest_invoice"]["status"], "paid");
    assert_eq!(listed["data"][0]["customer"]["invoice_settings"]["default_payment_method"]["id"], card.as_str());
}

#[tokio::test]
async fn invoices_are_filtered_and_paged() {
    let world = World::new().await;
    let it = Subscriber::new(&world, &[]).await;
    Subscriber::new(&world, &[]).await;
    for _ in 0..3 {
        world.control("/sandbox/clock", json!({"months": 1})).await;
    }
    let mut found = Vec::new();
    let mut cursor = String::new();
    loop {
        let filter = format!("customer={}&subscription={}&status=paid", it.customer, it.id());
        let page = world.get(&format!("/v1/invoices?{filter}&limit=2{cursor}")).await;
        found.extend(page["data"].as_array().expect("invoices").iter().map(|it| text(&it["id"])));
        if page["has_more"] != true {
            break;
        }
        cursor = format!("&starting_after={}", found.last().expect("an invoice"));
    }
    let all: Vec<String> = it.invoices().await.iter().map(|invoice| text(&invoice["id"])).collect();
    assert_eq!((found.len(), found), (4, all));
    assert_eq!(world.get("/v1/invoices?status=open").await["data"], json!([]));
}

#[tokio::test]
async fn events_are_found_by_kind_and_time_newest_first() {
    let world = World::new().await;
    Subscriber::new(&world, &[]).await;
    world.control("/sandbox/clock", json!({"days": 10})).await;
    let since = at(&world);
    let late = Subscriber::new(&world, &[]).await;
    let base = format!("/v1/events?types[]=customer.subscription.created&types[]=invoice.*&created[gte]={since}");
    let found = world.get(&format!("{base}&limit=100")).await;
    let found: Vec<Value> = found["data"].as_array().expect("events").clone();
    let kinds: Vec<&str> = found.iter().filter_map(|event| event["type"].as_str()).collect();
    assert_eq!(
        kinds,
        [
            "invoice.payment_succeeded",
            "invoice.paid",
            "invoice.finalized",
            "invoice.created",
            "customer.subscription.created"
        ]
    );
    assert_eq!(found[4]["data"]["object"]["id"], late.id());
    let newest = text(&found[0]["id"]);
    let rest = world.get(&format!("{base}&limit=2&starting_after={newest}")).await;
    assert_eq!((&rest["data"][0]["id"], &rest["has_more"]), (&found[1]["id"], &json!(true)));
    let newer = world.get(&format!("{base}&limit=2&ending_before={}", text(&found[3]["id"]))).await;
    assert_eq!(newer["data"].as_array().map(Vec::len), Some(2));
    assert_eq!(newer["data"][1]["id"], found[2]["id"]);
    assert_eq!(world.get(&format!("{base}&delivery_success=false")).await["data"], json!([]));
}
