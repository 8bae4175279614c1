//! `/authorize`: who the person is, and the code that tells the client.

use std::sync::Arc;

use axum::extract::{Form, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use openidconnect::url::form_urlencoded;
use serde::Deserialize;
use serde_json::json;

use super::request::{Refusal, Request};
use super::session::{Session, set_cookie};
use super::{Provider, now, page, token};
use crate::ids;
use crate::page::{message, see_other};

/// What the person chose on the page.
#[derive(Deserialize)]
pub(super) struct Choice {
    /// The query of the request, unchanged.
    request: String,
    /// Subject of a ready user.
    #[serde(default)]
    user: Option<String>,
    /// Another address.
    #[serde(default)]
    email: Option<String>,
}

/// Shows the picker, or answers at once when the person is known.
pub(super) async fn show(
    State(provider): State<Arc<Provider>>,
    headers: HeaderMap,
    Query(request): Query<Request>,
    axum::extract::RawQuery(query): axum::extract::RawQuery,
) -> Response {
    if let Err(refusal) = request.check(&provider) {
        return provider.refuse(&request, refusal);
    }
    let known = provider.session(&headers).filter(|session| {
        let age = now() - session.auth_time;
        let limit = request.max_age.as_deref().and_then(|age| age.parse().ok());
        limit.is_none_or(|limit: i64| age <= limit)
    });
    match known {
        Some(session) if !request.prompts("login") && !request.prompts("select_account") => {
            provider.grant(&request, &session)
        }
        None if request.prompts("none") => {
            provider.refuse(&request, Refusal::Client("login_required", "Nobody is signed in."))
        }
        _ => page::picker(&provider, &request, &query.unwrap_or_default(), None),
    }
}

/// Signs the chosen person in and answers the client.
pub(super) async fn decide(State(provider): State<Arc<Provider>>, Form(choice): Form<Choice>) -> Response {
    let request = parse(&choice.request);
    if let Err(refusal) = request.check(&provider) {
        return provider.refuse(&request, refusal);
    }
    let user = match (&choice.user, &choice.email) {
        (Some(sub), _) => provider.ready_user(sub),
        (None, Some(email)) => provider.user_by_email(email),
        (None, None) => {
            return provider.refuse(&request, Refusal::Client("access_denied", "The person canceled."));
        }
    };
    let Some(user) = user else {
        let error = Some("Enter a valid email address.");
        return page::picker(&provider, &request, &choice.request, error);
    };
    match provider.sign_in(user) {
        Ok(session) => {
            let mut response = provider.grant(&request, &session);
            let headers = response.headers_mut();
            headers.insert(header::SET_COOKIE, set_cookie(Some(&session.sid)));
            response
        }
        Err(error) => failed(&error),
    }
}

fn parse(query: &str) -> Request {
    let pairs: serde_json::Map<_, _> = form_urlencoded::parse(query.as_bytes())
        .map(|(name, value)| (name.into_owned(), value.into_owned().into()))
        .collect();
    serde_json::from_value(pairs.into()).unwrap_or_default()
}

fn failed(error: &crate::Error) -> Response {
    tracing::error!(%error, "sandbox state could not be written");
    message(StatusCode::INTERNAL_SERVER_ERROR, "Sign-in failed", "The sandbox could not write its state.")
}

impl Provider {
    /// Sends the browser back with a code for this session.
    fn grant(&self, request: &Request, session: &Session) -> Response {
        let code = ids::random("", 40);
        let grant = json!({
            "redirect_uri": request.redirect_uri,
            "code_challenge": request.code_challenge,
            "nonce": request.nonce,
            "sid": session.sid,
            "auth_time": session.auth_time,
            "user": { "sub": session.user.sub, "email": session.user.email, "name": session.user.name },
            "expires": now() + token::CODE_LIFETIME,
        });
        if let Err(error) = self.store.write(|tx| tx.put(token::CODE, &code, grant)) {
            return failed(&error);
        }
        self.send_back(request, &[("code", &code)])
    }

    fn refuse(&self, request: &Request, refusal: Refusal) -> Response {
        match refusal {
            Refusal::Here(text) => message(StatusCode::BAD_REQUEST, "This request is wrong", text),
            Refusal::Client(error, description) => {
                self.send_back(request, &[("error", error), ("error_description", description)])
            }
        }
    }

    fn send_back(&self, request: &Request, pairs: &[(&str, &str)]) -> Response {
        request.answer(self.issuer(), pairs).map_or_else(
            || message(StatusCode::BAD_REQUEST, "This request is wrong", "The redirect_uri is no URL."),
            |url| see_other(&url),
        )
    }
}
