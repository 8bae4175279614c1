//! The seats of a subscription: more now for what the preview said, fewer at the renewal, never fewer than are taken; and
//! what is set at Stripe is taken as it is, with a word where it breaks a rule.

use reqwest::StatusCode;
use serde_json::{Value, json};
use sqlx::AssertSqlSafe;

use crate::api::id_of;
use crate::harness::{Browser, World, location, text_of};
use crate::team::team;

const SETTINGS: &str = "/settings/billing";

/// Somebody with so many seats of the smaller department plan, paid by the month.
async fn with_seats(seats: &str) -> (World, Browser) {
    let world = World::with("protocol-guide", &[("STRIPE_TRIAL_PERIOD_DAYS", "0")]).await;
    let ada = world.signed_in("ada").await;
    let ada = ada.about(&team(&ada, "Station 4").await);
    let page = ada.check_out(&[("plan", "department-starter"), ("period", "monthly"), ("seats", seats)]).await;
    ada.get(&ada.pay(&page).await).await;
    world.settled().await;
    (world, ada)
}

/// What is asked for.
fn wanted(seats: u32) -> Value {
    json!({"plan": "department-starter", "period": "monthly", "seats": seats})
}

async fn quantity(world: &World) -> Value {
    world.stripe("/v1/subscriptions").await["data"][0]["items"]["data"][0]["quantity"].clone()
}

async fn settings(browser: &Browser) -> String {
    text_of(&browser.read(SETTINGS).await.1)
}

/// More people in the organization, up to so many, each with a seat.
async fn people(world: &World, organization: &str, up_to: u32) {
    let database = world.database().await;
    for number in 1..up_to {
        for sql in [
            format!(
                "INSERT INTO users (id, issuer, subject, email, name, created_at)
                 VALUES ('usr_{number}', 'x', '{number}', '{number}@example.com', 'N', 0)"
            ),
            format!(
                "INSERT INTO memberships (organization_id, user_id, role, created_at)
                 VALUES ('{organization}', 'usr_{number}', 'member', 0)"
            ),
        ] {
            sqlx::query(AssertSqlSafe(sql)).execute(&database).await.unwrap();
        }
    }
    let all = format!("UPDATE memberships SET seat_since = 0 WHERE organization_id = '{organization}'");
    sqlx::query(AssertSqlSafe(all)).execute(&database).await.unwrap();
}

/// Sets the seats as somebody would in Stripe's dashboard.
async fn at_stripe(world: &World, seats: &str) {
    let subscription = world.stripe("/v1/subscriptions").await["data"][0].clone();
    let path = format!("/v1/subscriptions/{}", subscription["id"].as_str().unwrap());
    let item = subscription["items"]["data"][0]["id"].as_str().unwrap();
    world.stripe_post(&path, &[("items[0][id]", item), ("items[0][quantity]", seats)]).await;
    world.settled().await;
}

#[tokio::test]
async fn more_seats_are_had_now_for_what_the_preview_said() {
    let (world, ada) = with_seats("7").await;
    let page = settings(&ada).await;
    assert!(page.contains("data-testid=\"seats\">7<") && page.contains("$55.93 / month"), "{page}");
    assert!(page.contains("/settings/billing/change/department-starter") && page.contains(">Change seats<"), "{page}");
    world.control("/sandbox/clock", json!({"days": 10})).await;
    world.settled().await;
    let form = ada.read("/settings/billing/change/department-starter?seats=10").await.1;
    assert!(form.contains("min=\"5\"") && form.contains("max=\"20\"") && form.contains("Confirm and pay"), "{form}");
    let preview = ada.send_json("/api/subscription/preview", &wanted(10)).await;
    let due = preview["amountDue"].as_i64().unwrap();
    assert_eq!(preview["takesEffect"], "now");
    assert!(due > 0 && due < 3 * 799, "three seats for a part of the month: {due}");
    let mut confirmed = wanted(10);
    confirmed["prorationDate"] = preview["prorationDate"].clone();
    ada.send_json("/api/subscription/change", &confirmed).await;
    assert_eq!(quantity(&world).await, 10);
    assert_eq!(world.stripe("/v1/invoices?limit=1").await["data"][0]["amount_paid"], due, "to the cent");
    assert!(settings(&ada).await.contains("data-testid=\"seats\">10<"));
}

#[tokio::test]
async fn fewer_seats_come_with_the_renewal() {
    let (world, ada) = with_seats("10").await;
    let preview = ada.send_json("/api/subscription/preview", &wanted(6)).await;
    assert_eq!((&preview["takesEffect"], &preview["amountDue"]), (&json!("period_end"), &json!(0)));
    let answer = ada.send_json("/api/subscription/change", &wanted(6)).await;
    assert_eq!(answer["subscription"]["next"]["quantity"], 6, "{answer}");
    assert_eq!(quantity(&world).await, 10);
    let page = settings(&ada).await;
    assert!(page.contains("Changes from 10 to 6 seats on") && page.contains("Keep 10 seats"), "{page}");
    world.control("/sandbox/clock", json!({"days": 32})).await;
    world.settled().await;
    assert_eq!(quantity(&world).await, 6);
    assert!(settings(&ada).await.contains("data-testid=\"seats\">6<"));
    assert_eq!(world.stripe("/v1/invoices?limit=1").await["data"][0]["amount_paid"], 6 * 799);
}

#[tokio::test]
async fn a_number_outside_the_range_or_below_those_taken_is_refused_everywhere_with_the_same_words() {
    let (world, ada) = with_seats("10").await;
    people(&world, &id_of(&ada).await, 8).await;
    for (seats, words) in [
        (4, "Department Starter cannot be had so: this plan starts at 5 seats."),
        (21, "this plan has at most 20 seats: choose a larger plan or contact sales."),
        (7, "8 people have seats and 7 would be left: take one seat back first."),
        (5, "8 people have seats and 5 would be left: take 3 seats back first."),
    ] {
        for path in ["/api/subscription/preview", "/api/subscription/change"] {
            let refused = ada.post_json(path, &wanted(seats)).await;
            assert_eq!(refused.status(), StatusCode::BAD_REQUEST, "{path} {seats}");
            let problem: Value = refused.json().await.unwrap();
            assert!(problem["detail"].as_str().unwrap().contains(words), "{path}: {problem}");
        }
        let (_, page) = ada.read(&format!("/settings/billing/change/department-starter?seats={seats}")).await;
        let page = text_of(&page);
        assert!(page.contains(words) && !page.contains("Schedule the change"), "{seats}: {page}");
    }
    assert_eq!(quantity(&world).await, 10);
    // As many as are taken is enough.
    let fields = [("plan", "department-starter"), ("period", "monthly"), ("seats", "8")];
    assert!(location(&ada.post("/api/subscription/change", &fields).await).starts_with(SETTINGS));
}

#[tokio::test]
async fn what_is_set_at_stripe_is_taken_and_flagged_where_it_breaks_a_rule() {
    let (world, ada) = with_seats("10").await;
    at_stripe(&world, "25").await;
    let page = settings(&ada).await;
    assert!(page.contains("data-testid=\"seats\">25<") && page.contains("$199.75 / month"), "{page}");
    assert!(page.contains("The subscription has 25 seats, and this plan has at most 20 seats"), "{page}");
    assert_eq!(ada.organization().await["subscriptionTier"], "department-starter", "it is not taken away");
    at_stripe(&world, "3").await;
    assert!(settings(&ada).await.contains("The subscription has 3 seats, and this plan starts at 5 seats."));
    people(&world, &id_of(&ada).await, 8).await;
    at_stripe(&world, "6").await;
    let page = settings(&ada).await;
    let words = "8 people have seats and the subscription has 6: add 2 seats, or take 2 seats back.";
    assert!(page.contains(words), "{page}");
    at_stripe(&world, "9").await;
    let page = settings(&ada).await;
    assert!(page.contains("data-testid=\"seats\">9<") && !page.contains("The subscription has"), "{page}");
    assert!(!page.contains("people have seats"), "{page}");
}

#[tokio::test]
async fn everything_made_at_stripe_says_for_whom_it_is() {
    let (world, ada) = with_seats("10").await;
    ada.send_json("/api/subscription/change", &wanted(6)).await;
    for (path, kind) in [
        ("/v1/customers", "department"),
        ("/v1/checkout/sessions", "department"),
        ("/v1/subscriptions", "department"),
        ("/v1/subscription_schedules", "department"),
    ] {
        let made = world.stripe(path).await["data"].as_array().unwrap().clone();
        assert!(!made.is_empty(), "{path}");
        for object in made {
            assert_eq!(object["metadata"]["subscriptionType"], kind, "{path}");
        }
    }
    let world = World::with_catalog("chat").await;
    let ada = world.signed_in("ada").await;
    ada.post("/api/packs/checkout", &[("pack", "credits")]).await;
    let session = world.stripe("/v1/checkout/sessions").await["data"][0].clone();
    assert_eq!(session["metadata"]["subscriptionType"], "individual");
}
