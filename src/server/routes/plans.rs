//! `GET /api/v1/plans`: the catalogue, for services and for other front ends.

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use crate::server::App;

/// What is sold.
pub async fn list(State(app): State<App>) -> Json<Value> {
    let catalog = &app.catalog;
    Json(json!({
        "currency": catalog.currency,
        "freePlan": catalog.free_plan,
        "trialDays": catalog.trial.map_or(0, |trial| trial.days),
        "plans": catalog.plans,
        "features": catalog.features,
        "meters": catalog.meters,
    }))
}
