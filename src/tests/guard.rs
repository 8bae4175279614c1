//! What stands before the handlers.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::api::Service;
use crate::harness::World;

#[tokio::test]
async fn requests_from_other_sites_change_nothing() {
    let world = World::start().await;
    let browser = world.signed_in("ada").await;
    let posts = [
        "/auth/logout",
        "/theme",
        "/api/checkout",
        "/api/billing/portal",
        "/api/keys",
        "/api/keys/revoke",
        "/api/time-zone",
        "/playground",
        "/pages/billing",
        "/pages/checkout",
    ];
    for path in posts {
        for (name, value) in [
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
            ("origin", "https://evil.example"),
            ("origin", "null"),
            ("accept", "*/*"),
        ] {
            let request = browser.client.post(format!("{}{path}", world.url)).header(name, value);
            let response = request.form(&[("plan", "pro")]).send().await.unwrap();
            assert_eq!(response.status(), StatusCode::FORBIDDEN, "{path} {name}: {value}");
        }
    }
    assert_eq!(world.count("checkouts").await, 0);
    assert_eq!(browser.get("/dashboard").await.status(), StatusCode::OK);
    let own = browser.client.post(format!("{}/theme", world.url)).header("origin", &world.url);
    assert_eq!(own.form(&[("theme", "dark")]).send().await.unwrap().status(), StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn every_answer_carries_the_safe_headers() {
    let world = World::start().await;
    for path in ["/", "/pricing", "/nowhere", "/healthz", "/api/organizations", "/api/v1/plans"] {
        let response = world.browser().get(path).await;
        let headers = response.headers();
        for name in
            ["content-security-policy", "x-content-type-options", "referrer-policy", "cross-origin-opener-policy"]
        {
            assert!(headers.contains_key(name), "{path} lacks {name}");
        }
    }
    let page = world.browser().get("/").await;
    let policy = page.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(!policy.contains("unsafe-inline") && policy.contains("'wasm-unsafe-eval'"), "{policy}");
    let nonce = policy.split("'nonce-").nth(1).unwrap().split('\'').next().unwrap().to_owned();
    let text = page.text().await.unwrap();
    let scripts = text.matches("<script").count();
    assert_eq!(text.matches(&format!("nonce=\"{nonce}\"")).count(), scripts, "{text}");
}

#[tokio::test]
async fn private_pages_are_not_kept_by_the_browser() {
    let world = World::start().await;
    let browser = world.signed_in("ada").await;
    for path in [
        "/dashboard",
        "/settings/billing",
        "/settings/usage",
        "/settings/api-keys",
        "/settings/audit",
        "/playground",
        "/checkout/pro",
    ] {
        let response = browser.get(path).await;
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        assert_eq!(response.headers()["cache-control"], "no-store", "{path}");
    }
}

/// Whoever is refused can quote the request: its id is in the answer's header, in the failure itself and in the log.
#[tokio::test]
async fn every_failure_names_its_request() {
    let world = World::start().await;
    let service = Service::new(&world).await;
    let stranger = Service { key: "bhk_nobody".to_owned(), ..service.clone() };
    let (_, description) = service.get("/api/openapi.json").await;
    assert!(description["components"]["schemas"]["Problem"]["properties"]["requestId"].is_object(), "{description}");

    let organization = crate::api::id_of(&world.signed_in("ada").await).await;
    let used_up = json!({"organization": organization, "meter": "projects", "amount": 9});
    let mut failures = vec![
        service.send(Method::POST, "/api/v1/usage", Some(&used_up), None).await,
        service.send(Method::POST, "/api/v1/usage", Some(&json!({"meter": 1})), None).await,
        service.send(Method::GET, "/api/v1/organizations/org_x/usage?limit=many", None, None).await,
        service.send(Method::GET, "/api/organizations", None, None).await,
        service.send(Method::GET, "/api/nothing", None, None).await,
        service.send(Method::POST, "/pages/billing", None, None).await,
        world
            .browser()
            .client
            .post(format!("{}/pages/change", world.url))
            .header("origin", &world.url)
            .send()
            .await
            .unwrap(),
        world.browser().post_json("/pages/billing", &json!({})).await,
    ];
    for (path, methods) in description["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            if operation.get("security").is_some() {
                let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
                failures.push(stranger.send(method, path, Some(&json!({})), None).await);
            }
        }
    }
    let mut seen = Vec::new();
    for failure in failures {
        let (status, url) = (failure.status(), failure.url().clone());
        let id = failure.headers()["x-request-id"].to_str().unwrap().to_owned();
        let text = failure.text().await.unwrap();
        let problem: Value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{url}: {status} {text}"));
        assert!(status.as_u16() >= 400 && problem["requestId"] == id, "{url}: {status} {problem} in answer {id}");
        seen.push(id);
    }
    let answers = seen.len();
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), answers, "each request has an id of its own");
}

/// What the framework refuses by itself is told like everything else.
#[tokio::test]
async fn a_wrong_method_and_too_large_a_body_are_problems_too() {
    let world = World::start().await;
    let ada = world.signed_in("ada").await;
    let service = Service::new(&world).await;
    let large = json!({"plan": "x".repeat(1024 * 1024 + 1), "meter": "projects", "payload": "x".repeat(1024 * 1024)});
    let failures = [
        (405, "method_not_allowed", service.send(Method::GET, "/api/v1/usage", None, None).await),
        (405, "method_not_allowed", ada.get("/api/checkout").await),
        (405, "method_not_allowed", service.send(Method::PUT, "/api/webhooks/stripe", None, None).await),
        (413, "too_large", ada.post_json("/api/checkout", &large).await),
        (413, "too_large", service.send(Method::POST, "/api/v1/check", Some(&large), None).await),
        (413, "too_large", service.send(Method::POST, "/api/webhooks/stripe", Some(&large), None).await),
    ];
    for (status, code, failure) in failures {
        let (answered, url, headers) = (failure.status(), failure.url().clone(), failure.headers().clone());
        assert_eq!(answered, status, "{url}");
        assert_eq!(headers["content-type"], "application/problem+json", "{url}");
        assert_eq!(headers.contains_key("allow"), status == 405, "{url}");
        assert_eq!(headers["x-content-type-options"], "nosniff", "{url}");
        let problem: Value = failure.json().await.unwrap();
        assert_eq!((&problem["code"], &problem["status"]), (&json!(code), &json!(status)), "{url}");
        assert_eq!(problem["requestId"], json!(headers["x-request-id"].to_str().unwrap()), "{url}");
    }
}
