//! No query of the application reads a whole table where an index could answer: what is quick on a new database must
//! stay quick when it has grown. SQLite is asked for its plans; the indexes are the same on PostgreSQL.

use std::collections::BTreeSet;
use std::fmt::{Debug, Write as _};
use std::sync::{Mutex, PoisonError};

use domain::access::PlanGrant;
use domain::organization::OrganizationId;
use domain::plan::PlanId;
use domain::time::Timestamp;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sqlx::{AnyPool, AssertSqlSafe, Row};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

use crate::api::{Service, id_of};
use crate::harness::{Browser, World, location};
use crate::seat_holders::Department;
use crate::team::{join, of, team, user_id};

/// Every text that was sent to a database in this process.
static STATEMENTS: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// What may be read whole: what does not grow with customers or with time, what a statement brings along, and the index
/// that has the events that wait and no others.
const SMALL: [&str; 5] = [
    "_sqlx_migrations",
    "reconciliations",
    "asked",
    "(subquery",
    "stripe_events USING COVERING INDEX stripe_events_work",
];
/// Has the tables that refer to users in its plan, in case that a check of theirs were deferred, which none is.
const NEW_USER: &str = "INSERT INTO users";

/// Collects the statements that sqlx tells of.
pub struct Collector;

impl<S: Subscriber> Layer<S> for Collector {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut statement = Statement::default();
        event.record(&mut statement);
        let text = if statement.whole.trim().is_empty() { statement.summary } else { statement.whole };
        STATEMENTS.lock().unwrap_or_else(PoisonError::into_inner).insert(text.trim().to_owned());
    }
}

#[derive(Default)]
struct Statement {
    summary: String,
    whole: String,
}

impl Visit for Statement {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "summary" => value.clone_into(&mut self.summary),
            "db.statement" => value.clone_into(&mut self.whole),
            _ => {}
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn Debug) {}
}

/// What customers, services and operators ask for in a day.
async fn a_day(world: &World) {
    let ada = world.signed_in("ada").await;
    let bought = ada.check_out(&[("plan", "pro")]).await;
    let back = ada.pay(&bought).await;
    ada.get(&back).await;
    world.settled().await;
    let (service, organization) = (Service::new(world).await, id_of(&ada).await);
    for path in [
        "/dashboard",
        "/settings/billing",
        "/settings/usage",
        "/settings/usage/ledger.csv",
        "/settings/api-keys",
        "/settings/audit?about=plan&by=nobody",
        "/settings/audit/log.csv",
        "/settings/account",
        "/settings/account/export.json",
        "/playground",
        "/features/autoscale",
        "/pricing",
    ] {
        assert!(ada.get(path).await.status().is_success(), "{path}");
    }
    ada.post("/api/keys", &[("name", "a key"), ("access", "write")]).await;
    ada.post("/api/time-zone", &[("zone", "Europe/Paris")]).await;
    for (path, body) in [
        ("/api/subscription/cancel", json!({"organization": organization})),
        ("/api/subscription/reactivate", json!({"organization": organization})),
    ] {
        ada.send_json(path, &body).await;
    }
    let asked = [("name", "A"), ("email", "a@b.example"), ("company", "C"), ("message", "More.")];
    ada.post("/api/contact-sales", &asked).await;
    assert_eq!(world.app.store.sales_requests(Timestamp(i64::MAX), 5).await.unwrap().len(), 1);
    let grant = PlanGrant { plan: PlanId::parse("scale").unwrap(), until: None };
    world.app.grant_plan(OrganizationId(organization.clone()), grant, "a pilot", None).await.unwrap();
    world.app.revoke_plan(&OrganizationId(organization.clone()), "over").await.unwrap();
    let pack = ada.post("/api/packs/checkout", &[("pack", "build-hours")]).await;
    ada.get(&ada.pay(&location(&pack)).await).await;
    world.settled().await;

    a_team(world, &ada).await;
    a_department().await;
    ada.post("/api/sessions/end", &[]).await;
    ada.post("/api/sessions/end", &[("session", "none")]).await;
    let alan = world.signed_in("alan").await;
    let left = alan.post("/api/account/delete", &[("confirm", "alan@example.com")]).await;
    assert_eq!(location(&left), "/?account=deleted");
    let of = |mut body: Value| {
        body["organization"] = json!(organization);
        body
    };
    let question = of(json!({"feature": "autoscale", "meter": "build-hours"}));
    service.done("/api/v1/check", question.clone()).await;
    service.done("/api/v1/check/batch", json!({"checks": [question]})).await;
    let used = of(json!({"meter": "build-hours", "amount": 2}));
    for _ in 0..2 {
        let answer = service.send(Method::POST, "/api/v1/usage", Some(&used), Some("once")).await;
        assert!(answer.status().is_success());
    }
    for end in ["confirm", "release"] {
        let held = service.done("/api/v1/reserve", of(json!({"meter": "build-hours", "amount": 1}))).await;
        service.done(&format!("/api/v1/{end}"), of(json!({"reservation": held["reservation"]}))).await;
    }
    for path in ["entitlements", "usage", "subscription"] {
        let (status, _) = service.get(&format!("/api/v1/organizations/{organization}/{path}")).await;
        assert!(status.is_success(), "{path}");
    }
    world.reconcile(true).await;
    world.control("/sandbox/clock", json!({"days": 32})).await;
    world.settled().await;
    ada.post("/auth/logout", &[]).await;
}

/// A department, whose plan has seats.
async fn a_department() {
    let department = Department::with_seats("5").await;
    let Department { world, ada, team, .. } = &department;
    let grace = join(world, ada, team, "grace", "member").await;
    let (own, id) = (id_of(&grace).await, user_id(world, "grace").await);
    for seat in ["no", "yes"] {
        assert_eq!(department.seat(ada, &id, seat).await.0, StatusCode::OK);
    }
    department.feature(team, "ai-sonnet", Some(&id)).await;
    for (organization, user) in [(team, Some(&*id)), (&own, None)] {
        assert_eq!(department.uses(organization, user, 1).await.0, StatusCode::OK);
    }
    for path in [of(team, "/settings/team"), of(&own, "/dashboard"), of(&own, "/settings/usage")] {
        assert!(grace.get(&path).await.status().is_success(), "{path}");
    }
    department.at_stripe("6").await;
}

/// A team comes and goes.
async fn a_team(world: &World, ada: &Browser) {
    let team = team(ada, "A team").await;
    let grace = join(world, ada, &team, "grace", "admin").await;
    let id = user_id(world, "grace").await;
    for path in ["/settings/team", "/settings/audit", "/dashboard"] {
        ada.get(&of(&team, path)).await;
    }
    let invite = of(&team, "/api/invitations");
    ada.post(&invite, &[("email", "somebody@example.com"), ("role", "member")]).await;
    let invitation: String = sqlx::query_scalar("SELECT id FROM invitations WHERE accepted_at IS NULL")
        .fetch_one(&world.database().await)
        .await
        .unwrap();
    world.control("/sandbox/clock", json!({"days": 1})).await;
    for (path, fields) in [
        ("/api/members/role", vec![("user", id.as_str()), ("role", "member")]),
        ("/api/members/transfer", vec![("user", id.as_str())]),
        ("/api/invitations/resend", vec![("invitation", invitation.as_str())]),
        ("/api/invitations/revoke", vec![("invitation", invitation.as_str())]),
        ("/api/organizations/rename", vec![("name", "Another name")]),
    ] {
        assert_eq!(ada.post(&of(&team, path), &fields).await.status(), StatusCode::SEE_OTHER, "{path}");
    }
    ada.post(&of(&team, "/api/members/remove"), &[("user", &user_id(world, "ada").await)]).await;
    grace.post(&of(&team, "/api/organizations/delete"), &[("confirm", "Another name")]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_query_reads_a_whole_table() {
    if std::env::var_os("BILLHOOK_TEST_POSTGRES").is_some() {
        return; // Its plans follow the size of the tables, which are empty here.
    }
    let world = World::start().await;
    a_day(&world).await;
    let statements = STATEMENTS.lock().unwrap_or_else(PoisonError::into_inner).clone();
    assert!(statements.len() > 80, "the day asks for more than {} statements", statements.len());
    let database = world.database().await;
    let mut said = String::new();
    for statement in &statements {
        for scan in whole_tables(&database, statement).await {
            writeln!(said, "{scan}: {statement}\n").unwrap();
        }
    }
    assert!(said.is_empty(), "{said}");
}

/// The tables that SQLite would read from end to end.
async fn whole_tables(database: &AnyPool, statement: &str) -> Vec<String> {
    let word = statement.split_whitespace().next().unwrap_or_default();
    if !["SELECT", "INSERT", "UPDATE", "DELETE", "WITH"].contains(&word) || statement.starts_with(NEW_USER) {
        return Vec::new();
    }
    let explain = AssertSqlSafe(format!("EXPLAIN QUERY PLAN {statement}"));
    let steps = sqlx::query(explain).fetch_all(database).await.unwrap_or_else(|error| panic!("{error}: {statement}"));
    let steps = steps.iter().map(|step| step.get::<String, _>("detail"));
    steps.filter(|step| reads_whole_table(step)).collect()
}

/// A step that is no `SEARCH`.
fn reads_whole_table(step: &str) -> bool {
    let Some(table) = step.strip_prefix("SCAN ") else { return false };
    !table.contains("CONSTANT ROW")
        && !table.contains("VALUES CLAUSE")
        && !SMALL.iter().any(|small| table.starts_with(small))
}
