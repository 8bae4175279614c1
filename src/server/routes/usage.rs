//! Beside the usage settings: the ledger as a file, and where days begin.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body as Bytes;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Redirect, Response};
use domain::catalog::Gate;
use domain::organization::OrganizationId;
use domain::plan::MeterId;
use futures::stream;
use serde::Deserialize;
use serde_json::json;

use super::body::{Body, Wanted};
use crate::server::App;
use crate::server::entitlements::meter_of;
use crate::server::error::Error;
use crate::server::overview::{moment, who};
use crate::server::pages::{refuse, signed_in};
use crate::server::store::{self, LedgerLine, Store};
use crate::visitor::Visitor;

/// How many lines are read at once.
const AT_ONCE: u32 = 1000;

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
    let head = stream::once(async { Ok(HEAD.to_owned()) });
    let lines = stream::try_unfold(Some(reading), |reading| async move {
        match reading {
            Some(reading) => reading.next().await,
            None => Ok(None),
        }
    });
    let body = Bytes::from_stream(futures::StreamExt::chain(head, lines));
    let kind = (header::CONTENT_TYPE, "text/csv; charset=utf-8");
    let name = (header::CONTENT_DISPOSITION, "attachment; filename=\"usage-ledger.csv\"");
    Ok(([kind, name], body).into_response())
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
    /// The next piece, and what is left to be read after it.
    async fn next(self) -> Result<Option<(String, Option<Self>)>, store::Error> {
        let page = self.store.named_ledger(&self.organization, self.meter.as_ref(), self.after.as_deref(), AT_ONCE);
        let lines = page.await?;
        let Some(last) = lines.last().map(|line| Arc::from(&*line.entry.id)) else { return Ok(None) };
        let more = lines.len() >= usize::try_from(AT_ONCE).unwrap_or(usize::MAX);
        let text = lines.iter().map(row).collect();
        Ok(Some((text, more.then_some(Self { after: Some(last), ..self }))))
    }
}

fn row(line: &LedgerLine) -> String {
    let entry = &line.entry;
    let reservation = entry.reservation_id.as_deref().unwrap_or_default();
    let fields = [
        cell(&moment(entry.at)),
        cell(&entry.meter),
        entry.amount.to_string(),
        entry.from_credits.to_string(),
        cell(&who(line)),
        cell(&entry.actor),
        cell(reservation),
        cell(&entry.id),
    ];
    format!("{}\r\n", fields.join(","))
}

/// A text as a cell. What a spreadsheet would take for a formula is marked as text: people choose the names of keys.
fn cell(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']);
    let text = if formula { format!("'{text}") } else { text.to_owned() };
    if text.contains(['"', ',', '\r', '\n', ';']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
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

#[cfg(test)]
mod tests {
    use super::cell;

    #[test]
    fn a_cell_is_never_a_formula_and_never_two() {
        assert_eq!(cell("Ada"), "Ada");
        assert_eq!(cell("=HYPERLINK(\"x\")"), "\"'=HYPERLINK(\"\"x\"\")\"");
        assert_eq!(cell("+1"), "'+1");
        assert_eq!(cell("a,b"), "\"a,b\"");
        assert_eq!(cell("a\nb"), "\"a\nb\"");
    }
}
