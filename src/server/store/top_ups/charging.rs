//! From a top-up that is due to its end: claimed by a worker, reserved under the cap, charged, credited or given up.
//! The credit itself is [`Store::purchase_paid`], as for every pack.

use std::sync::Arc;

use domain::access::Reason;
use domain::catalog::{Catalog, Pack};
use domain::entitlement::Standing;
use domain::money::{Currency, Money};
use domain::organization::OrganizationId;
use domain::plan::{Limit, MeterId, PackId};
use domain::time::{Seconds, Timestamp};
use domain::top_up::{Cap, Pause, month, owes};
use sqlx::{AnyConnection, FromRow};

use super::changed;
use crate::server::store::accounts::lock;
use crate::server::store::audit::{self, Action, Actor};
use crate::server::store::mails::{self, NewMail};
use crate::server::store::standing::{self, meter_id, number};
use crate::server::store::sync::{Moment, touch};
use crate::server::store::{Error, Store, subscriptions};

/// Whoever took a top-up has so long: longer than all of its calls take together. Another one that took it all the same
/// would make the same calls with the same keys.
const CLAIM: Seconds = Seconds(300);
/// How many are taken at once.
const AT_ONCE: i64 = 16;
/// How long nothing is bought for somebody who owes something, until that is looked at again.
const LOOK_AGAIN: Seconds = Seconds(300);

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

/// What became of a top-up that was due.
#[derive(Clone, Debug)]
pub enum Reserved {
    /// It counts for the cap now and is to be charged.
    Charge(Box<TopUp>),
    /// There is nothing to do: enough is left again, it is off, or something is owed.
    Nothing,
    /// It would pass the month's cap. The months' ends are where it goes on.
    Capped {
        /// The first second of the month.
        month: Timestamp,
        /// The first second of the next.
        until: Timestamp,
        /// The cap.
        cap: Money,
    },
    /// It cannot be charged on the terms that were agreed to.
    Refused(Pause),
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

/// What was agreed to, as far as it decides.
#[derive(FromRow)]
struct Agreed {
    pack: String,
    monthly_cap: i64,
    currency: String,
    agreed_by: String,
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

    /// Decides in one transaction whether a top-up that was noted is still due and within the cap, and reserves it.
    pub async fn reserve_top_up(
        &self,
        top_up: &TopUp,
        catalog: Arc<Catalog>,
        now: Timestamp,
    ) -> Result<Reserved, Error> {
        let top_up = top_up.clone();
        self.write(move |connection| {
            Box::pin(async move {
                lock(connection, &top_up.organization).await?;
                let needed: Option<i64> =
                    sqlx::query_scalar("SELECT needed FROM top_ups WHERE id = $1 AND status = 'due'")
                        .bind(&top_up.id)
                        .fetch_optional(&mut *connection)
                        .await?;
                let Some(needed) = needed.map(number).transpose()? else { return Ok(Reserved::Nothing) };
                let Some((standing, agreed)) = still_due(connection, &top_up, needed, &catalog, now).await? else {
                    forget(connection, &top_up.id).await?;
                    return Ok(Reserved::Nothing);
                };
                if owing(connection, &standing).await? {
                    forget(connection, &top_up.id).await?;
                    wait(connection, &top_up, now + LOOK_AGAIN).await?;
                    return Ok(Reserved::Nothing);
                }
                let pack = PackId::parse(&agreed.pack).ok().and_then(|id| catalog.pack(&id));
                let pack = pack.filter(|pack| pack.meter == top_up.meter && agreed.currency == catalog.currency.code());
                let Some(pack) = pack else { return Ok(Reserved::Refused(Pause::AnotherPrice)) };
                let amount = i64::from(pack.amount);
                let month = month(&standing.zone, now);
                let spent = spent(connection, &top_up.organization, &top_up.meter, month.start).await?;
                if !(Cap { most: agreed.monthly_cap, spent }).allows(amount) {
                    return Ok(Reserved::Capped {
                        month: month.start,
                        until: month.end.unwrap_or(now + LOOK_AGAIN),
                        cap: Money::new(agreed.monthly_cap, catalog.currency.clone()),
                    });
                }
                let money = Money::new(amount, catalog.currency.clone());
                reserve(connection, &top_up, pack, &money, agreed.agreed_by, now).await?;
                Ok(Reserved::Charge(Box::new(TopUp { charge: Some((pack.id.clone(), money)), ..top_up })))
            })
        })
        .await
    }

    /// The cap is reached: nothing is bought for the rest of the month, which is told once.
    pub async fn top_up_capped(
        &self,
        top_up: &TopUp,
        (month, until): (Timestamp, Timestamp),
        cap: Money,
        mails: Vec<NewMail>,
        moment: Moment,
    ) -> Result<(), Error> {
        let top_up = top_up.clone();
        self.write(move |connection| {
            Box::pin(async move {
                lock(connection, &top_up.organization).await?;
                let first = sqlx::query(
                    "UPDATE top_up_settings SET capped_month = $3 WHERE organization_id = $1 AND meter = $2
                       AND (capped_month IS NULL OR capped_month <> $3)",
                )
                .bind(&top_up.organization.0)
                .bind(top_up.meter.as_str())
                .bind(month.0)
                .execute(&mut *connection)
                .await?;
                if first.rows_affected() > 0 {
                    let meter = top_up.meter.to_string();
                    let action =
                        Action::TopUpCapped { meter, cap: cap.amount, currency: cap.currency.code().to_owned() };
                    audit::record(connection, &top_up.organization, &Actor::TopUp, &action, moment.now).await?;
                    mails::write(connection, &top_up.organization, mails, moment.wall).await?;
                }
                forget(connection, &top_up.id).await?;
                wait(connection, &top_up, until).await
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

/// What was spent on a meter since a moment, and what is being charged.
pub(super) async fn spent(
    connection: &mut AnyConnection,
    organization: &OrganizationId,
    meter: &MeterId,
    since: Timestamp,
) -> Result<i64, Error> {
    Ok(sqlx::query_scalar(
        "SELECT CAST(COALESCE(SUM(amount), 0) AS BIGINT) FROM top_ups
         WHERE organization_id = $1 AND meter = $2 AND reserved_at >= $3 AND status <> 'failed'",
    )
    .bind(&organization.0)
    .bind(meter.as_str())
    .bind(since.0)
    .fetch_one(connection)
    .await?)
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

/// Credits that came between the use and this look at it have been counted: whether it is still due, and on what terms.
async fn still_due(
    connection: &mut AnyConnection,
    top_up: &TopUp,
    needed: u64,
    catalog: &Catalog,
    now: Timestamp,
) -> Result<Option<(Standing, Agreed)>, Error> {
    let agreed: Option<Agreed> = sqlx::query_as(
        "SELECT pack, monthly_cap, currency, agreed_by FROM top_up_settings
         WHERE organization_id = $1 AND meter = $2 AND enabled = 1 AND paused IS NULL",
    )
    .bind(&top_up.organization.0)
    .bind(top_up.meter.as_str())
    .fetch_optional(&mut *connection)
    .await?;
    let (Some(agreed), Some(meter), Some(standing)) =
        (agreed, catalog.meter(&top_up.meter), standing::load(connection, &top_up.organization).await?)
    else {
        return Ok(None);
    };
    let enough = standing.account(catalog, meter, now).0.left().covers(Limit::AtMost(needed));
    Ok((!enough).then_some((standing, agreed)))
}

/// Who owes something, or disputes a payment, is sold no more without being asked.
async fn owing(connection: &mut AnyConnection, standing: &Standing) -> Result<bool, Error> {
    let known = subscriptions::load(connection, &standing.organization).await?;
    Ok(standing.reason == Reason::Disputed || known.iter().any(|known| owes(known.subscription.status)))
}

async fn reserve(
    connection: &mut AnyConnection,
    top_up: &TopUp,
    pack: &Pack,
    money: &Money,
    agreed_by: String,
    now: Timestamp,
) -> Result<(), Error> {
    sqlx::query(
        "UPDATE top_ups SET status = 'charging', reserved_at = $2, pack = $3, amount = $4, currency = $5
         WHERE id = $1",
    )
    .bind(&top_up.id)
    .bind(now.0)
    .bind(pack.id.as_str())
    .bind(money.amount)
    .bind(money.currency.code())
    .execute(&mut *connection)
    .await?;
    sqlx::query(
        "INSERT INTO purchases (id, organization_id, user_id, pack, meter, quantity, valid_days, status, created_at,
             expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, 'charging', $8, $8)",
    )
    .bind(&top_up.id)
    .bind(&top_up.organization.0)
    .bind(agreed_by)
    .bind(pack.id.as_str())
    .bind(pack.meter.as_str())
    .bind(i64::try_from(pack.quantity).unwrap_or(i64::MAX))
    .bind(pack.valid_days.map(i64::from))
    .bind(now.0)
    .execute(&mut *connection)
    .await?;
    let (amount, currency) = (money.amount, money.currency.code().to_owned());
    let action = Action::TopUpStarted { pack: pack.id.to_string(), amount, currency };
    audit::record(connection, &top_up.organization, &Actor::TopUp, &action, now).await?;
    touch(connection, &top_up.organization).await
}

/// One that is not to be bought after all leaves nothing behind.
async fn forget(connection: &mut AnyConnection, top_up: &str) -> Result<(), Error> {
    sqlx::query("DELETE FROM top_ups WHERE id = $1 AND status = 'due'")
        .bind(top_up.to_owned())
        .execute(connection)
        .await?;
    Ok(())
}

/// Nothing is bought before a moment.
async fn wait(connection: &mut AnyConnection, top_up: &TopUp, until: Timestamp) -> Result<(), Error> {
    sqlx::query("UPDATE top_up_settings SET not_before = $3 WHERE organization_id = $1 AND meter = $2")
        .bind(&top_up.organization.0)
        .bind(top_up.meter.as_str())
        .bind(until.0)
        .execute(&mut *connection)
        .await?;
    changed(connection, &top_up.organization).await
}
