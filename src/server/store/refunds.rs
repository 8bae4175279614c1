//! Packs that were paid back: their credits go, as far as they are left.

use domain::organization::OrganizationId;
use domain::time::Timestamp;
use domain::usage::kept_of;
use sqlx::{AnyConnection, FromRow};

use super::accounts::lock;
use super::audit::{self, Action, Actor};
use super::sync::{Moment, touch};
use super::{Decision, Error, Store, events};

/// How much of a payment went back by now, all refunds and lost disputes together. Told twice, or late, it is the same
/// or less than what is known, and changes nothing.
#[derive(Clone, Debug)]
pub struct PaidBack {
    /// The payment.
    pub charge: String,
    /// What went back, in minor units.
    pub back: u64,
    /// What was paid.
    pub of: u64,
}

#[derive(FromRow)]
struct Bought {
    organization_id: String,
    meter: String,
    quantity: i64,
}

#[derive(FromRow)]
struct Grant {
    id: String,
    // What it holds after what went back until now: the rest of what was sold.
    amount: i64,
    remaining: i64,
}

impl Store {
    /// Takes back what a pack gave in the measure in which its payment went back, and settles the event that told it,
    /// unless that tells more. Says whether there is such a purchase.
    pub async fn take_back(
        &self,
        purchase: &str,
        paid_back: PaidBack,
        (event, settles): (&str, bool),
        moment: Moment,
    ) -> Result<bool, Error> {
        let (purchase, event) = (purchase.to_owned(), event.to_owned());
        self.write(move |connection| {
            Box::pin(async move {
                let bought: Option<Bought> =
                    sqlx::query_as("SELECT organization_id, meter, quantity FROM purchases WHERE id = $1")
                        .bind(&purchase)
                        .fetch_optional(&mut *connection)
                        .await?;
                let Some(bought) = bought else { return Ok(false) };
                let organization = OrganizationId(bought.organization_id.clone());
                lock(connection, &organization).await?;
                hold(connection, &bought).await?;
                let actor = Actor::Event(event.clone());
                let what = match shrink(connection, &purchase, &bought, paid_back, moment.now).await? {
                    None => "nothing to do: so much of the pack was taken back before".to_owned(),
                    Some(action) => {
                        audit::record(connection, &organization, &actor, &action, moment.now).await?;
                        touch(connection, &organization).await?;
                        "the pack was paid back".to_owned()
                    }
                };
                if settles {
                    events::finish(connection, &event, Some(&organization), Decision::applied(what), moment.wall)
                        .await?;
                }
                Ok(true)
            })
        })
        .await
    }
}

/// Leaves a grant what is still paid for. `None` where that is what it has.
async fn shrink(
    connection: &mut AnyConnection,
    purchase: &str,
    bought: &Bought,
    paid_back: PaidBack,
    now: Timestamp,
) -> Result<Option<Action>, Error> {
    let grant: Option<Grant> = sqlx::query_as("SELECT id, amount, remaining FROM grants WHERE reference = $1")
        .bind(purchase)
        .fetch_optional(&mut *connection)
        .await?;
    let sold = u64::try_from(bought.quantity).unwrap_or_default();
    let keeps = i64::try_from(kept_of(sold, paid_back.back, paid_back.of)).unwrap_or(i64::MAX);
    let Some(grant) = grant.filter(|grant| grant.amount > keeps) else { return Ok(None) };
    let left = (grant.remaining - (grant.amount - keeps)).max(0);
    // One that is over is given nothing back by what is still held of it.
    sqlx::query(
        "UPDATE grants SET amount = $2, remaining = $3,
             expires_at = CASE WHEN $2 = 0 AND COALESCE(expires_at, $4) >= $4 THEN $4 ELSE expires_at END
         WHERE id = $1",
    )
    .bind(&grant.id)
    .bind(keeps)
    .bind(left)
    .bind(now.0)
    .execute(connection)
    .await?;
    Ok(Some(Action::TakenBack {
        grant: grant.id,
        meter: bought.meter.clone(),
        amount: grant.remaining - left,
        left,
        charge: paid_back.charge,
    }))
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
