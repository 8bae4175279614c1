//! `POST /api/webhooks/stripe`: the signature over the raw bytes, the inbox, and only then 2xx.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};

use crate::error::{AppError, Code};
use crate::server::App;
use crate::server::clock::Clock;
use crate::server::error::Error;
use crate::server::store::Arrival;
use crate::server::stripe::{Head, signature};

/// Takes a delivery in. Unknown types and shapes are stored too: Stripe has done its part.
pub async fn receive(State(app): State<App>, headers: HeaderMap, body: Bytes) -> Result<Response, Error> {
    let header = headers.get("stripe-signature").and_then(|value| value.to_str().ok());
    let now = Clock::wall();
    signature::verify(header, &body, &app.config.stripe.webhook_secrets, now).map_err(|refused| {
        tracing::warn!(%refused, "a webhook delivery was refused");
        AppError::new(Code::Invalid, refused.to_string())
    })?;
    let unreadable = |_| AppError::new(Code::Invalid, "The body is not an event: it has no `id`.");
    let text = std::str::from_utf8(&body).map_err(|_| AppError::new(Code::Invalid, "The body is not UTF-8."))?;
    let event = Head::read(text).map_err(unreadable)?;
    let arrival = Arrival {
        created: event.created(),
        id: event.id,
        kind: event.kind,
        livemode: event.livemode,
        payload: text.to_owned(),
    };
    app.store.receive_event(arrival, now).await?;
    app.inbox.ring();
    Ok(StatusCode::OK.into_response())
}
