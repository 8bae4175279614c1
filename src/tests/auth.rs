//! Sign-in and sign-out.

use reqwest::StatusCode;
use reqwest::header::{COOKIE, SET_COOKIE};

use crate::harness::{World, location};

#[tokio::test]
async fn a_first_sign_in_makes_a_personal_organization_on_the_free_plan() {
    let world = World::start().await;
    let browser = world.signed_in("ada").await;
    let organization = browser.organization().await;
    assert_eq!(organization["kind"], "personal");
    assert_eq!(organization["role"], "owner");
    assert_eq!(organization["subscriptionTier"], "free");
    assert_eq!(organization["limits"]["projects"], 1);
    // A second sign-in, in another browser, finds the same one.
    let again = world.signed_in("ada").await.organization().await;
    assert_eq!(again["id"], organization["id"]);
    assert_eq!(world.count("organizations").await, 1);
}

#[tokio::test]
async fn private_pages_ask_for_sign_in_and_come_back() {
    let world = World::start().await;
    let browser = world.browser();
    let response = browser.get("/checkout/pro?period=yearly").await;
    assert_eq!(response.status(), StatusCode::SEE_OTHER);
    assert_eq!(location(&response), "/auth/login?return_to=%2Fcheckout%2Fpro%3Fperiod%3Dyearly");
    let landed = browser.sign_in("grace", "/checkout/pro?period=yearly").await;
    assert!(landed.ends_with("/checkout/pro?period=yearly"), "{landed}");
}

#[tokio::test]
async fn only_local_targets_are_returned_to() {
    let world = World::start().await;
    for evil in ["//evil.example/", "https://evil.example/", "\\\\evil.example", "/\r\nx: y"] {
        let landed = world.browser().sign_in("ada", evil).await;
        assert_eq!(landed, format!("{}/dashboard", world.url), "{evil:?}");
    }
}

#[tokio::test]
async fn sign_out_ends_the_session_here_and_at_the_provider() {
    let world = World::start().await;
    let browser = world.browser();
    browser.sign_in("ada", "/dashboard").await;
    let response = browser.post("/auth/logout", &[]).await;
    let provider = location(&response);
    assert!(provider.starts_with(world.sandbox.issuer()), "{provider}");
    assert!(provider.contains("id_token_hint="));
    let landing = browser.get(&provider).await;
    assert_eq!(location(&landing), format!("{}/", world.url));
    assert_eq!(browser.get("/dashboard").await.status(), StatusCode::SEE_OTHER);
    assert_eq!(world.count("sessions").await, 0);
}

#[tokio::test]
async fn the_session_id_changes_at_sign_in_and_the_old_one_is_worthless_after_sign_out() {
    let world = World::start().await;
    let browser = world.browser();
    let cookie = |response: &reqwest::Response| {
        let header = response.headers().get(SET_COOKIE).expect("a session cookie").to_str().unwrap();
        assert!(header.contains("HttpOnly") && header.contains("SameSite=Lax"), "{header}");
        header.split(';').next().unwrap().to_owned()
    };
    let login = browser.get("/auth/login").await;
    let before = cookie(&login);
    let authorize = location(&login);
    let (address, request) = authorize.split_once('?').unwrap();
    let chosen = browser.post(address, &[("request", request), ("email", "ada@example.com")]).await;
    let after = cookie(&browser.get(&location(&chosen)).await);
    assert_ne!(before, after);
    let ask = |cookie: String| {
        let request = reqwest::Client::new().get(format!("{}/api/organizations", world.url)).header(COOKIE, cookie);
        async move { request.send().await.unwrap().status() }
    };
    assert_eq!(ask(before).await, StatusCode::UNAUTHORIZED);
    assert_eq!(ask(after.clone()).await, StatusCode::OK);
    browser.post("/auth/logout", &[]).await;
    assert_eq!(ask(after).await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn an_answer_counts_once_and_only_in_its_own_browser() {
    let world = World::start().await;
    let browser = world.browser();
    let authorize = location(&browser.get("/auth/login").await);
    let (address, request) = authorize.split_once('?').unwrap();
    let callback = location(&browser.post(address, &[("request", request), ("email", "ada@example.com")]).await);
    // Somebody else's browser has no use for it.
    assert_eq!(world.browser().get(&callback).await.status(), StatusCode::BAD_REQUEST);
    // A wrong state is refused, and uses nothing up.
    let forged = callback.replace("state=", "state=x");
    assert_eq!(browser.get(&forged).await.status(), StatusCode::BAD_REQUEST);
    assert_eq!(browser.get(&callback).await.status(), StatusCode::SEE_OTHER);
    assert_eq!(browser.get(&callback).await.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn an_answer_from_another_issuer_is_refused() {
    let world = World::start().await;
    let browser = world.browser();
    let authorize = location(&browser.get("/auth/login").await);
    let (address, request) = authorize.split_once('?').unwrap();
    let callback = location(&browser.post(address, &[("request", request), ("email", "ada@example.com")]).await);
    let (path, query) = callback.split_once('?').unwrap();
    let others = query.split('&').filter(|pair| !pair.starts_with("iss=")).collect::<Vec<_>>().join("&");
    let mixed_up = format!("{path}?{others}&iss=https%3A%2F%2Fevil.example");
    assert_eq!(browser.get(&mixed_up).await.status(), StatusCode::BAD_REQUEST);
    assert_eq!(world.count("users").await, 0);
}

#[tokio::test]
async fn declining_at_the_provider_leads_home() {
    let world = World::start().await;
    let browser = world.browser();
    let authorize = location(&browser.get("/auth/login").await);
    let (address, request) = authorize.split_once('?').unwrap();
    let declined = location(&browser.post(address, &[("request", request)]).await);
    assert!(declined.contains("error=access_denied"), "{declined}");
    assert_eq!(location(&browser.get(&declined).await), "/?signin=declined");
}
