//! The API for services: what is allowed and why, using it, keys, and nobody else's data.

use domain::organization::OrganizationId;
use reqwest::{Client, Method, Response, StatusCode};
use serde_json::{Value, json};

use crate::harness::{Browser, Waiting, World};
use billhook::server::store::KeyAccess;

/// A service with a key.
#[derive(Clone)]
pub struct Service {
    pub client: Client,
    pub url: String,
    pub key: String,
}

impl Service {
    /// One that may do everything for every organization.
    pub async fn new(world: &World) -> Self {
        Self::with(world, None, KeyAccess::Write).await
    }

    pub async fn with(world: &World, organization: Option<&str>, access: KeyAccess) -> Self {
        let organization = organization.map(|id| OrganizationId(id.to_owned()));
        let (_, secret) = world.app.create_key(organization, "a service", access, "operator").await.unwrap();
        Self { client: Client::new(), url: world.url.clone(), key: secret.expose().to_owned() }
    }

    pub async fn send(&self, method: Method, path: &str, body: Option<&Value>, idempotency: Option<&str>) -> Response {
        let mut request = self.client.request(method, format!("{}{path}", self.url)).bearer_auth(&self.key);
        if let Some(body) = body {
            request = request.json(body);
        }
        if let Some(key) = idempotency {
            request = request.header("idempotency-key", key);
        }
        request.send().await.unwrap()
    }

    pub async fn post(&self, path: &str, body: Value) -> (StatusCode, Value) {
        read(self.send(Method::POST, path, Some(&body), None).await).await
    }

    pub async fn get(&self, path: &str) -> (StatusCode, Value) {
        read(self.send(Method::GET, path, None, None).await).await
    }

    /// What must go well.
    pub async fn done(&self, path: &str, body: Value) -> Value {
        let (status, answer) = self.post(path, body).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        answer
    }
}

pub async fn read(response: Response) -> (StatusCode, Value) {
    let (status, text) = (response.status(), response.text().await.unwrap());
    (status, serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}")))
}

/// An answer without what differs from one request to the next.
pub fn comparable((status, mut answer): (StatusCode, Value)) -> (StatusCode, Value) {
    let inner = answer["answers"].as_array_mut().map(std::mem::take).unwrap_or_default();
    let inner = inner.into_iter().map(|each| comparable((status, each)).1).collect::<Vec<_>>();
    if let Some(members) = answer.as_object_mut() {
        members.remove("requestId");
        members.entry("answers").and_modify(|answers| *answers = Value::Array(inner));
    }
    (status, answer)
}

pub async fn id_of(browser: &Browser) -> String {
    browser.organization().await["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_service_asks_uses_is_refused_and_allowed_after_the_upgrade() {
    let world = World::with_catalog("chat").await;
    let ada = world.signed_in("ada").await;
    let (service, organization) = (Service::new(&world).await, id_of(&ada).await);
    let check = json!({"organization": organization, "feature": "web-search", "meter": "ai-credits"});
    let answer = service.done("/api/v1/check", check.clone()).await;
    assert_eq!(answer["allowed"], false);
    assert_eq!(answer["feature"]["reason"], "notInPlan");
    assert_eq!(answer["feature"]["unlockedBy"], "plus");
    assert_eq!(answer["meter"]["remaining"], 10);
    for used in 1..=10 {
        let receipt = service.done("/api/v1/usage", json!({"organization": organization, "meter": "ai-credits"})).await;
        assert_eq!(receipt["meter"]["used"], used);
        assert_eq!(receipt["meter"]["remaining"], 10 - used);
    }
    let body = json!({"organization": organization, "meter": "ai-credits"});
    let refused = service.send(Method::POST, "/api/v1/usage", Some(&body), None).await;
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    assert!(refused.headers().contains_key("retry-after"));
    assert_eq!(refused.headers()["content-type"], "application/problem+json");
    let problem: Value = refused.json().await.unwrap();
    assert_eq!(problem["code"], "limit_reached");
    assert_eq!(problem["meter"]["remaining"], 0);
    assert_eq!(problem["meter"]["unlockedBy"], "plus");
    assert!(problem["meter"]["resetsAt"].is_i64());

    let page = ada.check_out(&[("plan", "plus")]).await;
    let back = ada.pay(&page).await;
    ada.get(&back).await;
    let answer = service.done("/api/v1/check", check).await;
    assert_eq!((&answer["allowed"], &answer["plan"]), (&json!(true), &json!("plus")), "{answer}");
    assert_eq!(answer["meter"]["remaining"], 500, "a paid period counts anew");
    let receipt = service.done("/api/v1/usage", json!({"organization": organization, "meter": "ai-credits"})).await;
    assert_eq!(receipt["meter"]["remaining"], 499);
    let (_, ledger) = service.get(&format!("/api/v1/organizations/{organization}/usage")).await;
    assert_eq!(ledger["entries"].as_array().unwrap().len(), 11);
}

#[tokio::test]
async fn a_limit_that_never_resets_needs_a_plan_and_gives_back_what_is_removed() {
    let world = World::with_catalog("dcvaas").await;
    let service = Service::new(&world).await;
    let organization = id_of(&world.signed_in("ada").await).await;
    let add = json!({"organization": organization, "meter": "domains"});
    for _ in 0..3 {
        service.done("/api/v1/usage", add.clone()).await;
    }
    let (status, problem) = service.post("/api/v1/usage", add.clone()).await;
    assert_eq!(status, StatusCode::PAYMENT_REQUIRED, "{problem}");
    assert_eq!(problem["meter"]["unlockedBy"], "pro");
    let back =
        service.done("/api/v1/usage", json!({"organization": organization, "meter": "domains", "amount": -1})).await;
    assert_eq!(back["meter"]["used"], 2);
    service.done("/api/v1/usage", add).await;
}

#[tokio::test]
async fn the_same_request_is_carried_out_once() {
    let world = World::start().await;
    let service = Service::new(&world).await;
    let organization = id_of(&world.signed_in("ada").await).await;
    let body = json!({"organization": organization, "meter": "ai-embeddings", "amount": 7});
    let send = |body: Value, key: &'static str| {
        let service = service.clone();
        async move { read(service.send(Method::POST, "/api/v1/usage", Some(&body), Some(key)).await).await }
    };
    let first = send(body.clone(), "a").await;
    assert_eq!(first.0, StatusCode::OK);
    let again = futures::future::join_all((0..20).map(|_| send(body.clone(), "a"))).await;
    assert!(again.iter().all(|answer| *answer == first), "{again:?}");
    let at_once = futures::future::join_all((0..20).map(|_| send(body.clone(), "b"))).await;
    assert!(at_once.iter().all(|answer| *answer == at_once[0]));
    let other = json!({"organization": organization, "meter": "ai-embeddings", "amount": 8});
    let (status, problem) = send(other, "a").await;
    assert_eq!((status, &problem["code"]), (StatusCode::CONFLICT, &json!("conflict")));
    let answer = service.done("/api/v1/check", json!({"organization": organization, "meter": "ai-embeddings"})).await;
    assert_eq!(answer["meter"]["used"], 14);
    // The same key of another organization is another key.
    let other = id_of(&world.signed_in("grace").await).await;
    let (status, _) = send(json!({"organization": other, "meter": "ai-embeddings", "amount": 1}), "a").await;
    assert_eq!(status, StatusCode::OK);
}

/// Also where it could not be carried out any more.
#[tokio::test]
async fn what_was_carried_out_is_answered_the_same_when_nothing_is_left() {
    let world = World::start().await;
    let service = Service::new(&world).await;
    let organization = id_of(&world.signed_in("ada").await).await;
    let send = async |path: &str, mut body: Value| {
        body["organization"] = json!(organization);
        read(service.send(Method::POST, path, Some(&body), Some(path)).await).await
    };
    let reserve = ("/api/v1/reserve", json!({"meter": "build-hours", "amount": 4}));
    let held = send(reserve.0, reserve.1.clone()).await;
    let confirm = ("/api/v1/confirm", json!({"reservation": held.1["reservation"], "amount": 3}));
    let confirmed = send(confirm.0, confirm.1.clone()).await;
    let more = service.done("/api/v1/reserve", json!({"organization": organization, "meter": "build-hours"})).await;
    let release = ("/api/v1/release", json!({"reservation": more["reservation"]}));
    let released = send(release.0, release.1.clone()).await;
    let usage = ("/api/v1/usage", json!({"meter": "build-hours", "amount": 2}));
    let used = send(usage.0, usage.1.clone()).await;
    assert_eq!(used.1["meter"]["remaining"], 0);
    for ((path, body), first) in [(reserve, held), (confirm, confirmed), (release, released), (usage, used)] {
        assert_eq!(first.0, StatusCode::OK, "{path}: {}", first.1);
        assert_eq!(send(path, body).await, first, "{path}");
    }
    let other = send("/api/v1/usage", json!({"meter": "build-hours", "amount": 5})).await;
    assert_eq!(other.0, StatusCode::CONFLICT, "{}", other.1);
}

#[tokio::test]
async fn what_is_held_is_used_let_go_or_expires() {
    let world = World::start().await;
    let service = Service::new(&world).await;
    let organization = id_of(&world.signed_in("ada").await).await;
    let about = |more: Value| {
        let mut body = json!({"organization": organization});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let reserve = |amount: i64| about(json!({"meter": "build-hours", "amount": amount, "expiresIn": 600}));
    let held = service.done("/api/v1/reserve", reserve(4)).await;
    assert_eq!((&held["meter"]["reserved"], &held["meter"]["remaining"]), (&json!(4), &json!(1)));
    let (status, _) = service.post("/api/v1/reserve", reserve(2)).await;
    assert_eq!(status, StatusCode::TOO_MANY_REQUESTS);
    let confirm = about(json!({"reservation": held["reservation"], "amount": 3}));
    let used = service.done("/api/v1/confirm", confirm.clone()).await;
    assert_eq!((&used["meter"]["used"], &used["meter"]["reserved"]), (&json!(3), &json!(0)));
    let (status, problem) = service.post("/api/v1/confirm", confirm).await;
    assert_eq!(status, StatusCode::CONFLICT, "{problem}");
    let held = service.done("/api/v1/reserve", reserve(2)).await;
    let released = service.done("/api/v1/release", about(json!({"reservation": held["reservation"]}))).await;
    assert_eq!(released["meter"]["remaining"], 2);
    let forgotten = service.done("/api/v1/reserve", reserve(2)).await;
    world.control("/sandbox/clock", json!({"advance_seconds": 601})).await;
    let (status, problem) =
        service.post("/api/v1/confirm", about(json!({"reservation": forgotten["reservation"]}))).await;
    assert_eq!(status, StatusCode::CONFLICT, "{problem}");
    let waiting = Waiting::begin();
    while service.done("/api/v1/check", about(json!({"meter": "build-hours"}))).await["meter"]["reserved"] != 0 {
        waiting.turn().await;
    }
    service.done("/api/v1/usage", about(json!({"meter": "build-hours", "amount": 2}))).await;
}

#[tokio::test]
async fn a_day_s_allowance_comes_back_tomorrow() {
    let world = World::with_catalog("protocol-guide").await;
    let service = Service::new(&world).await;
    let organization = id_of(&world.signed_in("ada").await).await;
    let ask = json!({"organization": organization, "meter": "daily-queries"});
    for _ in 0..5 {
        service.done("/api/v1/usage", ask.clone()).await;
    }
    let (status, problem) = service.post("/api/v1/usage", ask.clone()).await;
    assert_eq!(status, StatusCode::TOO_MANY_REQUESTS);
    let tomorrow = problem["meter"]["resetsAt"].as_i64().unwrap();
    let wait = tomorrow - world.sandbox.now();
    world.control("/sandbox/clock", json!({"advance_seconds": wait - 2})).await;
    assert_eq!(service.post("/api/v1/usage", ask.clone()).await.0, StatusCode::TOO_MANY_REQUESTS);
    world.control("/sandbox/clock", json!({"advance_seconds": 5})).await;
    let receipt = service.done("/api/v1/usage", ask).await;
    assert_eq!(receipt["meter"]["used"], 1);
}

/// Of a subscription that is otherwise the same: the next use knows of it, not only what is read anew.
#[tokio::test]
async fn a_period_that_begins_anew_is_counted_anew() {
    let world = World::with_catalog("chat").await;
    let ada = world.signed_in("ada").await;
    let (service, organization) = (Service::new(&world).await, id_of(&ada).await);
    let back = ada.pay(&ada.check_out(&[("plan", "plus")]).await).await;
    ada.get(&back).await;
    world.settled().await;
    let body = json!({"organization": organization, "meter": "ai-credits"});
    for used in 1..=2 {
        assert_eq!(service.done("/api/v1/usage", body.clone()).await["meter"]["used"], used);
    }

    world.control("/sandbox/clock", json!({"days": 1})).await;
    let events = world.events().await;
    let of_subscription = |event: &&Value| event["data"]["object"]["object"] == "subscription";
    let mut event = events.iter().rfind(of_subscription).unwrap().clone();
    let (now, before) = (world.sandbox.now(), event["data"]["object"]["items"].clone());
    event["id"] = json!("evt_period");
    event["type"] = json!("customer.subscription.updated");
    event["created"] = json!(now);
    event["data"]["previous_attributes"] = json!({ "items": before });
    event["data"]["object"]["items"]["data"][0]["current_period_start"] = json!(now - 10);
    world.deliver_event(&event).await;
    world.worked_off().await;
    assert_eq!(service.done("/api/v1/usage", body).await["meter"]["used"], 1);
}

#[tokio::test]
async fn a_key_is_good_for_what_it_is_for_and_until_it_is_revoked() {
    let world = World::start().await;
    let (ada, grace) = (id_of(&world.signed_in("ada").await).await, id_of(&world.signed_in("grace").await).await);
    let own = Service::with(&world, Some(&ada), KeyAccess::Read).await;
    let check = json!({"meter": "projects"});
    assert_eq!(own.done("/api/v1/check", check.clone()).await["organization"], ada);
    let (status, problem) = own.post("/api/v1/check", json!({"organization": grace, "meter": "projects"})).await;
    assert_eq!((status, &problem["code"]), (StatusCode::NOT_FOUND, &json!("not_found")));
    assert_eq!(own.post("/api/v1/usage", check.clone()).await.0, StatusCode::FORBIDDEN);
    assert_eq!(world.count("usage_entries").await, 0);

    let made = world.command(&["keys", "create", "--name", "worker", "--organization", &ada]).unwrap();
    let worker = Service { key: made.trim().to_owned(), ..own.clone() };
    worker.done("/api/v1/usage", check.clone()).await;
    let list = world.command(&["keys", "list", "--organization", &ada]).unwrap();
    let line = list.lines().find(|line| line.contains("worker")).unwrap();
    assert!(line.contains("used "), "{line}");
    assert!(!list.contains(made.trim()), "the secret is not shown again");
    let id = line.split_whitespace().next().unwrap();
    world.command(&["keys", "revoke", id, "--organization", &ada]).unwrap();
    let waiting = Waiting::begin();
    while worker.post("/api/v1/check", check.clone()).await.0 != StatusCode::UNAUTHORIZED {
        waiting.turn().await;
    }
    for key in ["", "bhk_", "bhk_000000000000000000000000000000000000000000000000", "sk_test_1"] {
        let nobody = Service { key: key.to_owned(), ..own.clone() };
        assert_eq!(nobody.post("/api/v1/check", check.clone()).await.0, StatusCode::UNAUTHORIZED, "{key}");
    }
    let stored: Vec<String> =
        sqlx::query_scalar("SELECT hash FROM api_keys").fetch_all(&world.database().await).await.unwrap();
    assert!(stored.iter().all(|hash| hash.len() == 64 && !made.contains(hash.as_str())));
}

#[tokio::test]
async fn what_cannot_be_used_is_said_clearly() {
    let world = World::start().await;
    let service = Service::new(&world).await;
    let organization = id_of(&world.signed_in("ada").await).await;
    let with = |body: Value| {
        let mut all = json!({"organization": organization});
        all.as_object_mut().unwrap().extend(body.as_object().unwrap().clone());
        all
    };
    for (path, body, status, says) in [
        ("/api/v1/check", with(json!({})), 400, "feature"),
        ("/api/v1/check", json!({"meter": "projects"}), 400, "organization"),
        ("/api/v1/check", json!({"organization": "org_x", "meter": "projects"}), 404, "organization"),
        ("/api/v1/check", with(json!({"feature": "teleport"})), 404, "core-agents"),
        ("/api/v1/check", with(json!({"meter": "gold"})), 404, "build-hours"),
        ("/api/v1/check", with(json!({"meter": "projects", "amount": 0})), 400, "amount"),
        ("/api/v1/check", with(json!({"meters": "projects"})), 400, "meters"),
        ("/api/v1/usage", with(json!({"meter": "projects", "amount": 2_000_000_000})), 400, "amount"),
        ("/api/v1/usage", with(json!({"meter": "build-hours", "amount": -1})), 400, "taken back"),
        ("/api/v1/usage", with(json!({"meter": "projects", "amount": 1.5})), 400, "amount"),
        ("/api/v1/reserve", with(json!({"meter": "projects", "expiresIn": 0})), 400, "expiresIn"),
        ("/api/v1/confirm", with(json!({"reservation": "rsv_x"})), 404, "reservation"),
    ] {
        let (answered, problem) = service.post(path, body.clone()).await;
        assert_eq!(answered.as_u16(), status, "{path} {body}: {problem}");
        assert!(problem["detail"].as_str().unwrap().contains(says), "{path} {body}: {problem}");
    }
    let long = "k".repeat(256);
    let body = with(json!({"meter": "projects"}));
    let refused = service.send(Method::POST, "/api/v1/usage", Some(&body), Some(&long)).await;
    assert_eq!(refused.status(), StatusCode::BAD_REQUEST);
    assert_eq!(world.count("usage_entries").await, 0);
    let batch = service
        .done(
            "/api/v1/check/batch",
            json!({"checks": [with(json!({"meter": "projects"})), with(json!({"meter": "x"}))]}),
        )
        .await;
    assert_eq!(batch["answers"][0]["allowed"], true);
    assert_eq!(batch["answers"][1]["code"], "not_found");
}

#[tokio::test]
async fn the_older_names_answer_in_their_words() {
    let world = World::start().await;
    let service = Service::new(&world).await;
    let organization = id_of(&world.signed_in("ada").await).await;
    let access = service
        .done("/billing/check-feature-access", json!({"customerId": organization, "feature": "core-agents"}))
        .await;
    assert_eq!((&access["hasAccess"], &access["feature"]["unlockedBy"]), (&json!(false), &json!("starter")));
    service.done("/api/v1/usage", json!({"organization": organization, "meter": "build-hours", "amount": 4})).await;
    let limits = service.done("/billing/check-usage-limits", json!({"organization": organization})).await;
    assert_eq!(limits["withinLimits"], true);
    assert_eq!(limits["warnings"], json!(["Build hours: 80 % used."]));
    let (_, status) = service.get(&format!("/billing/subscription/status/{organization}")).await;
    assert_eq!(status["tier"], "free");
    let (_, plans) = service.get("/billing/plans").await;
    assert_eq!(plans["plans"].as_array().unwrap().len(), 4);
}

#[tokio::test]
async fn too_many_calls_are_slowed_down_and_every_answer_says_what_is_left() {
    let world = World::with("builder", &[("API_CALLS_PER_SECOND", "5")]).await;
    let organization = id_of(&world.signed_in("ada").await).await;
    let service = Service::with(&world, Some(&organization), KeyAccess::Read).await;
    let body = json!({"meter": "projects"});
    let mut refused = None;
    for _ in 0..50 {
        let response = service.send(Method::POST, "/api/v1/check", Some(&body), None).await;
        assert_eq!(response.headers()["ratelimit-limit"], "5");
        if response.status() == StatusCode::TOO_MANY_REQUESTS {
            refused = Some(response);
            break;
        }
    }
    let refused = refused.expect("the sixth call at once is too much");
    assert!(refused.headers().contains_key("retry-after"));
    assert_eq!(read(refused).await.1["code"], "rate_limited");
}

/// Every route of the description is tried with a key for another organization: no effect, and not even a sign that
/// the organization exists.
#[tokio::test]
async fn a_key_for_one_organization_sees_nothing_of_another() {
    let world = World::start().await;
    let (ada, grace) = (id_of(&world.signed_in("ada").await).await, id_of(&world.signed_in("grace").await).await);
    let all = Service::new(&world).await;
    let held = all.done("/api/v1/reserve", json!({"organization": grace, "meter": "build-hours"})).await;
    let (_, before) = all.get(&format!("/api/v1/organizations/{grace}/entitlements")).await;
    let adas = Service::with(&world, Some(&ada), KeyAccess::Write).await;
    let (_, description) = adas.get("/api/openapi.json").await;
    let mut tried = 0;
    for (path, methods) in description["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            if operation.get("security").is_none() {
                assert!(path.ends_with("/plans"), "{path} needs no key");
                continue;
            }
            tried += 1;
            let call = |id: &str| {
                let full = json!({
                    "organization": id, "feature": "core-agents", "meter": "build-hours", "amount": 1,
                    "reservation": held["reservation"],
                });
                let wanted = ["organization", "feature", "meter", "amount", "reservation"].map(str::to_owned);
                let name = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].as_str();
                let schema = name.map(|name| &description["components"]["schemas"][name.rsplit('/').next().unwrap()]);
                let known = |field: &String| schema.is_some_and(|schema| !schema["properties"][field].is_null());
                let body: serde_json::Map<String, Value> =
                    wanted.into_iter().filter(known).map(|field| (field.clone(), full[&field].clone())).collect();
                let body = if body.is_empty() {
                    json!({"checks": [{"organization": id, "meter": "projects"}]})
                } else {
                    Value::Object(body)
                };
                let (path, method) =
                    (path.replace("{id}", id), Method::from_bytes(method.to_uppercase().as_bytes()).unwrap());
                let adas = adas.clone();
                async move {
                    read(adas.send(method.clone(), &path, (method == Method::POST).then_some(&body), None).await).await
                }
            };
            let (status, answer) = comparable(call(&grace).await);
            let (nowhere, nothing) = comparable(call("org_nowhere").await);
            assert_eq!((status, &answer), (nowhere, &nothing), "{method} {path}");
            let refused = status == StatusCode::NOT_FOUND || answer["answers"][0]["code"] == "not_found";
            assert!(refused, "{method} {path}: {status} {answer}");
        }
    }
    assert!(tried >= 12, "{tried} routes");
    // Not by its own name either: the reservation is of the other organization.
    for path in ["/api/v1/confirm", "/api/v1/release"] {
        let (status, _) = adas.post(path, json!({"reservation": held["reservation"]})).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{path}");
    }
    let (_, after) = all.get(&format!("/api/v1/organizations/{grace}/entitlements")).await;
    assert_eq!(before, after);
}
