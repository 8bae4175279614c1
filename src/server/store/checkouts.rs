//! Checkouts: an intent is written before Stripe is asked, and its id is the idempotency key. A double click, a second
//! tab and a retry after a crash therefore all end in one session.

use domain::organization::{OrganizationId, UserId};
use domain::plan::{Period, PlanId};
use domain::time::{Seconds, Timestamp};
use sqlx::{AnyConnection, FromRow};

use super::audit::{self, Action, Actor};
use super::{Error, Store, new_id};

/// Stripe keeps a session open for 24 hours; one that is nearly over is not offered again.
const REUSE: Seconds = Seconds(23 * 3600);

/// What is being bought, by whom and for whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckoutTerms {
    /// Who pays.
    pub organization: OrganizationId,
    /// Who clicked.
    pub user: UserId,
    /// The plan.
    pub plan: PlanId,
    /// How often it is charged.
    pub period: Period,
    /// How many seats; 1 where the plan has none.
    pub quantity: u32,
    /// Length of the trial, 0 for none.
    pub trial_days: u32,
}

/// A checkout under way.
#[derive(Clone, Debug, FromRow)]
pub struct Checkout {
    /// Our id, and the idempotency key at Stripe.
    pub id: String,
    /// The session, once Stripe has answered.
    pub session_id: Option<String>,
    /// Where to pay, once Stripe has answered.
    pub url: Option<String>,
}

impl Store {
    /// The open checkout on exactly these terms, or a new intent; and the sessions on other terms, to be closed.
    pub async fn begin_checkout(&self, terms: CheckoutTerms, now: Timestamp) -> Result<(Checkout, Vec<String>), Error> {
        self.write(move |connection| {
            Box::pin(async move {
                sqlx::query("UPDATE organizations SET revision = revision WHERE id = $1")
                    .bind(&terms.organization.0)
                    .execute(&mut *connection)
                    .await?;
                if terms.trial_days > 0 {
                    wait_for_person(connection, &terms.user).await?;
                }
                let checkout = match find_open(connection, &terms, now).await? {
                    Some(checkout) => checkout,
                    None => insert(connection, &terms, now).await?,
                };
                let others = sqlx::query_scalar(
                    "UPDATE checkouts SET status = 'replaced'
                     WHERE organization_id = $1 AND status = 'open' AND id <> $2 RETURNING COALESCE(session_id, '')",
                )
                .bind(&terms.organization.0)
                .bind(&checkout.id)
                .fetch_all(&mut *connection)
                .await?;
                let mut others: Vec<String> = others;
                if terms.trial_days > 0 {
                    others.extend(replace_trials_elsewhere(connection, &terms).await?);
                }
                Ok((checkout, others.into_iter().filter(|session| !session.is_empty()).collect()))
            })
        })
        .await
    }

    /// Notes the session that Stripe made for an intent. Says whether it is to be paid: meanwhile there may be one on
    /// other terms, or the organization is deleted.
    pub async fn checkout_opened(&self, checkout: &str, session: &str, url: String) -> Result<bool, Error> {
        let (checkout, session) = (checkout.to_owned(), session.to_owned());
        self.write(move |connection| {
            Box::pin(async move {
                let status: String =
                    sqlx::query_scalar("UPDATE checkouts SET session_id = $2, url = $3 WHERE id = $1 RETURNING status")
                        .bind(checkout)
                        .bind(session)
                        .bind(url)
                        .fetch_one(connection)
                        .await?;
                Ok(status != "replaced")
            })
        })
        .await
    }

    /// Gives up an intent for which no session was opened: the next click makes another.
    pub async fn checkout_given_up(&self, checkout: &str) -> Result<(), Error> {
        let checkout = checkout.to_owned();
        self.write(move |connection| {
            Box::pin(async move {
                sqlx::query("UPDATE checkouts SET status = 'expired' WHERE id = $1 AND session_id IS NULL")
                    .bind(checkout)
                    .execute(connection)
                    .await?;
                Ok(())
            })
        })
        .await
    }

    /// Whether this session was opened for this organization, for a plan or for a pack. What is paid at Stripe was
    /// opened here before, so that nothing has to be asked about anybody else's.
    pub async fn has_opened(&self, organization: &OrganizationId, session: &str) -> Result<bool, Error> {
        let opened: Option<String> = sqlx::query_scalar(
            "SELECT id FROM checkouts WHERE organization_id = $1 AND session_id = $2
             UNION ALL SELECT id FROM purchases WHERE organization_id = $1 AND session_id = $2",
        )
        .bind(&organization.0)
        .bind(session)
        .fetch_optional(&self.pool)
        .await?;
        Ok(opened.is_some())
    }

    /// Notes how a session ended, `complete` or `expired`.
    pub async fn checkout_ended(&self, session: &str, status: &'static str) -> Result<(), Error> {
        let session = session.to_owned();
        self.write(move |connection| {
            Box::pin(async move {
                sqlx::query("UPDATE checkouts SET status = $2 WHERE session_id = $1 AND status <> 'complete'")
                    .bind(session)
                    .bind(status)
                    .execute(connection)
                    .await?;
                Ok(())
            })
        })
        .await
    }
}

/// Whoever opens another checkout with a trial at this moment waits here, and then sees this one. After the
/// organization's row and before any checkout's: so nobody waits in a ring.
async fn wait_for_person(connection: &mut AnyConnection, user: &UserId) -> Result<(), Error> {
    sqlx::query("UPDATE users SET trial_used_at = trial_used_at WHERE id = $1")
        .bind(&user.0)
        .execute(connection)
        .await?;
    Ok(())
}

/// A person has one trial, and it is used when one of the checkouts with it is completed: only the latest is open.
/// Answers with the sessions for other organizations.
async fn replace_trials_elsewhere(connection: &mut AnyConnection, terms: &CheckoutTerms) -> Result<Vec<String>, Error> {
    Ok(sqlx::query_scalar(
        "UPDATE checkouts SET status = 'replaced'
         WHERE user_id = $1 AND organization_id <> $2 AND trial_days > 0 AND status = 'open'
         RETURNING COALESCE(session_id, '')",
    )
    .bind(&terms.user.0)
    .bind(&terms.organization.0)
    .fetch_all(connection)
    .await?)
}

/// Nothing is to be paid for an organization any more: answers with the sessions that are open, to be closed.
pub(super) async fn replace_all(
    connection: &mut AnyConnection,
    organization: &OrganizationId,
) -> Result<Vec<String>, Error> {
    let mut sessions = Vec::new();
    for statement in [
        "UPDATE checkouts SET status = 'replaced' WHERE organization_id = $1 AND status = 'open'
         RETURNING COALESCE(session_id, '')",
        "UPDATE purchases SET status = 'given_up' WHERE organization_id = $1 AND status = 'open'
         RETURNING COALESCE(session_id, '')",
    ] {
        let open: Vec<String> = sqlx::query_scalar(statement).bind(&organization.0).fetch_all(&mut *connection).await?;
        sessions.extend(open.into_iter().filter(|session| !session.is_empty()));
    }
    Ok(sessions)
}

async fn find_open(
    connection: &mut AnyConnection,
    terms: &CheckoutTerms,
    now: Timestamp,
) -> Result<Option<Checkout>, Error> {
    Ok(sqlx::query_as(
        "SELECT id, session_id, url FROM checkouts
         WHERE organization_id = $1 AND user_id = $2 AND plan = $3 AND period = $4 AND quantity = $5
           AND trial_days = $6 AND status = 'open' AND expires_at > $7
         ORDER BY created_at DESC LIMIT 1",
    )
    .bind(&terms.organization.0)
    .bind(&terms.user.0)
    .bind(terms.plan.as_str())
    .bind(terms.period.as_str())
    .bind(i64::from(terms.quantity))
    .bind(i64::from(terms.trial_days))
    .bind(now.0)
    .fetch_optional(connection)
    .await?)
}

async fn insert(connection: &mut AnyConnection, terms: &CheckoutTerms, now: Timestamp) -> Result<Checkout, Error> {
    let id = new_id("chk");
    sqlx::query(
        "INSERT INTO checkouts (id, organization_id, user_id, plan, period, quantity, trial_days, status, created_at,
             expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, 'open', $8, $9)",
    )
    .bind(&id)
    .bind(&terms.organization.0)
    .bind(&terms.user.0)
    .bind(terms.plan.as_str())
    .bind(terms.period.as_str())
    .bind(i64::from(terms.quantity))
    .bind(i64::from(terms.trial_days))
    .bind(now.0)
    .bind((now + REUSE).0)
    .execute(&mut *connection)
    .await?;
    let action = Action::CheckoutStarted { plan: terms.plan.clone(), period: terms.period, quantity: terms.quantity };
    audit::record(connection, &terms.organization, &Actor::User(terms.user.clone()), &action, now).await?;
    Ok(Checkout { id, session_id: None, url: None })
}
