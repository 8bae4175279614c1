//! Webhook ingestion: signed events that are on the disk when they are answered, what a delivery waits for that, and
//! how soon everything is applied; beside the same deliveries at a route that takes none, and beside what the disk
//! does alone. On SQLite, or where `DATABASE_URL` names an empty database on PostgreSQL. Start it with `./run bench`.
#![recursion_limit = "256"] // a subscription has many fields
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a bench fails by panicking")]

use std::fs::File;
use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use event::Delivery;
use server::{Connection, Server};
use sqlx::AnyPool;

mod event;
mod server;

/// Events of a round: two for each organization.
const EVENTS: usize = 20_000;
/// Connections that deliver at the same time; `CONNECTIONS` says another number.
const CONNECTIONS: usize = 64;
/// Rounds alternate between webhook and floor; the median counts.
const ROUNDS: usize = 3;
/// How long everything may take to be applied.
const PATIENCE: Duration = Duration::from_mins(2);

/// What a round of deliveries came to.
struct Round {
    a_second: u32,
    p50: Duration,
    p99: Duration,
}

/// The deliveries of one round, shared out so that one connection has all of an organization's, in their order.
fn deliveries(round: usize, connections: usize) -> Vec<Vec<Delivery>> {
    let now = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()).unwrap();
    (0..connections)
        .map(|connection| {
            let own: Vec<String> =
                (connection..EVENTS / 2).step_by(connections).map(|i| format!("{round}x{i}")).collect();
            let created = own.iter().map(|organization| event::created(organization, now));
            created.chain(own.iter().map(|organization| event::updated(organization, now))).collect()
        })
        .collect()
}

/// Delivers everything, each connection its own, and insists on the status.
fn deliver(address: SocketAddr, path: &'static str, status: &'static str, all: &Arc<Vec<Vec<Delivery>>>) -> Round {
    let ready = Arc::new(Barrier::new(all.len() + 1));
    let senders: Vec<_> = (0..all.len())
        .map(|index| {
            let (all, ready) = (Arc::clone(all), Arc::clone(&ready));
            std::thread::spawn(move || {
                let (mut connection, mut request) = (Connection::open(address), Vec::new());
                ready.wait();
                let send = |delivery: &Delivery| {
                    delivery.write(path, &mut request);
                    let sent = Instant::now();
                    let (head, _) = connection.ask(&request);
                    assert!(head.starts_with(status), "{head}");
                    sent.elapsed()
                };
                all[index].iter().map(send).collect::<Vec<_>>()
            })
        })
        .collect();
    ready.wait();
    let started = Instant::now();
    let mut waits: Vec<Duration> = senders.into_iter().flat_map(|sender| sender.join().unwrap()).collect();
    let a_second = rate(waits.len(), started.elapsed());
    waits.sort_unstable();
    Round { a_second, p50: waits[waits.len() / 2], p99: waits[waits.len() * 99 / 100] }
}

fn rate(count: usize, time: Duration) -> u32 {
    u32::try_from(count as u128 * 1000 / time.as_millis().max(1)).unwrap()
}

/// The organizations that the events are about. Nothing else is put into the database from outside.
async fn make_organizations(database: &AnyPool, round: usize) {
    sqlx::query(
        "WITH RECURSIVE numbers (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM numbers WHERE i + 1 < $2)
         INSERT INTO organizations (id, name, kind, subscription_tier, tier_reason, created_at)
         SELECT $1 || i, 'Bench', 'personal', 'free', 'no_subscription', 0 FROM numbers",
    )
    .bind(format!("{round}x"))
    .bind(i32::try_from(EVENTS / 2).unwrap())
    .execute(database)
    .await
    .unwrap();
}

async fn count(database: &AnyPool, what: &str) -> usize {
    let count: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(format!("SELECT COUNT(*) FROM {what}")))
        .fetch_one(database)
        .await
        .unwrap();
    usize::try_from(count).unwrap()
}

/// Waits until nothing is left to be applied.
async fn applied(database: &AnyPool) {
    let deadline = Instant::now() + PATIENCE;
    while count(database, "stripe_events WHERE status = 'pending'").await > 0 {
        assert!(Instant::now() < deadline, "the inbox is not worked off");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Events a second if each was written and flushed alone, in the folder that holds the database.
fn disk(folder: &Path, size: usize) -> u32 {
    let (mut file, event) = (File::create(folder.join("flushed")).unwrap(), vec![b'x'; size]);
    let (started, mut written) = (Instant::now(), 0);
    while started.elapsed() < Duration::from_secs(1) {
        file.write_all(&event).unwrap();
        file.sync_data().unwrap();
        written += 1;
    }
    rate(written, started.elapsed())
}

/// Calls that the sandbox's Stripe has been sent.
fn calls(stripe: SocketAddr) -> usize {
    let mut connection = Connection::open(stripe);
    connection.ask(b"GET /sandbox/requests HTTP/1.1\r\nhost: bench\r\n\r\n");
    String::from_utf8_lossy(&connection.answer).matches("\"method\"").count()
}

fn median(mut rounds: Vec<Round>) -> Round {
    rounds.sort_unstable_by_key(|round| round.a_second);
    rounds.swap_remove(rounds.len() / 2)
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let connections = std::env::var("CONNECTIONS").map_or(CONNECTIONS, |text| text.parse().unwrap()).clamp(1, 1000);
    let server = Server::start(&[("RECONCILE_MINUTES", "0")]);
    let sqlite = || format!("sqlite://{}", server.folder.join("billhook.db").display());
    let url = std::env::var("DATABASE_URL").unwrap_or_else(|_| sqlite());
    sqlx::any::install_default_drivers();
    let database = AnyPool::connect(&url).await.unwrap();
    let engine = if url.starts_with("sqlite") { "SQLite" } else { "PostgreSQL" };

    let (mut webhooks, mut floors, mut until_applied, mut size) = (Vec::new(), Vec::new(), Vec::new(), 0);
    for round in 0..ROUNDS {
        make_organizations(&database, round).await;
        let all = Arc::new(deliveries(round, connections));
        size = all[0][0].size();
        floors.push(deliver(server.app, "/healthz", "http/1.1 405", &all));
        let started = Instant::now();
        webhooks.push(deliver(server.app, "/api/webhooks/stripe", "http/1.1 200", &all));
        applied(&database).await;
        until_applied.push(rate(EVENTS, started.elapsed()));
    }
    until_applied.sort_unstable();
    let (webhook, floor, applied) = (median(webhooks), median(floors), until_applied[ROUNDS / 2]);
    let [flushed, calls] = [disk(&server.folder, size), u32::try_from(calls(server.stripe)).unwrap()];
    println!("webhooks on {engine}: {EVENTS} events of {size} bytes over {connections} connections, {ROUNDS} rounds");
    println!(
        "  accepted (2xx, on the disk)       {:>6} a second, p50 {:.1?}, p99 {:.1?}",
        webhook.a_second, webhook.p50, webhook.p99
    );
    println!("  applied, until the inbox is empty {applied:>6} a second, {calls} calls made to Stripe");
    println!(
        "  the same bytes, answered 405      {:>6} a second, p50 {:.1?}, p99 {:.1?}",
        floor.a_second, floor.p50, floor.p99
    );
    println!("  one write and flush at a time     {flushed:>6} a second");

    let events = ROUNDS * EVENTS;
    assert_eq!(count(&database, "stripe_events WHERE status = 'applied'").await, events, "every event is applied");
    let upgraded = "subscriptions WHERE price_id = 'price_scale_monthly'";
    assert_eq!(count(&database, upgraded).await, events / 2, "every subscription is what its last event says");
    let on_scale = "organizations WHERE subscription_tier = 'scale'";
    assert_eq!(count(&database, on_scale).await, events / 2, "every organization is on the tier that it pays for");
    assert_eq!(calls, 0, "events that come in their order are believed");
}
