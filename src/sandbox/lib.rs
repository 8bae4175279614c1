//! A local Stripe and a local `OpenID` provider that speak the real protocols over HTTP, and a mailbox
//! that speaks SMTP.
//!
//! `billhook dev` starts them in its own process and points its ordinary Stripe base URL and issuer
//! at them; integration tests do the same on free ports. They never import the application and the
//! application never imports anything of theirs but [`Sandbox::start`]: what works against the
//! sandbox works because it speaks the protocol, not because the two know each other.
//!
//! State is one store of JSON objects (`store`), journaled to one file (`journal`), shared by
//! `stripe`, `oidc` and `mail`. Both clocks start as the wall clock; the Stripe one can be moved forward.

#![recursion_limit = "256"]
#![expect(clippy::format_collect, reason = "pages read best as mapped fragments, and are small")]

mod calendar;
mod config;
mod error;
mod http;
mod ids;
mod journal;
mod json;
mod mail;
mod oidc;
mod page;
mod store;
mod stripe;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use tokio::task::JoinHandle;

pub use config::{Config, Interval, SeedPrice, SeedUser};
pub use error::Error;

use http::Server;
use mail::Mailbox;
use oidc::{Provider, Redirects};
use store::Store;
use stripe::Stripe;

/// The variable that moves the local Stripe elsewhere.
const STRIPE_ADDR: &str = "SANDBOX_STRIPE_ADDR";
/// The variable that moves the local `OpenID` provider elsewhere.
const OIDC_ADDR: &str = "SANDBOX_OIDC_ADDR";
/// The variable that moves the mail server elsewhere.
const SMTP_ADDR: &str = "SANDBOX_SMTP_ADDR";

/// A running sandbox. Dropped, it stops at once; [`Sandbox::shutdown`] lets open requests finish.
pub struct Sandbox {
    stripe: Arc<Stripe>,
    provider: Arc<Provider>,
    mailbox: Arc<Mailbox>,
    servers: Vec<Server>,
    delivery: JoinHandle<()>,
    mail: JoinHandle<()>,
}

impl Sandbox {
    /// Listens, restores the state, seeds the account and serves.
    ///
    /// # Errors
    ///
    /// When a port is taken (the message names the variable that changes it) or the state cannot be
    /// read.
    pub async fn start(config: Config) -> Result<Self, Error> {
        let (stripe_listener, stripe) = http::listen(config.stripe_addr, STRIPE_ADDR).await?;
        let (oidc_listener, issuer) = http::listen(config.oidc_addr, OIDC_ADDR).await?;
        let (smtp_listener, smtp) = http::listen(config.smtp_addr, SMTP_ADDR).await?;
        let store = Arc::new(Store::open(config.data.as_deref(), stripe::due_at)?);
        let stripe = Arc::new(Stripe::new(Arc::clone(&store), format!("http://{stripe}")));
        stripe.seed(&config.prices)?;
        if let Some(url) = &config.webhook_url {
            stripe.set_webhook_url(url)?;
        }
        let redirects = Redirects { sign_in: config.redirect_uris, sign_out: config.post_logout_redirect_uris };
        let mailbox = Arc::new(Mailbox::new(Arc::clone(&store), format!("smtp://{smtp}")));
        let provider = Arc::new(Provider::new(store, format!("http://{issuer}"), config.users, redirects)?);
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .map_err(|error| Error::Setup(format!("HTTP client: {error}")))?;
        let delivery = tokio::spawn(Arc::clone(&stripe).deliver(client));
        let servers = vec![
            Server::spawn(stripe_listener, Arc::clone(&stripe).router().merge(mail::router(Arc::clone(&mailbox)))),
            Server::spawn(oidc_listener, Arc::clone(&provider).router()),
        ];
        let mail = mail::serve(smtp_listener, Arc::clone(&mailbox));
        Ok(Self { stripe, provider, mailbox, servers, delivery, mail })
    }

    /// The variables of an application that uses a sandbox whose servers are at these addresses.
    pub fn variables(stripe_url: &str, issuer: &str) -> [(&'static str, String); 6] {
        [
            ("STRIPE_API_BASE", stripe_url.to_owned()),
            ("STRIPE_SECRET_KEY", stripe::SECRET_KEY.to_owned()),
            ("STRIPE_WEBHOOK_SECRET", stripe::WEBHOOK_SECRET.to_owned()),
            ("OIDC_ISSUER", issuer.to_owned()),
            ("OIDC_CLIENT_ID", oidc::CLIENT_ID.to_owned()),
            ("OIDC_CLIENT_SECRET", oidc::CLIENT_SECRET.to_owned()),
        ]
    }

    /// Base URL of the local Stripe, for example `http://127.0.0.1:12111`.
    pub fn stripe_url(&self) -> &str {
        self.stripe.base_url()
    }

    /// The API key that the local Stripe accepts; always the same.
    pub fn secret_key(&self) -> &str {
        stripe::SECRET_KEY
    }

    /// The signing secret of the application's webhook endpoint; always the same.
    pub fn webhook_secret(&self) -> &str {
        stripe::WEBHOOK_SECRET
    }

    /// Issuer of the local `OpenID` provider, for example `http://127.0.0.1:12112`.
    pub fn issuer(&self) -> &str {
        self.provider.issuer()
    }

    /// Client id of the application at the provider.
    pub fn client_id(&self) -> &str {
        oidc::CLIENT_ID
    }

    /// Client secret of the application at the provider.
    pub fn client_secret(&self) -> &str {
        oidc::CLIENT_SECRET
    }

    /// Where the application sends mail to, for example `smtp://127.0.0.1:12113`: no TLS, no sign-in.
    pub fn smtp_url(&self) -> &str {
        self.mailbox.url()
    }

    /// Where the application receives events from now on; events before this had nowhere to go.
    pub fn set_webhook_url(&self, url: &str) {
        if let Err(error) = self.stripe.set_webhook_url(url) {
            tracing::error!(%error, "the webhook URL could not be kept");
        }
    }

    /// Replaces the registered redirect addresses: after sign-in, and after sign-out.
    pub fn set_redirect_uris(&self, redirect_uris: Vec<String>, post_logout: Vec<String>) {
        self.provider.set_redirects(Redirects { sign_in: redirect_uris, sign_out: post_logout });
    }

    /// The sandbox clock in seconds: the wall clock plus what the control API added.
    pub fn now(&self) -> i64 {
        self.stripe.now()
    }

    /// Waits until no webhook delivery is pending or in flight. Deliveries that are held back do not
    /// count; one that keeps failing does, until it is given up.
    pub async fn deliveries_idle(&self) {
        self.stripe.deliveries_idle().await;
    }

    /// Stops listening and sending; open requests may finish.
    pub async fn shutdown(mut self) {
        self.delivery.abort();
        self.mail.abort();
        for server in std::mem::take(&mut self.servers) {
            server.stop().await;
        }
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.delivery.abort();
        self.mail.abort();
    }
}
