//! Asking sales: taken from anybody, once in a while, and told to those who sell. What an operator makes of it.

use reqwest::{Client, StatusCode};
use serde_json::{Value, json};

use crate::harness::{World, location, text_of};

const ASKED: [(&str, &str); 7] = [
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
    let url = format!("{}/sandbox/mail", world.sandbox.stripe_url());
    loop {
        let mails: Vec<Value> = Client::new().get(&url).send().await.unwrap().json().await.unwrap();
        if mails.len() >= count {
            return mails.into_iter().filter(|mail| mail["to"] == json!([address])).collect();
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_is_stored_mailed_and_listed() {
    let world = World::with("protocol-guide", &[("SALES_EMAIL", "Sales <sales@example.org>")]).await;
    let browser = world.browser();
    let (status, page) = browser.read("/contact-sales?plan=department-enterprise").await;
    assert_eq!(status, StatusCode::OK);
    assert!(page.contains("Talk to us about Department Enterprise"), "{page}");
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
