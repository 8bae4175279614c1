//! A limit is never overspent: not by many at once, not by two nodes, not by a process that is killed while it answers.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use billhook::server::store::Granted;
use domain::organization::OrganizationId;
use domain::plan::MeterId;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use reqwest::{Method, StatusCode};
use serde_json::json;
use sqlx::AnyPool;

use crate::api::{Service, id_of, read};
use crate::harness::{Waiting, World};
use crate::process::Served;

const CLIENTS: usize = 64;
/// What the plan of the test includes of the meter.
const LIMIT: usize = 10_000;
const KILLS: usize = 5;

/// An organization on the plan with that limit, and a key for it.
async fn organization(served: &Served) -> (AnyPool, String) {
    let database = served.database.connect().await;
    sqlx::query(
        "INSERT INTO organizations (id, name, kind, subscription_tier, tier_reason, created_at)
         VALUES ('org_1', 'One', 'personal', 'starter', 'paid', 0)",
    )
    .execute(&database)
    .await
    .unwrap();
    let key = served.command(&["keys", "create", "--name", "race", "--organization", "org_1"]).trim().to_owned();
    (database, key)
}

fn service(served: &Served, key: &str) -> Service {
    Service { client: served.client.clone(), url: served.url.clone(), key: key.to_owned() }
}

/// What is stored says the same as what was answered.
async fn books_agree(database: &AnyPool, granted: usize) {
    let (lines, sum): (i64, i64) = sqlx::query_as("SELECT COUNT(*), CAST(SUM(amount) AS BIGINT) FROM usage_entries")
        .fetch_one(database)
        .await
        .unwrap();
    let used: i64 = sqlx::query_scalar("SELECT used FROM usage_counters").fetch_one(database).await.unwrap();
    let granted = i64::try_from(granted).unwrap();
    assert_eq!((lines, sum, used), (granted, granted, granted));
}

/// 64 clients ask 1,000 times each, by turns at every node.
async fn race(nodes: &[Service]) -> (usize, usize) {
    let (granted, refused) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let body = json!({"meter": "ai-embeddings"});
    let clients = (0..CLIENTS).map(|client| {
        let (body, granted, refused) = (&body, &granted, &refused);
        async move {
            for turn in 0..1_000 {
                let node = &nodes[(client + turn) % nodes.len()];
                let count = match node.send(Method::POST, "/api/v1/usage", Some(body), None).await.status() {
                    StatusCode::OK => granted,
                    StatusCode::TOO_MANY_REQUESTS => refused,
                    other => panic!("{other}"),
                };
                count.fetch_add(1, Ordering::Relaxed);
            }
        }
    });
    futures::future::join_all(clients).await;
    (granted.into_inner(), refused.into_inner())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_at_once_are_granted_exactly_what_there_is() {
    let first = Served::new().await;
    let mut nodes = vec![first.clone()];
    // SQLite is for one node.
    if std::env::var("BILLHOOK_TEST_POSTGRES").is_ok() {
        nodes.push(first.another().await);
    }
    let mut running = Vec::new();
    for node in &nodes {
        running.push(node.start().await);
    }
    let (database, key) = organization(&first).await;
    let services: Vec<Service> = nodes.iter().map(|node| service(node, &key)).collect();
    let (granted, refused) = race(&services).await;
    assert_eq!((granted, refused), (LIMIT, CLIENTS * 1_000 - LIMIT));
    books_agree(&database, granted).await;
    for service in &services {
        let answer = service.done("/api/v1/check", json!({"meter": "ai-embeddings"})).await;
        assert_eq!((&answer["allowed"], &answer["meter"]["used"]), (&json!(false), &json!(LIMIT)));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_while_it_answers_nothing_is_granted_twice_or_lost() {
    let seed = std::env::var("BILLHOOK_TEST_SEED").map_or_else(|_| rand::random(), |seed| seed.parse().unwrap());
    println!("BILLHOOK_TEST_SEED={seed} repeats the moments of the kills");
    let mut random = StdRng::seed_from_u64(seed);
    let served = Served::new().await;
    let mut process = served.start().await;
    let (database, key) = organization(&served).await;
    let service = service(&served, &key);
    let (granted, body) = (AtomicUsize::new(0), json!({"meter": "ai-embeddings"}));
    let clients = (0..CLIENTS).map(|client| {
        let (service, granted, body) = (&service, &granted, &body);
        async move {
            for turn in 0..200 {
                let key = format!("{client}-{turn}");
                loop {
                    let request =
                        service.client.post(format!("{}/api/v1/usage", service.url)).bearer_auth(&service.key);
                    match request.header("idempotency-key", &key).json(body).send().await.map(|answer| answer.status())
                    {
                        Ok(StatusCode::OK) => granted.fetch_add(1, Ordering::Relaxed),
                        Ok(StatusCode::TOO_MANY_REQUESTS) => 0,
                        _ => {
                            tokio::time::sleep(Duration::from_millis(5)).await;
                            continue;
                        }
                    };
                    break;
                }
            }
        }
    });
    let moments: Vec<u64> = (0..KILLS).map(|_| random.random_range(50..500)).collect();
    let killing = async {
        for after in moments {
            // The moment of a kill is the point of the test; nothing is waited for.
            tokio::time::sleep(Duration::from_millis(after)).await;
            process.kill();
            process = served.start().await;
        }
    };
    tokio::join!(futures::future::join_all(clients), killing);
    assert_eq!(granted.into_inner(), LIMIT);
    books_agree(&database, LIMIT).await;
}

/// A granted credit counts from the next use on, although somebody else is using the meter all the while: what the
/// till knows of an account is never older than what is stored.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_granted_meanwhile_is_used_up_to_the_last() {
    const GRANTS: u64 = 200;
    const EACH: u64 = 7;
    // What the free plan includes of the meter.
    const INCLUDED: u64 = 10;
    let world = World::with_catalog("chat").await;
    let (service, organization) = (Service::new(&world).await, id_of(&world.signed_in("ada").await).await);
    let body = json!({"organization": organization, "meter": "ai-credits"});
    let all_given = AtomicBool::new(false);
    let clients = (0..16).map(|_| async {
        let mut used = 0;
        loop {
            let last = all_given.load(Ordering::Acquire);
            match service.send(Method::POST, "/api/v1/usage", Some(&body), None).await.status() {
                StatusCode::OK => used += 1,
                StatusCode::TOO_MANY_REQUESTS if last => return used,
                StatusCode::TOO_MANY_REQUESTS => {}
                other => panic!("{other}"),
            }
        }
    });
    let giving = async {
        let meter = MeterId::parse("ai-credits").unwrap();
        for _ in 0..GRANTS {
            let granted = Granted::Credits(meter.clone(), EACH);
            world.app.grant(OrganizationId(organization.clone()), granted, "a test", None).await.unwrap();
        }
        all_given.store(true, Ordering::Release);
    };
    let (used, ()) = tokio::join!(futures::future::join_all(clients), giving);
    assert_eq!(used.iter().sum::<u64>(), INCLUDED + GRANTS * EACH);
    books_agree(&world.database().await, usize::try_from(INCLUDED + GRANTS * EACH).unwrap()).await;
}

/// The same for what another process writes, as commands do: the very next use knows of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_another_process_writes_counts_at_once() {
    let served = Served::new().await;
    let _running = served.start().await;
    let (database, key) = organization(&served).await;
    let service = service(&served, &key);
    let body = json!({"meter": "ai-embeddings"});
    service.done("/api/v1/usage", json!({"meter": "ai-embeddings", "amount": LIMIT})).await;
    let tiers = [("starter", StatusCode::TOO_MANY_REQUESTS), ("scale", StatusCode::OK)];
    for (tier, expected) in tiers.into_iter().cycle().take(40) {
        sqlx::query("UPDATE organizations SET subscription_tier = $1").bind(tier).execute(&database).await.unwrap();
        assert_eq!(service.post("/api/v1/usage", body.clone()).await.0, expected, "{tier}");
    }
}

/// What one node does, the others answer by within the time that a message takes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_node_hears_of_every_change() {
    if std::env::var("BILLHOOK_TEST_POSTGRES").is_err() {
        return;
    }
    let first = Served::new().await;
    let second = first.another().await;
    let _running = (first.start().await, second.start().await);
    let (database, key) = organization(&first).await;
    let (one, two) = (service(&first, &key), service(&second, &key));
    let check = json!({"meter": "ai-embeddings"});
    for used in 1..=20 {
        one.done("/api/v1/usage", check.clone()).await;
        let heard = async {
            let waiting = Waiting::begin();
            while two.done("/api/v1/check", check.clone()).await["meter"]["used"] != used {
                waiting.turn().await;
            }
        };
        // Far less than an entry may live without a word.
        tokio::time::timeout(Duration::from_secs(2), heard).await.expect("the other node hears of it");
    }
    let id: String = sqlx::query_scalar("SELECT id FROM api_keys").fetch_one(&database).await.unwrap();
    first.command(&["keys", "revoke", &id, "--organization", "org_1"]);
    for service in [one, two] {
        loop {
            let (status, _) = read(service.send(Method::POST, "/api/v1/check", Some(&check), None).await).await;
            if status == StatusCode::UNAUTHORIZED {
                break;
            }
        }
    }
}
