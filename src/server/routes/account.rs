//! A person's own account: ending sessions, taking what is known along, and leaving for good.

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Redirect, Response};
use axum::{Extension, Json};
use serde::Deserialize;
use serde_json::json;
use tower_sessions::Session;

use super::body::{Body, Wanted};
use super::team::{ConfirmBody, failed};
use crate::server::App;
use crate::server::error::Error;
use crate::server::pages::signed_in;
use crate::visitor::Visitor;

/// Which session; all others where none is named.
#[derive(Debug, Deserialize)]
pub struct SessionBody {
    #[serde(default)]
    session: String,
}

/// `POST /api/sessions/end`: ends one of the person's sessions, or all but this one.
pub async fn end_session(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Body { value, wanted }: Body<SessionBody>,
) -> Result<Response, Error> {
    let account = signed_in(&visitor)?;
    if value.session.is_empty() {
        app.store.end_other_sessions(&account.user, &visitor.session).await?;
    } else {
        app.end_session(account, &value.session).await?;
    }
    Ok(match wanted {
        Wanted::Json => Json(json!({})).into_response(),
        Wanted::Redirect => Redirect::to(&account.at("/settings/account?done=ended")).into_response(),
    })
}

/// `GET /settings/account/export.json`: what is known of the person.
pub async fn export(State(app): State<App>, Extension(visitor): Extension<Visitor>) -> Result<Response, Error> {
    let everything = app.export(signed_in(&visitor)?).await?;
    let download = [(header::CONTENT_DISPOSITION, "attachment; filename=\"account.json\"")];
    Ok((download, Json(everything)).into_response())
}

/// `POST /api/account/delete`.
pub async fn delete(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    session: Session,
    Body { value, wanted }: Body<ConfirmBody>,
) -> Result<Response, Error> {
    let account = signed_in(&visitor)?;
    match (app.delete_account(account, &value.confirm).await, wanted) {
        (Ok(()), wanted) => {
            session.flush().await?;
            Ok(match wanted {
                Wanted::Json => Json(json!({})).into_response(),
                Wanted::Redirect => Redirect::to("/?account=deleted").into_response(),
            })
        }
        (Err(error), wanted) => failed(app, &visitor, wanted, "/settings/account", error).await,
    }
}
