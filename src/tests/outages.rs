//! What is away for a while, or gives no good answer: Stripe, the database, the disk. Nothing that was taken in is lost,
//! nobody is held up by others, and all goes on by itself.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::faults::{paid_unheard, tier};
use crate::harness::{Waiting, World};
use crate::sales::ASKED;
use crate::webhook::{deliver, signed_now};

#[tokio::test]
async fn while_stripe_is_away_people_are_told_so_and_events_are_still_taken_in() {
    let world = World::start().await;
    let browser = paid_unheard(&world, "pro").await;
    let events = world.events().await;
    let away = json!({"path_prefix": "/v1/", "status": 503, "times": 1000});
    world.control("/sandbox/faults", json!({"next": [away]})).await;
    for event in &events {
        world.deliver_event(event).await;
    }
    let page = browser.post("/api/checkout", &[("plan", "scale")]).await;
    assert!([StatusCode::SERVICE_UNAVAILABLE, StatusCode::CONFLICT].contains(&page.status()), "{}", page.status());
    world.control("/sandbox/faults", json!({"next": []})).await;
    world.hurry().await;
    world.worked_off().await;
    assert_eq!(tier(&browser).await, "pro");
}

#[tokio::test]
async fn a_poisoned_event_is_set_aside_and_holds_nobody_up() {
    let world = World::start().await;
    let browser = paid_unheard(&world, "pro").await;
    let id = world.stripe("/v1/subscriptions").await["data"][0]["id"].as_str().unwrap().to_owned();
    let fault = json!({"path_prefix": format!("/v1/subscriptions/{id}"), "status": 400, "times": 1000});
    world.control("/sandbox/faults", json!({"next": [fault]})).await;
    // It cannot be read, so it says where to look; and looking fails.
    let poison = json!({"id": "evt_poison", "type": "customer.subscription.updated", "created": 1, "livemode": false,
        "data": {"object": {"id": id, "status": "napping"}}});
    world.deliver_event(&poison).await;
    let mut attempts = 0;
    let waiting = Waiting::begin();
    loop {
        waiting.turn().await;
        world.hurry().await;
        let (status, tried): (String, i64) =
            sqlx::query_as("SELECT status, attempts FROM stripe_events WHERE id = 'evt_poison'")
                .fetch_one(&world.database().await)
                .await
                .unwrap();
        attempts = attempts.max(tried);
        if status == "dead" {
            break;
        }
    }
    assert_eq!(attempts, 12);
    // A completed checkout is asked what its subscription is paid with, which fails as well.
    let others = world.events().await.into_iter().filter(|event| event["type"] != "checkout.session.completed");
    for event in others {
        world.deliver_event(&event).await;
    }
    world.worked_off().await;
    assert_eq!(tier(&browser).await, "pro", "the others went through");
    world.control("/sandbox/faults", json!({"next": []})).await;
    assert!(world.app.store.replay_event("evt_poison", domain::time::Timestamp(0)).await.unwrap());
    world.app.inbox.ring();
    world.worked_off().await;
    let event = world.app.store.event("evt_poison").await.unwrap().unwrap();
    assert_eq!((event.status.as_str(), event.last_error), ("applied", None));
}

#[tokio::test]
async fn an_event_is_tried_until_stripe_takes_our_key_again() {
    tried_until_it_is_over(json!({"status": 401})).await;
}

#[tokio::test]
async fn an_event_is_tried_until_what_stands_between_is_well_again() {
    tried_until_it_is_over(json!({"status": 502, "html": true})).await;
}

async fn tried_until_it_is_over(mut fault: Value) {
    let world = World::start().await;
    let browser = paid_unheard(&world, "pro").await;
    let path = "/v1/subscriptions/";
    fault["path_prefix"] = json!(path);
    fault["times"] = json!(1000);
    world.control("/sandbox/faults", json!({"next": [fault]})).await;
    let completed =
        world.events().await.into_iter().find(|event| event["type"] == "checkout.session.completed").unwrap();
    world.deliver_event(&completed).await;
    let id = completed["id"].as_str().unwrap();
    let waiting = Waiting::begin();
    while world.app.store.event(id).await.unwrap().unwrap().attempts < 9 {
        world.hurry().await;
        waiting.turn().await;
    }
    // Where something was away each attempt asks three times: four more would have set it aside.
    let before = world.requests("GET", path).await;
    let waiting = Waiting::begin();
    while world.requests("GET", path).await < before + 12 {
        world.hurry().await;
        waiting.turn().await;
    }
    let event = world.app.store.event(id).await.unwrap().unwrap();
    assert_eq!((event.status.as_str(), event.attempts), ("pending", 9), "{event:?}");
    world.control("/sandbox/faults", json!({"next": []})).await;
    let waiting = Waiting::begin();
    while tier(&browser).await != "pro" {
        world.hurry().await;
        waiting.turn().await;
    }
}

#[tokio::test]
async fn of_events_about_one_subscription_one_waits_for_a_silent_stripe() {
    let world = World::start().await;
    let browser = paid_unheard(&world, "pro").await;
    let id = world.stripe("/v1/subscriptions").await["data"][0]["id"].as_str().unwrap().to_owned();
    let path = format!("/v1/subscriptions/{id}");
    let fault = json!({"path_prefix": path, "status": 500, "times": 1000});
    world.control("/sandbox/faults", json!({"next": [fault]})).await;
    let looks = (0..20).map(|index| {
        json!({"id": format!("evt_{index:02}"), "type": "customer.subscription.updated", "created": 1, "livemode": false,
            "data": {"object": {"id": id, "status": "napping"}}})
    });
    let mut body = looks.map(|event| event.to_string()).collect::<Vec<_>>();
    let events = world.events().await;
    let news = events.iter().filter(|event| event["type"].as_str().unwrap().starts_with("customer.subscription."));
    body.extend(news.map(ToString::to_string));
    // They come together, so that they are taken together.
    futures::future::join_all(body.iter().map(|body| async {
        let taken = deliver(&world, "/api/webhooks/stripe", Some(signed_now(&world, body)), body).await;
        assert_eq!(taken.status(), StatusCode::OK);
    }))
    .await;
    let waiting = Waiting::begin();
    while world.app.store.event("evt_19").await.unwrap().unwrap().attempts == 0 {
        waiting.turn().await;
    }
    let asked = world.requests("GET", &path).await;
    assert!(asked < 20, "{asked} calls for twenty events");
    // What says all by itself is not held up by those that ask.
    let waiting = Waiting::begin();
    while tier(&browser).await != "pro" {
        waiting.turn().await;
    }
}

#[tokio::test]
async fn stripe_asking_to_slow_down_is_not_a_failure() {
    let world = World::start().await;
    let browser = world.signed_in("ada").await;
    let busy = |path: &str, status: u16| json!({"path_prefix": path, "method": "POST", "status": status, "times": 1});
    let faults = json!({"next": [busy("/v1/customers", 429), busy("/v1/checkout/sessions", 409)]});
    world.control("/sandbox/faults", faults).await;
    let page = browser.check_out(&[("plan", "pro")]).await;
    assert!(page.contains("/c/pay/"), "{page}");
    assert_eq!(world.stripe("/v1/checkout/sessions").await["data"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_database_that_is_locked_is_waited_for_and_then_stripe_is_told_to_come_again() {
    let world = World::start().await;
    let database = world.database().await;
    let mut holder = database.acquire().await.unwrap();
    let postgres = std::env::var("BILLHOOK_TEST_POSTGRES").is_ok();
    let hold = if postgres { "BEGIN; LOCK TABLE stripe_events IN EXCLUSIVE MODE" } else { "BEGIN IMMEDIATE" };
    sqlx::raw_sql(hold).execute(&mut *holder).await.unwrap();
    let body = json!({"id": "evt_1", "type": "plan.created"}).to_string();
    let began = std::time::Instant::now();
    let refused = deliver(&world, "/api/webhooks/stripe", Some(signed_now(&world, &body)), &body).await;
    assert!(refused.status().is_server_error(), "{}: only a stored event is answered 2xx", refused.status());
    assert!(began.elapsed().as_secs() < 25, "the wait has an end");
    sqlx::raw_sql("ROLLBACK").execute(&mut *holder).await.unwrap();
    assert_eq!(world.count("stripe_events").await, 0, "nothing was half written");
    let taken = deliver(&world, "/api/webhooks/stripe", Some(signed_now(&world, &body)), &body).await;
    assert_eq!(taken.status(), StatusCode::OK);
    assert_eq!(world.count("stripe_events").await, 1);
}

#[tokio::test]
async fn a_database_that_cuts_its_connections_loses_no_delivery() {
    let world = World::start().await;
    let database = world.database().await;
    // SQLite is a file: there is nobody who could cut a connection to it.
    let postgres = std::env::var("BILLHOOK_TEST_POSTGRES").is_ok();
    let cut = "SELECT COUNT(pg_terminate_backend(pid)) FROM pg_stat_activity
               WHERE datname = current_database() AND pid <> pg_backend_pid()";
    for index in 0..3 {
        let body = json!({"id": format!("evt_{index}"), "type": "plan.created"}).to_string();
        let taken = deliver(&world, "/api/webhooks/stripe", Some(signed_now(&world, &body)), &body).await;
        assert_eq!(taken.status(), StatusCode::OK, "delivery {index}");
        if postgres {
            sqlx::query(cut).execute(&database).await.unwrap();
        }
    }
    assert_eq!(world.count("stripe_events").await, 3);
}

#[tokio::test]
async fn after_a_disk_was_full_everything_goes_on_by_itself() {
    let world = World::with("protocol-guide", &[("SALES_EMAIL", "sales@example.org")]).await;
    let database = world.database().await;
    // What SQLite does on a full disk: it refuses the statement and ends the transaction by itself.
    let postgres = std::env::var("BILLHOOK_TEST_POSTGRES").is_ok();
    let (full, room) = if postgres {
        (
            "CREATE FUNCTION full_disk() RETURNS trigger AS $$ BEGIN RAISE EXCEPTION SQLSTATE '53100'; END $$
                 LANGUAGE plpgsql;
             CREATE TRIGGER full_disk BEFORE INSERT ON sales_requests EXECUTE FUNCTION full_disk()",
            "DROP TRIGGER full_disk ON sales_requests",
        )
    } else {
        (
            "CREATE TRIGGER full_disk BEFORE INSERT ON sales_requests
                 BEGIN SELECT RAISE(ROLLBACK, 'database or disk is full'); END",
            "DROP TRIGGER full_disk",
        )
    };
    sqlx::raw_sql(full).execute(&database).await.unwrap();
    let browser = world.browser();
    let refused = browser.post("/api/contact-sales", &ASKED).await;
    assert_eq!(refused.status(), StatusCode::INTERNAL_SERVER_ERROR, "{refused:?}");
    sqlx::raw_sql(room).execute(&database).await.unwrap();
    let taken = browser.post("/api/contact-sales", &ASKED).await;
    assert!(taken.status().is_redirection(), "{taken:?}");
    assert_eq!(world.count("sales_requests").await, 1);
}
