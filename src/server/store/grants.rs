//! Grants: what an organization has on top of its plan. Packs of credits are bought; operators give.

use domain::catalog::Pack;
use domain::organization::{OrganizationId, UserId};
use domain::plan::{FeatureId, MeterId};
use domain::time::{Seconds, Timestamp};
use sqlx::{AnyConnection, FromRow};

use super::accounts::lock;
use super::audit::{self, Action, Actor};
use super::sync::{Moment, touch};
use super::{Checkout, Decision, Error, Store, events, new_id, top_ups};

/// Stripe keeps a session open for 24 hours; one that is nearly over is not offered again.
const REUSE: Seconds = Seconds(23 * 3600);

/// What is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Granted {
    /// A feature.
    Feature(FeatureId),
    /// So much of a meter.
    Credits(MeterId, u64),
}

/// A grant to be made.
#[derive(Clone, Debug)]
pub struct NewGrant {
    /// To whom.
    pub organization: OrganizationId,
    /// What.
    pub granted: Granted,
    /// Why, in words.
    pub reason: String,
    /// By whom.
    pub actor: Actor,
    /// When it ends, or the rest is lost.
    pub expires_at: Option<Timestamp>,
}

#[derive(FromRow)]
struct Purchase {
    organization_id: String,
    pack: String,
    meter: String,
    quantity: i64,
    valid_days: Option<i64>,
}

impl Store {
    /// Gives something to an organization. `false` where there is no such organization.
    pub async fn grant(&self, grant: NewGrant, now: Timestamp) -> Result<bool, Error> {
        self.write(move |connection| {
            Box::pin(async move {
                if lock(connection, &grant.organization).await?.is_none() {
                    return Ok(false);
                }
                give(connection, &grant, None, now).await?;
                Ok(true)
            })
        })
        .await
    }

    /// The open purchase of this pack by this person, or a new intent.
    pub async fn begin_purchase(
        &self,
        organization: &OrganizationId,
        user: &UserId,
        pack: &Pack,
        now: Timestamp,
    ) -> Result<Checkout, Error> {
        let (organization, user, pack) = (organization.clone(), user.clone(), pack.clone());
        self.write(move |connection| {
            Box::pin(async move {
                lock(connection, &organization).await?;
                let open: Option<Checkout> = sqlx::query_as(
                    "SELECT id, session_id, url FROM purchases WHERE organization_id = $1 AND user_id = $2
                       AND pack = $3 AND quantity = $4 AND status = 'open' AND expires_at > $5
                     ORDER BY created_at DESC LIMIT 1",
                )
                .bind(&organization.0)
                .bind(&user.0)
                .bind(pack.id.as_str())
                .bind(quantity(&pack))
                .bind(now.0)
                .fetch_optional(&mut *connection)
                .await?;
                match open {
                    Some(open) => Ok(open),
                    None => insert(connection, &organization, user, &pack, now).await,
                }
            })
        })
        .await
    }

    /// Notes the session that Stripe made for an intent.
    pub async fn purchase_opened(&self, purchase: &str, session: String, url: String) -> Result<(), Error> {
        let purchase = purchase.to_owned();
        self.write(move |connection| {
            Box::pin(async move {
                sqlx::query("UPDATE purchases SET session_id = $2, url = $3 WHERE id = $1")
                    .bind(purchase)
                    .bind(session)
                    .bind(url)
                    .execute(connection)
                    .await?;
                Ok(())
            })
        })
        .await
    }

    /// Gives up an intent: the next click makes another.
    pub async fn purchase_given_up(&self, purchase: &str) -> Result<(), Error> {
        let purchase = purchase.to_owned();
        self.write(move |connection| {
            Box::pin(async move {
                sqlx::query("UPDATE purchases SET status = 'given_up' WHERE id = $1 AND status = 'open'")
                    .bind(purchase)
                    .execute(connection)
                    .await?;
                Ok(())
            })
        })
        .await
    }

    /// A purchase was paid: gives the credits, once however often it is told, and settles the event that told it. Says
    /// whether there is such a purchase.
    pub async fn purchase_paid(
        &self,
        purchase: &str,
        event: Option<&str>,
        actor: Actor,
        moment: Moment,
    ) -> Result<bool, Error> {
        let (purchase, event) = (purchase.to_owned(), event.map(str::to_owned));
        self.write(move |connection| {
            Box::pin(async move {
                let sold: Option<Purchase> = sqlx::query_as(
                    "SELECT organization_id, pack, meter, quantity, valid_days FROM purchases WHERE id = $1",
                )
                .bind(&purchase)
                .fetch_optional(&mut *connection)
                .await?;
                let Some(sold) = sold else { return Ok(false) };
                let organization = OrganizationId(sold.organization_id.clone());
                lock(connection, &organization).await?;
                let first =
                    sqlx::query("UPDATE purchases SET status = 'complete' WHERE id = $1 AND status <> 'complete'")
                        .bind(&purchase)
                        .execute(&mut *connection)
                        .await?
                        .rows_affected()
                        > 0;
                if first {
                    top_ups::paid(connection, &purchase, moment.now).await?;
                    let grant = credits_of(&sold, &organization, actor, moment.now)?;
                    give(connection, &grant, Some(&purchase), moment.now).await?;
                }
                if let Some(event) = event {
                    let what = if first { "the pack is credited" } else { "the pack was credited before" };
                    events::finish(connection, &event, Some(&organization), Decision::applied(what), moment.wall)
                        .await?;
                }
                Ok(true)
            })
        })
        .await
    }
}

fn credits_of(sold: &Purchase, to: &OrganizationId, actor: Actor, now: Timestamp) -> Result<NewGrant, Error> {
    let unreadable = |value: String| Error::Unreadable { table: "purchases", value };
    let meter = MeterId::parse(&sold.meter).map_err(|_| unreadable(sold.meter.clone()))?;
    let quantity = u64::try_from(sold.quantity).map_err(|_| unreadable(sold.quantity.to_string()))?;
    let days = sold.valid_days.map(u32::try_from).transpose().map_err(|error| unreadable(error.to_string()))?;
    Ok(NewGrant {
        organization: to.clone(),
        granted: Granted::Credits(meter, quantity),
        reason: format!("pack {}", sold.pack),
        actor,
        expires_at: days.map(|days| now + Seconds::days(days)),
    })
}

/// Writes a grant. `purchase` is what it was bought by.
async fn give(
    connection: &mut AnyConnection,
    grant: &NewGrant,
    purchase: Option<&str>,
    now: Timestamp,
) -> Result<(), Error> {
    let id = new_id("grt");
    let (feature, meter, amount) = match &grant.granted {
        Granted::Feature(feature) => (Some(feature.to_string()), None, 0),
        Granted::Credits(meter, amount) => (None, Some(meter.to_string()), i64::try_from(*amount).unwrap_or(i64::MAX)),
    };
    let action = Action::Granted {
        grant: id.clone(),
        feature: feature.clone(),
        meter: meter.clone(),
        amount,
        reason: grant.reason.clone(),
        expires_at: grant.expires_at,
    };
    audit::record(connection, &grant.organization, &grant.actor, &action, now).await?;
    sqlx::query(
        "INSERT INTO grants (id, organization_id, feature, meter, amount, remaining, source, reference, reason, actor,
             created_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $5, $6, $7, $8, $9, $10, $11)",
    )
    .bind(id)
    .bind(&grant.organization.0)
    .bind(feature)
    .bind(meter)
    .bind(amount)
    .bind(if purchase.is_some() { "pack" } else { "operator" })
    .bind(purchase.map(str::to_owned))
    .bind(&grant.reason)
    .bind(grant.actor.to_text())
    .bind(now.0)
    .bind(grant.expires_at.map(|at| at.0))
    .execute(&mut *connection)
    .await?;
    touch(connection, &grant.organization).await
}

async fn insert(
    connection: &mut AnyConnection,
    organization: &OrganizationId,
    user: UserId,
    pack: &Pack,
    now: Timestamp,
) -> Result<Checkout, Error> {
    let id = new_id("pur");
    sqlx::query(
        "INSERT INTO purchases (id, organization_id, user_id, pack, meter, quantity, valid_days, status, created_at,
             expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, 'open', $8, $9)",
    )
    .bind(&id)
    .bind(&organization.0)
    .bind(&user.0)
    .bind(pack.id.as_str())
    .bind(pack.meter.as_str())
    .bind(quantity(pack))
    .bind(pack.valid_days.map(i64::from))
    .bind(now.0)
    .bind((now + REUSE).0)
    .execute(&mut *connection)
    .await?;
    let action = Action::PackCheckoutStarted { pack: pack.id.to_string() };
    audit::record(connection, organization, &Actor::User(user), &action, now).await?;
    Ok(Checkout { id, session_id: None, url: None })
}

/// The catalogue's check keeps it small.
fn quantity(pack: &Pack) -> i64 {
    i64::try_from(pack.quantity).unwrap_or(i64::MAX)
}
