//! What operators do at the command line, with the binary itself beside a running application.

use reqwest::StatusCode;
use serde_json::json;

use crate::harness::World;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn operators_see_what_happened_and_put_it_right() {
    let world = World::start().await;
    world.control("/sandbox/webhooks", json!({"mode": "drop"})).await;
    let browser = world.signed_in("ada").await;
    let page = browser.check_out(&[("plan", "pro")]).await;
    browser.pay(&page).await;
    let id = browser.organization().await["id"].as_str().unwrap().to_owned();

    let look = world.command(&["reconcile"]).expect("a report");
    assert!(look.contains("never arrived") && look.contains("is not stored") && look.contains("--repair"), "{look}");
    assert_eq!(browser.organization().await["subscriptionTier"], "free");
    let repair = world.command(&["reconcile", "--repair", "--organization", &id]).expect("a repair");
    assert!(repair.contains("(put right)"), "{repair}");
    assert_eq!(browser.organization().await["subscriptionTier"], "pro");
    let line = world.command(&["timeline", &id]).expect("a time line");
    assert!(line.contains("reconciliation") && line.contains(r#""after":"pro""#), "{line}");

    world.command(&["reconcile", "--repair"]).expect("the events");
    world.worked_off().await;
    // Stripe lists what is not sent to us as well; that never arrives, and is not missed.
    assert!(world.events().await.iter().any(|event| event["type"] == "charge.succeeded"));
    let kinds = "SELECT COUNT(*) FROM stripe_events WHERE type = 'charge.succeeded'";
    assert_eq!(sqlx::query_scalar::<_, i64>(kinds).fetch_one(&world.database().await).await.unwrap(), 0);
    let events = world.command(&["events", "list", "--status", "applied"]).expect("a list");
    let event = events.split_whitespace().find(|word| word.starts_with("evt_")).expect("an event").to_owned();
    let shown = world.command(&["events", "show", &event]).expect("an event");
    assert!(shown.contains(&id) && shown.contains(r#""object":"event""#), "{shown}");
    world.command(&["events", "replay", &event]).expect("a replay");
    world.app.inbox.ring();
    world.worked_off().await;
    assert_eq!(world.app.store.event(&event).await.unwrap().unwrap().status, "applied");

    let ended = world.command(&["cancel-now", &id]).expect("an end");
    assert!(ended.contains("has ended"), "{ended}");
    assert_eq!(world.stripe("/v1/subscriptions?status=all").await["data"][0]["status"], "canceled");
    assert_eq!(browser.get("/settings/billing").await.status(), StatusCode::OK);
}

#[tokio::test]
async fn what_is_shown_beside_a_subscription_is_compared_as_well() {
    let world = World::start().await;
    let browser = world.signed_in("ada").await;
    let page = browser.check_out(&[("plan", "pro")]).await;
    browser.get(&browser.pay(&page).await).await;
    world.settled().await;
    assert_eq!(world.reconcile(false).await.drifts, 0);
    for damage in [
        "UPDATE invoices SET status = 'open'",
        "DELETE FROM invoices",
        "UPDATE organizations SET payment_method = NULL",
        "UPDATE organizations SET paid_until = 1",
        "UPDATE organizations SET tier_reason = 'granted'",
    ] {
        sqlx::query(damage).execute(&world.database().await).await.unwrap();
        let found = world.reconcile(false).await;
        assert_eq!((found.drifts, found.repaired), (1, 0), "{damage}");
        // Also where another run has got past it, or was stopped there.
        sqlx::query("UPDATE reconciliations SET position = 'org_zzz' WHERE task = 'organizations'")
            .execute(&world.database().await)
            .await
            .unwrap();
        let repaired = world.reconcile(true).await;
        assert_eq!((repaired.drifts, repaired.repaired), (1, 1), "{damage}");
        assert_eq!(world.reconcile(false).await.drifts, 0, "{damage}");
    }
    // Addresses that Stripe let expire are no difference, and are renewed all the same.
    sqlx::query("UPDATE invoices SET hosted_url = 'https://expired.example'")
        .execute(&world.database().await)
        .await
        .unwrap();
    assert_eq!(world.reconcile(true).await.drifts, 0);
    assert!(!browser.read("/settings/billing").await.1.contains("expired.example"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_there_is_said_with_what_to_do() {
    let world = World::start().await;
    for (arguments, words) in [
        (vec!["timeline", "org_nobody"], "there is no organization org_nobody"),
        (vec!["events", "show", "evt_none"], "billhook events list"),
        (vec!["events", "replay", "evt_none"], "there is no event"),
        (vec!["events", "list", "--status", "odd"], "pending, applied, ignored or dead"),
        (vec!["reconcile", "--organization", "org_nobody"], "There is no organization org_nobody"),
        (vec!["cancel-now", "org_nobody"], "no subscription that is running"),
    ] {
        let said = world.command(&arguments).expect_err("a failure");
        assert!(said.contains(words), "{arguments:?}: {said}");
    }
}
