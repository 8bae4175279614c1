//! Sign-in and sign-out.

use axum::extract::{Query, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use tower_sessions::Session;

use super::provider::LOGIN_SECONDS;
use super::return_to::ReturnTo;
use super::session;
use crate::error::Code;
use crate::server::App;
use crate::server::clock::Clock;
use crate::server::error::Error;

/// What `/auth/login` may be told.
#[derive(Debug, Deserialize)]
pub struct Login {
    return_to: Option<String>,
}

/// What the provider answers.
#[derive(Debug, Deserialize)]
pub struct Callback {
    state: Option<String>,
    code: Option<String>,
    iss: Option<String>,
    error: Option<String>,
}

/// `GET /auth/login`: goes to the provider, and comes back to `return_to`.
pub async fn login(State(app): State<App>, session: Session, Query(query): Query<Login>) -> Result<Response, Error> {
    let return_to = ReturnTo::parse(query.return_to.as_deref());
    if session::signed_in(&session).await?.is_some() {
        return Ok(Redirect::to(return_to.as_str()).into_response());
    }
    let (pending, url) = app.provider.start(return_to, Clock::wall().0).await?;
    session::expect(&session, pending).await?;
    Ok(Redirect::to(&url).into_response())
}

/// `GET /auth/callback`: the provider sends the browser here.
pub async fn callback(
    State(app): State<App>,
    session: Session,
    Query(query): Query<Callback>,
) -> Result<Response, Error> {
    let start_again = || {
        Error::refused(
            Code::Invalid,
            "This sign-in was started too long ago, or in another browser. Please sign in again.",
        )
    };
    let state = query.state.as_deref().ok_or_else(start_again)?;
    let login = session::take(&session, state).await?.ok_or_else(start_again)?;
    if login.started + LOGIN_SECONDS < Clock::wall().0 {
        return Err(start_again());
    }
    if let Some(error) = query.error {
        // The person changed their mind, or the provider did: back to where they can try again.
        tracing::info!(error, "the provider did not sign anybody in");
        return Ok(Redirect::to("/?signin=declined").into_response());
    }
    let code = query.code.ok_or_else(start_again)?;
    let proven = app.provider.finish(&login, code, query.iss.as_deref()).await?;
    let user = app.store.sign_in(proven.identity, app.catalog.free_plan.clone(), app.clock.now()).await?;
    session::begin(&session, user, proven.id_token).await?;
    Ok(Redirect::to(login.return_to.as_str()).into_response())
}

/// `POST /auth/logout`: ends the session here and at the provider, and lands on the landing page.
pub async fn logout(State(app): State<App>, session: Session) -> Result<Response, Error> {
    let signed_in = session::signed_in(&session).await?;
    session.flush().await?;
    let url = match signed_in {
        Some(signed_in) => app.provider.logout_url(&signed_in.id_token).await,
        None => None,
    };
    let mut response = Redirect::to(url.as_deref().unwrap_or("/")).into_response();
    // Nothing private is to come back from the browser's caches, not even with its Back button.
    response.headers_mut().insert("clear-site-data", HeaderValue::from_static("\"cache\""));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}
