//! The inbox: what is let in, what is kept, and what it does.

use hmac::{Hmac, Mac};
use reqwest::{Response, StatusCode};
use sha2::Sha256;

use crate::harness::World;

fn now() -> i64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs().try_into().unwrap()
}

fn sign(secret: &str, time: i64, body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(format!("{time}.{body}").as_bytes());
    hex::encode(mac.finalize().into_bytes())
}

pub async fn deliver(world: &World, path: &str, signature: Option<String>, body: &str) -> Response {
    let mut request = reqwest::Client::new().post(format!("{}{path}", world.url)).body(body.to_owned());
    if let Some(signature) = signature {
        request = request.header("stripe-signature", signature);
    }
    request.send().await.unwrap()
}

/// The header of a delivery that is sent now.
pub fn signed_now(world: &World, body: &str) -> String {
    signature_now(world.sandbox.webhook_secret(), body)
}

/// The same for a secret.
pub fn signature_now(secret: &str, body: &str) -> String {
    let time = now();
    format!("t={time},v1={}", sign(secret, time, body))
}

fn event(id: &str) -> String {
    format!(
        r#"{{"id":"{id}","object":"event","type":"plan.created","livemode":false,"data":{{"object":{{"id":"x"}}}}}}"#
    )
}

#[tokio::test]
async fn forged_stale_and_unsigned_deliveries_leave_nothing() {
    let world = World::start().await;
    let secret = world.sandbox.webhook_secret();
    let (time, body) = (now(), event("evt_1"));
    let good = sign(secret, time, &body);
    for signature in [
        None,
        Some(String::new()),
        Some("nonsense".to_owned()),
        Some(format!("t={time}")),
        Some(format!("v1={good}")),
        Some(format!("t={time},v0={good}")),
        Some(format!("t={time},v1={good}{}", ",v1=".repeat(16))),
        Some(format!("t={time},v1={}", sign("whsec_wrong", time, &body))),
        Some(format!("t={},v1={good}", time + 1)),
        Some(format!("t={},v1={}", time - 301, sign(secret, time - 301, &body))),
        Some(format!("t={},v1={}", time + 360, sign(secret, time + 360, &body))),
    ] {
        let response = deliver(&world, "/api/webhooks/stripe", signature.clone(), &body).await;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{signature:?}");
    }
    let altered = deliver(&world, "/api/webhooks/stripe", Some(format!("t={time},v1={good}")), &event("evt_2")).await;
    assert_eq!(altered.status(), StatusCode::BAD_REQUEST);
    assert_eq!(world.count("stripe_events").await, 0);
}

#[tokio::test]
async fn a_signed_delivery_is_kept_once_however_often_it_comes() {
    let world = World::start().await;
    let body = event("evt_1");
    let signature = format!("t={},v1={},v1={}", now(), "00", sign(world.sandbox.webhook_secret(), now(), &body));
    let paths = ["/api/webhooks/stripe", "/billing/webhook", "/api/stripe/webhook"];
    let deliveries = (0..12).map(|n| deliver(&world, paths[n % 3], Some(signature.clone()), &body));
    for response in futures::future::join_all(deliveries).await {
        assert_eq!(response.status(), StatusCode::OK);
    }
    world.settled().await;
    assert_eq!(world.count("stripe_events").await, 1);
}

#[tokio::test]
async fn unknown_shapes_are_kept_and_answered_well() {
    let world = World::start().await;
    let shapes = [
        r#"{"id":"evt_a"}"#,
        r#"{"id":"evt_b","object":"v2.core.event","type":"v1.billing.meter.error","data":{"x":1}}"#,
        r#"{"id":"evt_c","type":"customer.subscription.updated","api_version":"2030-01-01.new","data":{"object":{"status":"napping"}}}"#,
        r#"{"id":"evt_d","type":"invoice.paid","data":{"object":{"id":"in_1","parent":null}}}"#,
        r#"{"id":"evt_e","type":"customer.subscription.deleted","data":{"object":{"id":"sub_nobody_knows"}}}"#,
    ];
    for body in shapes {
        let signature = format!("t={},v1={}", now(), sign(world.sandbox.webhook_secret(), now(), body));
        assert_eq!(
            deliver(&world, "/api/webhooks/stripe", Some(signature), body).await.status(),
            StatusCode::OK,
            "{body}"
        );
    }
    world.settled().await;
    let kept: Vec<String> =
        sqlx::query_scalar("SELECT payload FROM stripe_events WHERE status = 'ignored' ORDER BY id")
            .fetch_all(&world.database().await)
            .await
            .unwrap();
    assert_eq!(kept, shapes);
    for body in ["", "[]", "{}", r#"{"id":5}"#, r#"{"id":""}"#, r#"{"id":"evt_\u0000","type":"plan.created"}"#] {
        let signature = format!("t={},v1={}", now(), sign(world.sandbox.webhook_secret(), now(), body));
        let response = deliver(&world, "/api/webhooks/stripe", Some(signature), body).await;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{body}");
    }
}

#[tokio::test]
async fn events_of_the_other_mode_have_no_effect() {
    let world = World::start().await;
    let browser = world.signed_in("ada").await;
    let page = browser.check_out(&[("plan", "pro")]).await;
    world.sandbox.set_webhook_url("http://127.0.0.1:9/nowhere");
    browser.pay(&page).await;
    let subscription = world.stripe("/v1/subscriptions").await["data"][0]["id"].as_str().unwrap().to_owned();
    let body = format!(
        r#"{{"id":"evt_live","type":"customer.subscription.created","livemode":true,"data":{{"object":{{"id":"{subscription}"}}}}}}"#
    );
    let signature = format!("t={},v1={}", now(), sign(world.sandbox.webhook_secret(), now(), &body));
    assert_eq!(deliver(&world, "/api/webhooks/stripe", Some(signature), &body).await.status(), StatusCode::OK);
    world.worked_off().await;
    assert_eq!(browser.organization().await["subscriptionTier"], "free");
}

#[tokio::test]
async fn too_large_a_body_is_refused() {
    let world = World::start().await;
    let body = "x".repeat(2 * 1024 * 1024);
    let response = deliver(&world, "/api/webhooks/stripe", Some("t=1,v1=00".to_owned()), &body).await;
    assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
}
