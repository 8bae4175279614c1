//! Disputes of payments, and customers that are no more: what takes a plan away from outside a subscription.

use domain::organization::OrganizationId;
use domain::time::Timestamp;

use super::accounts::{lock, lock_by_customer};
use super::audit::{self, Action, Actor};
use super::sync::{Decide, settle, touch};
use super::{Decision, Error, Moment, Store, events};

/// How a dispute stands.
#[derive(Clone, Debug)]
pub struct DisputeRow {
    /// Stripe's id.
    pub id: String,
    /// The charge that is disputed.
    pub charge: String,
    /// Stripe's word for how it stands.
    pub status: String,
    /// When it was opened.
    pub opened: Timestamp,
}

/// Words after which a dispute is over: one that says otherwise came late.
const OVER: [&str; 4] = ["won", "lost", "warning_closed", "prevented"];

impl Store {
    /// Keeps how a dispute stands and decides the tier again; the event is settled in the same transaction.
    pub async fn dispute(
        &self,
        event: &str,
        organization: &OrganizationId,
        dispute: DisputeRow,
        moment: Moment,
        decide: impl Decide,
    ) -> Result<(), Error> {
        let (event, id) = (event.to_owned(), organization.clone());
        self.write(move |connection| {
            Box::pin(async move {
                let Some(organization) = lock(connection, &id).await? else { return Ok(()) };
                let before: Option<String> =
                    sqlx::query_scalar("SELECT status FROM disputes WHERE id = $1 AND organization_id = $2")
                        .bind(&dispute.id)
                        .bind(&id.0)
                        .fetch_optional(&mut *connection)
                        .await?;
                let late = before.as_deref().is_some_and(|before| OVER.contains(&before));
                if late || before.as_deref() == Some(dispute.status.as_str()) {
                    let decision = Decision::ignored("nothing to do: what is stored is newer");
                    return events::finish(connection, &event, Some(&id), decision, moment.wall).await;
                }
                sqlx::query(
                    "INSERT INTO disputes (id, organization_id, charge_id, status, opened_at)
                     VALUES ($1, $2, $3, $4, $5) ON CONFLICT (id) DO UPDATE SET status = excluded.status",
                )
                .bind(&dispute.id)
                .bind(&id.0)
                .bind(&dispute.charge)
                .bind(&dispute.status)
                .bind(dispute.opened.0)
                .execute(&mut *connection)
                .await?;
                let actor = Actor::Event(event.clone());
                let action = Action::Dispute { dispute: dispute.id.clone(), before, after: dispute.status.clone() };
                audit::record(connection, &id, &actor, &action, moment.now).await?;
                let tier = settle(connection, &organization, &actor, moment.now, decide).await?;
                touch(connection, &id).await?;
                let decision = Decision::applied(format!("the dispute is {}; on {tier}", dispute.status));
                events::finish(connection, &event, Some(&id), decision, moment.wall).await
            })
        })
        .await
    }

    /// Whether a dispute of this payment of a customer's was lost.
    pub async fn has_lost_dispute(&self, customer: &str, charge: &str) -> Result<bool, Error> {
        let lost: i64 = sqlx::query_scalar(
            "SELECT COUNT(*) FROM organizations o JOIN disputes d ON d.organization_id = o.id
             WHERE o.stripe_customer_id = $1 AND d.charge_id = $2 AND d.status = 'lost'",
        )
        .bind(customer)
        .bind(charge)
        .fetch_one(&self.pool)
        .await?;
        Ok(lost > 0)
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
                let organization = lock_by_customer(connection, &customer).await?;
                sqlx::query("INSERT INTO deleted_customers (id, at) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING")
                    .bind(&customer)
                    .bind(moment.now.0)
                    .execute(&mut *connection)
                    .await?;
                let Some(organization) = organization else {
                    let decision = Decision::ignored("no organization of ours is this customer");
                    return events::finish(connection, &event, None, decision, moment.wall).await;
                };
                // A paid period does not outlive its customer: there is nobody left whom it was sold to.
                sqlx::query(
                    "UPDATE subscriptions SET status = 'canceled', ended_at = COALESCE(ended_at, $3),
                         period_end = CASE WHEN period_end > $3 THEN $3 ELSE period_end END
                     WHERE organization_id = $1 AND customer_id = $2",
                )
                .bind(&organization.id.0)
                .bind(&customer)
                .bind(moment.now.0)
                .execute(&mut *connection)
                .await?;
                for sql in [
                    "UPDATE organizations SET stripe_customer_id = NULL, payment_method = NULL WHERE id = $1",
                    "UPDATE checkouts SET status = 'expired' WHERE organization_id = $1 AND status = 'open'",
                ] {
                    sqlx::query(sql).bind(&organization.id.0).execute(&mut *connection).await?;
                }
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
