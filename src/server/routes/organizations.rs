//! `GET /api/organizations`: the truth about each organization's tier.

use axum::extract::State;
use axum::{Extension, Json};
use serde_json::{Value, json};

use crate::server::App;
use crate::server::error::Error;
use crate::server::pages::signed_in;
use crate::visitor::Visitor;

/// The signed-in person's organizations.
pub async fn list(State(app): State<App>, Extension(visitor): Extension<Visitor>) -> Result<Json<Value>, Error> {
    let account = signed_in(&visitor)?;
    Ok(Json(json!({ "organizations": app.organizations(&account.user).await? })))
}
