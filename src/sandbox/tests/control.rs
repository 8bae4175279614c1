//! The control page and its switches.

use reqwest::StatusCode;
use serde_json::json;

use super::life::Subscriber;
use super::{World, answer};

#[tokio::test]
async fn the_page_shows_what_there_is_and_its_buttons_work() {
    let world = World::new().await;
    let session = world.session(&[]).await;
    world.pay(&session, "4242424242424242").await;
    let page = world.client.get(world.url("/")).send().await.expect("a page").text().await.expect("text");
    for expected in ["Local Stripe", "sk_test_", "checkout.session.completed", "no endpoint", "active"] {
        assert!(page.contains(expected), "{expected} is not on the page");
    }
    let form = [("mode", "hold")];
    world.client.post(world.url("/sandbox/page/mode")).form(&form).send().await.expect("a page");
    let state = world.client.get(world.url("/sandbox/webhooks")).send().await.expect("a response");
    assert_eq!(answer(state, reqwest::StatusCode::OK).await["mode"], "hold");
    let style = world.client.get(world.url("/sandbox/style.css")).send().await.expect("a stylesheet");
    assert_eq!(style.headers()["content-type"], "text/css; charset=utf-8");
}

#[tokio::test]
async fn the_page_s_forms_steer() {
    let world = World::new().await;
    let it = Subscriber::new(&world, &[]).await;
    let send = async |path: &str, form: &[(&str, &str)]| {
        let response = world.client.post(world.url(path)).form(form).send().await.expect("a page");
        assert_eq!(response.status(), StatusCode::SEE_OTHER);
    };
    send("/sandbox/page/payments", &[("fail_next", "1"), ("customer", "")]).await;
    send("/sandbox/page/clock", &[("advance", "1 month")]).await;
    assert_eq!(it.read().await["status"], "past_due");
    send("/sandbox/page/clock", &[("advance", "next")]).await;
    assert_eq!(it.read().await["status"], "active");
    send("/sandbox/page/dispute", &[("customer", &it.customer)]).await;
    let dispute = world.get("/v1/disputes").await["data"][0].clone();
    let page = world.client.get(world.url("/")).send().await.expect("a page").text().await.expect("text");
    for expected in ["needs_response", "Move the clock", "Fail the next payment of", "Next due", "each twice"] {
        assert!(page.contains(expected), "{expected} is not on the page");
    }
    send("/sandbox/page/dispute/close", &[("id", dispute["id"].as_str().expect("an id")), ("outcome", "lost")]).await;
    assert_eq!(world.get("/v1/disputes").await["data"][0]["status"], "lost");
    send("/sandbox/page/mode", &[("mode", "hold"), ("duplicate", "true"), ("delay", "5")]).await;
    let state = world.client.get(world.url("/sandbox/webhooks")).send().await.expect("a response");
    let state = answer(state, StatusCode::OK).await;
    assert_eq!((&state["mode"], &state["duplicate"], &state["delay"]), (&json!("hold"), &json!(true), &json!(5)));
}

#[tokio::test]
async fn the_clock_moves_forward_only() {
    let world = World::new().await;
    let before = world.sandbox.now();
    world.control("/sandbox/clock", json!({"advance_seconds": 86_400})).await;
    assert!(world.sandbox.now() >= before + 86_400);
    let back = world.client.post(world.url("/sandbox/clock")).json(&json!({"advance_seconds": -1}));
    answer(back.send().await.expect("a response"), reqwest::StatusCode::BAD_REQUEST).await;
}
