//! The control page and its switches.

use serde_json::json;

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
async fn the_clock_moves_forward_only() {
    let world = World::new().await;
    let before = world.sandbox.now();
    world.control("/sandbox/clock", json!({"advance_seconds": 86_400})).await;
    assert!(world.sandbox.now() >= before + 86_400);
    let back = world.client.post(world.url("/sandbox/clock")).json(&json!({"advance_seconds": -1}));
    answer(back.send().await.expect("a response"), reqwest::StatusCode::BAD_REQUEST).await;
}
