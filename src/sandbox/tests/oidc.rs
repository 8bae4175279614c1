//! The `OpenID` provider with the openidconnect crate as its client.

use openidconnect::core::{CoreAuthenticationFlow, CoreClient, CoreIdToken, CoreProviderMetadata};
use openidconnect::{
    AccessTokenHash, AuthorizationCode, ClientId, ClientSecret, CsrfToken, IssuerUrl, Nonce, OAuth2TokenResponse,
    PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, Scope, TokenResponse,
};
use reqwest::{Client, Response, StatusCode, redirect};

use super::location;
use crate::{Config, Sandbox};

const CALLBACK: &str = "http://app.example/auth/callback";
const GOODBYE: &str = "http://app.example/";

struct Visit {
    sandbox: Sandbox,
    browser: Client,
    metadata: CoreProviderMetadata,
}

/// One authorization request and what is needed to finish it.
struct Attempt {
    url: String,
    state: String,
    nonce: Nonce,
    verifier: PkceCodeVerifier,
}

fn http() -> Client {
    let builder = Client::builder().redirect(redirect::Policy::none()).no_proxy();
    builder.cookie_store(true).build().expect("a client")
}

macro_rules! client {
    ($visit:expr) => {
        CoreClient::from_provider_metadata(
            $visit.metadata.clone(),
            ClientId::new($visit.sandbox.client_id().to_owned()),
            Some(ClientSecret::new($visit.sandbox.client_secret().to_owned())),
        )
        .set_redirect_uri(RedirectUrl::new(CALLBACK.to_owned()).expect("a URL"))
    };
}

impl Visit {
    async fn new() -> Self {
        let config = Config {
            redirect_uris: vec![CALLBACK.into()],
            post_logout_redirect_uris: vec![GOODBYE.into()],
            ..Config::ephemeral()
        };
        let sandbox = Sandbox::start(config).await.expect("a sandbox");
        let issuer = IssuerUrl::new(sandbox.issuer().to_owned()).expect("an issuer");
        let metadata = CoreProviderMetadata::discover_async(issuer, &http()).await.expect("metadata");
        Self { sandbox, browser: http(), metadata }
    }

    fn attempt(&self) -> Attempt {
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let (url, state, nonce) = client!(self)
            .authorize_url(CoreAuthenticationFlow::AuthorizationCode, CsrfToken::new_random, Nonce::new_random)
            .add_scope(Scope::new("email".into()))
            .add_scope(Scope::new("profile".into()))
            .set_pkce_challenge(challenge)
            .url();
        Attempt { url: url.into(), state: state.secret().clone(), nonce, verifier }
    }

    async fn get(&self, url: &str) -> Response {
        self.browser.get(url).send().await.expect("a page")
    }

    /// Chooses on the picker page.
    async fn choose(&self, attempt: &Attempt, choice: &[(&str, &str)]) -> Response {
        let query = attempt.url.split_once('?').expect("a query").1;
        let form = [&[("request", query)], choice].concat();
        let url = format!("{}/authorize", self.sandbox.issuer());
        self.browser.post(url).form(&form).send().await.expect("a redirect")
    }

    async fn exchange(&self, code: String, verifier: PkceCodeVerifier) -> Option<(CoreIdToken, String)> {
        let response = client!(self)
            .exchange_code(AuthorizationCode::new(code))
            .expect("an endpoint")
            .set_pkce_verifier(verifier)
            .request_async(&http())
            .await
            .ok()?;
        let access = response.access_token().clone();
        let token = response.id_token().expect("an ID token").clone();
        let client = client!(self);
        let verifier = client.id_token_verifier();
        let hash = AccessTokenHash::from_token(
            &access,
            token.signing_alg().expect("an algorithm"),
            token.signing_key(&verifier).expect("a key"),
        );
        let claims = token.claims(&verifier, |_: Option<&Nonce>| Ok(())).expect("claims");
        assert_eq!(claims.access_token_hash(), Some(&hash.expect("a hash")));
        Some((token, access.secret().clone()))
    }
}

fn query(url: &str, name: &str) -> Option<String> {
    let url = openidconnect::url::Url::parse(url).expect("a URL");
    url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

#[tokio::test]
async fn a_ready_user_signs_in_and_out() {
    let visit = Visit::new().await;
    let attempt = visit.attempt();
    let page = visit.get(&attempt.url).await.text().await.expect("text");
    for name in ["Continue as Ada Lovelace", "Continue as Grace Hopper", "Continue as Alan Turing"] {
        assert!(page.contains(name), "{name} is not on the page");
    }
    let back = location(&visit.choose(&attempt, &[("user", "user_ada")]).await);
    assert!(back.starts_with(CALLBACK));
    assert_eq!(query(&back, "state").as_ref(), Some(&attempt.state));
    assert_eq!(query(&back, "iss").as_deref(), Some(visit.sandbox.issuer()));
    let code = query(&back, "code").expect("a code");
    let (token, access) = visit.exchange(code, attempt.verifier).await.expect("tokens");
    let client = client!(visit);
    let claims = token.claims(&client.id_token_verifier(), &attempt.nonce).expect("claims");
    assert_eq!(claims.subject().as_str(), "user_ada");
    assert_eq!(claims.email().map(|it| it.as_str()), Some("ada@example.com"));
    assert_eq!(claims.email_verified(), Some(true));

    let info = visit.browser.get(format!("{}/userinfo", visit.sandbox.issuer())).bearer_auth(&access);
    let info: serde_json::Value = info.send().await.expect("a response").json().await.expect("JSON");
    assert_eq!((info["sub"].as_str(), info["name"].as_str()), (Some("user_ada"), Some("Ada Lovelace")));

    let silent = format!("{}&prompt=none", visit.attempt().url);
    assert!(query(&location(&visit.get(&silent).await), "code").is_some(), "the session is remembered");
    let asked = format!("{}&prompt=login", visit.attempt().url);
    assert_eq!(visit.get(&asked).await.status(), StatusCode::OK);
    let logout = format!(
        "{}/oidc/logout?id_token_hint={token}&post_logout_redirect_uri={GOODBYE}&state=s1",
        visit.sandbox.issuer()
    );
    assert_eq!(location(&visit.get(&logout).await), format!("{GOODBYE}?state=s1"));
    let after = location(&visit.get(&silent).await);
    assert_eq!(query(&after, "error").as_deref(), Some("login_required"));
}

#[tokio::test]
async fn a_code_works_once_and_only_with_its_verifier() {
    let visit = Visit::new().await;
    let attempt = visit.attempt();
    let other = visit.attempt();
    let back = location(&visit.choose(&attempt, &[("email", "Mary.Jane@example.org")]).await);
    let code = query(&back, "code").expect("a code");
    let secret = attempt.verifier.secret().clone();
    let (_, access) = visit.exchange(code.clone(), attempt.verifier).await.expect("tokens");
    assert!(visit.exchange(code, PkceCodeVerifier::new(secret)).await.is_none());
    let info = visit.browser.get(format!("{}/userinfo", visit.sandbox.issuer())).bearer_auth(&access);
    assert_eq!(info.send().await.expect("a response").status(), StatusCode::UNAUTHORIZED, "a replay revokes");
    let back = location(&visit.choose(&other, &[("user", "user_alan")]).await);
    let code = query(&back, "code").expect("a code");
    assert!(visit.exchange(code, PkceCodeVerifier::new("x".repeat(43))).await.is_none());
}

#[tokio::test]
async fn cancelling_and_wrong_requests() {
    let visit = Visit::new().await;
    let attempt = visit.attempt();
    let denied = location(&visit.choose(&attempt, &[]).await);
    assert_eq!(query(&denied, "error").as_deref(), Some("access_denied"));
    assert_eq!(query(&denied, "state"), Some(attempt.state.clone()));
    let stranger = attempt.url.replace("app.example", "evil.example");
    assert_eq!(visit.get(&stranger).await.status(), StatusCode::BAD_REQUEST);
    let unknown = attempt.url.replace("client_id=billhook", "client_id=other");
    assert_eq!(visit.get(&unknown).await.status(), StatusCode::BAD_REQUEST);
    let plain = attempt.url.replace("S256", "plain");
    assert_eq!(query(&location(&visit.get(&plain).await), "error").as_deref(), Some("invalid_request"));
    let goodbye = format!(
        "{}/oidc/logout?client_id=billhook&post_logout_redirect_uri=http://evil.example/",
        visit.sandbox.issuer()
    );
    assert_eq!(visit.get(&goodbye).await.status(), StatusCode::BAD_REQUEST);
}
