//! Asking sales: taken from anybody, once in a while, and told to those who sell. What an operator makes of it.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::api::{Service, id_of};
use crate::harness::{Waiting, World, location, text_of};
use crate::mail::mailbox;

pub const ASKED: [(&str, &str); 7] = [
    ("name", "Grace Hopper"),
    ("email", "Grace@Navy.Example"),
    ("company", "County Fire"),
    ("plan", "department-enterprise"),
    ("seats", "250"),
    ("message", "Two counties.\nWhat <would> it cost?"),
    ("website", ""),
];

/// The form with some of its fields filled in otherwise.
fn asking<'a>(other: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let of = |name: &str| other.iter().find(|(field, _)| *field == name).map(|(_, value)| *value);
    ASKED.iter().map(|(name, value)| (*name, of(name).unwrap_or(value))).collect()
}

/// The mails to an address, once there are so many mails.
async fn mails_to(world: &World, address: &str, count: usize) -> Vec<Value> {
    let waiting = Waiting::begin();
    loop {
        let mails = mailbox(world).await;
        if mails.len() >= count {
            return mails.into_iter().filter(|mail| mail["to"] == json!([address])).collect();
        }
        waiting.turn().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_is_stored_mailed_and_listed() {
    let world = World::with("protocol-guide", &[("SALES_EMAIL", "Sales <sales@example.org>")]).await;
    let browser = world.browser();
    let (status, page) = browser.read("/contact-sales?plan=department-enterprise").await;
    assert_eq!(status, StatusCode::OK);
    assert!(page.contains("Talk to us about Department Enterprise"), "{page}");
    assert!(page.contains("mailto:sales@example.org\"") && !page.contains("protocol-guide.example"), "{page}");
    let option = page.split("value=\"department-enterprise\"").nth(1).unwrap();
    assert!(option.split('>').next().unwrap().contains("selected"), "the plan is chosen already");
    let sent = browser.post("/api/contact-sales", &ASKED).await;
    assert_eq!(location(&sent), "/contact-sales?sent=1");
    let (_, page) = browser.read("/contact-sales?sent=1").await;
    assert!(text_of(&page).contains("within one working day") && page.contains("data-testid=\"sent\""), "{page}");

    let mails = mails_to(&world, "sales@example.org", 1).await;
    let text = mails[0]["text"].as_str().unwrap();
    assert!(mails[0]["subject"].as_str().unwrap().contains("County Fire"), "{mails:?}");
    for part in ["Grace Hopper <grace@navy.example>", "Department Enterprise", "250", "What <would> it cost?"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let list = world.command(&["sales", "list"]).unwrap();
    assert!(
        list.contains("Grace Hopper <grace@navy.example>, County Fire: department-enterprise, 250 people"),
        "{list}"
    );
    let id = list.split_whitespace().find(|word| word.starts_with("sal_")).unwrap();
    let shown = world.command(&["sales", "show", id]).unwrap();
    assert!(shown.contains("What <would> it cost?") && shown.contains("not signed in"), "{shown}");
    let none = world.command(&["sales", "show", "sal_none"]).unwrap_err();
    assert!(none.contains("billhook sales list"), "{none}");
}

#[tokio::test]
async fn who_has_signed_in_is_known_and_a_program_may_ask_as_well() {
    let world = World::with_catalog("builder").await;
    let ada = world.signed_in("ada").await;
    let (_, page) = ada.read("/contact-sales").await;
    assert!(page.contains("value=\"Ada Lovelace\"") && page.contains("value=\"ada@example.com\""), "{page}");
    let id = ada.organization().await["id"].as_str().unwrap().to_owned();
    let request = json!({"name": "Ada", "email": "a@b.example", "company": "Engines", "seats": 4, "message": "More."});
    assert_eq!(ada.send_json("/api/contact-sales", &request).await["received"], true);
    let stored: (Option<String>, i64) = sqlx::query_as("SELECT organization_id, seats FROM sales_requests")
        .fetch_one(&world.database().await)
        .await
        .unwrap();
    assert_eq!(stored, (Some(id), 4));
    // This catalogue names no address: it is stored, and nobody is written to.
    assert_eq!(world.count("mails").await, 0);
    let refused = ada.post_json("/api/contact-sales", &json!({"name": "Ada"})).await;
    assert_eq!(refused.status(), StatusCode::BAD_REQUEST);
    let problem: Value = refused.json().await.unwrap();
    assert!(problem["detail"].as_str().unwrap().contains("`email`: Tell us where to write to."), "{problem}");
}

#[tokio::test]
async fn what_is_wrong_is_said_beside_the_field_and_what_was_typed_stays() {
    let world = World::with_catalog("protocol-guide").await;
    let browser = world.browser();
    let wrong = asking(&[("email", "grace"), ("seats", "many"), ("plan", "platinum")]);
    let message = ("message", "What <would> it cost?</textarea><img src=x>");
    let wrong = [&wrong[..5], &[message]].concat();
    let answer = browser.post("/api/contact-sales", &wrong).await;
    assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
    let page = text_of(&answer.text().await.unwrap());
    for part in [
        "This is not an e-mail address",
        "Write a whole number of people",
        "Choose one of the plans",
        "value=\"grace\"",
        "value=\"County Fire\"",
        "What &lt;would&gt; it cost?&lt;/textarea&gt;&lt;img",
        "id=\"email-note\"",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert!(!page.contains("Tell us your name"), "{page}");
    assert_eq!(world.count("sales_requests").await, 0);
}

#[tokio::test]
async fn what_fills_in_every_field_is_told_yes_and_kept_nowhere() {
    let world = World::with_catalog("protocol-guide").await;
    let sent = world.browser().post("/api/contact-sales", &asking(&[("website", "https://spam.example")])).await;
    assert_eq!(location(&sent), "/contact-sales?sent=1");
    assert_eq!((world.count("sales_requests").await, world.count("mails").await), (0, 0));
}

#[tokio::test]
async fn an_address_or_a_person_asks_three_times_in_an_hour_and_no_more() {
    let world = World::with_catalog("protocol-guide").await;
    for number in 0..4 {
        // Each in another browser, and written otherwise.
        let email = if number % 2 == 0 { "grace@navy.example" } else { "GRACE@navy.example" };
        let answer = world.browser().post("/api/contact-sales", &asking(&[("email", email)])).await;
        let expected = if number < 3 { StatusCode::SEE_OTHER } else { StatusCode::TOO_MANY_REQUESTS };
        assert_eq!(answer.status(), expected, "{number}");
        if number == 3 {
            let page = answer.text().await.unwrap();
            assert!(page.contains("try again in an hour") && page.contains("County Fire"), "{page}");
        }
    }
    let ada = world.signed_in("ada").await;
    for (number, email) in ["a@b.example", "b@b.example", "c@b.example", "d@b.example"].into_iter().enumerate() {
        let answer = ada.post("/api/contact-sales", &asking(&[("email", email)])).await;
        let expected = if number < 3 { StatusCode::SEE_OTHER } else { StatusCode::TOO_MANY_REQUESTS };
        assert_eq!(answer.status(), expected, "{email}");
    }
    assert_eq!((world.count("sales_requests").await, world.count("mails").await), (6, 6));
    let an_hour_ago = "UPDATE sales_requests SET created_at = created_at - 3600";
    sqlx::query(an_hour_ago).execute(&world.database().await).await.unwrap();
    let later = world.browser().post("/api/contact-sales", &asking(&[])).await;
    assert_eq!(later.status(), StatusCode::SEE_OTHER, "an hour later");
}

/// The tier, once the running application has heard of it.
async fn comes_to(service: &Service, organization: &str, tier: &str) -> Value {
    let waiting = Waiting::begin();
    loop {
        let (_, known) = service.get(&format!("/api/v1/organizations/{organization}/entitlements")).await;
        if known["plan"] == tier {
            return known;
        }
        waiting.turn().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_grants_a_plan_that_ends_by_itself() {
    let world = World::with_catalog("protocol-guide").await;
    let ada = world.signed_in("ada").await;
    let (service, organization) = (Service::new(&world).await, id_of(&ada).await);
    comes_to(&service, &organization, "free").await;
    let today = jiff::Timestamp::from_second(world.sandbox.now()).unwrap();
    let day = |days: i64| (today + jiff::SignedDuration::from_hours(24 * days)).strftime("%Y-%m-%d").to_string();
    let until = day(40);
    let grant = |plan: &str, until: &str| {
        let who = ["plan", "grant", "--organization", &organization, "--reason", "contract 17"];
        world.command(
            &[&who[..], &["--plan", plan, "--until", until, "--pay-at", "https://buy.stripe.example/a"]].concat(),
        )
    };
    let wrong = [
        "plan",
        "grant",
        "--organization",
        &organization,
        "--reason",
        "x",
        "--plan",
        "enterprise",
        "--pay-at",
        "http://a",
    ];
    assert!(world.command(&wrong).unwrap_err().contains("a link to pay begins with https://"));
    assert!(grant("enterprise", &until).unwrap().contains("is on enterprise now"));
    let known = comes_to(&service, &organization, "enterprise").await;
    assert_eq!(known["reason"], "granted");
    assert!(known["until"].as_i64().unwrap() > world.sandbox.now());
    assert_eq!(ada.organization().await["subscriptionTier"], "enterprise");
    assert!(ada.organization().await["reason"].as_str().unwrap().starts_with("The plan is granted until "));
    let page = text_of(&ada.read("/settings/billing").await.1);
    assert!(page.contains("Enterprise is granted to Ada Lovelace until") && page.contains("Granted"), "{page}");
    assert!(page.contains("href=\"https://buy.stripe.example/a\"") && page.contains("Pay the agreed price"), "{page}");

    // A subscription beside it goes on underneath, and counts again when the grant is over.
    let bought = ada.check_out(&[("plan", "pro")]).await;
    ada.get(&ada.pay(&bought).await).await;
    world.settled().await;
    assert_eq!(ada.organization().await["subscriptionTier"], "enterprise");
    let page = text_of(&ada.read("/settings/billing").await.1);
    assert!(page.contains("Your subscription to Pro goes on") && page.contains("$9.99 / month"), "{page}");
    assert_eq!(world.reconcile(false).await.drifts, 0, "the comparison decides by the same rule");
    world.control("/sandbox/clock", json!({"days": 42})).await;
    world.settled().await;
    assert_eq!(ada.organization().await["subscriptionTier"], "pro", "it ended by itself");
    comes_to(&service, &organization, "pro").await;
    assert_eq!(world.stripe("/v1/subscriptions").await["data"][0]["status"], "active");

    let timeline = world.command(&["timeline", &organization]).unwrap();
    assert!(timeline.contains("plan_granted") && timeline.contains("contract 17"), "{timeline}");
    for (plan, until, says) in [
        ("free", day(90), "cannot be granted"),
        ("platinum", day(90), "There are: pro, enterprise"),
        ("enterprise", "2020-01-01".to_owned(), "still to come"),
        ("enterprise", "soon".to_owned(), "--until"),
    ] {
        let said = grant(plan, &until).unwrap_err();
        assert!(said.contains(says), "{plan}: {said}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_granted_plan_is_taken_back_and_the_last_one_counts() {
    let world = World::with_catalog("builder").await;
    let ada = world.signed_in("ada").await;
    let (service, organization) = (Service::new(&world).await, id_of(&ada).await);
    let plan = |arguments: &[&str]| {
        world.command(&[arguments, &["--organization", &organization, "--reason", "a pilot"]].concat())
    };
    plan(&["plan", "grant", "--plan", "scale"]).unwrap();
    let known = comes_to(&service, &organization, "scale").await;
    assert_eq!(known["until"], Value::Null);
    plan(&["plan", "grant", "--plan", "starter"]).unwrap();
    comes_to(&service, &organization, "starter").await;
    // A larger subscription counts, whatever was granted.
    let bought = ada.check_out(&[("plan", "pro")]).await;
    ada.get(&ada.pay(&bought).await).await;
    world.settled().await;
    assert_eq!(comes_to(&service, &organization, "pro").await["reason"], "paid");
    plan(&["plan", "grant", "--plan", "scale"]).unwrap();
    comes_to(&service, &organization, "scale").await;
    assert!(plan(&["plan", "revoke"]).unwrap().contains("is on pro now"));
    comes_to(&service, &organization, "pro").await;
    let again = plan(&["plan", "revoke"]).unwrap_err();
    assert!(again.contains("has no plan that was granted"), "{again}");
    let page = text_of(&ada.read("/settings/audit").await.1);
    assert!(page.contains("Granted Scale (a pilot).") && page.contains("Took the granted plan Scale back"), "{page}");
    let nobody = ["plan", "grant", "--plan", "pro", "--organization", "org_nobody", "--reason", "x"];
    assert!(world.command(&nobody).unwrap_err().contains("no such organization"));
}
