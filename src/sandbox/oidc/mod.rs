//! The local `OpenID` provider: discovery, authorization code flow with PKCE, user info and sign-out
//! for one client and a few ready users. It knows nothing of Stripe or of the application.

mod authorize;
mod discovery;
mod keys;
mod logout;
mod page;
mod request;
mod session;
mod token;
mod users;

use std::sync::{Arc, PoisonError, RwLock};

use axum::Router;
use axum::routing::{get, post};

use crate::calendar;
use crate::config::SeedUser;
use crate::page as layout;
use crate::store::Store;
use keys::Keys;

/// The client that the application is.
pub(crate) const CLIENT_ID: &str = "billhook";
/// Its well-known secret.
pub(crate) const CLIENT_SECRET: &str = "billhook-sandbox-secret";

/// Where the provider may send the browser.
#[derive(Clone, Debug, Default)]
pub(crate) struct Redirects {
    /// After sign-in.
    pub sign_in: Vec<String>,
    /// After sign-out.
    pub sign_out: Vec<String>,
}

/// The running provider.
pub(crate) struct Provider {
    store: Arc<Store>,
    keys: Keys,
    issuer: String,
    users: Vec<SeedUser>,
    redirects: RwLock<Redirects>,
}

impl Provider {
    /// A provider over `store` that calls itself `issuer`.
    pub(crate) fn new(
        store: Arc<Store>,
        issuer: String,
        users: Vec<SeedUser>,
        redirects: Redirects,
    ) -> Result<Self, crate::Error> {
        Ok(Self { keys: Keys::load(&store)?, store, issuer, users, redirects: RwLock::new(redirects) })
    }

    /// The issuer identifier.
    pub(crate) fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Replaces the redirect addresses.
    pub(crate) fn set_redirects(&self, redirects: Redirects) {
        *self.redirects.write().unwrap_or_else(PoisonError::into_inner) = redirects;
    }

    fn redirects(&self) -> Redirects {
        self.redirects.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Everything this server answers.
    pub(crate) fn router(self: Arc<Self>) -> Router {
        Router::new()
            .route("/", get(page::about))
            .route(layout::STYLE_PATH, get(layout::style))
            .route("/.well-known/openid-configuration", get(discovery::configuration))
            .route("/jwks", get(discovery::jwks))
            .route("/authorize", get(authorize::show).post(authorize::decide))
            .route("/token", post(token::exchange))
            .route("/userinfo", get(token::userinfo).post(token::userinfo))
            .route("/oidc/logout", get(logout::by_link).post(logout::by_form))
            .with_state(self)
    }
}

/// The provider's clock. Clients compare token times with their own clock, which the sandbox cannot
/// move, so this is the wall clock.
fn now() -> i64 {
    calendar::wall()
}
