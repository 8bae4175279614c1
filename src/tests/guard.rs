//! What stands before the handlers.

use reqwest::StatusCode;

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
