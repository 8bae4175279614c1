//! From a top-up that is due to its end: claimed by a worker, charged, credited or given up.
//! The credit itself is [`Store::purchase_paid`], as for every pack.

use domain::money::{Currency, Money};
use domain::organization::OrganizationId;
use domain::plan::{MeterId, PackId};
use domain::time::{Seconds, Timestamp};
use domain::top_up::Pause;
use sqlx::{AnyConnection, FromRow};

use super::changed;
use crate::server::store::accounts::lock;
use crate::server::store::audit::{self, Action, Actor};
use crate::server::store::mails::{self, NewMail};
use crate::server::store::standing::meter_id;
use crate::server::store::sync::Moment;
use crate::server::store::{Error, Store};

/// Whoever took a top-up has so long: longer than all of its calls take together. Another one that took it all the same
/// would make the same calls with the same keys.
const CLAIM: Seconds = Seconds(300);
/// How many are taken at once.
const AT_ONCE: i64 = 16;

/// A top-up that is under way.
#[derive(Clone, Debug)]
pub struct TopUp {
    /// Its id: the key at Stripe, and the purchase.
    pub id: String,
    /// Whose.
    pub organization: OrganizationId,
    /// Of what.
    pub meter: MeterId,
    /// What is charged, once it is reserved under the cap.
    pub charge: Option<(PackId, Money)>,
    /// The invoice, once there is one.
    pub invoice: Option<String>,
    /// Why the invoice is being voided, and what Stripe said.
    pub failed: Option<(Pause, Option<String>)>,
    /// How often it was tried.
    pub attempts: i64,
}

#[derive(FromRow)]
struct Row {
    id: String,
    organization_id: String,
    meter: String,
    pack: Option<String>,
    amount: Option<i64>,
    currency: Option<String>,
    invoice_id: Option<String>,
    reason: Option<String>,
    said: Option<String>,
    attempts: i64,
}

impl Row {
    fn read(self) -> Result<TopUp, Error> {
        let unreadable = |value: &str| Error::Unreadable { table: "top_ups", value: value.to_owned() };
        let charge = match (self.pack, self.amount, self.currency) {
            (Some(pack), Some(amount), Some(currency)) => {
                let currency = Currency::parse(&currency).map_err(|_| unreadable(&currency))?;
                Some((PackId::parse(&pack).map_err(|_| unreadable(&pack))?, Money::new(amount, currency)))
            }
            _ => None,
        };
        let reason = self.reason.map(|word| Pause::parse(&word).ok_or_else(|| unreadable(&word))).transpose()?;
        Ok(TopUp {
            id: self.id,
            organization: OrganizationId(self.organization_id),
            meter: meter_id(&self.meter)?,
            charge,
            invoice: self.invoice_id,
            failed: reason.map(|reason| (reason, self.said)),
            attempts: self.attempts,
        })
    }
}

impl Store {
    /// Whether a top-up is to be worked on: asked before one is taken, so that nothing to do costs no write.
    pub async fn top_ups_waiting(&self, wall: Timestamp) -> Result<bool, Error> {
        let due: Option<String> =
            sqlx::query_scalar("SELECT id FROM top_ups WHERE over_at IS NULL AND next_attempt_at <= $1 LIMIT 1")
                .bind(wall.0)
                .fetch_optional(&self.pool)
                .await?;
        Ok(due.is_some())
    }

    /// Takes top-ups that are to be worked on. The condition stands twice so that two nodes never take the same one.
    pub async fn claim_top_ups(&self, wall: Timestamp) -> Result<Vec<TopUp>, Error> {
        self.write(move |connection| {
            Box::pin(async move {
                let rows: Vec<Row> = sqlx::query_as(
                    "UPDATE top_ups SET next_attempt_at = $2, attempts = attempts + 1
                     WHERE id IN (SELECT id FROM top_ups WHERE over_at IS NULL AND next_attempt_at <= $1
                                  ORDER BY next_attempt_at, id LIMIT $3)
                       AND over_at IS NULL AND next_attempt_at <= $1
                     RETURNING id, organization_id, meter, pack, amount, currency, invoice_id, reason, said, attempts",
                )
                .bind(wall.0)
                .bind((wall + CLAIM).0)
                .bind(AT_ONCE)
                .fetch_all(connection)
                .await?;
                rows.into_iter().map(Row::read).collect()
            })
        })
        .await
    }

    /// Notes the invoice that Stripe made for a top-up. `false` where it has another one, or is over: then this one
    /// must not be paid, whoever made it and however late.
    pub async fn top_up_billed(&self, top_up: &str, invoice: &str) -> Result<bool, Error> {
        let (top_up, invoice) = (top_up.to_owned(), invoice.to_owned());
        self.write(move |connection| {
            Box::pin(async move {
                let noted = sqlx::query(
                    "UPDATE top_ups SET invoice_id = $2
                     WHERE id = $1 AND over_at IS NULL AND (invoice_id IS NULL OR invoice_id = $2)",
                )
                .bind(top_up)
                .bind(invoice)
                .execute(connection)
                .await?;
                Ok(noted.rows_affected() > 0)
            })
        })
        .await
    }

    /// Notes why a top-up fails, before its invoice is voided: whoever goes on after a crash knows it.
    pub async fn top_up_failing(&self, top_up: &str, reason: Pause, said: Option<String>) -> Result<(), Error> {
        let top_up = top_up.to_owned();
        self.write(move |connection| {
            Box::pin(async move {
                sqlx::query(
                    "UPDATE top_ups SET status = 'voiding', reason = $2, said = $3 WHERE id = $1 AND over_at IS NULL",
                )
                .bind(top_up)
                .bind(reason.as_str())
                .bind(said)
                .execute(connection)
                .await?;
                Ok(())
            })
        })
        .await
    }

    /// A top-up failed and nothing can be paid for it any more: it is over, and the automatic top-up is paused.
    pub async fn top_up_failed(
        &self,
        top_up: &TopUp,
        (reason, said): (Pause, Option<String>),
        mails: Vec<NewMail>,
        moment: Moment,
    ) -> Result<(), Error> {
        let top_up = top_up.clone();
        self.write(move |connection| {
            Box::pin(async move {
                lock(connection, &top_up.organization).await?;
                let first = sqlx::query(
                    "UPDATE top_ups SET status = 'failed', reason = $2, said = $3, over_at = $4
                     WHERE id = $1 AND over_at IS NULL",
                )
                .bind(&top_up.id)
                .bind(reason.as_str())
                .bind(said.clone())
                .bind(moment.now.0)
                .execute(&mut *connection)
                .await?;
                if first.rows_affected() == 0 {
                    return Ok(());
                }
                sqlx::query("UPDATE purchases SET status = 'given_up' WHERE id = $1 AND status = 'charging'")
                    .bind(&top_up.id)
                    .execute(&mut *connection)
                    .await?;
                sqlx::query(
                    "UPDATE top_up_settings SET paused = $3, paused_said = $4, paused_at = $5
                     WHERE organization_id = $1 AND meter = $2",
                )
                .bind(&top_up.organization.0)
                .bind(top_up.meter.as_str())
                .bind(reason.as_str())
                .bind(said)
                .bind(moment.now.0)
                .execute(&mut *connection)
                .await?;
                let action = Action::TopUpPaused { meter: top_up.meter.to_string(), reason };
                audit::record(connection, &top_up.organization, &Actor::TopUp, &action, moment.now).await?;
                mails::write(connection, &top_up.organization, mails, moment.wall).await?;
                changed(connection, &top_up.organization).await
            })
        })
        .await
    }

    /// What became of a call is not known: the top-up is tried again after a while.
    pub async fn top_up_later(&self, top_up: &str, wait: Seconds, wall: Timestamp) -> Result<(), Error> {
        let top_up = top_up.to_owned();
        self.write(move |connection| {
            Box::pin(async move {
                sqlx::query("UPDATE top_ups SET next_attempt_at = $2 WHERE id = $1 AND over_at IS NULL")
                    .bind(top_up)
                    .bind((wall + wait).0)
                    .execute(connection)
                    .await?;
                Ok(())
            })
        })
        .await
    }
}

/// Of a purchase that was paid: the top-up that it was, if it was one, is over.
pub(in crate::server::store) async fn paid(
    connection: &mut AnyConnection,
    purchase: &str,
    now: Timestamp,
) -> Result<(), Error> {
    sqlx::query("UPDATE top_ups SET status = 'paid', over_at = $2 WHERE id = $1")
        .bind(purchase.to_owned())
        .bind(now.0)
        .execute(connection)
        .await?;
    Ok(())
}
