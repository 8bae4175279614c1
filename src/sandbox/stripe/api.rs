//! The way of an API request: key, fault, idempotency, parameters, one transaction, answer.
//!
//! Everything that is the same for all endpoints happens here and nowhere else.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::account::{API_VERSION, Origin};
use super::error::ApiError;
use super::routes::{self, Call};
use super::traffic::{self, Fault};
use super::{SECRET_KEY, Stripe, expand, form, idempotency, test_clocks};
use crate::ids;
use crate::json::Json;

const BODY_LIMIT: usize = 256 * 1024;
const SHOULD_RETRY: HeaderName = HeaderName::from_static("stripe-should-retry");
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const STRIPE_VERSION: HeaderName = HeaderName::from_static("stripe-version");
const REQUEST_ID: HeaderName = HeaderName::from_static("request-id");

struct Incoming {
    id: String,
    method: String,
    path: String,
    query: String,
    headers: HeaderMap,
    body: Bytes,
}

#[derive(Debug)]
struct Answer {
    status: StatusCode,
    body: Value,
    replayed: bool,
}

/// Answers any request to the API.
pub(crate) async fn handle(State(stripe): State<Arc<Stripe>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let id = ids::random("req_", 14);
    let Ok(body) = axum::body::to_bytes(body, BODY_LIMIT).await else {
        let error = ApiError::with_status(StatusCode::PAYLOAD_TOO_LARGE, "The request is too large.");
        return respond(&id, &parts.headers, Err(error));
    };
    let incoming = Incoming {
        id,
        method: parts.method.as_str().to_owned(),
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        headers: parts.headers,
        body,
    };
    stripe.traffic.record(traffic::Request {
        id: incoming.id.clone(),
        method: incoming.method.clone(),
        path: incoming.path.clone(),
        sent: format!("{} {}", incoming.query, String::from_utf8_lossy(&incoming.body)),
        idempotency_key: incoming.key().map(str::to_owned),
        created: stripe.now(),
    });
    let fault = stripe.traffic.strike(&incoming.method, &incoming.path);
    if let Some(status) = fault.as_ref().filter(|fault| fault.html).and_then(Fault::status) {
        return (status, Html("<!DOCTYPE html><title>Bad gateway</title>")).into_response();
    }
    let answer = stripe.answer(&incoming, fault.as_ref()).await;
    if fault.is_some_and(|fault| fault.drop_after_commit) {
        return cut();
    }
    respond(&incoming.id, &incoming.headers, answer)
}

/// A response that ends the connection before a byte of it is sent.
fn cut() -> Response {
    let broken = futures_util::stream::once(std::future::ready(Err::<Bytes, _>(std::io::Error::other(
        "the sandbox was told to cut this connection",
    ))));
    Response::new(Body::from_stream(broken))
}

fn respond(id: &str, headers: &HeaderMap, answer: Result<Answer, ApiError>) -> Response {
    let answer =
        answer.unwrap_or_else(|error| Answer { status: error.status(), body: error.body(id), replayed: false });
    let mut response = (answer.status, axum::Json(answer.body)).into_response();
    let out = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(id) {
        out.insert(REQUEST_ID, id);
    }
    let version = headers.get(STRIPE_VERSION).cloned();
    out.insert(STRIPE_VERSION, version.unwrap_or(HeaderValue::from_static(API_VERSION)));
    if let Some(key) = headers.get(IDEMPOTENCY_KEY) {
        out.insert(IDEMPOTENCY_KEY, key.clone());
    }
    if answer.replayed {
        out.insert(REPLAYED, HeaderValue::from_static("true"));
        out.insert(SHOULD_RETRY, HeaderValue::from_static("false"));
    }
    response
}

impl Incoming {
    fn key(&self) -> Option<&str> {
        self.headers.get(IDEMPOTENCY_KEY)?.to_str().ok()
    }

    fn origin(&self) -> Origin {
        Origin { request: Some(self.id.clone()), key: self.key().map(str::to_owned) }
    }

    fn fingerprint(&self) -> String {
        idempotency::fingerprint(&self.method, &self.path, &self.query, &self.body)
    }

    fn call(&self) -> Result<(routes::Handler, Call), ApiError> {
        let (endpoint, ids) =
            routes::find(&self.method, &self.path).ok_or_else(|| ApiError::no_route(&self.method, &self.path))?;
        let mut tree = form::parse(self.query.as_bytes());
        tree.extend(form::parse(&self.body));
        let params = endpoint.spec.check(&tree)?;
        Ok((endpoint.run, Call { ids, params }))
    }
}

impl Stripe {
    async fn answer(&self, incoming: &Incoming, fault: Option<&Fault>) -> Result<Answer, ApiError> {
        authenticate(&incoming.headers)?;
        let key = incoming.key().filter(|_| incoming.method == "POST");
        if key.is_some_and(|key| key.len() > 255) {
            return Err(ApiError::invalid("Idempotency keys can have up to 255 characters."));
        }
        let claim = match key {
            Some(key) => Some(self.in_flight.claim(key).ok_or_else(|| ApiError::in_progress(key))?),
            None => None,
        };
        if let Some(fault) = fault {
            tokio::time::sleep(fault.delay()).await;
        }
        let answer = self.once(incoming, key, fault);
        drop(claim);
        answer
    }

    /// Executes the request unless its key has an answer already.
    fn once(&self, incoming: &Incoming, key: Option<&str>, fault: Option<&Fault>) -> Result<Answer, ApiError> {
        let fingerprint = incoming.fingerprint();
        self.catch_up()?;
        let kept = self.run(Origin::default(), |account| {
            key.map_or(Ok(None), |key| idempotency::kept(account, key, &fingerprint))
        })?;
        if let Some((status, body)) = kept {
            return Ok(Answer { status, body, replayed: true });
        }
        let outcome = match fault.and_then(Fault::status) {
            Some(status) => Err(ApiError::with_status(status, "The sandbox was told to fail this request.")),
            None => self.execute(incoming, key, &fingerprint),
        };
        let saves = fault.is_some_and(|fault| fault.save);
        if let (Err(error), Some(key)) = (&outcome, key)
            && (error.is_saved() || saves)
        {
            self.run(Origin::default(), |account| {
                let body = error.body(&incoming.id);
                idempotency::keep(account, key, &fingerprint, error.status(), &body);
                Ok(())
            })?;
        }
        outcome
    }

    fn execute(&self, incoming: &Incoming, key: Option<&str>, fingerprint: &str) -> Result<Answer, ApiError> {
        let (run, call) = incoming.call()?;
        self.run(incoming.origin(), |account| {
            let moment = test_clocks::moment(account, &incoming.path, &call);
            let mut body = account.at(moment, |account| run(account, &call))?;
            expand::expand(account, &mut body, call.params.list("expand"))?;
            if let Some(key) = key {
                idempotency::keep(account, key, fingerprint, StatusCode::OK, &body);
            }
            Ok(Answer { status: StatusCode::OK, body, replayed: false })
        })
    }
}

fn authenticate(headers: &HeaderMap) -> Result<(), ApiError> {
    let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).and_then(api_key);
    match given {
        Some(key) if key == SECRET_KEY => Ok(()),
        Some(key) => Err(ApiError::unauthorized(format!("Invalid API Key provided: {}", masked(&key)))),
        None => Err(ApiError::unauthorized(
            "You did not provide an API key. You need to provide your API key in the Authorization header, using Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY').",
        )),
    }
}

fn api_key(authorization: &str) -> Option<String> {
    if let Some(token) = authorization.strip_prefix("Bearer ") {
        return Some(token.trim().to_owned());
    }
    let encoded = authorization.strip_prefix("Basic ")?;
    let decoded = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let user = decoded.split(':').next()?;
    (!user.is_empty()).then(|| user.to_owned())
}

/// Shows enough of a key to recognise it.
fn masked(key: &str) -> String {
    let shown: String = key.chars().take(8).collect();
    format!("{shown}{}", "*".repeat(key.chars().count().saturating_sub(8).min(24)))
}
