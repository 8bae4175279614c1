//! `/token` and `/userinfo`: a code becomes tokens once, a token tells who it is about.

use std::sync::Arc;

use axum::extract::{Form, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use openidconnect::url::form_urlencoded;
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::keys::access_token_hash;
use super::{CLIENT_ID, CLIENT_SECRET, Provider, now};
use crate::ids;
use crate::json::Json;

/// Codes that were given out.
pub(super) const CODE: &str = "_oidc_code";
/// Access tokens that were given out.
const TOKEN: &str = "_oidc_token";
/// How long a code may be exchanged.
pub(super) const CODE_LIFETIME: i64 = 600;
const TOKEN_LIFETIME: i64 = 3_600;

/// The token request.
#[derive(Deserialize)]
pub(super) struct Exchange {
    #[serde(default)]
    grant_type: String,
    #[serde(default)]
    code: String,
    #[serde(default)]
    redirect_uri: String,
    #[serde(default)]
    code_verifier: String,
    #[serde(default)]
    client_id: Option<String>,
    #[serde(default)]
    client_secret: Option<String>,
}

struct Refused(StatusCode, &'static str, &'static str);

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let Self(status, error, description) = self;
        let body = json!({ "error": error, "error_description": description });
        let mut response = (status, axum::Json(body)).into_response();
        if status == StatusCode::UNAUTHORIZED {
            let challenge = header::HeaderValue::from_static("Basic realm=\"token\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

/// Exchanges a code for tokens.
pub(super) async fn exchange(
    State(provider): State<Arc<Provider>>,
    headers: HeaderMap,
    Form(request): Form<Exchange>,
) -> Response {
    let mut response = match provider.exchange(&headers, &request) {
        Ok(tokens) => axum::Json(tokens).into_response(),
        Err(refused) => refused.into_response(),
    };
    let no_store = header::HeaderValue::from_static("no-store");
    response.headers_mut().insert(header::CACHE_CONTROL, no_store);
    response
}

fn authenticate(headers: &HeaderMap, request: &Exchange) -> Result<(), Refused> {
    let basic = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok()?.strip_prefix("Basic "))
        .and_then(|encoded| String::from_utf8(STANDARD.decode(encoded).ok()?).ok())
        .and_then(|pair| {
            let (id, secret) = pair.split_once(':')?;
            Some((decoded(id), decoded(secret)))
        });
    let posted = request.client_id.clone().zip(request.client_secret.clone());
    match basic.or(posted) {
        Some((id, secret)) if id == CLIENT_ID && secret == CLIENT_SECRET => Ok(()),
        _ => Err(Refused(StatusCode::UNAUTHORIZED, "invalid_client", "The client could not be authenticated.")),
    }
}

/// Basic credentials are form-encoded first (RFC 6749, 2.3.1).
fn decoded(text: &str) -> String {
    form_urlencoded::parse(format!("{text}=").as_bytes()).next().map_or_else(String::new, |(text, _)| text.into_owned())
}

fn invalid_grant(description: &'static str) -> Refused {
    Refused(StatusCode::BAD_REQUEST, "invalid_grant", description)
}

impl Provider {
    fn exchange(&self, headers: &HeaderMap, request: &Exchange) -> Result<Value, Refused> {
        authenticate(headers, request)?;
        if request.grant_type != "authorization_code" {
            return Err(Refused(
                StatusCode::BAD_REQUEST,
                "unsupported_grant_type",
                "Only authorization_code is supported.",
            ));
        }
        let access_token = ids::random("at_", 40);
        let grant = self.redeem(request, &access_token)?;
        let claims = self.id_claims(&grant, &access_token);
        let id_token = self.keys.sign(&claims).ok_or(Refused(
            StatusCode::INTERNAL_SERVER_ERROR,
            "server_error",
            "The token could not be signed.",
        ))?;
        Ok(json!({
            "access_token": access_token,
            "token_type": "Bearer",
            "expires_in": TOKEN_LIFETIME,
            "id_token": id_token,
            "scope": "openid email profile",
        }))
    }

    /// Uses a code up, whatever comes of it; a second use takes back what the first one got.
    fn redeem(&self, request: &Exchange, access_token: &str) -> Result<Value, Refused> {
        let at = now();
        let outcome = self.store.write(|tx| {
            let Some(mut grant) = tx.data().get(CODE, &request.code).cloned() else {
                return Err(invalid_grant("The code is unknown."));
            };
            if let Some(token) = grant.maybe("token").map(str::to_owned) {
                tx.remove(TOKEN, &token);
                return Err(invalid_grant("The code was used already."));
            }
            grant.set("token", access_token);
            tx.put(CODE, &request.code, grant.clone());
            check(&grant, request, at)?;
            let mut token = grant.get("user").cloned().unwrap_or_default();
            token.set("expires", at + TOKEN_LIFETIME);
            tx.put(TOKEN, access_token, token);
            Ok(grant)
        });
        outcome.unwrap_or(Err(Refused(
            StatusCode::INTERNAL_SERVER_ERROR,
            "server_error",
            "The sandbox could not write its state.",
        )))
    }

    fn id_claims(&self, grant: &Value, access_token: &str) -> Value {
        let at = now();
        let mut claims = json!({
            "iss": self.issuer(),
            "aud": CLIENT_ID,
            "iat": at,
            "exp": at + TOKEN_LIFETIME,
            "auth_time": grant.int("auth_time"),
            "at_hash": access_token_hash(access_token),
            "sid": grant.text("sid"),
            "email_verified": true,
        });
        crate::json::merge(&mut claims, grant.get("user").cloned().unwrap_or_default());
        if let Some(nonce) = grant.maybe("nonce") {
            claims.set("nonce", nonce);
        }
        claims
    }
}

fn check(grant: &Value, request: &Exchange, at: i64) -> Result<(), Refused> {
    if grant.int("expires") < at {
        return Err(invalid_grant("The code has expired."));
    }
    if grant.text("redirect_uri") != request.redirect_uri {
        return Err(invalid_grant("The redirect_uri is not the one of the request."));
    }
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(&request.code_verifier));
    if grant.text("code_challenge") != challenge {
        return Err(invalid_grant("The code_verifier does not match."));
    }
    Ok(())
}

/// Tells who an access token is about.
pub(super) async fn userinfo(State(provider): State<Arc<Provider>>, headers: HeaderMap) -> Response {
    let token = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    let known = token.and_then(|token| provider.store.read(|data| data.get(TOKEN, token.trim()).cloned()));
    match known.filter(|known| known.int("expires") >= now()) {
        Some(mut user) => {
            user.take_key("expires");
            user.set("email_verified", true);
            axum::Json(user).into_response()
        }
        None => {
            (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, "Bearer error=\"invalid_token\"")]).into_response()
        }
    }
}
