//! `/oidc/logout`: ends the provider's session and sends the browser back.

use std::sync::Arc;

use axum::extract::{Form, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use openidconnect::url::Url;
use serde::Deserialize;

use super::session::set_cookie;
use super::{CLIENT_ID, Provider};
use crate::json::Json;
use crate::page::{message, see_other};

/// The parameters of RP-initiated logout.
#[derive(Deserialize)]
pub(super) struct Request {
    #[serde(default)]
    id_token_hint: Option<String>,
    #[serde(default)]
    client_id: Option<String>,
    #[serde(default)]
    post_logout_redirect_uri: Option<String>,
    #[serde(default)]
    state: Option<String>,
}

/// By a link or redirect.
pub(super) async fn by_link(
    State(provider): State<Arc<Provider>>,
    headers: HeaderMap,
    Query(request): Query<Request>,
) -> Response {
    provider.logout(&headers, &request)
}

/// By a form.
pub(super) async fn by_form(
    State(provider): State<Arc<Provider>>,
    headers: HeaderMap,
    Form(request): Form<Request>,
) -> Response {
    provider.logout(&headers, &request)
}

impl Provider {
    fn logout(&self, headers: &HeaderMap, request: &Request) -> Response {
        let hint = match &request.id_token_hint {
            None => None,
            Some(token) => match self.keys.own_claims(token) {
                Some(claims) => Some(claims),
                None => return wrong("The id_token_hint is not a token of this provider."),
            },
        };
        let target = match self.target(request, hint.is_some()) {
            Ok(target) => target,
            Err(reason) => return wrong(reason),
        };
        let named = hint.and_then(|claims| claims.maybe("sid").map(str::to_owned));
        let browsers = self.session(headers).map(|session| session.sid);
        for sid in [named, browsers].into_iter().flatten() {
            if let Err(error) = self.sign_out(&sid) {
                tracing::error!(%error, "sandbox state could not be written");
            }
        }
        let mut response = match target {
            Some(url) => see_other(&url),
            None => message(StatusCode::OK, "Signed out", "You are signed out of the local OpenID provider."),
        };
        response.headers_mut().insert(header::SET_COOKIE, set_cookie(None));
        response
    }

    /// Where the browser goes afterwards.
    fn target(&self, request: &Request, hinted: bool) -> Result<Option<String>, &'static str> {
        let client = request.client_id.as_deref();
        if client.is_some_and(|client| client != CLIENT_ID) {
            return Err("The client_id is unknown.");
        }
        let Some(uri) = &request.post_logout_redirect_uri else {
            return Ok(None);
        };
        if !hinted && client.is_none() {
            return Err("A post_logout_redirect_uri needs an id_token_hint or a client_id.");
        }
        if !self.redirects().sign_out.contains(uri) {
            return Err("The post_logout_redirect_uri is not registered for this client. It is compared exactly.");
        }
        let mut url = Url::parse(uri).map_err(|_| "The post_logout_redirect_uri is no URL.")?;
        if let Some(state) = &request.state {
            url.query_pairs_mut().append_pair("state", state);
        }
        Ok(Some(url.into()))
    }
}

fn wrong(text: &str) -> Response {
    message(StatusCode::BAD_REQUEST, "This request is wrong", text)
}
