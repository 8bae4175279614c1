//! The OpenID provider, through openidconnect: code flow with PKCE, state and nonce, each used once.
//!
//! Discovery happens at the first sign-in and again when a key is unknown, never at start: a provider that is away
//! does not keep Billhook from starting, and signed-in people notice nothing.

use std::sync::Arc;
use std::time::{Duration, Instant};

use openidconnect::core::{
    CoreClient, CoreJwsSigningAlgorithm, CoreResponseType, CoreTokenResponse, CoreUserInfoClaims,
};
use openidconnect::{
    AccessTokenHash, AuthenticationFlow, AuthorizationCode, ClaimsVerificationError, ClientId, ClientSecret, CsrfToken,
    EndpointMaybeSet, EndpointNotSet, EndpointSet, IssuerUrl, LogoutRequest, Nonce, OAuth2TokenResponse,
    PkceCodeChallenge, PkceCodeVerifier, PostLogoutRedirectUrl, ProviderMetadataWithLogout, RedirectUrl, Scope,
    SignatureVerificationError, TokenResponse, reqwest,
};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use super::return_to::ReturnTo;
use crate::server::clock::Clock;
use crate::server::config::OidcConfig;
use crate::server::store::Identity;

/// A sign-in is to be finished within so many seconds.
pub(super) const LOGIN_SECONDS: i64 = 600;
/// An unknown key makes us fetch the keys again, but not more often than this.
const REFETCH_AFTER: Duration = Duration::from_secs(30);
/// Keys and addresses are fetched again after so long even if nothing is amiss.
const STALE_AFTER: Duration = Duration::from_hours(24);
/// How old an id token may be when it reaches us, and how far in the future, in seconds.
const TOKEN_AGE: i64 = 600;
const TOKEN_SKEW: i64 = 60;

/// Why a sign-in did not happen. The text is for the log.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The provider does not answer, or not as OpenID says.
    #[error("the OpenID provider cannot be reached: {0}")]
    Unreachable(String),
    /// What came back does not prove who it is.
    #[error("the sign-in was rejected: {0}")]
    Rejected(String),
}

fn rejected(reason: impl ToString) -> Error {
    Error::Rejected(reason.to_string())
}

/// A sign-in that has gone to the provider; it waits in the session.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct PendingLogin {
    pub(super) state: String,
    nonce: String,
    verifier: String,
    pub(super) return_to: ReturnTo,
    pub(super) started: i64,
}

/// Somebody whom the provider vouches for.
pub(super) struct Proven {
    pub(super) identity: Identity,
    pub(super) id_token: String,
}

type Client =
    CoreClient<EndpointSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointMaybeSet, EndpointMaybeSet>;

/// What the provider says about itself.
#[derive(Debug)]
struct Discovered {
    client: Client,
    metadata: ProviderMetadataWithLogout,
    at: Instant,
}

/// The OpenID provider.
#[derive(Debug)]
pub struct Provider {
    issuer: IssuerUrl,
    client_id: ClientId,
    client_secret: SecretString,
    redirect: RedirectUrl,
    home: PostLogoutRedirectUrl,
    http: reqwest::Client,
    discovered: Mutex<Option<Arc<Discovered>>>,
}

impl Provider {
    /// Prepares the way to the provider, without asking it anything.
    pub fn new(config: &OidcConfig, public_url: &str) -> Result<Self, Error> {
        let unusable =
            |error: &dyn std::fmt::Display| Error::Unreachable(format!("the configuration is unusable: {error}"));
        Ok(Self {
            issuer: IssuerUrl::new(config.issuer.clone()).map_err(|error| unusable(&error))?,
            client_id: ClientId::new(config.client_id.clone()),
            client_secret: config.client_secret.clone(),
            redirect: RedirectUrl::new(format!("{public_url}/auth/callback")).map_err(|error| unusable(&error))?,
            home: PostLogoutRedirectUrl::new(format!("{public_url}/")).map_err(|error| unusable(&error))?,
            // A provider that redirects our calls could lead them inside our own network.
            http: reqwest::Client::builder()
                .redirect(reqwest::redirect::Policy::none())
                .timeout(Duration::from_secs(10))
                .build()
                .map_err(|error| unusable(&error))?,
            discovered: Mutex::new(None),
        })
    }

    /// Starts a sign-in: what to remember, and where to send the browser.
    pub(super) async fn start(&self, return_to: ReturnTo, now: i64) -> Result<(PendingLogin, String), Error> {
        let provider = self.discovered(STALE_AFTER).await?;
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let (url, state, nonce) = provider
            .client
            .authorize_url(
                AuthenticationFlow::<CoreResponseType>::AuthorizationCode,
                CsrfToken::new_random,
                Nonce::new_random,
            )
            .add_scopes(["email", "profile"].map(|scope| Scope::new(scope.to_owned())))
            .set_pkce_challenge(challenge)
            .url();
        let login = PendingLogin {
            state: state.secret().clone(),
            nonce: nonce.secret().clone(),
            verifier: verifier.secret().clone(),
            return_to,
            started: now,
        };
        Ok((login, url.into()))
    }

    /// Finishes a sign-in: trades the code for tokens and checks everything that they claim.
    pub(super) async fn finish(
        &self,
        login: &PendingLogin,
        code: String,
        issuer: Option<&str>,
    ) -> Result<Proven, Error> {
        // RFC 9207: where the provider names itself in the answer, it must be the one that we asked.
        if issuer.is_some_and(|issuer| issuer != self.issuer.as_str()) {
            return Err(rejected("the answer comes from another issuer"));
        }
        let provider = self.discovered(STALE_AFTER).await?;
        let tokens = provider
            .client
            .exchange_code(AuthorizationCode::new(code))
            .map_err(|error| Error::Unreachable(error.to_string()))?
            .set_pkce_verifier(PkceCodeVerifier::new(login.verifier.clone()))
            .request_async(&self.http)
            .await
            .map_err(token_error)?;
        match self.identify(&provider, &tokens, &login.nonce).await {
            Err(Identify::UnknownKey) => {
                // Providers change their keys; fetch them once more before giving up.
                let provider = self.discovered(REFETCH_AFTER).await?;
                self.identify(&provider, &tokens, &login.nonce).await.map_err(Identify::into_error)
            }
            outcome => outcome.map_err(Identify::into_error),
        }
    }

    /// Where to send the browser to end the session at the provider too, if it can.
    pub(super) async fn logout_url(&self, id_token: &str) -> Option<String> {
        let provider = match self.discovered(STALE_AFTER).await {
            Ok(provider) => provider,
            Err(error) => {
                tracing::warn!(%error, "signed out here only");
                return None;
            }
        };
        if let Some(endpoint) = provider.metadata.additional_metadata().end_session_endpoint.clone() {
            let request = LogoutRequest::from(endpoint)
                .set_client_id(self.client_id.clone())
                .set_post_logout_redirect_uri(self.home.clone());
            let request = match id_token.parse::<openidconnect::core::CoreIdToken>() {
                Ok(token) => request.set_id_token_hint(&token),
                Err(_) => request,
            };
            return Some(request.http_get_url().into());
        }
        self.auth0_logout_url()
    }

    /// Auth0 tenants from before 2023-11-14 do not announce their logout address; this is where it is.
    fn auth0_logout_url(&self) -> Option<String> {
        let url = self.issuer.url();
        if !url.host_str()?.ends_with(".auth0.com") {
            return None;
        }
        let mut logout = url.join("v2/logout").ok()?;
        logout.query_pairs_mut().append_pair("client_id", &self.client_id).append_pair("returnTo", &self.home);
        Some(logout.into())
    }

    async fn identify(
        &self,
        provider: &Discovered,
        tokens: &CoreTokenResponse,
        nonce: &str,
    ) -> Result<Proven, Identify> {
        let id_token = tokens.id_token().ok_or_else(|| rejected("there is no id token"))?;
        let verifier = provider
            .client
            .id_token_verifier()
            // Asymmetric only, whatever the provider offers: with HS256 its public key would be a forger's secret.
            .set_allowed_algs([
                CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
                CoreJwsSigningAlgorithm::EcdsaP256Sha256,
                CoreJwsSigningAlgorithm::EdDsa,
            ])
            .set_issue_time_verifier_fn(|issued| plausible_age(issued.timestamp()));
        let claims = id_token.claims(&verifier, &Nonce::new(nonce.to_owned()))?;
        if let Some(party) = claims.authorized_party()
            && party.as_str() != self.client_id.as_str()
        {
            return Err(rejected("the token was made for another client").into());
        }
        if let Some(expected) = claims.access_token_hash() {
            let key = id_token.signing_key(&verifier).map_err(rejected)?;
            let algorithm = id_token.signing_alg().map_err(rejected)?;
            let actual = AccessTokenHash::from_token(tokens.access_token(), algorithm, key).map_err(rejected)?;
            if actual != *expected {
                return Err(rejected("the access token is not the one that the id token was made with").into());
            }
        }
        let text = |claim: Option<&str>| claim.map(str::to_owned);
        let name = claims.name().and_then(|name| name.get(None)).map(|name| name.as_str());
        let (mut name, mut email) = (text(name), text(claims.email().map(|email| email.as_str())));
        // What is vouched for is the address beside it.
        let mut vouched_for = claims.email_verified();
        if name.is_none() || email.is_none() {
            let more = self.user_info(provider, tokens, claims.subject().clone()).await?;
            name = name.or_else(|| text(more.name().and_then(|name| name.get(None)).map(|name| name.as_str())));
            if email.is_none() {
                email = text(more.email().map(|email| email.as_str()));
                vouched_for = more.email_verified();
            }
        }
        let email = email.unwrap_or_default();
        Ok(Proven {
            identity: Identity {
                issuer: self.issuer.to_string(),
                subject: claims.subject().to_string(),
                name: name.unwrap_or_else(|| email.split('@').next().unwrap_or_default().to_owned()),
                email_verified: vouched_for.unwrap_or(false) && !email.is_empty(),
                email,
            },
            id_token: id_token.to_string(),
        })
    }

    async fn user_info(
        &self,
        provider: &Discovered,
        tokens: &CoreTokenResponse,
        subject: openidconnect::SubjectIdentifier,
    ) -> Result<CoreUserInfoClaims, Error> {
        provider
            .client
            .user_info(tokens.access_token().clone(), Some(subject))
            .map_err(rejected)?
            .request_async(&self.http)
            .await
            .map_err(rejected)
    }

    /// What the provider says about itself, fetched anew where what we have is older than `max_age`.
    async fn discovered(&self, max_age: Duration) -> Result<Arc<Discovered>, Error> {
        // Held while fetching, so that many sign-ins at once make one call.
        let mut known = self.discovered.lock().await;
        if let Some(discovered) = known.as_ref().filter(|discovered| discovered.at.elapsed() < max_age) {
            return Ok(Arc::clone(discovered));
        }
        let metadata = ProviderMetadataWithLogout::discover_async(self.issuer.clone(), &self.http)
            .await
            .map_err(|error| Error::Unreachable(error.to_string()))?;
        let client = CoreClient::from_provider_metadata(
            metadata.clone(),
            self.client_id.clone(),
            Some(ClientSecret::new(self.client_secret.expose_secret().to_owned())),
        )
        .set_redirect_uri(self.redirect.clone());
        let discovered = Arc::new(Discovered { client, metadata, at: Instant::now() });
        *known = Some(Arc::clone(&discovered));
        Ok(discovered)
    }
}

/// Why an id token proves nothing.
enum Identify {
    UnknownKey,
    Other(Error),
}

impl Identify {
    fn into_error(self) -> Error {
        match self {
            Self::UnknownKey => rejected("the id token is signed with a key that the provider does not publish"),
            Self::Other(error) => error,
        }
    }
}

impl From<Error> for Identify {
    fn from(error: Error) -> Self {
        Self::Other(error)
    }
}

impl From<ClaimsVerificationError> for Identify {
    fn from(error: ClaimsVerificationError) -> Self {
        match error {
            ClaimsVerificationError::SignatureVerification(SignatureVerificationError::NoMatchingKey) => {
                Self::UnknownKey
            }
            other => Self::Other(rejected(other)),
        }
    }
}

fn plausible_age(issued: i64) -> Result<(), String> {
    let age = Clock::wall().0 - issued;
    if (-TOKEN_SKEW..=TOKEN_AGE).contains(&age) { Ok(()) } else { Err(format!("the token was issued {age} s ago")) }
}

fn token_error<RE: std::error::Error, T: openidconnect::ErrorResponse>(
    error: openidconnect::RequestTokenError<RE, T>,
) -> Error {
    match error {
        openidconnect::RequestTokenError::ServerResponse(response) => rejected(format!("{response:?}")),
        openidconnect::RequestTokenError::Parse(error, _) => rejected(error),
        other => Error::Unreachable(other.to_string()),
    }
}
