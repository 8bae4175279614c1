//! Whether a top-up that was noted is bought: still due, nothing owed, and within the cap, all in one transaction.

use std::sync::Arc;

use domain::catalog::{Catalog, Pack};
use domain::entitlement::Standing;
use domain::money::Money;
use domain::organization::OrganizationId;
use domain::plan::{Limit, MeterId, PackId};
use domain::subscription::Subscription;
use domain::time::{Seconds, Timestamp};
use domain::top_up::{Cap, Pause, month, owes};
use sqlx::{AnyConnection, FromRow};

use super::changed;
use super::charging::TopUp;
use crate::server::store::accounts::lock;
use crate::server::store::audit::{self, Action, Actor};
use crate::server::store::mails::{self, NewMail};
use crate::server::store::standing::{self, number};
use crate::server::store::sync::{Moment, touch};
use crate::server::store::{Error, Store, disputes, subscriptions};

/// How long nothing is bought for somebody who owes something, until that is looked at again.
const LOOK_AGAIN: Seconds = Seconds(300);

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

/// What was agreed to, as far as it decides.
#[derive(FromRow)]
struct Agreed {
    pack: String,
    monthly_cap: i64,
    currency: String,
    person: String,
}

impl Store {
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
                if owing(connection, &top_up.organization).await? {
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
                reserve(connection, &top_up, pack, &money, agreed.person, now).await?;
                Ok(Reserved::Charge(Box::new(TopUp { charge: Some((pack.id.clone(), money)), ..top_up })))
            })
        })
        .await
    }

    /// Whether an organization owes something or disputes a payment: then nothing is sold to it by itself.
    pub async fn owing(&self, organization: &OrganizationId) -> Result<bool, Error> {
        let mut connection = self.pool.acquire().await?;
        owing(&mut connection, organization).await
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

/// Credits that came between the use and this look at it have been counted: whether it is still due, and on what terms.
async fn still_due(
    connection: &mut AnyConnection,
    top_up: &TopUp,
    needed: u64,
    catalog: &Catalog,
    now: Timestamp,
) -> Result<Option<(Standing, Agreed)>, Error> {
    let agreed: Option<Agreed> = sqlx::query_as(
        "SELECT pack, monthly_cap, currency, agreed_by AS person FROM top_up_settings
         WHERE organization_id = $1 AND meter = $2 AND enabled = 1 AND paused IS NULL",
    )
    .bind(&top_up.organization.0)
    .bind(top_up.meter.as_str())
    .fetch_optional(&mut *connection)
    .await?;
    let (Some(agreed), Some(meter), Some(standing)) =
        (agreed, catalog.meter(&top_up.meter), standing::load(connection, &top_up.organization, catalog).await?)
    else {
        return Ok(None);
    };
    let enough = standing.account(catalog, meter, now).0.left().covers(Limit::AtMost(needed));
    Ok((!enough).then_some((standing, agreed)))
}

/// Who owes something, or disputes a payment, is sold no more without being asked.
async fn owing(connection: &mut AnyConnection, organization: &OrganizationId) -> Result<bool, Error> {
    let known = subscriptions::load(connection, organization).await?;
    let in_the_way = |subscription: &Subscription| {
        owes(subscription.status) || (!subscription.status.is_terminal() && subscription.dispute.is_some())
    };
    Ok(known.iter().any(|known| in_the_way(&known.subscription)) || disputes::is_open(connection, organization).await?)
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
