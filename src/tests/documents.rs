//! The documents behind the four catalogues, row by row, through both doors: what a service is answered, and what a
//! person on that plan sees. The numbers stand here as they stand there, and come from no catalogue.

use std::collections::BTreeMap;

use domain::catalog::Meter;
use domain::plan::{Limit, PlanId};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::api::{Service, id_of};
use crate::harness::{Browser, Waiting, World, location, text_of};
use crate::mail::mailbox;
use crate::team::{join, of, team};

const UNLIMITED: Limit = Limit::UNLIMITED;
/// More than any plan has that has a limit.
const MUCH: u64 = 1_000_000;

/// At most so many.
fn most(number: u64) -> Limit {
    Limit::AtMost(number)
}

/// How somebody comes to be on a plan.
#[derive(Clone, Copy)]
enum By {
    /// By signing in.
    Nothing,
    /// By paying, for so many seats where it has seats.
    Paying(u32),
    /// By talking to the sales team: nothing is bought here.
    Sales,
}
use By::{Nothing, Paying, Sales};

/// Somebody on a plan, and the service that asks about them.
struct Customer<'w> {
    world: &'w World,
    plan: &'static str,
    browser: Browser,
    service: Service,
    organization: String,
}

impl<'w> Customer<'w> {
    async fn on(world: &'w World, plan: &'static str, by: By) -> Self {
        let mut browser = world.signed_in(&format!("{plan}@example.com")).await;
        if plan.starts_with("department") {
            browser = browser.about(&team(&browser, "Station 4").await);
        }
        let organization = id_of(&browser).await;
        match by {
            Nothing => {}
            Paying(seats) => buy(&browser, plan, seats).await,
            Sales => {
                sqlx::query("UPDATE organizations SET subscription_tier = $2 WHERE id = $1")
                    .bind(organization.clone())
                    .bind(plan)
                    .execute(&world.database().await)
                    .await
                    .unwrap();
                sqlx::query("UPDATE memberships SET seat_since = 0 WHERE organization_id = $1")
                    .bind(organization.clone())
                    .execute(&world.database().await)
                    .await
                    .unwrap();
            }
        }
        Self { world, plan, browser, service: Service::new(world).await, organization }
    }

    /// Posts something about this organization.
    async fn ask(&self, path: &str, more: Value) -> (StatusCode, Value) {
        let mut body = json!({"organization": self.organization});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.service.post(path, body).await
    }

    async fn check(&self, meter: &str) -> Value {
        self.ask("/api/v1/check", json!({"meter": meter})).await.1["meter"].clone()
    }

    async fn take(&self, meter: &str, amount: u64) -> StatusCode {
        self.ask("/api/v1/usage", json!({"meter": meter, "amount": amount})).await.0
    }

    /// A page as somebody reads it, which must be there.
    async fn sees(&self, path: &str) -> String {
        let (status, html) = self.browser.read(path).await;
        assert_eq!(status, StatusCode::OK, "{path} on {}: {html}", self.plan);
        text_of(&html)
    }

    async fn assert_sees(&self, words: &str) {
        for path in ["/dashboard", "/settings/usage"] {
            let page = self.sees(path).await;
            assert!(page.contains(words), "`{words}` on {path} on {}: {page}", self.plan);
        }
    }

    /// A row of limits: so much and no more, through the API and on every page that speaks of it.
    async fn limit(&self, pricing: &str, meter: &Meter, limit: Limit) {
        let (id, on) = (meter.id.as_str(), self.plan);
        let wanted = serde_json::to_value(limit).unwrap();
        let organization = self.browser.organization().await;
        assert_eq!(organization["limits"][id], wanted, "{id} on {on}");
        assert_eq!(self.check(id).await["limit"], wanted, "{id} on {on}");
        let (_, all) = self.service.get(&format!("/api/v1/organizations/{}/entitlements", self.organization)).await;
        let row = all["meters"].as_array().unwrap().iter().find(|row| row["meter"] == id).unwrap().clone();
        assert_eq!((&row["limit"], &row["remaining"]), (&wanted, &wanted), "{id} on {on}");
        match limit {
            Limit::Unlimited(_) => {
                assert_eq!(self.take(id, MUCH).await, StatusCode::OK, "{id} on {on}");
                self.assert_sees(&format!("{}, 1,000,000 used", meter.allowance(limit))).await;
            }
            Limit::AtMost(0) => {
                assert_eq!(self.take(id, 1).await, StatusCode::PAYMENT_REQUIRED, "{id} on {on}");
                assert_eq!(self.check(id).await["reason"], "notInPlan", "{id} on {on}");
            }
            Limit::AtMost(number) => {
                self.assert_sees(&format!("0 of {} used", meter.quantity(number))).await;
                if number > 1 {
                    assert_eq!(self.take(id, number - 1).await, StatusCode::OK, "{id} on {on}");
                }
                assert_eq!(self.take(id, 1).await, StatusCode::OK, "the last of {id} on {on}");
                let (status, problem) = self.ask("/api/v1/usage", json!({"meter": id})).await;
                let waiting_helps = problem["meter"]["resetsAt"].is_i64();
                let refused = if waiting_helps { StatusCode::TOO_MANY_REQUESTS } else { StatusCode::PAYMENT_REQUIRED };
                assert_eq!((status, &problem["code"]), (refused, &json!("limit_reached")), "{id} on {on}: {problem}");
                let full = meter.quantity(number);
                let used = full.split(' ').next().unwrap().to_owned();
                self.assert_sees(&format!("{used} of {full} used")).await;
                self.assert_sees("The limit is reached.").await;
            }
        }
        if limit != most(0) {
            let line = meter.line(limit);
            assert!(card(pricing, on).contains(&line), "`{line}` on the card of {on}");
        }
    }

    /// A row of ticks.
    async fn feature(&self, id: &str, has: bool) {
        let (_, answer) = self.ask("/api/v1/check", json!({"feature": id})).await;
        assert_eq!(answer["allowed"], has, "{id} on {}: {answer}", self.plan);
        let (status, page) = self.browser.read(&format!("/features/{id}")).await;
        let wanted = if has { StatusCode::OK } else { StatusCode::FORBIDDEN };
        let said = if has { "Included in " } else { "Not included in " };
        assert!(status == wanted && page.contains(said), "{id} on {}: {status} {page}", self.plan);
    }
}

async fn buy(browser: &Browser, plan: &str, seats: u32) {
    let page = browser.check_out(&[("plan", plan), ("seats", &seats.to_string())]).await;
    assert_eq!(browser.get(&browser.pay(&page).await).await.status(), StatusCode::OK);
}

/// A plan's card on the pricing page.
fn card<'p>(pricing: &'p str, plan: &str) -> &'p str {
    let card = pricing.split(&format!("data-testid=\"price-{plan}\"")).nth(1).unwrap();
    card.split("data-testid=\"price-").next().unwrap()
}

/// A document's table: the plans above, a row for each meter and each feature.
struct Table<'t, const PLANS: usize> {
    plans: [(&'static str, By); PLANS],
    limits: &'t [(&'t str, [Limit; PLANS])],
    features: &'t [(&'t str, [bool; PLANS])],
    /// What is promised in words, on the pricing page.
    words: &'t [[&'t str; PLANS]],
}

impl<const PLANS: usize> Table<'_, PLANS> {
    async fn walk(&self, world: &World) {
        let (_, pricing) = world.browser().read("/pricing").await;
        let pricing = text_of(&pricing);
        let meters: BTreeMap<&str, &Meter> =
            world.app.catalog.meters.iter().map(|meter| (meter.id.as_str(), meter)).collect();
        for (at, (plan, by)) in self.plans.into_iter().enumerate() {
            let customer = Customer::on(world, plan, by).await;
            let organization = customer.browser.organization().await;
            assert_eq!(organization["subscriptionTier"], plan);
            let name = &world.app.catalog.plan(&PlanId::parse(plan).unwrap()).unwrap().name;
            customer.assert_sees(name).await;
            for (id, limits) in self.limits {
                customer.limit(&pricing, meters[id], limits[at]).await;
            }
            for (id, ticks) in self.features {
                customer.feature(id, ticks[at]).await;
            }
            for words in self.words {
                assert!(card(&pricing, plan).contains(words[at]), "`{}` on the card of {plan}", words[at]);
            }
        }
    }
}

#[tokio::test]
async fn dcvaas_row_by_row() {
    let world = World::with_catalog("dcvaas").await;
    Table {
        plans: [("free", Nothing), ("pro", Paying(1)), ("agency", Paying(1)), ("enterprise", Sales)],
        limits: &[("domains", [most(3), most(50), UNLIMITED, UNLIMITED])],
        features: &[],
        words: &[["Get started", "Start Trial", "Start Trial", "Contact Sales"]],
    }
    .walk(&world)
    .await;
}

/// The bug that the document tells of: agency in the database, and a limit of 3 on the screen.
#[tokio::test]
async fn dcvaas_agency_never_shows_the_limit_of_free() {
    let world = World::with_catalog("dcvaas").await;
    let customer = Customer::on(&world, "free", Nothing).await;
    for _ in 0..3 {
        assert_eq!(customer.take("domains", 1).await, StatusCode::OK);
    }
    assert_eq!(customer.take("domains", 1).await, StatusCode::PAYMENT_REQUIRED);
    assert!(customer.sees("/dashboard").await.contains("3 of 3 domains used"));
    // Nobody comes back from Stripe's page: the event alone brings the upgrade.
    let page = customer.browser.check_out(&[("plan", "agency")]).await;
    customer.browser.pay(&page).await;
    world.settled().await;
    assert_eq!(customer.take("domains", 1).await, StatusCode::OK);
    let organization = customer.browser.organization().await;
    assert_eq!(
        (&organization["subscriptionTier"], &organization["limits"]["domains"]),
        (&json!("agency"), &json!("unlimited"))
    );
    for path in [
        "/",
        "/dashboard",
        "/settings/usage",
        "/settings/billing",
        "/settings/api-keys",
        "/settings/audit",
        "/playground",
        "/features/white-label",
        "/features/dcv-delegation",
    ] {
        let page = customer.sees(path).await;
        for wrong in ["3 domains", "of 3", "limit of 3", "limit is reached"] {
            assert!(!page.contains(wrong), "`{wrong}` on {path}: {page}");
        }
    }
    customer.assert_sees("Unlimited domains, 4 used").await;
}

/// An agency is an organization of its own: what it buys is its members', and nobody's personal limit moves.
#[tokio::test]
async fn dcvaas_an_agency_and_a_person_stand_side_by_side() {
    let world = World::with_catalog("dcvaas").await;
    let ada = world.signed_in("ada").await;
    let agency = team(&ada, "Lovelace Agency").await;
    let page = location(&ada.post(&of(&agency, "/api/checkout"), &[("plan", "agency")]).await);
    ada.get(&ada.pay(&page).await).await;
    world.settled().await;
    let grace = join(&world, &ada, &agency, "grace", "member").await;
    for browser in [&ada, &grace] {
        let answer = browser.get("/api/organizations").await.json::<Value>().await.unwrap();
        let [personal, team] = answer["organizations"].as_array().unwrap().as_slice() else { panic!("{answer}") };
        let told = |it: &Value| {
            let text = |name: &str| it[name].as_str().unwrap().to_owned();
            (text("kind"), text("subscriptionTier"), it["limits"]["domains"].clone())
        };
        assert_eq!(told(personal), ("personal".to_owned(), "free".to_owned(), json!(3)));
        assert_eq!(told(team), ("team".to_owned(), "agency".to_owned(), json!("unlimited")));
        assert_eq!(team["id"], json!(agency));
    }
    let take = async |browser: &Browser, path: &str| {
        let fields = [("action", "use"), ("meter", "domains"), ("amount", "1")];
        let page = text_of(&browser.post(path, &fields).await.text().await.unwrap());
        page.split_once("answer-status").and_then(|(_, rest)| rest.split_once('>')).unwrap().1.starts_with("200")
    };
    let (team, own) = (of(&agency, "/playground"), "/playground");
    for taken in 1..=5 {
        assert!(take(&grace, &team).await, "{taken} of the agency's domains");
        assert_eq!(take(&grace, own).await, taken <= 3, "{taken} of her own");
    }
    let (status, page) = grace.read(&of(&agency, "/dashboard")).await;
    let page = text_of(&page);
    assert!(status == StatusCode::OK && page.contains("Unlimited domains, 5 used"), "{page}");
    let own = of(&grace.organizations().await[0].0, "/settings/usage");
    assert!(text_of(&grace.read(&own).await.1).contains("3 of 3 domains used"));
}

#[tokio::test]
async fn chat_row_by_row() {
    let world = World::with_catalog("chat").await;
    Table {
        plans: [("free", Nothing), ("plus", Paying(1)), ("pro", Paying(1))],
        // The numbers of Plus and Pro are ours.
        limits: &[("ai-credits", [most(10), most(500), most(2_000)])],
        features: &[],
        words: &[],
    }
    .walk(&world)
    .await;
}

#[tokio::test]
async fn chat_deducts_a_credit_for_each_message_and_logs_it() {
    let world = World::with_catalog("chat").await;
    let customer = Customer::on(&world, "free", Nothing).await;
    let ledger = format!("/api/v1/organizations/{}/usage", customer.organization);
    for sent in 1..=10_u64 {
        assert_eq!(customer.take("ai-credits", 1).await, StatusCode::OK);
        assert_eq!(customer.check("ai-credits").await["remaining"], 10 - sent);
        let (_, usage) = customer.service.get(&ledger).await;
        let entries = usage["entries"].as_array().unwrap();
        assert_eq!(entries.len() as u64, sent, "a line for each message");
        assert_eq!((&entries[0]["amount"], &entries[0]["meter"]), (&json!(1), &json!("ai-credits")));
        assert!(customer.sees("/dashboard").await.contains(&format!("{sent} of 10 AI credits used")));
    }
    assert_eq!(customer.take("ai-credits", 1).await, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(customer.service.get(&ledger).await.1["entries"].as_array().unwrap().len(), 10, "nor a line for this");
    // With the plan that shows the ledger, all of it is there.
    buy(&customer.browser, "pro", 1).await;
    assert_eq!(customer.take("ai-credits", 1).await, StatusCode::OK);
    let page = customer.sees("/settings/usage").await;
    assert!(page.contains("1 of 2,000 AI credits used"), "{page}");
    assert_eq!(page.matches("data-testid=\"ledger-line\"").count(), 11);
}

#[tokio::test]
async fn builder_row_by_row() {
    let world = World::with_catalog("builder").await;
    Table {
        plans: [("free", Nothing), ("starter", Paying(1)), ("pro", Paying(1)), ("scale", Paying(1))],
        limits: &[
            ("projects", [most(1), most(1), most(3), most(8)]),
            ("build-hours", [most(5), most(40), most(150), most(500)]),
            ("storage", [most(1), most(10), most(50), most(200)]),
            // Named by the document, without numbers.
            ("ai-embeddings", [most(1_000), most(10_000), most(50_000), most(200_000)]),
        ],
        features: &[
            ("basic-features", [true, true, true, true]),
            ("core-agents", [false, true, true, true]),
            ("stripe-integration", [false, true, true, true]),
            ("advanced-agents", [false, false, true, true]),
            ("autoscale", [false, false, true, true]),
            ("growth-agents", [false, false, false, true]),
            ("isolated-db", [false, false, false, true]),
        ],
        words: &[
            ["$0", "$30", "$60", "$120"],
            ["Community support", "Email support", "Priority support", "Dedicated support"],
        ],
    }
    .walk(&world)
    .await;
    let (_, yearly) = world.browser().read("/pricing?period=yearly").await;
    assert!(yearly.contains("Save 17%"), "{yearly}");
}

/// Both levels of each meter that has room for both: the answer, the words beside the bar, and a mail.
#[tokio::test]
async fn builder_warns_at_80_and_at_95_percent() {
    let world = World::with_catalog("builder").await;
    let customer = Customer::on(&world, "starter", Paying(1)).await;
    let meters = [("build-hours", [32, 38]), ("storage", [8, 10]), ("ai-embeddings", [8_000, 9_500])];
    for (meter, [nearly, almost]) in meters {
        let warned_of = async |words: &str| {
            let page = customer.sees("/dashboard").await;
            let shown = page.split(&format!("id=\"meter-{meter}\"")).nth(1).unwrap();
            shown.split("id=\"meter-").next().unwrap().contains(words)
        };
        customer.take(meter, nearly - 1).await;
        assert_eq!(customer.check(meter).await["warning"], Value::Null, "{meter}");
        assert!(!warned_of("limit.").await, "{meter}");
        customer.take(meter, 1).await;
        assert_eq!(customer.check(meter).await["warning"], 80, "{meter}");
        assert!(warned_of("Close to the limit.").await, "{meter}");
        customer.take(meter, almost - nearly).await;
        assert_eq!(customer.check(meter).await["warning"], 95, "{meter}");
        let last = if meter == "storage" { "The limit is reached." } else { "Almost at the limit." };
        assert!(warned_of(last).await, "{meter}");
    }
    // One project is all that Starter has.
    customer.take("projects", 1).await;
    assert_eq!(customer.check("projects").await["warning"], 95);
    let waiting = Waiting::begin();
    let mails: Vec<Value> = loop {
        let mails = mailbox(&world).await;
        if mails.len() >= 7 {
            break mails;
        }
        waiting.turn().await;
    };
    let mut subjects: Vec<&str> =
        mails.iter().map(|mail| mail["subject"].as_str().unwrap().split_once(" has used ").unwrap().1).collect();
    subjects.sort_unstable();
    assert_eq!(
        subjects,
        [
            "80 % of ai embeddings",
            "80 % of build hours",
            "80 % of storage",
            "95 % of ai embeddings",
            "95 % of build hours",
            "95 % of projects",
            "95 % of storage",
        ]
    );
}

#[tokio::test]
async fn protocol_guide_row_by_row_for_people() {
    let world = World::with_catalog("protocol-guide").await;
    Table {
        plans: [("free", Nothing), ("pro", Paying(1)), ("enterprise", Sales)],
        limits: &[
            ("daily-queries", [most(5), UNLIMITED, UNLIMITED]),
            ("counties", [most(1), UNLIMITED, UNLIMITED]),
            ("bookmarks", [most(5), UNLIMITED, UNLIMITED]),
            ("states", [most(0), most(1), UNLIMITED]),
            ("agencies", [most(1), most(10), UNLIMITED]),
        ],
        features: &[
            ("ai-haiku", [true, true, true]),
            ("ai-sonnet", [false, true, true]),
            ("ai-opus", [false, false, true]),
            ("offline-access", [false, true, true]),
            ("priority-support", [false, true, true]),
            ("advanced-search", [false, true, true]),
            ("sync-history", [false, true, true]),
            ("upload-protocols", [false, false, true]),
            ("manage-agency", [false, false, true]),
        ],
        words: &[["$0", "$9.99", "Contact Sales"]],
    }
    .walk(&world)
    .await;
}

#[tokio::test]
async fn protocol_guide_row_by_row_for_departments() {
    let world = World::with_catalog("protocol-guide").await;
    Table {
        plans: [
            ("department-starter", Paying(5)),
            ("department-professional", Paying(100)),
            ("department-enterprise", Sales),
        ],
        limits: &[
            ("protocols", [most(50), most(200), UNLIMITED]),
            ("storage", [most(1), most(10), most(100)]),
            ("states", [most(1), most(1), UNLIMITED]),
            ("agencies", [most(10), most(10), UNLIMITED]),
        ],
        features: &[
            ("priority-support", [false, true, true]),
            ("custom-branding", [false, true, true]),
            ("sso", [false, false, true]),
            ("api-access", [false, false, true]),
        ],
        words: &[["$7.99", "$5.99", "Contact Sales"]],
    }
    .walk(&world)
    .await;
    let browser = world.signed_in("captain@example.com").await;
    let browser = browser.about(&team(&browser, "Station 4").await);
    for (plan, seats) in [
        ("department-starter", "4"),
        ("department-starter", "21"),
        ("department-professional", "19"),
        ("department-professional", "101"),
    ] {
        let refused = browser.post("/api/checkout", &[("plan", plan), ("seats", seats)]).await;
        assert_eq!(refused.status(), StatusCode::BAD_REQUEST, "{plan} with {seats} seats");
    }
}

#[tokio::test]
async fn protocol_guide_s_queries_come_back_tomorrow() {
    let world = World::with_catalog("protocol-guide").await;
    let customer = Customer::on(&world, "free", Nothing).await;
    for asked in 1..=5 {
        assert_eq!(customer.take("daily-queries", 1).await, StatusCode::OK);
        customer.assert_sees(&format!("{asked} of 5 daily queries used")).await;
    }
    assert_eq!(customer.take("daily-queries", 1).await, StatusCode::TOO_MANY_REQUESTS);
    customer.assert_sees("Resets at midnight, UTC time.").await;
    // The message of the feature that is locked, as the document has it.
    assert!(customer.browser.read("/features/offline-access").await.1.contains("Pro unlocks it."));
    let tomorrow = customer.check("daily-queries").await["resetsAt"].as_i64().unwrap();
    customer.world.control("/sandbox/clock", json!({"advance_seconds": tomorrow - world.sandbox.now() + 1})).await;
    customer.assert_sees("0 of 5 daily queries used").await;
    assert_eq!(customer.take("daily-queries", 5).await, StatusCode::OK);
    assert_eq!(customer.take("daily-queries", 1).await, StatusCode::TOO_MANY_REQUESTS);
}
