//! What pages say, and what failures look like.

use futures::stream::{self, StreamExt};
use reqwest::StatusCode;

use crate::harness::World;

#[tokio::test]
async fn the_pricing_page_shows_every_plan_of_every_catalogue() {
    for catalog in ["builder", "chat", "dcvaas", "protocol-guide"] {
        let world = World::with_catalog(catalog).await;
        let (status, text) = world.browser().read("/pricing?period=yearly").await;
        assert_eq!(status, StatusCode::OK);
        for plan in &world.app.catalog.plans {
            assert!(text.contains(&format!("data-testid=\"price-{}\"", plan.id)), "{catalog}: {}", plan.id);
            let way = if plan.contact_sales { "/contact-sales?plan=" } else { "/checkout/" };
            let offered = format!("{way}{}", plan.id);
            assert!(plan.id == world.app.catalog.free_plan || text.contains(&offered), "{catalog}: {}", plan.id);
        }
    }
}

#[tokio::test]
async fn the_period_in_the_url_decides_the_prices_without_scripts() {
    let world = World::start().await;
    let browser = world.browser();
    let (_, monthly) = browser.read("/pricing").await;
    assert!(monthly.contains(">$60<") && monthly.contains("Save 17%"), "{monthly}");
    let (_, yearly) = browser.read("/pricing?period=yearly").await;
    assert!(yearly.contains(">$49.80<") && yearly.contains("$597.60 a year"));
}

#[tokio::test]
async fn the_current_plan_is_marked_when_signed_in() {
    let world = World::start().await;
    let (_, text) = world.signed_in("ada").await.read("/pricing").await;
    assert!(text.contains("Current plan"));
    assert!(!world.browser().read("/pricing").await.1.contains("Current plan"));
}

/// What a page finds out decides its status and its title: nothing of it is sent before that is known.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_busy_server_sends_every_page_with_its_status_and_its_title() {
    let world = World::start().await;
    let browser = &world.signed_in("ada").await;
    let answers = stream::iter(0..600).map(|_| browser.read("/features/autoscale")).buffer_unordered(16);
    let wrong = answers.filter(|(status, text)| {
        let right = *status == StatusCode::FORBIDDEN && text.contains("<title>Autoscale · ");
        async move { !right }
    });
    assert_eq!(wrong.count().await, 0, "of 600");
}

#[tokio::test]
async fn failures_are_pages_for_people_and_problems_for_programs() {
    let world = World::start().await;
    let browser = world.browser();
    let response = browser.get("/nowhere").await;
    assert_eq!(response.status(), StatusCode::NOT_FOUND);
    let id = response.headers()["x-request-id"].to_str().unwrap().to_owned();
    let text = response.text().await.unwrap();
    assert!(text.contains("Not found") && text.contains(&id), "{text}");

    let person = browser.get("/api/organizations").await;
    assert_eq!(person.status(), StatusCode::UNAUTHORIZED);
    assert!(person.text().await.unwrap().contains("Sign in first"));

    let program = reqwest::get(format!("{}/api/organizations", world.url)).await.unwrap();
    assert_eq!(program.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(program.headers()["content-type"], "application/problem+json");
    let problem: serde_json::Value = program.json().await.unwrap();
    assert_eq!(problem["code"], "not_signed_in");
}

#[tokio::test]
async fn what_fails_inside_stays_inside() {
    let world = World::start().await;
    let browser = world.signed_in("ada").await;
    let fault = serde_json::json!({ "next": [{ "path_prefix": "/v1/customers", "method": "POST", "status": 500, "times": 9 }] });
    let set = reqwest::Client::new().post(format!("{}/sandbox/faults", world.sandbox.stripe_url())).json(&fault);
    assert!(set.send().await.unwrap().status().is_success());
    let response = browser.post("/api/checkout", &[("plan", "pro")]).await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    let text = response.text().await.unwrap();
    assert!(text.contains("payment provider") && text.contains("Request id"), "{text}");
    for inside in ["sqlx", "v1/customers", "sk_test", "StripeError", "127.0.0.1:"] {
        assert!(!text.contains(inside), "{inside}");
    }
}

#[tokio::test]
async fn the_theme_is_in_the_first_byte_of_the_next_page() {
    let world = World::start().await;
    let browser = world.browser();
    assert!(browser.read("/").await.1.contains("data-theme=\"system\""));
    browser.post("/theme", &[("theme", "dark")]).await;
    assert!(browser.read("/").await.1.contains("data-theme=\"dark\""));
}

#[tokio::test]
async fn probes_answer() {
    let world = World::start().await;
    for path in ["/healthz", "/readyz"] {
        assert_eq!(world.browser().get(path).await.status(), StatusCode::OK, "{path}");
    }
}

#[tokio::test]
async fn the_stored_tier_decides_what_is_shown_everywhere() {
    let world = World::with_catalog("dcvaas").await;
    let browser = world.signed_in("ada").await;
    assert_eq!(browser.organization().await["limits"]["domains"], 3);
    sqlx::query("UPDATE organizations SET subscription_tier = 'agency'")
        .execute(&world.database().await)
        .await
        .unwrap();
    let organization = browser.organization().await;
    assert_eq!(organization["subscriptionTier"], "agency");
    assert_eq!(organization["limits"]["domains"], "unlimited");
    let (_, dashboard) = browser.read("/dashboard").await;
    assert!(dashboard.contains("Unlimited domains") && !dashboard.contains("3 domains"), "{dashboard}");
}
