//! Refusals: authentication, parameters, missing objects, idempotency, faults.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{World, answer, text};

#[tokio::test]
async fn only_the_key_opens_the_account() {
    let world = World::new().await;
    let url = world.url("/v1/customers");
    let none = world.client.get(&url).send().await.expect("a response");
    assert_eq!(answer(none, StatusCode::UNAUTHORIZED).await["error"]["type"], "invalid_request_error");
    let wrong = world.client.get(&url).bearer_auth("sk_test_other").send().await.expect("a response");
    answer(wrong, StatusCode::UNAUTHORIZED).await;
    let basic =
        world.client.get(&url).basic_auth(world.sandbox.secret_key(), Some("")).header("stripe-version", "2020-01-01");
    let basic = basic.send().await.expect("a response");
    assert_eq!(basic.headers()["stripe-version"], "2020-01-01");
    assert!(basic.headers().contains_key("request-id"));
    answer(basic, StatusCode::OK).await;
}

#[tokio::test]
async fn refusals_name_the_parameter() {
    let world = World::new().await;
    let customer = world.customer().await;
    let base = [
        ("mode", "subscription"),
        ("line_items[0][price]", "price_pro_month"),
        ("line_items[0][quantity]", "1"),
        ("success_url", "http://app.example/"),
    ];
    let cases: [(&[(&str, &str)], &str); 7] = [
        (&[("payment_method_types[0]", "card")], "payment_method_types"),
        (&[("customer", &customer), ("customer_email", "a@b.co")], "customer"),
        (&[("allow_promotion_codes", "true"), ("discounts[0][coupon]", "X")], "allow_promotion_codes"),
        (&[("customer_update[name]", "auto")], "customer_update"),
        (&[("expires_at", "1")], "expires_at"),
        (&[("subscription_data[trial_period_days]", "0")], "subscription_data[trial_period_days]"),
        (&[("customer", "cus_nobody")], "customer"),
    ];
    for (more, param) in cases {
        let params = [&base, more].concat();
        let error = world.refused("/v1/checkout/sessions", &params, StatusCode::BAD_REQUEST).await;
        assert_eq!(error["param"], param, "{error}");
    }
    let missing = world.send(Method::GET, "/v1/customers/cus_nobody", &[], None).await;
    let error = answer(missing, StatusCode::NOT_FOUND).await["error"].clone();
    assert_eq!((&error["code"], &error["param"]), (&json!("resource_missing"), &json!("id")));
    let unknown = world.send(Method::GET, "/v1/nothing", &[], None).await;
    answer(unknown, StatusCode::NOT_FOUND).await;
    let expand = world.send(Method::GET, "/v1/customers?expand[]=email", &[], None).await;
    answer(expand, StatusCode::BAD_REQUEST).await;
}

#[tokio::test]
async fn a_key_has_one_answer() {
    let world = World::new().await;
    let create = |name: &'static str| world.send(Method::POST, "/v1/customers", &[], Some(name));
    let first = answer(create("k").await, StatusCode::OK).await;
    let again = create("k").await;
    assert_eq!(again.headers()["idempotent-replayed"], "true");
    assert_eq!(answer(again, StatusCode::OK).await, first);
    let other = world.send(Method::POST, "/v1/customers", &[("name", "B")], Some("k")).await;
    assert_eq!(answer(other, StatusCode::BAD_REQUEST).await["error"]["type"], "idempotency_error");
    let invalid = world.send(Method::POST, "/v1/customers", &[("nope", "1")], Some("v")).await;
    answer(invalid, StatusCode::BAD_REQUEST).await;
    answer(create("v").await, StatusCode::OK).await;
    let event = world.get("/v1/events?type=customer.created&limit=1").await["data"][0].clone();
    assert_eq!(event["request"]["idempotency_key"], "v");
}

#[tokio::test]
async fn the_same_key_at_the_same_time_is_refused() {
    let world = World::new().await;
    let slow = json!({"next": [{"path_prefix": "/v1/customers", "delay_ms": 300}]});
    world.control("/sandbox/faults", slow).await;
    let (one, two) = tokio::join!(
        world.send(Method::POST, "/v1/customers", &[], Some("k")),
        world.send(Method::POST, "/v1/customers", &[], Some("k"))
    );
    let mut statuses = [one.status(), two.status()];
    statuses.sort();
    assert_eq!(statuses, [StatusCode::OK, StatusCode::CONFLICT]);
}

#[tokio::test]
async fn faults_strike_once_and_a_cut_connection_has_committed() {
    let world = World::new().await;
    let faults = json!({"next": [
        {"path_prefix": "/v1/customers", "method": "POST", "status": 429},
        {"path_prefix": "/v1/customers", "method": "POST", "drop_after_commit": true},
    ]});
    world.control("/sandbox/faults", faults).await;
    let limited = world.send(Method::POST, "/v1/customers", &[], Some("k")).await;
    assert_eq!(answer(limited, StatusCode::TOO_MANY_REQUESTS).await["error"]["code"], "rate_limit");
    let request = world.client.post(world.url("/v1/customers")).bearer_auth(world.sandbox.secret_key());
    let cut = request.header("idempotency-key", "k").send().await;
    let lost = match cut {
        Err(_) => true,
        Ok(response) => response.bytes().await.is_err(),
    };
    assert!(lost, "the connection was not cut");
    let replayed = world.send(Method::POST, "/v1/customers", &[], Some("k")).await;
    assert_eq!(replayed.headers()["idempotent-replayed"], "true");
    assert_eq!(world.get("/v1/customers").await["data"].as_array().map(Vec::len), Some(1));
    let log = world.client.get(world.url("/sandbox/requests")).send().await.expect("a response");
    let log: Value = log.json().await.expect("JSON");
    let posts = log["data"].as_array().expect("requests").iter().filter(|it| it["method"] == "POST");
    assert_eq!(posts.map(|it| text(&it["idempotency_key"])).collect::<Vec<_>>(), ["k", "k", "k"]);
}

#[tokio::test]
async fn lists_are_paged_both_ways() {
    let world = World::new().await;
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.insert(0, world.customer().await);
    }
    let of = |page: &Value| -> Vec<String> {
        page["data"].as_array().expect("a page").iter().map(|it| text(&it["id"])).collect()
    };
    let first = world.get("/v1/customers?limit=2").await;
    assert_eq!((of(&first), &first["has_more"]), (ids[..2].to_vec(), &json!(true)));
    let next = world.get(&format!("/v1/customers?limit=3&starting_after={}", ids[1])).await;
    assert_eq!((of(&next), &next["has_more"]), (ids[2..].to_vec(), &json!(false)));
    let back = world.get(&format!("/v1/customers?limit=2&ending_before={}", ids[3])).await;
    assert_eq!((of(&back), &back["has_more"]), (ids[1..3].to_vec(), &json!(true)));
    let none = world.get("/v1/customers?created[lt]=1").await;
    assert_eq!(none["data"], json!([]));
}
