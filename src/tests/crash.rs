//! The process is killed again and again, at random moments of a burst of a thousand signed events and while it applies
//! them, and Stripe delivers again what was not answered: what was answered is there, was applied once, and both sides
//! say the same.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::stream::{self, StreamExt};
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};
use sqlx::AnyPool;

use crate::process::{Process, Served};
use crate::webhook::signature_now;

const EVENTS: usize = 1_000;
const SUBSCRIPTIONS: usize = 40;
const KILLS: usize = 8;

impl Served {
    /// Makes subscriptions of organizations that exist, and changes them until there are enough events.
    async fn make_history(&self, database: &AnyPool, random: &mut StdRng) -> Vec<Value> {
        let control = format!("{}/sandbox/webhooks", self.sandbox.stripe_url());
        self.client.post(control).json(&json!({"mode": "drop"})).send().await.unwrap();
        let mut subscriptions = Vec::new();
        for index in 0..SUBSCRIPTIONS {
            let organization = format!("org_{index}");
            sqlx::query(
                "INSERT INTO organizations (id, name, kind, subscription_tier, tier_reason, created_at)
                 VALUES ($1, $1, 'personal', 'free', 'no_subscription', 0)",
            )
            .bind(&organization)
            .execute(database)
            .await
            .unwrap();
            let customer = self.stripe("/v1/customers", &[("metadata[organization]", &organization)]).await;
            let fields = [
                ("customer", customer["id"].as_str().unwrap()),
                ("items[0][price]", "price_pro_monthly"),
                ("trial_period_days", "30"),
                ("metadata[organization]", &organization),
            ];
            let subscription = self.stripe("/v1/subscriptions", &fields).await;
            subscriptions.push((subscription["id"].clone(), subscription["items"]["data"][0]["id"].clone()));
        }
        let mut events = 0;
        while events < EVENTS {
            let (id, item) = &subscriptions[random.random_range(0..subscriptions.len())];
            let price =
                ["price_starter_monthly", "price_pro_monthly", "price_scale_monthly"][random.random_range(0..3)];
            let end = ["true", "false"][random.random_range(0..2)];
            let fields =
                [("items[0][id]", item.as_str().unwrap()), ("items[0][price]", price), ("cancel_at_period_end", end)];
            self.stripe(&format!("/v1/subscriptions/{}", id.as_str().unwrap()), &fields).await;
            events += 1;
        }
        self.events().await
    }

    async fn events(&self) -> Vec<Value> {
        let mut all: Vec<Value> = Vec::new();
        loop {
            let after = all.last().map(|event| format!("&starting_after={}", event["id"].as_str().unwrap()));
            let page = self.stripe(&format!("/v1/events?limit=100{}", after.unwrap_or_default()), &[]).await;
            all.extend(page["data"].as_array().unwrap().iter().cloned());
            if page["has_more"] != true {
                return all;
            }
        }
    }

    /// Kills the process after so many milliseconds each time, and starts it again.
    async fn kill_after(&self, moments: &[u64], process: &mut Process, database: &AnyPool) {
        for after in moments {
            // The moment of a kill is the point of the test; nothing is waited for.
            tokio::time::sleep(Duration::from_millis(*after)).await;
            process.kill();
            *process = self.start().await;
            set_free(database).await;
        }
    }

    /// Delivers an event until it is answered well, as Stripe does.
    async fn deliver(&self, event: &Value) {
        let body = event.to_string();
        loop {
            let sent = self
                .client
                .post(format!("{}/api/webhooks/stripe", self.url))
                .header("stripe-signature", signature_now(self.sandbox.webhook_secret(), &body))
                .body(body.clone());
            match sent.send().await {
                Ok(answer) if answer.status().is_success() => return,
                _ => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        }
    }
}

/// What a killed worker had claimed is free again after a minute; the test does not wait for it.
async fn set_free(database: &AnyPool) {
    sqlx::query("UPDATE stripe_events SET next_attempt_at = 0 WHERE status = 'pending' AND next_attempt_at > 0")
        .execute(database)
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_any_moment_nothing_that_was_answered_is_lost_or_done_twice() {
    let seed = std::env::var("BILLHOOK_TEST_SEED").map_or_else(|_| rand::random(), |seed| seed.parse().unwrap());
    println!("BILLHOOK_TEST_SEED={seed} repeats the decisions of this run");
    let mut random = StdRng::seed_from_u64(seed);
    let served = Served::new().await;
    let mut process = served.start().await;
    let database = served.database.connect().await;
    let mut events = served.make_history(&database, &mut random).await;
    assert!(events.len() >= EVENTS, "{}", events.len());
    events.shuffle(&mut random);

    let kills: Vec<u64> = (0..KILLS).map(|_| random.random_range(20..250)).collect();
    // Some while events come in, and as many while they are applied, which waits for a pause.
    let (receiving, applying) = kills.split_at(KILLS / 2);
    let burst = stream::iter(&events).for_each_concurrent(16, async |event| served.deliver(event).await);
    tokio::join!(burst, served.kill_after(receiving, &mut process, &database));
    served.kill_after(applying, &mut process, &database).await;

    let waiting = "SELECT COUNT(*) FROM stripe_events WHERE status NOT IN ('applied', 'ignored')";
    while sqlx::query_scalar::<_, i64>(waiting).fetch_one(&database).await.unwrap() > 0 {
        set_free(&database).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let stored: Vec<String> =
        sqlx::query_scalar("SELECT id FROM stripe_events ORDER BY id").fetch_all(&database).await.unwrap();
    let mut sent: Vec<&str> = events.iter().map(|event| event["id"].as_str().unwrap()).collect();
    sent.sort_unstable();
    assert_eq!(stored, sent, "every event once");
    both_sides_agree(&served, &database).await;
    every_change_follows_the_one_before(&database).await;
}

async fn both_sides_agree(served: &Served, database: &AnyPool) {
    let rows: Vec<(String, String, String, i64)> =
        sqlx::query_as("SELECT id, status, price_id, cancel_at_period_end FROM subscriptions ORDER BY id")
            .fetch_all(database)
            .await
            .unwrap();
    assert_eq!(rows.len(), SUBSCRIPTIONS);
    for (id, status, price, ends) in rows {
        let theirs = served.stripe(&format!("/v1/subscriptions/{id}"), &[]).await;
        let truth =
            json!([theirs["status"], theirs["items"]["data"][0]["price"]["id"], theirs["cancel_at_period_end"]]);
        assert_eq!(json!([status, price, ends != 0]), truth, "{id}");
    }
}

/// The time line is a chain: what a change found is what the one before it left. Done twice, or half, it would not be.
async fn every_change_follows_the_one_before(database: &AnyPool) {
    let lines: Vec<(String, String)> =
        sqlx::query_as("SELECT organization_id, detail FROM audit_entries WHERE action = 'subscription' ORDER BY id")
            .fetch_all(database)
            .await
            .unwrap();
    let mut last: BTreeMap<String, Value> = BTreeMap::new();
    for (organization, detail) in lines {
        let line: Value = serde_json::from_str(&detail).unwrap();
        let before = last.insert(organization.clone(), line["after"].clone()).unwrap_or(Value::Null);
        assert_eq!(line["before"], before, "{organization}");
        assert_ne!(line["before"], line["after"], "{organization}");
    }
    assert_eq!(last.len(), SUBSCRIPTIONS);
}
