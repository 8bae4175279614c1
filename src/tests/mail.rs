//! Warnings by mail: once each, to those who pay, and not lost while the mail server is away.

use reqwest::Client;
use serde_json::{Value, json};

use crate::api::{Service, id_of};
use crate::harness::{Browser, Waiting, World};

/// What the sandbox's mailbox holds, newest first.
pub async fn mailbox(world: &World) -> Vec<Value> {
    let url = format!("{}/sandbox/mail", world.sandbox.stripe_url());
    Client::new().get(url).send().await.unwrap().json().await.unwrap()
}

/// The same, once there are so many.
async fn arrived(world: &World, count: usize) -> Vec<Value> {
    let waiting = Waiting::begin();
    loop {
        let mails = mailbox(world).await;
        if mails.len() >= count {
            assert_eq!(mails.len(), count, "{mails:#?}");
            return mails;
        }
        waiting.turn().await;
    }
}

/// Waits until nobody has to be told of anything.
pub async fn all_told(world: &World) {
    let database = world.database().await;
    let left = "SELECT (SELECT COUNT(*) FROM usage_warnings WHERE told = 0) + (SELECT COUNT(*) FROM mails WHERE status = 'waiting')";
    let waiting = Waiting::begin();
    while sqlx::query_scalar::<_, i64>(left).fetch_one(&database).await.unwrap() > 0 {
        waiting.turn().await;
    }
}

#[tokio::test]
async fn who_manages_the_billing_is_warned_once_at_each_step() {
    let world = World::start().await;
    let service = Service::new(&world).await;
    let organization = id_of(&world.signed_in("ada").await).await;
    let one = json!({"organization": organization, "meter": "build-hours"});
    for _ in 0..4 {
        service.done("/api/v1/usage", one.clone()).await;
    }
    let mails = arrived(&world, 1).await;
    assert_eq!(mails[0]["to"], json!(["ada@example.com"]));
    assert!(mails[0]["subject"].as_str().unwrap().contains("80 % of build hours"), "{mails:#?}");
    let text = mails[0]["text"].as_str().unwrap();
    for part in ["4 build hours", "Free", "/settings/usage", "starts again on"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    service.done("/api/v1/usage", one.clone()).await;
    assert!(arrived(&world, 2).await[0]["subject"].as_str().unwrap().contains("95 %"));
    service.post("/api/v1/usage", one.clone()).await;
    all_told(&world).await;
    assert_eq!(arrived(&world, 2).await.len(), 2, "refused again is no news");
    world.pass(json!({"months": 1})).await;
    for _ in 0..4 {
        service.done("/api/v1/usage", one.clone()).await;
    }
    arrived(&world, 3).await;
}

#[tokio::test]
async fn a_mail_server_that_is_away_is_tried_again() {
    let world = World::with("builder", &[("SMTP_URL", "smtp://127.0.0.1:9")]).await;
    let service = Service::new(&world).await;
    let organization = id_of(&world.signed_in("ada").await).await;
    service.done("/api/v1/usage", json!({"organization": organization, "meter": "build-hours", "amount": 4})).await;
    let database = world.database().await;
    let tried = "SELECT COUNT(*) FROM mails WHERE status = 'waiting' AND attempts = 1 AND last_error IS NOT NULL
                 AND next_attempt_at > created_at";
    let waiting = Waiting::begin();
    while sqlx::query_scalar::<_, i64>(tried).fetch_one(&database).await.unwrap() == 0 {
        waiting.turn().await;
    }
}

/// Moves the days around: one zone in which the day has just begun, the ends of the world, and back.
async fn around_the_world(world: &World, browser: &Browser) {
    let hour = world.app.clock.now().0.rem_euclid(86_400) / 3600;
    let midnight = if hour > 12 { format!("Etc/GMT-{}", 24 - hour) } else { format!("Etc/GMT+{hour}") };
    for zone in [&midnight, "Pacific/Kiritimati", "Pacific/Pago_Pago", "Asia/Kathmandu", "UTC"] {
        browser.post("/api/time-zone", &[("zone", zone)]).await;
    }
}

/// A count goes on where days begin elsewhere, and so does what was said of it: each level is told once for each count,
/// wherever it began, and again with the next.
#[tokio::test]
async fn a_change_of_the_time_zone_repeats_no_warning_and_swallows_none() {
    for (catalog, meter, levels) in
        [("protocol-guide", "daily-queries", [4, 5]), ("builder", "ai-embeddings", [800, 950])]
    {
        let world = World::with_catalog(catalog).await;
        let browser = world.signed_in("ada").await;
        let (service, organization) = (Service::new(&world).await, id_of(&browser).await);
        let consume = async |amount: i64| {
            service.done("/api/v1/usage", json!({"organization": organization, "meter": meter, "amount": amount})).await
        };
        let mut told = 0;
        for count in 1..=3 {
            let mut used = 0;
            for level in levels {
                around_the_world(&world, &browser).await;
                let receipt = consume(level - used).await;
                assert_eq!(receipt["meter"]["used"], level, "count {count} of {meter}");
                used = level;
                told += 1;
                around_the_world(&world, &browser).await;
                if meter == "ai-embeddings" {
                    consume(1).await;
                    used += 1;
                }
                assert_eq!(world.count("usage_warnings").await, told, "{level} of {meter} in count {count}");
            }
            all_told(&world).await;
            assert_eq!(arrived(&world, usize::try_from(told).unwrap()).await.len(), usize::try_from(told).unwrap());
            let check = json!({"organization": organization, "meter": meter});
            let next = service.done("/api/v1/check", check).await["meter"]["resetsAt"].as_i64().unwrap();
            world.pass(json!({"advance_seconds": next - world.sandbox.now() + 1})).await;
        }
    }
}
