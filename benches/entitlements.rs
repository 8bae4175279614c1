//! Entitlements over HTTP: checks, and uses that are on the disk when they are answered; beside the plainest answer
//! that the server has, and beside what SQLite alone does with 64 uses in each commit. On SQLite, or where
//! `DATABASE_URL` names an empty database on PostgreSQL. Start it with `./run bench`.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a bench fails by panicking")]

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use server::{Connection, Server};
use sha2::{Digest, Sha256};
use sqlx::{AnyPool, Connection as _, SqliteConnection};

mod server;

/// Requests of a round.
const REQUESTS: usize = 20_000;
/// Organizations that they are about, by turns.
const ORGANIZATIONS: usize = 1_000;
/// Connections that ask at the same time; `CONNECTIONS` says another number.
const CONNECTIONS: usize = 64;
/// Rounds alternate; the median counts.
const ROUNDS: usize = 3;
const KEY: &str = "bhk_000000000000000000000000000000000000000000000000";

/// What a round came to.
struct Round {
    a_second: u32,
    p50: Duration,
    p99: Duration,
}

fn get(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nhost: bench\r\n\r\n").into_bytes()
}

fn post(path: &str, more: &str, body: &str) -> Vec<u8> {
    format!(
        "POST {path} HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {KEY}\r\ncontent-type: application/json\r\n{more}\
         content-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// Sends everything, each connection its share, and insists on a good answer.
fn ask(address: SocketAddr, connections: usize, requests: Vec<Vec<u8>>) -> Round {
    let (requests, ready) = (Arc::new(requests), Arc::new(Barrier::new(connections + 1)));
    let senders: Vec<_> = (0..connections)
        .map(|index| {
            let (requests, ready) = (Arc::clone(&requests), Arc::clone(&ready));
            std::thread::spawn(move || {
                let mut connection = Connection::open(address);
                ready.wait();
                let send = |request: &Vec<u8>| {
                    let sent = Instant::now();
                    let (head, _) = connection.ask(request);
                    assert!(head.starts_with("http/1.1 200"), "{head}");
                    sent.elapsed()
                };
                requests.iter().skip(index).step_by(connections).map(send).collect::<Vec<_>>()
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
    u32::try_from(count as u128 * 1_000_000 / time.as_micros().max(1)).unwrap()
}

fn median(mut rounds: Vec<Round>) -> Round {
    rounds.sort_unstable_by_key(|round| round.a_second);
    rounds.swap_remove(rounds.len() / 2)
}

/// A service's key, and organizations on the largest plan.
async fn prepare(database: &AnyPool) {
    sqlx::query(
        "WITH RECURSIVE numbers (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM numbers WHERE i + 1 < $1)
         INSERT INTO organizations (id, name, kind, subscription_tier, tier_reason, created_at)
         SELECT 'org_' || i, 'Bench', 'personal', 'scale', 'paid', 0 FROM numbers",
    )
    .bind(i32::try_from(ORGANIZATIONS).unwrap())
    .execute(database)
    .await
    .unwrap();
    sqlx::query(
        "INSERT INTO api_keys (id, name, hash, hint, access, created_by, created_at)
         VALUES ('key_bench', 'bench', $1, '0000', 'write', 'bench', 0)",
    )
    .bind(hex::encode(Sha256::digest(KEY)))
    .execute(database)
    .await
    .unwrap();
}

/// A key as services make them: each lands anywhere in an index.
fn key(name: &str) -> [u8; 16] {
    let digest = Sha256::digest(name);
    std::array::from_fn(|byte| digest[byte])
}

/// Uses a second that SQLite does alone, 64 in each commit: take one and write it down.
async fn group_commits(folder: &Path) -> u32 {
    let url = format!("sqlite://{}?mode=rwc", folder.join("floor.db").display());
    let mut connection = SqliteConnection::connect(&url).await.unwrap();
    for sql in [
        "PRAGMA journal_mode = WAL",
        "PRAGMA synchronous = FULL",
        "CREATE TABLE credit (id INTEGER PRIMARY KEY, balance INTEGER NOT NULL)",
        "CREATE TABLE ledger (id INTEGER PRIMARY KEY, credit INTEGER NOT NULL, amount INTEGER NOT NULL,
             key BLOB NOT NULL UNIQUE)",
        "WITH RECURSIVE numbers (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM numbers WHERE i + 1 < 1000)
         INSERT INTO credit SELECT i, 1000000000 FROM numbers",
    ] {
        sqlx::query(sql).execute(&mut connection).await.unwrap();
    }
    let (started, mut done) = (Instant::now(), 0_i64);
    while started.elapsed() < Duration::from_secs(2) {
        sqlx::query("BEGIN IMMEDIATE").execute(&mut connection).await.unwrap();
        for _ in 0..64 {
            let take = sqlx::query("UPDATE credit SET balance = balance - 1 WHERE id = $1 AND balance >= 1");
            take.bind(done % 1000).execute(&mut connection).await.unwrap();
            let note = sqlx::query("INSERT INTO ledger (credit, amount, key) VALUES ($1, 1, $2)");
            note.bind(done % 1000).bind(key(&done.to_string()).to_vec()).execute(&mut connection).await.unwrap();
            done += 1;
        }
        sqlx::query("COMMIT").execute(&mut connection).await.unwrap();
    }
    rate(usize::try_from(done).unwrap(), started.elapsed())
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let connections = std::env::var("CONNECTIONS").map_or(CONNECTIONS, |text| text.parse().unwrap()).clamp(1, 1000);
    let server = Server::start(&[("RECONCILE_MINUTES", "0"), ("API_CALLS_PER_SECOND", "0")]);
    let sqlite = || format!("sqlite://{}", server.folder.join("billhook.db").display());
    let url = std::env::var("DATABASE_URL").unwrap_or_else(|_| sqlite());
    sqlx::any::install_default_drivers();
    let database = AnyPool::connect(&url).await.unwrap();
    let engine = if url.starts_with("sqlite") { "SQLite" } else { "PostgreSQL" };
    prepare(&database).await;

    let organization = |i: usize| format!("org_{}", i % ORGANIZATIONS);
    let check = |i: usize| {
        let body = format!(r#"{{"organization":"{}","feature":"autoscale","meter":"ai-embeddings"}}"#, organization(i));
        post("/api/v1/check", "", &body)
    };
    let (mut plain, mut checks, mut uses, mut floors) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        plain.push(ask(server.app, connections, (0..REQUESTS).map(|_| get("/healthz")).collect()));
        checks.push(ask(server.app, connections, (0..REQUESTS).map(check).collect()));
        let consume = |i: usize| {
            let body = format!(r#"{{"organization":"{}","meter":"ai-embeddings"}}"#, organization(i));
            let key = hex::encode(key(&format!("{round}-{i}")));
            post("/api/v1/usage", &format!("idempotency-key: {key}\r\n"), &body)
        };
        uses.push(ask(server.app, connections, (0..REQUESTS).map(consume).collect()));
        let folder = server.folder.join(format!("floor-{round}"));
        std::fs::create_dir(&folder).unwrap();
        floors.push(group_commits(&folder).await);
    }
    floors.sort_unstable();
    let (plain, check, consumed, floor) = (median(plain), median(checks), median(uses), floors[ROUNDS / 2]);
    println!("entitlements on {engine}: {REQUESTS} requests over {connections} connections, {ROUNDS} rounds");
    let line = |what: &str, round: &Round| {
        println!("  {what:38} {:>6} a second, p50 {:.1?}, p99 {:.1?}", round.a_second, round.p50, round.p99);
    };
    line("check, a feature and a meter", &check);
    line("use (2xx, on the disk, once for its key)", &consumed);
    line("the plainest answer, GET /healthz", &plain);
    println!("  SQLite alone, 64 uses in each commit   {floor:>6} a second");

    let sum: i64 =
        sqlx::query_scalar("SELECT CAST(SUM(amount) AS BIGINT) FROM usage_entries").fetch_one(&database).await.unwrap();
    assert_eq!(sum, i64::try_from(ROUNDS * REQUESTS).unwrap(), "every use is in the ledger, once");
    let counted: i64 =
        sqlx::query_scalar("SELECT CAST(SUM(used) AS BIGINT) FROM usage_counters").fetch_one(&database).await.unwrap();
    assert_eq!(counted, sum, "counters and ledger agree");
}
