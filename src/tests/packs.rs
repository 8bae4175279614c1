//! Packs of credits and grants: paid once, credited once, whoever tells and however often.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::api::{Service, id_of};
use crate::harness::{Browser, Waiting, World, location};

async fn buy(browser: &Browser, pack: &str) -> String {
    let response = browser.post("/api/packs/checkout", &[("pack", pack)]).await;
    assert_eq!(response.status(), StatusCode::SEE_OTHER, "{}", response.text().await.unwrap());
    location(&response)
}

async fn credits(service: &Service, organization: &str) -> Value {
    let check = json!({"organization": organization, "meter": "ai-credits"});
    service.done("/api/v1/check", check).await["meter"]["credits"].clone()
}

#[tokio::test]
async fn a_pack_is_credited_the_moment_it_is_paid_and_used_after_the_plan_s_share() {
    let world = World::with_catalog("chat").await;
    let ada = world.signed_in("ada").await;
    let (service, organization) = (Service::new(&world).await, id_of(&ada).await);
    let offers = ada.read("/settings/usage").await.1;
    assert!(offers.contains("Buy 250 AI credits") && offers.contains("$7.50"), "{offers}");
    let page = buy(&ada, "credits").await;
    assert_eq!(buy(&ada, "credits").await, page, "a double click is one purchase");
    let back = ada.pay(&page).await;
    let landed = ada.get(&back).await;
    assert_eq!(location(&landed), "/settings/usage");
    assert_eq!(credits(&service, &organization).await, 250);
    world.settled().await;
    ada.get(&back).await;
    assert_eq!(credits(&service, &organization).await, 250, "told three times, credited once");
    let use_credits = json!({"organization": organization, "meter": "ai-credits", "amount": 12});
    let receipt = service.done("/api/v1/usage", use_credits).await;
    assert_eq!((&receipt["meter"]["used"], &receipt["meter"]["credits"]), (&json!(12), &json!(248)));
    let (_, usage) = service.get(&format!("/api/v1/organizations/{organization}/usage")).await;
    assert_eq!(usage["entries"][0]["fromCredits"], 2);
    let invoices = ada.read("/settings/billing").await.1;
    assert!(invoices.contains("$7.50"), "the payment has an invoice");
    let again = buy(&ada, "credits").await;
    assert_ne!(again, page, "a second purchase is another");
    ada.pay(&again).await;
    world.settled().await;
    assert_eq!(credits(&service, &organization).await, 498, "the event alone credits as well");
}

#[tokio::test]
async fn what_is_not_paid_is_not_credited() {
    let world = World::with_catalog("chat").await;
    let (ada, grace) = (world.signed_in("ada").await, world.signed_in("grace").await);
    let (service, organization) = (Service::new(&world).await, id_of(&ada).await);
    let page = buy(&ada, "credits").await;
    let session = page.rsplit('/').next().unwrap().split('?').next().unwrap().to_owned();
    let back = format!("/billing/packs/success?session_id={session}");
    assert_eq!(ada.get(&back).await.status(), StatusCode::SEE_OTHER, "not paid yet: the usage page shows it");
    assert_eq!(credits(&service, &organization).await, 0);
    assert_eq!(grace.get(&back).await.status(), StatusCode::NOT_FOUND, "another organization's purchase");
    let declined = ada.post(&page, &crate::harness::card("4000000000000002")).await;
    assert_ne!(declined.status(), StatusCode::SEE_OTHER);
    world.settled().await;
    assert_eq!(credits(&service, &organization).await, 0);
    for (pack, status) in [("", StatusCode::NOT_FOUND), ("gold", StatusCode::NOT_FOUND)] {
        assert_eq!(ada.post("/api/packs/checkout", &[("pack", pack)]).await.status(), status, "{pack}");
    }
    assert_eq!(world.count("grants").await, 0);
}

#[tokio::test]
async fn an_operator_gives_until_a_day() {
    let world = World::with_catalog("chat").await;
    let service = Service::new(&world).await;
    let organization = id_of(&world.signed_in("ada").await).await;
    let give = |more: &[&str]| {
        let mut arguments = vec!["grant", &organization, "--reason", "an outage", "--days", "3"];
        arguments.extend(more);
        world.command(&arguments)
    };
    give(&["--feature", "web-search"]).unwrap();
    give(&["--meter", "ai-credits", "--amount", "40"]).unwrap();
    let check = json!({"organization": organization, "feature": "web-search", "meter": "ai-credits", "amount": 50});
    let waiting = Waiting::begin();
    while service.done("/api/v1/check", check.clone()).await["allowed"] != true {
        waiting.turn().await;
    }
    let answer = service.done("/api/v1/check", check.clone()).await;
    assert_eq!(answer["feature"]["reason"], "grant");
    let ends = answer["feature"]["until"].as_i64().unwrap();
    let wait = ends - world.sandbox.now();
    world.control("/sandbox/clock", json!({"advance_seconds": wait - 5})).await;
    assert_eq!(service.done("/api/v1/check", check.clone()).await["allowed"], true);
    world.control("/sandbox/clock", json!({"advance_seconds": 10})).await;
    let answer = service.done("/api/v1/check", check).await;
    assert_eq!((&answer["feature"]["allowed"], &answer["meter"]["allowed"]), (&json!(false), &json!(false)));
    let timeline = world.command(&["timeline", &organization]).unwrap();
    assert!(timeline.contains("granted") && timeline.contains("an outage"), "{timeline}");
    for (arguments, says) in [
        (vec!["--feature", "teleport"], "no such feature"),
        (vec!["--meter", "ai-credits"], "--amount"),
        (vec!["--meter", "ai-credits", "--amount", "0"], "0"),
    ] {
        let said = give(&arguments).unwrap_err();
        assert!(said.contains(says), "{arguments:?}: {said}");
    }
}

#[tokio::test]
async fn a_plan_too_small_for_what_exists_is_refused_with_the_reason() {
    let world = World::with_catalog("dcvaas").await;
    let ada = world.signed_in("ada").await;
    let (service, organization) = (Service::new(&world).await, id_of(&ada).await);
    let page = ada.check_out(&[("plan", "agency")]).await;
    let back = ada.pay(&page).await;
    ada.get(&back).await;
    let add = |amount: i64| json!({"organization": organization, "meter": "domains", "amount": amount});
    service.done("/api/v1/usage", add(51)).await;
    let refused = ada.post_json("/api/subscription/change", &json!({"plan": "pro"})).await;
    assert_eq!(refused.status(), StatusCode::BAD_REQUEST);
    let problem: Value = refused.json().await.unwrap();
    assert_eq!(problem["detail"], "Pro includes 50 domains and 51 are in use: remove 1 first.");
    let (status, shown) = ada.read("/settings/billing/change/pro").await;
    assert!(shown.contains("remove 1 first"), "{status}");
    service.done("/api/v1/usage", add(-1)).await;
    let changed = ada.send_json("/api/subscription/change", &json!({"plan": "pro"})).await;
    assert_eq!(changed["subscription"]["next"]["plan"], "pro", "{changed}");
}

/// Sees that so many credits are left. An event is settled a moment before memory has forgotten what was there.
async fn has(service: &Service, organization: &str, left: i64) {
    let waiting = Waiting::begin();
    while credits(service, organization).await != left {
        waiting.turn().await;
    }
}

/// Somebody who has paid for a pack of 250 credits with $7.50, and the service that asks about them.
async fn with_pack(world: &World) -> (Browser, Service, String) {
    let ada = world.signed_in("ada").await;
    let (service, organization) = (Service::new(world).await, id_of(&ada).await);
    let page = buy(&ada, "credits").await;
    ada.get(&ada.pay(&page).await).await;
    world.settled().await;
    has(&service, &organization, 250).await;
    (ada, service, organization)
}

/// Gives the latest payment back, or so many cents of it.
async fn refund(world: &World, cents: Option<&str>) {
    let charge = world.stripe("/v1/charges?limit=1").await["data"][0]["id"].as_str().unwrap().to_owned();
    let fields = [Some(("charge", charge.as_str())), cents.map(|cents| ("amount", cents))];
    world.stripe_post("/v1/refunds", &fields.into_iter().flatten().collect::<Vec<_>>()).await;
}

/// The latest event of a type.
async fn event(world: &World, kind: &str) -> Value {
    world.stripe(&format!("/v1/events?type={kind}&limit=1")).await["data"][0].clone()
}

async fn uses(service: &Service, organization: &str, amount: u64) {
    service.done("/api/v1/usage", json!({"organization": organization, "meter": "ai-credits", "amount": amount})).await;
}

#[tokio::test]
async fn a_pack_that_is_paid_back_takes_along_what_is_left_of_it() {
    let world = World::with_catalog("chat").await;
    let (ada, service, organization) = with_pack(&world).await;
    uses(&service, &organization, 30).await;
    has(&service, &organization, 230).await;
    // What is held of it is used, or gone.
    let some = json!({"organization": organization, "meter": "ai-credits", "amount": 100});
    let held = service.done("/api/v1/reserve", some).await;
    refund(&world, None).await;
    world.settled().await;
    has(&service, &organization, 0).await;
    let release = json!({"organization": organization, "reservation": held["reservation"]});
    service.done("/api/v1/release", release).await;
    // What was held of it does not come back.
    has(&service, &organization, 0).await;
    let told = event(&world, "charge.refunded").await;
    world.deliver_event(&told).await;
    let mut again = told.clone();
    again["id"] = json!("evt_again");
    world.deliver_event(&again).await;
    world.settled().await;
    let page = ada.read("/settings/audit").await.1;
    assert_eq!(page.matches("A pack was paid back: 130 AI credits taken back.").count(), 1, "{page}");
    let timeline = world.command(&["timeline", &organization]).unwrap();
    assert!(timeline.contains("taken_back") && timeline.contains("applied, the pack was paid back"), "{timeline}");
    // Another pack is another.
    let page = buy(&ada, "credits").await;
    ada.get(&ada.pay(&page).await).await;
    world.settled().await;
    has(&service, &organization, 250).await;
}

#[tokio::test]
async fn a_part_that_is_paid_back_takes_its_part_and_never_more_than_there_is() {
    let world = World::with_catalog("chat").await;
    let (_, service, organization) = with_pack(&world).await;
    refund(&world, Some("100")).await;
    world.settled().await;
    // 33 for a dollar of 7.50, rounded for the customer.
    has(&service, &organization, 217).await;
    let first = event(&world, "charge.refunded").await;
    refund(&world, Some("100")).await;
    world.settled().await;
    has(&service, &organization, 184).await;
    // The first once more, without saying what was paid: the payment tells, and it is old news.
    let mut late = first;
    late["id"] = json!("evt_late");
    late["data"]["object"]["metadata"] = json!({});
    world.deliver_event(&late).await;
    world.settled().await;
    has(&service, &organization, 184).await;
    uses(&service, &organization, 10 + 180).await;
    refund(&world, Some("100")).await;
    world.settled().await;
    // 4 were left of it, and 34 were to go.
    has(&service, &organization, 0).await;
}

#[tokio::test]
async fn a_refund_that_fails_gives_back_what_it_took_and_no_more() {
    let world = World::with_catalog("chat").await;
    let (ada, service, organization) = with_pack(&world).await;
    let (_, before) = service.get(&format!("/api/v1/organizations/{organization}/entitlements")).await;
    let fail_latest = async || {
        let refund = world.stripe("/v1/refunds?limit=1").await["data"][0]["id"].as_str().unwrap().to_owned();
        world.control(&format!("/sandbox/refunds/{refund}/fail"), json!({})).await;
        world.settled().await;
    };
    // A part, and what was used of the pack stays used.
    uses(&service, &organization, 10 + 200).await;
    refund(&world, Some("100")).await;
    world.settled().await;
    has(&service, &organization, 50 - 33).await;
    let first = event(&world, "charge.refunded").await;
    refund(&world, Some("100")).await;
    world.settled().await;
    has(&service, &organization, 0).await;
    fail_latest().await;
    has(&service, &organization, 50 - 33).await;
    // All of the rest, until it fails; what tells of it late takes nothing.
    refund(&world, None).await;
    world.settled().await;
    has(&service, &organization, 0).await;
    let mut late = event(&world, "charge.refunded").await;
    fail_latest().await;
    has(&service, &organization, 50 - 33).await;
    late["id"] = json!("evt_late");
    world.deliver_event(&late).await;
    world.deliver_event(&first).await;
    world.settled().await;
    has(&service, &organization, 50 - 33).await;
    let (_, after) = service.get(&format!("/api/v1/organizations/{organization}/entitlements")).await;
    let expiry = |all: &Value| all.to_string().split("expiresAt").nth(1).map(|rest| rest[..16].to_owned());
    assert_eq!(expiry(&after), expiry(&before), "{after}");
    let page = ada.read("/settings/audit?about=credits").await.1;
    assert_eq!(page.matches("A refund of a pack failed: 17 AI credits brought back.").count(), 2, "{page}");
}

#[tokio::test]
async fn a_pack_that_is_paid_back_before_it_is_credited_is_not_credited_later() {
    let world = World::with_catalog("chat").await;
    let ada = world.signed_in("ada").await;
    let (service, organization) = (Service::new(&world).await, id_of(&ada).await);
    world.control("/sandbox/webhooks", json!({"mode": "drop"})).await;
    let page = buy(&ada, "credits").await;
    let back = ada.pay(&page).await;
    refund(&world, None).await;
    world.deliver_event(&event(&world, "charge.refunded").await).await;
    world.settled().await;
    world.deliver_event(&event(&world, "checkout.session.completed").await).await;
    world.settled().await;
    ada.get(&back).await;
    has(&service, &organization, 0).await;
    assert_eq!(world.count("grants").await, 1);
}

#[tokio::test]
async fn a_pack_whose_dispute_is_lost_goes_and_one_that_is_won_stays() {
    for (outcome, left) in [("won", 250), ("lost", 0)] {
        let world = World::with_catalog("chat").await;
        let (_, service, organization) = with_pack(&world).await;
        let customer = world.stripe("/v1/customers").await["data"][0]["id"].clone();
        let dispute = world.control("/sandbox/disputes", json!({"customer": customer})).await;
        world.settled().await;
        // Not decided yet.
        has(&service, &organization, 250).await;
        let close = format!("/sandbox/disputes/{}/close", dispute["id"].as_str().unwrap());
        world.control(&close, json!({"outcome": outcome})).await;
        world.settled().await;
        has(&service, &organization, left).await;
    }
}

#[tokio::test]
async fn a_dispute_of_a_pack_leaves_the_plan_alone_and_one_of_the_plan_the_pack() {
    for (pack_last, tier, left) in [(true, "plus", 0), (false, "free", 250)] {
        let world = World::with_catalog("chat").await;
        let ada = world.signed_in("ada").await;
        let (service, organization) = (Service::new(&world).await, id_of(&ada).await);
        let plan = async || drop(ada.get(&ada.pay(&ada.check_out(&[("plan", "plus")]).await).await).await);
        let pack = async || drop(ada.get(&ada.pay(&buy(&ada, "credits").await).await).await);
        if pack_last {
            plan().await;
            world.control("/sandbox/clock", json!({"advance_seconds": 60})).await;
            pack().await;
        } else {
            pack().await;
            world.control("/sandbox/clock", json!({"advance_seconds": 60})).await;
            plan().await;
        }
        // The sandbox disputes a customer's latest payment.
        let customer = world.stripe("/v1/customers").await["data"][0]["id"].clone();
        let dispute = world.control("/sandbox/disputes", json!({"customer": customer})).await;
        let close = format!("/sandbox/disputes/{}/close", dispute["id"].as_str().unwrap());
        world.control(&close, json!({"outcome": "lost"})).await;
        world.settled().await;
        assert_eq!(ada.organization().await["subscriptionTier"], tier, "the pack was last: {pack_last}");
        assert_eq!(credits(&service, &organization).await, left, "the pack was last: {pack_last}");
    }
}

#[tokio::test]
async fn what_is_used_while_a_pack_is_paid_back_is_used_once() {
    let world = World::with_catalog("chat").await;
    let (ada, service, organization) = with_pack(&world).await;
    let use_one = || service.post("/api/v1/usage", json!({"organization": organization, "meter": "ai-credits"}));
    let ((), answers) = tokio::join!(refund(&world, None), futures::future::join_all((0..40).map(|_| use_one())));
    world.settled().await;
    let used = answers.iter().filter(|(status, _)| *status == StatusCode::OK).count();
    has(&service, &organization, 0).await;
    // What was used of the pack and what was taken back are all of it.
    let timeline = world.command(&["timeline", &organization]).unwrap();
    let taken = timeline.split("\"taken_back\"").nth(1).unwrap().split("\"amount\":").nth(1).unwrap();
    let taken: i64 = taken.split(',').next().unwrap().parse().unwrap();
    let sum = "SELECT CAST(SUM(from_credits) AS BIGINT) FROM usage_entries";
    let from_credits: i64 = sqlx::query_scalar(sum).fetch_one(&world.database().await).await.unwrap();
    assert_eq!(taken + from_credits, 250, "{used} were used: {timeline}");
    // What is paid back of a plan changes nothing here: Stripe ends the subscription, or does not.
    let page = ada.check_out(&[("plan", "plus")]).await;
    ada.get(&ada.pay(&page).await).await;
    refund(&world, None).await;
    world.settled().await;
    assert_eq!(ada.organization().await["subscriptionTier"], "plus");
}
