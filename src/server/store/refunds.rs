//! Packs that were paid back: their credits go, as far as they are left.

use std::cmp::Ordering;

use domain::organization::OrganizationId;
use domain::time::{Seconds, Timestamp};
use domain::usage::kept_of;
use sqlx::{AnyConnection, FromRow};

use super::accounts::lock;
use super::audit::{self, Action, Actor};
use super::sync::touch;
use super::{Error, Store};

/// How much of a payment went back by now, all refunds and lost disputes together.
#[derive(Clone, Debug)]
pub struct PaidBack {
    /// The payment.
    pub charge: String,
    /// What went back, in minor units.
    pub back: u64,
    /// What was paid.
    pub of: u64,
}

/// What became of a pack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weighed {
    /// It has what is paid for.
    Nothing,
    /// It was paid back.
    Taken,
    /// It was not paid back after all.
    Given,
}

#[derive(FromRow)]
struct Bought {
    organization_id: String,
    meter: String,
    quantity: i64,
    valid_days: Option<i64>,
}

#[derive(FromRow)]
struct Grant {
    id: String,
    // What it holds after what went back until now: the rest of what was sold.
    amount: i64,
    remaining: i64,
    // What went of what was left, so far.
    taken: i64,
    created_at: i64,
    expires_at: Option<i64>,
}

impl Store {
    /// Leaves of a pack what is still paid for: less where its payment went back, more where it came again. The
    /// organization and what became of it; `None` where there is no such purchase.
    pub async fn weigh(
        &self,
        purchase: &str,
        paid_back: PaidBack,
        actor: Actor,
        now: Timestamp,
    ) -> Result<Option<(OrganizationId, Weighed)>, Error> {
        let purchase = purchase.to_owned();
        self.write(move |connection| {
            Box::pin(async move {
                let bought: Option<Bought> =
                    sqlx::query_as("SELECT organization_id, meter, quantity, valid_days FROM purchases WHERE id = $1")
                        .bind(&purchase)
                        .fetch_optional(&mut *connection)
                        .await?;
                let Some(bought) = bought else { return Ok(None) };
                let organization = OrganizationId(bought.organization_id.clone());
                lock(connection, &organization).await?;
                hold(connection, &bought).await?;
                let keeps = keeps(&bought, &paid_back);
                let Some(grant) = grant_of(connection, &purchase).await? else {
                    return Ok(Some((organization, Weighed::Nothing)));
                };
                let (weighed, action) = match grant.amount.cmp(&keeps) {
                    Ordering::Equal => return Ok(Some((organization, Weighed::Nothing))),
                    Ordering::Greater => {
                        (Weighed::Taken, shrink(connection, grant, keeps, &bought, paid_back, now).await?)
                    }
                    Ordering::Less => (Weighed::Given, grow(connection, grant, keeps, &bought, paid_back).await?),
                };
                audit::record(connection, &organization, &actor, &action, now).await?;
                touch(connection, &organization).await?;
                Ok(Some((organization, weighed)))
            })
        })
        .await
    }
}

/// Takes from a grant what is not paid for any more.
async fn shrink(
    connection: &mut AnyConnection,
    grant: Grant,
    keeps: i64,
    bought: &Bought,
    paid_back: PaidBack,
    now: Timestamp,
) -> Result<Action, Error> {
    let left = (grant.remaining - (grant.amount - keeps)).max(0);
    // One that is over is given nothing back by what is still held of it.
    sqlx::query(
        "UPDATE grants SET amount = $2, remaining = $3, taken = taken + remaining - $3,
             expires_at = CASE WHEN $2 = 0 AND COALESCE(expires_at, $4) >= $4 THEN $4 ELSE expires_at END
         WHERE id = $1",
    )
    .bind(&grant.id)
    .bind(keeps)
    .bind(left)
    .bind(now.0)
    .execute(connection)
    .await?;
    Ok(Action::TakenBack {
        grant: grant.id,
        meter: bought.meter.clone(),
        amount: grant.remaining - left,
        left,
        charge: paid_back.charge,
    })
}

/// Gives a grant what is paid for again, as far as it was not used before it was taken.
async fn grow(
    connection: &mut AnyConnection,
    grant: Grant,
    keeps: i64,
    bought: &Bought,
    paid_back: PaidBack,
) -> Result<Action, Error> {
    // Had nothing been taken, so much would be left; of that goes what is still paid back.
    let left = (grant.remaining + grant.taken - (bought.quantity - keeps)).max(grant.remaining);
    // One that was paid back as a whole was over with that.
    let expires_at = if grant.amount == 0 {
        bought.valid_days.map(|days| grant.created_at + days * Seconds::days(1).0)
    } else {
        grant.expires_at
    };
    sqlx::query(
        "UPDATE grants SET amount = $2, remaining = $3, taken = taken + remaining - $3, expires_at = $4 WHERE id = $1",
    )
    .bind(&grant.id)
    .bind(keeps)
    .bind(left)
    .bind(expires_at)
    .execute(connection)
    .await?;
    Ok(Action::BroughtBack {
        grant: grant.id,
        meter: bought.meter.clone(),
        amount: left - grant.remaining,
        left,
        charge: paid_back.charge,
    })
}

/// So much of a pack is paid for.
fn keeps(bought: &Bought, paid_back: &PaidBack) -> i64 {
    let sold = u64::try_from(bought.quantity).unwrap_or_default();
    i64::try_from(kept_of(sold, paid_back.back, paid_back.of)).unwrap_or(i64::MAX)
}

async fn grant_of(connection: &mut AnyConnection, purchase: &str) -> Result<Option<Grant>, Error> {
    Ok(sqlx::query_as("SELECT id, amount, remaining, taken, created_at, expires_at FROM grants WHERE reference = $1")
        .bind(purchase)
        .fetch_optional(connection)
        .await?)
}

/// Whoever changes credits of a meter holds its counter; one that is not there is made, and counts as none.
async fn hold(connection: &mut AnyConnection, bought: &Bought) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO usage_counters (organization_id, meter, window_start, included, used, from_credits, reserved,
             carried, warned)
         VALUES ($1, $2, -1, 0, 0, 0, 0, 0, 0)
         ON CONFLICT (organization_id, meter) DO UPDATE SET warned = usage_counters.warned",
    )
    .bind(&bought.organization_id)
    .bind(&bought.meter)
    .execute(connection)
    .await?;
    Ok(())
}
