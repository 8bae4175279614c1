//! `GET /settings/audit/log.csv`: the time line as a file.

use axum::Extension;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::Response;
use domain::catalog::Gate;
use domain::organization::OrganizationId;
use domain::role::Permission;
use domain::window::Zone;
use serde::Deserialize;

use super::csv::{self, AT_ONCE};
use crate::server::App;
use crate::server::error::Error;
use crate::server::organizations::require;
use crate::server::pages::{refuse, signed_in};
use crate::server::store::AuditFilter;
use crate::visitor::Visitor;

/// Which lines.
#[derive(Debug, Deserialize)]
pub struct Filter {
    about: Option<String>,
    by: Option<String>,
}

/// All of the time line that the filter lets through, newest first.
pub async fn log(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    headers: HeaderMap,
    Query(filter): Query<Filter>,
) -> Result<Response, Error> {
    let account = signed_in(&visitor)?;
    require(account, Permission::ReadAudit)?;
    let (standing, now) = app.standing(&account.organization).await?;
    if let Some(answer) = app.closed(Gate::Audit, &standing, now) {
        return refuse(app, &visitor, &headers, &answer).await;
    }
    let (about, by) = (filter.about.as_deref(), filter.by.as_deref());
    let (filter, _) = app.audit_filter(&account.organization, about, by).await?;
    let (organization, zone) = (account.organization.clone(), standing.zone.clone());
    let reading = Reading { app, organization, zone, filter, after: None };
    Ok(csv::file("audit-log.csv", HEAD, reading, Reading::next))
}

const HEAD: &str = "time,by,what,action,detail,actor,id\r\n";

/// How far the time line has been read.
struct Reading {
    app: App,
    organization: OrganizationId,
    zone: Zone,
    filter: AuditFilter,
    after: Option<String>,
}

impl Reading {
    async fn next(self) -> Result<Option<csv::Piece<Self>>, Error> {
        let page = self.app.store.audit(&self.organization, &self.filter, self.after.as_deref(), AT_ONCE);
        let entries = page.await?;
        let Some(last) = entries.last().map(|entry| entry.id.clone()) else { return Ok(None) };
        let full = csv::is_full(entries.len());
        let mut text = String::new();
        for entry in entries {
            let stored = [&entry.action, &entry.detail, &entry.actor, &entry.id].map(|text| csv::cell(text));
            let line = self.app.audit_line(&self.zone, entry).await?;
            let said = [&line.iso, &line.who, &line.what].map(|text| csv::cell(text));
            text.push_str(&csv::line(&[said.as_slice(), stored.as_slice()].concat()));
        }
        Ok(Some((text, full.then_some(Self { after: Some(last), ..self }))))
    }
}
