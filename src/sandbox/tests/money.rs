//! Refunds and disputes.

use reqwest::StatusCode;
use serde_json::json;

use super::life::Subscriber;
use super::{World, text};

#[tokio::test]
async fn a_charge_is_refunded_in_parts_and_never_more_than_it_was() {
    let world = World::new().await;
    let it = Subscriber::new(&world, &[]).await;
    let charge = world.get(&format!("/v1/charges?customer={}", it.customer)).await["data"][0].clone();
    let (id, intent) = (text(&charge["id"]), text(&charge["payment_intent"]));
    let part = world.post("/v1/refunds", &[("charge", &id), ("amount", "900"), ("reason", "duplicate")]).await;
    assert_eq!(
        (&part["status"], &part["amount"], &part["payment_intent"]),
        (&json!("succeeded"), &json!(900), &json!(intent))
    );
    let error = world.refused("/v1/refunds", &[("charge", &id), ("amount", "2001")], StatusCode::BAD_REQUEST).await;
    assert!(text(&error["message"]).contains("greater than unrefunded amount on charge ($20.00)"));
    world.post("/v1/refunds", &[("payment_intent", &intent)]).await;
    let charge = world.get(&format!("/v1/charges/{id}")).await;
    assert_eq!((&charge["amount_refunded"], &charge["refunded"]), (&json!(2_900), &json!(true)));
    let error = world.refused("/v1/refunds", &[("charge", &id)], StatusCode::BAD_REQUEST).await;
    assert_eq!(error["code"], "charge_already_refunded");
    assert_eq!(world.events_of("charge.refunded").await.len(), 2);
    assert_eq!(world.get(&format!("/v1/refunds?charge={id}")).await["data"].as_array().map(Vec::len), Some(2));
    assert_eq!(it.read().await["status"], "active", "a refund leaves the subscription alone");
}

#[tokio::test]
async fn a_dispute_is_opened_and_decided() {
    let world = World::new().await;
    let it = Subscriber::new(&world, &[]).await;
    let dispute = world.control("/sandbox/disputes", json!({"customer": it.customer})).await;
    let id = text(&dispute["id"]);
    assert_eq!((&dispute["status"], &dispute["amount"]), (&json!("needs_response"), &json!(2_900)));
    let charge = world.get(&format!("/v1/charges/{}?expand[]=customer", text(&dispute["charge"]))).await;
    assert_eq!((&charge["disputed"], &charge["customer"]["id"]), (&json!(true), &json!(it.customer)));
    let error = world.refused("/v1/refunds", &[("charge", &text(&charge["id"]))], StatusCode::BAD_REQUEST).await;
    assert_eq!(error["code"], "charge_disputed");
    let path = format!("/sandbox/disputes/{id}/close");
    let closed = world.control(&path, json!({"outcome": "won"})).await;
    assert_eq!(closed["status"], "won");
    let again = world.client.post(world.url(&path)).json(&json!({"outcome": "lost"})).send().await.expect("a response");
    assert_eq!(again.status(), StatusCode::BAD_REQUEST);
    let kinds: Vec<String> = world.events().await.into_iter().filter(|kind| kind.contains("dispute")).collect();
    let kinds: Vec<&str> = kinds.iter().map(|kind| kind.trim_start_matches("charge.dispute.")).collect();
    assert_eq!(kinds, ["created", "funds_withdrawn", "funds_reinstated", "closed"]);
    assert_eq!(world.get("/v1/disputes").await["data"][0]["id"], id.as_str());
    let nothing_left = world.client.post(world.url("/sandbox/disputes")).json(&json!({"customer": it.customer}));
    assert_eq!(nothing_left.send().await.expect("a response").status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn evidence_answers_a_dispute() {
    let world = World::new().await;
    let it = Subscriber::new(&world, &[]).await;
    let dispute = world.control("/sandbox/disputes", json!({"customer": it.customer})).await;
    let path = format!("/v1/disputes/{}", text(&dispute["id"]));
    let answered = world.post(&path, &[("evidence[product_description]", "A plan")]).await;
    assert_eq!(
        (&answered["status"], &answered["evidence_details"]["submission_count"]),
        (&json!("under_review"), &json!(1))
    );
    let lost = world.post(&path, &[("evidence[uncategorized_text]", "losing_evidence")]).await;
    assert_eq!(lost["status"], "lost");
    world.refused(&format!("{path}/close"), &[], StatusCode::BAD_REQUEST).await;
}
