//! Automatic top-ups: bought once when little is left, never above the cap, credited once, and told where they fail,
//! whoever is stopped in between.

use std::time::Duration;

use futures::future::join_all;
use reqwest::StatusCode;
use serde_json::{Value, json};
use sqlx::AnyPool;

use crate::api::{Service, id_of};
use crate::harness::{Browser, Waiting, World};
use crate::mail::{all_told, mailbox};
use crate::process::Served;

const PAGE: &str = "/settings/usage";

/// Somebody whose card is saved, on the free plan: 10 AI credits, and packs of 250 for $7.50.
struct Customer {
    world: World,
    ada: Browser,
    service: Service,
    organization: String,
    database: AnyPool,
}

impl Customer {
    async fn new() -> Self {
        Self::with("pm_card_visa").await
    }

    async fn with(card: &str) -> Self {
        let world = World::with_catalog("chat").await;
        let ada = world.signed_in("ada").await;
        let (service, organization) = (Service::new(&world).await, id_of(&ada).await);
        // Whoever goes to the portal becomes a customer at Stripe.
        ada.post("/api/billing/portal", &[]).await;
        let database = world.database().await;
        let customer = Self { world, ada, service, organization, database };
        customer.save_card(card).await;
        customer
    }

    async fn stripe_customer(&self) -> String {
        self.world.stripe("/v1/customers").await["data"][0]["id"].as_str().unwrap().to_owned()
    }

    /// Attaches a card and makes it the default.
    async fn save_card(&self, card: &str) {
        let customer = self.stripe_customer().await;
        let path = format!("/v1/payment_methods/{card}/attach");
        let method = self.world.stripe_post(&path, &[("customer", &customer)]).await;
        let default = ("invoice_settings[default_payment_method]", method["id"].as_str().unwrap());
        self.world.stripe_post(&format!("/v1/customers/{customer}"), &[default]).await;
    }

    async fn turn_on(&self, threshold: &str, cap: &str) {
        let response = self.ada.post("/api/top-ups", &on(threshold, cap)).await;
        assert_eq!(response.status(), StatusCode::SEE_OTHER, "{}", response.text().await.unwrap());
    }

    async fn consume(&self, amount: i64) -> (StatusCode, Value) {
        let body = json!({"organization": self.organization, "meter": "ai-credits", "amount": amount});
        self.service.post("/api/v1/usage", body).await
    }

    async fn credits(&self) -> Value {
        let check = json!({"organization": self.organization, "meter": "ai-credits"});
        self.service.done("/api/v1/check", check).await["meter"]["credits"].clone()
    }

    async fn has_credits(&self, credits: i64) {
        let waiting = Waiting::begin();
        while self.number("SELECT CAST(COALESCE(SUM(remaining), 0) AS BIGINT) FROM grants").await != credits {
            waiting.turn().await;
        }
        self.world.told().await;
        assert_eq!(self.credits().await, credits);
    }

    /// Waits until no top-up is under way.
    async fn done(&self) {
        let waiting = Waiting::begin();
        while self.number("SELECT COUNT(*) FROM top_ups WHERE over_at IS NULL").await > 0 {
            waiting.turn().await;
        }
        self.world.settled().await;
    }

    /// Waits until a top-up has been tried and put off.
    async fn put_off(&self) {
        let soon = billhook::server::clock::Clock::wall().0 + 200;
        let put_off = "SELECT COUNT(*) FROM top_ups WHERE over_at IS NULL AND next_attempt_at BETWEEN 1 AND $1";
        let waiting = Waiting::begin();
        while sqlx::query_scalar::<_, i64>(put_off).bind(soon).fetch_one(&self.database).await.unwrap() == 0 {
            waiting.turn().await;
        }
    }

    async fn number(&self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(&self.database).await.unwrap()
    }

    async fn invoices(&self) -> Vec<Value> {
        self.world.stripe("/v1/invoices?limit=100").await["data"].as_array().unwrap().clone()
    }

    async fn paid(&self) -> usize {
        self.invoices().await.iter().filter(|invoice| invoice["status"] == "paid").count()
    }

    async fn page(&self) -> String {
        let (status, page) = self.ada.read(PAGE).await;
        assert_eq!(status, StatusCode::OK);
        page
    }

    /// What everybody was sent, oldest first: to whom, the subject and the text.
    async fn mails(&self) -> Vec<(String, String, String)> {
        all_told(&self.world).await;
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let of = |mail: &Value| (text(&mail["to"][0]), text(&mail["subject"]), text(&mail["text"]));
        mailbox(&self.world).await.iter().rev().map(of).collect()
    }

    /// Makes what was put off due now. What somebody is at work on is taken for longer than anything is put off.
    async fn hurry(&self) {
        let soon = billhook::server::clock::Clock::wall().0 + 200;
        sqlx::query("UPDATE top_ups SET next_attempt_at = 0 WHERE over_at IS NULL AND next_attempt_at < $1")
            .bind(soon)
            .execute(&self.database)
            .await
            .unwrap();
    }

    async fn fault(&self, fault: Value) {
        self.world.control("/sandbox/faults", json!({"next": fault})).await;
    }
}

fn on<'a>(threshold: &'a str, cap: &'a str) -> [(&'a str, &'a str); 6] {
    [
        ("meter", "ai-credits"),
        ("action", "on"),
        ("pack", "credits"),
        ("threshold", threshold),
        ("cap", cap),
        ("agree", "yes"),
    ]
}

#[tokio::test]
async fn crossing_the_threshold_buys_one_pack_and_credits_it_once() {
    let it = Customer::new().await;
    assert!(it.page().await.contains("Turn on automatic top-ups"));
    it.turn_on("4", "30").await;
    let page = it.page().await;
    for words in ["When less than 4 AI credits are left, buy 250 AI credits for $7.50.", "$0 of at most $30 spent in"] {
        assert!(page.contains(words), "{words}: {page}");
    }
    it.consume(6).await;
    assert_eq!(it.number("SELECT COUNT(*) FROM top_ups").await, 0, "4 are left: nothing is due");
    let (status, _) = it.consume(1).await;
    assert_eq!(status, StatusCode::OK);
    it.has_credits(250).await;
    it.consume(1).await;
    it.done().await;
    assert_eq!(it.number("SELECT COUNT(*) FROM top_ups").await, 1);
    let invoices = it.invoices().await;
    assert_eq!(invoices.len(), 1);
    assert_eq!((&invoices[0]["status"], &invoices[0]["amount_paid"]), (&json!("paid"), &json!(750)));
    assert_eq!(invoices[0]["description"], "Automatic top-up: 250 AI credits");
    assert!(it.page().await.contains("$7.50 of at most $30 spent in"));
    assert!(it.ada.read("/settings/billing").await.1.contains("$7.50"), "the invoice is shown");
    let timeline = it.world.command(&["timeline", &it.organization]).unwrap();
    for action in ["top_up_on", "top_up_started", "granted"] {
        assert!(timeline.contains(action), "{action}: {timeline}");
    }
}

#[tokio::test]
async fn a_top_up_that_is_paid_back_takes_along_what_is_left_of_it() {
    let it = Customer::new().await;
    it.turn_on("4", "30").await;
    it.consume(7).await;
    it.has_credits(250).await;
    it.done().await;
    it.consume(53).await;
    it.has_credits(200).await;
    let charge = it.world.stripe("/v1/charges?limit=1").await["data"][0]["id"].as_str().unwrap().to_owned();
    it.world.stripe_post("/v1/refunds", &[("charge", &charge)]).await;
    it.has_credits(0).await;
    assert!(it.ada.read("/settings/audit").await.1.contains("A pack was paid back: 200 AI credits taken back."));
}

#[tokio::test]
async fn an_event_credits_as_well_and_told_again_credits_nothing() {
    let it = Customer::new().await;
    it.turn_on("4", "30").await;
    // The worker never learns what became of its invoice: the event alone tells.
    it.fault(json!([{"path_prefix": "/v1/invoices/", "method": "GET", "status": 500, "times": 100_000}])).await;
    it.consume(7).await;
    it.put_off().await;
    assert_eq!(it.credits().await, 0);
    let invoice: String = sqlx::query_scalar("SELECT invoice_id FROM top_ups").fetch_one(&it.database).await.unwrap();
    it.world.stripe_post(&format!("/v1/invoices/{invoice}/pay"), &[]).await;
    it.has_credits(250).await;
    it.fault(json!([])).await;
    it.hurry().await;
    it.done().await;
    let events = it.world.events().await;
    let told: Vec<&Value> = events.iter().filter(|event| event["type"] == "invoice.paid").collect();
    assert_eq!(told.len(), 1);
    for id in ["evt_again", "evt_and_again"] {
        let mut event = told[0].clone();
        event["id"] = json!(id);
        it.world.deliver_event(&event).await;
        it.world.deliver_event(&event).await;
    }
    it.world.worked_off().await;
    assert_eq!(it.credits().await, 250);
    assert_eq!((it.number("SELECT COUNT(*) FROM grants").await, it.paid().await), (1, 1));
}

#[tokio::test]
async fn the_cap_stops_it_and_the_next_month_goes_on() {
    let it = Customer::new().await;
    it.turn_on("4", "16").await;
    for bought in [250, 500] {
        // Down to three, from what the plan includes and the pack before.
        let left = it
            .service
            .done("/api/v1/check", json!({"organization": it.organization, "meter": "ai-credits"}))
            .await["meter"]["remaining"]
            .as_i64()
            .unwrap();
        assert_eq!(it.consume(left - 3).await.0, StatusCode::OK);
        it.done().await;
        assert_eq!(it.number("SELECT CAST(COALESCE(SUM(amount), 0) AS BIGINT) FROM grants").await, bought);
    }
    it.consume(250).await;
    let waiting = Waiting::begin();
    while it.number("SELECT COUNT(*) FROM top_up_settings WHERE capped_month IS NOT NULL").await == 0 {
        waiting.turn().await;
    }
    it.done().await;
    for _ in 0..3 {
        it.consume(1).await;
    }
    let (status, _) = it.consume(1).await;
    assert_ne!(status, StatusCode::OK);
    it.done().await;
    assert_eq!(it.paid().await, 2);
    let page = it.page().await;
    assert!(page.contains("Monthly cap reached") && page.contains("$15 of at most $16 spent in"), "{page}");
    let capped: Vec<_> =
        it.mails().await.into_iter().filter(|(_, subject, _)| subject.contains("monthly cap")).collect();
    assert_eq!(capped.len(), 1, "told once");
    assert!(capped[0].2.contains("$16") && capped[0].0 == "ada@example.com", "{capped:?}");
    it.world.control("/sandbox/clock", json!({"months": 1})).await;
    it.consume(1).await;
    it.consume(8).await;
    it.done().await;
    assert_eq!(it.paid().await, 3, "the next month has a cap of its own");
}

#[tokio::test]
async fn a_refusal_buys_a_pack_that_helps_and_none_that_does_not() {
    let it = Customer::new().await;
    it.turn_on("1", "30").await;
    let (status, _) = it.consume(261).await;
    assert_ne!(status, StatusCode::OK);
    it.done().await;
    assert_eq!(it.invoices().await.len(), 0, "a pack would not have been enough");
    let (status, _) = it.consume(260).await;
    assert_ne!(status, StatusCode::OK);
    it.has_credits(250).await;
    assert_eq!(it.consume(260).await.0, StatusCode::OK);
}

#[tokio::test]
async fn a_declined_card_pauses_and_tells_and_another_card_goes_on() {
    let it = Customer::with("pm_card_chargeCustomerFail").await;
    it.turn_on("4", "30").await;
    it.consume(7).await;
    it.done().await;
    let page = it.page().await;
    assert!(
        page.contains("A pack could not be bought. Your card was declined.") && page.contains("Try again"),
        "{page}"
    );
    assert_eq!(it.invoices().await[0]["status"], "void");
    let mails = it.mails().await;
    assert!(mails.iter().any(|(_, subject, _)| subject.ends_with("is paused")), "{mails:?}");
    it.consume(1).await;
    assert_eq!(it.number("SELECT COUNT(*) FROM top_ups").await, 1, "nothing more is tried");
    assert!(page.contains("$7.50") && it.credits().await == 0);
    it.save_card("pm_card_visa").await;
    let resumed = it.ada.post("/api/top-ups", &[("meter", "ai-credits"), ("action", "resume")]).await;
    assert_eq!(resumed.status(), StatusCode::SEE_OTHER);
    it.has_credits(250).await;
    it.done().await;
    let page = it.page().await;
    assert!(page.contains("$7.50 of at most $30 spent in"), "what was declined is not spent: {page}");
}

#[tokio::test]
async fn a_card_that_wants_its_owner_pauses() {
    let it = Customer::with("pm_card_threeDSecure2Required").await;
    it.turn_on("4", "30").await;
    it.consume(7).await;
    it.done().await;
    let page = it.page().await;
    assert!(page.contains("The bank wants every payment confirmed"), "{page}");
    assert_eq!((it.invoices().await[0]["status"].clone(), it.credits().await), (json!("void"), json!(0)));
}

#[tokio::test]
async fn a_card_that_is_only_attached_is_charged() {
    let it = Customer::new().await;
    let customer = it.stripe_customer().await;
    it.world
        .stripe_post(&format!("/v1/customers/{customer}"), &[("invoice_settings[default_payment_method]", "")])
        .await;
    it.turn_on("4", "30").await;
    it.consume(7).await;
    it.has_credits(250).await;
}

#[tokio::test]
async fn terms_that_make_no_sense_are_refused_and_kept() {
    let world = World::with_catalog("chat").await;
    let ada = world.signed_in("ada").await;
    let refused = ada.post("/api/top-ups", &on("4", "30")).await;
    assert_eq!(refused.status(), StatusCode::BAD_REQUEST);
    let page = refused.text().await.unwrap();
    assert!(page.contains("There is no saved card that could be charged."), "{page}");
    assert!(page.contains("payment_method") && page.contains("value=\"30\""), "a way to add one, and what was typed");
    let wrong = [
        ([("threshold", "few"), ("cap", "30"), ("agree", "yes")], "Write a whole number of AI credits from 1."),
        ([("threshold", "0"), ("cap", "30"), ("agree", "yes")], "Write a whole number of AI credits from 1."),
        ([("threshold", "4"), ("cap", "1,000"), ("agree", "yes")], "Write an amount such as 60 or 49.50."),
        ([("threshold", "4"), ("cap", "7.49"), ("agree", "yes")], "One pack costs $7.50"),
        ([("threshold", "4"), ("cap", "999999"), ("agree", "yes")], "At most $100,000."),
        ([("threshold", "4"), ("cap", "30"), ("agree", "")], "Agree to this"),
    ];
    for (fields, says) in wrong {
        let mut form = vec![("meter", "ai-credits"), ("action", "on"), ("pack", "credits")];
        form.extend(fields);
        let answer = ada.post("/api/top-ups", &form).await;
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST, "{says}");
        let page = answer.text().await.unwrap();
        assert!(page.contains(says), "{says}: {page}");
        assert!(page.contains(&format!("value=\"{}\"", fields[1].1)), "what was typed is kept");
        let program = json!({"meter": "ai-credits", "action": "on", "pack": "credits", "threshold": fields[0].1, "cap": fields[1].1, "agree": fields[2].1});
        let problem: Value = ada.post_json("/api/top-ups", &program).await.json().await.unwrap();
        assert!(problem["detail"].as_str().unwrap().contains(says), "{problem}");
    }
    let status = |form: &'static [(&str, &str)]| async { ada.post("/api/top-ups", form).await.status() };
    assert_eq!(status(&[("meter", "gold"), ("action", "on")]).await, StatusCode::NOT_FOUND);
    assert_eq!(status(&[("meter", "ai-credits"), ("action", "dance")]).await, StatusCode::BAD_REQUEST);
    sqlx::query("UPDATE memberships SET role = 'member'").execute(&world.database().await).await.unwrap();
    for action in ["on", "off", "resume"] {
        let answer = ada.post("/api/top-ups", &[("meter", "ai-credits"), ("action", action)]).await;
        assert_eq!(answer.status(), StatusCode::FORBIDDEN, "{action}");
    }
    assert!(!ada.read(PAGE).await.1.contains("action=\"/api/top-ups"));
    assert_eq!((world.count("top_up_settings").await, world.count("top_ups").await), (0, 0));
}

#[tokio::test]
async fn whoever_has_little_left_already_does_not_wait_and_off_is_off() {
    let it = Customer::new().await;
    it.consume(9).await;
    let terms =
        json!({"meter": "ai-credits", "action": "on", "pack": "credits", "threshold": 4, "cap": 30, "agree": true});
    assert_eq!(it.ada.send_json("/api/top-ups", &terms).await["action"], "on");
    it.has_credits(250).await;
    it.done().await;
    let off = it.ada.post("/api/top-ups", &[("meter", "ai-credits"), ("action", "off")]).await;
    assert_eq!(off.status(), StatusCode::SEE_OTHER);
    it.consume(250).await;
    it.done().await;
    assert_eq!(it.paid().await, 1);
    assert!(it.page().await.contains("$7.50 was spent in"));
}

#[tokio::test]
async fn a_note_that_is_out_of_date_buys_nothing() {
    let it = Customer::new().await;
    it.turn_on("4", "30").await;
    // As where another node read the credits just before they came.
    let note = "INSERT INTO top_ups (id, organization_id, meter, needed, status, noted_at, attempts, next_attempt_at)
                VALUES ('pur_1', $1, 'ai-credits', 4, 'due', 0, 0, 0)";
    sqlx::query(note).bind(it.organization.clone()).execute(&it.database).await.unwrap();
    it.done().await;
    assert_eq!((it.number("SELECT COUNT(*) FROM top_ups").await, it.invoices().await.len()), (0, 0));
}

#[tokio::test]
async fn nothing_is_bought_while_a_payment_is_overdue() {
    let it = Customer::new().await;
    let page = it.ada.check_out(&[("plan", "plus")]).await;
    let back = it.ada.pay(&page).await;
    it.ada.get(&back).await;
    it.turn_on("500", "30").await;
    it.done().await;
    it.world.control("/sandbox/payments", json!({"fail_next": 1})).await;
    it.world.control("/sandbox/clock", json!({"months": 1})).await;
    it.world.settled().await;
    let before = it.paid().await;
    it.consume(1).await;
    it.done().await;
    assert_eq!(it.paid().await, before);
    let page = it.page().await;
    assert!(page.contains("A payment is overdue or disputed"), "{page}");
}

#[tokio::test]
async fn whatever_call_is_lost_or_fails_one_pack_is_paid_and_credited() {
    let calls = ["/v1/invoices", "/v1/invoiceitems", "/v1/invoices/", "/v1/customers"];
    let ways = [
        json!({"status": 500, "save": true, "times": 1}),
        json!({"status": 500, "times": 3}),
        json!({"drop_after_commit": true, "times": 1}),
        json!({"drop_after_commit": true, "times": 3}),
    ];
    for call in calls {
        for way in &ways {
            let mut it = Customer::new().await;
            it.turn_on("4", "30").await;
            let mut fault = way.clone();
            fault["path_prefix"] = json!(call);
            it.fault(json!([fault])).await;
            it.consume(7).await;
            it.world.restart().await;
            let waiting = Waiting::begin();
            while it.number("SELECT COUNT(*) FROM top_ups WHERE status = 'paid'").await == 0 {
                it.hurry().await;
                waiting.turn().await;
            }
            it.done().await;
            assert_eq!((it.paid().await, it.credits().await), (1, json!(250)), "{call} {way}");
            assert_eq!(it.number("SELECT COUNT(*) FROM grants").await, 1, "{call} {way}");
        }
    }
}

/// An organization with a card, in front of processes that can be killed: on the plan with 40 build hours, and packs of
/// 20 for $15.
async fn customer(served: &Served, cap: &str) -> (AnyPool, Service) {
    let database = served.database.connect().await;
    let customer = served.stripe("/v1/customers", &[("metadata[organization]", "org_1")]).await;
    let customer = customer["id"].as_str().unwrap().to_owned();
    served.stripe("/v1/payment_methods/pm_card_visa/attach", &[("customer", &customer)]).await;
    let write = async |sql: &'static str, value: &str| {
        sqlx::query(sql).bind(value.to_owned()).execute(&database).await.unwrap();
    };
    let user =
        "INSERT INTO users (id, issuer, subject, email, name, created_at) VALUES ($1, 'i', 's', 'a@b.c', 'A', 0)";
    write(user, "usr_1").await;
    let organization = "INSERT INTO organizations (id, name, kind, subscription_tier, tier_reason, created_at,
             stripe_customer_id, top_ups)
         VALUES ('org_1', 'One', 'personal', 'starter', 'paid', 0, $1, '{\"build-hours\":{\"below\":10,\"adds\":20}}')";
    write(organization, &customer).await;
    let setting = "INSERT INTO top_up_settings (organization_id, meter, pack, threshold, adds, monthly_cap, currency,
             enabled, agreed_by, agreed_at)
         VALUES ('org_1', 'build-hours', 'build-hours', 10, 20, CAST($1 AS BIGINT), 'usd', 1, 'usr_1', 0)";
    write(setting, cap).await;
    let key = served.command(&["keys", "create", "--name", "race", "--organization", "org_1"]).trim().to_owned();
    (database, Service { client: served.client.clone(), url: served.url.clone(), key })
}

async fn count(database: &AnyPool, sql: &'static str) -> i64 {
    sqlx::query_scalar(sql).fetch_one(database).await.unwrap()
}

const OPEN: &str = "SELECT COUNT(*) FROM top_ups WHERE over_at IS NULL";
const GRANTED: &str = "SELECT COUNT(*) FROM grants";

async fn paid(served: &Served) -> i64 {
    let invoices = served.stripe("/v1/invoices?limit=100", &[]).await;
    let paid = invoices["data"].as_array().unwrap().iter().filter(|invoice| invoice["status"] == "paid").count();
    i64::try_from(paid).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_at_once_on_two_nodes_buy_exactly_what_is_due_and_never_more_than_the_cap() {
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
    let (database, service) = customer(&first, "4500").await;
    let services: Vec<Service> =
        nodes.iter().map(|node| Service { url: node.url.clone(), ..service.clone() }).collect();
    // 40, and three packs of 20: the fourth would pass the cap.
    for (uses, packs) in [(35, 1), (20, 2), (20, 3), (40, 3)] {
        let body = json!({"meter": "build-hours"});
        join_all((0..uses).map(|turn| services[turn % services.len()].post("/api/v1/usage", body.clone()))).await;
        while count(&database, OPEN).await > 0
            || (uses == 40
                && count(&database, "SELECT COUNT(*) FROM top_up_settings WHERE capped_month IS NOT NULL").await == 0)
        {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert_eq!((paid(&first).await, count(&database, GRANTED).await), (packs, packs), "after {uses} more");
    }
    let used = count(&database, "SELECT used FROM usage_counters WHERE meter = 'build-hours'").await;
    assert_eq!(used, 100, "all that there was, and nothing more");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_is_killed_at_any_moment_charges_once_and_credits_once() {
    let served = Served::new().await;
    let mut process = served.start().await;
    let (database, service) = customer(&served, "100000").await;
    for kill in 1..=8_u64 {
        let left = service.done("/api/v1/check", json!({"meter": "build-hours"})).await["meter"]["remaining"].as_i64();
        let amount = left.unwrap() - 9;
        service.done("/api/v1/usage", json!({"meter": "build-hours", "amount": amount})).await;
        // Somewhere between the note and the credit: the worker looks once a second, its calls take a few milliseconds.
        let waiting = Waiting::begin();
        while count(&database, "SELECT COUNT(*) FROM top_ups WHERE over_at IS NULL AND attempts > 0").await == 0
            && count(&database, GRANTED).await < i64::try_from(kill).unwrap()
        {
            waiting.turn().await;
        }
        tokio::time::sleep(Duration::from_millis(kill * 4)).await;
        process.kill();
        sqlx::query("UPDATE top_ups SET next_attempt_at = 0 WHERE over_at IS NULL").execute(&database).await.unwrap();
        process = served.start().await;
        let waiting = Waiting::begin();
        while count(&database, OPEN).await > 0 {
            waiting.turn().await;
        }
        let kill = i64::try_from(kill).unwrap();
        assert_eq!((paid(&served).await, count(&database, GRANTED).await), (kill, kill));
    }
}
