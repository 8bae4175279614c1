//! What the portal's pages and buttons do, within what the configuration allows.
//!
//! In flexible billing mode the portal schedules a cancellation by date (`cancel_at`, the flag stays
//! off); in classic mode by the flag. Applications must understand both.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Form, Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{KIND, configuration, page};
use crate::json::Json;
use crate::page::{message, see_other};
use crate::stripe::account::{Account, Origin};
use crate::stripe::error::ApiError;
use crate::stripe::payment_methods::{self, Entry};
use crate::stripe::{Stripe, checkout, customers, invoices, schedules, subscriptions, test_clocks, timers};

type Server = State<Arc<Stripe>>;
type OfSubscription = Path<(String, String)>;

/// A new card.
#[derive(Deserialize)]
pub(crate) struct Card {
    number: String,
    expiry: String,
    cvc: String,
    #[serde(default)]
    name: String,
}

/// A plan to switch to.
#[derive(Deserialize)]
pub(crate) struct Plan {
    price: String,
}

/// The portal's pages.
pub(crate) fn router() -> Router<Arc<Stripe>> {
    Router::new()
        .route("/p/session/{session}", get(home))
        .route("/p/session/{session}/payment-method", get(card_form).post(save_card))
        .route("/p/session/{session}/subscriptions/{subscription}/cancel", get(cancel_form).post(cancel))
        .route("/p/session/{session}/subscriptions/{subscription}/renew", post(renew))
        .route("/p/session/{session}/subscriptions/{subscription}/plan", get(plan_form).post(switch))
        .route("/p/session/{session}/subscriptions/{subscription}/confirm", get(confirm_form).post(confirm))
}

async fn home(State(stripe): Server, Path(id): Path<String>) -> Response {
    stripe.portal(&id, |account, session| {
        if let Some(url) = deep_link(session) {
            return Ok(see_other(&url));
        }
        let overview = page::Overview::of(account, session);
        Ok(overview.render(None))
    })
}

/// Where a session with a flow starts.
fn deep_link(session: &Value) -> Option<String> {
    let flow = session.get("flow")?;
    let root = format!("/p/session/{}", session.text("id"));
    let subscription = |kind: &str| Some(flow.get(kind)?.text("subscription").to_owned());
    match flow.text("type") {
        "payment_method_update" => Some(format!("{root}/payment-method")),
        "subscription_cancel" => {
            let id = subscription("subscription_cancel")?;
            Some(format!("{root}/subscriptions/{id}/cancel"))
        }
        "subscription_update" => {
            let id = subscription("subscription_update")?;
            Some(format!("{root}/subscriptions/{id}/plan"))
        }
        "subscription_update_confirm" => {
            let id = subscription("subscription_update_confirm")?;
            Some(format!("{root}/subscriptions/{id}/confirm"))
        }
        _ => None,
    }
}

/// After an action: where the flow says, or the overview with a note.
fn finish(account: &Account, session: &Value, note: &str) -> Response {
    let after = session.get("flow").and_then(|flow| flow.get("after_completion"));
    match after.map_or("", |after| after.text("type")) {
        "redirect" => {
            let url = after.and_then(|after| after.get("redirect")?.maybe("return_url"));
            see_other(url.unwrap_or("/"))
        }
        "hosted_confirmation" => {
            let custom =
                after.and_then(|after| after.get("hosted_confirmation")?.maybe("custom_message")).unwrap_or(note);
            message(StatusCode::OK, "Done", custom)
        }
        _ => page::Overview::of(account, session).render(Some(note)),
    }
}

async fn card_form(State(stripe): Server, Path(id): Path<String>) -> Response {
    stripe.portal(&id, |account, session| {
        allowed(account, session, "payment_method_update")?;
        Ok(page::card_form(session, None))
    })
}

async fn save_card(State(stripe): Server, Path(id): Path<String>, Form(card): Form<Card>) -> Response {
    let outcome = stripe.portal_attempt(&id, |account, session| {
        allowed(account, session, "payment_method_update")?;
        let (month, year) = checkout::expiry(&card.expiry);
        let entry = Entry::read(&card.number, month, year, card.cvc.trim(), account.now())?;
        if let Some(code) = entry.card.behaviour.decline(true) {
            let sentence = crate::stripe::cards::sentence(code);
            return Err(ApiError::card("card_declined", Some(code), sentence));
        }
        let customer = session.text("customer");
        let name = (!card.name.is_empty()).then_some(card.name.as_str());
        let method = payment_methods::save(account, &entry, Some(customer), &json!({ "name": name }));
        use_from_now_on(account, customer, method.text("id"));
        Ok(finish(account, session, "Your payment method was updated."))
    });
    match outcome {
        Ok(response) => response,
        Err(error) if error.status() == StatusCode::PAYMENT_REQUIRED => {
            stripe.portal(&id, |_, session| Ok(page::card_form(session, Some(error.message()))))
        }
        Err(error) => message(error.status(), "Billing portal", error.message()),
    }
}

/// Makes the card the default of the customer and of what they subscribe to.
fn use_from_now_on(account: &mut Account, customer: &str, method: &str) {
    customers::set_default_payment_method(account, customer, method);
    let running: Vec<Value> = account
        .data()
        .oldest("subscription")
        .map(|(_, it)| it)
        .filter(|it| it.text("customer") == customer && !subscriptions::has_ended(it))
        .cloned()
        .collect();
    for subscription in running {
        subscriptions::set_payment_method(account, subscription, method);
    }
}

async fn cancel_form(State(stripe): Server, Path((id, of)): OfSubscription) -> Response {
    stripe.portal(&id, |account, session| {
        allowed(account, session, "subscription_cancel")?;
        let subscription = own(account, session, &of)?;
        Ok(page::cancel_form(account, session, &subscription))
    })
}

async fn cancel(State(stripe): Server, Path((id, of)): OfSubscription) -> Response {
    stripe.portal(&id, |account, session| {
        let configuration = allowed(account, session, "subscription_cancel")?;
        let mut subscription = own(account, session, &of)?;
        if subscriptions::has_ended(&subscription) {
            return Ok(finish(account, session, "Your plan was canceled."));
        }
        let mode = configuration::feature(&configuration, "subscription_cancel");
        if mode.text("mode") == "immediately" {
            subscriptions::cancel_now(account, subscription, Some("cancellation_requested"));
            return Ok(finish(account, session, "Your plan was canceled."));
        }
        // A plan that was scheduled is given up by canceling.
        if let Some(schedule) = schedules::managing(account, &subscription) {
            schedules::release(account, schedule);
            subscription = own(account, session, &of)?;
        }
        let end = subscriptions::period_end(&subscription);
        subscriptions::schedule_at(account, &mut subscription, end);
        let classic = subscription.get("billing_mode").is_some_and(|mode| mode.text("type") == "classic");
        subscription.set("cancel_at_period_end", classic);
        account.update(&subscription, "customer.subscription.updated");
        Ok(finish(account, session, "Your plan will be canceled at the end of the period."))
    })
}

async fn renew(State(stripe): Server, Path((id, of)): OfSubscription) -> Response {
    stripe.portal(&id, |account, session| {
        let mut subscription = own(account, session, &of)?;
        if !subscriptions::has_ended(&subscription) {
            subscriptions::unschedule(&mut subscription);
            account.update(&subscription, "customer.subscription.updated");
        }
        Ok(finish(account, session, "Your plan will renew."))
    })
}

async fn plan_form(State(stripe): Server, Path((id, of)): OfSubscription) -> Response {
    stripe.portal(&id, |account, session| {
        let configuration = allowed(account, session, "subscription_update")?;
        let subscription = own(account, session, &of)?;
        let offered = configuration::offered(account, &configuration);
        Ok(page::plan_form(account, session, &subscription, &offered))
    })
}

async fn switch(State(stripe): Server, Path((id, of)): OfSubscription, Form(plan): Form<Plan>) -> Response {
    stripe.portal(&id, |account, session| {
        let configuration = allowed(account, session, "subscription_update")?;
        let subscription = own(account, session, &of)?;
        let offered = configuration::offered(account, &configuration);
        if !offered.iter().any(|price| price.text("id") == plan.price) {
            return Err(ApiError::invalid("This plan is not offered here."));
        }
        let item =
            subscription.get("items").and_then(|items| items.list("data").first()?.maybe("id")).unwrap_or_default();
        let items = json!([{ "id": item, "price": plan.price }]);
        let update = change(&configuration, items, &Value::Null);
        subscriptions::update(account, subscription, &update)?;
        Ok(finish(account, session, "Your plan was changed."))
    })
}

/// The update that the portal makes of a choice.
fn change(configuration: &Value, items: Value, discounts: &Value) -> Value {
    let settings = configuration::feature(configuration, "subscription_update");
    let mut update = json!({
        "items": items,
        "proration_behavior": settings.text("proration_behavior"),
        "payment_behavior": "error_if_incomplete",
    });
    if discounts.is_array() {
        update.set("discounts", discounts.clone());
    }
    update
}

/// The change that the session was opened for.
fn prepared(account: &Account, session: &Value, of: &str) -> Result<(Value, Value), ApiError> {
    let configuration = allowed(account, session, "subscription_update")?;
    let subscription = own(account, session, of)?;
    let wanted = session.get("flow").and_then(|flow| flow.get("subscription_update_confirm"));
    let wanted = wanted.filter(|it| it.maybe("subscription") == Some(of)).ok_or_else(|| {
        ApiError::with_status(StatusCode::NOT_FOUND, "There is no change to confirm in this session.")
    })?;
    let items = wanted.get("items").cloned().unwrap_or_default();
    let update = change(&configuration, items, wanted.get("discounts").unwrap_or(&Value::Null));
    Ok((subscription, update))
}

async fn confirm_form(State(stripe): Server, Path((id, of)): OfSubscription) -> Response {
    stripe.portal(&id, |account, session| {
        let (subscription, update) = prepared(account, session, &of)?;
        let invoice = account.imagine(|account| invoices::foresee(account, &subscription, &update))?;
        Ok(page::confirm_form(account, session, &subscription, &invoice))
    })
}

async fn confirm(State(stripe): Server, Path((id, of)): OfSubscription) -> Response {
    stripe.portal(&id, |account, session| {
        let (subscription, update) = prepared(account, session, &of)?;
        subscriptions::update(account, subscription, &update)?;
        Ok(finish(account, session, "Your plan was changed."))
    })
}

/// The configuration, if it offers a feature.
fn allowed(account: &Account, session: &Value, feature: &str) -> Result<Value, ApiError> {
    let id = session.text("configuration");
    let configuration = account.find(configuration::KIND, id, "configuration")?;
    if configuration::allows(&configuration, feature) {
        Ok(configuration)
    } else {
        Err(ApiError::with_status(StatusCode::FORBIDDEN, "This is not offered here."))
    }
}

/// A subscription of the session's customer.
fn own(account: &Account, session: &Value, id: &str) -> Result<Value, ApiError> {
    let subscription = account.path("subscription", id)?;
    if subscription.get("customer") == session.get("customer") {
        Ok(subscription)
    } else {
        Err(ApiError::no_such("subscription", id, "id"))
    }
}

impl Stripe {
    fn portal_attempt(
        &self,
        id: &str,
        work: impl FnOnce(&mut Account, &Value) -> Result<Response, ApiError>,
    ) -> Result<Response, ApiError> {
        self.run(Origin::default(), |account| {
            timers::run_due(account);
            let session = account.path(KIND, id)?;
            let moment = test_clocks::moment_of(account, session.text("customer"));
            account.at(moment, |account| work(account, &session))
        })
    }

    fn portal(&self, id: &str, work: impl FnOnce(&mut Account, &Value) -> Result<Response, ApiError>) -> Response {
        self.portal_attempt(id, work).unwrap_or_else(|error| message(error.status(), "Billing portal", error.message()))
    }
}
