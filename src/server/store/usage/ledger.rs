//! Reading the ledger.

use domain::organization::OrganizationId;
use domain::plan::MeterId;
use domain::time::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use sqlx::FromRow;

use crate::server::store::{Error, Store, first_id_at};

/// A line of the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema, FromRow)]
#[serde(rename_all = "camelCase")]
pub struct LedgerEntry {
    /// Its id, `use_…`; later ones are greater.
    pub id: String,
    /// Of what.
    pub meter: String,
    /// How much; less than nothing where it was given back.
    pub amount: i64,
    /// How much of that came from credits.
    pub from_credits: i64,
    /// When, UTC seconds.
    pub at: i64,
    /// A person or a key.
    pub actor: String,
    /// The reservation that it was held by.
    pub reservation_id: Option<String>,
}

/// A line of the ledger, with the name of whoever used it.
#[derive(Clone, Debug, FromRow)]
pub struct LedgerLine {
    /// The line.
    #[sqlx(flatten)]
    pub entry: LedgerEntry,
    /// The name of the key, where it was one.
    pub key_name: Option<String>,
    /// The name of the person, where it was one.
    pub person: Option<String>,
}

impl Store {
    /// The same page as [`Store::ledger`], with names.
    pub async fn named_ledger(
        &self,
        organization: &OrganizationId,
        meter: Option<&MeterId>,
        before: Option<&str>,
        limit: u32,
    ) -> Result<Vec<LedgerLine>, Error> {
        Ok(sqlx::query_as(
            "SELECT e.id, e.meter, e.amount, e.from_credits, e.at, e.actor, e.reservation_id,
                    k.name AS key_name, u.name AS person
             FROM usage_entries e
             LEFT JOIN api_keys k ON k.id = e.actor AND COALESCE(k.organization_id, e.organization_id) = e.organization_id
             LEFT JOIN users u ON u.id = e.actor
             WHERE e.organization_id = $1 AND ($2 = '' OR e.meter = $2) AND ($3 = '' OR e.id < $3)
             ORDER BY e.id DESC LIMIT $4",
        )
        .bind(&organization.0)
        .bind(meter.map_or("", MeterId::as_str))
        .bind(before.unwrap_or_default())
        .bind(i64::from(limit))
        .fetch_all(&self.pool)
        .await?)
    }

    /// When a meter was first used since a moment.
    pub async fn first_use(
        &self,
        organization: &OrganizationId,
        meter: &MeterId,
        since: Timestamp,
    ) -> Result<Option<Timestamp>, Error> {
        let at: Option<i64> = sqlx::query_scalar(
            "SELECT MIN(at) FROM usage_entries WHERE organization_id = $1 AND meter = $2 AND at >= $3",
        )
        .bind(&organization.0)
        .bind(meter.as_str())
        .bind(since.0)
        .fetch_one(&self.pool)
        .await?;
        Ok(at.map(Timestamp))
    }

    /// A page of an organization's ledger, newest first: of one meter or of all, before a line or from the newest on.
    pub async fn ledger(
        &self,
        organization: &OrganizationId,
        meter: Option<&MeterId>,
        before: Option<&str>,
        limit: u32,
    ) -> Result<Vec<LedgerEntry>, Error> {
        Ok(sqlx::query_as(
            "SELECT id, meter, amount, from_credits, at, actor, reservation_id FROM usage_entries
             WHERE organization_id = $1 AND ($2 = '' OR meter = $2) AND ($3 = '' OR id < $3)
             ORDER BY id DESC LIMIT $4",
        )
        .bind(&organization.0)
        .bind(meter.map_or("", MeterId::as_str))
        .bind(before.unwrap_or_default())
        .bind(i64::from(limit))
        .fetch_all(&self.pool)
        .await?)
    }

    /// What was used of a meter since a moment: by quarters of an hour, which every time zone's days are made of.
    pub async fn used_since(
        &self,
        organization: &OrganizationId,
        meter: &MeterId,
        since: Timestamp,
    ) -> Result<Vec<(i64, i64)>, Error> {
        Ok(sqlx::query_as(
            "SELECT quarter, CAST(SUM(amount) AS BIGINT) FROM (
                 SELECT at - at % 900 AS quarter, amount FROM usage_entries
                 WHERE organization_id = $1 AND id >= $2 AND meter = $3) quarters
             GROUP BY quarter ORDER BY quarter",
        )
        .bind(&organization.0)
        .bind(first_id_at("use", since))
        .bind(meter.as_str())
        .fetch_all(&self.pool)
        .await?)
    }
}
