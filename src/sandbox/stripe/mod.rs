//! The local Stripe: one stateful account behind Stripe's HTTP API, with hosted pages, signed
//! webhooks and a control page. It speaks version 2026-09-30.endive.
//!
//! A request runs through `api` into one of the handlers that the resources list in `ROUTES`; all of
//! it happens inside one `account::Account` transaction. Pages call the same resources.

mod account;
mod api;
mod cards;
mod checkout;
mod control;
mod coupons;
mod customers;
mod delivery;
mod discounts;
mod disputes;
mod error;
mod events;
mod expand;
mod failures;
mod form;
mod idempotency;
mod invoice_items;
mod invoices;
mod list;
mod mode;
mod params;
mod payment_methods;
mod payments;
mod portal;
mod prices;
mod products;
mod profile;
mod promotion_codes;
mod refunds;
mod routes;
mod schedules;
mod seed;
mod settings;
pub(crate) mod signature;
mod subscriptions;
mod test_clocks;
mod timers;
mod traffic;
mod webhook_endpoints;

use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{any, get};

use account::{Account, Origin};
use error::ApiError;
use routes::Route;
pub(crate) use timers::due_at;

use crate::config::SeedPrice;
use crate::page;
use crate::store::Store;

/// The well-known key of the sandbox account.
pub(crate) const SECRET_KEY: &str = "sk_test_billhook_sandbox";
/// The well-known signing secret of the application's endpoint.
pub(crate) const WEBHOOK_SECRET: &str = "whsec_billhook_sandbox";
/// Id of the application's webhook endpoint.
const APPLICATION: &str = "we_application";

/// The endpoints of all resources.
fn resources() -> [&'static [Route]; 21] {
    [
        profile::ROUTES,
        products::ROUTES,
        prices::ROUTES,
        customers::ROUTES,
        payment_methods::ROUTES,
        payments::ROUTES,
        refunds::ROUTES,
        disputes::ROUTES,
        test_clocks::ROUTES,
        coupons::ROUTES,
        promotion_codes::ROUTES,
        checkout::ROUTES,
        subscriptions::ROUTES,
        subscriptions::ITEM_ROUTES,
        schedules::ROUTES,
        invoices::ROUTES,
        invoice_items::ROUTES,
        portal::ROUTES,
        portal::CONFIGURATION_ROUTES,
        events::ROUTES,
        webhook_endpoints::ROUTES,
    ]
}

/// The running Stripe.
pub(crate) struct Stripe {
    store: Arc<Store>,
    base_url: String,
    traffic: traffic::Traffic,
    in_flight: idempotency::InFlight,
}

impl Stripe {
    /// A Stripe over `store` whose pages live at `base_url`.
    pub(crate) fn new(store: Arc<Store>, base_url: String) -> Self {
        Self { store, base_url, traffic: traffic::Traffic::default(), in_flight: idempotency::InFlight::default() }
    }

    /// Brings the account to what the configuration says.
    pub(crate) fn seed(&self, prices: &[SeedPrice]) -> Result<(), crate::Error> {
        self.quietly(|account| seed::apply(account, prices))
    }

    /// Makes `url` the address of the application's webhook endpoint.
    pub(crate) fn set_webhook_url(&self, url: &str) -> Result<(), crate::Error> {
        self.quietly(|account| {
            webhook_endpoints::upsert(account, APPLICATION, url, WEBHOOK_SECRET);
        })
    }

    /// Root of the server.
    pub(crate) fn base_url(&self) -> &str {
        &self.base_url
    }

    /// The sandbox clock.
    pub(crate) fn now(&self) -> i64 {
        self.store.read(crate::store::Data::now)
    }

    /// Tells of every change, for tests that wait for one.
    #[cfg(test)]
    pub(crate) fn changes(&self) -> tokio::sync::watch::Receiver<u64> {
        self.store.changes()
    }

    fn quietly(&self, work: impl FnOnce(&mut Account)) -> Result<(), crate::Error> {
        let mut account = Account::new(self.store.begin(), Origin::default(), &self.base_url);
        work(&mut account);
        account.commit()
    }

    /// Runs `work` in one transaction; an error undoes it unless the error says otherwise.
    fn run<T>(&self, origin: Origin, work: impl FnOnce(&mut Account) -> Result<T, ApiError>) -> Result<T, ApiError> {
        let mut account = Account::new(self.store.begin(), origin, &self.base_url);
        let outcome = work(&mut account);
        match &outcome {
            Err(error) if !error.keeps_changes() => {
                let struck = account.struck().to_vec();
                drop(account);
                self.remember_failures(&struck)?;
            }
            _ => account.commit()?,
        }
        outcome
    }

    /// Does everything that is due by now.
    fn catch_up(&self) -> Result<(), ApiError> {
        while self.run(Origin::default(), |account| Ok(timers::run_some(account)))? {}
        Ok(())
    }

    /// A payment that was made to fail has failed, even where the request was undone because of it.
    fn remember_failures(&self, struck: &[String]) -> Result<(), crate::Error> {
        if struck.is_empty() {
            return Ok(());
        }
        self.quietly(|account| {
            for customer in struck {
                failures::strike(account, Some(customer));
            }
        })
    }

    /// Sends webhooks until the task is dropped.
    pub(crate) async fn deliver(self: Arc<Self>, client: reqwest::Client) {
        delivery::work(self, client).await;
    }

    /// Everything this server answers.
    pub(crate) fn router(self: Arc<Self>) -> Router {
        Router::new()
            .route("/", get(control::page::show))
            .route(page::STYLE_PATH, get(page::style))
            .merge(control::router())
            .merge(checkout::router())
            .merge(portal::router())
            .route("/i/{invoice}", get(invoices::hosted).post(invoices::pay_form))
            .route("/i/{invoice}/pdf", get(invoices::document))
            .route("/v1/{*path}", any(api::handle))
            .fallback(nothing_here)
            .with_state(self)
    }
}

async fn nothing_here() -> Response {
    let text = "The API is under /v1, the control page at /.";
    page::message(StatusCode::NOT_FOUND, "Not found", text)
}
