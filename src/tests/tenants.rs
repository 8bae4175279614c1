//! Nobody reaches anybody else's data: every route with a session and every server function, tried with somebody else's
//! ids. Both are enumerated from what the router is built from, so that a new one without a line here fails. The API
//! for services is tried in `api.rs`, from its description.

use std::collections::BTreeSet;

use billhook::server::router::with_session;
use leptos::server_fn::axum::server_fn_paths;
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, Column, Row};

use crate::api::{Service, id_of};
use crate::harness::{Browser, Waiting, World, location};

/// What must come of somebody else's ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// They are what is asked about: there is no such thing for this person, and Stripe is not asked.
    Refused,
    /// They mean nothing here: what is done is done for the person's own organization.
    Own,
}
use Outcome::{Own, Refused};

/// Every route with a session.
pub const ROUTES: &[(&str, &str, Outcome)] = &[
    ("GET", "/auth/login", Own),
    ("GET", "/auth/callback", Own),
    ("POST", "/auth/logout", Own),
    ("POST", "/theme", Own),
    ("GET", "/api/organizations", Own),
    ("POST", "/api/organizations", Own),
    ("POST", "/api/organizations/rename", Own),
    ("POST", "/api/organizations/delete", Own),
    ("POST", "/api/members/role", Refused),
    ("POST", "/api/members/remove", Refused),
    ("POST", "/api/members/seat", Refused),
    ("POST", "/api/members/transfer", Own),
    ("POST", "/api/invitations", Own),
    ("POST", "/api/invitations/resend", Refused),
    ("POST", "/api/invitations/revoke", Own),
    ("POST", "/api/invitations/accept", Refused),
    ("POST", "/api/sessions/end", Own),
    ("POST", "/api/account/delete", Own),
    ("GET", "/settings/account/export.json", Own),
    ("POST", "/api/checkout", Own),
    ("POST", "/api/create-checkout-session", Own),
    ("POST", "/billing/create-checkout-session", Own),
    ("GET", "/billing/success", Refused),
    ("GET", "/api/checkout/success", Refused),
    ("POST", "/api/packs/checkout", Own),
    ("GET", "/billing/packs/success", Refused),
    ("POST", "/api/billing/portal", Own),
    ("POST", "/billing/create-portal-session", Own),
    ("GET", "/billing/return", Own),
    ("POST", "/api/subscription/cancel", Own),
    ("POST", "/api/subscription/reactivate", Own),
    ("POST", "/api/subscription/preview", Own),
    ("POST", "/api/subscription/change", Own),
    ("POST", "/api/subscription/keep", Own),
    ("POST", "/api/subscription/downgrade-to-free", Own),
    ("POST", "/api/keys", Own),
    ("POST", "/api/keys/revoke", Refused),
    ("GET", "/playground", Own),
    ("POST", "/playground", Own),
    ("POST", "/api/top-ups", Own),
    ("POST", "/api/contact-sales", Own),
    ("POST", "/api/time-zone", Own),
    ("GET", "/settings/usage/ledger.csv", Own),
    ("GET", "/settings/audit/log.csv", Own),
    ("GET", "/api/updates", Own),
    // Below, one by one.
    ("POST", "/pages/{*function}", Refused),
    ("GET", "/api/{*rest}", Refused),
    ("POST", "/api/{*rest}", Refused),
];

/// Every server function.
pub const FUNCTIONS: &[(&str, Outcome)] = &[
    ("/pages/account", Own),
    ("/pages/api-key", Refused),
    ("/pages/api-keys", Own),
    ("/pages/audit", Own),
    ("/pages/billing", Own),
    ("/pages/cancel", Own),
    ("/pages/change", Own),
    ("/pages/checkout", Own),
    ("/pages/dashboard", Own),
    ("/pages/feature", Own),
    ("/pages/invitation", Refused),
    ("/pages/member", Refused),
    ("/pages/playground", Own),
    ("/pages/team", Own),
    ("/pages/usage", Own),
];

/// Somebody with a bit of everything, and what it is called.
pub struct Victim {
    pub organization: String,
    /// Ids and names that nobody else may see; the organization's first.
    secrets: Vec<String>,
    session: String,
    pack_session: String,
    key: String,
    entry: String,
    audit: String,
    reservation: String,
    subscription: String,
    customer: String,
    user: String,
    team: String,
    invitation: String,
}

impl Victim {
    pub async fn new(world: &World) -> Self {
        let ada = world.signed_in("ada").await;
        let organization = id_of(&ada).await;
        let page = ada.check_out(&[("plan", "pro")]).await;
        let back = ada.pay(&page).await;
        ada.get(&back).await;
        let bought = location(&ada.post("/api/packs/checkout", &[("pack", "build-hours")]).await);
        let pack_back = ada.pay(&bought).await;
        ada.get(&pack_back).await;
        // Another one is under way.
        ada.post("/api/packs/checkout", &[("pack", "embeddings")]).await;
        let made = ada.send_json("/api/keys", &json!({"name": "ada-deploys", "access": "write"})).await;
        let service = Service { key: made["key"].as_str().unwrap().to_owned(), ..Service::new(world).await };
        service.done("/api/v1/usage", json!({"meter": "build-hours", "amount": 7})).await;
        let held = service.done("/api/v1/reserve", json!({"meter": "build-hours"})).await;
        ada.post("/api/time-zone", &[("zone", "Asia/Kathmandu")]).await;
        world.settled().await;
        let one = async |sql: &'static str| -> String {
            let query = sqlx::query_scalar(sql).bind(organization.clone());
            query.fetch_one(&world.database().await).await.unwrap()
        };
        let session_of =
            |address: &str| address.split_once("session_id=").unwrap().1.split('&').next().unwrap().to_owned();
        let mut victim = Self {
            session: session_of(&back),
            pack_session: session_of(&pack_back),
            key: made["id"].as_str().unwrap().to_owned(),
            entry: one("SELECT id FROM usage_entries WHERE organization_id = $1").await,
            audit: one("SELECT MAX(id) FROM audit_entries WHERE organization_id = $1").await,
            reservation: held["reservation"].as_str().unwrap().to_owned(),
            subscription: one("SELECT id FROM subscriptions WHERE organization_id = $1").await,
            customer: one("SELECT stripe_customer_id FROM organizations WHERE id = $1").await,
            user: one("SELECT user_id FROM memberships WHERE organization_id = $1").await,
            secrets: Vec::new(),
            team: String::new(),
            invitation: String::new(),
            organization: organization.clone(),
        };
        let made = ada.post_json("/api/organizations", &json!({"name": "ada-engines"})).await;
        made.json::<Value>().await.unwrap()["id"].as_str().unwrap().clone_into(&mut victim.team);
        let invite = format!("/api/invitations?organization={}", victim.team);
        ada.post(&invite, &[("email", "guest@example.com"), ("role", "member")]).await;
        let query = sqlx::query_scalar("SELECT id FROM invitations WHERE organization_id = $1").bind(&victim.team);
        victim.invitation = query.fetch_one(&world.database().await).await.unwrap();
        // A mail that is sent meanwhile would be a change.
        let waiting = "SELECT COUNT(*) FROM mails WHERE status = 'waiting'";
        let turns = Waiting::begin();
        let pool = world.database().await;
        while sqlx::query_scalar::<_, i64>(waiting).fetch_one(&pool).await.unwrap() > 0 {
            turns.turn().await;
        }
        let invoice = one("SELECT MAX(id) FROM invoices WHERE organization_id = $1").await;
        victim.secrets = [
            &victim.organization,
            &victim.session,
            &victim.pack_session,
            &victim.key,
            &victim.entry,
            &victim.audit,
            &victim.reservation,
            &victim.subscription,
            &victim.customer,
            &victim.user,
            &victim.team,
            &victim.invitation,
            &invoice,
        ]
        .into_iter()
        .cloned()
        .chain(
            ["Ada Lovelace", "ada@example.com", "ada-deploys", "ada-engines", "guest@example.com"].map(str::to_owned),
        )
        .collect();
        victim
    }

    /// What somebody would send who wants to reach it, by every name that a handler could look for.
    pub fn fields(&self, path: &str) -> Vec<(&'static str, String)> {
        let session = if path.contains("packs") { &self.pack_session } else { &self.session };
        let (key, before) = (&self.key, if path.contains("audit") { &self.audit } else { &self.entry });
        let mut fields: Vec<(&str, String)> = [
            ("session_id", session),
            ("sessionId", session),
            ("key", key),
            ("id", key),
            ("before", before),
            ("reservation", &self.reservation),
            ("customer", &self.customer),
            ("customerId", &self.customer),
            ("subscription", &self.subscription),
            ("subscriptionId", &self.subscription),
            ("organization", &self.organization),
            ("organizationId", &self.organization),
            ("organization_id", &self.organization),
            ("user", &self.user),
            ("userId", &self.user),
            ("invitation", &self.invitation),
            ("token", &self.invitation),
            ("by", &self.user),
        ]
        .map(|(name, id)| (name, id.clone()))
        .into();
        // And what else a handler may need, to come as far as it can.
        for (name, value) in [
            ("plan", "scale"),
            ("pack", "build-hours"),
            ("zone", "Europe/Berlin"),
            ("meter", "build-hours"),
            ("amount", "1"),
            ("name", "mine"),
            ("access", "read"),
            ("role", "admin"),
            ("seat", "yes"),
            ("email", "mine@example.com"),
            ("confirm", "Ada Lovelace"),
            ("feature", "autoscale"),
            ("revision", "-1"),
            ("theme", "dark"),
            ("action", if path.contains("top-ups") { "off" } else { "use" }),
            ("reason", "unused"),
            ("state", "x"),
        ] {
            fields.push((name, value.to_owned()));
        }
        fields
    }

    /// Its rows in every table: whatever names it.
    pub async fn rows(&self, world: &World) -> BTreeSet<String> {
        let pool = world.database().await;
        let mut rows = BTreeSet::new();
        for table in tables() {
            let query = AssertSqlSafe(format!("SELECT * FROM {table}"));
            for row in sqlx::query(query).fetch_all(&pool).await.unwrap() {
                rows.insert(format!("{table}: {}", text_of(&row)));
            }
        }
        let own = [&self.organization, &self.user, &self.customer, &self.subscription, &self.team];
        // A server takes so many connections, and this is asked often.
        pool.close().await;
        rows.retain(|row| own.iter().any(|id| row.contains(*id)));
        rows
    }
}

/// Every table, from the migrations.
fn tables() -> Vec<String> {
    let folder = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/migrations")).unwrap();
    let files = folder.map(|entry| entry.unwrap().path()).filter(|path| path.extension().is_some_and(|it| it == "sql"));
    let all: Vec<String> = files.map(|path| std::fs::read_to_string(path).unwrap()).collect();
    let after = |words: &str| {
        let rests = all.iter().flat_map(move |text| text.split(words).skip(1));
        rests.map(|rest| rest.split([' ', '(', ';']).next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let dropped = after("DROP TABLE ");
    after("CREATE TABLE ").into_iter().filter(|table| !dropped.contains(table)).collect()
}

fn text_of(row: &AnyRow) -> String {
    let cell = |at: usize| match row.try_get::<Option<String>, _>(at) {
        Ok(text) => format!("{text:?}"),
        Err(_) => format!("{:?}", row.get::<Option<i64>, _>(at)),
    };
    let cells = row.columns().iter().enumerate().map(|(at, column)| format!("{}={}", column.name(), cell(at)));
    cells.collect::<Vec<_>>().join(" ")
}

/// Tries one address, and sees that nothing comes of it.
struct Trial<'t> {
    world: &'t World,
    victim: &'t Victim,
    before: BTreeSet<String>,
}

impl Trial<'_> {
    async fn of(&self, what: &str, outcome: Outcome, request: RequestBuilder) {
        let (response, calls) = with_calls(self.world, request).await;
        let (status, headers) = (response.status(), format!("{:?}", response.headers()));
        let text = response.text().await.unwrap();
        match outcome {
            Refused => {
                let refused = [StatusCode::NOT_FOUND, StatusCode::FORBIDDEN].contains(&status);
                assert!(refused, "{what}: {status} {text}");
                assert_eq!(calls, json!([]), "{what}: Stripe was asked");
            }
            Own => assert!(!status.is_server_error(), "{what}: {status} {text}"),
        }
        for secret in &self.victim.secrets {
            assert!(!text.contains(secret) && !headers.contains(secret), "{what} tells {secret}: {headers} {text}");
            assert!(!calls.to_string().contains(secret), "{what} asks Stripe for {secret}: {calls}");
        }
        assert_eq!(self.victim.rows(self.world).await, self.before, "{what} changed what is somebody else's");
    }

    async fn of_all(&self) {
        for (method, path, outcome) in ROUTES {
            let address = path.replace("{*function}", "none").replace("{*rest}", &self.victim.organization);
            let fields = self.victim.fields(path);
            // An address that names an organization is about that one or about none.
            let named = [("organization", self.victim.organization.as_str())];
            let unnamed: Vec<_> = fields.iter().filter(|(name, _)| *name != "organization").collect();
            for accept in ["text/html", "application/json"] {
                let grace = self.world.signed_in("grace").await;
                let asked = || match *method {
                    "GET" => request(&grace, self.world, Method::GET, &address).query(&unnamed),
                    _ => request(&grace, self.world, Method::POST, &address).form(&fields),
                };
                let what = format!("{method} {path}");
                if accept == "text/html" {
                    self.of(&format!("{what}, named"), Refused, asked().query(&named).header("accept", accept)).await;
                }
                self.of(&what, *outcome, asked().header("accept", accept)).await;
            }
            if *method == "POST" {
                let grace = self.world.signed_in("grace").await;
                let body: serde_json::Map<String, Value> =
                    fields.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
                let request = request(&grace, self.world, Method::POST, &address).json(&body);
                self.of(&format!("{method} {path} as JSON"), *outcome, request).await;
            }
        }
        let grace = self.world.signed_in("grace").await;
        for (path, outcome) in FUNCTIONS {
            let request = request(&grace, self.world, Method::POST, path).form(&self.victim.fields(path));
            self.of(path, *outcome, request).await;
        }
        for page in [
            format!("/settings/api-keys/{}/revoke", self.victim.key),
            format!("/billing/success?session_id={}", self.victim.session),
        ] {
            self.of(&page, Refused, request(&grace, self.world, Method::GET, &page).header("accept", "text/html"))
                .await;
        }
        for page in ["/settings/usage", "/settings/audit", "/settings/billing", "/settings/api-keys", "/dashboard"] {
            let request = request(&grace, self.world, Method::GET, page).query(&self.victim.fields(page));
            self.of(page, Own, request.header("accept", "text/html")).await;
        }
    }
}

/// Sends a request, and answers with what Stripe was asked meanwhile as well.
pub async fn with_calls(world: &World, request: RequestBuilder) -> (Response, Value) {
    let log = format!("{}/sandbox/requests", world.sandbox.stripe_url());
    reqwest::Client::new().delete(&log).send().await.unwrap();
    let response = request.send().await.unwrap();
    let calls: Value = reqwest::get(&log).await.unwrap().json().await.unwrap();
    (response, calls["data"].clone())
}

pub fn request(browser: &Browser, world: &World, method: Method, path: &str) -> RequestBuilder {
    browser.client.request(method, format!("{}{path}", world.url)).header("sec-fetch-site", "same-origin")
}

#[test]
fn every_route_with_a_session_and_every_server_function_is_tried() {
    let routes: BTreeSet<String> =
        with_session().iter().map(|route| format!("{} {}", route.method, route.path)).collect();
    let tried = ROUTES.iter().map(|(method, path, _)| format!("{method} {path}")).collect();
    assert_eq!(routes, tried, "a line in ROUTES for each route");
    let functions: BTreeSet<&str> = server_fn_paths().map(|(path, _)| path).collect();
    assert_eq!(functions, FUNCTIONS.iter().map(|(path, _)| *path).collect(), "a line in FUNCTIONS for each function");
}

#[tokio::test]
async fn a_session_reaches_nothing_of_another_organization() {
    let world = World::start().await;
    let victim = Victim::new(&world).await;
    world.signed_in("grace").await;
    let before = victim.rows(&world).await;
    assert!(before.len() > 15, "{before:#?}");
    let trial = Trial { world: &world, victim: &victim, before };
    trial.of_all().await;
    // And once more with a subscription of one's own, with which a request comes further.
    let grace = world.signed_in("grace").await;
    let page = grace.check_out(&[("plan", "starter")]).await;
    let back = grace.pay(&page).await;
    grace.get(&back).await;
    world.settled().await;
    trial.of_all().await;
}
