//! Which organization a Stripe customer stands for, and customers that are no more.
//!
//! Whoever links a customer because of what was told of it, or deletes one, holds the customer's row first and the
//! organization after it. So of a deletion and a link at the same moment the later one sees the other.

use domain::organization::{Organization, OrganizationId};
use sqlx::AnyConnection;

use super::accounts::{lock, lock_by_customer};
use super::audit::{self, Action, Actor};
use super::sync::{Decide, settle, touch};
use super::{Decision, Error, Moment, Store, events};

impl Store {
    /// Notes the Stripe customer of an organization that has none yet, and answers with the one that counts; `None`
    /// where that one is no more.
    pub async fn link_customer(
        &self,
        organization: &OrganizationId,
        customer: String,
    ) -> Result<Option<String>, Error> {
        let id = organization.clone();
        self.write(move |connection| {
            Box::pin(async move {
                let linked = link(connection, &id, &customer).await?;
                Ok(linked.and_then(|organization| organization.customer))
            })
        })
        .await
    }

    /// Stripe has deleted a customer: everything that hung on it is over, and the organization may buy again.
    pub async fn customer_deleted(
        &self,
        event: &str,
        customer: &str,
        moment: Moment,
        decide: impl Decide,
    ) -> Result<(), Error> {
        let (event, customer) = (event.to_owned(), customer.to_owned());
        self.write(move |connection| {
            Box::pin(async move {
                hold(connection, &customer).await?;
                sqlx::query("UPDATE customers SET deleted_at = COALESCE(deleted_at, $2) WHERE id = $1")
                    .bind(&customer)
                    .bind(moment.now.0)
                    .execute(&mut *connection)
                    .await?;
                let Some(organization) = lock_by_customer(connection, &customer).await? else {
                    let decision = Decision::ignored("no organization of ours is this customer");
                    return events::finish(connection, &event, None, decision, moment.wall).await;
                };
                end_all(connection, &organization.id, &customer, moment).await?;
                let actor = Actor::Event(event.clone());
                let action = Action::CustomerDeleted { customer };
                audit::record(connection, &organization.id, &actor, &action, moment.now).await?;
                let tier = settle(connection, &organization, &actor, moment.now, decide).await?;
                touch(connection, &organization.id).await?;
                let decision = Decision::applied(format!("the customer is deleted; on {tier}"));
                events::finish(connection, &event, Some(&organization.id), decision, moment.wall).await
            })
        })
        .await
    }
}

/// Links an organization that has no customer to this one, unless it was deleted: with it, it could never buy again.
/// The organization as it is then, locked.
pub(super) async fn link(
    connection: &mut AnyConnection,
    id: &OrganizationId,
    customer: &str,
) -> Result<Option<Organization>, Error> {
    let deleted = hold(connection, customer).await?;
    let Some(organization) = lock(connection, id).await? else { return Ok(None) };
    if deleted || organization.customer.is_some() {
        return Ok(Some(organization));
    }
    sqlx::query("UPDATE organizations SET stripe_customer_id = $2 WHERE id = $1")
        .bind(&id.0)
        .bind(customer)
        .execute(connection)
        .await?;
    Ok(Some(Organization { customer: Some(customer.to_owned()), ..organization }))
}

/// Keeps others from linking or deleting a customer until the transaction ends. Says whether it was deleted.
async fn hold(connection: &mut AnyConnection, customer: &str) -> Result<bool, Error> {
    let deleted_at: Option<i64> = sqlx::query_scalar(
        "INSERT INTO customers (id) VALUES ($1)
         ON CONFLICT (id) DO UPDATE SET deleted_at = customers.deleted_at RETURNING deleted_at",
    )
    .bind(customer)
    .fetch_one(connection)
    .await?;
    Ok(deleted_at.is_some())
}

/// Ends what hung on a customer. A paid period does not outlive it: there is nobody left whom it was sold to.
async fn end_all(
    connection: &mut AnyConnection,
    organization: &OrganizationId,
    customer: &str,
    moment: Moment,
) -> Result<(), Error> {
    sqlx::query(
        "UPDATE subscriptions SET status = 'canceled', ended_at = COALESCE(ended_at, $3), version = version + 1,
             period_end = CASE WHEN period_end > $3 THEN $3 ELSE period_end END
         WHERE organization_id = $1 AND customer_id = $2",
    )
    .bind(&organization.0)
    .bind(customer)
    .bind(moment.now.0)
    .execute(&mut *connection)
    .await?;
    for sql in [
        "UPDATE organizations SET stripe_customer_id = NULL, payment_method = NULL WHERE id = $1",
        "UPDATE checkouts SET status = 'expired' WHERE organization_id = $1 AND status = 'open'",
    ] {
        sqlx::query(sql).bind(&organization.0).execute(&mut *connection).await?;
    }
    Ok(())
}
