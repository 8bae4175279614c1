//! Everything that runs on the server only. `lib.rs` cuts this module out of the browser's build at its declaration.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use domain::access::{Access, PlanGrant, Policy};
use domain::catalog::Catalog;
use domain::subscription::Subscription;
use domain::time::{Seconds, Timestamp};
use leptos::config::LeptosOptions;

pub mod api;
pub mod assets;
pub mod auth;
pub mod billing;
pub mod catalog_file;
pub mod clock;
pub mod config;
pub mod drift;
pub mod entitlements;
pub mod error;
pub mod guard;
pub mod inbox;
pub mod invitations;
pub mod keys;
pub mod listen;
pub mod live;
pub mod mail;
pub mod organizations;
pub mod overview;
pub mod packs;
pub mod pages;
pub mod person;
pub mod playground;
pub mod prices;
pub mod reconcile;
pub mod refunds;
pub mod request_id;
pub mod router;
pub mod routes;
mod sales;
pub mod store;
pub mod stripe;
pub mod subscription;
pub mod team;
pub mod top_ups;

use self::auth::Provider;
use self::clock::Clock;
use self::config::Config;
use self::error::Error;
use self::store::{Decide, Store};
use self::stripe::Gateway;
use crate::pages::api_docs::ApiDescription;

/// What every request shares; cheap to clone.
#[derive(Clone, Debug)]
pub struct App(Arc<Parts>);

/// The parts of an [`App`].
#[derive(Debug)]
pub struct Parts {
    /// The configuration.
    pub config: Config,
    /// The plans, as the pages get them.
    pub catalog: Arc<Catalog>,
    /// The database.
    pub store: Store,
    /// Stripe.
    pub stripe: Gateway,
    /// The OpenID provider.
    pub provider: Provider,
    /// The clock.
    pub clock: Clock,
    /// The inbox's bell: rung when an event has come in.
    pub inbox: inbox::Bell,
    /// One sync at a time for each subscription.
    pub syncs: billing::Turns,
    /// The API, as the page about it shows it.
    pub api: Arc<ApiDescription>,
    /// Keys that were made a moment ago.
    pub fresh_keys: keys::Fresh,
    /// How often a key may call.
    pub rates: api::Rates,
    /// Pages that are open.
    pub live: live::Live,
    /// Set when the process is to stop: answers that would go on for ever end.
    pub stopping: tokio::sync::watch::Sender<bool>,
    /// What Leptos wants to know.
    pub leptos: LeptosOptions,
}

impl std::ops::Deref for App {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl App {
    /// Opens the store and puts the parts together. Nothing is asked of Stripe or the provider yet, so that a start
    /// does not depend on them.
    pub async fn open(config: Config, clock: Clock) -> Result<Self, Error> {
        let live = live::Live::default();
        let store = Store::open(&config.database_url, live.clone()).await?;
        let stripe = Gateway::new(&config.stripe.api_base, &config.stripe.secret_key)?;
        let provider = Provider::new(&config.oidc, &config.public_url)?;
        Ok(Self(Arc::new(Parts {
            // Pages show the address that requests go to, which need not be the catalogue's.
            catalog: Arc::new(Catalog { sales_email: config.sales_email.clone(), ..config.catalog.clone() }),
            store,
            stripe,
            provider,
            clock,
            inbox: inbox::Bell::default(),
            syncs: billing::Turns::default(),
            api: Arc::new(api::description(&config)),
            fresh_keys: keys::Fresh::default(),
            rates: api::Rates::new(config.api_calls_per_second),
            live,
            stopping: tokio::sync::watch::Sender::new(false),
            leptos: assets::leptos_options(config.addr),
            config,
        })))
    }

    /// The access policy, as a function of an organization's subscriptions and of the plan that it was granted, that
    /// can travel into a transaction.
    pub fn access_rule(&self, now: Timestamp) -> impl Decide {
        let app = self.clone();
        move |subscriptions: &[Subscription], granted: Option<&PlanGrant>| {
            app.access(subscriptions, now).or_granted(granted, &app.catalog, now)
        }
    }

    /// The best that any of an organization's subscriptions gives.
    fn access(&self, subscriptions: &[Subscription], now: Timestamp) -> Access {
        let policy = Policy {
            free: self.catalog.free_plan.clone(),
            past_due_grace: Seconds::days(self.catalog.past_due_grace_days.0),
            downgrade_on_dispute: self.config.stripe.downgrade_on_dispute,
        };
        let of = |subscription: &Subscription| {
            let plan = self.config.prices.plan(&subscription.price).map(|(plan, _)| plan);
            policy.access(Some(subscription), plan, now).with_seats(self.seats_kept(subscription), &self.catalog)
        };
        // Of equals the first counts, and they come newest first.
        let best = subscriptions.iter().map(of).reduce(|best, next| {
            if self.catalog.rank(&next.tier) > self.catalog.rank(&best.tier) { next } else { best }
        });
        best.unwrap_or_else(|| policy.access(None, None, now))
    }

    /// The seats of a subscription that can be handed out: those that go with the renewal are not any more.
    pub(crate) fn seats_kept(&self, subscription: &Subscription) -> u32 {
        let next = subscription.next.as_ref().filter(|next| {
            let plan = self.config.prices.plan(&next.price).and_then(|(plan, _)| self.catalog.plan(plan));
            plan.is_some_and(|plan| plan.seats.is_some())
        });
        next.map_or(subscription.quantity, |next| next.quantity.min(subscription.quantity))
    }
}

/// Runs the application: the routes on `listener` and the inbox's worker, until `stop` resolves. What is under way
/// finishes, and everything accepted is on the disk when this returns.
pub async fn run(app: App, listener: tokio::net::TcpListener, stop: impl Future<Output = ()>) {
    let worker = tokio::spawn(inbox::work(app.clone(), app.stopping.subscribe()));
    let every = app.config.reconcile_every;
    let comparing = every.map(|every| tokio::spawn(reconcile::on_schedule(app.clone(), every)));
    let mails = tokio::spawn(mail::work(app.clone(), app.stopping.subscribe()));
    let top_ups = tokio::spawn(top_ups::work(app.clone(), app.stopping.subscribe()));
    let cleaner = tokio::spawn(forget_what_is_over(app.clone()));
    let told = async {
        stop.await;
        app.stopping.send_replace(true);
    };
    listen::serve(listener, router::router(app.clone()), told).await;
    cleaner.abort();
    if let Some(comparing) = comparing {
        comparing.abort();
    }
    if let Err(error) = worker.await {
        tracing::error!(%error, "the inbox's worker ended badly");
    }
    if let Err(error) = mails.await {
        tracing::error!(%error, "the outbox's worker ended badly");
    }
    if let Err(error) = top_ups.await {
        tracing::error!(%error, "the worker of the automatic top-ups ended badly");
    }
    app.store.close().await;
}

/// Once an hour; an expired session is refused anyway, so nothing depends on it.
async fn forget_what_is_over(app: App) {
    let mut hours = tokio::time::interval(Duration::from_hours(1));
    loop {
        hours.tick().await;
        if let Err(error) = app.store.delete_expired_sessions(Clock::wall()).await {
            tracing::warn!(%error, "expired sessions could not be forgotten; trying again in an hour");
        }
        if let Err(error) = app.forget_old_answers().await {
            tracing::warn!(%error, "old answers could not be forgotten; trying again in an hour");
        }
    }
}
