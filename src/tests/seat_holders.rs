//! Who has a seat: handing them out, what one unlocks in the team and beside one's own plan, and what its loss refuses
//! at once.

use std::time::{Duration, Instant};

use billhook::server::App;
use billhook::server::clock::Clock;
use billhook::server::config::Config;
use domain::access::{PlanGrant, Reason};
use domain::organization::OrganizationId;
use domain::plan::PlanId;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::api::{Service, id_of};
use crate::harness::{Browser, Waiting, World, location, text_of};
use crate::team::{join, of, team, user_id};

/// A node that hears nothing forgets what it knows after five seconds.
const FORGOTTEN: Duration = Duration::from_secs(4);

/// A team on a department plan, and a service that asks about it.
pub struct Department {
    pub world: World,
    pub ada: Browser,
    pub team: String,
    pub service: Service,
}

impl Department {
    /// Nothing is bought yet.
    pub async fn new() -> Self {
        let world = World::with("protocol-guide", &[("STRIPE_TRIAL_PERIOD_DAYS", "0")]).await;
        let ada = world.signed_in("ada").await;
        let team = team(&ada, "Station 4").await;
        let service = Service::new(&world).await;
        Self { world, ada, team, service }
    }

    /// With so many seats.
    pub async fn with_seats(seats: &str) -> Self {
        let department = Self::new().await;
        department.buy(seats).await;
        department
    }

    pub async fn buy(&self, seats: &str) {
        let fields = [("plan", "department-starter"), ("period", "monthly"), ("seats", seats)];
        let page = location(&self.ada.post(&of(&self.team, "/api/checkout"), &fields).await);
        self.ada.get(&self.ada.pay(&page).await).await;
        self.world.settled().await;
    }

    /// Gives a member a seat, or takes it back: what was answered.
    pub async fn seat(&self, by: &Browser, user: &str, seat: &str) -> (StatusCode, Value) {
        let path = of(&self.team, "/api/members/seat");
        let answer = by.post_json(&path, &json!({"user": user, "seat": seat})).await;
        (answer.status(), answer.json().await.unwrap())
    }

    /// What a service is told of a feature.
    pub async fn feature(&self, organization: &str, feature: &str, user: Option<&str>) -> Value {
        let mut body = json!({"organization": organization, "feature": feature});
        if let Some(user) = user {
            body["user"] = json!(user);
        }
        self.service.done("/api/v1/check", body).await["feature"].clone()
    }

    pub async fn uses(&self, organization: &str, user: Option<&str>, amount: u64) -> (StatusCode, Value) {
        let mut body = json!({"organization": organization, "meter": "daily-queries", "amount": amount});
        if let Some(user) = user {
            body["user"] = json!(user);
        }
        self.service.post("/api/v1/usage", body).await
    }

    /// Who has a seat, in the order in which they came.
    pub async fn seated(&self) -> Vec<String> {
        sqlx::query_scalar(
            "SELECT user_id FROM memberships WHERE organization_id = $1 AND seat_since IS NOT NULL
             ORDER BY created_at, user_id",
        )
        .bind(self.team.clone())
        .fetch_all(&self.world.database().await)
        .await
        .unwrap()
    }

    /// Lets somebody in without an invitation, at a moment.
    pub async fn lets_in(&self, user: &str, role: &str, at: i64) {
        sqlx::query("INSERT INTO memberships (organization_id, user_id, role, created_at) VALUES ($1, $2, $3, $4)")
            .bind(self.team.clone())
            .bind(user.to_owned())
            .bind(role.to_owned())
            .bind(at)
            .execute(&self.world.database().await)
            .await
            .unwrap();
    }

    /// The team's subscription at Stripe.
    pub async fn subscription(&self) -> Value {
        let all = self.world.stripe("/v1/subscriptions").await["data"].as_array().unwrap().clone();
        all.into_iter().find(|one| one["metadata"]["subscriptionType"] == "department").unwrap()
    }

    /// Sets the seats as somebody would in Stripe's dashboard.
    pub async fn at_stripe(&self, seats: &str) {
        let subscription = self.subscription().await;
        let path = format!("/v1/subscriptions/{}", subscription["id"].as_str().unwrap());
        let item = subscription["items"]["data"][0]["id"].as_str().unwrap();
        self.world.stripe_post(&path, &[("items[0][id]", item), ("items[0][quantity]", seats)]).await;
        self.world.settled().await;
    }

    /// Somebody ends the subscription in Stripe's dashboard.
    async fn ends_at_stripe(&self) -> String {
        let id = self.subscription().await["id"].as_str().unwrap().to_owned();
        self.world.stripe_delete(&format!("/v1/subscriptions/{id}")).await;
        self.world.settled().await;
        id
    }

    async fn page(&self, browser: &Browser, path: &str) -> (StatusCode, String) {
        let (status, page) = browser.read(&of(&self.team, path)).await;
        (status, text_of(&page))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_ten_admins_who_hand_out_the_last_seat_at_once_one_succeeds() {
    let department = Department::with_seats("5").await;
    let mut admins = Vec::new();
    for number in 0..10 {
        let name = format!("admin{number}@station.example");
        let browser = department.world.signed_in(&name).await;
        let id: String = sqlx::query_scalar("SELECT id FROM users WHERE email = $1")
            .bind(name)
            .fetch_one(&department.world.database().await)
            .await
            .unwrap();
        department.lets_in(&id, "admin", number).await;
        admins.push((browser, id));
    }
    for (_, id) in &admins[..3] {
        assert_eq!(department.seat(&department.ada, id, "yes").await.0, StatusCode::OK);
    }
    for round in 0..5 {
        assert_eq!(department.seated().await.len(), 4);
        let turns = admins.iter().enumerate().map(|(turn, (admin, _))| {
            let (_, whom) = &admins[3 + (turn + round) % 7];
            department.seat(admin, whom, "yes")
        });
        let answers = futures::future::join_all(turns).await;
        let seated = department.seated().await;
        assert_eq!(seated.len(), 5, "{answers:?}");
        let given = seated.iter().find(|id| admins[3..].iter().any(|(_, admin)| admin == *id)).unwrap();
        for (turn, (status, answer)) in answers.iter().enumerate() {
            // Three ask for somebody for whom another one asks, too: it is given to one person once.
            if admins[3 + (turn + round) % 7].1 == *given {
                assert_eq!(*status, StatusCode::OK, "{answer}");
            } else {
                assert_eq!(*status, StatusCode::CONFLICT, "{answer}");
                assert_eq!(answer["detail"], "All 5 seats are taken. Add a seat, or take one back.");
            }
        }
        assert_eq!(department.seat(&department.ada, given, "no").await.0, StatusCode::OK);
    }
    let given: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM audit_entries WHERE action = 'seat_assigned'")
        .fetch_one(&department.world.database().await)
        .await
        .unwrap();
    assert_eq!(given, 1 + 3 + 5, "what changes nothing is not written down");
}

#[tokio::test]
async fn a_seat_unlocks_and_its_loss_refuses_the_very_next_request() {
    let department = Department::with_seats("5").await;
    let Department { world, ada, team, service } = &department;
    let grace = join(world, ada, team, "grace", "member").await;
    let id = user_id(world, "grace").await;
    assert_eq!(department.seated().await.len(), 2, "a new member has a seat while one is free");
    let subject: String = sqlx::query_scalar("SELECT subject FROM users WHERE id = $1")
        .bind(id.clone())
        .fetch_one(&world.database().await)
        .await
        .unwrap();
    for user in [id.as_str(), subject.as_str()] {
        let answer = department.feature(team, "ai-sonnet", Some(user)).await;
        assert_eq!((&answer["allowed"], &answer["reason"]), (&json!(true), &json!("plan")), "{answer}");
    }
    assert_eq!(department.page(&grace, "/features/ai-sonnet").await.0, StatusCode::OK);
    assert_eq!(department.uses(team, Some(&id), 7).await.0, StatusCode::OK);
    assert!(department.page(&grace, "/settings/team").await.1.contains("2 of 5 seats taken"));

    assert_eq!(department.seat(ada, &id, "no").await.0, StatusCode::OK);
    let said = "Department Starter includes it for members with a seat. Ask an owner or admin for one.";
    for user in [id.as_str(), subject.as_str()] {
        let answer = department.feature(team, "ai-sonnet", Some(user)).await;
        assert_eq!((&answer["allowed"], &answer["reason"]), (&json!(false), &json!("noSeat")), "{answer}");
        assert_eq!((&answer["message"], &answer["unlockedBy"]), (&json!(said), &json!("department-starter")));
    }
    let (status, page) = department.page(&grace, "/features/ai-sonnet").await;
    assert!(status == StatusCode::FORBIDDEN && page.contains(said), "{page}");
    let (_, page) = department.page(&grace, "/dashboard").await;
    assert!(page.contains("You have no seat, so you have what Free includes."), "{page}");
    let (status, answer) = department.uses(team, Some(&id), 1).await;
    assert_eq!((status, &answer["meter"]["reason"]), (StatusCode::PAYMENT_REQUIRED, &json!("noSeat")), "{answer}");
    let press = [("action", "use"), ("meter", "daily-queries")];
    let tried = text_of(&grace.post(&of(team, "/playground"), &press).await.text().await.unwrap());
    assert!(tried.contains("402 Payment Required"), "as a service would be answered: {tried}");
    // The organization as a whole, and whoever has a seat, go on.
    assert_eq!(department.uses(team, None, 1).await.0, StatusCode::OK);
    let hers = user_id(world, "ada").await;
    assert_eq!(department.uses(team, Some(&hers), 1).await.0, StatusCode::OK);
    assert_eq!(department.feature(team, "ai-sonnet", None).await["allowed"], true);
    let (_, whole) = service.get(&format!("/api/v1/organizations/{team}/entitlements")).await;
    let (_, without) = service.get(&format!("/api/v1/organizations/{team}/entitlements?user={id}")).await;
    assert_eq!((&whole["plan"], &without["plan"]), (&json!("department-starter"), &json!("free")));
    assert_eq!(without["reason"], "no_seat");

    // The seat that was held with is not what is confirmed without.
    let held = json!({"organization": team, "meter": "counties", "user": id});
    let held = service.done("/api/v1/reserve", held).await["reservation"].clone();
    let confirm = |amount| json!({"organization": team, "reservation": held, "amount": amount});
    assert_eq!(service.post("/api/v1/confirm", confirm(2)).await.0, StatusCode::PAYMENT_REQUIRED);
    assert_eq!(service.post("/api/v1/confirm", confirm(1)).await.0, StatusCode::OK);

    for user in ["usr_nobody", "", &user_id_of_stranger(world).await] {
        let body = json!({"organization": team, "feature": "ai-sonnet", "meter": "counties", "user": user});
        let (status, problem) = service.post("/api/v1/check", body.clone()).await;
        assert!(status == StatusCode::NOT_FOUND && problem["detail"].as_str().unwrap().contains("member"), "{problem}");
        let batch = service.done("/api/v1/check/batch", json!({"checks": [body]})).await;
        assert_eq!(batch["answers"][0]["status"], 404, "{batch}");
        let body = json!({"organization": team, "meter": "counties", "user": user});
        for path in ["/api/v1/usage", "/api/v1/reserve"] {
            assert_eq!(service.post(path, body.clone()).await.0, StatusCode::NOT_FOUND, "{path} {user}");
        }
        let path = format!("/api/v1/organizations/{team}/entitlements?user={user}");
        assert_eq!(service.get(&path).await.0, StatusCode::NOT_FOUND);
    }
    assert_eq!(department.seat(ada, &id, "yes").await.0, StatusCode::OK);
    assert_eq!(department.feature(team, "ai-sonnet", Some(&id)).await["allowed"], true);
    // Who is removed is nobody at once, and their seat is free.
    ada.post(&of(team, "/api/members/remove"), &[("user", &id)]).await;
    assert_eq!(department.uses(team, Some(&id), 1).await.0, StatusCode::NOT_FOUND);
    assert_eq!(department.seated().await, [hers]);
}

async fn user_id_of_stranger(world: &World) -> String {
    world.signed_in("alan").await;
    user_id(world, "alan").await
}

#[tokio::test]
async fn a_person_has_the_better_of_their_own_plan_and_their_seat() {
    let department = Department::with_seats("5").await;
    let Department { world, ada, team, service } = &department;
    let grace = join(world, ada, team, "grace", "member").await;
    let (own, id) = (id_of(&grace).await, user_id(world, "grace").await);
    let source = json!({"organization": team, "name": "Station 4", "plan": "department-starter"});
    let answer = department.feature(&own, "ai-sonnet", None).await;
    assert_eq!((&answer["reason"], &answer["source"]), (&json!("seat"), &source), "{answer}");
    assert_eq!(department.feature(&own, "ai-haiku", None).await["source"], Value::Null);
    assert_eq!(department.feature(&own, "ai-opus", None).await["reason"], "notInPlan");
    let everything = service.get(&format!("/api/v1/organizations/{own}/entitlements")).await.1;
    assert_eq!((&everything["plan"], &everything["seats"]), (&json!("free"), &json!([source])));
    // The till counts the same limit.
    let (status, receipt) = department.uses(&own, None, 8).await;
    assert_eq!((status, &receipt["meter"]["source"]), (StatusCode::OK, &source), "{receipt}");
    assert_eq!(receipt["meter"]["limit"], "unlimited");
    let page = text_of(&grace.read(&format!("/dashboard?organization={own}")).await.1);
    assert!(page.contains("You have a seat at Station 4, which is on Department Starter."), "{page}");
    assert!(
        page.contains("through your seat at Station 4") && page.contains("Through your seat at Station 4."),
        "{page}"
    );
    let adds = page.split("Pro adds").nth(1).unwrap().split("</ul>").next().unwrap();
    assert_eq!(adds.matches("<li").count(), 1, "priority support, and nothing that she has: {adds}");
    let page = text_of(&grace.read(&format!("/settings/usage?organization={own}")).await.1);
    assert!(page.contains("Through your seat at Station 4."), "{page}");
    // The name is the team's of now.
    ada.post(&of(team, "/api/organizations/rename"), &[("name", "Station 5")]).await;
    assert_eq!(department.feature(&own, "ai-sonnet", None).await["source"]["name"], "Station 5");

    // Her own Pro: what is equal comes from it, what the team has more of does not.
    let fields = [("plan", "pro"), ("period", "monthly")];
    let page = location(&grace.post(&of(&own, "/api/checkout"), &fields).await);
    grace.get(&grace.pay(&page).await).await;
    world.settled().await;
    assert_eq!(department.feature(&own, "ai-sonnet", None).await["reason"], "plan");
    assert_eq!(department.feature(&own, "upload-protocols", None).await["reason"], "seat");
    department.seat(ada, &id, "no").await;
    assert_eq!(department.feature(&own, "upload-protocols", None).await["reason"], "notInPlan");
    assert_eq!(department.feature(&own, "ai-sonnet", None).await["reason"], "plan", "her own is hers");
    department.seat(ada, &id, "yes").await;
    grace.send_json(&of(&own, "/api/subscription/downgrade-to-free"), &json!({})).await;
    world.settled().await;
    assert_eq!(department.feature(&own, "ai-sonnet", None).await["reason"], "seat", "it lasts longer");
    department.seat(ada, &id, "no").await;
    assert_eq!(department.feature(&own, "ai-sonnet", None).await["reason"], "paidUntilEnd");
    world.control("/sandbox/clock", json!({"days": 32})).await;
    world.settled().await;
    assert_eq!(department.feature(&own, "ai-sonnet", None).await["reason"], "ended");
    department.seat(ada, &id, "yes").await;
    assert_eq!(department.uses(&own, None, 8).await.0, StatusCode::OK);
    department.seat(ada, &id, "no").await;
    let (status, answer) = department.uses(&own, None, 1).await;
    assert_eq!(status, StatusCode::PAYMENT_REQUIRED, "eight are used and five are free: {answer}");
}

#[tokio::test]
async fn what_ends_the_teams_plan_ends_what_its_seats_unlock() {
    let department = Department::with_seats("5").await;
    let Department { world, ada, team, .. } = &department;
    let grace = join(world, ada, team, "grace", "member").await;
    let own = id_of(&grace).await;
    let allowed = async || department.feature(&own, "ai-sonnet", None).await["allowed"].clone();
    assert_eq!(allowed().await, true);
    // Time alone: the paid period ends, and nothing has come from Stripe.
    ada.send_json(&of(team, "/api/subscription/cancel"), &json!({})).await;
    world.settled().await;
    assert_eq!(allowed().await, true);
    world.control("/sandbox/clock", json!({"days": 32})).await;
    world.settled().await;
    assert_eq!(allowed().await, false);
    assert_eq!(department.seated().await.len(), 2, "the assignments stay");
    let hers = user_id(world, "grace").await;
    assert_eq!(department.seat(ada, &hers, "no").await.0, StatusCode::OK);
    let (status, problem) = department.seat(ada, &hers, "yes").await;
    assert!(status == StatusCode::CONFLICT && problem["detail"].as_str().unwrap().contains("no seats"), "{problem}");
    // A plan that an operator grants has as many as anybody likes, and those who had one have it.
    let grant = PlanGrant { plan: PlanId::parse("department-enterprise").unwrap(), until: None };
    world.app.grant_plan(OrganizationId(team.clone()), grant, "a contract", None).await.unwrap();
    assert_eq!(department.seated().await.len(), 1);
    assert_eq!(department.seat(ada, &hers, "yes").await.0, StatusCode::OK);
    assert_eq!(allowed().await, true);
    assert!(department.page(ada, "/settings/team").await.1.contains("2 seats taken"));
    world.app.revoke_plan(&OrganizationId(team.clone()), "over").await.unwrap();
    assert_eq!(allowed().await, false);
    // The team is gone, and so is the seat.
    department.buy("5").await;
    assert_eq!(allowed().await, true);
    ada.post(&of(team, "/api/organizations/delete"), &[("confirm", "Station 4")]).await;
    assert_eq!(allowed().await, false);
}

#[tokio::test]
async fn seats_begin_with_the_subscription_in_the_order_in_which_people_came() {
    let department = Department::new().await;
    let mut came = vec![user_id(&department.world, "ada").await];
    for number in 1..7 {
        let name = format!("medic{number}@station.example");
        department.world.signed_in(&name).await;
        let id: String = sqlx::query_scalar("SELECT id FROM users WHERE email = $1")
            .bind(name)
            .fetch_one(&department.world.database().await)
            .await
            .unwrap();
        department.lets_in(&id, "member", i64::MAX - 10 + number).await;
        came.push(id);
    }
    assert!(department.seated().await.is_empty());
    department.buy("5").await;
    assert_eq!(department.seated().await, came[..5]);
    let (_, page) = department.page(&department.ada, "/settings/team").await;
    assert!(page.contains("5 of 5 seats taken") && page.contains("No seat is free."), "{page}");
    assert_eq!(page.matches(">No seat<").count(), 2, "{page}");
    assert!(!page.contains("Assign seat") && page.contains("One more costs $"), "{page}");
    let (_, page) = department.page(&department.ada, "/settings/audit").await;
    assert!(page.contains("Gave Ada Lovelace a seat."), "{page}");
    // Who has none is not given one by the next event, but by whoever may.
    department.world.control("/sandbox/clock", json!({"days": 32})).await;
    department.world.settled().await;
    assert_eq!(department.seated().await, came[..5]);
    department.seat(&department.ada, &came[0], "no").await;
    assert_eq!(department.seat(&department.ada, &came[6], "yes").await.0, StatusCode::OK);
    let grace = join(&department.world, &department.ada, &department.team, "grace", "member").await;
    assert_eq!(department.seated().await.len(), 5, "who comes when all are taken has none");
    let (_, page) = department.page(&grace, "/settings/team").await;
    assert!(page.contains(">No seat<") && !page.contains("Take seat back") && !page.contains("Assign seat"), "{page}");
    let (status, _) = department.seat(&grace, &came[0], "no").await;
    assert_eq!(status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn fewer_at_stripe_are_flagged_and_nobody_loses_theirs() {
    let department = Department::with_seats("7").await;
    let Department { ada, team, .. } = &department;
    for number in 1..7 {
        let id = format!("usr_{number}");
        let sql = "INSERT INTO users (id, issuer, subject, email, name, created_at) VALUES ($1, 'x', $1, $1, 'N', 0)";
        let database = department.world.database().await;
        sqlx::query(sql).bind(id.clone()).execute(&database).await.unwrap();
        department.lets_in(&id, "member", 0).await;
        assert_eq!(department.seat(ada, &id, "yes").await.0, StatusCode::OK);
    }
    department.at_stripe("5").await;
    let (_, page) = department.page(ada, "/settings/team").await;
    let said = "7 people have seats and the subscription has 5: add 2 seats, or take 2 seats back.";
    assert!(page.contains("7 of 5 seats taken") && page.contains(said), "{page}");
    assert_eq!(department.seated().await.len(), 7);
    assert_eq!(department.feature(team, "ai-sonnet", Some("usr_6")).await["allowed"], true);
    for id in ["usr_1", "usr_2"] {
        assert_eq!(department.seat(ada, id, "no").await.0, StatusCode::OK);
        let (status, answer) = department.seat(ada, id, "yes").await;
        assert_eq!(status, StatusCode::CONFLICT, "{answer}");
    }
    assert!(!department.page(ada, "/settings/team").await.1.contains("people have seats"));
    department.at_stripe("6").await;
    assert_eq!(department.seat(ada, "usr_1", "yes").await.0, StatusCode::OK);
    // Those that go with the renewal are not handed out any more.
    department.at_stripe("8").await;
    let wanted = json!({"plan": "department-starter", "period": "monthly", "seats": 6});
    ada.send_json(&of(team, "/api/subscription/change"), &wanted).await;
    let (status, answer) = department.seat(ada, "usr_2", "yes").await;
    assert_eq!(
        (status, &answer["detail"]),
        (StatusCode::CONFLICT, &json!("All 6 seats are taken. Add a seat, or take one back."))
    );
    assert!(department.page(ada, "/settings/team").await.1.contains("6 of them stay from"));
}

#[tokio::test]
async fn an_event_of_the_team_never_changes_the_person() {
    let department = Department::with_seats("5").await;
    let Department { world, ada, team, .. } = &department;
    let own = id_of(ada).await;
    let fields = [("plan", "pro"), ("period", "yearly")];
    let page = location(&ada.post(&of(&own, "/api/checkout"), &fields).await);
    ada.get(&ada.pay(&page).await).await;
    world.settled().await;
    let database = world.database().await;
    let person = async || -> Vec<(String, String, String)> {
        let sql = "SELECT o.subscription_tier, o.tier_reason, s.id || s.status || s.quantity || s.period_end
                   FROM organizations o JOIN subscriptions s ON s.organization_id = o.id WHERE o.id = $1";
        sqlx::query_as(sql).bind(own.clone()).fetch_all(&database).await.unwrap()
    };
    let tier = async || {
        let tiers = ada.organizations().await;
        tiers.into_iter().find(|(id, _)| id == team).unwrap().1
    };
    let before = person().await;
    assert_eq!((before.len(), before[0].0.as_str(), &*tier().await), (1, "pro", "department-starter"));
    department.at_stripe("9").await;
    assert_eq!(person().await, before);
    let id = department.ends_at_stripe().await;
    world.reconcile(true).await;
    assert_eq!(person().await, before);
    let ended: String = sqlx::query_scalar("SELECT status FROM subscriptions WHERE id = $1")
        .bind(id)
        .fetch_one(&database)
        .await
        .unwrap();
    assert_eq!(ended, "canceled");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_node_hears_of_a_seat() {
    let department = Department::with_seats("5").await;
    let Department { world, ada, team, .. } = &department;
    let grace = join(world, ada, team, "grace", "member").await;
    let (own, id) = (OrganizationId(id_of(&grace).await), user_id(world, "grace").await);
    let sandbox = std::sync::Arc::clone(&world.sandbox);
    let other = App::open(Config::read(&world.variables()).unwrap(), Clock::from_fn(move || sandbox.now())).await;
    let other = other.unwrap();
    let member = async || other.member(&OrganizationId(team.clone()), &id).await.unwrap().seated;
    let seats = async || other.standing(&own).await.unwrap().0.seats.clone();
    let ended = async || seats().await.iter().any(|seat| seat.reason == Reason::PaidUntilEnd);
    for seat in ["no", "yes", "no", "yes"] {
        assert_eq!((member().await, seats().await.len()), if seat == "no" { (true, 1) } else { (false, 0) });
        department.seat(ada, &id, seat).await;
        let (waiting, told) = (Waiting::begin(), Instant::now());
        while member().await != (seat == "yes") || seats().await.is_empty() == (seat == "yes") {
            waiting.turn().await;
        }
        assert!(told.elapsed() < FORGOTTEN, "it was heard, not forgotten");
    }
    department.ends_at_stripe().await;
    let (waiting, told) = (Waiting::begin(), Instant::now());
    while !ended().await {
        waiting.turn().await;
    }
    assert!(told.elapsed() < FORGOTTEN, "it was heard, not forgotten");
    other.store.close().await;
    let answer = department.service.send(Method::GET, "/api/v1/plans", None, None).await;
    assert!(answer.status().is_success(), "the first one goes on");
}
