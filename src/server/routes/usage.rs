//! Beside the usage settings: the ledger as a file, and where days begin.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Redirect, Response};
use domain::catalog::Gate;
use domain::organization::OrganizationId;
use domain::plan::MeterId;
use serde::Deserialize;
use serde_json::json;

use super::body::{Body, Wanted};
use super::csv::{self, AT_ONCE};
use crate::server::App;
use crate::server::entitlements::meter_of;
use crate::server::error::Error;
use crate::server::overview::{moment, who};
use crate::server::pages::{refuse, signed_in};
use crate::server::store::{self, LedgerLine, Store};
use crate::visitor::Visitor;

/// Which lines.
#[derive(Debug, Deserialize)]
pub struct Filter {
    meter: Option<String>,
}

/// `GET /settings/usage/ledger.csv`: all of the ledger, newest first. It is sent while it is read, however long it is.
pub async fn ledger(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    headers: HeaderMap,
    Query(filter): Query<Filter>,
) -> Result<Response, Error> {
    let account = signed_in(&visitor)?;
    let (standing, now) = app.standing(&account.organization).await?;
    if let Some(answer) = app.closed(Gate::UsageAnalytics, &standing, now) {
        return refuse(app, &visitor, &headers, &answer).await;
    }
    let meter = filter.meter.as_deref().filter(|name| !name.is_empty());
    let meter = meter.map(|name| meter_of(&app.catalog, name)).transpose()?.map(|meter| meter.id.clone());
    let reading = Reading { store: app.store.clone(), organization: account.organization.clone(), meter, after: None };
    Ok(csv::file("usage-ledger.csv", HEAD, reading, Reading::next))
}

const HEAD: &str = "time,meter,amount,from_credits,used_by,actor,reservation,id\r\n";

/// How far the ledger has been read.
struct Reading {
    store: Store,
    organization: OrganizationId,
    meter: Option<MeterId>,
    after: Option<Arc<str>>,
}

impl Reading {
    async fn next(self) -> Result<Option<csv::Piece<Self>>, store::Error> {
        let page = self.store.named_ledger(&self.organization, self.meter.as_ref(), self.after.as_deref(), AT_ONCE);
        let lines = page.await?;
        let Some(last) = lines.last().map(|line| Arc::from(&*line.entry.id)) else { return Ok(None) };
        let text = lines.iter().map(row).collect();
        let after = csv::is_full(lines.len()).then_some(Self { after: Some(last), ..self });
        Ok(Some((text, after)))
    }
}

fn row(line: &LedgerLine) -> String {
    let entry = &line.entry;
    let reservation = entry.reservation_id.as_deref().unwrap_or_default();
    let fields = [
        csv::cell(&moment(entry.at)),
        csv::cell(&entry.meter),
        entry.amount.to_string(),
        entry.from_credits.to_string(),
        csv::cell(&who(line)),
        csv::cell(&entry.actor),
        csv::cell(reservation),
        csv::cell(&entry.id),
    ];
    csv::line(&fields)
}

/// Where days and months are to begin.
#[derive(Debug, Deserialize)]
pub struct ZoneBody {
    #[serde(alias = "timeZone", alias = "time_zone")]
    zone: String,
}

/// `POST /api/time-zone`: lets the organization's days and months begin elsewhere.
pub async fn time_zone(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Body { value, wanted }: Body<ZoneBody>,
) -> Result<Response, Error> {
    let account = signed_in(&visitor)?;
    app.set_time_zone(account, &value.zone).await?;
    match wanted {
        Wanted::Redirect => Ok(Redirect::to(&account.at("/settings/usage")).into_response()),
        Wanted::Json => {
            let (standing, _) = app.standing(&account.organization).await?;
            Ok(axum::Json(json!({ "timeZone": standing.zone.name() })).into_response())
        }
    }
}
