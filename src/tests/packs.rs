//! Packs of credits and grants: paid once, credited once, whoever tells and however often.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::api::{Service, id_of};
use crate::harness::{Browser, World, location};

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
    while service.done("/api/v1/check", check.clone()).await["allowed"] != true {
        tokio::task::yield_now().await;
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
