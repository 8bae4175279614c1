//! The Checkout page's routes: show, change the order, pay, confirm with the bank.
//!
//! Every button is a form. A session is completed at most once: whoever comes second is sent to the
//! same success page.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Form, Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::{Value, json};

use super::complete::{self, Buyer};
use super::{order, page};
use crate::json::Json;
use crate::page::{message, see_other};
use crate::stripe::account::{Account, Origin};
use crate::stripe::cards::Behaviour;
use crate::stripe::error::ApiError;
use crate::stripe::{Stripe, test_clocks, timers};

type Server = State<Arc<Stripe>>;

/// Changes to the order before paying.
#[derive(Default, Deserialize)]
struct Options {
    #[serde(default)]
    promotion_code: Option<String>,
    #[serde(default)]
    remove_promotion_code: Option<String>,
    #[serde(default)]
    item: Option<String>,
    #[serde(default)]
    quantity: Option<String>,
}

/// The person's answer to the bank.
#[derive(Deserialize)]
struct Confirmation {
    answer: String,
}

/// What a step leads to.
enum Step {
    Page(StatusCode, Box<page::Content>),
    Challenge,
    Go(String),
    Gone,
}

/// The Checkout page's routes.
pub(crate) fn router() -> Router<Arc<Stripe>> {
    Router::new()
        .route("/c/pay/{session}", get(show).post(submit))
        .route("/c/pay/{session}/options", post(options))
        .route("/c/pay/{session}/challenge", get(challenge).post(answer_challenge))
}

/// Shows the page.
async fn show(State(stripe): Server, Path(id): Path<String>) -> Response {
    stripe.step(&id, |account, session| Ok(Step::Page(StatusCode::OK, Box::new(page::Content::of(account, session)?))))
}

/// Applies a promotion code or a quantity.
async fn options(State(stripe): Server, Path(id): Path<String>, Form(options): Form<Options>) -> Response {
    let typed = options.promotion_code.clone().unwrap_or_default();
    stripe.step(&id, |account, mut session| {
        let changed = change(account, &mut session, &options);
        let id = session.text("id").to_owned();
        let mut content = page::Content::of(account, session)?;
        match changed {
            Ok(()) => Ok(Step::Go(format!("/c/pay/{id}"))),
            Err(error) => {
                content.promotion_code = typed;
                content.order_error = Some(error.message().to_owned());
                Ok(Step::Page(StatusCode::UNPROCESSABLE_ENTITY, Box::new(content)))
            }
        }
    })
}

fn change(account: &mut Account, session: &mut Value, options: &Options) -> Result<(), ApiError> {
    if options.remove_promotion_code.is_some() {
        return order::remove_code(account, session);
    }
    if let Some(text) = &options.promotion_code {
        if !session.flag("allow_promotion_codes") {
            return Err(ApiError::invalid("This order takes no promotion codes."));
        }
        return order::apply_code(account, session, text);
    }
    if let (Some(item), Some(quantity)) = (&options.item, &options.quantity) {
        let quantity = quantity.trim().parse().map_err(|_| ApiError::invalid("Enter a whole number."))?;
        return order::set_quantity(account, session, item, quantity);
    }
    Ok(())
}

/// Pays.
async fn submit(State(stripe): Server, Path(id): Path<String>, Form(buyer): Form<Buyer>) -> Response {
    let outcome = stripe.attempt(&id, |account, session| pay(account, session, &buyer));
    stripe.respond(&id, outcome, &buyer)
}

fn pay(account: &mut Account, session: Value, buyer: &Buyer) -> Result<Step, ApiError> {
    if session.maybe("customer").is_none() && !crate::stripe::customers::plausible(buyer.email.trim()) {
        return Err(ApiError::invalid("Enter a valid email address.").param("email"));
    }
    let entry = if complete::needs_card(&session) { Some(buyer.card(account.now())?) } else { None };
    let asks = |card: &'static crate::stripe::cards::Card| card.behaviour == Behaviour::Authenticates;
    if entry.as_ref().is_some_and(|entry| asks(entry.card)) {
        let mut order = order::Order::load(account, session.text("id"))?;
        order.challenge = Some(json!(buyer));
        order.save(account);
        let id = session.text("id");
        return Ok(Step::Go(format!("/c/pay/{id}/challenge")));
    }
    let session = complete::complete(account, session, buyer, entry.as_ref())?;
    Ok(Step::Go(success_url(&session)))
}

/// The bank's question.
async fn challenge(State(stripe): Server, Path(id): Path<String>) -> Response {
    stripe.step(&id, |account, session| {
        let order = order::Order::load(account, session.text("id"))?;
        match order.challenge {
            Some(_) => Ok(Step::Challenge),
            None => Ok(Step::Go(format!("/c/pay/{}", session.text("id")))),
        }
    })
}

/// The answer to the bank's question.
async fn answer_challenge(
    State(stripe): Server,
    Path(id): Path<String>,
    Form(confirmation): Form<Confirmation>,
) -> Response {
    let mut buyer = Buyer::default();
    let outcome = stripe.attempt(&id, |account, session| {
        let mut order = order::Order::load(account, session.text("id"))?;
        let Some(entered) = order.challenge.take() else {
            return Ok(Step::Go(format!("/c/pay/{}", session.text("id"))));
        };
        order.save(account);
        buyer = serde_json::from_value(entered).unwrap_or_default();
        if confirmation.answer != "complete" {
            return Err(unauthenticated().keeping_changes());
        }
        let entry = buyer.card(account.now())?;
        let session = complete::complete(account, session, &buyer, Some(&entry))?;
        Ok(Step::Go(success_url(&session)))
    });
    stripe.respond(&id, outcome, &buyer)
}

fn unauthenticated() -> ApiError {
    ApiError::card(
        "payment_intent_authentication_failure",
        None,
        "We are unable to authenticate your payment method. Please choose a different payment method and try again.",
    )
}

fn success_url(session: &Value) -> String {
    session.text("success_url").replace("{CHECKOUT_SESSION_ID}", session.text("id"))
}

impl Stripe {
    /// One step on the page of an open session; others are sent where they belong.
    fn attempt(
        &self,
        id: &str,
        work: impl FnOnce(&mut Account, Value) -> Result<Step, ApiError>,
    ) -> Result<Step, ApiError> {
        self.run(Origin::default(), |account| {
            timers::run_due(account);
            let session = account.path("checkout.session", id)?;
            match session.text("status") {
                "open" => {
                    let moment = test_clocks::moment_of(account, session.text("customer"));
                    account.at(moment, |account| work(account, session))
                }
                "complete" => Ok(Step::Go(success_url(&session))),
                _ => Ok(Step::Gone),
            }
        })
    }

    fn step(&self, id: &str, work: impl FnOnce(&mut Account, Value) -> Result<Step, ApiError>) -> Response {
        let outcome = self.attempt(id, work);
        self.respond(id, outcome, &Buyer::default())
    }

    /// The page that a step leads to. What a refused step did is undone; the form comes back with
    /// what was entered and the reason.
    fn respond(&self, id: &str, outcome: Result<Step, ApiError>, buyer: &Buyer) -> Response {
        let refusal = match outcome {
            Ok(step) => return answer(id, step),
            Err(error) => error,
        };
        let again = self.attempt(id, |account, session| {
            let mut content = page::Content::of(account, session)?;
            content.buyer = buyer.clone();
            content.pay_error = Some(refusal.message().to_owned());
            Ok(Step::Page(refusal.status(), Box::new(content)))
        });
        match again {
            Ok(step) => answer(id, step),
            Err(error) => message(error.status(), "Checkout", error.message()),
        }
    }
}

fn answer(id: &str, step: Step) -> Response {
    match step {
        Step::Page(status, content) => content.render(status),
        Step::Challenge => page::challenge(id),
        Step::Go(url) => see_other(&url),
        Step::Gone => message(
            StatusCode::GONE,
            "This checkout has expired",
            "Nothing was charged. Go back to where you came from and start again.",
        ),
    }
}
