//! The authorization request: what must be right before anybody is sent anywhere.

use openidconnect::url::Url;
use serde::Deserialize;

use super::{CLIENT_ID, Provider};

/// The parameters of `/authorize`.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Request {
    #[serde(default)]
    client_id: String,
    #[serde(default)]
    pub redirect_uri: String,
    #[serde(default)]
    response_type: String,
    #[serde(default)]
    scope: String,
    #[serde(default)]
    pub state: Option<String>,
    #[serde(default)]
    pub nonce: Option<String>,
    #[serde(default)]
    pub code_challenge: String,
    #[serde(default)]
    code_challenge_method: String,
    #[serde(default)]
    pub prompt: Option<String>,
    #[serde(default)]
    pub login_hint: Option<String>,
    #[serde(default)]
    pub max_age: Option<String>,
    #[serde(default)]
    response_mode: Option<String>,
}

/// Why a request is refused.
pub(super) enum Refusal {
    /// The browser must not be sent anywhere: a sentence for the person.
    Here(&'static str),
    /// The client is told: error code and description.
    Client(&'static str, &'static str),
}

impl Request {
    /// Checks the request in the order that keeps the browser from being sent to a stranger.
    pub(super) fn check(&self, provider: &Provider) -> Result<(), Refusal> {
        if self.client_id != CLIENT_ID {
            return Err(Refusal::Here("The client_id is unknown."));
        }
        if !provider.redirects().sign_in.contains(&self.redirect_uri) {
            return Err(Refusal::Here("The redirect_uri is not registered for this client. It is compared exactly."));
        }
        if self.response_type != "code" {
            return Err(Refusal::Client("unsupported_response_type", "Only response_type=code is supported."));
        }
        if self.response_mode.as_deref().is_some_and(|mode| mode != "query") {
            return Err(Refusal::Client("invalid_request", "Only response_mode=query is supported."));
        }
        if !self.scope.split(' ').any(|scope| scope == "openid") {
            return Err(Refusal::Client("invalid_scope", "The scope must contain openid."));
        }
        if self.code_challenge_method != "S256" || self.code_challenge.len() != 43 {
            return Err(Refusal::Client("invalid_request", "PKCE with code_challenge_method=S256 is required."));
        }
        Ok(())
    }

    /// Whether the request asks for `word` in `prompt`.
    pub(super) fn prompts(&self, word: &str) -> bool {
        self.prompt.as_deref().is_some_and(|prompt| prompt.split(' ').any(|asked| asked == word))
    }

    /// Where the browser goes with an answer, together with `state` and `iss`.
    pub(super) fn answer(&self, issuer: &str, pairs: &[(&str, &str)]) -> Option<String> {
        let mut url = Url::parse(&self.redirect_uri).ok()?;
        {
            let mut query = url.query_pairs_mut();
            query.extend_pairs(pairs);
            if let Some(state) = &self.state {
                query.append_pair("state", state);
            }
            query.append_pair("iss", issuer);
        }
        Some(url.into())
    }
}
