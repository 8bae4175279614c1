//! Sending events to webhook endpoints: in order, signed, retried for up to three days.
//!
//! Each endpoint has at most one request in flight. Deliveries that are due go out in the order of
//! their events; one that failed waits for its next attempt and lets the others pass. The queue is
//! part of the store, so a restart continues where it was. The mode can hold all of it back, and have
//! deliveries go out late, twice or shuffled.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::account::{Account, Origin};
use super::events::{DELIVERED, OUTBOX};
use super::mode::DeliveryMode;
use super::{Stripe, signature, webhook_endpoints};
use crate::calendar;
use crate::json::Json;

/// Seconds from one attempt to the next; the last one repeats.
const BACKOFF: [i64; 12] = [1, 2, 5, 10, 30, 60, 300, 900, 1_800, 3_600, 7_200, 14_400];
/// After this long an event is given up.
const PATIENCE: i64 = 3 * 86_400;
const TIMEOUT: Duration = Duration::from_secs(10);
/// How often timers are looked at when nothing else happens.
const TICK: Duration = Duration::from_secs(5);

struct Job {
    id: String,
    endpoint: String,
    url: String,
    secret: String,
    body: Vec<u8>,
}

/// Sends what is due, for as long as the sandbox runs.
pub(crate) async fn work(stripe: Arc<Stripe>, client: reqwest::Client) {
    let mut changes = stripe.store.changes();
    let mut busy = HashSet::new();
    let mut sending = JoinSet::new();
    loop {
        changes.mark_unchanged();
        if let Err(error) = stripe.catch_up() {
            tracing::error!(message = error.message(), "sandbox timers failed");
        }
        for job in due(&stripe, &busy) {
            busy.insert(job.endpoint.clone());
            sending.spawn(attempt(Arc::clone(&stripe), client.clone(), job));
        }
        // What is being sent wakes us when it is done.
        let wait = if sending.is_empty() { pause(&stripe) } else { TICK };
        tokio::select! {
            alive = changes.changed() => if alive.is_err() { return },
            Some(done) = sending.join_next() => if let Ok(endpoint) = done {
                busy.remove(&endpoint);
            },
            () = tokio::time::sleep(wait) => {}
        }
    }
}

/// Until the next retry, at most a tick.
fn pause(stripe: &Stripe) -> Duration {
    let wait = stripe.store.read(|data| {
        if DeliveryMode::of(data).holds() {
            return None;
        }
        let now = data.now();
        data.newest(OUTBOX).map(|delivery| delivery.int("due") - now).filter(|wait| *wait > 0).min()
    });
    wait.and_then(|seconds| u64::try_from(seconds).ok()).map_or(TICK, Duration::from_secs).min(TICK)
}

/// The first delivery that is due for each endpoint that is not busy.
fn due(stripe: &Stripe, busy: &HashSet<String>) -> Vec<Job> {
    let mut taken = busy.clone();
    stripe.store.read(|data| {
        let mode = DeliveryMode::of(data);
        if mode.holds() {
            return Vec::new();
        }
        let now = data.now();
        let endpoints = data.count("webhook_endpoint");
        let mut waiting: Vec<(&str, &Value)> = Vec::new();
        if mode.reorder {
            waiting.extend(data.oldest(OUTBOX));
            waiting.sort_by_key(|(_, delivery)| delivery.get("rank").and_then(Value::as_u64));
        }
        let in_order = data.oldest(OUTBOX).filter(|_| !mode.reorder);
        let mut jobs = Vec::new();
        for (id, delivery) in waiting.into_iter().chain(in_order) {
            if taken.len() >= endpoints {
                break;
            }
            let endpoint = delivery.text("endpoint");
            if delivery.int("due") > now || taken.contains(endpoint) {
                continue;
            }
            let event = data.get("event", delivery.text("event"));
            let address = data.get("webhook_endpoint", endpoint);
            let (Some(event), Some(address)) = (event, address) else {
                continue;
            };
            taken.insert(endpoint.to_owned());
            jobs.push(Job {
                id: id.to_owned(),
                endpoint: endpoint.to_owned(),
                url: address.text("url").to_owned(),
                secret: webhook_endpoints::secret(data, endpoint),
                body: serde_json::to_vec_pretty(event).unwrap_or_default(),
            });
        }
        jobs
    })
}

async fn attempt(stripe: Arc<Stripe>, client: reqwest::Client, job: Job) -> String {
    let outcome = send(&client, &job).await;
    let recorded = stripe.run(Origin::default(), |account| {
        record(account, &job.id, &outcome);
        Ok(())
    });
    if let Err(error) = recorded {
        tracing::error!(message = error.message(), "delivery could not be recorded");
    }
    job.endpoint
}

/// The status of an accepted delivery, or why it failed.
async fn send(client: &reqwest::Client, job: &Job) -> Result<u16, String> {
    // The receiver compares with its own clock, which the sandbox cannot move.
    let signature = signature::header(&job.secret, calendar::wall(), &job.body);
    let response = client
        .post(&job.url)
        .timeout(TIMEOUT)
        .header("content-type", "application/json; charset=utf-8")
        .header("user-agent", "Stripe/1.0 (+https://stripe.com/docs/webhooks)")
        .header("stripe-signature", signature)
        .body(job.body.clone())
        .send()
        .await
        .map_err(|error| reason(&error))?;
    let status = response.status();
    if status.is_success() { Ok(status.as_u16()) } else { Err(format!("answered {status}")) }
}

fn reason(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        "timed out after 10 seconds".to_owned()
    } else if error.is_connect() {
        "could not connect".to_owned()
    } else {
        error.to_string()
    }
}

fn record(account: &mut Account, id: &str, outcome: &Result<u16, String>) {
    let Some(mut delivery) = account.get(OUTBOX, id).cloned() else {
        return;
    };
    let now = account.now();
    let attempts = delivery.int("attempts") + 1;
    delivery.set("attempts", attempts);
    let entry = match outcome {
        Ok(status) => json!({ "at": now, "status": status }),
        Err(reason) => json!({ "at": now, "error": reason }),
    };
    let mut log = delivery.list("log").to_vec();
    log.push(entry);
    delivery.set("log", log);
    match outcome {
        Ok(_) => {
            accepted(account, delivery.text("event"));
            if delivery.int("copies") > 1 {
                delivery.set("copies", delivery.int("copies") - 1);
                account.note(OUTBOX, id, delivery);
            } else {
                settle(account, id, delivery, "delivered");
            }
        }
        Err(_) if now - delivery.int("created") >= PATIENCE => {
            settle(account, id, delivery, "failed");
        }
        Err(_) => {
            let step = usize::try_from(attempts - 1).unwrap_or_default();
            let wait = BACKOFF.get(step).or(BACKOFF.last()).copied();
            delivery.set("due", now + wait.unwrap_or(1));
            account.note(OUTBOX, id, delivery);
        }
    }
}

fn settle(account: &mut Account, id: &str, mut delivery: Value, state: &str) {
    delivery.set("state", state);
    account.remove(OUTBOX, id);
    account.note(DELIVERED, id, delivery);
}

fn accepted(account: &mut Account, event: &str) {
    if let Some(mut event) = account.get("event", event).cloned() {
        let pending = event.int("pending_webhooks") - 1;
        event.set("pending_webhooks", pending.max(0));
        account.save(&event);
    }
}

/// Whether nothing is waiting to be sent. What is held back does not wait.
pub(crate) fn is_idle(stripe: &Stripe) -> bool {
    stripe.store.read(|data| DeliveryMode::of(data).holds() || data.count(OUTBOX) == 0)
}

impl Stripe {
    /// Waits until no delivery is pending or in flight.
    pub(crate) async fn deliveries_idle(&self) {
        let mut changes = self.store.changes();
        loop {
            changes.mark_unchanged();
            if is_idle(self) {
                return;
            }
            if changes.changed().await.is_err() {
                return;
            }
        }
    }
}
