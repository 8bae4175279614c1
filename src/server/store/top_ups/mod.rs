//! Automatic top-ups: what an organization has agreed to, and the intents that come of it. Whoever counts a use reads
//! what is on with the organization's row; only where a pack is due is anything written.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::catalog::Catalog;
use domain::money::{Currency, Money};
use domain::organization::{OrganizationId, UserId};
use domain::plan::{MeterId, PackId};
use domain::time::Timestamp;
use domain::top_up::{Pause, Rule};
use sqlx::{AnyConnection, FromRow};

use super::accounts::lock;
use super::audit::{self, Action, Actor};
use super::standing::{self, meter_id, number};
use super::sync::touch;
use super::{Error, Store, new_id};

mod charging;
mod reserving;

pub use charging::TopUp;
pub(super) use charging::paid;
pub use reserving::Reserved;

/// What is agreed to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopUpTerms {
    /// Of what.
    pub meter: MeterId,
    /// What is bought.
    pub pack: PackId,
    /// When less than this is left.
    pub threshold: u64,
    /// How much of the meter a pack adds.
    pub adds: u64,
    /// The most in a calendar month.
    pub cap: Money,
}

/// How an automatic top-up is set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopUpSetting {
    /// What was agreed to.
    pub terms: TopUpTerms,
    /// Whether it is on.
    pub enabled: bool,
    /// The name of who agreed.
    pub agreed_by: String,
    /// When.
    pub agreed_at: Timestamp,
    /// Why it is paused, and what Stripe said.
    pub paused: Option<(Pause, Option<String>)>,
    /// Nothing is bought before this moment.
    pub not_before: Option<Timestamp>,
}

#[derive(FromRow)]
struct SettingRow {
    meter: String,
    pack: String,
    threshold: i64,
    adds: i64,
    monthly_cap: i64,
    currency: String,
    enabled: i64,
    agreed_by: String,
    agreed_at: i64,
    paused: Option<String>,
    paused_said: Option<String>,
    not_before: Option<i64>,
}

impl SettingRow {
    fn read(self) -> Result<TopUpSetting, Error> {
        let paused = self.paused.map(|word| Pause::parse(&word).ok_or_else(|| unreadable(&word))).transpose()?;
        Ok(TopUpSetting {
            terms: TopUpTerms {
                meter: meter_id(&self.meter)?,
                pack: PackId::parse(&self.pack).map_err(|_| unreadable(&self.pack))?,
                threshold: number(self.threshold)?,
                adds: number(self.adds)?,
                cap: Money::new(
                    self.monthly_cap,
                    Currency::parse(&self.currency).map_err(|_| unreadable(&self.currency))?,
                ),
            },
            enabled: self.enabled != 0,
            agreed_by: self.agreed_by,
            agreed_at: Timestamp(self.agreed_at),
            paused: paused.map(|reason| (reason, self.paused_said)),
            not_before: self.not_before.map(Timestamp),
        })
    }
}

fn unreadable(value: &str) -> Error {
    Error::Unreadable { table: "top_up_settings", value: value.to_owned() }
}

impl Store {
    /// How an organization's automatic top-ups are set.
    pub async fn top_up_settings(&self, organization: &OrganizationId) -> Result<Vec<TopUpSetting>, Error> {
        let rows: Vec<SettingRow> = sqlx::query_as(
            "SELECT s.meter, s.pack, s.threshold, s.adds, s.monthly_cap, s.currency, s.enabled, u.name AS agreed_by,
                 s.agreed_at, s.paused, s.paused_said, s.not_before
             FROM top_up_settings s JOIN users u ON u.id = s.agreed_by WHERE s.organization_id = $1 ORDER BY s.meter",
        )
        .bind(&organization.0)
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter().map(SettingRow::read).collect()
    }

    /// What automatic top-ups of a meter have cost since a moment, and are about to cost; minor units.
    pub async fn top_ups_spent(
        &self,
        organization: &OrganizationId,
        meter: &MeterId,
        since: Timestamp,
    ) -> Result<i64, Error> {
        let mut connection = self.pool.acquire().await?;
        reserving::spent(&mut connection, organization, meter, since).await
    }

    /// The meters for which a pack is being bought.
    pub async fn top_ups_under_way(&self, organization: &OrganizationId) -> Result<Vec<MeterId>, Error> {
        let meters: Vec<String> =
            sqlx::query_scalar("SELECT meter FROM top_ups WHERE organization_id = $1 AND over_at IS NULL")
                .bind(&organization.0)
                .fetch_all(&self.pool)
                .await?;
        meters.iter().map(|meter| meter_id(meter)).collect()
    }

    /// Turns an automatic top-up on, on these terms. Whatever it was paused for is over.
    pub async fn turn_top_up_on(
        &self,
        organization: &OrganizationId,
        terms: TopUpTerms,
        user: UserId,
        catalog: Arc<Catalog>,
        now: Timestamp,
    ) -> Result<(), Error> {
        let organization = organization.clone();
        self.write(move |connection| {
            Box::pin(async move {
                if lock(connection, &organization).await?.is_none() {
                    return Ok(());
                }
                sqlx::query(
                    "INSERT INTO top_up_settings (organization_id, meter, pack, threshold, adds, monthly_cap, currency,
                         enabled, agreed_by, agreed_at)
                     VALUES ($1, $2, $3, $4, $5, $6, $7, 1, $8, $9)
                     ON CONFLICT (organization_id, meter) DO UPDATE SET pack = excluded.pack,
                         threshold = excluded.threshold, adds = excluded.adds, monthly_cap = excluded.monthly_cap,
                         currency = excluded.currency, enabled = 1, agreed_by = excluded.agreed_by,
                         agreed_at = excluded.agreed_at, paused = NULL, paused_said = NULL, paused_at = NULL,
                         not_before = NULL",
                )
                .bind(&organization.0)
                .bind(terms.meter.as_str())
                .bind(terms.pack.as_str())
                .bind(signed(terms.threshold))
                .bind(signed(terms.adds))
                .bind(terms.cap.amount)
                .bind(terms.cap.currency.code())
                .bind(&user.0)
                .bind(now.0)
                .execute(&mut *connection)
                .await?;
                let action = Action::TopUpOn {
                    meter: terms.meter.to_string(),
                    pack: terms.pack.to_string(),
                    threshold: terms.threshold,
                    cap: terms.cap.amount,
                    currency: terms.cap.currency.code().to_owned(),
                };
                audit::record(connection, &organization, &Actor::User(user), &action, now).await?;
                changed(connection, &organization).await?;
                note_at_once(connection, &organization, &terms.meter, &catalog, now).await
            })
        })
        .await
    }

    /// Turns an automatic top-up off. One that is being charged is charged and credited to its end.
    pub async fn turn_top_up_off(
        &self,
        organization: &OrganizationId,
        meter: &MeterId,
        actor: Actor,
        now: Timestamp,
    ) -> Result<(), Error> {
        let (organization, meter) = (organization.clone(), meter.clone());
        self.write(move |connection| {
            Box::pin(async move {
                lock(connection, &organization).await?;
                let off = sqlx::query(
                    "UPDATE top_up_settings SET enabled = 0 WHERE organization_id = $1 AND meter = $2 AND enabled = 1",
                )
                .bind(&organization.0)
                .bind(meter.as_str())
                .execute(&mut *connection)
                .await?;
                if off.rows_affected() == 0 {
                    return Ok(());
                }
                let action = Action::TopUpOff { meter: meter.to_string() };
                audit::record(connection, &organization, &actor, &action, now).await?;
                changed(connection, &organization).await
            })
        })
        .await
    }

    /// Lets a paused automatic top-up go on.
    pub async fn resume_top_up(
        &self,
        organization: &OrganizationId,
        meter: &MeterId,
        actor: Actor,
        catalog: Arc<Catalog>,
        now: Timestamp,
    ) -> Result<(), Error> {
        let (organization, meter) = (organization.clone(), meter.clone());
        self.write(move |connection| {
            Box::pin(async move {
                lock(connection, &organization).await?;
                let resumed = sqlx::query(
                    "UPDATE top_up_settings SET paused = NULL, paused_said = NULL, paused_at = NULL, not_before = NULL
                     WHERE organization_id = $1 AND meter = $2 AND enabled = 1 AND paused IS NOT NULL",
                )
                .bind(&organization.0)
                .bind(meter.as_str())
                .execute(&mut *connection)
                .await?;
                if resumed.rows_affected() == 0 {
                    return Ok(());
                }
                let action = Action::TopUpResumed { meter: meter.to_string() };
                audit::record(connection, &organization, &actor, &action, now).await?;
                changed(connection, &organization).await?;
                note_at_once(connection, &organization, &meter, &catalog, now).await
            })
        })
        .await
    }
}

/// Notes that a top-up is due. One that is open already is the same.
pub(super) async fn note(
    connection: &mut AnyConnection,
    organization: &OrganizationId,
    meter: &MeterId,
    needed: u64,
    now: Timestamp,
) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO top_ups (id, organization_id, meter, needed, status, noted_at, attempts, next_attempt_at)
         VALUES ($1, $2, $3, $4, 'due', $5, 0, 0) ON CONFLICT DO NOTHING",
    )
    .bind(new_id("pur"))
    .bind(&organization.0)
    .bind(meter.as_str())
    .bind(signed(needed))
    .bind(now.0)
    .execute(connection)
    .await?;
    Ok(())
}

/// Somebody who turns it on with little left does not have to wait for the next use.
async fn note_at_once(
    connection: &mut AnyConnection,
    organization: &OrganizationId,
    meter: &MeterId,
    catalog: &Catalog,
    now: Timestamp,
) -> Result<(), Error> {
    let (Some(known), Some(standing)) =
        (catalog.meter(meter), standing::load(connection, organization, catalog).await?)
    else {
        return Ok(());
    };
    let left = standing.account(catalog, known, now).0.left();
    match standing.top_ups.get(meter).and_then(|rule| rule.due(left, 0, now)) {
        Some(needed) => note(connection, organization, meter, needed, now).await,
        None => Ok(()),
    }
}

#[derive(FromRow)]
struct RuleRow {
    meter: String,
    threshold: i64,
    adds: i64,
    not_before: Option<i64>,
}

/// Writes what is on beside the organization.
async fn changed(connection: &mut AnyConnection, organization: &OrganizationId) -> Result<(), Error> {
    let rows: Vec<RuleRow> = sqlx::query_as(
        "SELECT meter, threshold, adds, not_before FROM top_up_settings
         WHERE organization_id = $1 AND enabled = 1 AND paused IS NULL",
    )
    .bind(&organization.0)
    .fetch_all(&mut *connection)
    .await?;
    let mut rules: BTreeMap<MeterId, Rule> = BTreeMap::new();
    for row in rows {
        let rule =
            Rule { below: number(row.threshold)?, adds: number(row.adds)?, not_before: row.not_before.map(Timestamp) };
        rules.insert(meter_id(&row.meter)?, rule);
    }
    let text = serde_json::to_string(&rules).map_err(|error| unreadable(&error.to_string()))?;
    sqlx::query("UPDATE organizations SET top_ups = $2 WHERE id = $1")
        .bind(&organization.0)
        .bind((!rules.is_empty()).then_some(text))
        .execute(&mut *connection)
        .await?;
    touch(connection, organization).await
}

/// Reads what is on from beside the organization.
pub(super) fn read_rules(text: Option<&str>) -> Result<BTreeMap<MeterId, Rule>, Error> {
    let Some(text) = text else { return Ok(BTreeMap::new()) };
    serde_json::from_str(text).map_err(|error| Error::Unreadable { table: "organizations", value: error.to_string() })
}

fn signed(amount: u64) -> i64 {
    i64::try_from(amount).unwrap_or(i64::MAX)
}
